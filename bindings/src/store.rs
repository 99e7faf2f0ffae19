//! Where an engine keeps its rows.

use std::sync::Arc;

#[cfg(feature = "sled")]
use undertone::store::SledStore;
#[cfg(feature = "sqlite")]
use undertone::store::SqliteStore;
use undertone::store::{self, MemoryStore, Progress as CoreProgress, Usage as CoreUsage};

use crate::error::Result;
use crate::mirror::mirror;

/// Where an engine keeps its rows. Whatever it is, all of it is encrypted with the host key.
#[derive(uniffi::Enum)]
pub enum Store {
    /// A folder of files of sled, for desktops and servers: fast, of one process at a time, and not for Android or iOS.
    Sled {
        /// The folder; it is made if it is not there.
        path: String,
    },
    /// A folder with a database of SQLite, for Android, iOS and wherever several processes take turns.
    Sqlite {
        /// The folder; it is made if it is not there.
        path: String,
        /// How long to wait for another process that has it open, in milliseconds.
        lock_wait_ms: u64,
    },
    /// Memory, for tests: what is written is there until the disk is dropped.
    Memory {
        /// The disk, which outlives the engine.
        disk: Arc<MemoryDisk>,
    },
}

impl Store {
    pub(crate) fn open(&self) -> Result<Box<dyn store::Store>> {
        Ok(match self {
            #[cfg(feature = "sled")]
            Store::Sled { path } => Box::new(SledStore::open(path)?),
            #[cfg(feature = "sqlite")]
            Store::Sqlite { path, lock_wait_ms } => Box::new(SqliteStore::open(path, *lock_wait_ms)?),
            Store::Memory { disk } => Box::new(MemoryStore::open(&disk.0)?),
            #[cfg(not(all(feature = "sled", feature = "sqlite")))]
            #[allow(unreachable_patterns)]
            _ => return Err(crate::error::misuse("store", "this library was built without that kind of store")),
        })
    }
}

/// A disk in memory, for tests. It outlives the engine that writes to it, as a disk outlives a process.
#[derive(uniffi::Object)]
pub struct MemoryDisk(store::MemoryDisk);

#[uniffi::export]
impl MemoryDisk {
    /// An empty disk.
    #[uniffi::constructor]
    pub fn new() -> Result<Arc<MemoryDisk>> {
        Ok(Arc::new(MemoryDisk(store::MemoryDisk::new())))
    }
}

mirror!(
    /// Bytes of a store.
    pub struct Usage of CoreUsage {
        /// Of its files.
        files: u64,
        /// Of the rows that they hold.
        live: u64,
    }
);

mirror!(
    /// How far a work in steps has come.
    pub enum Progress of CoreProgress {
        /// Call again.
        More,
        /// It is done.
        Done,
    }
);
