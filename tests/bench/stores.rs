//! The engines of storage under test, each in a folder of its own.

use std::error::Error;
use std::path::Path;

use undertone::store::{MemoryDisk, MemoryStore, SledStore, SqliteStore, Store};

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
