//! Rows in memory, for simulations and tests.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Op, RelayStore, Row, StoreError, Table};

type Place = (Table, Vec<u8>);

/// Rows in memory. Remembers what a crash would undo.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MemoryStore {
    rows: BTreeMap<Place, Vec<u8>>,
    /// What the rows changed since the last barrier were before, newest last.
    undo: Vec<(Place, Option<Vec<u8>>)>,
    /// Bytes of all keys and values.
    bytes: usize,
}

impl MemoryStore {
    /// Loses power: what no barrier covered is gone.
    pub fn crash(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            self.set(key, before);
        }
    }

    /// Makes a row what it is to be; what it was.
    fn set(&mut self, key: Place, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let length = key.1.len();
        self.bytes += value.as_ref().map_or(0, |value| length + value.len());
        let before = match value {
            Some(value) => self.rows.insert(key, value),
            None => self.rows.remove(&key),
        };
        self.bytes -= before.as_ref().map_or(0, |before| length + before.len());
        before
    }

    /// How many rows a table has.
    pub fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|(t, _)| *t == table).count()
    }
}

impl RelayStore for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let start = Bound::Included((table, from.to_vec()));
        Ok(self
            .rows
            .range((start, Bound::Unbounded))
            .take_while(|((t, key), _)| *t == table && (to.is_empty() || key.as_slice() < to))
            .take(limit)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        for op in batch {
            let key = (op.table, op.key.clone());
            let before = self.set(key.clone(), op.value.clone());
            self.undo.push((key, before));
        }
        Ok(())
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.bytes as u64)
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        self.undo.clear();
        Ok(())
    }
}
