//! The engines of storage under test, each in a folder of its own.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use undertone::error::StoreError;
use undertone::store::{MemoryDisk, MemoryStore, Op, Progress, SledStore, SqliteStore, Store, View};

/// An engine of storage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Sled,
    Sqlite,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Memory, Kind::Sled, Kind::Sqlite];

    pub const fn name(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::Sled => "sled",
            Kind::Sqlite => "sqlite",
        }
    }

    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it survives the process.
    pub const fn is_durable(self) -> bool {
        !matches!(self, Kind::Memory)
    }

    /// Opens the store in a folder.
    pub fn open(self, dir: &Path) -> Result<Box<dyn Store>, Box<dyn Error>> {
        Ok(match self {
            Kind::Memory => Box::new(MemoryStore::open(&MemoryDisk::new())?),
            Kind::Sled => Box::new(SledStore::open(dir)?),
            Kind::Sqlite => Box::new(SqliteStore::open(dir, 1_000)?),
        })
    }
}

/// A store that counts the rows that it is given.
pub struct Counted {
    pub store: Box<dyn Store>,
    pub rows: Arc<AtomicU64>,
}

impl Store for Counted {
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        let rows = batch.iter().filter(|op| op.value.is_some()).count();
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.store.apply(batch)
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        self.store.barrier()
    }

    fn read(&self) -> Result<Box<dyn View + '_>, StoreError> {
        self.store.read()
    }

    fn suspend(&mut self) -> Result<(), StoreError> {
        self.store.suspend()
    }

    fn resume(&mut self) -> Result<bool, StoreError> {
        self.store.resume()
    }

    fn keyring(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.keyring()
    }

    fn replace_keyring(&mut self, keyring: &[u8]) -> Result<(), StoreError> {
        self.store.replace_keyring(keyring)
    }

    fn compact(&mut self, budget: u64) -> Result<Progress, StoreError> {
        self.store.compact(budget)
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.store.verify()
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.store.size()
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        self.store.destroy()
    }
}

/// Bytes of all files below a folder.
pub fn bytes_of(dir: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() { bytes_of(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}
