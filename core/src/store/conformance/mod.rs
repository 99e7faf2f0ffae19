//! What every engine of storage must do, as tests that take the engine as an argument.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes one `#[test]` of each case. An engine that keeps files also
//! runs [`conformance_file_tests!`](crate::conformance_file_tests).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "these are tests, compiled only for tests; the names of the cases say what they check"
)]

pub mod child;
pub mod files;
pub mod full;
pub mod rows;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Batch, Direction, KeyRange, Op, Store, Table};
use crate::error::StoreError;
use crate::rng::Rng;

/// Opens the engine under test at a path below a fresh directory.
pub type Open<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn Store>, StoreError>;

/// Makes a `#[test]` of every case of [`rows`]; the argument is an expression that gives a fresh opener.
#[macro_export]
macro_rules! conformance_tests {
    ($open:expr) => {
        $crate::conformance_tests!(@rows $open;
            keys_are_in_byte_order, tables_are_apart, scans_match_a_sorted_map, a_batch_is_whole_or_refused,
            rows_at_the_limits_fit, what_was_barred_survives, without_a_barrier_a_prefix_survives,
            suspending_gives_way, a_second_handle_is_locked_out, compaction_keeps_everything,
            destroying_leaves_an_empty_place, a_store_in_any_state_can_be_destroyed,
            what_another_handle_has_open_is_not_destroyed, a_long_life_matches_the_model,
        );
    };
    (@$cases:ident $open:expr; $($case:ident),+ $(,)?) => {$(
        #[test]
        fn $case() {
            $crate::store::conformance::$cases::$case(&$open);
        }
    )+};
}

/// Makes a `#[test]` of every case of [`files`].
#[macro_export]
macro_rules! conformance_file_tests {
    ($open:expr) => {
        $crate::conformance_tests!(@files $open;
            a_path_that_is_a_file_is_refused, a_copy_of_the_open_files_holds_a_prefix,
            a_truncated_file_is_noticed, a_flipped_byte_is_noticed, destroying_removes_every_file,
        );

        #[cfg(target_os = "linux")]
        #[test]
        fn a_full_disk_is_told_and_loses_nothing() {
            let name = concat!(module_path!(), "::a_full_disk_is_told_and_loses_nothing");
            $crate::store::conformance::full::a_full_disk_is_told_and_loses_nothing(&$open, name);
        }
    };
}

/// The rows that a store should hold.
pub(crate) type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

pub(crate) fn change(model: &mut Model, batch: &[Op]) {
    for op in batch {
        let place = (op.table, op.key.clone());
        match &op.value {
            Some(value) => model.insert(place, value.clone()),
            None => model.remove(&place),
        };
    }
}

/// Everything in a store.
pub(crate) fn dump(store: &dyn Store) -> Result<Model, StoreError> {
    let view = store.read()?;
    let mut model = Model::new();
    for table in Table::ALL {
        for (key, value) in view.scan(table, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)? {
            assert!(model.insert((table, key), value).is_none(), "a scan gives every row once");
        }
    }
    Ok(model)
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Op {
    Op { table, key: key.to_vec(), value: Some(value.to_vec()) }
}

fn delete(table: Table, key: &[u8]) -> Op {
    Op { table, key: key.to_vec(), value: None }
}

fn get(store: &dyn Store, table: Table, key: &[u8]) -> Option<Vec<u8>> {
    store.read().unwrap().get(table, key).unwrap()
}

/// Batches as an engine's day makes them: a few rows each, some written over, some deleted, some large.
pub(crate) fn day(seed: u8, batches: usize) -> Vec<Batch> {
    let mut rng = Rng::from_seed([seed; 32]);
    (0..batches).map(|_| a_batch(&mut rng)).collect()
}

fn a_batch(rng: &mut Rng) -> Batch {
    let tables = [Table::Meta, Table::Message, Table::Mls, Table::Timer, Table::Overflow];
    let mut batch = BTreeMap::new();
    for _ in 0..=rng.below(11) {
        let table = tables[rng.below(tables.len() as u64) as usize];
        let mut key = vec![rng.below(12) as u8; 1 + 8 * rng.below(7) as usize];
        key[0] = rng.below(256) as u8;
        let length = if rng.below(10) == 0 { 4096 } else { rng.below(400) };
        let mut value = vec![0; length as usize];
        rng.fill(&mut value);
        batch.insert((table, key), (rng.below(4) > 0).then_some(value));
    }
    batch.into_iter().map(|((table, key), value)| Op { table, key, value }).collect()
}

/// What the store should hold before the first batch, and after each.
pub(crate) fn states(batches: &[Batch]) -> Vec<Model> {
    let mut states = vec![Model::new()];
    for batch in batches {
        let mut next = states.last().unwrap().clone();
        change(&mut next, batch);
        states.push(next);
    }
    states
}

/// How many batches of the day the rows show, or a panic when it is no prefix.
fn prefix(states: &[Model], rows: &Model) -> usize {
    states.iter().rposition(|state| state == rows).expect("the store holds a prefix of the batches")
}

/// Every file below a directory.
pub(crate) fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.append(&mut all_files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// Copies a directory with all below it.
pub(crate) fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy_all(&from, &to) } else { assert!(fs::copy(&from, &to).is_ok()) }
    }
}
