//! What engines of storage that keep files share: their directory, its lock, and what errors mean.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use crate::error::StoreError;

/// The file that whoever has the store open holds locked.
const LOCK: &str = "lock";
/// How long to wait between two tries of a lock.
const PATIENCE: u64 = 5;

/// The lock of a store's directory, held until dropped. One handle at a time has it, in this process or another.
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of a directory, and makes the directory when it is missing. Tries for about `wait_ms`.
    pub(super) fn acquire(dir: &Path, wait_ms: u64) -> Result<Lock, StoreError> {
        let mut waited = 0;
        loop {
            match Lock::try_acquire(dir) {
                Err(StoreError::Locked) if waited < wait_ms => {
                    pause(PATIENCE.min(wait_ms - waited));
                    waited += PATIENCE;
                }
                result => return result,
            }
        }
    }

    fn try_acquire(dir: &Path) -> Result<Lock, StoreError> {
        make_dir(dir)?;
        let path = dir.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(path_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked),
            Err(TryLockError::Error(error)) => return Err(io_error(&error)),
        }
        // Whoever destroyed the store while we opened the file has left us the lock of nothing.
        if is_same(&file, &path) { Ok(Lock { file }) } else { Err(StoreError::Locked) }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file unlocks it as well; a duplicate in a child process would not notice that.
        let _ = self.file.unlock();
    }
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    matches!((file.metadata().map(place), fs::metadata(path).map(place)), (Ok(ours), Ok(theirs)) if ours == theirs)
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_same(_: &File, _: &Path) -> bool {
    true
}

/// Makes a directory and its parents, each durable in the one above.
fn make_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_dir(parent)?;
    }
    match fs::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => {}
        Err(error) => return Err(path_error(error)),
    }
    sync_dir(parent.unwrap_or(Path::new(".")))
}

/// Makes files and names durable. Tests put something in its place that remembers what was made so.
#[cfg(feature = "sled")]
pub(super) trait Syncs: Send + Sync {
    /// What was written to an open file, so that it can be read again.
    fn data(&self, file: &File, path: &Path) -> Result<(), StoreError>;

    /// The names in a directory.
    fn names(&self, dir: &Path) -> Result<(), StoreError>;
}

/// The operating system's disk.
#[cfg(feature = "sled")]
pub(super) struct Disk;

#[cfg(feature = "sled")]
impl Syncs for Disk {
    fn data(&self, file: &File, _: &Path) -> Result<(), StoreError> {
        file.sync_data().map_err(|error| io_error(&error))
    }

    fn names(&self, dir: &Path) -> Result<(), StoreError> {
        sync_dir(dir)
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    // Windows opens no directories, and needs no sync for their names.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| io_error(&error))
}

/// Bytes of all files below a directory.
pub(super) fn bytes_below(dir: &Path) -> Result<u64, StoreError> {
    let mut sum = 0;
    for entry in fs::read_dir(dir).map_err(|error| io_error(&error))? {
        let found = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)));
        sum += match found {
            Ok((path, about)) if about.is_dir() => bytes_below(&path)?,
            Ok((_, about)) => about.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(io_error(&error)),
        };
    }
    Ok(sum)
}

/// Removes a store's directory, last the lock, which the caller holds.
pub(super) fn remove_all(dir: &Path, lock: Lock) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(|error| io_error(&error))? {
        let path = entry.map_err(|error| io_error(&error))?.path();
        if path.file_name().is_some_and(|name| name != LOCK) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| io_error(&error))?;
        }
    }
    fs::remove_file(dir.join(LOCK)).map_err(|error| io_error(&error))?;
    drop(lock);
    // It stays when somebody else has just begun to use it.
    let _ = fs::remove_dir(dir);
    Ok(())
}

/// What a failure to make or open something at the host's path means.
fn path_error(error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
            StoreError::Path("not a directory")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::Path("not writable"),
        ErrorKind::NotFound | ErrorKind::InvalidInput | ErrorKind::InvalidFilename => StoreError::Path("not a path"),
        _ => io_error(&error),
    }
}

/// What another failure of the operating system means.
pub(super) fn io_error(error: &io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::Full,
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => StoreError::Corrupt("file"),
        kind => StoreError::Io(kind.to_string()),
    }
}

#[allow(clippy::disallowed_methods, reason = "another process has the store, and will not tell us when it is done")]
pub(super) fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
