//! The rotation: what was deleted or changed becomes unreadable wherever files still hold it.
//!
//! A round takes the stale generations one after the other. Rows that still count are sealed anew, among rows that will go
//! when they go; when a generation has none left, its key is thrown away with the next keyring. What a round costs
//! follows from what was written and deleted since the last one, not from what the store holds.
//!
//! Every step is one batch, and the lists of a generation shrink with it: a crash anywhere goes on there. A key is
//! thrown away only when it is durable that no row needs it.

use zeroize::Zeroizing;

use super::generations::{ALL_SPENT, Class, listed, lists_of, spent, spent_key};
use super::keyring::Generation;
use super::parts::part_of;
use super::seal;
use super::sums::Mark;
use super::{HostKey, KEY_ROW, Vault, read_row};
use crate::error::StoreError;
use crate::limits;
use crate::rng::Rng;
use crate::store::{Direction, KeyRange, Progress, RowChange, Table};

use super::key::KeyRow;

/// Rows of the store that one step writes anew, about.
const STEP: usize = limits::BATCH / 4;

/// Says with which other rows a row settles: by its table, its key as it is stored, and its value.
pub(crate) type Classify<'a> = &'a dyn Fn(Table, &[u8], &[u8]) -> Class;

/// A row that settles.
struct Settling {
    table: Table,
    key: Vec<u8>,
    stored: Mark,
    value: Zeroizing<Vec<u8>>,
}

impl Vault {
    /// Whether a round is worth it though nothing was deleted.
    pub(crate) fn wants_rotation(&self) -> bool {
        self.generations.is_grown()
    }

    /// One step of a round, which begins with the first; what was deleted or changed before that is unreadable when it
    /// answers [`Progress::Done`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub(crate) fn rotate(&mut self, classify: Classify<'_>) -> Result<Progress, StoreError> {
        self.guarded(|vault| {
            vault.flush(None)?;
            let end = match vault.round {
                Some(end) => end,
                None => vault.begin_round()?,
            };
            let stale = vault.stale.generations.first().copied().filter(|generation| *generation < end);
            if let Some(generation) = stale {
                vault.empty_some(generation, classify)?;
                vault.flush(None)?;
                return Ok(Progress::More);
            }
            vault.throw_keys_away()?;
            vault.round = None;
            Ok(Progress::Done)
        })
    }

    /// The nursery ends, if it has rows. Generations before the one that is given belong to the round.
    fn begin_round(&mut self) -> Result<Generation, StoreError> {
        let nursery = self.generations.nursery();
        if self.generations.has_young() || self.stale.generations.range(nursery..).next().is_some() {
            let nursery = self.begin_generation()?;
            self.generations.begin_nursery(nursery, &self.stale.generations);
        }
        let end = self.generations.nursery();
        self.round = Some(end);
        Ok(end)
    }

    /// A generation begins. Its key is durable before the first row that is sealed with it.
    fn begin_generation(&mut self) -> Result<Generation, StoreError> {
        let generation = self.generations.next;
        if self.sealer.ring.prepare(generation) {
            let ring = self.sealer.ring.seal()?;
            self.store.replace_keyring(&ring)?;
        }
        self.generations.next += 1;
        Ok(generation)
    }

    /// Seals rows of a generation anew, those of its first list; a generation without lists is spent.
    fn empty_some(&mut self, generation: Generation, classify: Classify<'_>) -> Result<(), StoreError> {
        self.generations.close(generation);
        let prefix = lists_of(generation);
        let range = KeyRange { from: &prefix, to: &lists_of(generation + 1) };
        let Some((key, list)) = self.scan(Table::Generation, range, Direction::Forward, 1)?.pop() else {
            self.stale.remove(generation);
            let spent = RowChange {
                table: Table::Generation,
                key: spent_key(generation),
                value: Some(Zeroizing::new(Vec::new())),
            };
            return self.gather(vec![spent]);
        };
        let listed = listed(&list).ok_or(StoreError::Corrupt("list of a generation"))?;
        let (settling, all) = self.settling(generation, &listed)?;
        for row in settling {
            self.settle(row, classify)?;
        }
        if all {
            self.gather(vec![RowChange { table: Table::Generation, key, value: None }])?;
        }
        Ok(())
    }

    /// Those of the listed rows that still belong to a generation, as many as a step may write; and whether that is all.
    fn settling(
        &self,
        generation: Generation,
        listed: &[(Table, Vec<u8>)],
    ) -> Result<(Vec<Settling>, bool), StoreError> {
        let view = self.store.read()?;
        let (mut settling, mut weight) = (Vec::new(), 0);
        for (table, key) in listed {
            let Some(row) = view.get(*table, key)? else { continue };
            if seal::generation(&row)? != generation {
                continue;
            }
            if weight >= STEP {
                return Ok((settling, false));
            }
            self.check_part(&*view, *table, key)?;
            let stored = self.marker.mark(key, &row)?;
            weight += 1 + usize::from(stored.pieces);
            let value = self.open_row(&*view, *table, key, row)?;
            settling.push(Settling { table: *table, key: key.clone(), stored, value });
        }
        Ok((settling, true))
    }

    fn settle(&mut self, row: Settling, classify: Classify<'_>) -> Result<(), StoreError> {
        let class = classify(row.table, &row.key, &row.value);
        let generation = match self.generations.settling(class) {
            Some(generation) => generation,
            None => {
                // What waits for a generation that takes no more rows after this must be listed there first.
                self.flush(None)?;
                let generation = self.begin_generation()?;
                self.generations.settle(class, generation);
                generation
            }
        };
        let Settling { table, key, stored, value } = row;
        let part = part_of(table, &key)?;
        self.hand.get_mut().settle(table, key, part, stored, value, generation);
        Ok(())
    }

    /// Writes a keyring without the keys of spent generations.
    fn throw_keys_away(&mut self) -> Result<(), StoreError> {
        // That no row needs them must be durable first.
        self.flush(None)?;
        self.store.barrier()?;
        let range = KeyRange { from: ALL_SPENT, to: &[] };
        let rows = self.scan(Table::Generation, range, Direction::Forward, usize::MAX)?;
        let gone: Vec<Generation> = rows.iter().filter_map(|(key, _)| spent(key)).collect();
        self.sealer.ring.renew(&gone, self.generations.next);
        let ring = self.sealer.ring.seal()?;
        self.store.replace_keyring(&ring)?;
        for rows in rows.chunks(STEP) {
            let gone = |(key, _): &(Vec<u8>, _)| RowChange { table: Table::Generation, key: key.clone(), value: None };
            self.gather(rows.iter().map(gone).collect())?;
            self.flush(None)?;
        }
        Ok(())
    }

    /// Puts another host key in the place of the one that opens this store. When this returns, nothing in the store's files
    /// opens with the old one, and the host destroys it: with it goes what a disk still holds of keyrings and key rows
    /// that were replaced. After a crash in between one of the two opens the store, so keep both until then.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] and nothing changed when `old` does not open it; else any [`StoreError`].
    pub(crate) fn replace_host_key(&mut self, old: &HostKey, new: &HostKey, rng: &mut Rng) -> Result<(), StoreError> {
        if self.closed.get() {
            return Err(StoreError::Closed);
        }
        let row = read_row(&*self.store, KEY_ROW)?.ok_or(StoreError::Corrupt("key row"))?;
        let mut keys = KeyRow::unwrap(&row, u32::MAX, old)?;
        self.guarded(|vault| {
            // Both ring keys stand in the key row until the keyring is sealed with the newer one. The older one is never
            // wrapped by the new host key: whoever has that opens no older keyring.
            let ring_key = Zeroizing::new(rng.bytes());
            keys.keys.ring.insert(0, ring_key.clone());
            vault.flush(Some(keys.next(old, rng)?))?;
            vault.store.barrier()?;
            vault.sealer.ring.rekey(ring_key);
            let ring = vault.sealer.ring.seal()?;
            vault.store.replace_keyring(&ring)?;
            keys.keys.ring.truncate(1);
            vault.flush(Some(keys.next(new, rng)?))?;
            vault.store.barrier()
        })
    }
}

#[cfg(test)]
mod tests;
