//! What expires, goes: in bounded steps, from one table sorted by time.

use undertone::id::{DeviceId, SessionId};
use undertone::time::{DAY, Time};

use super::row::{self, Mortal, SlotRow};
use super::share::{self, Kept};
use super::tx::Tx;
use super::{Relay, SWEEP_EVERY, mailbox};
use crate::store::{RelayStore, StoreError, Table};

/// Rows that one step looks at.
const STEP: usize = 256;

impl<S: RelayStore> Relay<S> {
    /// Removes a bounded number of things that have expired. Call it at [`Relay::poll_timeout`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), StoreError> {
        if now < self.desk.next_sweep {
            return Ok(());
        }
        let swept = self.input(|tx, desk| sweep(tx, now, desk.config.limits.tag_age))?;
        self.desk.next_sweep = if swept < STEP { now.plus(SWEEP_EVERY) } else { now };
        Ok(())
    }
}

/// The number of a day.
pub(super) fn day(now: Time) -> u64 {
    now.as_ms() / DAY
}

fn sweep(tx: &mut Tx<'_>, now: Time, tag_age: u64) -> Result<usize, StoreError> {
    let end = now.plus(1).as_ms().to_be_bytes();
    let rows = tx.scan_range(Table::Expiry, b"", &end, STEP)?;
    let swept = rows.len();
    for (key, _) in rows {
        let (kind, reference) = key.get(8..).and_then(<[u8]>::split_first).ok_or(StoreError::Corrupt("expiry"))?;
        match Mortal::from_byte(*kind).ok_or(StoreError::Corrupt("expiry"))? {
            Mortal::Copy => drop(mailbox::drop_copy(tx, reference)?),
            Mortal::Seen => forget(tx, Table::Seen, reference, (Kept::Seen, 0))?,
            Mortal::Slot => sweep_slot(tx, reference)?,
            Mortal::Winner => sweep_winner(tx, reference)?,
            Mortal::Published => forget(tx, Table::Published, reference, (Kept::Published, 0))?,
            Mortal::Watch => forget(tx, Table::Watch, reference, (Kept::Watches, 32))?,
            Mortal::Tag => sweep_tag(tx, reference, now, tag_age)?,
        }
        tx.delete(Table::Expiry, key);
    }
    Ok(swept)
}

/// Forgets a row, and gives its share back to the device that stands in its key behind so many bytes.
pub(super) fn forget(
    tx: &mut Tx<'_>,
    table: Table,
    key: &[u8],
    (kept, behind): (Kept, usize),
) -> Result<(), StoreError> {
    if tx.contains(table, key)? {
        tx.delete(table, key.to_vec());
        share::give_back(tx, &row::device_at(key, behind)?, kept, 1)?;
    }
    Ok(())
}

fn sweep_slot(tx: &mut Tx<'_>, slot: &[u8]) -> Result<(), StoreError> {
    sweep_winner(tx, slot)?;
    let Some(held) = tx.read::<SlotRow>(Table::Slot, slot)? else { return Ok(()) };
    tx.delete(Table::Slot, slot.to_vec());
    share::give_back(tx, &held.sender, Kept::Slots, 1)
}

/// Whoever asks for a slot so late needs another session; that it is taken must be known still.
fn sweep_winner(tx: &mut Tx<'_>, slot: &[u8]) -> Result<(), StoreError> {
    let Some(held) = tx.read::<SlotRow>(Table::Slot, slot)? else { return Ok(()) };
    share::give_back(tx, &held.sender, Kept::WinnerBytes, held.envelope.len() as u64)?;
    tx.write(Table::Slot, slot.to_vec(), &SlotRow { envelope: Vec::new(), ..held })
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
    for (key, tied_by) in tx.scan(Table::TagDevice, tag.as_bytes(), b"", usize::MAX)? {
        let device = row::device_at(&key, SessionId::LEN)?;
        let tied_by = DeviceId::from_slice(&tied_by).ok_or(StoreError::Corrupt("tie"))?;
        share::give_back(tx, &tied_by, Kept::Ties, 1)?;
        tx.delete(Table::DeviceTag, row::device_tag_key(&device, &tag));
        tx.delete(Table::TagDevice, key);
    }
    tx.delete(Table::Tag, tag.as_bytes().to_vec());
    Ok(())
}
