//! One input's changes: staged over the store, applied all or not at all.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use crate::store::{Op, RelayStore, Row, StoreError, Table, after};

/// Reads through to the store and keeps what is to change.
pub(crate) struct Tx<'s> {
    store: &'s dyn RelayStore,
    staged: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
}

impl<'s> Tx<'s> {
    pub(super) fn new(store: &'s dyn RelayStore) -> Tx<'s> {
        Tx { store, staged: BTreeMap::new() }
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.staged.get(&(table, key.to_vec())) {
            Some(value) => Ok(value.clone()),
            None => self.store.get(table, key),
        }
    }

    pub(super) fn contains(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        self.get(table, key).map(|value| value.is_some())
    }

    /// The first `limit` rows whose keys start with `prefix` and are not before `from`.
    pub(super) fn scan(&self, table: Table, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let (from, end) = (from.max(prefix), after(prefix));
        self.scan_range(table, from, &end, limit)
    }

    /// The first `limit` rows with `from <= key < to`; an empty `to` means up to the table's end.
    pub(super) fn scan_range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let staged: Vec<_> = self
            .staged
            .range((table, from.to_vec())..)
            .take_while(|((t, key), _)| *t == table && (to.is_empty() || key.as_slice() < to))
            .collect();
        let stored = self.store.scan(table, from, to, limit.saturating_add(staged.len()))?;
        if staged.is_empty() {
            return Ok(stored);
        }
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = stored.into_iter().collect();
        for ((_, key), value) in staged {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    pub(super) fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.staged.insert((table, key), Some(value));
    }

    pub(super) fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.staged.insert((table, key), None);
    }

    /// A row that holds a value in MessagePack.
    pub(super) fn read<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get(table, key)?.map(|bytes| decode(&bytes)).transpose()
    }

    pub(super) fn write<T: Serialize>(&mut self, table: Table, key: Vec<u8>, value: &T) -> Result<(), StoreError> {
        let bytes = rmp_serde::to_vec(value).map_err(|_| StoreError::Corrupt("encode"))?;
        self.put(table, key, bytes);
        Ok(())
    }

    /// The batch to apply.
    pub(super) fn into_batch(self) -> Vec<Op> {
        self.staged.into_iter().map(|((table, key), value)| Op { table, key, value }).collect()
    }
}

/// Reads a row that this relay wrote.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(|_| StoreError::Corrupt("row"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn scans_see_what_is_staged() {
        let mut store = MemoryStore::default();
        let put = |key: &[u8]| Op { table: Table::Tag, key: key.to_vec(), value: Some(vec![0]) };
        store.apply(&[put(b"a1"), put(b"a3"), put(b"b")]).unwrap();
        let mut tx = Tx::new(&store);
        tx.put(Table::Tag, b"a2".to_vec(), vec![1]);
        tx.delete(Table::Tag, b"a1".to_vec());
        let keys = |limit| {
            let rows = tx.scan(Table::Tag, b"a", b"", limit).unwrap();
            rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys(9), [b"a2".to_vec(), b"a3".to_vec()]);
        assert_eq!(keys(1), [b"a2".to_vec()]);
    }
}
