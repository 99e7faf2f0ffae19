//! Each flaw of sled, once with its guard and once without: the failure must show, or the test proves nothing.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use super::power::PowerDisk;
use super::*;
use crate::rng::Rng;
use crate::store::conformance::{change, child, copy_all, day, states};

/// Point 1. Without our lock a second process clears away the copy that the first is making, before sled's own lock
/// refuses it on Linux. On phones sled has none.
#[test]
fn a_second_process_is_stopped_before_it_touches_anything() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(dir.path()).unwrap();
    day(41, 40).iter().for_each(|batch| store.apply(batch).unwrap());
    assert_eq!(store.compact(1_000).unwrap(), Progress::More);
    let copy = dir.path().join("rows.2");
    assert_eq!(SledStore::open(dir.path()).err(), Some(StoreError::Locked));
    assert!(copy.is_dir());

    let without = Settings { own_lock: false, ..Settings::product() };
    assert!(SledStore::open_with(dir.path(), without).is_err());
    assert!(!copy.exists(), "without the guard this guards nothing");
}

/// Point 2, first half. Sled takes the file that it was writing when it was killed for its snapshot.
#[test]
fn an_interrupted_snapshot_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(dir.path()).unwrap();
    let batches = day(42, 10);
    batches.iter().for_each(|batch| store.apply(batch).unwrap());
    drop(store);
    fs::write(dir.path().join("rows.1").join("snap.00000000000FFFFF.generating"), [7; 40]).unwrap();

    let without = Settings { clear_leftovers: false, ..Settings::product() };
    assert!(rows_in(dir.path(), &without).is_err(), "without the guard sled opens as well");
    assert!(rows_in(dir.path(), &Settings::product()).unwrap() == states(&batches)[10]);
}

/// Runs a day on a disk whose power is cut after every barrier, and says how often something barred was lost.
fn lost_to_power_cuts(change: impl Fn(&mut Settings)) -> usize {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let root = dir.path().join("store");
    fs::create_dir(&root).unwrap();
    let disk = PowerDisk::new(&root);
    let mut settings = disk.settings();
    change(&mut settings);
    let mut store = SledStore::open_with(&root, settings.clone()).unwrap();
    let batches = day(43, 40);
    let states = states(&batches);
    let mut lost = 0;
    for (number, batch) in batches.iter().enumerate() {
        store.apply(batch).unwrap();
        store.barrier().unwrap();
        if number % 10 == 9 {
            store.suspend().unwrap();
            store.resume().unwrap();
        }
        let left = dir.path().join(format!("cut {number}"));
        disk.cut(&left);
        lost += usize::from(rows_in(&left, &Settings::product()) != Ok(states[number + 1].clone()));
    }
    lost
}

/// Point 2, second half, and point 3.
#[test]
fn what_was_barred_outlives_a_power_cut() {
    assert_eq!(lost_to_power_cuts(|_| ()), 0);
    assert!(lost_to_power_cuts(|settings| settings.sync_opened = false) > 20, "sled syncs its names itself");
    assert!(lost_to_power_cuts(|settings| settings.sync_flushed = false) > 20, "sled's flush is durable by itself");
}

/// Point 4. What is over the limits of rows goes to a file of its own, which is lost with the power.
#[test]
fn rows_within_the_limits_stay_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(dir.path()).unwrap();
    for turn in 0..10 {
        let rows = (0..limits::STORE_BATCH).map(|row| Op {
            table: Table::Mls,
            key: (row * 7 % 1_000).to_be_bytes().repeat(8),
            value: Some(vec![turn; limits::STORE_VALUE]),
        });
        store.apply(&rows.collect::<Vec<_>>()).unwrap();
        store.barrier().unwrap();
        assert_eq!(store.handle.read(|session| session.tree.has_blobs()), Ok(false));
    }
    drop(store);

    let root = dir.path().join("large");
    fs::create_dir(&root).unwrap();
    let disk = PowerDisk::new(&root);
    let mut tree = Tree::open(&root.join("tree"), &disk.settings()).unwrap();
    let mut batch = Batch::default();
    batch.insert(b"key".as_slice(), vec![7; 200_000]);
    tree.apply(batch).unwrap();
    tree.flush().unwrap();
    assert_eq!(tree.has_blobs(), Ok(true), "without the limit this limits nothing");
    drop(tree);
    disk.cut(&dir.path().join("cut"));
    let left = Tree::open(&dir.path().join("cut").join("tree"), &Settings::product());
    assert_ne!(left.and_then(|tree| tree.get(b"key")), Ok(Some(vec![7; 200_000])));
}

/// Point 5. A child of each kind writes 60 MB and says how much memory it has used and whether a thread wakes up.
#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_and_nothing_runs_by_itself() {
    let name = concat!(module_path!(), "::memory_is_bounded_and_nothing_runs_by_itself");
    if let Some(task) = child::task() {
        let cache = if task == "bounded" { Settings::product().cache } else { 1 << 30 };
        return use_memory(cache);
    }
    let dir = tempfile::tempdir().unwrap();
    let used = |task| {
        let words = child::run(Command::new("sh"), &format!(r#"task {task} "$@""#), name, dir.path(), 1);
        let number = words.split("kB used: ").nth(1).and_then(|rest| rest.split_whitespace().next());
        number.and_then(|number| number.parse::<u64>().ok()).unwrap_or_else(|| panic!("{words}"))
    };
    let (bounded, unbounded) = (used("bounded"), used("unbounded"));
    assert!(bounded < 70_000, "{bounded} kB used with 16 MB of pages");
    assert!(unbounded > bounded + 25_000, "{unbounded} kB used without a bound, {bounded} with");
}

fn use_memory(cache: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SledStore::open_with(dir.path(), Settings { cache, ..Settings::product() }).unwrap();
    for turn in 0..1_500_u32 {
        let op = |row: u32| Op {
            table: Table::Mls,
            key: (turn * 100 + row).to_be_bytes().to_vec(),
            value: Some(vec![7; 400]),
        };
        store.apply(&(0..100).map(op).collect::<Vec<_>>()).unwrap();
        if turn % 10 == 9 {
            store.barrier().unwrap();
        }
    }
    for thread in fs::read_dir("/proc/self/task").unwrap() {
        let name = fs::read_to_string(thread.unwrap().path().join("comm")).unwrap_or_default();
        assert!(!name.contains("flusher"), "{name}");
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let used = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    println!("kB used: {}", used.trim());
}

/// Point 6, first half: after a failed write sled shows half a batch. (That reading and writing exclude each other is
/// shown by the documentation of [`Store`], whose example must not compile.)
#[test]
#[cfg(target_os = "linux")]
fn nothing_is_read_after_a_failed_write() {
    let name = concat!(module_path!(), "::nothing_is_read_after_a_failed_write");
    if child::task().is_some() {
        return fail_to_write();
    }
    let dir = tempfile::tempdir().unwrap();
    let script = format!(r#"{}; task fail "$@""#, child::SMALL_FILES);
    let words = child::run(Command::new("sh"), &script, name, dir.path(), 1);
    assert!(words.contains("half a batch"), "{words}");
}

fn fail_to_write() {
    let mut tree = Tree::open(&child::dir().join("tree"), &Settings::product()).unwrap();
    let rows = |number: u32| (0..300_u32).map(move |row| (row.to_be_bytes(), [number.to_be_bytes(); 900].concat()));
    let failed = (0..1_000).find(|&number| {
        let mut batch = Batch::default();
        rows(number).for_each(|(key, value)| batch.insert(&key, value));
        tree.apply(batch).and_then(|()| tree.flush()).is_err()
    });
    let failed = failed.expect("the disk is too small");
    let new = rows(failed).filter(|(key, value)| tree.get(key).ok().flatten().as_ref() == Some(value)).count();
    println!("{new} of 300 rows are visible{}", if (1..300).contains(&new) { ": half a batch" } else { "" });
}

/// Point 6, second half: sled asserts what it reads from its files, here from a log without a snapshot, as a killed
/// process leaves it.
#[test]
fn a_panic_on_damaged_files_becomes_an_error() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (whole, copy) = (dir.path().join("whole"), dir.path().join("copy"));
    let mut store = SledStore::open(dir.path().join("store")).unwrap();
    day(44, 250).iter().for_each(|batch| store.apply(batch).unwrap());
    store.barrier().unwrap();
    copy_all(&dir.path().join("store"), &whole);
    drop(store);
    for entry in fs::read_dir(whole.join("rows.1")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
            fs::remove_file(path).unwrap();
        }
    }
    let log = fs::read(whole.join("rows.1").join("db")).unwrap();
    let without = Settings { catch_panics: false, ..Settings::product() };
    let mut panics = 0;
    for at in (0..log.len()).step_by(log.len() / 40) {
        copy_all(&whole, &copy);
        let mut damaged = log.clone();
        damaged[at] ^= 0x55;
        fs::write(copy.join("rows.1").join("db"), damaged).unwrap();
        if catch_unwind(AssertUnwindSafe(|| rows_in(&copy, &without).is_ok())).is_err() {
            panics += 1;
            assert!(matches!(rows_in(&copy, &Settings::product()), Err(StoreError::Corrupt(_))));
        }
        fs::remove_dir_all(&copy).unwrap();
    }
    assert!(panics > 0, "without the guard sled panics never");
}

/// Rows of up to 4 KiB, some of them deleted.
fn large_batch(rng: &mut Rng) -> Vec<Op> {
    let mut row = |_| {
        (rng.below(1_500) as u32, (rng.below(8) > 0).then(|| vec![rng.below(256) as u8; rng.below(4_097) as usize]))
    };
    let rows: BTreeMap<_, _> = (0..300).map(&mut row).collect();
    rows.into_iter().map(|(key, value)| Op { table: Table::Mls, key: key.to_be_bytes().to_vec(), value }).collect()
}

/// Writes large batches on a disk whose power is cut in the middle of every sync, reads between them, and says how often
/// what is left is not what the last batches gave: any of those since the last sync.
fn spoiled_by_torn_syncs(settings: Settings) -> usize {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (root, torn) = (dir.path().join("store"), dir.path().join("torn"));
    fs::create_dir(&root).unwrap();
    let disk = PowerDisk::new(&root);
    let settings = Settings { syncs: disk.clone(), ..settings };
    let mut store = SledStore::open_with(&root, settings.clone()).unwrap();
    let mut rng = Rng::from_seed([45; 32]);
    let mut states = vec![Model::new()];
    disk.tear(&torn, Rng::from_seed([46; 32]));
    // What may be lost: with the guard, the batch that is being synced.
    let most = if settings.sync_batches { 1 } else { 8 };
    let spoils = |states: &[Model]| {
        let left = Settings { syncs: Arc::new(Disk), ..settings.clone() };
        let rows = torn.exists().then(|| rows_in(&torn, &left));
        let _ = fs::remove_dir_all(&torn);
        let may_be = &states[states.len().saturating_sub(1 + most)..];
        usize::from(rows.is_some_and(|rows| !rows.is_ok_and(|rows| may_be.contains(&rows))))
    };
    let mut spoiled = 0;
    for number in 1..=48 {
        let batch = large_batch(&mut rng);
        store.apply(&batch).unwrap();
        spoiled += spoils(&states);
        let mut state = states.last().unwrap().clone();
        change(&mut state, &batch);
        states.push(state);
        if number % 8 == 0 {
            store.barrier().unwrap();
            spoiled += spoils(&states);
        }
        if number % 3 == 0 {
            assert!(dump(&store).unwrap() == *states.last().unwrap());
            spoiled += spoils(&states);
        }
    }
    spoiled
}

/// Point 8.
#[test]
fn a_power_cut_in_the_middle_of_a_sync_costs_the_last_batch_alone() {
    assert_eq!(spoiled_by_torn_syncs(Settings::product()), 0);
    let without = Settings { sync_batches: false, ..Settings::product() };
    assert!(spoiled_by_torn_syncs(without) > 0, "sled finds the end of its log by itself");
}

/// Point 8: sled splits and merges its pages when they are read. Says whether all that it wrote in doing so is durable,
/// and how many blocks it changed.
fn written_by_reading(settings: Settings) -> (bool, usize) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    fs::create_dir(&root).unwrap();
    let disk = PowerDisk::new(&root);
    let mut store = SledStore::open_with(&root, Settings { syncs: disk.clone(), ..settings }).unwrap();
    let op = |number: u32, kept: bool| Op {
        table: Table::Mls,
        key: (number * 7 % 3_000).to_be_bytes().to_vec(),
        value: kept.then(|| vec![number as u8; limits::STORE_VALUE]),
    };
    let rows: Vec<_> = (0..3_000).map(|number| op(number, true)).collect();
    let most: Vec<_> = (0..3_000).filter(|number| number % 5 > 0).map(|number| op(number, false)).collect();
    rows.chunks(limits::BATCH).chain(most.chunks(limits::BATCH)).for_each(|batch| store.apply(batch).unwrap());
    store.barrier().unwrap();
    let log = root.join("rows.1").join("db");
    let before = fs::read(&log).unwrap();
    assert_eq!(dump(&store).unwrap().len(), 600);
    // A thread of sled's writes, perhaps after the last row was read.
    let durable = (0..200).any(|_| {
        crate::store::files::pause(5);
        store.read().unwrap().get(Table::Mls, b"any").unwrap();
        let cut = dir.path().join("cut");
        let _ = fs::remove_dir_all(&cut);
        disk.cut(&cut);
        fs::read(cut.join("rows.1").join("db")).unwrap() == fs::read(&log).unwrap()
    });
    let after = fs::read(&log).unwrap();
    let changed = before.chunks(4_096).zip(after.chunks(4_096)).filter(|(before, after)| before != after).count();
    (durable, changed)
}

#[test]
fn what_sled_writes_when_it_is_read_is_durable_as_well() {
    let (durable, changed) = written_by_reading(Settings::product());
    assert!(durable && changed > 100, "{changed} blocks");
    let (durable, changed) = written_by_reading(Settings { sync_batches: false, ..Settings::product() });
    assert!(!durable && changed > 100, "{changed} blocks");
}

/// Point 8: opening, sled overwrites parts of the log that its end makes needless; it must be durable by then.
#[test]
fn the_log_is_durable_before_sled_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(dir.path().join("store")).unwrap();
    let mut rng = Rng::from_seed([48; 32]);
    (0..20).for_each(|_| store.apply(&large_batch(&mut rng)).unwrap());
    // As a killed process leaves it.
    let (root, record) = (dir.path().join("killed"), dir.path().join("record"));
    copy_all(&dir.path().join("store"), &root);
    let log = Path::new("rows.1").join("db");
    let left = fs::read(root.join(&log)).unwrap();
    let opened = |settings: &dyn Fn(Settings) -> Settings| {
        let _ = fs::remove_dir_all(&record);
        let disk = PowerDisk::new(&root);
        disk.record(&record);
        drop(SledStore::open_with(&root, settings(disk.settings())).unwrap());
        let synced = (0..disk.recorded()).map(|n| fs::read(record.join(n.to_string()).join("killed").join(&log)));
        synced.flatten().next().is_some_and(|first| first == left)
    };
    assert!(opened(&|settings| settings));
    assert!(!opened(&|settings| Settings { sync_opened: false, ..settings }), "without the guard this guards nothing");
}
