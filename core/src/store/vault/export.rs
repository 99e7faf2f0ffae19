//! Moving a store into another engine of storage.

use sha2::{Digest, Sha256};

use super::{KEY_ROW, MOVED_ROW, ROOT_ROW, read_row};
use crate::error::StoreError;
use crate::limits;
use crate::store::{Direction, KeyRange, Op, Progress, Row, Store, Table};

/// Row of the target's [`Table::Meta`] while rows are copied: `origin (32) · table (1) · next key`.
const CURSOR: &[u8] = b"vault.export";

/// Moves all rows from `source` into `target`, which is empty at first, about `budget` bytes a call. Call it until it
/// answers [`Progress::Done`], on the same two stores, whatever happens in between. Then destroy the source: its rows
/// without content can still be read with the host's key.
///
/// The target does not open before it has everything. From then on the source does not open any more: two copies that
/// are both used would encrypt with the same keys.
///
/// # Errors
/// [`StoreError::Path`] when the target holds something else; [`StoreError::Corrupt`] when the source is no sealed store;
/// else what either store fails with. Open both again and go on.
pub fn export(source: &mut dyn Store, target: &mut dyn Store, budget: u64) -> Result<Progress, StoreError> {
    if let Some(key_row) = read_row(source, MOVED_ROW)? {
        return arrive(source, target, key_row);
    }
    let root = read_row(source, ROOT_ROW)?.ok_or(StoreError::Corrupt("root row"))?;
    let key_row = read_row(source, KEY_ROW)?.ok_or(StoreError::Corrupt("key row"))?;
    let origin = Sha256::digest(&root).into();
    let mut cursor = match read_row(target, CURSOR)? {
        Some(row) => Cursor::decode(&row)?,
        None if is_empty(target)? => Cursor { origin, table: Table::ALL[0], key: Vec::new() },
        None => return Err(StoreError::Path("not empty")),
    };
    if cursor.origin != origin {
        return clear(target);
    }
    let mut copied = 0;
    while copied < budget {
        let Some(bytes) = cursor.copy(source, target)? else {
            target.barrier()?;
            leave(source, key_row.clone())?;
            return arrive(source, target, key_row);
        };
        copied += bytes;
    }
    target.barrier()?;
    Ok(Progress::More)
}

/// How far the copy has come.
struct Cursor {
    /// The state of the source that is copied.
    origin: [u8; 32],
    table: Table,
    key: Vec<u8>,
}

impl Cursor {
    fn decode(row: &[u8]) -> Result<Cursor, StoreError> {
        let parts = row.split_first_chunk().and_then(|(origin, rest)| {
            let (byte, key) = rest.split_first()?;
            let table = Table::ALL.into_iter().find(|table| table.byte() == *byte)?;
            Some(Cursor { origin: *origin, table, key: key.to_vec() })
        });
        parts.ok_or(StoreError::Corrupt("cursor"))
    }

    fn encode(&self) -> Vec<u8> {
        [self.origin.as_slice(), &[self.table.byte()], &self.key].concat()
    }

    /// Copies some rows, and says how many bytes; `None` when nothing is left.
    fn copy(&mut self, source: &dyn Store, target: &mut dyn Store) -> Result<Option<u64>, StoreError> {
        let Some(rows) = self.next_rows(source)? else { return Ok(None) };
        let bytes = rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
        let mut batch: Vec<Op> = rows.into_iter().map(|(key, value)| put(self.table, key, value)).collect();
        // Until this row is there, the target does not open.
        batch.retain(|op| (op.table, op.key.as_slice()) != (Table::Meta, KEY_ROW));
        batch.push(put(Table::Meta, CURSOR.to_vec(), self.encode()));
        target.apply(&batch)?;
        Ok(Some(bytes))
    }

    /// The next rows of the first table that has any left; moves behind them.
    fn next_rows(&mut self, source: &dyn Store) -> Result<Option<Vec<Row>>, StoreError> {
        let view = source.read()?;
        let current = self.table;
        for table in Table::ALL.into_iter().filter(|table| *table >= current) {
            if table > current {
                (self.table, self.key) = (table, Vec::new());
            }
            let range = KeyRange { from: &self.key, to: &[] };
            let rows = view.scan(table, range, Direction::Forward, limits::BATCH / 4)?;
            if let Some((last, _)) = rows.last() {
                self.key = [last, [0].as_slice()].concat();
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }
}

/// Closes the source for good; its key row stays for the case that the target has not got it yet.
fn leave(source: &mut dyn Store, key_row: Vec<u8>) -> Result<(), StoreError> {
    source.apply(&[
        Op { table: Table::Meta, key: KEY_ROW.to_vec(), value: None },
        put(Table::Meta, MOVED_ROW.to_vec(), key_row),
    ])?;
    source.barrier()
}

/// Makes the target a whole store.
fn arrive(source: &mut dyn Store, target: &mut dyn Store, key_row: Vec<u8>) -> Result<Progress, StoreError> {
    if read_row(target, KEY_ROW)?.is_none() {
        if read_row(target, CURSOR)?.is_none() {
            return Err(StoreError::Path("not the target that the rows were copied into"));
        }
        target.replace_keyring(&source.keyring()?.ok_or(StoreError::Corrupt("keyring"))?)?;
        target.apply(&[
            put(Table::Meta, KEY_ROW.to_vec(), key_row),
            Op { table: Table::Meta, key: CURSOR.to_vec(), value: None },
        ])?;
        target.barrier()?;
    }
    // What is deleted there from now on must not be readable here.
    source.replace_keyring(&[])?;
    Ok(Progress::Done)
}

/// Empties a target that was begun from another state of the source, the cursor last.
fn clear(target: &mut dyn Store) -> Result<Progress, StoreError> {
    let mut batch = Vec::new();
    for table in Table::ALL {
        let room = limits::BATCH - batch.len();
        let rows = target.read()?.scan(table, KeyRange { from: &[], to: &[] }, Direction::Forward, room)?;
        let doomed = rows.into_iter().filter(|(key, _)| (table, key.as_slice()) != (Table::Meta, CURSOR));
        batch.extend(doomed.map(|(key, _)| Op { table, key, value: None }));
    }
    if batch.is_empty() {
        batch.push(Op { table: Table::Meta, key: CURSOR.to_vec(), value: None });
    }
    target.apply(&batch)?;
    target.barrier()?;
    Ok(Progress::More)
}

fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    let view = store.read()?;
    for table in Table::ALL {
        if !view.scan(table, KeyRange { from: &[], to: &[] }, Direction::Forward, 1)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn put(table: Table, key: Vec<u8>, value: Vec<u8>) -> Op {
    Op { table, key, value: Some(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::store::{Effect, FaultPlan, HostKey, MemoryDisk, MemoryStore, Vault};

    fn vault(store: Box<dyn Store>) -> Result<Vault, StoreError> {
        Vault::open(store, &HostKey::from_bytes([1; 32]), &mut Rng::from_seed([2; 32]))
    }

    fn open(disk: &MemoryDisk) -> Box<dyn Store> {
        Box::new(MemoryStore::open(disk).unwrap())
    }

    /// Writes rows, some of several pieces.
    fn fill(store: Box<dyn Store>) {
        let mut vault = vault(store).unwrap();
        for number in 0..120_u8 {
            let table = [Table::Call, Table::Outbox, Table::Session][usize::from(number % 3)];
            let length = if table == Table::Outbox { 9_000 } else { 300 };
            vault.apply(&[put(table, vec![number; 24], vec![number; length])]).unwrap();
        }
        vault.suspend().unwrap();
    }

    fn check(store: Box<dyn Store>) {
        let vault = vault(store).unwrap();
        vault.verify().unwrap();
        assert_eq!(**vault.get(Table::Outbox, &[1; 24]).unwrap().unwrap(), [1; 9_000]);
        let range = KeyRange { from: &[], to: &[] };
        assert_eq!(vault.scan(Table::Call, range, Direction::Forward, 99).unwrap().len(), 40);
    }

    #[test]
    fn a_move_that_fails_or_crashes_anywhere_goes_on() {
        let original = MemoryDisk::new();
        fill(open(&original));
        let mut interrupted = 0;
        for side in 0..2 {
            for at in 0.. {
                let mut disks = [original.copy(), MemoryDisk::new()];
                let at = disks[side].operations() + at;
                disks[side].plan(Some(FaultPlan { at, error: StoreError::Full, effect: Effect::Done }));
                let mut done = false;
                let mut failed = false;
                for _ in 0..100 {
                    let mut stores = disks.each_ref().map(open);
                    let [source, target] = &mut stores;
                    match export(&mut **source, &mut **target, 20_000) {
                        Ok(Progress::Done) => done = true,
                        Ok(Progress::More) => {}
                        Err(error) => {
                            assert_eq!(error, StoreError::Full);
                            failed = true;
                            // And with it the power fails, and loses everything that was not barred.
                            disks = disks.each_ref().map(|disk| disk.crash(0));
                        }
                    }
                    if done {
                        break;
                    }
                }
                assert!(done);
                disks.iter().for_each(|disk| disk.plan(None));
                check(open(&disks[1]));
                assert_eq!(vault(open(&disks[0])).err(), Some(StoreError::Moved));
                if !failed {
                    break;
                }
                interrupted += 1;
            }
        }
        assert!(interrupted > 50, "{interrupted} failures");
    }

    #[test]
    fn a_half_moved_store_opens_at_the_source_and_not_at_the_target() {
        let (from, to) = (MemoryDisk::new(), MemoryDisk::new());
        fill(open(&from));
        let (mut source, mut target) = (open(&from), open(&to));
        assert_eq!(export(&mut *source, &mut *target, 50_000), Ok(Progress::More));
        drop((source, target));
        assert_eq!(vault(open(&to)).err(), Some(StoreError::Corrupt("key row")));
        // The source is used meanwhile, so the move begins anew.
        vault(open(&from)).unwrap().apply(&[put(Table::Session, b"new".to_vec(), b"row".to_vec())]).unwrap();
        let (mut source, mut target) = (open(&from), open(&to));
        while export(&mut *source, &mut *target, 50_000).unwrap() == Progress::More {}
        assert_eq!(export(&mut *source, &mut *target, 50_000), Ok(Progress::Done), "once more changes nothing");
        drop(target);
        let vault = vault(open(&to)).unwrap();
        vault.verify().unwrap();
        assert_eq!(**vault.get(Table::Session, b"new").unwrap().unwrap(), *b"row");
    }

    #[test]
    fn what_is_deleted_in_the_target_cannot_be_read_in_the_source() {
        let (from, to) = (MemoryDisk::new(), MemoryDisk::new());
        fill(open(&from));
        while export(&mut *open(&from), &mut *open(&to), 50_000).unwrap() == Progress::More {}
        assert_eq!(from.keyring(), Some(Vec::new()));
        assert_eq!(export(&mut *open(&from), &mut *open(&to), 50_000), Ok(Progress::Done));
        check(open(&to));
    }

    #[test]
    fn a_target_with_other_rows_is_refused() {
        let (from, to) = (MemoryDisk::new(), MemoryDisk::new());
        fill(open(&from));
        fill(open(&to));
        let before = to.rows();
        assert_eq!(export(&mut *open(&from), &mut *open(&to), 1), Err(StoreError::Path("not empty")));
        assert!(to.rows() == before);
    }

    #[cfg(all(feature = "sled", feature = "sqlite"))]
    #[test]
    fn a_store_moves_from_sqlite_to_sled_and_back() {
        use crate::store::{SledStore, SqliteStore};
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        fill(Box::new(SqliteStore::open(place("one"), 0).unwrap()));
        let mut one = SqliteStore::open(place("one"), 0).unwrap();
        let mut two = SledStore::open(place("two")).unwrap();
        let mut three = SqliteStore::open(place("three"), 0).unwrap();
        while export(&mut one, &mut two, 100_000).unwrap() == Progress::More {}
        while export(&mut two, &mut three, 100_000).unwrap() == Progress::More {}
        check(Box::new(three));
        assert_eq!(vault(Box::new(two)).err(), Some(StoreError::Moved));
    }
}
