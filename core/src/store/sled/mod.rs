//! The store on sled: the default of desktops and servers, for one process.
//!
//! All tables lie in one tree; a key is the byte of the [`Table`] and the row's key. Sled 0.34.7 has flaws that cost data
//! or the whole store; this wrapper keeps them away, and a test shows each of them with its guard taken off:
//!
//! 1. Sled has no lock on phones, and its own comes too late: we take ours before we touch anything.
//! 2. An interrupted snapshot keeps sled from ever opening again, and the names of new files are not made durable: we
//!    remove the one, and sync files, directory and parent after opening.
//! 3. Its flush does not reach the disk on Linux: after it we sync the log ourselves.
//! 4. Large values go to files that are never synced: the limits of rows keep them small enough.
//! 5. It keeps up to 1 GB in memory and wakes twice a second: we allow 16 MB, and flush when it is asked for.
//! 6. Readers can see half a batch, and after a failed write anything: writing takes `&mut`, and an error closes the
//!    handle. It panics on damaged files: panics become errors.
//! 7. Its files never shrink: compaction rewrites them (`rewrite`).
//! 8. A power cut after several batches that were not synced can cost the whole log, or its middle: we sync each batch
//!    before the next one, and what sled writes when it is read.

mod layout;
mod rewrite;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::sled::Batch;

use super::files::{self, Disk, Lock, Syncs};
use super::handle::Handle;
use super::{Direction, KeyRange, Op, Progress, Row, Store, Table, View, check_limits};
use crate::error::StoreError;
use crate::limits;
use layout::Pointer;
use rewrite::Rewrite;
use tree::Tree;

/// The key of the row that counts the turns in which something was written: no table has byte 0.
const GENERATION: &[u8] = &[0];

/// A store in a sled database.
pub struct SledStore {
    dir: PathBuf,
    settings: Settings,
    handle: Handle<Session>,
    /// The copy in the making of a suspended store.
    rewrite: Option<Rewrite>,
}

/// How sled is kept safe. Tests change it to see what happens otherwise.
#[derive(Clone)]
struct Settings {
    own_lock: bool,
    clear_leftovers: bool,
    sync_opened: bool,
    sync_flushed: bool,
    catch_panics: bool,
    sync_batches: bool,
    /// Bytes of pages kept in memory.
    cache: u64,
    syncs: Arc<dyn Syncs>,
}

impl Settings {
    fn product() -> Settings {
        Settings {
            own_lock: true,
            clear_leftovers: true,
            sync_opened: true,
            sync_flushed: true,
            catch_panics: true,
            sync_batches: true,
            cache: 16 << 20,
            syncs: Arc::new(Disk),
        }
    }
}

impl SledStore {
    /// Opens the store in a directory, or makes it there.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another handle or process has it open; [`StoreError::Path`] when the path cannot be a
    /// directory; [`StoreError::Corrupt`] when it is damaged; else any [`StoreError`].
    pub fn open(dir: impl AsRef<Path>) -> Result<SledStore, StoreError> {
        SledStore::open_with(dir.as_ref(), Settings::product())
    }

    fn open_with(dir: &Path, settings: Settings) -> Result<SledStore, StoreError> {
        let handle = Handle::new(Session::open(dir, &settings, None)?);
        Ok(SledStore { dir: dir.to_path_buf(), settings, handle, rewrite: None })
    }
}

impl Store for SledStore {
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        self.handle.write(|session| {
            check_limits(batch)?;
            session.apply(batch)
        })
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        self.handle.write(|session| session.tree.flush())
    }

    fn read(&self) -> Result<Box<dyn View + '_>, StoreError> {
        self.handle.read(|_| Ok(()))?;
        Ok(Box::new(SledView(self)))
    }

    fn suspend(&mut self) -> Result<(), StoreError> {
        let Session { tree, mut rewrite, generation, .. } = self.handle.take()?;
        tree.close()?;
        if let Some(rewrite) = &mut rewrite {
            rewrite.close()?;
        }
        self.rewrite = rewrite;
        self.handle.suspended(generation);
        Ok(())
    }

    fn resume(&mut self) -> Result<bool, StoreError> {
        let (dir, settings, rewrite) = (&self.dir, &self.settings, &mut self.rewrite);
        self.handle.resume(|generation| {
            let mut session = Session::open(dir, settings, rewrite.as_ref().map(|rewrite| rewrite.number))?;
            let moved = session.generation != generation;
            if let Some(rewrite) = rewrite.take() {
                session.take_up(rewrite, moved)?;
            }
            Ok((session, moved))
        })
    }

    fn keyring(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.handle.read(|_| files::read_keyring(&self.dir))
    }

    fn replace_keyring(&mut self, keyring: &[u8]) -> Result<(), StoreError> {
        let (dir, syncs) = (&self.dir, &*self.settings.syncs);
        self.handle.write(|_| files::replace_keyring(dir, keyring, syncs))
    }

    fn compact(&mut self, budget: u64) -> Result<Progress, StoreError> {
        self.handle.write(|session| session.compact(budget))
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.handle.read(Session::verify)
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.handle.read(|_| files::bytes_below(&self.dir))
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        let (dir, settings) = (&self.dir, &self.settings);
        self.handle.destroy(|session| {
            let lock = match session {
                Some(session) => session.abandon(),
                None => Some(Lock::acquire(dir, 0)?),
            };
            lock.map_or(Ok(()), |lock| files::destroy(dir, lock, &*settings.syncs))
        })
    }
}

struct SledView<'a>(&'a SledStore);

impl View for SledView<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.handle.read(|session| session.tree.get(&full_key(table, key)))
    }

    fn scan(
        &self,
        table: Table,
        range: KeyRange<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let from = full_key(table, range.from);
        let to = if range.to.is_empty() { vec![table.byte() + 1] } else { full_key(table, range.to) };
        self.0.handle.read(|session| session.tree.scan(&from, &to, direction, limit, 1))
    }
}

/// One turn on the store: from opening to closing.
struct Session {
    // Fields fall in this order: everything is closed before another process may open it.
    tree: Tree,
    rewrite: Option<Rewrite>,
    lock: Option<Lock>,
    dir: PathBuf,
    settings: Settings,
    /// The number of the database that counts.
    number: u64,
    /// As in the store, or one more when this turn has written.
    generation: u64,
    /// Whether this turn has counted itself in the store.
    counted: bool,
}

impl Session {
    /// Opens the database that counts, and removes all others but `keep`.
    fn open(dir: &Path, settings: &Settings, keep: Option<u64>) -> Result<Session, StoreError> {
        let lock = if settings.own_lock { Some(Lock::acquire(dir, 0)?) } else { None };
        let Pointer { number, new } = layout::current(dir, keep, &*settings.syncs)?;
        let tree = Tree::open(&layout::rows_dir(dir, number), settings)?;
        if new {
            layout::point_to(dir, Pointer { number, new: false }, &*settings.syncs)?;
        }
        let stored = tree.get(GENERATION)?.unwrap_or_else(|| vec![0; 8]);
        let generation = u64::from_be_bytes(stored.try_into().map_err(|_| StoreError::Corrupt("generation"))?);
        let (dir, settings) = (dir.to_path_buf(), settings.clone());
        Ok(Session { tree, rewrite: None, lock, dir, settings, number, generation, counted: false })
    }

    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        let mut changes = Batch::default();
        for op in batch {
            add(&mut changes, full_key(op.table, &op.key), op.value.as_deref());
        }
        self.count(&mut changes);
        self.tree.apply(changes)?;
        self.rewrite.as_mut().map_or(Ok(()), |rewrite| rewrite.follow(batch))
    }

    /// Counts this turn in its first batch, in which no copy is in the making.
    fn count(&mut self, changes: &mut Batch) {
        if !self.counted {
            self.counted = true;
            self.generation += 1;
            add(changes, GENERATION.to_vec(), Some(&self.generation.to_be_bytes()));
        }
    }

    /// Copies a part of the rows, and puts the copy in place when it has all.
    fn compact(&mut self, budget: u64) -> Result<Progress, StoreError> {
        let mut rewrite = match self.rewrite.take() {
            Some(rewrite) => rewrite,
            None => self.begin_rewrite()?,
        };
        if rewrite.copy(&self.tree, budget)? {
            self.rewrite = Some(rewrite);
            return Ok(Progress::More);
        }
        let number = rewrite.number;
        // What the old database has is durable no later than in the new one.
        self.tree.flush()?;
        let old = std::mem::replace(&mut self.tree, rewrite.finish()?);
        layout::point_to(&self.dir, Pointer { number, new: false }, &*self.settings.syncs)?;
        old.close()?;
        layout::remove(&self.dir, self.number)?;
        self.number = number;
        Ok(Progress::Done)
    }

    /// Counts the turn, so that no other process takes this copy for its own.
    fn begin_rewrite(&mut self) -> Result<Rewrite, StoreError> {
        let mut changes = Batch::default();
        self.count(&mut changes);
        self.tree.apply(changes)?;
        Rewrite::begin(&self.dir, self.number + 1, &self.settings)
    }

    /// Ends the turn of a store that nobody needs any more: whether its last rows can be written does not matter.
    fn abandon(self) -> Option<Lock> {
        let _ = self.tree.close();
        if let Some(mut rewrite) = self.rewrite {
            let _ = rewrite.close();
        }
        self.lock
    }

    /// Goes on with a copy from before the store was suspended, if it still is a copy of this store.
    fn take_up(&mut self, mut rewrite: Rewrite, moved: bool) -> Result<(), StoreError> {
        if moved || !layout::rows_dir(&self.dir, rewrite.number).is_dir() {
            return if rewrite.number == self.number { Ok(()) } else { layout::remove(&self.dir, rewrite.number) };
        }
        rewrite.reopen(&self.dir, &self.settings)?;
        // The copy has the generation row already.
        self.counted = true;
        self.rewrite = Some(rewrite);
        Ok(())
    }

    fn verify(&self) -> Result<(), StoreError> {
        if self.tree.has_blobs()? {
            return Err(StoreError::Corrupt("blob file"));
        }
        let mut from = Vec::new();
        loop {
            let rows = self.tree.scan(&from, rewrite::END, Direction::Forward, limits::PAGE_MAX, 0)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            from.clone_from(last);
            from.push(0);
            if rows.iter().any(|(key, value)| key.len() > 1 + limits::STORE_KEY || value.len() > limits::STORE_VALUE) {
                return Err(StoreError::Corrupt("row over the limit"));
            }
        }
    }
}

/// `table (1) · key`.
fn full_key(table: Table, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + key.len());
    out.push(table.byte());
    out.extend_from_slice(key);
    out
}

fn add(changes: &mut Batch, key: Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => changes.insert(key, value),
        None => changes.remove(key),
    }
}

#[cfg(test)]
mod tests;
