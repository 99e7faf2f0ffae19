//! Checking that the rows are those that were written.

use std::collections::BTreeMap;

use super::generations::{Generations, STALE, Stale};
use super::parts::{Part, part_of};
use super::sums::{ROOT, Root, Sum};
use super::{KEY_ROW, ROOT_ROW, Vault};
use crate::error::StoreError;
use crate::limits;
use crate::store::{Direction, KeyRange, Table, View};

pub(super) const MISSING: StoreError = StoreError::Corrupt("rows are missing or old");

impl Vault {
    /// Reads the root row and checks the tables that matter for security.
    pub(super) fn check_opened(&mut self, keys: u64) -> Result<(), StoreError> {
        let view = self.store.read()?;
        let row = view.get(Table::Meta, ROOT_ROW)?.ok_or(StoreError::Corrupt("root row"))?;
        let open = self.sealer.open(Table::Meta, ROOT_ROW, row.clone())?;
        let (root, generations) = open.split_at_checked(ROOT).ok_or(StoreError::Corrupt("root row"))?;
        let root = Root::decode(root).ok_or(StoreError::Corrupt("root row"))?;
        let generations = Generations::decode(generations).ok_or(StoreError::Corrupt("root row"))?;
        if root.keys != keys {
            return Err(StoreError::Corrupt("key row"));
        }
        let mut found = Root::default();
        for table in Table::ALL.into_iter().filter(|table| table.is_watched()) {
            for_each_row(&*view, table, &[], |key, row| {
                found.change(table, None, Some(&self.marker.mark(key, &row)?));
                Ok(true)
            })?;
        }
        if found.watched != root.watched {
            return Err(MISSING);
        }
        let stale = self.read_stale(&*view)?;
        drop(view);
        (self.root, self.root_row) = (root, row);
        (self.generations, self.stale, self.round) = (generations, stale, None);
        Ok(())
    }

    fn read_stale(&self, view: &dyn View) -> Result<Stale, StoreError> {
        let Some(row) = view.get(Table::Generation, STALE)? else { return Ok(Stale::default()) };
        let stored = self.marker.mark(STALE, &row)?;
        let value = self.open_row(view, Table::Generation, STALE, row)?;
        Stale::decode(&value, stored).ok_or(StoreError::Corrupt("stale generations"))
    }

    /// Opens every row, and checks that all are there, and nothing else.
    pub(super) fn check_everything(&self) -> Result<(), StoreError> {
        let view = self.store.read()?;
        let (mut found, mut pieces) = (Root { keys: self.root.keys, ..Root::default() }, 0);
        let (mut parts, mut sums) = (BTreeMap::<Part, Sum>::new(), BTreeMap::<Part, Sum>::new());
        for table in Table::ALL.into_iter().filter(|&table| table != Table::Overflow) {
            for_each_row(&*view, table, &[], |key, row| {
                let mark = self.marker.mark(key, &row)?;
                found.change(table, None, Some(&mark));
                if let Some(part) = part_of(table, key)? {
                    parts.entry(part).or_default().change(None, Some(&mark));
                }
                pieces += u64::from(mark.pieces);
                let value = self.open_row(&*view, table, key, row)?;
                if table == Table::Sums {
                    let part = key.try_into().map_err(|_| MISSING)?;
                    sums.insert(part, Sum::decode(&value).ok_or(MISSING)?);
                }
                Ok(true)
            })?;
        }
        let mut overflow = 0;
        for_each_row(&*view, Table::Overflow, &[], |_, _| {
            overflow += 1;
            Ok(true)
        })?;
        if found == self.root && parts == sums && pieces == overflow { Ok(()) } else { Err(MISSING) }
    }
}

/// Goes through a table from a key on, a page at a time, leaving out the two rows that are not summed, as long as `work`
/// says so.
pub(super) fn for_each_row(
    view: &dyn View,
    table: Table,
    from: &[u8],
    mut work: impl FnMut(&[u8], Vec<u8>) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut from = from.to_vec();
    loop {
        let rows = view.scan(table, KeyRange { from: &from, to: &[] }, Direction::Forward, limits::PAGE_MAX)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        from.clone_from(last);
        from.push(0);
        for (key, row) in rows {
            let summed = table != Table::Meta || key != KEY_ROW && key != ROOT_ROW;
            if summed && !work(&key, row)? {
                return Ok(());
            }
        }
    }
}
