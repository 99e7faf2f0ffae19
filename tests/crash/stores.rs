//! The stores under test, by name.

use std::path::Path;

use undertone::error::StoreError;
use undertone::store::{SledStore, SqliteStore, Store};

use crate::log_store::{Flaw, LogStore};

/// How long to wait for a lock, in milliseconds: a killed process frees it at once.
const LOCK_WAIT: u64 = 2_000;

/// A store under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// The store on sled.
    Sled,
    /// The store on SQLite.
    Sqlite,
    /// The log that tests this suite.
    Log(Flaw),
}

impl StoreKind {
    /// Each store with its name on the command line.
    const NAMES: [(&'static str, StoreKind); 7] = [
        ("sled", StoreKind::Sled),
        ("sqlite", StoreKind::Sqlite),
        ("log", StoreKind::Log(Flaw::None)),
        ("log-unsynced", StoreKind::Log(Flaw::Unsynced)),
        ("log-unchecked", StoreKind::Log(Flaw::Unchecked)),
        ("log-unnamed", StoreKind::Log(Flaw::Unnamed)),
        ("log-unforgiving", StoreKind::Log(Flaw::Unforgiving)),
    ];

    /// Those that a product may use.
    pub const REAL: [StoreKind; 2] = [StoreKind::Sled, StoreKind::Sqlite];

    /// The store with this name.
    pub fn from_name(name: &str) -> Result<StoreKind, String> {
        let known = Self::NAMES.iter().find(|(its, _)| *its == name).map(|(_, engine)| *engine);
        known.ok_or_else(|| format!("no store `{name}`; there are {}", Self::NAMES.map(|(its, _)| its).join(", ")))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, engine)| *engine == self).map_or("?", |(name, _)| name)
    }

    /// Whether two processes may take turns on it.
    pub fn is_shared(self) -> bool {
        matches!(self, StoreKind::Sqlite)
    }

    /// Opens it in a folder that may not exist yet.
    pub fn open(self, folder: &Path) -> Result<Box<dyn Store>, StoreError> {
        match self {
            StoreKind::Sled => Ok(Box::new(SledStore::open(folder)?)),
            StoreKind::Sqlite => Ok(Box::new(SqliteStore::open(folder, LOCK_WAIT)?)),
            StoreKind::Log(flaw) => Ok(Box::new(LogStore::open(folder, flaw)?)),
        }
    }
}
