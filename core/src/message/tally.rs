//! How many messages cannot be read or shown, by cause: counted as they come and go, so that nobody has to look through
//! a history for it.

use serde::{Deserialize, Serialize};

use super::{Body, Cause};
use crate::diagnosis::Unreadable;
use crate::envelope::Kind;
use crate::error::Result;
use crate::store::Table;
use crate::tx::Tx;

/// The row, in [`Table::Meta`].
const ROW: &[u8] = b"unreadable";

#[derive(Default, Serialize, Deserialize)]
struct Tally {
    too_old: u64,
    newer_version: u64,
    unsupported: u64,
}

impl Tally {
    /// The number that a message counts in, if any.
    fn of(&mut self, body: &Body) -> Option<&mut u64> {
        match body {
            Body::Encrypted(Cause::TooOld) => Some(&mut self.too_old),
            Body::Encrypted(Cause::NewerVersion) => Some(&mut self.newer_version),
            // Calls are kept as they came, and shown.
            Body::Unknown(kind, _) if *kind != Kind::CALL => Some(&mut self.unsupported),
            _ => None,
        }
    }
}

/// A message has come to a place.
pub(super) fn came(tx: &Tx<'_>, body: &Body) -> Result<()> {
    change(tx, body, |count| count.saturating_add(1))
}

/// A message is gone from its place.
pub(super) fn went(tx: &Tx<'_>, body: &Body) -> Result<()> {
    change(tx, body, |count| count.saturating_sub(1))
}

fn change(tx: &Tx<'_>, body: &Body, change: impl Fn(u64) -> u64) -> Result<()> {
    if Tally::default().of(body).is_none() {
        return Ok(());
    }
    let mut tally = load(tx)?;
    if let Some(count) = tally.of(body) {
        *count = change(*count);
    }
    tx.put_row(Table::Meta, ROW.to_vec(), &tally)
}

fn load(tx: &Tx<'_>) -> Result<Tally> {
    Ok(tx.row(Table::Meta, ROW, "unreadable")?.unwrap_or_default())
}

/// How many there are; what is parked is not known here.
pub(crate) fn unreadable(tx: &Tx<'_>) -> Result<Unreadable> {
    let Tally { too_old, newer_version, unsupported } = load(tx)?;
    Ok(Unreadable { too_old, newer_version, unsupported, ..Unreadable::default() })
}
