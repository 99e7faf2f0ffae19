//! Reading: rows that wait to be written or are at hand, and those of the store.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{OpenRow, Vault, piece_key, seal};
use crate::error::StoreError;
use crate::limits;
use crate::store::overlay::lay_over;
use crate::store::{Direction, KeyRange, Table, View};

impl Vault {
    /// The value of a row.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is damaged, moved, not whole or old; else any [`StoreError`].
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.guard(|| {
            let key = self.blinder.key(table, key)?;
            if let Some(held) = self.hand.borrow().get(table, &key) {
                return Ok(held.value.clone());
            }
            let view = self.store.read()?;
            self.check_part(&*view, table, &key)?;
            let Some(row) = view.get(table, &key)? else { return Ok(None) };
            if !table.is_kept_at_hand() {
                return self.open_row(&*view, table, &key, row).map(Some);
            }
            let mark = self.marker.mark(&key, &row)?;
            let value = self.open_row(&*view, table, &key, row)?;
            self.hand.borrow_mut().keep(table, key, mark, value.clone());
            Ok(Some(value))
        })
    }

    /// At most `limit` rows of a range.
    ///
    /// In tables whose keys begin with a conversation, `range.from` begins with one, and the range ends within it: at
    /// `range.to` when that begins with it too, at its last row when `range.to` is empty or the next conversation id.
    /// Keys come back as they were put. A scan of a whole table (both bounds empty) gives such keys, and those of
    /// [`Table::Conversation`], [`Table::Activity`], [`Table::User`] and [`Table::Search`], with the hidden part hidden,
    /// in its order; for [`Table::Conversation`], [`Table::User`] and [`Table::Search`] bounds are keys given so.
    ///
    /// # Errors
    /// [`StoreError::Limit`] for a range over several conversations; [`StoreError::Corrupt`] when a row is damaged;
    /// else any [`StoreError`].
    pub fn scan(
        &self,
        table: Table,
        range: KeyRange<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<OpenRow>, StoreError> {
        self.guard(|| {
            let range = self.blinder.range(table, range)?;
            let view = self.store.read()?;
            let hand = self.hand.borrow();
            let waiting = hand.changes(table, range.bounds());
            let waiting: BTreeMap<&[u8], _> = waiting.map(|(key, value)| (key, value.map(Found::Waiting))).collect();
            let rows = lay_over(waiting, direction, limit, |limit| {
                let rows = view.scan(table, range.bounds(), direction, limit)?;
                Ok::<_, StoreError>(rows.into_iter().map(|(key, row)| (key, Found::Stored(row))).collect())
            })?;
            let open = rows.into_iter().map(|(mut key, row)| {
                let value = match row {
                    Found::Waiting(value) => value.clone(),
                    Found::Stored(row) => {
                        self.check_part(&*view, table, &key)?;
                        self.open_row(&*view, table, &key, row)?
                    }
                };
                range.restore(&mut key);
                Ok((key, value))
            });
            open.collect()
        })
    }

    /// Opens a stored row with its pieces.
    pub(super) fn open_row(
        &self,
        view: &dyn View,
        table: Table,
        key: &[u8],
        mut row: Vec<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let pieces = seal::pieces(&row)?;
        row.reserve_exact(usize::from(pieces) * limits::STORE_VALUE);
        for piece in 0..pieces {
            let part = view.get(Table::Overflow, &piece_key(table, key, piece))?;
            row.extend_from_slice(&part.ok_or(StoreError::Corrupt("row with a missing piece"))?);
        }
        self.sealer.open(table, key, row)
    }
}

/// A row that a scan finds.
enum Found<'a> {
    /// As it waits to be written.
    Waiting(&'a Zeroizing<Vec<u8>>),
    /// As it is in the store.
    Stored(Vec<u8>),
}
