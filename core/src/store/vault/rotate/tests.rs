//! R25: nothing that is left of deleted rows can be read.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
#[cfg(all(feature = "sled", feature = "sqlite"))]
use crate::store::Store;
use crate::store::vault::tests::{KEY, open, open_with};
use crate::store::{Effect, FaultPlan, MemoryDisk, Op};

/// Rows settle in five classes, by the first byte of what they say.
fn classify(_: Table, _: &[u8], value: &[u8]) -> Class {
    match value.first().map(|first| first % 5) {
        Some(0) | None => Class::STATE,
        Some(first) => Class::until(crate::time::Time::from_ms(u64::from(first) << 40), crate::time::Time::ZERO),
    }
}

fn round(vault: &mut Vault) {
    while vault.rotate(&classify).unwrap() == Progress::More {}
}

fn key(row: u64) -> Vec<u8> {
    let mut key = vec![(row % 3) as u8; 56];
    key[48..].copy_from_slice(&row.to_be_bytes());
    key
}

/// The vault's rows as they should be.
#[derive(Clone, Default)]
struct Model(BTreeMap<(Table, Vec<u8>), Vec<u8>>);

impl Model {
    fn batch(&mut self, rng: &mut Rng, rows: u64) -> Vec<Op> {
        let mut batch = BTreeMap::new();
        for _ in 0..=rng.below(12) {
            let table = [Table::Message, Table::Mls, Table::Call, Table::MessageIndex][rng.below(4) as usize];
            let long = table == Table::Message && rng.below(8) == 0;
            let length = if long { 9_000 } else { 40 };
            let value = (rng.below(3) > 0).then(|| (0..length).map(|_| rng.below(256) as u8).collect::<Vec<u8>>());
            batch.insert((table, key(rng.below(rows))), value);
        }
        let op = |((table, key), value): ((Table, Vec<u8>), Option<Vec<u8>>)| Op { table, key, value };
        let batch: Vec<Op> = batch.into_iter().map(op).collect();
        for Op { table, key, value } in &batch {
            match value {
                Some(value) => self.0.insert((*table, key.clone()), value.clone()),
                None => self.0.remove(&(*table, key.clone())),
            };
        }
        batch
    }

    fn check(&self, vault: &Vault, rows: u64) {
        vault.verify().unwrap();
        for table in [Table::Message, Table::Mls, Table::Call, Table::MessageIndex] {
            for row in 0..rows {
                let found = vault.get(table, &key(row)).unwrap().map(|value| value.to_vec());
                assert_eq!(found.as_ref(), self.0.get(&(table, key(row))), "{table:?} {row}");
            }
        }
    }
}

/// Every version of every row that a store has ever held.
#[derive(Default)]
struct Residue(BTreeSet<(Table, Vec<u8>, Vec<u8>)>);

impl Residue {
    fn take(&mut self, disk: &MemoryDisk) {
        self.0.extend(disk.rows().into_iter().filter(|(table, ..)| table.has_generations()));
    }

    /// Those that are in the store no more.
    fn gone(&self, disk: &MemoryDisk) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let now: BTreeSet<_> = disk.rows().into_iter().collect();
        self.0.difference(&now).cloned().collect()
    }
}

fn opens(vault: &Vault, (table, key, row): &(Table, Vec<u8>, Vec<u8>)) -> bool {
    vault.sealer.open(*table, key, row.clone()).is_ok()
}

#[test]
fn after_a_round_no_key_that_is_left_opens_what_was_deleted_or_changed() {
    let (disk, mut model, mut residue) = (MemoryDisk::new(), Model::default(), Residue::default());
    let mut vault = open(&disk);
    let mut rng = Rng::from_seed([3; 32]);
    for turn in 0..30 {
        for _ in 0..20 {
            vault.apply(&model.batch(&mut rng, 60)).unwrap();
            residue.take(&disk);
        }
        let short = |row: &&(Table, Vec<u8>, Vec<u8>)| seal::pieces(&row.2) == Ok(0);
        let before: Vec<_> = residue.gone(&disk).into_iter().filter(|row| short(&row)).collect();
        let readable = before.iter().filter(|row| opens(&vault, row)).count();
        assert!(readable > 5, "turn {turn}: before the round, {readable} could be read");
        round(&mut vault);
        model.check(&vault, 60);
        let vault = open(&disk.copy());
        model.check(&vault, 60);
        for row in residue.gone(&disk) {
            assert!(!opens(&vault, &row), "turn {turn}: a row of {:?} that is no more opens", row.0);
        }
        assert!(vault.generations.next < 40 * (turn + 2), "generations are not used up");
    }
    let keys = disk.keyring().unwrap().len() / 36;
    assert!(keys < 80, "{keys} keys for 240 rows");
}

#[test]
fn a_round_in_the_midst_of_which_rows_change_leaves_those_for_the_next_one() {
    let (disk, mut model, mut residue) = (MemoryDisk::new(), Model::default(), Residue::default());
    let mut vault = open(&disk);
    let mut rng = Rng::from_seed([5; 32]);
    for _ in 0..100 {
        vault.apply(&model.batch(&mut rng, 300)).unwrap();
        residue.take(&disk);
    }
    let old = residue.gone(&disk);
    let mut steps = 0;
    while vault.rotate(&classify).unwrap() == Progress::More {
        vault.apply(&model.batch(&mut rng, 300)).unwrap();
        residue.take(&disk);
        steps += 1;
        assert!(steps < 200, "a round comes to an end while others write");
    }
    assert!(steps > 3);
    model.check(&vault, 300);
    assert!(old.iter().all(|row| !opens(&vault, row)), "what was gone when it began");
    round(&mut vault);
    assert!(residue.gone(&disk).iter().all(|row| !opens(&vault, row)), "what went in between");
    model.check(&vault, 300);
}

#[test]
fn a_round_that_fails_or_crashes_anywhere_loses_nothing_and_is_made_again() {
    let (original, mut model, mut residue) = (MemoryDisk::new(), Model::default(), Residue::default());
    let mut vault = open(&original);
    let mut rng = Rng::from_seed([7; 32]);
    for _ in 0..12 {
        vault.apply(&model.batch(&mut rng, 24)).unwrap();
        residue.take(&original);
    }
    vault.suspend().unwrap();
    let (mut interrupted, mut at) = (0, 0);
    loop {
        let mut done = false;
        for effect in [Effect::None, Effect::Done] {
            let disk = original.copy();
            let mut vault = open(&disk);
            disk.plan(Some(FaultPlan { at: disk.operations() + at, error: StoreError::Full, effect }));
            done = loop {
                match vault.rotate(&classify) {
                    Ok(Progress::More) => {}
                    Ok(Progress::Done) => break true,
                    Err(error) => {
                        assert_eq!(error, StoreError::Full);
                        break false;
                    }
                }
            };
            drop(vault);
            for keep in 0..=disk.pending() {
                let after = disk.crash(keep);
                let mut vault = open(&after);
                model.check(&vault, 24);
                round(&mut vault);
                model.check(&vault, 24);
                assert!(residue.gone(&after).iter().all(|row| !opens(&vault, row)), "failed at {at}, {keep} kept");
            }
        }
        if done {
            break;
        }
        (interrupted, at) = (interrupted + 1, at + 3);
    }
    assert!(interrupted > 20, "a round takes more operations than {interrupted}");
}

#[test]
fn what_a_round_costs_does_not_grow_with_what_is_kept() {
    let cost = |kept: u64| {
        let disk = MemoryDisk::new();
        let mut vault = open(&disk);
        let put = |row: u64, first: u8| Op { table: Table::Message, key: key(row), value: Some(vec![first; 40]) };
        for rows in (0..kept).collect::<Vec<_>>().chunks(100) {
            vault.apply(&rows.iter().map(|row| put(*row, 9)).collect::<Vec<_>>()).unwrap();
        }
        // Something is changed, so that all of it settles.
        vault.apply(&[put(0, 9)]).unwrap();
        round(&mut vault);
        vault.apply(&[put(kept, 2)]).unwrap();
        round(&mut vault);
        vault.apply(&[Op { table: Table::Message, key: key(kept), value: None }]).unwrap();
        let before = disk.operations();
        round(&mut vault);
        disk.operations() - before
    };
    let (few, many) = (cost(600), cost(6_000));
    assert!(many <= few + few / 10, "{few} operations beside 600 rows, {many} beside 6,000");
}

#[test]
fn a_round_that_needs_more_keys_than_lie_ready_has_them_in_the_file_first() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let put = |row: u64, last: u8| Op { table: Table::Message, key: key(row), value: Some(vec![row as u8 + 1, last]) };
    vault.apply(&(0..60).map(|row| put(row, 1)).collect::<Vec<_>>()).unwrap();
    vault.apply(&[put(0, 2)]).unwrap();
    let each_apart = |_: Table, _: &[u8], value: &[u8]| {
        Class::until(crate::time::Time::from_ms(u64::from(value[0]) << 40), crate::time::Time::ZERO)
    };
    loop {
        let progress = vault.rotate(&each_apart).unwrap();
        let killed = open(&disk.copy());
        killed.verify().unwrap();
        for row in 0..60 {
            assert_eq!(killed.get(Table::Message, &key(row)).unwrap().unwrap()[0], row as u8 + 1);
        }
        if progress == Progress::Done {
            break;
        }
    }
    assert!(vault.generations.next > 60);
}

#[test]
fn a_nursery_that_was_changed_often_wants_a_round() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    for turn in 0..100_u64 {
        let row = |n: u64| Op { table: Table::Message, key: key(turn * 50 + n), value: Some(vec![1; 30]) };
        assert!(!vault.wants_rotation() || turn > 80);
        vault.apply(&(0..50).map(row).collect::<Vec<_>>()).unwrap();
    }
    assert!(vault.wants_rotation());
    round(&mut vault);
    assert!(!vault.wants_rotation());
}

#[test]
fn another_process_that_made_a_round_is_noticed() {
    let disk = MemoryDisk::new();
    let (mut one, mut model) = (open(&disk), Model::default());
    let mut rng = Rng::from_seed([8; 32]);
    for _ in 0..20 {
        one.apply(&model.batch(&mut rng, 40)).unwrap();
    }
    one.suspend().unwrap();
    let mut other = open(&disk);
    for _ in 0..40 {
        round(&mut other);
        other.apply(&model.batch(&mut rng, 40)).unwrap();
    }
    other.suspend().unwrap();
    one.resume().unwrap();
    model.check(&one, 40);
    one.apply(&model.batch(&mut rng, 40)).unwrap();
    round(&mut one);
    model.check(&one, 40);
}

#[test]
fn a_keyring_that_is_missing_damaged_or_older_is_no_keyring_of_these_rows() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let put = |value: u8| Op { table: Table::Message, key: key(1), value: Some(vec![value; 40]) };
    vault.apply(&[put(1)]).unwrap();
    let older = disk.keyring().unwrap();
    for value in 2..40 {
        vault.apply(&[put(value)]).unwrap();
        round(&mut vault);
    }
    vault.suspend().unwrap();
    let damaged = [&older[..40], &[older[40] ^ 1], &older[41..]].concat();
    for (keyring, opens) in [(None, false), (Some(damaged), false), (Some(older), true)] {
        let copy = disk.copy();
        copy.tamper_keyring(keyring.as_deref());
        let vault = open_with(&copy, KEY);
        assert_eq!(vault.is_ok(), opens);
        if let Ok(vault) = vault {
            assert_eq!(vault.get(Table::Message, &key(1)).err(), Some(StoreError::Corrupt("row")));
        }
    }
}

#[test]
fn another_host_key_opens_everything_and_the_old_one_nothing() {
    let (disk, mut model) = (MemoryDisk::new(), Model::default());
    let mut vault = open(&disk);
    let mut rng = Rng::from_seed([9; 32]);
    for _ in 0..20 {
        vault.apply(&model.batch(&mut rng, 40)).unwrap();
    }
    let host = |byte: u8| HostKey::from_bytes([byte; 32]);
    assert_eq!(vault.replace_host_key(&host(7), &host(8), &mut rng), Err(StoreError::WrongKey));
    model.check(&vault, 40);
    let keyring = disk.keyring();
    vault.replace_host_key(&host(1), &host(2), &mut rng).unwrap();
    assert_ne!(disk.keyring(), keyring);
    round(&mut vault);
    model.check(&vault, 40);
    drop(vault);
    assert_eq!(open_with(&disk, KEY).err(), Some(StoreError::WrongKey));
    model.check(&open_with(&disk, [2; 32]).unwrap(), 40);

    // With the old key row and the new key nothing can be done, nor with the new key and the old keyring.
    disk.tamper_keyring(keyring.as_deref());
    assert_eq!(open_with(&disk, [2; 32]).err(), Some(StoreError::Corrupt("keyring")));
}

#[test]
fn a_host_key_that_is_exchanged_when_it_crashes_is_the_old_or_the_new_one() {
    let (original, mut model) = (MemoryDisk::new(), Model::default());
    let mut rng = Rng::from_seed([9; 32]);
    let mut vault = open(&original);
    for _ in 0..5 {
        vault.apply(&model.batch(&mut rng, 40)).unwrap();
    }
    vault.suspend().unwrap();
    let (mut at, mut old, mut new) = (0, 0, 0);
    loop {
        let disk = original.copy();
        let mut vault = open(&disk);
        disk.plan(Some(FaultPlan { at: disk.operations() + at, error: StoreError::Full, effect: Effect::Done }));
        let done = vault.replace_host_key(&HostKey::from_bytes(KEY), &HostKey::from_bytes([2; 32]), &mut rng).is_ok();
        for keep in 0..=disk.pending() {
            let opened = [KEY, [2; 32]].map(|key| open_with(&disk.crash(keep), key).ok());
            assert!(!done || opened[0].is_none());
            old += u32::from(opened[0].is_some());
            new += u32::from(opened[1].is_some());
            assert!(opened[0].is_some() != opened[1].is_some());
            opened.iter().flatten().for_each(|vault| model.check(vault, 40));
        }
        if done {
            break;
        }
        at += 1;
    }
    assert!(old > 3 && new > 1, "{old} times the old one, {new} times the new one");
}

/// What the files of a store hold of rows that were deleted, after a round: how many of them are still there, sealed.
#[cfg(all(feature = "sled", feature = "sqlite"))]
fn left_in_files(store: impl Fn(&std::path::Path) -> Box<dyn Store>) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let open = || Vault::open(store(&path), &HostKey::from_bytes(KEY), &mut Rng::from_seed([2; 32])).unwrap();
    let mut vault = open();
    let op = |row: u64, value: Option<Vec<u8>>| Op { table: Table::Message, key: key(row), value };
    let said = |row: u64| format!("what was said in message {row}, and to whom").into_bytes();
    for rows in (0..400).collect::<Vec<_>>().chunks(20) {
        vault.apply(&rows.iter().map(|row| op(*row, Some(said(*row)))).collect::<Vec<_>>()).unwrap();
        vault.barrier().unwrap();
    }
    let deleted: Vec<u64> = (0..400).filter(|row| row % 3 > 0).collect();
    let stored = |vault: &Vault, row: u64| {
        let key = vault.blinder.key(Table::Message, &key(row)).unwrap();
        let sealed = vault.store.read().unwrap().get(Table::Message, &key).unwrap();
        (Table::Message, key, sealed.unwrap())
    };
    let sealed: Vec<_> = deleted.iter().map(|row| stored(&vault, *row)).collect();
    for rows in deleted.chunks(20) {
        vault.apply(&rows.iter().map(|row| op(*row, None)).collect::<Vec<_>>()).unwrap();
        vault.barrier().unwrap();
    }
    assert!(sealed.iter().all(|row| opens(&vault, row)), "until then, files could be read");
    round(&mut vault);
    vault.suspend().unwrap();
    drop(vault);

    let files: Vec<Vec<u8>> =
        crate::store::conformance::all_files(&path).iter().map(|f| std::fs::read(f).unwrap()).collect();
    let holds = |bytes: &[u8]| files.iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes));
    assert!(!holds(b"what was said in message"));
    let vault = open();
    assert!(sealed.iter().all(|row| !opens(&vault, row)));
    for row in (0..400).filter(|row| row % 3 == 0) {
        assert_eq!(vault.get(Table::Message, &key(row)).unwrap().unwrap().to_vec(), said(row));
    }
    sealed.iter().filter(|(_, _, row)| holds(&row[row.len() - 32..])).count()
}

#[cfg(all(feature = "sled", feature = "sqlite"))]
#[test]
fn what_files_still_hold_of_deleted_rows_no_key_opens() {
    use crate::store::{SledStore, SqliteStore};
    let sled = left_in_files(|path| Box::new(SledStore::open(path).unwrap()));
    assert!(sled > 50, "sled's log holds what was deleted, {sled} rows of it: else this test would look for nothing");
    let sqlite = left_in_files(|path| Box::new(SqliteStore::open(path, 0).unwrap()));
    assert_eq!(sqlite, 0, "SQLite writes over what was deleted");
}

#[test]
fn whoever_has_the_new_host_key_opens_no_keyring_of_the_old_one() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.suspend().unwrap();
    disk.remember();
    vault.resume().unwrap();
    let keyring = disk.keyring().unwrap();
    let [old, new] = [KEY, [2; 32]].map(HostKey::from_bytes);
    vault.replace_host_key(&old, &new, &mut Rng::from_seed([4; 32])).unwrap();
    let key_rows: Vec<Vec<u8>> = disk
        .history()
        .into_iter()
        .flatten()
        .filter(|op| op.table == Table::Meta && op.key == KEY_ROW)
        .filter_map(|op| op.value)
        .collect();
    assert_eq!(key_rows.len(), 2);
    let opened = key_rows.iter().filter_map(|row| KeyRow::unwrap(row, u32::MAX, &new).ok());
    let rings: Vec<_> = opened.map(|row| row.keys.ring).collect();
    assert!(!rings.is_empty());
    for ring in rings {
        assert!(super::super::keyring::Keyring::open(&keyring, &ring, Rng::from_seed([0; 32])).is_err());
    }
}

#[test]
fn a_deletion_alone_makes_a_round() {
    let (disk, mut residue) = (MemoryDisk::new(), Residue::default());
    let mut vault = open(&disk);
    let op =
        |row: u64, value: Option<&[u8]>| Op { table: Table::Message, key: key(row), value: value.map(<[u8]>::to_vec) };
    vault.apply(&[op(1, Some(b"one")), op(2, Some(b"two"))]).unwrap();
    vault.apply(&[op(2, Some(b"2"))]).unwrap();
    round(&mut vault);
    residue.take(&disk);
    vault.apply(&[op(1, None)]).unwrap();
    round(&mut vault);
    assert_eq!(residue.gone(&disk).len(), 1);
    assert!(residue.gone(&disk).iter().all(|row| !opens(&vault, row)));
}
