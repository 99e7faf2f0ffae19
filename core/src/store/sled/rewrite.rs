//! Compaction: sled never gives space back, so the rows are copied into a fresh database, which then takes the old one's
//! place.
//!
//! The copy goes on in steps, and writes go on between them. What was copied is kept up to date; what was not will be.

use std::path::Path;

use ::sled::Batch;

use super::tree::Tree;
use super::{Settings, layout};
use crate::error::StoreError;
use crate::limits;
use crate::store::{Direction, Op};

/// A copy in the making.
pub(super) struct Rewrite {
    /// Its database's number.
    pub number: u64,
    /// `None` while the store is suspended.
    target: Option<Tree>,
    /// The first key that was not copied.
    cursor: Vec<u8>,
}

/// Behind every key: table bytes are lower.
pub(super) const END: &[u8] = &[0xff];

impl Rewrite {
    pub(super) fn begin(dir: &Path, number: u64, settings: &Settings) -> Result<Rewrite, StoreError> {
        layout::remove(dir, number)?;
        let mut rewrite = Rewrite { number, target: None, cursor: Vec::new() };
        rewrite.reopen(dir, settings)?;
        Ok(rewrite)
    }

    /// Copies about `budget` bytes of the remaining rows. Says whether any may be left.
    pub(super) fn copy(&mut self, source: &Tree, budget: u64) -> Result<bool, StoreError> {
        let mut copied = 0;
        while copied < budget {
            // Short pages, so that a step does not go far beyond its budget.
            let limit = usize::try_from((budget - copied) / 64).unwrap_or(limits::BATCH).clamp(1, limits::BATCH / 8);
            let rows = source.scan(&self.cursor, END, Direction::Forward, limit, 0)?;
            let Some((last, _)) = rows.last() else { return Ok(false) };
            self.cursor.clone_from(last);
            self.cursor.push(0);
            let mut batch = Batch::default();
            for (key, value) in rows {
                copied += (key.len() + value.len()) as u64;
                batch.insert(key, value);
            }
            self.target()?.apply(batch)?;
        }
        Ok(true)
    }

    /// Repeats a batch on the rows that were copied.
    pub(super) fn follow(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        let mut copied = Batch::default();
        for op in batch {
            let key = super::full_key(op.table, &op.key);
            if key < self.cursor {
                super::add(&mut copied, key, op.value.as_deref());
            }
        }
        self.target()?.apply(copied)
    }

    /// The finished copy, durable with all its files and names.
    pub(super) fn finish(mut self) -> Result<Tree, StoreError> {
        let mut target = self.target.take().ok_or(StoreError::Closed)?;
        target.flush()?;
        target.sync_all()?;
        target.sync_batches(true);
        Ok(target)
    }

    /// Closes every file, until [`Rewrite::reopen`].
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        self.target.take().map_or(Ok(()), Tree::close)
    }

    pub(super) fn reopen(&mut self, dir: &Path, settings: &Settings) -> Result<(), StoreError> {
        let mut target = Tree::open(&layout::rows_dir(dir, self.number), settings)?;
        // Until it is finished, nobody opens it after a power cut.
        target.sync_batches(false);
        self.target = Some(target);
        Ok(())
    }

    /// The first key that was not copied.
    #[cfg(test)]
    pub(super) fn cursor(&self) -> &[u8] {
        &self.cursor
    }

    fn target(&mut self) -> Result<&mut Tree, StoreError> {
        self.target.as_mut().ok_or(StoreError::Closed)
    }
}
