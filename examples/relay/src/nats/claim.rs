//! The next version of a cell, for one relay only.
//!
//! A cell lies in its bucket under its name, with its version inside. Version 1 is whoever creates it. Version `n + 1` is
//! whoever creates the key `name.n+1` among the claims; then it is put in the cell's place. Creating is what a cluster of any
//! version of NATS decides for one alone; a compare-and-set of what is there, it does not before 2.12.
//!
//! A claim whose relay died before it put the version in place is found by the next that wants that version, and put in
//! place by it.

use super::cell::{Cell, Write};
use super::link::{Created, Link};
use super::place::{Bucket, Name};
use crate::store::StoreError;

/// A cell as it was read, with its place in the bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    /// 0 when there is none.
    pub(super) place: u64,
    pub(super) cell: Cell,
}

/// Who has the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    /// It is written, by this claim.
    Won,
    /// Another has it.
    Lost,
}

impl Link {
    /// A cell as it is now.
    pub(super) async fn read(&self, name: &Name) -> Result<Read, StoreError> {
        match self.get(name).await? {
            None => Ok(Read::default()),
            Some((place, bytes)) => Ok(Read { place, cell: Cell::decode(&bytes)? }),
        }
    }

    /// Makes a cell what it is to be, if its version is still the next. May be repeated: who has won, wins again.
    pub(super) async fn claim(&self, write: &Write) -> Result<Claimed, StoreError> {
        let (name, cell) = (write.name()?, &write.cell);
        let first = cell.version == 1;
        let claim = if first { name.clone() } else { claim_name(&name, cell.version) };
        let bytes = cell.encode()?;
        let holder = match self.create(&claim, &bytes).await? {
            Created::Yes => None,
            Created::Before => self.get(&claim).await?,
        };
        let Some((_, holder)) = holder else {
            if !first {
                self.put_in_place(&name, cell).await?;
            }
            return Ok(Claimed::Won);
        };
        let holder = Cell::decode(&holder)?;
        if !first {
            self.put_in_place(&name, &holder).await?;
        }
        let ours = holder.by == cell.by;
        Ok(if ours { Claimed::Won } else { Claimed::Lost })
    }

    /// Puts a version in its place, unless a later one is there.
    async fn put_in_place(&self, name: &Name, cell: &Cell) -> Result<(), StoreError> {
        let bytes = cell.encode()?;
        loop {
            let now = self.read(name).await?;
            if now.cell.version >= cell.version {
                return Ok(());
            }
            if self.put_at(name, &bytes, now.place).await? == Created::Yes {
                return Ok(());
            }
        }
    }
}

fn claim_name(name: &Name, version: u64) -> Name {
    Name { bucket: Bucket::Claims, key: format!("{}.{}.{version}", name.bucket.name(), name.key) }
}
