//! Tables that are summed in parts: rows whose keys begin with the same 8 bytes have a sum of their own, in a row of
//! [`Table::Sums`]. Those rows are checked whenever the store is opened; what they stand for is checked when the first row
//! of a part is asked for or changed. So a start need not read the keys of every session, and none is used unchecked.

use std::collections::BTreeMap;

use super::Vault;
use super::check::{MISSING, for_each_row};
use super::sums::{Mark, Sum};
use crate::error::StoreError;
use crate::store::{Table, View};

/// What the keys of a part begin with.
pub(super) type Part = [u8; 8];

/// Parts that were checked since the store was opened or resumed.
#[derive(Default)]
pub(super) struct Parts(BTreeMap<Part, Known>);

/// A part that is as it was written.
#[derive(Default)]
pub(super) struct Known {
    pub sum: Sum,
    /// The row of its sum, as the sums see it; `None` while there is none.
    pub stored: Option<Mark>,
}

impl Parts {
    pub(super) fn get_mut(&mut self, part: Part) -> Result<&mut Known, StoreError> {
        self.0.get_mut(&part).ok_or(StoreError::Corrupt("part was not checked"))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The part that a row belongs to; `None` in a table that is summed as a whole.
pub(super) fn part_of(table: Table, key: &[u8]) -> Result<Option<Part>, StoreError> {
    if !table.is_summed_in_parts() {
        return Ok(None);
    }
    key.first_chunk().copied().map(Some).ok_or(StoreError::Limit("key"))
}

impl Vault {
    /// Checks the part that a row belongs to, if there is one that was not checked yet.
    pub(super) fn check_part(&self, view: &dyn View, table: Table, key: &[u8]) -> Result<(), StoreError> {
        let Some(part) = part_of(table, key)? else { return Ok(()) };
        if self.parts.borrow().0.contains_key(&part) {
            return Ok(());
        }
        let mut found = Sum::default();
        for_each_row(view, table, &part, |key, row| {
            if !key.starts_with(&part) {
                return Ok(false);
            }
            found.change(None, Some(&self.marker.mark(key, &row)?));
            Ok(true)
        })?;
        let known = match view.get(Table::Sums, &part)? {
            Some(row) => {
                let stored = Some(self.marker.mark(&part, &row)?);
                let sum = self.sealer.open(Table::Sums, &part, row)?;
                Known { sum: Sum::decode(&sum).ok_or(StoreError::Corrupt("sum"))?, stored }
            }
            None => Known::default(),
        };
        if known.sum != found {
            return Err(MISSING);
        }
        self.parts.borrow_mut().0.insert(part, known);
        Ok(())
    }
}
