//! Rows in one SQLite file: the default of a relay that runs alone.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Op, RelayStore, Row, StoreError, Table};

/// The schema that this relay writes.
const SCHEMA: u32 = 2;

/// Rows in SQLite: WAL, `synchronous=FULL`. Batches gather in one transaction, which the barrier commits.
pub struct SqliteStore {
    /// `None` after a failure.
    connection: Option<Connection>,
    in_transaction: bool,
}

impl SqliteStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be opened or another relay has it, [`StoreError::NewerSchema`].
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let connection = Connection::open(path).map_err(io)?;
        // A restart may meet the end of the run before it.
        connection.busy_timeout(std::time::Duration::from_millis(500)).map_err(io)?;
        // One relay owns the file. WAL with an exclusive lock needs no shared memory either.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(io)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(io)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(io)?;
        let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(io)?;
        if found > SCHEMA {
            return Err(StoreError::NewerSchema(found));
        }
        connection
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS row (
                     tab INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tab, key)
                 ) WITHOUT ROWID",
            )
            .map_err(io)?;
        connection.pragma_update(None, "user_version", SCHEMA).map_err(io)?;
        connection.set_prepared_statement_cache_capacity(16);
        Ok(SqliteStore { connection: Some(connection), in_transaction: false })
    }

    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or(StoreError::Closed)
    }

    /// Writes a batch into the open transaction, which it opens if need be.
    fn write(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        if !self.in_transaction {
            self.connection()?.execute_batch("BEGIN IMMEDIATE").map_err(io)?;
            self.in_transaction = true;
        }
        let connection = self.connection()?;
        let mut put = connection
            .prepare_cached("INSERT OR REPLACE INTO row (tab, key, value) VALUES (?1, ?2, ?3)")
            .map_err(io)?;
        let mut delete = connection.prepare_cached("DELETE FROM row WHERE tab = ?1 AND key = ?2").map_err(io)?;
        for op in batch {
            match &op.value {
                Some(value) => put.execute(params![op.table.number(), op.key, value]),
                None => delete.execute(params![op.table.number(), op.key]),
            }
            .map_err(io)?;
        }
        Ok(())
    }

    /// A half-written transaction must never be committed: closing the connection rolls it back.
    fn close_on_error(&mut self, result: Result<(), StoreError>) -> Result<(), StoreError> {
        if result.is_err() {
            self.connection = None;
        }
        result
    }
}

impl RelayStore for SqliteStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement =
            self.connection()?.prepare_cached("SELECT value FROM row WHERE tab = ?1 AND key = ?2").map_err(io)?;
        statement.query_row(params![table.number(), key], |row| row.get(0)).optional().map_err(io)
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        // Two statements: with an OR the index would not end the search.
        let sql = if to.is_empty() {
            "SELECT key, value FROM row WHERE tab = ?1 AND key >= ?2 AND ?3 = x'' ORDER BY key LIMIT ?4"
        } else {
            "SELECT key, value FROM row WHERE tab = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4"
        };
        let mut statement = self.connection()?.prepare_cached(sql).map_err(io)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement
            .query_map(params![table.number(), from, to, limit], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(io)?;
        rows.collect::<Result<_, _>>().map_err(io)
    }

    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        let result = self.write(batch);
        self.close_on_error(result)
    }

    /// The pages that hold something: the file itself does not shrink.
    fn size(&self) -> Result<u64, StoreError> {
        let connection = self.connection()?;
        let pragma = |name| -> Result<u64, StoreError> {
            let number: i64 = connection.pragma_query_value(None, name, |row| row.get(0)).map_err(io)?;
            Ok(number.unsigned_abs())
        };
        let used = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
        Ok(used.saturating_mul(pragma("page_size")?))
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            return self.connection().map(drop);
        }
        self.in_transaction = false;
        let result = self.connection().and_then(|connection| connection.execute_batch("COMMIT").map_err(io));
        self.close_on_error(result)
    }
}

/// SQLite's message names no row's content.
fn io(error: rusqlite::Error) -> StoreError {
    StoreError::Io(error.to_string())
}
