//! Where a relay keeps its rows. Stores know nothing of what rows mean; the logic is the same on all.

mod memory;
#[cfg(feature = "server")]
mod sqlite;
mod table;

pub use memory::MemoryStore;
#[cfg(feature = "server")]
pub use sqlite::SqliteStore;
pub use table::Table;

/// What can go wrong. Any error but [`StoreError::NotAtHand`] closes the store: the relay stops, and starts afresh from
/// what is durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operating system or the database failed.
    #[error("the relay's store failed: {0}")]
    Io(String),
    /// A row is not what the relay wrote.
    #[error("the relay's store is damaged ({0})")]
    Corrupt(&'static str),
    /// The store was written by a newer relay.
    #[error("the relay's store has schema {0}, this relay is older: update it")]
    NewerSchema(u32),
    /// Only of a store that holds a part of the rows: it has noted which ones are missing. Nothing of the input has
    /// happened; fetch them, and run it again.
    #[error("rows that the relay needs are not at hand")]
    NotAtHand,
    /// Closed by an earlier failure.
    #[error("the relay's store is closed by an earlier failure")]
    Closed,
}

/// A change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// The new value; `None` deletes the row.
    pub value: Option<Vec<u8>>,
}

/// Key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// A sorted map per [`Table`], by keys bytewise.
pub trait RelayStore: Send {
    /// The value of a row.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The first `limit` rows with `from <= key < to`; an empty `to` means up to the table's end.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, StoreError>;

    /// Applies a batch, all or nothing. Visible at once, durable after the next [`RelayStore::barrier`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError>;

    /// Bytes that the rows take, as far as the store knows; 0 when it does not.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn size(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// Makes everything applied durable, against power loss as well.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn barrier(&mut self) -> Result<(), StoreError>;
}

/// The smallest key that no key with this prefix reaches; empty when there is none.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(table: Table, key: &[u8], value: &[u8]) -> Op {
        Op { table, key: key.to_vec(), value: Some(value.to_vec()) }
    }

    /// What holds of every store.
    fn conforms(store: &mut dyn RelayStore) {
        let batch = [put(Table::Mailbox, b"a1", b"1"), put(Table::Mailbox, b"b1", b"2"), put(Table::Tag, b"a1", b"3")];
        store.apply(&batch).unwrap();
        store.apply(&[put(Table::Mailbox, b"a2", b"4"), put(Table::Mailbox, b"a1", b"5")]).unwrap();
        store.barrier().unwrap();
        assert_eq!(store.get(Table::Mailbox, b"a1").unwrap(), Some(b"5".to_vec()));
        assert_eq!(store.get(Table::Slot, b"a1").unwrap(), None);
        let rows = store.scan(Table::Mailbox, b"a", &after(b"a"), 9).unwrap();
        assert_eq!(rows, [(b"a1".to_vec(), b"5".to_vec()), (b"a2".to_vec(), b"4".to_vec())]);
        assert_eq!(store.scan(Table::Mailbox, b"a2", b"", 9).unwrap().len(), 2);
        assert_eq!(store.scan(Table::Mailbox, b"", b"", 1).unwrap().len(), 1);
        store.apply(&[Op { table: Table::Mailbox, key: b"a1".to_vec(), value: None }]).unwrap();
        assert_eq!(store.get(Table::Mailbox, b"a1").unwrap(), None);
        let before = store.size().unwrap();
        store.apply(&[put(Table::Mailbox, b"c1", &[7; 100_000])]).unwrap();
        assert!(store.size().unwrap() >= before + 100_000);
        store.apply(&[Op { table: Table::Mailbox, key: b"c1".to_vec(), value: None }]).unwrap();
        assert!(store.size().unwrap() < before + 100_000);
    }

    #[test]
    fn memory_conforms() {
        conforms(&mut MemoryStore::default());
    }

    #[cfg(feature = "server")]
    #[test]
    fn sqlite_conforms_and_keeps_what_was_behind_a_barrier() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.sqlite");
        conforms(&mut SqliteStore::open(&path).unwrap());
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.get(Table::Mailbox, b"b1").unwrap(), Some(b"2".to_vec()));
    }

    #[test]
    fn a_crash_forgets_what_no_barrier_covered() {
        let mut store = MemoryStore::default();
        store.apply(&[put(Table::Tag, b"old", b"1")]).unwrap();
        store.barrier().unwrap();
        store.apply(&[put(Table::Tag, b"old", b"2"), put(Table::Tag, b"new", b"2")]).unwrap();
        store.crash();
        assert_eq!(store.get(Table::Tag, b"old").unwrap(), Some(b"1".to_vec()));
        assert_eq!(store.get(Table::Tag, b"new").unwrap(), None);
    }

    #[test]
    fn after_is_the_end_of_a_prefix() {
        assert_eq!(after(b"ab"), b"ac");
        assert_eq!(after(&[1, 255]), [2]);
        assert!(after(&[255, 255]).is_empty());
    }
}
