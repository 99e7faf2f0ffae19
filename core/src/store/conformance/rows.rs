//! Cases for every engine, with files or without.

use super::{Open, change, day, delete, dump, get, prefix, put, states};
use crate::error::StoreError;
use crate::limits;
use crate::rng::Rng;
use crate::store::{Direction, KeyRange, Op, Progress, Row, Store, Table};

pub fn keys_are_in_byte_order(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir.path().join("store")).unwrap();
    let mut keys: Vec<Vec<u8>> =
        vec![vec![], vec![0], vec![0, 0], vec![0, 1], vec![1], vec![127], vec![128], vec![255]];
    keys.extend([vec![255, 0], vec![255; 64], b"a".to_vec(), b"aa".to_vec(), b"ab".to_vec(), b"b".to_vec()]);
    let batch: Vec<Op> = keys.iter().rev().map(|key| put(Table::Call, key, key)).collect();
    store.apply(&batch).unwrap();
    keys.sort();
    let rows = |direction| store.read().unwrap().scan(Table::Call, everything(), direction, 99).unwrap();
    let forward: Vec<Vec<u8>> = rows(Direction::Forward).into_iter().map(|(key, _)| key).collect();
    let mut backward: Vec<Vec<u8>> = rows(Direction::Backward).into_iter().map(|(key, _)| key).collect();
    backward.reverse();
    assert_eq!((&forward, &backward), (&keys, &keys));
    assert!(keys.iter().all(|key| get(&*store, Table::Call, key).as_ref() == Some(key)));
}

pub fn tables_are_apart(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir.path().join("store")).unwrap();
    for key in [[].as_slice(), &[0], &[255; 64]] {
        let batch: Vec<Op> = Table::ALL.into_iter().map(|table| put(table, key, &[table.byte()])).collect();
        store.apply(&batch).unwrap();
    }
    store.apply(&[delete(Table::Session, &[0])]).unwrap();
    for table in Table::ALL {
        let rows = store.read().unwrap().scan(table, everything(), Direction::Backward, 99).unwrap();
        assert_eq!(rows.len(), if table == Table::Session { 2 } else { 3 });
        assert!(rows.iter().all(|(_, value)| *value == [table.byte()]));
    }
}

pub fn scans_match_a_sorted_map(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir.path().join("store")).unwrap();
    let batches = day(1, 60);
    batches.iter().for_each(|batch| store.apply(batch).unwrap());
    let model = states(&batches).pop().unwrap();
    let mut rng = Rng::from_seed([2; 32]);
    let mut found = 0;
    for _ in 0..500 {
        let bound = |rng: &mut Rng| rng.bytes::<2>()[..rng.below(3) as usize].to_vec();
        let (from, to, limit) = (bound(&mut rng), bound(&mut rng), rng.below(20) as usize);
        let rows = model
            .iter()
            .filter(|((table, key), _)| *table == Table::Message && *key >= from && (to.is_empty() || *key < to));
        let mut expected: Vec<Row> = rows.map(|((_, key), value)| (key.clone(), value.clone())).collect();
        for direction in [Direction::Forward, Direction::Backward] {
            let page: Vec<Row> = expected.iter().take(limit).cloned().collect();
            let range = KeyRange { from: &from, to: &to };
            assert!(store.read().unwrap().scan(Table::Message, range, direction, limit).unwrap() == page);
            found += page.len();
            expected.reverse();
        }
    }
    assert!(found > 1_000, "the ranges are not all empty");
}

pub fn a_batch_is_whole_or_refused(open: Open<'_>) {
    let over: [(Vec<Op>, &str); 3] = [
        ((0..=limits::STORE_BATCH).map(|n| put(Table::Call, &n.to_be_bytes(), b"")).collect(), "batch"),
        (vec![put(Table::Call, b"x", b""), put(Table::Call, &[0; limits::STORE_KEY + 1], b"")], "key"),
        (vec![put(Table::Call, b"x", b""), put(Table::Call, b"y", &[0; limits::STORE_VALUE + 1])], "value"),
    ];
    for (batch, what) in over {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let mut store = open(&path).unwrap();
        store.apply(&[put(Table::Call, b"before", b"1")]).unwrap();
        store.barrier().unwrap();
        let before = dump(&*store).unwrap();
        assert_eq!(store.apply(&batch), Err(StoreError::Limit(what)));
        assert_eq!(store.apply(&[]), Err(StoreError::Closed), "an error closes the handle");
        assert_eq!(store.barrier(), Err(StoreError::Closed));
        assert_eq!(store.read().err(), Some(StoreError::Closed));
        assert_eq!(store.verify(), Err(StoreError::Closed));
        drop(store);
        assert!(dump(&*open(&path).unwrap()).unwrap() == before, "nothing changed");
    }
}

pub fn rows_at_the_limits_fit(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut store = open(&path).unwrap();
    let key = |n: usize| [n.to_be_bytes().as_slice(), &[7; limits::STORE_KEY - 8]].concat();
    let batch: Vec<Op> =
        (0..limits::STORE_BATCH).map(|n| put(Table::Mls, &key(n), &[n as u8; limits::STORE_VALUE])).collect();
    store.apply(&batch).unwrap();
    store.apply(&[]).unwrap();
    store.apply(&[delete(Table::Mls, b"not there"), put(Table::Mls, &key(0), b"")]).unwrap();
    store.barrier().unwrap();
    drop(store);
    let rows = dump(&*open(&path).unwrap()).unwrap();
    assert_eq!(rows.len(), limits::STORE_BATCH);
    assert_eq!(rows[&(Table::Mls, key(0))], b"");
    assert_eq!(rows[&(Table::Mls, key(9))], [9; limits::STORE_VALUE]);
}

pub fn what_was_barred_survives(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a").join("store");
    let mut expected = super::Model::new();
    for (turn, batch) in day(3, 12).iter().enumerate() {
        let mut store = open(&path).unwrap();
        assert!(dump(&*store).unwrap() == expected, "turn {turn}");
        store.apply(batch).unwrap();
        change(&mut expected, batch);
        store.barrier().unwrap();
        store.verify().unwrap();
    }
}

pub fn without_a_barrier_a_prefix_survives(open: Open<'_>) {
    for barred in [0, 1, 7, 20] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let batches = day(4, 20);
        let mut store = open(&path).unwrap();
        for (number, batch) in batches.iter().enumerate() {
            store.apply(batch).unwrap();
            if number + 1 == barred {
                store.barrier().unwrap();
            }
        }
        let states = states(&batches);
        assert!(dump(&*store).unwrap() == states[20], "what was applied is visible");
        drop(store);
        let rows = dump(&*open(&path).unwrap()).unwrap();
        assert!(prefix(&states, &rows) >= barred);
    }
}

pub fn suspending_gives_way(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut one = open(&path).unwrap();
    one.apply(&[put(Table::Call, b"x", b"1")]).unwrap();
    one.suspend().unwrap();
    assert_eq!(one.apply(&[]), Err(StoreError::Closed));
    assert_eq!(one.read().err(), Some(StoreError::Closed));
    assert_eq!(one.resume(), Ok(false), "nobody wrote in between");
    assert_eq!(get(&*one, Table::Call, b"x").unwrap(), b"1");
    one.suspend().unwrap();

    let mut two = open(&path).unwrap();
    assert_eq!(get(&*two, Table::Call, b"x").unwrap(), b"1", "suspending makes durable");
    assert_eq!(one.resume(), Err(StoreError::Locked));
    two.apply(&[put(Table::Call, b"x", b"2")]).unwrap();
    two.suspend().unwrap();
    assert_eq!(one.resume(), Ok(true), "somebody wrote in between");
    assert_eq!(get(&*one, Table::Call, b"x").unwrap(), b"2");
    one.suspend().unwrap();
    assert_eq!(two.resume(), Ok(false), "looking is not writing");
}

pub fn a_second_handle_is_locked_out(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut store = open(&path).unwrap();
    assert_eq!(open(&path).err(), Some(StoreError::Locked));
    store.apply(&[put(Table::Call, b"x", b"1")]).unwrap();
    assert_eq!(get(&*store, Table::Call, b"x").unwrap(), b"1", "the first is undisturbed");
    store.barrier().unwrap();
    drop(store);
    assert_eq!(get(&*open(&path).unwrap(), Table::Call, b"x").unwrap(), b"1");
}

pub fn compaction_keeps_everything(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let batches = day(5, 120);
    let (past, during) = batches.split_at(60);
    let mut store = open(&path).unwrap();
    past.iter().for_each(|batch| store.apply(batch).unwrap());
    store.barrier().unwrap();
    let mut expected = states(past).pop().unwrap();
    let mut more = during.iter();
    for step in 0.. {
        let progress = store.compact(2_000).unwrap();
        assert!(dump(&*store).unwrap() == expected, "after step {step}");
        if progress == Progress::Done {
            break;
        }
        if let Some(batch) = more.next() {
            store.apply(batch).unwrap();
            change(&mut expected, batch);
        }
        assert!(step < 10_000, "compaction comes to an end");
    }
    for batch in more {
        store.apply(batch).unwrap();
        change(&mut expected, batch);
    }
    store.barrier().unwrap();
    store.verify().unwrap();
    drop(store);
    assert!(dump(&*open(&path).unwrap()).unwrap() == expected);
}

pub fn destroying_leaves_an_empty_place(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut store = open(&path).unwrap();
    store.apply(&[put(Table::Call, b"x", b"1")]).unwrap();
    store.destroy().unwrap();
    assert_eq!(store.apply(&[]), Err(StoreError::Closed));
    assert_eq!(store.resume(), Err(StoreError::Closed));
    drop(store);
    assert!(dump(&*open(&path).unwrap()).unwrap().is_empty());
}

pub fn a_store_in_any_state_can_be_destroyed(open: Open<'_>) {
    let leave: [fn(&mut dyn Store); 3] = [
        |_| {},
        |store| store.suspend().unwrap(),
        // A key that is too long closes it.
        |store| assert!(store.apply(&[put(Table::Call, &[0; limits::STORE_KEY + 1], b"")]).is_err()),
    ];
    for state in leave {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let mut store = open(&path).unwrap();
        store.apply(&[put(Table::Call, b"x", b"1")]).unwrap();
        store.barrier().unwrap();
        store.apply(&[put(Table::Call, b"y", b"2")]).unwrap();
        state(&mut *store);
        store.destroy().unwrap();
        // What may be there by now is another store, of which this handle knows nothing.
        let mut next = open(&path).unwrap();
        assert!(dump(&*next).unwrap().is_empty());
        next.apply(&[put(Table::Call, b"z", b"3")]).unwrap();
        next.suspend().unwrap();
        assert_eq!(store.destroy(), Err(StoreError::Closed));
        next.resume().unwrap();
        assert_eq!(get(&*next, Table::Call, b"z").unwrap(), b"3");
    }
}

pub fn what_another_handle_has_open_is_not_destroyed(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut one = open(&path).unwrap();
    one.apply(&[put(Table::Call, b"x", b"1")]).unwrap();
    one.suspend().unwrap();
    let mut two = open(&path).unwrap();
    assert_eq!(one.destroy(), Err(StoreError::Locked));
    assert_eq!(get(&*two, Table::Call, b"x").unwrap(), b"1");
    two.suspend().unwrap();
    assert_eq!(one.resume(), Ok(false), "it was suspended before, and is");
    one.suspend().unwrap();
    one.destroy().unwrap();
    two.resume().unwrap();
    assert!(dump(&*two).unwrap().is_empty());
}

pub fn a_long_life_matches_the_model(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut store = open(&path).unwrap();
    let mut expected = super::Model::new();
    let mut rng = Rng::from_seed([6; 32]);
    for batch in day(7, 400) {
        store.apply(&batch).unwrap();
        change(&mut expected, &batch);
        match rng.below(40) {
            0..4 => store.barrier().unwrap(),
            4 => {
                store.barrier().unwrap();
                drop(store);
                store = open(&path).unwrap();
            }
            5 => {
                store.suspend().unwrap();
                assert_eq!(store.resume(), Ok(false));
            }
            6..10 => {
                store.compact(10_000).unwrap();
            }
            10 => while store.compact(50_000).unwrap() == Progress::More {},
            11..14 => assert!(dump(&*store).unwrap() == expected),
            _ => {}
        }
    }
    assert!(dump(&*store).unwrap() == expected);
    store.verify().unwrap();
    let live: usize = expected.iter().map(|((_, key), value)| key.len() + value.len()).sum();
    assert!(store.size().unwrap() >= live as u64 / 2, "the size is that of the rows, or of the files that hold them");
}

fn everything() -> KeyRange<'static> {
    KeyRange { from: &[], to: &[] }
}
