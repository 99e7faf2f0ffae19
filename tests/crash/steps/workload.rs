//! Numbered batches, made from a seed: what a store must hold after each of them is known.

use std::collections::BTreeMap;

use undertone::error::StoreError;
use undertone::limits;
use undertone::rng::Rng;
use undertone::store::{Direction, KeyRange, Op, Store, Table};

/// The row that every batch writes: its number, 8 bytes big-endian.
const COUNTER: &[u8] = b"counter";
/// A batch deletes rows of the batch this many before it.
const LIFE: u64 = 40;
/// Every so many batches there is one of the largest size.
const LARGE_EVERY: u64 = 23;
/// Rows that are written again and again, as the pages of a ratchet are.
const HOT: u64 = 7;

/// The batch with this number, from 1.
pub fn batch(seed: u64, number: u64) -> Vec<Op> {
    let mut rng = rng(seed, number);
    let put = |table, key: Vec<u8>, value| Op { table, key, value: Some(value) };
    let mut ops = vec![put(Table::Meta, COUNTER.to_vec(), number.to_be_bytes().to_vec())];
    let hot = number % HOT;
    ops.push(put(Table::Mls, hot.to_be_bytes().to_vec(), fill(&mut rng, limits::STORE_VALUE)));
    let rows = if number.is_multiple_of(LARGE_EVERY) { 300 } else { 4 + rng.below(12) };
    for row in 0..rows {
        let longest = if rng.below(16) == 0 { limits::STORE_VALUE } else { 700 };
        let length = rng.below(longest as u64 + 1) as usize;
        ops.push(put(Table::Message, key(number, row), fill(&mut rng, length)));
    }
    // Rows of an old batch go: all of them at times, so that one that comes back would be seen.
    if let Some(old) = number.checked_sub(LIFE).filter(|old| *old > 0) {
        let some = 4 + rng.below(60);
        ops.extend((0..some).map(|row| Op { table: Table::Message, key: key(old, row), value: None }));
    }
    ops.truncate(limits::BATCH);
    ops
}

/// The number of the last batch in a store; 0 when it is empty.
pub fn last_batch(store: &dyn Store) -> Result<u64, StoreError> {
    let counter = store.read()?.get(Table::Meta, COUNTER)?;
    let bytes = counter.map(|bytes| bytes.try_into().map_err(|_| StoreError::Corrupt("counter")));
    bytes.transpose().map(|bytes| bytes.map_or(0, u64::from_be_bytes))
}

/// `Err` with the first difference between a store and what it must hold after the batches up to `number`.
pub fn compare(store: &dyn Store, seed: u64, number: u64) -> Result<(), String> {
    let mut expected = BTreeMap::new();
    for op in (1..=number).flat_map(|n| batch(seed, n)) {
        match op.value {
            Some(value) => expected.insert((op.table, op.key), value),
            None => expected.remove(&(op.table, op.key)),
        };
    }
    let mut found = 0;
    for table in Table::ALL {
        found += compare_table(store, table, &expected)?;
    }
    if found == expected.len() { Ok(()) } else { Err(format!("{found} rows where {} belong", expected.len())) }
}

/// Compares the rows of one table, which are counted.
fn compare_table(
    store: &dyn Store,
    table: Table,
    expected: &BTreeMap<(Table, Vec<u8>), Vec<u8>>,
) -> Result<usize, String> {
    let view = store.read().map_err(|e| e.to_string())?;
    let (mut from, mut found) = (Vec::new(), 0);
    loop {
        let range = KeyRange { from: &from, to: &[] };
        let rows = view.scan(table, range, Direction::Forward, 100).map_err(|e| e.to_string())?;
        let Some((last, _)) = rows.last() else { return Ok(found) };
        from = [last.as_slice(), &[0]].concat();
        found += rows.len();
        for (key, value) in rows {
            match expected.get(&(table, key.clone())) {
                Some(right) if *right == value => {}
                Some(_) => return Err(format!("row {key:?} of {table:?} has another value")),
                None => return Err(format!("row {key:?} of {table:?} should not be there")),
            }
        }
    }
}

/// A generator for one batch, and for nothing else.
pub fn rng(seed: u64, number: u64) -> Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes[8..16].copy_from_slice(&number.to_be_bytes());
    Rng::from_seed(bytes)
}

fn key(number: u64, row: u64) -> Vec<u8> {
    [number.to_be_bytes(), row.to_be_bytes()].concat()
}

fn fill(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use undertone::store::{MemoryDisk, MemoryStore};

    fn store(batches: u64) -> MemoryStore {
        let mut store = MemoryStore::open(&MemoryDisk::new()).unwrap();
        (1..=batches).for_each(|n| store.apply(&batch(7, n)).unwrap());
        store
    }

    #[test]
    fn a_store_equals_its_own_batches_and_no_others() {
        let store = store(100);
        assert_eq!(last_batch(&store), Ok(100));
        assert_eq!(compare(&store, 7, 100), Ok(()));
        assert!(compare(&store, 7, 99).is_err());
        assert!(compare(&store, 8, 100).is_err());
    }

    #[test]
    fn one_changed_or_missing_row_is_noticed() {
        for value in [Some(vec![1]), None] {
            let mut store = store(60);
            store.apply(&[Op { table: Table::Message, key: key(60, 0), value }]).unwrap();
            assert!(compare(&store, 7, 60).is_err());
        }
    }
}
