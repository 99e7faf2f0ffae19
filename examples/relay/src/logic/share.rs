//! What one device, and all devices of one user, take up in the relay's store. Whoever has used its share up is refused
//! until some of it has expired; nobody else notices.

use undertone::id::DeviceId;

use super::row;
use super::tx::Tx;
use super::{Fault, Limits};
use crate::answer::RefusedReason;
use crate::store::{StoreError, Table};

/// How much may be kept at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// For one device.
    pub device: u64,
    /// For all devices of one user.
    pub user: u64,
}

/// What is counted. The numbers are part of the store's format.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Kept {
    Ties = 1,
    Slots = 2,
    WinnerBytes = 3,
    Seen = 4,
    Published = 5,
    Watches = 6,
}

impl Kept {
    fn share(self, limits: &Limits) -> Share {
        match self {
            Kept::Ties => limits.ties,
            Kept::Slots => limits.slots,
            Kept::WinnerBytes => limits.winner_bytes,
            Kept::Seen => limits.seen,
            Kept::Published => limits.published,
            Kept::Watches => limits.watches,
        }
    }
}

/// Counts so much more for a device and its user, unless that is too much for one of them.
pub(super) fn take(tx: &mut Tx<'_>, limits: &Limits, device: &DeviceId, kept: Kept, more: u64) -> Result<(), Fault> {
    let share = kept.share(limits);
    let [of_device, of_user] = owners(tx, device)?;
    let device = count(tx, kept, &of_device)?.saturating_add(more);
    let user = count(tx, kept, &of_user)?.saturating_add(more);
    if device > share.device || user > share.user {
        return Err(RefusedReason::RateLimited.into());
    }
    tx.write(Table::Share, key(kept, &of_device), &device)?;
    tx.write(Table::Share, key(kept, &of_user), &user)?;
    Ok(())
}

/// Counts so much less.
pub(super) fn give_back(tx: &mut Tx<'_>, device: &DeviceId, kept: Kept, less: u64) -> Result<(), StoreError> {
    for owner in owners(tx, device)? {
        match count(tx, kept, &owner)?.saturating_sub(less) {
            0 => tx.delete(Table::Share, key(kept, &owner)),
            left => tx.write(Table::Share, key(kept, &owner), &left)?,
        }
    }
    Ok(())
}

/// A device and its user, as they stand in keys.
fn owners(tx: &Tx<'_>, device: &DeviceId) -> Result<[Vec<u8>; 2], StoreError> {
    let row = row::device(tx, device)?.ok_or(StoreError::Corrupt("device"))?;
    Ok([device.as_bytes().to_vec(), row::user_hash(&row.user).to_vec()])
}

fn count(tx: &Tx<'_>, kept: Kept, owner: &[u8]) -> Result<u64, StoreError> {
    Ok(tx.read(Table::Share, &key(kept, owner))?.unwrap_or(0))
}

fn key(kept: Kept, owner: &[u8]) -> Vec<u8> {
    [&[kept as u8], owner].concat()
}
