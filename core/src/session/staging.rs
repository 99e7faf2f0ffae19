//! Rows that are written later or never.

use core::cell::RefCell;
use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::pages::MlsRows;
use crate::error::Error;

/// Writes over other rows, kept apart until [`Changes::apply`].
pub(crate) struct Staging<'a> {
    rows: &'a dyn MlsRows,
    changes: RefCell<Changes>,
}

/// What was written.
#[derive(Default)]
pub(crate) struct Changes(BTreeMap<Vec<u8>, Option<Zeroizing<Vec<u8>>>>);

impl<'a> Staging<'a> {
    pub(crate) fn new(rows: &'a dyn MlsRows) -> Staging<'a> {
        Staging { rows, changes: RefCell::default() }
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.changes.into_inner()
    }
}

impl Changes {
    /// Writes them for good.
    pub(crate) fn apply(self, rows: &dyn MlsRows) {
        for (key, value) in self.0 {
            match value {
                Some(value) => rows.put(&key, value),
                None => rows.delete(&key),
            }
        }
    }
}

impl MlsRows for Staging<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match self.changes.borrow().0.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.rows.get(key),
        }
    }

    fn put(&self, key: &[u8], value: Zeroizing<Vec<u8>>) {
        self.changes.borrow_mut().0.insert(key.to_vec(), Some(value));
    }

    fn delete(&self, key: &[u8]) {
        self.changes.borrow_mut().0.insert(key.to_vec(), None);
    }
}
