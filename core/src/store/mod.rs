//! Where rows live. Engines of storage know nothing of what the rows mean.
//!
//! A [`Store`] keeps rows of a fixed set of [`Table`]s, each sorted by key bytewise; keys have at most
//! [`limits::STORE_KEY`] bytes, values at most [`limits::STORE_VALUE`].
//! There is one writer, and it is the owner: writing takes `&mut self`, so that the compiler keeps readers and
//! the writer apart. A view that would see half of a batch does not compile:
//!
//! ```compile_fail,E0502
//! # use undertone::{error::StoreError, store::{Op, Store, Table}};
//! # fn example(store: &mut dyn Store, batch: &[Op]) -> Result<(), StoreError> {
//! let view = store.read()?;
//! store.apply(batch)?; // error[E0502]: cannot borrow as mutable, `view` is still in use
//! view.get(Table::Meta, b"name")?;
//! # Ok(())
//! # }
//! ```
//!
//! Read first, then write:
//!
//! ```
//! # use undertone::{error::StoreError, store::{Op, Store, Table}};
//! # fn example(store: &mut dyn Store, batch: &[Op]) -> Result<(), StoreError> {
//! let value = store.read()?.get(Table::Meta, b"name")?;
//! store.apply(batch)?;
//! # Ok(())
//! # }
//! ```

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
#[cfg(any(feature = "sled", feature = "sqlite"))]
mod files;
#[cfg(any(feature = "sled", feature = "sqlite"))]
mod handle;
mod memory;
pub(crate) mod overlay;
#[cfg(feature = "sled")]
mod sled;
#[cfg(feature = "sqlite")]
mod sqlite;
mod table;
pub mod vault;

pub use memory::{Effect, FaultPlan, MemoryDisk, MemoryStore};
#[cfg(feature = "sled")]
pub use sled::SledStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use table::Table;
pub use vault::{HostKey, Usage, Vault, export};

use crate::error::StoreError;
use crate::limits;

/// A change of one row.
#[derive(Clone, PartialEq, Eq)]
pub struct Op {
    /// The table.
    pub table: Table,
    /// The key, at most [`limits::STORE_KEY`] bytes.
    pub key: Vec<u8>,
    /// The new value, at most [`limits::STORE_VALUE`] bytes; `None` deletes the row.
    pub value: Option<Vec<u8>>,
}

/// A change of one row as the engine makes it: the value is wiped when it is dropped.
pub(crate) struct RowChange {
    pub table: Table,
    pub key: Vec<u8>,
    /// The new value; `None` deletes the row.
    pub value: Option<zeroize::Zeroizing<Vec<u8>>>,
}

/// Changes that happen together or not at all: at most [`limits::STORE_BATCH`], one per row.
pub type Batch = Vec<Op>;

/// A row: key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Which rows of a table: `from <= key < to`; an empty `to` means up to the table's end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyRange<'a> {
    /// First key.
    pub from: &'a [u8],
    /// First key that is not included; empty for none.
    pub to: &'a [u8],
}

/// From which end a scan starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest key first.
    Forward,
    /// Largest key first.
    Backward,
}

/// One consistent state of a store.
pub trait View {
    /// The value of a row.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` rows of a range.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn scan(
        &self,
        table: Table,
        range: KeyRange<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;
}

/// How far a compaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More to do: call again.
    More,
    /// Done, or nothing to do.
    Done,
}

/// An engine of storage.
///
/// Any error but [`StoreError::Locked`] closes the handle: every later call answers [`StoreError::Closed`]
/// until the store is opened again.
pub trait Store: Send {
    /// Applies a batch, all or nothing. Visible at once, durable after the next [`Store::barrier`].
    /// After a crash a prefix of the applied batches is there, at least up to the last barrier.
    ///
    /// # Errors
    /// [`StoreError::Limit`] and nothing changed when the batch is over a limit; else any [`StoreError`].
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError>;

    /// Makes everything applied so far durable, against power loss as well.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn barrier(&mut self) -> Result<(), StoreError>;

    /// One consistent view, which lives as long as nothing is written.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn read(&self) -> Result<Box<dyn View + '_>, StoreError>;

    /// Makes everything durable and releases every lock and file. Only [`Store::resume`] is allowed afterwards.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn suspend(&mut self) -> Result<(), StoreError>;

    /// Opens again what [`Store::suspend`] released. Says whether another process wrote in between.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it now; call again later.
    fn resume(&mut self) -> Result<bool, StoreError>;

    /// The keyring, as it was put last; `None` before that.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn keyring(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts another keyring in the place of the one that is there, durably: none of the store's files holds the old one any
    /// more. It is no row, and does not wait for the barrier. A crash leaves the one or the other, whole.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn replace_keyring(&mut self, keyring: &[u8]) -> Result<(), StoreError>;

    /// Gives space back, in steps that copy about `budget` bytes each.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn compact(&mut self, budget: u64) -> Result<Progress, StoreError>;

    /// Reads everything once and checks what the engine can check of it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when something is damaged.
    fn verify(&self) -> Result<(), StoreError>;

    /// Bytes that the store's files take. Compaction is due when this is far above the bytes of the live rows.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn size(&self) -> Result<u64, StoreError>;

    /// Removes every row, and every file that has held one, for good: at this path there is an empty store afterwards. The
    /// handle stays closed. Works on a suspended store, and on one that an error closed, as well.
    ///
    /// A crash in between leaves everything or nothing: once something is gone, opening the store removes the rest.
    ///
    /// # Errors
    /// [`StoreError::Locked`] and nothing changed while another process has it; [`StoreError::Closed`] when it was
    /// destroyed before; else any [`StoreError`], after which it may be tried again.
    fn destroy(&mut self) -> Result<(), StoreError>;
}

/// Refuses a batch that is over a limit.
fn check_limits(batch: &[Op]) -> Result<(), StoreError> {
    if batch.len() > limits::STORE_BATCH {
        return Err(StoreError::Limit("batch"));
    }
    for op in batch {
        if op.key.len() > limits::STORE_KEY {
            return Err(StoreError::Limit("key"));
        }
        if op.value.as_ref().is_some_and(|value| value.len() > limits::STORE_VALUE) {
            return Err(StoreError::Limit("value"));
        }
    }
    Ok(())
}
