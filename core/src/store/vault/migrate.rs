//! Bringing rows of an older schema up to date.
//!
//! Each migration leads from one schema to the next, in steps. It begins with the new schema in the key row, so that an
//! older version refuses the store from then on, and with a cursor row. A step's changes and the cursor behind them are
//! one batch: a crash anywhere resumes where it stopped. The last step removes the cursor.

use super::key::{HostKey, KeyRow};
use super::{Op, Table, Vault};
use crate::error::StoreError;
use crate::rng::Rng;

/// The newest schema and the ways to it.
pub(super) struct Schema {
    /// The newest schema that this version knows.
    pub version: u32,
    /// One migration for every schema from 2 up to [`Schema::version`].
    pub migrations: &'static [Migration],
}

/// The schema of this version. To change what rows mean, count it up and add the migration.
pub(super) const CURRENT: Schema = Schema { version: 1, migrations: &[] };

/// The way from one schema to the next.
pub(super) struct Migration {
    /// The schema it leads to.
    pub to: u32,
    /// Makes the next step, from the cursor that the last one returned, at first an empty one.
    pub step: fn(&Vault, &[u8]) -> Result<Step, StoreError>,
}

/// A part of a migration, small enough for one batch.
pub(super) struct Step {
    /// What to change.
    pub changes: Vec<Op>,
    /// Where to go on; `None` when the migration is done.
    pub cursor: Option<Vec<u8>>,
}

/// Row of [`Table::Meta`]: the cursor of the migration to the key row's schema, while one is under way.
const CURSOR: &[u8] = b"vault.migration";

/// Finishes the migration under way and runs those that the store still lacks.
pub(super) fn run(
    vault: &mut Vault,
    keys: &mut KeyRow,
    host_key: &HostKey,
    rng: &mut Rng,
    schema: &Schema,
) -> Result<(), StoreError> {
    loop {
        let cursor = vault.get(Table::Meta, CURSOR)?;
        if let Some(cursor) = cursor {
            let migration = schema.migrations.iter().find(|migration| migration.to == keys.schema);
            let migration = migration.ok_or(StoreError::Corrupt("schema"))?;
            let Step { mut changes, cursor } = (migration.step)(vault, &cursor)?;
            changes.push(cursor_op(cursor));
            vault.write(&changes, None)?;
        } else if keys.schema < schema.version {
            keys.schema += 1;
            let key_row = keys.next(host_key, rng)?;
            vault.write(&[cursor_op(Some(Vec::new()))], Some(key_row))?;
        } else {
            return Ok(());
        }
    }
}

fn cursor_op(cursor: Option<Vec<u8>>) -> Op {
    Op { table: Table::Meta, key: CURSOR.to_vec(), value: cursor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Direction, Effect, FaultPlan, KeyRange, MemoryDisk, MemoryStore};

    const NAMES: usize = 30;

    /// Doubles every value of one table, seven rows a step.
    const DOUBLING: Schema = Schema { version: 2, migrations: &[Migration { to: 2, step: double }] };
    /// And then drops odd rows, in one step.
    const DROPPING: Schema =
        Schema { version: 3, migrations: &[Migration { to: 2, step: double }, Migration { to: 3, step: drop_odd }] };

    fn double(vault: &Vault, cursor: &[u8]) -> Result<Step, StoreError> {
        let rows = vault.scan(Table::Call, KeyRange { from: cursor, to: &[] }, Direction::Forward, 7)?;
        let next = rows.last().map(|(key, _)| [key, [0].as_slice()].concat());
        let changes = rows.into_iter().map(|(key, value)| put(&key, &value.repeat(2))).collect();
        Ok(Step { changes, cursor: next })
    }

    fn drop_odd(vault: &Vault, _: &[u8]) -> Result<Step, StoreError> {
        let rows = vault.scan(Table::Call, KeyRange { from: &[], to: &[] }, Direction::Forward, NAMES)?;
        let odd = rows.into_iter().filter(|(key, _)| key[0] % 2 == 1);
        Ok(Step { changes: odd.map(|(key, _)| Op { table: Table::Call, key, value: None }).collect(), cursor: None })
    }

    fn put(key: &[u8], value: &[u8]) -> Op {
        Op { table: Table::Call, key: key.to_vec(), value: Some(value.to_vec()) }
    }

    fn open(disk: &MemoryDisk, schema: &Schema) -> Result<Vault, StoreError> {
        let store = Box::new(MemoryStore::open(disk)?);
        Vault::open_with(store, &HostKey::from_bytes([1; 32]), &mut Rng::from_seed([2; 32]), schema)
    }

    fn old_store() -> MemoryDisk {
        let disk = MemoryDisk::new();
        let mut vault = open(&disk, &CURRENT).unwrap();
        let rows: Vec<Op> = (0..NAMES as u8).map(|name| put(&[name], &[name])).collect();
        vault.apply(&rows).unwrap();
        vault.barrier().unwrap();
        disk
    }

    fn rows(vault: &Vault) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = vault.scan(Table::Call, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX).unwrap();
        rows.into_iter().map(|(key, value)| (key, value.to_vec())).collect()
    }

    #[test]
    fn migrations_run_in_order_and_once() {
        let disk = old_store();
        let vault = open(&disk, &DROPPING).unwrap();
        let expected: Vec<_> = (0..NAMES as u8).step_by(2).map(|name| (vec![name], vec![name; 2])).collect();
        assert_eq!(rows(&vault), expected);
        drop(vault);
        assert_eq!(rows(&open(&disk, &DROPPING).unwrap()), expected);
        assert_eq!(open(&disk, &CURRENT).err(), Some(StoreError::NewerSchema { found: 3, known: 1 }));
    }

    #[test]
    fn a_migration_that_fails_or_crashes_anywhere_resumes() {
        let expected: Vec<_> = (0..NAMES as u8).map(|name| (vec![name], vec![name; 2])).collect();
        let mut interrupted = 0;
        for at in 0.. {
            let disk = old_store();
            let at = disk.operations() + at;
            disk.plan(Some(FaultPlan { at, error: StoreError::Full, effect: Effect::Done }));
            let done = open(&disk, &DOUBLING).is_ok();
            for keep in 0..=disk.pending() {
                let after = disk.crash(keep);
                assert_eq!(rows(&open(&after, &DOUBLING).unwrap()), expected, "failed at {at}, {keep} batches kept");
            }
            if done {
                break;
            }
            interrupted += 1;
        }
        assert!(interrupted > 8, "a migration of {NAMES} rows takes more operations than {interrupted}");
    }

    #[test]
    fn an_older_version_refuses_a_store_in_the_middle_of_a_migration() {
        let disk = old_store();
        disk.plan(Some(FaultPlan { at: disk.operations() + 40, error: StoreError::Full, effect: Effect::None }));
        assert_eq!(open(&disk, &DOUBLING).err(), Some(StoreError::Full));
        assert_eq!(open(&disk, &CURRENT).err(), Some(StoreError::NewerSchema { found: 2, known: 1 }));
    }

    #[test]
    fn an_older_key_row_put_back_is_noticed() {
        let disk = old_store();
        let key_row = |disk: &MemoryDisk| disk.rows().into_iter().find(|(_, key, _)| key == b"vault").unwrap().2;
        let old = key_row(&disk);
        drop(open(&disk, &DOUBLING).unwrap());
        disk.tamper(Table::Meta, b"vault", Some(&old));
        assert_eq!(open(&disk, &CURRENT).err(), Some(StoreError::Corrupt("key row")));
    }
}
