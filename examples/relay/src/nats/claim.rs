//! The next version of a cell, for one relay only.
//!
//! A cell lies in its bucket under its name, with its version inside. Version `n` is whoever creates the key `name.n` among
//! the claims; then it is put in the cell's place. Creating is what a cluster of any version of NATS decides for one alone; a
//! compare-and-set of what is there, it does not before 2.12. A slot never changes, so it has no second version: it is its
//! own claim.
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
        let for_good = name.bucket == Bucket::Slots;
        let claim = if for_good { name.clone() } else { claim_name(&name, cell.version) };
        let holder = match self.create(&claim, &cell.encode()?).await? {
            Created::Yes => None,
            Created::Before => self.get(&claim).await?,
        };
        let holder = holder.map(|(_, bytes)| Cell::decode(&bytes)).transpose()?;
        let holder = holder.as_ref().unwrap_or(cell);
        if !for_good {
            self.put_in_place(&name, holder).await?;
        }
        Ok(if holder.by == cell.by { Claimed::Won } else { Claimed::Lost })
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
