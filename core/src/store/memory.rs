//! A store in memory, for tests and simulation: deterministic, with crashes and failures on demand.
//!
//! The rows live in a [`MemoryDisk`], which survives the [`MemoryStore`] handle as a disk survives a process. A test
//! keeps a clone of the disk, lets the handle fall, and opens [`MemoryDisk::crash`] to see what a power loss leaves.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Direction, KeyRange, Op, Progress, Row, Store, Table, View, check_limits};
use crate::error::StoreError;

/// The rows of one table. Values are shared, so that the copies a crash makes are cheap.
type Rows = BTreeMap<Vec<u8>, Arc<[u8]>>;

/// What a [`MemoryStore`] writes to. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

/// A failure to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultPlan {
    /// Which operation fails, counted as [`MemoryDisk::operations`] counts: 0 is the first of the disk's life.
    pub at: u64,
    /// With what.
    pub error: StoreError,
    /// Whether the failing operation had done its work before it failed, as a write may whose answer was lost.
    pub effect: Effect,
}

/// What a failing operation did before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// All of it.
    Done,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// Store operations so far: apply, barrier, get, scan, suspend, resume, compact, verify, size,
    /// keyring, replace_keyring, destroy.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Batches applied since the last barrier: what a crash may lose.
    pub fn pending(&self) -> usize {
        self.0.lock().pending.len()
    }

    /// Sets or clears the next failure. It happens once.
    pub fn plan(&self, plan: Option<FaultPlan>) {
        self.0.lock().plan = plan;
    }

    /// The disk as after a crash: everything up to the last barrier, and the first `keep` batches applied since
    /// (all of them when there are fewer). This disk is left as it is; the new one is not open and has no plan.
    #[must_use]
    pub fn crash(&self, keep: usize) -> MemoryDisk {
        let disk = self.0.lock();
        let mut durable = disk.durable.clone();
        for batch in disk.pending.iter().take(keep) {
            durable.change(batch);
        }
        let (operations, generation, keyring) = (disk.operations, disk.generation, disk.keyring.clone());
        let history = disk.history.clone();
        let rebuilt =
            Disk { applied: durable.clone(), durable, keyring, history, operations, generation, ..Disk::default() };
        MemoryDisk(Arc::new(Mutex::new(rebuilt)))
    }

    /// A copy of everything applied, as one made of the files of a running store.
    #[must_use]
    pub fn copy(&self) -> MemoryDisk {
        self.crash(usize::MAX)
    }

    /// Every row, in order of table and key: for tests that search what is kept.
    pub fn rows(&self) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let disk = self.0.lock();
        let tables = disk.applied.0.iter();
        tables
            .flat_map(|(&table, rows)| rows.iter().map(move |(key, value)| (table, key.clone(), value.to_vec())))
            .collect()
    }

    /// Remembers every batch from now on: all that may be left in the files of a store.
    pub fn remember(&self) {
        self.0.lock().history = Some(Vec::new());
    }

    /// The batches that were remembered, in order.
    pub fn history(&self) -> Vec<Vec<Op>> {
        self.0.lock().history.clone().unwrap_or_default()
    }

    /// The keyring: for tests that search what is kept.
    pub fn keyring(&self) -> Option<Vec<u8>> {
        self.0.lock().keyring.clone()
    }

    /// Changes the keyring behind the store's back: for tests of damage.
    pub fn tamper_keyring(&self, keyring: Option<&[u8]>) {
        self.0.lock().keyring = keyring.map(<[u8]>::to_vec);
    }

    /// Changes a row behind the store's back, durably: for tests of damage.
    pub fn tamper(&self, table: Table, key: &[u8], value: Option<&[u8]>) {
        let mut disk = self.0.lock();
        let op = [Op { table, key: key.to_vec(), value: value.map(<[u8]>::to_vec) }];
        disk.applied.change(&op);
        disk.durable.change(&op);
    }
}

/// The handle that has a [`MemoryDisk`] open.
pub struct MemoryStore {
    disk: MemoryDisk,
    state: Cell<State>,
}

/// What a handle may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Suspended when the disk had this generation.
    Suspended(u64),
    /// An error closed it.
    Dead,
    /// There is nothing any more.
    Destroyed,
}

impl MemoryStore {
    /// Opens a disk.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another handle has it open.
    pub fn open(disk: &MemoryDisk) -> Result<MemoryStore, StoreError> {
        disk.0.lock().take()?;
        Ok(MemoryStore { disk: disk.clone(), state: Cell::new(State::Open) })
    }

    /// Runs one counted operation; an error that closes the handle closes it.
    fn run<T>(&self, work: impl FnOnce(&mut Disk) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.state.get() != State::Open {
            return Err(StoreError::Closed);
        }
        let mut disk = self.disk.0.lock();
        let result = disk.counted(work);
        if matches!(&result, Err(error) if *error != StoreError::Locked) {
            self.state.set(State::Dead);
            disk.open = false;
        }
        result
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        if self.state.get() == State::Open {
            self.disk.0.lock().open = false;
        }
    }
}

impl Store for MemoryStore {
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        self.run(|disk| disk.apply(batch))
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        self.run(|disk| {
            disk.barrier();
            Ok(())
        })
    }

    fn read(&self) -> Result<Box<dyn View + '_>, StoreError> {
        if self.state.get() == State::Open { Ok(Box::new(MemoryView(self))) } else { Err(StoreError::Closed) }
    }

    fn suspend(&mut self) -> Result<(), StoreError> {
        let generation = self.run(|disk| {
            disk.barrier();
            disk.open = false;
            Ok(disk.generation)
        })?;
        self.state.set(State::Suspended(generation));
        Ok(())
    }

    fn resume(&mut self) -> Result<bool, StoreError> {
        let State::Suspended(generation) = self.state.get() else { return Err(StoreError::Closed) };
        let mut disk = self.disk.0.lock();
        disk.take()?;
        match disk.counted(|disk| Ok(disk.generation != generation)) {
            Ok(moved) => {
                self.state.set(State::Open);
                Ok(moved)
            }
            Err(error) => {
                disk.open = false;
                if error != StoreError::Locked {
                    self.state.set(State::Dead);
                }
                Err(error)
            }
        }
    }

    fn keyring(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(|disk| Ok(disk.keyring.clone()))
    }

    fn replace_keyring(&mut self, keyring: &[u8]) -> Result<(), StoreError> {
        self.run(|disk| {
            disk.keyring = Some(keyring.to_vec());
            Ok(())
        })
    }

    fn compact(&mut self, _budget: u64) -> Result<Progress, StoreError> {
        self.run(|_| Ok(Progress::Done))
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.run(|_| Ok(()))
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.run(|disk| {
            let rows = disk.applied.0.values().flatten();
            Ok(rows.map(|(key, value)| (key.len() + value.len()) as u64).sum())
        })
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        let mut disk = self.disk.0.lock();
        match self.state.get() {
            State::Open => {}
            State::Suspended(_) | State::Dead => disk.take()?,
            State::Destroyed => return Err(StoreError::Closed),
        }
        let result = disk.counted(|disk| {
            let operations = disk.operations;
            *disk = Disk { operations, ..Disk::default() };
            Ok(())
        });
        disk.open = false;
        self.state.set(if result.is_ok() { State::Destroyed } else { State::Dead });
        result
    }
}

/// A view of the handle's disk: consistent because the handle is borrowed, and no other handle can write.
struct MemoryView<'a>(&'a MemoryStore);

impl View for MemoryView<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.run(|disk| {
            let value = disk.applied.0.get(&table).and_then(|rows| rows.get(key));
            Ok(value.map(|value| value.to_vec()))
        })
    }

    fn scan(
        &self,
        table: Table,
        range: KeyRange<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.0.run(|disk| Ok(disk.applied.scan(table, range, direction, limit)))
    }
}

/// What is on the disk, and what was promised to fail.
#[derive(Default)]
struct Disk {
    /// Every batch applied.
    applied: Tables,
    /// Every batch up to the last barrier.
    durable: Tables,
    /// The batches between the two.
    pending: Vec<Vec<Op>>,
    /// The keyring, which is durable at once.
    keyring: Option<Vec<u8>>,
    /// Every batch, if it is to be remembered.
    history: Option<Vec<Vec<Op>>>,
    /// Grows with every batch.
    generation: u64,
    open: bool,
    operations: u64,
    plan: Option<FaultPlan>,
}

impl Disk {
    fn take(&mut self) -> Result<(), StoreError> {
        if self.open {
            return Err(StoreError::Locked);
        }
        self.open = true;
        Ok(())
    }

    /// Counts an operation and lets it fail when that is planned.
    fn counted<T>(&mut self, work: impl FnOnce(&mut Disk) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let number = self.operations;
        self.operations += 1;
        match self.plan.take_if(|plan| plan.at == number) {
            None => work(self),
            Some(plan) => {
                if plan.effect == Effect::Done {
                    work(self)?;
                }
                Err(plan.error)
            }
        }
    }

    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        check_limits(batch)?;
        self.applied.change(batch);
        if let Some(history) = &mut self.history {
            history.push(batch.to_vec());
        }
        self.pending.push(batch.to_vec());
        self.generation += 1;
        Ok(())
    }

    fn barrier(&mut self) {
        for batch in self.pending.drain(..) {
            self.durable.change(&batch);
        }
    }
}

/// Rows by table.
#[derive(Clone, Default)]
struct Tables(BTreeMap<Table, Rows>);

impl Tables {
    fn change(&mut self, batch: &[Op]) {
        for op in batch {
            let rows = self.0.entry(op.table).or_default();
            match &op.value {
                Some(value) => rows.insert(op.key.clone(), value.as_slice().into()),
                None => rows.remove(&op.key),
            };
        }
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, limit: usize) -> Vec<Row> {
        let Some(rows) = self.0.get(&table) else { return Vec::new() };
        if !range.to.is_empty() && range.from >= range.to {
            return Vec::new();
        }
        let end = if range.to.is_empty() { Bound::Unbounded } else { Bound::Excluded(range.to) };
        let found = rows.range::<[u8], _>((Bound::Included(range.from), end));
        let row = |(key, value): (&Vec<u8>, &Arc<[u8]>)| (key.clone(), value.to_vec());
        match direction {
            Direction::Forward => found.take(limit).map(row).collect(),
            Direction::Backward => found.rev().take(limit).map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use super::*;

    mod conforming {
        crate::conformance_tests!(super::opener());
    }

    /// Takes paths as names of disks.
    fn opener() -> impl Fn(&Path) -> Result<Box<dyn Store>, StoreError> {
        let disks = Mutex::new(BTreeMap::<PathBuf, MemoryDisk>::new());
        move |path| {
            let disk = disks.lock().entry(path.to_path_buf()).or_default().clone();
            Ok(Box::new(MemoryStore::open(&disk)?))
        }
    }

    fn put(key: &[u8], value: &[u8]) -> Op {
        Op { table: Table::Meta, key: key.to_vec(), value: Some(value.to_vec()) }
    }

    fn get(store: &MemoryStore, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        store.read()?.get(Table::Meta, key)
    }

    #[test]
    fn a_crash_keeps_what_was_barred_and_a_prefix_of_the_rest() {
        let disk = MemoryDisk::new();
        let mut store = MemoryStore::open(&disk).unwrap();
        store.apply(&[put(b"a", b"1")]).unwrap();
        store.barrier().unwrap();
        for value in [b"2", b"3"] {
            store.apply(&[put(b"a", value), put(value, b"")]).unwrap();
        }
        assert_eq!(disk.pending(), 2);
        for (keep, expected) in [(0, b"1"), (1, b"2"), (2, b"3"), (9, b"3")] {
            let after = MemoryStore::open(&disk.crash(keep)).unwrap();
            assert_eq!(get(&after, b"a").unwrap().unwrap(), expected, "{keep} batches kept");
            assert_eq!(get(&after, b"2").unwrap().is_some(), keep > 0);
        }
        assert_eq!(get(&store, b"a").unwrap().unwrap(), b"3");
    }

    #[test]
    fn a_planned_failure_strikes_once_and_closes_the_handle() {
        let disk = MemoryDisk::new();
        let mut store = MemoryStore::open(&disk).unwrap();
        store.apply(&[put(b"a", b"1")]).unwrap();
        disk.plan(Some(FaultPlan { at: 2, error: StoreError::Full, effect: Effect::None }));
        assert_eq!(get(&store, b"a").unwrap().unwrap(), b"1");
        assert_eq!(store.apply(&[put(b"a", b"2")]), Err(StoreError::Full));
        assert_eq!(store.barrier(), Err(StoreError::Closed));
        assert!(matches!(store.read(), Err(StoreError::Closed)));
        assert_eq!(disk.operations(), 3);

        let reopened = MemoryStore::open(&disk).unwrap();
        assert_eq!(get(&reopened, b"a").unwrap().unwrap(), b"1");
    }

    #[test]
    fn a_failure_may_come_after_the_work_was_done() {
        let disk = MemoryDisk::new();
        let mut store = MemoryStore::open(&disk).unwrap();
        disk.plan(Some(FaultPlan { at: 0, error: StoreError::Io("lost".into()), effect: Effect::Done }));
        assert!(store.apply(&[put(b"a", b"1")]).is_err());
        assert_eq!(disk.rows(), vec![(Table::Meta, b"a".to_vec(), b"1".to_vec())]);
    }

    #[test]
    fn one_handle_at_a_time_and_suspend_lets_another_in() {
        let disk = MemoryDisk::new();
        let mut one = MemoryStore::open(&disk).unwrap();
        assert!(matches!(MemoryStore::open(&disk), Err(StoreError::Locked)));
        one.suspend().unwrap();
        assert!(matches!(one.read(), Err(StoreError::Closed)));
        let mut two = MemoryStore::open(&disk).unwrap();
        assert_eq!(one.resume(), Err(StoreError::Locked));
        two.apply(&[put(b"a", b"1")]).unwrap();
        drop(two);
        assert_eq!(one.resume(), Ok(true));
        one.suspend().unwrap();
        assert_eq!(one.resume(), Ok(false));
    }
}
