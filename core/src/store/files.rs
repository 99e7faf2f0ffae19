//! What engines of storage that keep files share: their directory, its lock, and what errors mean.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use crate::error::StoreError;

/// The file that whoever has the store open holds locked.
const LOCK: &str = "lock";
/// The keys of generations, beside the rows.
const KEYRING: &str = "keyring";
const NEXT_KEYRING: &str = "keyring.next";
/// Says that the store was destroyed: whoever takes the lock next removes what is left of it.
const DESTROYED: &str = "destroyed";
/// How long to wait between two tries of a lock.
const PATIENCE: u64 = 5;

/// The lock of a store's directory, held until dropped. One handle at a time has it, in this process or another.
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of a directory, and makes the directory when it is missing. Tries for about `wait_ms`. A store
    /// that was being destroyed is removed to the end first.
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
        if !is_same(&file, &path) {
            return Err(StoreError::Locked);
        }
        let lock = Lock { file };
        if dir.join(DESTROYED).try_exists().map_err(|error| io_error(&error))? {
            clear(dir, &Disk)?;
        }
        Ok(lock)
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
pub(super) trait Syncs: Send + Sync {
    /// What was written to an open file, so that it can be read again.
    fn data(&self, file: &File, path: &Path) -> Result<(), StoreError>;

    /// The names in a directory.
    fn names(&self, dir: &Path) -> Result<(), StoreError>;
}

/// The operating system's disk.
pub(super) struct Disk;

impl Syncs for Disk {
    fn data(&self, file: &File, _: &Path) -> Result<(), StoreError> {
        file.sync_data().map_err(|error| io_error(&error))
    }

    fn names(&self, dir: &Path) -> Result<(), StoreError> {
        sync_dir(dir)
    }
}

/// The keyring in a store's directory; `None` when there is none yet.
pub(super) fn read_keyring(dir: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(dir.join(KEYRING)) {
        Ok(keyring) => Ok(Some(keyring)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(&error)),
    }
}

/// Puts another keyring in the place of the one that is there, whole and durable when this returns.
pub(super) fn replace_keyring(dir: &Path, keyring: &[u8], syncs: &dyn Syncs) -> Result<(), StoreError> {
    replace(dir, KEYRING, NEXT_KEYRING, keyring, syncs)
}

/// Puts a file in the place of another, by way of a third name.
pub(super) fn replace(dir: &Path, name: &str, next: &str, bytes: &[u8], syncs: &dyn Syncs) -> Result<(), StoreError> {
    let next = dir.join(next);
    let mut file = File::create(&next).map_err(|error| io_error(&error))?;
    file.write_all(bytes).map_err(|error| io_error(&error))?;
    syncs.data(&file, &next)?;
    fs::rename(&next, dir.join(name)).map_err(|error| io_error(&error))?;
    syncs.names(dir)
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

/// Destroys the store in a directory whose lock the caller holds, and removes the directory. Cut short after the first
/// step, it is brought to its end by whoever takes the lock next: there is never a part of a store.
pub(super) fn destroy(dir: &Path, lock: Lock, syncs: &dyn Syncs) -> Result<(), StoreError> {
    condemn(dir, syncs)?;
    clear(dir, syncs)?;
    fs::remove_file(dir.join(LOCK)).map_err(|error| io_error(&error))?;
    drop(lock);
    // It stays when somebody else has just begun to use it.
    let _ = fs::remove_dir(dir);
    Ok(())
}

/// Writes down, durably, that nothing in the directory counts any more.
pub(super) fn condemn(dir: &Path, syncs: &dyn Syncs) -> Result<(), StoreError> {
    let path = dir.join(DESTROYED);
    let file = File::create(&path).map_err(|error| io_error(&error))?;
    syncs.data(&file, &path)?;
    syncs.names(dir)
}

/// Removes everything but the lock; what says that this is to be done goes when all else is gone for good.
fn clear(dir: &Path, syncs: &dyn Syncs) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(|error| io_error(&error))? {
        let path = entry.map_err(|error| io_error(&error))?.path();
        if path.file_name().is_some_and(|name| name != LOCK && name != DESTROYED) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| io_error(&error))?;
        }
    }
    syncs.names(dir)?;
    fs::remove_file(dir.join(DESTROYED)).map_err(|error| io_error(&error))?;
    syncs.names(dir)
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

#[cfg(test)]
pub(super) mod tests {
    //! R38.

    use std::cell::Cell;

    use super::*;
    use crate::store::conformance::{Open, copy_all, day, dump};

    /// Whatever was removed when the destruction of a store was cut short: it opens empty, and no byte of it is left.
    pub(in crate::store) fn a_condemned_store_opens_empty(open: Open<'_>) {
        let dir = tempfile::tempdir().unwrap();
        let (path, empty) = (dir.path().join("store"), dir.path().join("empty"));
        let mut store = open(&path).unwrap();
        for batch in day(21, 30) {
            store.apply(&batch).unwrap();
        }
        store.barrier().unwrap();
        drop(open(&empty).unwrap());
        let files = |dir: &Path| names(dir).into_iter().filter(|name| name != LOCK).collect::<Vec<_>>();
        let parts = files(&path);
        assert!(!parts.is_empty());
        for gone in 0..1_usize << parts.len() {
            let copy = dir.path().join(format!("copy {gone}"));
            copy_all(&path, &copy);
            condemn(&copy, &Disk).unwrap();
            for (_, part) in parts.iter().enumerate().filter(|(bit, _)| gone >> bit & 1 == 1) {
                let part = copy.join(part);
                let removed = if part.is_dir() { fs::remove_dir_all(part) } else { fs::remove_file(part) };
                removed.unwrap();
            }
            let store = open(&copy).unwrap();
            assert!(dump(&*store).unwrap().is_empty(), "{gone:b} of {parts:?} gone");
            drop(store);
            assert_eq!(files(&copy), files(&empty), "{gone:b} of {parts:?} gone");
            assert!(bytes_below(&copy).unwrap() <= bytes_below(&empty).unwrap(), "{gone:b} of {parts:?} gone");
        }
    }

    /// A disk that fails at the n-th sync.
    struct Failing(std::sync::Mutex<Cell<usize>>);

    impl Failing {
        fn at(sync: usize) -> Failing {
            Failing(std::sync::Mutex::new(Cell::new(sync)))
        }

        fn sync(&self) -> Result<(), StoreError> {
            let left = self.0.lock().unwrap();
            left.set(left.get().wrapping_sub(1));
            if left.get() == usize::MAX { Err(StoreError::Io("injected".into())) } else { Ok(()) }
        }
    }

    impl Syncs for Failing {
        fn data(&self, _: &File, _: &Path) -> Result<(), StoreError> {
            self.sync()
        }

        fn names(&self, _: &Path) -> Result<(), StoreError> {
            self.sync()
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn filled(dir: &Path) -> Lock {
        let lock = Lock::acquire(dir, 0).unwrap();
        fs::create_dir(dir.join("rows")).unwrap();
        fs::write(dir.join("rows/db"), b"a row").unwrap();
        fs::write(dir.join("current"), b"rows").unwrap();
        lock
    }

    #[test]
    fn a_store_whose_destruction_was_cut_short_is_whole_and_condemned_or_gone() {
        let whole = ["current", DESTROYED, LOCK, "rows"];
        for (sync, left) in [(0, &whole[..]), (1, &whole[..]), (2, &[DESTROYED, LOCK]), (3, &[LOCK])] {
            let dir = tempfile::tempdir().unwrap();
            let lock = filled(dir.path());
            assert!(destroy(dir.path(), lock, &Failing::at(sync)).is_err());
            assert_eq!(names(dir.path()), left, "sync {sync} fails");
            drop(Lock::acquire(dir.path(), 0).unwrap());
            assert_eq!(names(dir.path()), [LOCK], "sync {sync} fails");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        destroy(&path, filled(&path), &Failing::at(4)).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_store_that_is_not_condemned_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        drop(filled(dir.path()));
        drop(Lock::acquire(dir.path(), 0).unwrap());
        assert_eq!(names(dir.path()), ["current", LOCK, "rows"]);
    }
}
