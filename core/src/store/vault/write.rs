//! Writing: what a batch of the engine comes to in the store.

use super::seal;
use super::sums::{Mark, Root};
use super::{INLINE, KEY_ROW, ROOT_ROW, Vault, piece_key};
use crate::error::StoreError;
use crate::limits;
use crate::store::{Op, Table};

/// A key row to be written.
pub(super) struct NewKeyRow {
    pub row: Vec<u8>,
    pub generation: u64,
}

impl Vault {
    /// Applies a batch, and with it a new key row, and the sums that follow from it.
    pub(super) fn write(&mut self, batch: &[Op], keys: Option<NewKeyRow>) -> Result<(), StoreError> {
        self.guarded(|vault| {
            if batch.is_empty() && keys.is_none() {
                return Ok(());
            }
            let mut staged = std::mem::take(&mut vault.staged);
            staged.clear();
            let mut root = vault.root;
            for op in batch {
                vault.stage(op, &mut staged, &mut root)?;
            }
            if let Some(keys) = &keys {
                root.keys = keys.generation;
                staged.push(Op { table: Table::Meta, key: KEY_ROW.to_vec(), value: Some(keys.row.clone()) });
            }
            let root_row = vault.sealer.seal(Table::Meta, ROOT_ROW, &root.encode())?;
            staged.push(Op { table: Table::Meta, key: ROOT_ROW.to_vec(), value: Some(root_row.clone()) });
            sort(&mut staged)?;
            vault.store.apply(&staged)?;
            (vault.root, vault.root_row, vault.staged) = (root, root_row, staged);
            if let Some(keys) = keys {
                vault.key_row = keys.row;
            }
            Ok(())
        })
    }

    /// Adds the rows that a change comes to.
    fn stage(&mut self, op: &Op, staged: &mut Vec<Op>, root: &mut Root) -> Result<(), StoreError> {
        let (table, key) = (op.table, self.blinder.key(op.table, &op.key)?);
        let old = self.mark_of(table, &key)?;
        let old_pieces = old.map_or(0, |mark| mark.pieces);
        let Some(value) = &op.value else {
            root.change(table, old.as_ref(), None);
            (0..old_pieces).for_each(|piece| staged.push(piece_op(table, &key, piece, None)));
            staged.push(Op { table, key, value: None });
            return Ok(());
        };
        if value.len() > INLINE && !table.may_overflow() {
            return Err(StoreError::Limit("value"));
        }
        let mut sealed = self.sealer.seal(table, &key, value)?;
        for (piece, part) in (0..).zip(sealed.chunks(limits::STORE_VALUE).skip(1)) {
            staged.push(piece_op(table, &key, piece, Some(part.to_vec())));
        }
        (seal::pieces(&sealed)?..old_pieces).for_each(|piece| staged.push(piece_op(table, &key, piece, None)));
        sealed.truncate(limits::STORE_VALUE);
        root.change(table, old.as_ref(), Some(&self.marker.mark(&key, &sealed)?));
        staged.push(Op { table, key, value: Some(sealed) });
        Ok(())
    }

    /// The stored row, as the sums see it.
    fn mark_of(&self, table: Table, key: &[u8]) -> Result<Option<Mark>, StoreError> {
        let row = self.store.read()?.get(table, key)?;
        row.map(|row| self.marker.mark(key, &row)).transpose()
    }
}

/// Brings rows into the order of the store, so that neighbours are written together.
fn sort(staged: &mut [Op]) -> Result<(), StoreError> {
    staged.sort_unstable_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
    let twice = staged.windows(2).any(|pair| (pair[0].table, &pair[0].key) == (pair[1].table, &pair[1].key));
    if twice { Err(StoreError::Limit("row changed twice")) } else { Ok(()) }
}

fn piece_op(table: Table, key: &[u8], piece: u16, value: Option<Vec<u8>>) -> Op {
    Op { table: Table::Overflow, key: piece_key(table, key, piece), value }
}
