//! What expires, goes: in bounded steps, from one table sorted by time.

use undertone::id::SessionId;
use undertone::time::{DAY, Time};

use super::row::{self, Mortal};
use super::tx::Tx;
use super::{Desk, Relay, SWEEP_EVERY, blob, mailbox};
use crate::store::{RelayStore, StoreError, Table};

/// Rows that one step looks at.
const STEP: usize = 256;

impl<S: RelayStore> Relay<S> {
    /// Removes a bounded number of things that have expired, and looks how large the store is. Call it at [`Relay::poll_timeout`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), StoreError> {
        if now < self.desk.next_sweep {
            return Ok(());
        }
        self.desk.full = self.store.size()? > self.desk.config.limits.store;
        let swept = self.input(|tx, desk| sweep(tx, desk, now))?;
        self.desk.next_sweep = if swept < STEP { now.plus(SWEEP_EVERY) } else { now };
        Ok(())
    }
}

/// The number of a day.
pub(super) fn day(now: Time) -> u64 {
    now.as_ms() / DAY
}

fn sweep(tx: &mut Tx<'_>, desk: &mut Desk, now: Time) -> Result<usize, StoreError> {
    let tag_age = desk.config.limits.tag_age;
    let end = now.plus(1).as_ms().to_be_bytes();
    let rows = tx.scan_range(Table::Expiry, b"", &end, STEP)?;
    let swept = rows.len();
    for (key, _) in rows {
        let (kind, reference) = key.get(8..).and_then(<[u8]>::split_first).ok_or(StoreError::Corrupt("expiry"))?;
        match Mortal::from_byte(*kind).ok_or(StoreError::Corrupt("expiry"))? {
            Mortal::Copy => drop(mailbox::drop_copy(tx, reference)?),
            Mortal::Seen => tx.delete(Table::Seen, reference.to_vec()),
            Mortal::Slot => tx.delete(Table::Slot, reference.to_vec()),
            Mortal::Published => tx.delete(Table::Published, reference.to_vec()),
            Mortal::Watch => tx.delete(Table::Watch, reference.to_vec()),
            Mortal::Blob => blob::remove(tx, desk, reference)?,
            Mortal::Tag => sweep_tag(tx, reference, now, tag_age)?,
        }
        tx.delete(Table::Expiry, key);
    }
    Ok(swept)
}

/// Unties a tag that nobody has used for long; one that was used gets a new deadline.
fn sweep_tag(tx: &mut Tx<'_>, tag: &[u8], now: Time, tag_age: u64) -> Result<(), StoreError> {
    let last = Time::from_ms(tx.read::<u64>(Table::Tag, tag)?.unwrap_or(0).saturating_mul(DAY));
    if now.since(last) < tag_age {
        // A day later than due at most: the table keeps days.
        row::expire_at(tx, last.plus(tag_age).plus(DAY), Mortal::Tag, tag);
        return Ok(());
    }
    let tag = SessionId::from_slice(tag).ok_or(StoreError::Corrupt("expiry"))?;
    for (key, _) in tx.scan(Table::TagDevice, tag.as_bytes(), b"", usize::MAX)? {
        let device = row::device_at(&key, SessionId::LEN)?;
        tx.delete(Table::DeviceTag, row::device_tag_key(&device, &tag));
        tx.delete(Table::TagDevice, key);
    }
    tx.delete(Table::Tag, tag.as_bytes().to_vec());
    Ok(())
}
