//! Order and counts of what is parked. Tags are free and senders unproven, so that a bound per tag and sender bounds
//! nothing: these rows bound what one device, and what all of them, may have here, without reading the envelopes.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::{Error, Result, StoreError};
use crate::id::DeviceId;
use crate::limits;
use crate::store::Table;
use crate::store::vault::INLINE;
use crate::time::Time;
use crate::tx::Tx;

/// What a row of the index is.
const NEXT: u8 = 0;
const COUNT: u8 = 1;
const ORDER: u8 = 2;
const OF_DEVICE: u8 = 3;

/// Store operations that evictions may take in one mutation: a long envelope has many pieces.
const EVICTIONS: usize = 200;
/// The same for a step of the sweep, which is one of several in its mutation.
const SWEPT: usize = 60;

/// Whose share is meant: a class of envelopes, of one device or of all.
#[derive(Clone, Copy)]
struct Share {
    class: u8,
    device: Option<DeviceId>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Count {
    rows: u64,
    bytes: u64,
}

/// A parked envelope, by its arrival.
#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    bytes: u64,
    at: Time,
}

/// What evictions may still cost.
pub(super) struct Budget(usize);

impl Budget {
    pub fn new() -> Budget {
        Budget(EVICTIONS)
    }

    /// Takes the cost of deleting a row of so many bytes; `false` when there is too little left.
    fn take(&mut self, bytes: u64) -> bool {
        let cost = 4 + usize::try_from(bytes).unwrap_or(usize::MAX) / INLINE;
        let enough = cost <= self.0;
        self.0 = self.0.saturating_sub(cost);
        enough
    }
}

/// The number of the next envelope that arrives.
pub(super) fn next(ctx: &Ctx<'_>) -> Result<u64> {
    Ok(ctx.tx.row(Table::ParkedIndex, &[NEXT], "parked index")?.unwrap_or(0))
}

/// Notes that the envelope with the number [`next`] was parked under `key`.
pub(super) fn add(ctx: &Ctx<'_>, key: &[u8], bytes: usize) -> Result<()> {
    let (class, device, number) = parse(key)?;
    let bytes = bytes as u64;
    ctx.tx.put_row(Table::ParkedIndex, vec![NEXT], &number.saturating_add(1))?;
    ctx.tx.put_row(Table::ParkedIndex, order_key(class, number), &Entry { key: key.to_vec(), bytes, at: ctx.now })?;
    ctx.tx.put(Table::ParkedIndex, device_key(class, device, number), Vec::new());
    count_in(ctx, class, device, |count| {
        count.rows = count.rows.saturating_add(1);
        count.bytes = count.bytes.saturating_add(bytes);
    })
}

/// Deletes a parked envelope with all that is noted of it.
pub(super) fn remove(ctx: &Ctx<'_>, key: &[u8]) -> Result<()> {
    ctx.tx.delete(Table::Parked, key);
    let (class, device, number) = parse(key)?;
    let order = order_key(class, number);
    let Some(entry) = ctx.tx.row::<Entry>(Table::ParkedIndex, &order, "parked index")? else { return Ok(()) };
    ctx.tx.delete(Table::ParkedIndex, &order);
    ctx.tx.delete(Table::ParkedIndex, &device_key(class, device, number));
    count_in(ctx, class, device, |count| {
        count.rows = count.rows.saturating_sub(1);
        count.bytes = count.bytes.saturating_sub(entry.bytes);
    })
}

/// Makes room for one more envelope: the sending device's own oldest go first, then the oldest of all. `false` when that
/// would take more than one mutation holds.
pub(super) fn make_room(ctx: &Ctx<'_>, class: u8, device: DeviceId, bytes: usize, budget: &mut Budget) -> Result<bool> {
    let own = Share { class, device: Some(device) };
    let all = Share { class, device: None };
    Ok(trim(ctx, own, limits::PARKED_OF_DEVICE, limits::PARKED_OF_DEVICE_BYTES, bytes, budget)?
        && trim(ctx, all, limits::PARKED_OF_ALL, limits::PARKED_OF_ALL_BYTES, bytes, budget)?)
}

fn trim(ctx: &Ctx<'_>, share: Share, rows: usize, most: usize, bytes: usize, budget: &mut Budget) -> Result<bool> {
    loop {
        let count = count(&ctx.tx, share)?;
        if count.rows < rows as u64 && count.bytes.saturating_add(bytes as u64) <= most as u64 {
            return Ok(true);
        }
        let Some(entry) = oldest(ctx, share)? else { return Ok(true) };
        if !evict(ctx, &entry.key, entry.bytes, budget)? {
            return Ok(false);
        }
    }
}

/// Deletes a parked envelope of so many bytes, unless that costs more than there is left.
pub(super) fn evict(ctx: &Ctx<'_>, key: &[u8], bytes: u64, budget: &mut Budget) -> Result<bool> {
    if !budget.take(bytes) {
        return Ok(false);
    }
    remove(ctx, key).map(|()| true)
}

/// Deletes some of what has waited too long; says whether there may be more.
pub(super) fn sweep(ctx: &Ctx<'_>, classes: &[(u8, u64)]) -> Result<bool> {
    let mut budget = Budget(SWEPT);
    let mut gone = false;
    for (class, age) in classes {
        while let Some(entry) = oldest(ctx, Share { class: *class, device: None })? {
            if ctx.now.since(entry.at) <= *age {
                break;
            }
            // One at least, however long it is.
            if !budget.take(entry.bytes) && gone {
                return Ok(true);
            }
            remove(ctx, &entry.key)?;
            gone = true;
        }
    }
    Ok(false)
}

fn oldest(ctx: &Ctx<'_>, share: Share) -> Result<Option<Entry>> {
    let prefix = match share.device {
        Some(device) => [&[OF_DEVICE, share.class], &device.as_bytes()[..]].concat(),
        None => vec![ORDER, share.class],
    };
    let rows = ctx.tx.scan_prefix(Table::ParkedIndex, &prefix, 1)?;
    let Some((key, _)) = rows.first() else { return Ok(None) };
    let number = key.get(prefix.len()..).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes).ok_or(CORRUPT)?;
    ctx.tx.row(Table::ParkedIndex, &order_key(share.class, number), "parked index")
}

/// How many envelopes of a class wait.
pub(super) fn rows(tx: &Tx<'_>, class: u8) -> Result<u64> {
    count(tx, Share { class, device: None }).map(|count| count.rows)
}

fn count(tx: &Tx<'_>, share: Share) -> Result<Count> {
    Ok(tx.row(Table::ParkedIndex, &count_key(share), "parked index")?.unwrap_or_default())
}

/// Changes the counts of a device and of all.
fn count_in(ctx: &Ctx<'_>, class: u8, device: DeviceId, change: impl Fn(&mut Count)) -> Result<()> {
    for share in [Share { class, device: Some(device) }, Share { class, device: None }] {
        let mut count = count(&ctx.tx, share)?;
        change(&mut count);
        if count.rows == 0 {
            ctx.tx.delete(Table::ParkedIndex, &count_key(share));
        } else {
            ctx.tx.put_row(Table::ParkedIndex, count_key(share), &count)?;
        }
    }
    Ok(())
}

fn count_key(share: Share) -> Vec<u8> {
    let device = share.device.map(|device| device.as_bytes().to_vec()).unwrap_or_default();
    [vec![COUNT, share.class], device].concat()
}

fn order_key(class: u8, number: u64) -> Vec<u8> {
    [&[ORDER, class], &number.to_be_bytes()[..]].concat()
}

fn device_key(class: u8, device: DeviceId, number: u64) -> Vec<u8> {
    [&[OF_DEVICE, class], &device.as_bytes()[..], &number.to_be_bytes()[..]].concat()
}

const CORRUPT: Error = Error::Store(StoreError::Corrupt("parked index"));

/// Class, device and number in the key of a parked envelope.
fn parse(key: &[u8]) -> Result<(u8, DeviceId, u64)> {
    let device = key.get(17..33).and_then(DeviceId::from_slice);
    let number = key.get(33..41).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
    match (key.get(16), device, number) {
        (Some(class), Some(device), Some(number)) => Ok((*class, device, number)),
        _ => Err(CORRUPT),
    }
}

#[cfg(test)]
mod tests {
    //! R14.

    use super::*;

    #[test]
    fn long_rows_take_more_of_a_budget_and_one_too_long_takes_the_rest() {
        let mut budget = Budget(20);
        assert!(budget.take(0));
        assert!(budget.take(8 * INLINE as u64));
        assert!(!budget.take(INLINE as u64), "four are left");
        assert!(!budget.take(0));
    }
}
