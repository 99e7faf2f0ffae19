//! The store on SQLite: the default of phones, where two processes of one app take turns on it.
//!
//! A directory with `lock` and the database `rows.db`, which has one table of keys and values; a key is the byte of the
//! [`Table`] and the row's key. [`Store::apply`] adds to a transaction that [`Store::barrier`] commits, because each
//! commit waits for the disk. An error closes the handle, and with it the transaction: no batch is left half applied.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row as SqlRow, params};

use super::files::{self, Disk, Lock};
use super::handle::Handle;
use super::{Direction, KeyRange, Op, Progress, Row, Store, Table, View, check_limits};
use crate::error::StoreError;

/// The database in the store's directory.
const FILE: &str = "rows.db";

/// Bytes of a page. Larger ones hold large rows without loss, but every commit writes every page that it touches:
/// 8 KiB wrote 1.35 times as much as 4 KiB, 16 KiB 1.9 times, on an engine's batches of 12 rows.
const PAGE: u64 = 4096;

/// The key of the row that counts the turns in which something was written: no table has byte 0.
const GENERATION: &[u8] = &[0];

const PUT: &str = "INSERT INTO rows (k, v) VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
const DELETE: &str = "DELETE FROM rows WHERE k = ?1";
const GET: &str = "SELECT v FROM rows WHERE k = ?1";
const FORWARD: &str = "SELECT k, v FROM rows WHERE k >= ?1 AND k < ?2 ORDER BY k LIMIT ?3";
const BACKWARD: &str = "SELECT k, v FROM rows WHERE k >= ?1 AND k < ?2 ORDER BY k DESC LIMIT ?3";

/// A store in an SQLite database.
pub struct SqliteStore {
    dir: PathBuf,
    lock_wait_ms: u64,
    handle: Handle<Session>,
}

impl SqliteStore {
    /// Opens the store in a directory, or makes it there. While another handle or process has it open, waits for
    /// `lock_wait_ms` milliseconds.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when the wait was in vain; [`StoreError::Path`] when the path cannot be a directory;
    /// [`StoreError::Corrupt`] when the database is damaged; else any [`StoreError`].
    pub fn open(dir: impl AsRef<Path>, lock_wait_ms: u64) -> Result<SqliteStore, StoreError> {
        let dir = dir.as_ref().to_path_buf();
        let handle = Handle::new(Session::open(&dir, lock_wait_ms)?);
        Ok(SqliteStore { dir, lock_wait_ms, handle })
    }
}

impl Store for SqliteStore {
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        self.handle.write(|session| {
            check_limits(batch)?;
            session.apply(batch)
        })
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        self.handle.write(Session::commit)
    }

    fn read(&self) -> Result<Box<dyn View + '_>, StoreError> {
        self.handle.read(|_| Ok(()))?;
        Ok(Box::new(SqliteView(self)))
    }

    fn suspend(&mut self) -> Result<(), StoreError> {
        self.barrier()?;
        let session = self.handle.take()?;
        let generation = session.generation;
        session.close()?;
        self.handle.suspended(generation);
        Ok(())
    }

    fn resume(&mut self) -> Result<bool, StoreError> {
        self.handle.resume(|generation| {
            let session = Session::open(&self.dir, self.lock_wait_ms)?;
            let moved = session.generation != generation;
            Ok((session, moved))
        })
    }

    fn keyring(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.handle.read(|_| files::read_keyring(&self.dir))
    }

    fn replace_keyring(&mut self, keyring: &[u8]) -> Result<(), StoreError> {
        let dir = &self.dir;
        self.handle.write(|_| files::replace_keyring(dir, keyring, &Disk))
    }

    fn compact(&mut self, budget: u64) -> Result<Progress, StoreError> {
        self.handle.write(|session| session.compact(budget))
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.handle.read(Session::verify)
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.handle.read(|_| files::bytes_below(&self.dir))
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        let (dir, wait) = (&self.dir, self.lock_wait_ms);
        self.handle.destroy(|session| {
            let lock = session.map_or_else(|| Lock::acquire(dir, wait), |session| Ok(session.abandon()))?;
            files::destroy(dir, lock, &Disk)
        })
    }
}

struct SqliteView<'a>(&'a SqliteStore);

impl View for SqliteView<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.handle.read(|session| session.get(&full_key(table, key)))
    }

    fn scan(
        &self,
        table: Table,
        range: KeyRange<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.0.handle.read(|session| session.scan(table, range, direction, limit))
    }
}

/// One turn on the database: from opening to closing.
struct Session {
    // Fields fall in this order: the database is closed before another process may open it.
    connection: Connection,
    lock: Lock,
    /// As in the database, or one more when this turn has written.
    generation: u64,
    /// Whether this turn has counted itself in the database.
    counted: bool,
    /// Whether a transaction is open.
    writing: bool,
}

impl Session {
    fn open(dir: &Path, lock_wait_ms: u64) -> Result<Session, StoreError> {
        let lock = Lock::acquire(dir, lock_wait_ms)?;
        let connection = connect(&dir.join(FILE)).map_err(sqlite_error)?;
        let mut session = Session { connection, lock, generation: 0, counted: false, writing: false };
        let stored = session.get(GENERATION)?.unwrap_or_else(|| vec![0; 8]);
        let bytes = stored.try_into().map_err(|_| StoreError::Corrupt("generation"))?;
        session.generation = u64::from_be_bytes(bytes);
        Ok(session)
    }

    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        self.run(|session| {
            session.begin()?;
            let mut put = session.connection.prepare_cached(PUT)?;
            let mut delete = session.connection.prepare_cached(DELETE)?;
            for op in batch {
                let key = full_key(op.table, &op.key);
                match &op.value {
                    Some(value) => put.execute(params![key, value])?,
                    None => delete.execute(params![key])?,
                };
            }
            Ok(())
        })
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if !self.writing {
            return Ok(());
        }
        self.run(|session| {
            session.connection.prepare_cached("COMMIT")?.execute([])?;
            session.writing = false;
            Ok(())
        })
    }

    /// Opens a transaction if none is, and counts this turn in the first.
    fn begin(&mut self) -> rusqlite::Result<()> {
        if self.writing {
            return Ok(());
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.writing = true;
        if !self.counted {
            self.generation += 1;
            let generation = self.generation.to_be_bytes();
            self.connection.prepare_cached(PUT)?.execute(params![GENERATION, generation.as_slice()])?;
            self.counted = true;
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = |connection: &Connection| {
            connection.prepare_cached(GET)?.query_row(params![key], |row| row.get(0)).optional()
        };
        value(&self.connection).map_err(sqlite_error)
    }

    fn scan(
        &self,
        table: Table,
        range: KeyRange<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let from = full_key(table, range.from);
        let to = if range.to.is_empty() { vec![table.byte() + 1] } else { full_key(table, range.to) };
        let sql = match direction {
            Direction::Forward => FORWARD,
            Direction::Backward => BACKWARD,
        };
        let rows = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let found = statement.query_map(params![from, to, i64::try_from(limit).unwrap_or(i64::MAX)], open_row)?;
            found.collect::<rusqlite::Result<Vec<Row>>>()
        };
        rows().map_err(sqlite_error)
    }

    /// Gives free pages at the end of the file back, after moving used ones from there into free ones.
    fn compact(&mut self, budget: u64) -> Result<Progress, StoreError> {
        self.commit()?;
        self.run(|session| {
            let pages = (budget / PAGE).max(1);
            let mut vacuum = session.connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut freed = vacuum.query([])?;
            while freed.next()?.is_some() {}
            let free: i64 = session.connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
            if free > 0 {
                return Ok(Progress::More);
            }
            session.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(Progress::Done)
        })
    }

    fn verify(&self) -> Result<(), StoreError> {
        let answer = self.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
        if answer.map_err(sqlite_error)? == "ok" { Ok(()) } else { Err(StoreError::Corrupt("database")) }
    }

    /// Closes the database, which folds the write-ahead log into it; the lock is still held.
    fn close(self) -> Result<Lock, StoreError> {
        self.connection.close().map_err(|(_, error)| sqlite_error(error))?;
        Ok(self.lock)
    }

    /// Closes the database of a store that nobody needs any more: whether that works does not matter.
    fn abandon(self) -> Lock {
        drop(self.connection);
        self.lock
    }

    fn run<T>(&mut self, work: impl FnOnce(&mut Session) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(self).map_err(sqlite_error)
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(&format!(
        // Before the first table.
        "PRAGMA page_size = {PAGE};
         PRAGMA auto_vacuum = INCREMENTAL;
         -- We have our own lock: no shared memory file, and no lock of SQLite's per transaction.
         PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA journal_mode = WAL;
         -- A commit is durable when it returns; on Apple only so.
         PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA secure_delete = ON;
         PRAGMA cache_size = -8192;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         CREATE TABLE IF NOT EXISTS rows (k BLOB PRIMARY KEY NOT NULL, v BLOB NOT NULL) WITHOUT ROWID, STRICT;"
    ))?;
    Ok(connection)
}

/// `table (1) · key`.
fn full_key(table: Table, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + key.len());
    out.push(table.byte());
    out.extend_from_slice(key);
    out
}

/// A row as it was put, without the table's byte.
fn open_row(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let mut key: Vec<u8> = row.get(0)?;
    key.remove(0);
    Ok((key, row.get(1)?))
}

/// What a failure of SQLite means. Its own words can hold paths.
fn sqlite_error(error: rusqlite::Error) -> StoreError {
    let Some(failure) = error.sqlite_error() else { return StoreError::Corrupt("row of the database") };
    match failure.code {
        ErrorCode::DiskFull => StoreError::Full,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Locked,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt("database"),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly => StoreError::Path("not writable"),
        _ => StoreError::Io(format!("sqlite code {}", failure.extended_code)),
    }
}

#[cfg(test)]
mod tests;
