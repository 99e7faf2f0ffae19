//! Where a row of the logic lies in NATS.

use std::fmt::Write as _;

use undertone::id::{DeviceId, SessionId};

use crate::store::Table;

/// A bucket of the key-value store. What is in one bucket lives equally long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Bucket {
    /// Devices, users, key packages, pairs: until they are replaced.
    State = 0,
    /// Tags with their devices: 400 days after the last use.
    Tags = 1,
    /// What was accepted, and key packages that were published: as long as a repeat is recognised.
    Seen = 2,
    /// Slots with their winners.
    Slots = 3,
    /// Who looked for a user in vain.
    Watches = 4,
    /// Claims to the next version of a cell: until that is surely in its place.
    Claims = 5,
    /// The books of files: until the last of a user's is gone.
    Blobs = 6,
}

impl Bucket {
    pub(super) const ALL: [Bucket; 7] =
        [Bucket::State, Bucket::Tags, Bucket::Seen, Bucket::Slots, Bucket::Watches, Bucket::Claims, Bucket::Blobs];

    pub(super) fn name(self) -> &'static str {
        match self {
            Bucket::State => "state",
            Bucket::Tags => "tags",
            Bucket::Seen => "seen",
            Bucket::Slots => "slots",
            Bucket::Watches => "watches",
            Bucket::Claims => "claims",
            Bucket::Blobs => "blobs",
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Bucket> {
        Bucket::ALL.into_iter().find(|bucket| *bucket as u8 == number)
    }
}

/// The name of a cell: a bucket, and a key in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    pub(super) bucket: Bucket,
    pub(super) key: String,
}

impl Name {
    /// Where a record is made once more, after it came to nothing here.
    pub(super) fn again(&self) -> Name {
        let mut parts = self.key.splitn(3, '.');
        let (letter, key) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let tries: u64 = parts.next().and_then(|tries| tries.parse().ok()).unwrap_or(1);
        Name { bucket: self.bucket, key: format!("{letter}.{key}.{}", tries + 1) }
    }
}

/// Where a row is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a cell, under an inner key.
    Cell(Name, Vec<u8>),
    /// The record of a bundle, by its first envelope.
    Record(Name),
    /// What is counted of a device.
    Counter,
    /// Mailboxes are a stream.
    Mail,
    /// In the cell of whose file it is; this cell says whose.
    Blob(Name),
    /// The bytes of all files, which every relay adds up by itself.
    BlobTotal,
    /// Not kept: NATS drops by age by itself, and times of acceptance are kept beside what was accepted. Reads as nothing.
    Nowhere,
}

/// Where a row lies.
pub(super) fn place(table: Table, key: &[u8]) -> Place {
    let (bucket, letter, length) = match table {
        // Mailboxes are counted by the stream, which knows no senders.
        Table::Expiry | Table::Share => return Place::Nowhere,
        Table::Blob => return Place::Blob(Name { bucket: Bucket::Blobs, key: name('b', key) }),
        Table::BlobUse => (Bucket::Blobs, 'f', usize::MAX),
        Table::Meta if crate::logic::is_blob_total(table, key) => return Place::BlobTotal,
        Table::Meta if key == b"last accepted" => return Place::Nowhere,
        Table::Mail | Table::Copies | Table::Mailbox => return Place::Mail,
        Table::Counter => return Place::Counter,
        Table::Seen => return Place::Record(Name { bucket: Bucket::Seen, key: name('s', key) }),
        Table::Meta => (Bucket::State, 'm', usize::MAX),
        Table::Device => (Bucket::State, 'd', usize::MAX),
        Table::UserDevice => (Bucket::State, 'u', 32),
        Table::KeyPackage | Table::LastResort => (Bucket::State, 'k', DeviceId::LEN),
        Table::Published => (Bucket::Seen, 'p', usize::MAX),
        Table::Tag | Table::TagDevice => (Bucket::Tags, 't', SessionId::LEN),
        Table::DeviceTag => (Bucket::State, 'g', DeviceId::LEN),
        Table::Pair => (Bucket::State, 'a', usize::MAX),
        Table::Slot => (Bucket::Slots, 'x', usize::MAX),
        Table::Notice => (Bucket::State, 'n', DeviceId::LEN),
        Table::Watch => (Bucket::Watches, 'w', 32),
    };
    let (outer, suffix) = key.split_at(length.min(key.len()));
    Place::Cell(Name { bucket, key: name(letter, outer) }, inner(table, suffix))
}

/// The key of a row inside its cell.
pub(super) fn inner(table: Table, suffix: &[u8]) -> Vec<u8> {
    [&[table.number()][..], suffix].concat()
}

/// The cell with all files of a user, and with what they come to: so that both change at once.
pub(super) fn blobs_of(user: &[u8]) -> Name {
    Name { bucket: Bucket::Blobs, key: name('f', user) }
}

/// Where a device's counters are.
pub(super) fn counter(device: &DeviceId) -> Name {
    Name { bucket: Bucket::State, key: name('c', device.as_bytes()) }
}

/// The subject of a device's mailbox, or of what relays tell about it, behind the prefix of either.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn name(letter: char, bytes: &[u8]) -> String {
    format!("{letter}.{}", hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::row;

    #[test]
    fn a_record_that_came_to_nothing_is_made_again_elsewhere() {
        let Place::Record(first) = place(Table::Seen, &[7; 32]) else { panic!("a record") };
        let second = first.again();
        assert_eq!(second.key, format!("{}.2", first.key));
        assert_eq!(second.again().key, format!("{}.3", first.key));
    }

    #[test]
    fn rows_that_are_scanned_together_lie_together() {
        let (tag, device) =
            (SessionId::from_bytes([1; SessionId::LEN]), DeviceId::from_slice(&[2; DeviceId::LEN]).unwrap());
        let day = place(Table::Tag, tag.as_bytes());
        let member = place(Table::TagDevice, &row::tag_device_key(&tag, &device));
        let (Place::Cell(one, first), Place::Cell(other, second)) = (day, member) else { panic!("cells") };
        assert_eq!(one, other);
        assert_eq!(first, [Table::Tag.number()]);
        assert_eq!(second, inner(Table::TagDevice, device.as_bytes()));
        assert!(first < second, "a scan of one table meets no row of another");
    }
}
