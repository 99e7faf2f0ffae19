//! Every table of a relay, with the shape of its keys. Integers in keys are big-endian, ids are raw bytes.

/// A table. The number is part of the store's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// `name` → the relay's own state.
    Meta = 1,
    /// `device` → certificate and what it says.
    Device = 2,
    /// `device` → counters.
    Counter = 3,
    /// `hash of user (32) · device` → nothing. The devices that the directory lists.
    UserDevice = 4,
    /// `device · number (8)` → a key package.
    KeyPackage = 5,
    /// `device · hash of a key package (32)` → nothing: published before.
    Published = 6,
    /// `device` → the last-resort key package.
    LastResort = 7,
    /// `tag` → the day of its last use.
    Tag = 8,
    /// `tag · device` → nothing.
    TagDevice = 9,
    /// `device · tag` → nothing.
    DeviceTag = 10,
    /// `hash of two users (32)` → nothing: this pair may talk.
    Pair = 11,
    /// `accepted at (8) · index (1)` → an envelope that somebody has not yet acknowledged.
    Mail = 12,
    /// `accepted at (8) · index (1)` → how many copies of it are left.
    Copies = 13,
    /// `device · delivery (8)` → key in [`Table::Mail`].
    Mailbox = 14,
    /// `device · envelope` → hash and accept time: accepted before.
    Seen = 15,
    /// `slot` → the winning commit.
    Slot = 16,
    /// `time (8) · kind (1) · key` → nothing: when something goes.
    Expiry = 17,
    /// `device · hash of user (32)` → a user whose devices changed, until the device looks.
    Notice = 18,
    /// `hash of user (32) · device` → nothing: who looked for a user that had no device.
    Watch = 19,
    /// `name of a blob (32)` → whose it is, its size, when it goes.
    Blob = 20,
    /// `hash of user (32)` → bytes of the user's blobs, and how many are being uploaded.
    BlobUse = 21,
    /// `device · hash of user (32)` → how many copies of that user's envelopes count against it in a mailbox that fills.
    Share = 22,
}

impl Table {
    /// The number that stands for it.
    pub const fn number(self) -> u8 {
        self as u8
    }
}
