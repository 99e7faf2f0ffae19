//! Writing: what batches of the engine come to in the store.

use std::collections::BTreeSet;

use super::generations::{Lists, STALE};
use super::hand;
use super::keyring::{Generation, NO_GENERATION};
use super::parts::{Part, part_of};
use super::seal::{self, Sealer};
use super::sums::{Mark, Marker};
use super::{INLINE, KEY_ROW, PIECE, RESERVED, ROOT_ROW, Vault, piece_key};
use crate::error::StoreError;
use crate::limits;
use crate::store::{Op, RowChange, Table};

/// A key row to be written.
pub(super) struct NewKeyRow {
    pub row: Vec<u8>,
    pub generation: u64,
}

/// Where a change goes.
struct Place {
    key: Vec<u8>,
    /// The part that it belongs to, which was checked.
    part: Option<Part>,
    /// The row that is there, as the sums see it.
    stored: Option<Mark>,
}

impl Vault {
    /// Takes a batch in, all or nothing. It is read from now on; the store gets it together with others, at the latest
    /// with the next [`Vault::barrier`]. After a crash a prefix of the batches is there, at least up to that.
    ///
    /// # Errors
    /// [`StoreError::Limit`], and nothing changed, when the batch, with the rows of long values, has [`limits::BATCH`]
    /// rows or more, or holds a key or value that is too long; else any [`StoreError`].
    pub(crate) fn take_in(&mut self, batch: Vec<RowChange>) -> Result<(), StoreError> {
        let mut refused = None;
        self.guarded(|vault| match vault.gather(batch) {
            Err(StoreError::Limit(what)) => {
                refused = Some(StoreError::Limit(what));
                Ok(())
            }
            taken => taken,
        })?;
        refused.map_or(Ok(()), Err)
    }

    /// Applies a batch, and with it a new key row, and the sums that follow from it.
    pub(super) fn write(&mut self, batch: &[Op], keys: Option<NewKeyRow>) -> Result<(), StoreError> {
        let change =
            |op: &Op| RowChange { table: op.table, key: op.key.clone(), value: op.value.clone().map(Into::into) };
        let batch = batch.iter().map(change).collect();
        self.guarded(|vault| {
            vault.gather(batch)?;
            vault.flush(keys)
        })
    }

    /// Adds a batch to what waits.
    pub(super) fn gather(&mut self, batch: Vec<RowChange>) -> Result<(), StoreError> {
        let mut places = self.places(&batch)?;
        let rows = weight(&batch, &places);
        if rows >= limits::BATCH {
            return Err(StoreError::Limit("batch"));
        }
        if self.hand.get_mut().waiting() + rows >= limits::BATCH {
            self.flush(None)?;
            places = self.places(&batch)?;
        }
        let hand = self.hand.get_mut();
        for (change, Place { key, part, stored }) in batch.into_iter().zip(places) {
            hand.put(change.table, key, part, stored, change.value);
        }
        Ok(())
    }

    /// Writes all that waits as one batch of the store.
    pub(super) fn flush(&mut self, keys: Option<NewKeyRow>) -> Result<(), StoreError> {
        if self.hand.get_mut().waiting() == 0 && keys.is_none() {
            return Ok(());
        }
        let Vault { store, hand, parts, sealer, marker, staged, generations, stale, .. } = self;
        let (hand, parts) = (hand.get_mut(), parts.get_mut());
        staged.clear();
        let mut root = self.root;
        let mut seal = |generation, table, key: &[u8], stored: &mut Option<Mark>, value: Option<&[u8]>| {
            let old = stored.take();
            *stored = stage(sealer, marker, staged, (generation, table, key), old.as_ref(), value)?;
            root.change(table, old.as_ref(), stored.as_ref());
            Ok::<_, StoreError>(old)
        };
        let mut lists = Lists::default();
        for (table, key, held) in hand.waiting_mut() {
            let young = if table.has_generations() { generations.nursery() } else { NO_GENERATION };
            let generation = held.settles.take().unwrap_or(young);
            let value = held.value.as_ref().map(|value| value.as_slice());
            let old = seal(generation, table, key, &mut held.stored, value)?;
            let before = old.map_or(NO_GENERATION, |old| old.generation);
            if before != NO_GENERATION {
                stale.insert(before);
            }
            if value.is_some() && generation != before && generation != NO_GENERATION {
                lists.add(generation, table, key);
            }
            if let Some(part) = part_of(table, key)? {
                parts.get_mut(part)?.sum.change(old.as_ref(), held.stored.as_ref());
            }
        }
        for part in hand.parts() {
            let known = parts.get_mut(part)?;
            let sum = (!known.sum.is_empty()).then(|| known.sum.encode());
            seal(NO_GENERATION, Table::Sums, &part, &mut known.stored, sum.as_ref().map(|sum| sum.as_slice()))?;
        }
        for (key, list) in lists.finish(generations)? {
            seal(NO_GENERATION, Table::Generation, &key, &mut None, Some(&list))?;
        }
        if std::mem::take(&mut stale.changed) {
            let named = stale.encode();
            seal(NO_GENERATION, Table::Generation, STALE, &mut stale.stored, named.as_deref())?;
        }
        if let Some(keys) = &keys {
            root.keys = keys.generation;
            staged.push(Op { table: Table::Meta, key: KEY_ROW.to_vec(), value: Some(keys.row.clone()) });
        }
        let root_row = sealer.seal(
            NO_GENERATION,
            Table::Meta,
            ROOT_ROW,
            &[&root.encode(), generations.encode().as_slice()].concat(),
        )?;
        staged.push(Op { table: Table::Meta, key: ROOT_ROW.to_vec(), value: Some(root_row.clone()) });
        // So that neighbours are written together.
        staged.sort_unstable_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
        store.apply(staged)?;
        hand.written();
        (self.root, self.root_row) = (root, root_row);
        if let Some(keys) = keys {
            self.key_row = keys.row;
        }
        Ok(())
    }

    /// Where the changes of a batch go, and what is there.
    fn places(&self, batch: &[RowChange]) -> Result<Vec<Place>, StoreError> {
        let hand = self.hand.borrow();
        let view = self.store.read()?;
        let place = |change: &RowChange| {
            let key = self.blinder.key(change.table, &change.key)?;
            let is_long = change.value.as_ref().is_some_and(|value| value.len() > INLINE);
            if key.len() + if is_long { PIECE } else { 0 } > limits::STORE_KEY {
                return Err(StoreError::Limit("key"));
            }
            if is_long && !change.table.may_overflow() {
                return Err(StoreError::Limit("value"));
            }
            self.check_part(&*view, change.table, &key)?;
            let stored = match hand.get(change.table, &key) {
                Some(held) => held.stored,
                None => view.get(change.table, &key)?.map(|row| self.marker.mark(&key, &row)).transpose()?,
            };
            Ok(Place { part: part_of(change.table, &key)?, key, stored })
        };
        batch.iter().map(place).collect()
    }
}

/// Refuses a batch that no caller may give.
pub(super) fn check_batch(batch: &[Op]) -> Result<(), StoreError> {
    let reserved = |op: &Op| match op.table {
        Table::Overflow | Table::Sums | Table::Generation => true,
        table => table == Table::Meta && op.key.starts_with(RESERVED),
    };
    if batch.iter().any(reserved) {
        return Err(StoreError::Limit("reserved row"));
    }
    let mut rows: Vec<(Table, &[u8])> = batch.iter().map(|op| (op.table, op.key.as_slice())).collect();
    rows.sort_unstable();
    if rows.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(StoreError::Limit("row changed twice"));
    }
    Ok(())
}

fn weight(batch: &[RowChange], places: &[Place]) -> usize {
    let length = |change: &RowChange| change.value.as_ref().map(|value| value.len());
    let rows = batch.iter().zip(places).map(|(change, place)| hand::weight(place.stored.as_ref(), length(change)));
    let parts: BTreeSet<Part> = places.iter().filter_map(|place| place.part).collect();
    rows.sum::<usize>() + parts.len()
}

/// Adds the rows that a change comes to, and gives what the sums see of it.
fn stage(
    sealer: &mut Sealer,
    marker: &Marker,
    staged: &mut Vec<Op>,
    (generation, table, key): (Generation, Table, &[u8]),
    old: Option<&Mark>,
    value: Option<&[u8]>,
) -> Result<Option<Mark>, StoreError> {
    let old_pieces = old.map_or(0, |mark| mark.pieces);
    let Some(value) = value else {
        (0..old_pieces).for_each(|piece| staged.push(piece_op(table, key, piece, None)));
        staged.push(Op { table, key: key.to_vec(), value: None });
        return Ok(None);
    };
    let mut sealed = sealer.seal(generation, table, key, value)?;
    for (piece, part) in (0..).zip(sealed.chunks(limits::STORE_VALUE).skip(1)) {
        staged.push(piece_op(table, key, piece, Some(part.to_vec())));
    }
    (seal::pieces(&sealed)?..old_pieces).for_each(|piece| staged.push(piece_op(table, key, piece, None)));
    sealed.truncate(limits::STORE_VALUE);
    let mark = marker.mark(key, &sealed)?;
    staged.push(Op { table, key: key.to_vec(), value: Some(sealed) });
    Ok(Some(mark))
}

fn piece_op(table: Table, key: &[u8], piece: u16, value: Option<Vec<u8>>) -> Op {
    Op { table: Table::Overflow, key: piece_key(table, key, piece), value }
}
