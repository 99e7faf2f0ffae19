//! One sled database, with what it needs to be safe around it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use ::sled::{Batch, Config, Db, Error, Mode};

use super::Settings;
use crate::error::StoreError;
use crate::store::files::{Syncs, io_error, pause};
use crate::store::{Direction, Row};

/// The file that holds sled's log.
const LOG: &str = "db";
/// The directory of values that sled does not make durable. Rows within the limits never come there.
const BLOBS: &str = "blobs";
/// How long sled's own lock may outlive a database that was closed, in tries of some milliseconds.
const RELEASE_TRIES: u32 = 1_000;

/// A sled database. Keys are whole: the table's byte first.
pub(super) struct Tree {
    /// `None` only while it is dropped.
    db: Option<Db>,
    /// Our own handle to the log.
    log: File,
    dir: PathBuf,
    settings: Settings,
    /// How far the log is durable: sled's number of the last byte before the next one.
    synced: AtomicI64,
    /// Whether it was read since the last flush.
    read: AtomicBool,
}

impl Tree {
    /// Opens the database in a directory, or makes it there.
    pub(super) fn open(dir: &Path, settings: &Settings) -> Result<Tree, StoreError> {
        if settings.clear_leftovers {
            clear_leftovers(dir)?;
        }
        if settings.sync_opened {
            // As a killed process left it: opening, sled overwrites what its end makes needless.
            sync_if_there(&dir.join(LOG), &*settings.syncs)?;
        }
        let config = Config::new()
            .path(dir)
            .mode(Mode::LowSpace)
            .cache_capacity(settings.cache)
            .use_compression(false)
            // Durability comes from our own flushes, so nothing runs between them.
            .flush_every_ms(None);
        let db = open_db(&config, settings.catch_panics)?;
        let log = File::options().read(true).write(true).open(dir.join(LOG)).map_err(|error| io_error(&error))?;
        let synced = AtomicI64::new(written(&db));
        let tree = Tree {
            db: Some(db),
            log,
            dir: dir.to_path_buf(),
            settings: settings.clone(),
            synced,
            read: AtomicBool::new(false),
        };
        if settings.sync_opened {
            tree.sync_all()?;
        }
        Ok(tree)
    }

    /// Applies changes, to be durable at the next flush or before.
    ///
    /// All that was written before is durable then. Should the power fail, the disk may have kept later blocks of the log
    /// and not earlier ones: sled finds where one batch breaks off, since nothing within it counts as stable before its
    /// end. Behind more than that, and a segment of its log, it takes a tear for none, or the whole log for lost.
    pub(super) fn apply(&mut self, changes: Batch) -> Result<(), StoreError> {
        if self.settings.sync_batches {
            self.flush()?;
        }
        self.run(|db| db.apply_batch(changes))
    }

    /// Whether each batch is made durable before the next one.
    pub(super) fn sync_batches(&mut self, sync: bool) {
        self.settings.sync_batches = sync;
    }

    /// Makes everything applied durable. Sled's own flush starts the writing on Linux, and asks the disk for nothing.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        if self.read.swap(false, Ordering::AcqRel) {
            // A thread of sled's may have written what was read only now.
            self.settle()?;
        }
        self.run(|db| db.flush())?;
        self.sync_written()
    }

    /// Makes durable what sled has written by itself: it splits and merges its pages when they are read, outside of any
    /// batch. What waits in memory can stay there. A read writes less than a segment, so that this comes before sled can
    /// tell in the file that a segment is stable.
    fn settle(&self) -> Result<(), StoreError> {
        if self.settings.sync_batches { self.sync_written() } else { Ok(()) }
    }

    /// Makes the file durable as it is, if sled has written to it since the last time.
    fn sync_written(&self) -> Result<(), StoreError> {
        let written = self.run(|db| Ok(written(db)))?;
        if self.synced.load(Ordering::Acquire) < written {
            if self.settings.sync_flushed {
                self.settings.syncs.data(&self.log, &self.dir.join(LOG))?;
            }
            self.synced.store(written, Ordering::Release);
        }
        Ok(())
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read.store(true, Ordering::Release);
        let value = self.run(|db| db.get(key))?.map(|value| value.to_vec());
        self.settle()?;
        Ok(value)
    }

    /// Rows with `from <= key < to`; keys lose their first `skip` bytes.
    pub(super) fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
        skip: usize,
    ) -> Result<Vec<Row>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        self.read.store(true, Ordering::Release);
        let mut found = self.run(|db| Ok(db.range(from..to)))?;
        let mut next = || match direction {
            Direction::Forward => found.next().transpose(),
            Direction::Backward => found.next_back().transpose(),
        };
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some((key, value)) = self.run(|_| next())?
        {
            rows.push((key.get(skip..).unwrap_or_default().to_vec(), value.to_vec()));
            // A page is a part of a segment, many pages are more than one.
            self.settle()?;
        }
        Ok(rows)
    }

    /// Whether sled keeps values outside its log, where it does not make them durable.
    pub(super) fn has_blobs(&self) -> Result<bool, StoreError> {
        let mut entries = fs::read_dir(self.dir.join(BLOBS)).map_err(|error| io_error(&error))?;
        Ok(entries.next().is_some())
    }

    /// Makes everything durable, with all files and their names, and closes every file.
    pub(super) fn close(mut self) -> Result<(), StoreError> {
        self.flush()?;
        self.run_drop()?;
        // Sled's threads may hold the file for a moment longer.
        for _ in 0..RELEASE_TRIES {
            match self.log.try_lock() {
                Ok(()) => return self.log.unlock().map_err(|error| io_error(&error)),
                Err(fs::TryLockError::WouldBlock) => pause(2),
                Err(fs::TryLockError::Error(error)) => return Err(io_error(&error)),
            }
        }
        Err(StoreError::Io("sled does not let go of its file".into()))
    }

    /// Makes every file of the database durable, and every name: sled leaves that out when it makes them.
    pub(super) fn sync_all(&self) -> Result<(), StoreError> {
        let syncs = &self.settings.syncs;
        for entry in fs::read_dir(&self.dir).map_err(|error| io_error(&error))? {
            let path = entry.map_err(|error| io_error(&error))?.path();
            if path.is_dir() {
                syncs.names(&path)?;
                continue;
            }
            // Sled replaces its snapshots as it likes.
            sync_if_there(&path, &*self.settings.syncs)?;
        }
        syncs.names(&self.dir)?;
        self.dir.parent().map_or(Ok(()), |parent| syncs.names(parent))
    }

    fn run<T>(&self, work: impl FnOnce(&Db) -> ::sled::Result<T>) -> Result<T, StoreError> {
        let db = self.db.as_ref().ok_or(StoreError::Closed)?;
        guarded(self.settings.catch_panics, || work(db))
    }

    fn run_drop(&mut self) -> Result<(), StoreError> {
        let db = self.db.take();
        guarded(true, || {
            drop(db);
            Ok(())
        })
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // There is nobody left to tell of a failure.
        let _ = self.run_drop();
    }
}

/// How far sled has written its log to the file. Hidden in its documentation, and nothing else says so.
fn written(db: &Db) -> i64 {
    db.context.pagecache.log.stable_offset()
}

/// Makes a file durable, if it is there.
fn sync_if_there(path: &Path, syncs: &dyn Syncs) -> Result<(), StoreError> {
    match File::options().read(true).write(true).open(path) {
        Ok(file) => syncs.data(&file, path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error(&error)),
    }
}

/// Removes what an interrupted snapshot left: sled would take it for a whole one, and never open again.
fn clear_leftovers(dir: &Path) -> Result<(), StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(&error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| io_error(&error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(|error| io_error(&error))?;
        }
    }
    Ok(())
}

/// Opens, and waits for threads of a database that was just closed: nobody else can have it, as we hold the lock.
fn open_db(config: &Config, catch_panics: bool) -> Result<Db, StoreError> {
    for _ in 0..RELEASE_TRIES {
        let mut in_use = false;
        let opened = guarded(catch_panics, || {
            let opened = config.open();
            in_use =
                matches!(&opened, Err(Error::Io(error)) if error.to_string().starts_with("could not acquire lock"));
            opened
        });
        if !in_use {
            return opened;
        }
        pause(2);
    }
    Err(StoreError::Locked)
}

/// Runs what may panic: sled asserts what it reads from a damaged file.
fn guarded<T>(catch_panics: bool, work: impl FnOnce() -> ::sled::Result<T>) -> Result<T, StoreError> {
    let result = if catch_panics {
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| StoreError::Corrupt("sled panicked"))?
    } else {
        work()
    };
    result.map_err(|error| match error {
        Error::Io(error) => io_error(&error),
        Error::Corruption { .. } => StoreError::Corrupt("sled's log"),
        // A damaged configuration looks like one of another version.
        Error::Unsupported(_) => StoreError::Corrupt("sled's configuration"),
        Error::CollectionNotFound(_) | Error::ReportableBug(_) => StoreError::Corrupt("sled"),
    })
}
