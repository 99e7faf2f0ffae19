//! Rows that are read and written together, under one version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::place::{Bucket, Name};
use crate::store::StoreError;

/// Rows of one cell, by inner keys.
pub(super) type Rows = BTreeMap<ByteBuf, ByteBuf>;

/// A cell as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cell {
    /// How often it was written. 0: never.
    pub(super) version: u64,
    /// Who wrote it: a random number, or the bundle that did.
    pub(super) by: ByteBuf,
    /// What is in it.
    pub(super) rows: Rows,
}

/// The next version of a cell: for whoever comes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Write {
    bucket: u8,
    key: String,
    /// What it is to be.
    pub(super) cell: Cell,
}

/// A change of rows, whatever else changes in their cell meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Merge {
    bucket: u8,
    key: String,
    /// Rows, and what they become; `None` takes a row out.
    pub(super) rows: BTreeMap<ByteBuf, Option<ByteBuf>>,
}

impl Cell {
    pub(super) fn decode(bytes: &[u8]) -> Result<Cell, StoreError> {
        rmp_serde::from_slice(bytes).map_err(|_| StoreError::Corrupt("cell"))
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        rmp_serde::to_vec(self).map_err(|_| StoreError::Corrupt("encode"))
    }

    /// What it becomes when these rows are in it.
    pub(super) fn next(&self, by: &[u8], rows: Rows) -> Cell {
        Cell { version: self.version + 1, by: ByteBuf::from(by), rows }
    }
}

impl Write {
    pub(super) fn new(name: &Name, cell: Cell) -> Write {
        Write { bucket: name.bucket as u8, key: name.key.clone(), cell }
    }

    pub(super) fn name(&self) -> Result<Name, StoreError> {
        name(self.bucket, &self.key)
    }
}

impl Merge {
    /// What changed from one state of a cell to another.
    pub(super) fn between(at: &Name, before: &Rows, after: &Rows) -> Merge {
        let mut rows = BTreeMap::new();
        for (key, value) in after {
            if before.get(key) != Some(value) {
                rows.insert(key.clone(), Some(value.clone()));
            }
        }
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            rows.insert(key.clone(), None);
        }
        Merge { bucket: at.bucket as u8, key: at.key.clone(), rows }
    }

    pub(super) fn name(&self) -> Result<Name, StoreError> {
        name(self.bucket, &self.key)
    }

    /// The rows with the change made.
    pub(super) fn applied(&self, before: &Rows) -> Rows {
        let mut rows = before.clone();
        for (key, value) in &self.rows {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        rows
    }
}

fn name(bucket: u8, key: &str) -> Result<Name, StoreError> {
    let bucket = Bucket::from_number(bucket).ok_or(StoreError::Corrupt("bucket"))?;
    Ok(Name { bucket, key: key.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_changes_what_changed_and_nothing_else() {
        let rows = |pairs: &[(u8, u8)]| -> Rows {
            pairs.iter().map(|(key, value)| (ByteBuf::from(vec![*key]), ByteBuf::from(vec![*value]))).collect()
        };
        let at = Name { bucket: Bucket::Tags, key: "t.00".into() };
        let merge = Merge::between(&at, &rows(&[(1, 1), (2, 2)]), &rows(&[(2, 3), (4, 4)]));
        assert_eq!(merge.applied(&rows(&[(1, 1), (2, 2), (9, 9)])), rows(&[(2, 3), (4, 4), (9, 9)]));
        assert_eq!(merge.name().unwrap(), at);
    }
}
