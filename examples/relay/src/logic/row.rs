//! What rows hold, and how their keys are made.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use undertone::id::{DeviceId, EnvelopeId, Hash32, SessionId, UserId};
use undertone::policy::Role;
use undertone::time::Time;

use super::tx::Tx;
use crate::store::{StoreError, Table};

/// A device's certificate and what it says.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DeviceRow {
    pub(crate) user: UserId,
    pub(crate) role: Role,
    #[serde(with = "serde_bytes")]
    pub(crate) authority: [u8; 32],
    pub(crate) serial: u64,
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
    #[serde(with = "serde_bytes")]
    pub(crate) certificate: Vec<u8>,
}

/// What the relay counts of a device.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct CounterRow {
    /// The highest envelope sequence accepted.
    pub(crate) highest_sequence: u64,
    /// The last delivery id given.
    pub(crate) last_delivery: u64,
    /// Deliveries in the mailbox.
    pub(crate) waiting: u64,
    /// The last number given to a key package.
    pub(crate) last_package: u64,
}

/// An envelope that waits for its recipients.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MailRow {
    pub(crate) at: Time,
    pub(crate) frank: Option<Hash32>,
    #[serde(with = "serde_bytes")]
    pub(crate) envelope: Vec<u8>,
}

/// One recipient's copy.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CopyRow {
    #[serde(with = "serde_bytes")]
    pub(crate) mail: Vec<u8>,
    pub(crate) expires_at: Time,
    /// The hash of the sender's user, if the copy counts against it.
    #[serde(default)]
    pub(crate) from: Option<Hash32>,
}

/// An envelope that was accepted before.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SeenRow {
    pub(crate) hash: Hash32,
    pub(crate) at: Time,
}

/// The commit that won a slot.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SlotRow {
    pub(crate) id: EnvelopeId,
    pub(crate) hash: Hash32,
    pub(crate) at: Time,
    #[serde(with = "serde_bytes")]
    pub(crate) envelope: Vec<u8>,
}

/// A thing that goes at its time. The numbers are part of the store's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mortal {
    /// Key of [`Table::Mailbox`].
    Copy = 1,
    /// Key of [`Table::Seen`].
    Seen = 2,
    /// Key of [`Table::Slot`].
    Slot = 3,
    /// Key of [`Table::Tag`].
    Tag = 4,
    /// Key of [`Table::Published`].
    Published = 5,
    /// Key of [`Table::Watch`].
    Watch = 6,
    /// Key of [`Table::Blob`].
    Blob = 7,
}

impl Mortal {
    pub(crate) fn from_byte(byte: u8) -> Option<Mortal> {
        [Mortal::Copy, Mortal::Seen, Mortal::Slot, Mortal::Tag, Mortal::Published, Mortal::Watch, Mortal::Blob]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// A device's row, when the relay knows it.
pub(crate) fn device(tx: &Tx<'_>, id: &DeviceId) -> Result<Option<DeviceRow>, StoreError> {
    tx.read(Table::Device, id.as_bytes())
}

/// A device's counters, all zero at first.
pub(crate) fn counters(tx: &Tx<'_>, id: &DeviceId) -> Result<CounterRow, StoreError> {
    Ok(tx.read(Table::Counter, id.as_bytes())?.unwrap_or_default())
}

pub(crate) fn set_counters(tx: &mut Tx<'_>, id: &DeviceId, row: &CounterRow) -> Result<(), StoreError> {
    tx.write(Table::Counter, id.as_bytes().to_vec(), row)
}

pub(crate) fn mail_key(at: Time, index: u8) -> Vec<u8> {
    [&at.as_ms().to_be_bytes()[..], &[index]].concat()
}

/// A key of a device's numbered rows: mailbox and key packages.
pub(crate) fn numbered_key(device: &DeviceId, number: u64) -> Vec<u8> {
    [&device.as_bytes()[..], &number.to_be_bytes()].concat()
}

/// The number in a key that [`numbered_key`] made.
pub(crate) fn number_of(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.get(DeviceId::LEN..).and_then(|rest| rest.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or(StoreError::Corrupt("key"))
}

/// The device in the first bytes of a key, or in those behind `skip` bytes.
pub(crate) fn device_at(key: &[u8], skip: usize) -> Result<DeviceId, StoreError> {
    key.get(skip..skip + DeviceId::LEN).and_then(DeviceId::from_slice).ok_or(StoreError::Corrupt("key"))
}

pub(crate) fn seen_key(device: &DeviceId, envelope: &EnvelopeId) -> Vec<u8> {
    [&device.as_bytes()[..], envelope.as_bytes()].concat()
}

pub(crate) fn tag_device_key(tag: &SessionId, device: &DeviceId) -> Vec<u8> {
    [&tag.as_bytes()[..], device.as_bytes()].concat()
}

pub(crate) fn device_tag_key(device: &DeviceId, tag: &SessionId) -> Vec<u8> {
    [&device.as_bytes()[..], tag.as_bytes()].concat()
}

pub(crate) fn user_hash(user: &UserId) -> [u8; 32] {
    Sha256::digest([b"undertone relay user v1", user.as_str().as_bytes()].concat()).into()
}

pub(crate) fn user_device_key(user: &UserId, device: &DeviceId) -> Vec<u8> {
    [&user_hash(user)[..], device.as_bytes()].concat()
}

pub(crate) fn notice_key(device: &DeviceId, user: &UserId) -> Vec<u8> {
    [&device.as_bytes()[..], &user_hash(user)].concat()
}

pub(crate) fn share_key(device: &DeviceId, from: &Hash32) -> Vec<u8> {
    [&device.as_bytes()[..], from.as_bytes()].concat()
}

/// The same for both orders of two users.
pub(crate) fn pair_key(one: &UserId, other: &UserId) -> Vec<u8> {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    Sha256::digest([b"undertone relay pair v1".as_slice(), &user_hash(first), &user_hash(second)].concat()).to_vec()
}

pub(crate) fn expiry_key(at: Time, kind: Mortal, key: &[u8]) -> Vec<u8> {
    [&at.as_ms().to_be_bytes()[..], &[kind as u8], key].concat()
}

/// Lets something go at `at`.
pub(crate) fn expire_at(tx: &mut Tx<'_>, at: Time, kind: Mortal, key: &[u8]) {
    tx.put(Table::Expiry, expiry_key(at, kind, key), Vec::new());
}
