//! Every reason to wake, in one durable table: `deadline (8) · kind (1) · blinded reference` → reference.

use crate::error::{Error, Result, StoreError};
use crate::output::Wake;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// A deadline that came.
pub(crate) struct Due {
    pub wake: Wake,
    pub reference: Vec<u8>,
    pub key: Vec<u8>,
}

/// Wakes for `wake` of `reference` at `at`. Several deadlines of one reference may stand.
pub(crate) fn set(tx: &Tx<'_>, at: Time, wake: Wake, reference: &[u8]) {
    tx.put(Table::Timer, key(tx, at, wake, reference), reference.to_vec());
}

/// Takes a deadline back.
pub(crate) fn unset(tx: &Tx<'_>, at: Time, wake: Wake, reference: &[u8]) {
    tx.delete(Table::Timer, &key(tx, at, wake, reference));
}

/// The earliest deadlines that `now` has reached, at most `limit`.
pub(crate) fn due(tx: &Tx<'_>, now: Time, limit: usize) -> Result<Vec<Due>> {
    let to = now.plus(1).as_ms().to_be_bytes();
    let rows = tx.scan(Table::Timer, KeyRange { from: &[], to: &to }, Direction::Forward, limit)?;
    rows.into_iter()
        .map(|(key, reference)| Ok(Due { wake: deadline(&key)?.1, reference: reference.to_vec(), key }))
        .collect()
}

fn key(tx: &Tx<'_>, at: Time, wake: Wake, reference: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(25);
    key.extend_from_slice(&at.as_ms().to_be_bytes());
    key.push(wake as u8);
    key.extend_from_slice(&tx.blind(reference));
    key
}

/// When a timer row is due, and why.
pub(crate) fn deadline(key: &[u8]) -> Result<(Time, Wake)> {
    let corrupt = || Error::Store(StoreError::Corrupt("timer"));
    let at: [u8; 8] = key.get(..8).and_then(|b| b.try_into().ok()).ok_or_else(corrupt)?;
    let wake = key.get(8).copied().and_then(Wake::from_byte).ok_or_else(corrupt)?;
    Ok((Time::from_ms(u64::from_be_bytes(at)), wake))
}
