//! Compaction gives space back and can be interrupted anywhere.

use super::power::PowerDisk;
use super::*;
use crate::store::conformance::{change, day, states};

fn row(number: usize) -> Op {
    Op { table: Table::Call, key: number.to_be_bytes().to_vec(), value: Some(vec![number as u8; 4_000]) }
}

/// Point 7: without compaction the files stay as large as ever, however often the store is opened.
#[test]
fn only_compaction_gives_the_space_of_deleted_rows_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(dir.path()).unwrap();
    (0..2_000).for_each(|number| store.apply(&[row(number)]).unwrap());
    (10..2_000).for_each(|number| store.apply(&[Op { value: None, ..row(number) }]).unwrap());
    for _ in 0..3 {
        store.suspend().unwrap();
        store.resume().unwrap();
    }
    let before = store.size().unwrap();
    assert!(before > 8_000_000, "{before} bytes for 40,000");
    while store.compact(10_000).unwrap() == Progress::More {}
    let after = store.size().unwrap();
    assert!(after < 1_600_000, "{before} bytes became {after}");
    assert_eq!(dump(&store).unwrap().len(), 10);
}

/// Runs a day with compactions in it on a disk that records what a crash of the process and a power cut would leave at
/// every sync, and opens all of that.
#[test]
fn a_crash_or_power_cut_at_any_step_leaves_a_whole_store() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (root, record) = (dir.path().join("store"), dir.path().join("record"));
    std::fs::create_dir(&root).unwrap();
    let disk = PowerDisk::new(&root);
    disk.record(&record);
    let batches = day(31, 36);
    let mut store = SledStore::open_with(&root, disk.settings()).unwrap();
    // For every recorded sync: how many batches were barred before it.
    let (mut barred_before, mut barred) = (vec![0; disk.recorded()], 0);
    let mut compactions = 0;
    for (number, batch) in batches.iter().enumerate() {
        store.apply(batch).unwrap();
        if number % 2 == 0 {
            store.barrier().unwrap();
            barred_before.resize(disk.recorded(), barred);
            barred = number + 1;
        }
        if number > 10 {
            let done = store.compact(3_000).unwrap() == Progress::Done;
            barred_before.resize(disk.recorded(), barred);
            // The copy is durable with everything applied.
            barred = if done { number + 1 } else { barred };
            compactions += usize::from(done);
        }
    }
    drop(store);
    assert!(compactions >= 2, "{compactions} compactions");

    let states = states(&batches);
    for (sync, barred) in barred_before.iter().enumerate() {
        for what in ["killed", "cut"] {
            let files = record.join(sync.to_string()).join(what);
            let rows = rows_in(&files, &Settings::product());
            let rows = rows.unwrap_or_else(|error| panic!("{what} at sync {sync}: {error:?}"));
            let kept = states.iter().rposition(|state| *state == rows);
            assert!(kept.is_some_and(|kept| kept >= *barred), "{what} at sync {sync}: {kept:?} of {barred} batches");
        }
    }
}

#[test]
fn a_copy_goes_on_after_the_store_was_suspended() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(dir.path()).unwrap();
    let batches = day(32, 80);
    batches[..60].iter().for_each(|batch| store.apply(batch).unwrap());
    let mut steps = 0;
    for batch in &batches[60..] {
        assert_eq!(store.compact(1_000).unwrap(), Progress::More);
        store.suspend().unwrap();
        assert_eq!(store.resume(), Ok(false));
        store.apply(batch).unwrap();
        steps += 1;
    }
    let cursor_before = store.handle.read(|session| Ok(session.rewrite.as_ref().unwrap().cursor().to_vec())).unwrap();
    assert!(cursor_before > vec![1], "after {steps} steps the copy has come beyond the first table");
    while store.compact(1_000).unwrap() == Progress::More {}
    assert!(dump(&store).unwrap() == states(&batches)[80]);
    drop(store);
    assert!(rows_in(dir.path(), &Settings::product()).unwrap() == states(&batches)[80]);
}

#[test]
fn a_copy_is_given_up_when_another_process_was_here() {
    for writes in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SledStore::open(dir.path()).unwrap();
        let batches = day(33, 60);
        batches[..50].iter().for_each(|batch| store.apply(batch).unwrap());
        assert_eq!(store.compact(2_000).unwrap(), Progress::More);
        store.suspend().unwrap();

        let mut expected = states(&batches).swap_remove(50);
        let mut other = SledStore::open(dir.path()).unwrap();
        if writes {
            other.apply(&batches[50]).unwrap();
            change(&mut expected, &batches[50]);
        }
        while writes && other.compact(1 << 20).unwrap() == Progress::More {}
        drop(other);

        assert_eq!(store.resume(), Ok(writes));
        while store.compact(2_000).unwrap() == Progress::More {}
        assert!(dump(&store).unwrap() == expected);
        drop(store);
        assert!(rows_in(dir.path(), &Settings::product()).unwrap() == expected);
    }
}
