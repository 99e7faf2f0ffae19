//! What stands between the engine and its store: nothing readable passes it.
//!
//! - Values are sealed (`seal`), and opened only at the place where they were put.
//! - Parts of keys that can be guessed are hidden (`blind`).
//! - Values too long for a row go on in rows of [`Table::Overflow`].
//! - Batches of the engine wait together, and reach the store as one (`hand`).
//! - Sums over all rows show that one is missing or an old one was put back (`sums`), of some tables when the first row
//!   is asked for (`parts`).
//! - The keys for this are random and lie in the key row (`key`), wrapped by the host's key.
//! - What may be deleted is sealed with the key of a generation (`generations`), from a file that is replaced (`keyring`):
//!   what was deleted becomes unreadable when its key is thrown away (`rotate`).
//! - Rows of older schemas are brought up to date when the store is opened (`migrate`).
//!
//! Keys, limits and formats are in `docs/storage.md`.

mod blind;
mod check;
mod export;
mod generations;
mod hand;
mod key;
mod keyring;
mod migrate;
mod parts;
mod read;
mod rotate;
mod seal;
mod sums;
mod write;

use std::cell::{Cell, RefCell};

use zeroize::Zeroizing;

use super::{Direction, KeyRange, Op, Progress, Store, Table};
use crate::error::StoreError;
use crate::limits;
use crate::rng::Rng;
use blind::Blinder;
use generations::{Generations, Stale};
use hand::Hand;
use key::{DataKeys, KeyRow};
use keyring::{Generation, Keyring};
use migrate::Schema;
use parts::Parts;
use seal::Sealer;
use sums::{Marker, Root};

pub use export::export;
pub(crate) use generations::Class;
pub use key::HostKey;

/// The longest value that stays in one row; longer ones are allowed only in some tables, up to 65,535 further rows.
pub const INLINE: usize = limits::STORE_VALUE - seal::OVERHEAD;

/// Names in [`Table::Meta`] that begin so are the vault's own.
const RESERVED: &[u8] = b"vault";
/// The key row.
const KEY_ROW: &[u8] = b"vault";
/// The root row: the sums over all rows.
const ROOT_ROW: &[u8] = b"vault.root";
/// The key row of a store that was moved elsewhere.
const MOVED_ROW: &[u8] = b"vault.moved";

/// A row as the engine sees it.
pub type OpenRow = (Vec<u8>, Zeroizing<Vec<u8>>);

/// How much space a store takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// All its files.
    pub files: u64,
    /// All its rows, sealed, with their keys.
    pub live: u64,
}

impl Usage {
    /// Whether the files have grown so far beyond the rows that compaction is due. A small store is left alone.
    pub fn wants_compaction(&self) -> bool {
        self.files > 3 * self.live && self.files > SMALL
    }
}

/// Files that are not worth a compaction.
const SMALL: u64 = 16 << 20;

/// A store, opened with the host's key.
///
/// Any error but [`StoreError::Locked`] closes it: every later call answers [`StoreError::Closed`] until the store is
/// opened again.
pub struct Vault {
    store: Box<dyn Store>,
    blinder: Blinder,
    sealer: Sealer,
    marker: Marker,
    root: Root,
    /// The key row and the root row as they were read or written last.
    key_row: Vec<u8>,
    root_row: Vec<u8>,
    closed: Cell<bool>,
    /// What waits to be written, and what was lately used.
    hand: RefCell<Hand>,
    /// What was checked since opening.
    parts: RefCell<Parts>,
    /// Which generations take rows, and which have rows that are no more.
    generations: Generations,
    stale: Stale,
    /// The first generation that does not belong to the round of the rotation which is under way.
    round: Option<Generation>,
    /// Rows of the batch under way; kept for its memory.
    staged: Vec<Op>,
}

impl Vault {
    /// Opens a store. The first time random data keys are made and wrapped by `host_key`; rows of an older schema are
    /// migrated. Hashes no password: give a key, not a passphrase.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`]; [`StoreError::NewerSchema`] for a store of a newer version; [`StoreError::Moved`];
    /// [`StoreError::Corrupt`] when the key row is damaged, or missing among other rows, or when rows of tables that
    /// matter for security are missing or old; else what the store fails with.
    pub fn open(store: Box<dyn Store>, host_key: &HostKey, rng: &mut Rng) -> Result<Vault, StoreError> {
        Vault::open_with(store, host_key, rng, &migrate::CURRENT)
    }

    fn open_with(
        store: Box<dyn Store>,
        host_key: &HostKey,
        rng: &mut Rng,
        schema: &Schema,
    ) -> Result<Vault, StoreError> {
        let mut rng = rng.fork("vault");
        let stored = read_row(&*store, KEY_ROW)?;
        let mut keys = match &stored {
            Some(row) => KeyRow::unwrap(row, schema.version, host_key)?,
            None => {
                check_empty(&*store)?;
                KeyRow { schema: schema.version, generation: 0, keys: DataKeys::fresh(&mut rng) }
            }
        };
        let keyring = open_keyring(&*store, stored.is_some(), &keys.keys.ring, rng.fork("keyring"))?;
        let mut vault = Vault {
            blinder: Blinder::new(&keys.keys.blind)?,
            sealer: Sealer::new(&keys.keys.seal, keyring, rng.fork("nonce")),
            marker: Marker::new(&keys.keys.sum)?,
            root: Root::default(),
            key_row: stored.clone().unwrap_or_default(),
            root_row: Vec::new(),
            store,
            closed: Cell::new(false),
            hand: RefCell::default(),
            parts: RefCell::default(),
            generations: Generations::default(),
            stale: Stale::default(),
            round: None,
            staged: Vec::new(),
        };
        match stored {
            Some(_) => vault.check_opened(keys.generation)?,
            None => {
                let keyring = vault.sealer.ring.seal()?;
                vault.store.replace_keyring(&keyring)?;
                // This need not be durable yet: no later row outlives it.
                vault.write(&[], Some(keys.next(host_key, &mut rng)?))?;
            }
        }
        migrate::run(&mut vault, &mut keys, host_key, &mut rng, schema)?;
        Ok(vault)
    }

    /// What a row said when a batch of the store was written, if a key that is left opens it; the batch holds its further
    /// pieces as well. For tests that look for what was deleted.
    #[cfg(any(test, feature = "testing"))]
    pub fn open_remembered(&self, batch: &[Op], row: &Op) -> Option<Zeroizing<Vec<u8>>> {
        let mut sealed = row.value.clone()?;
        for piece in 0..seal::pieces(&sealed).ok()? {
            let key = piece_key(row.table, &row.key, piece);
            let piece = batch.iter().find(|op| op.table == Table::Overflow && op.key == key);
            sealed.extend_from_slice(piece?.value.as_ref()?);
        }
        self.sealer.open(row.table, &row.key, sealed).ok()
    }

    /// A keyed hash of something that a key must not tell.
    pub(crate) fn blind(&self, bytes: &[u8]) -> [u8; 16] {
        self.blinder.reference(bytes)
    }

    /// Applies a batch, all or nothing; see [`Store::apply`].
    ///
    /// # Errors
    /// [`StoreError::Limit`] when the batch, with the rows of long values, has [`limits::BATCH`] rows or more, changes
    /// a row twice or one of the vault's own, or holds a key or value that is too long; else any [`StoreError`].
    pub fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        self.guarded(|_| write::check_batch(batch))?;
        self.write(batch, None)
    }

    /// Makes everything applied so far durable; see [`Store::barrier`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn barrier(&mut self) -> Result<(), StoreError> {
        self.guarded(|vault| {
            vault.flush(None)?;
            vault.store.barrier()
        })
    }

    /// Releases every lock and file; see [`Store::suspend`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn suspend(&mut self) -> Result<(), StoreError> {
        self.guarded(|vault| {
            vault.flush(None)?;
            vault.hand.get_mut().clear();
            vault.parts.get_mut().clear();
            vault.store.suspend()
        })
    }

    /// Opens again what [`Vault::suspend`] released, and says whether another process wrote in between.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it now; [`StoreError::Closed`] when another process changed the
    /// key row: open the store again; [`StoreError::Corrupt`] when rows are missing or old; else any [`StoreError`].
    pub fn resume(&mut self) -> Result<bool, StoreError> {
        self.guarded(|vault| {
            let moved = vault.store.resume()?;
            if read_row(&*vault.store, KEY_ROW)?.as_ref() != Some(&vault.key_row) {
                return Err(StoreError::Closed);
            }
            vault.sealer.ring.reread(&vault.store.keyring()?.ok_or(StoreError::Corrupt("keyring"))?)?;
            if read_row(&*vault.store, ROOT_ROW)?.as_ref() != Some(&vault.root_row) {
                vault.check_opened(vault.root.keys)?;
            }
            Ok(moved)
        })
    }

    /// Gives space back in steps; see [`Store::compact`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn compact(&mut self, budget: u64) -> Result<Progress, StoreError> {
        self.guarded(|vault| {
            vault.flush(None)?;
            vault.store.compact(budget)
        })
    }

    /// Reads everything once and checks it: what the engine of storage checks, that every row opens, and that none is
    /// missing or old.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when something is damaged; else any [`StoreError`].
    pub fn verify(&self) -> Result<(), StoreError> {
        self.guard(|| {
            self.store.verify()?;
            self.check_everything()
        })
    }

    /// How much space the store takes, and how much of it rows need.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn usage(&self) -> Result<Usage, StoreError> {
        self.guard(|| Ok(Usage { files: self.store.size()?, live: self.root.live }))
    }

    /// Removes the store with all its files, and wipes every key and row from memory; see [`Store::destroy`]. Works on a
    /// vault that is closed as well.
    ///
    /// # Errors
    /// [`StoreError::Locked`] and nothing changed while another process has the store; else any [`StoreError`], after
    /// which it may be tried again.
    pub fn destroy(&mut self) -> Result<(), StoreError> {
        let destroyed = self.store.destroy();
        if destroyed != Err(StoreError::Locked) {
            self.closed.set(true);
            self.forget()?;
        }
        destroyed
    }

    /// Puts keys of nothing in the place of the store's, whose memory is wiped by that, and drops all rows.
    fn forget(&mut self) -> Result<(), StoreError> {
        let keys = DataKeys::fresh(&mut Rng::from_seed([0; 32]));
        self.blinder = Blinder::new(&keys.blind)?;
        let nothing = || Rng::from_seed([0; 32]);
        self.sealer = Sealer::new(&keys.seal, Keyring::fresh(keys.seal.clone(), nothing()), nothing());
        self.marker = Marker::new(&keys.sum)?;
        (self.hand, self.parts) = (RefCell::default(), RefCell::default());
        (self.generations, self.stale, self.round) = (Generations::default(), Stale::default(), None);
        (self.root, self.key_row, self.root_row, self.staged) = (Root::default(), Vec::new(), Vec::new(), Vec::new());
        Ok(())
    }

    /// Runs what reads; an error that closes the vault closes it.
    fn guard<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.closed.get() {
            return Err(StoreError::Closed);
        }
        let result = work();
        if matches!(&result, Err(error) if *error != StoreError::Locked) {
            self.closed.set(true);
        }
        result
    }

    /// Runs what writes; an error that closes the vault closes it.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Vault) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.closed.get() {
            return Err(StoreError::Closed);
        }
        let result = work(self);
        if matches!(&result, Err(error) if *error != StoreError::Locked) {
            self.closed.set(true);
        }
        result
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        // What waits was not promised to be durable: there is nobody left to tell of a failure.
        let _ = self.guarded(|vault| vault.flush(None));
    }
}

/// A row of the vault's own that is not sealed by a data key.
fn read_row(store: &dyn Store, name: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    store.read()?.get(Table::Meta, name)
}

/// The keyring of a store; a new one makes one, whatever was left by one that never had a row.
fn open_keyring(store: &dyn Store, has_rows: bool, ring_keys: &[key::Key], rng: Rng) -> Result<Keyring, StoreError> {
    match ring_keys {
        [first, ..] if !has_rows => Ok(Keyring::fresh(first.clone(), rng)),
        _ => Keyring::open(&store.keyring()?.ok_or(StoreError::Corrupt("keyring"))?, ring_keys, rng),
    }
}

/// Refuses a store that lost its key row.
fn check_empty(store: &dyn Store) -> Result<(), StoreError> {
    if read_row(store, MOVED_ROW)?.is_some() {
        return Err(StoreError::Moved);
    }
    let view = store.read()?;
    for table in Table::ALL {
        if !view.scan(table, KeyRange { from: &[], to: &[] }, Direction::Forward, 1)?.is_empty() {
            return Err(StoreError::Corrupt("key row"));
        }
    }
    Ok(())
}

/// Bytes that the key of a further piece has more than its row's.
const PIECE: usize = 3;

fn piece_key(table: Table, key: &[u8], piece: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + PIECE);
    out.push(table.byte());
    out.extend_from_slice(key);
    out.extend_from_slice(&piece.to_be_bytes());
    out
}

#[cfg(test)]
mod tests;
