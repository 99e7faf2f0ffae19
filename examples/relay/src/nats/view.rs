//! The rows that one input has at hand, as a store: what it lacks it notes, what it writes it keeps to itself.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use serde_bytes::{ByteBuf, Bytes};
use undertone::id::DeviceId;

use super::cell::{Cell, Rows};
use super::claim::Read;
use super::place::{Name, Place, blobs_of, counter, inner, place};
use crate::logic;
use crate::logic::row::{self, CopyRow, CounterRow, MailRow};
use crate::logic::tx::decode;
use crate::store::{Op, RelayStore, Row, StoreError, Table};

/// Something that an input lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// A cell.
    Cell(Name),
    /// Whether an envelope was accepted before.
    Record(Name),
    /// How much waits for a device.
    Waiting(DeviceId),
    /// A mailbox from a place on, so many of it.
    Mailbox(DeviceId, u64, usize),
    /// One place in a mailbox.
    Item(DeviceId, u64),
}

/// A cell with what the input makes of it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) read: Read,
    /// What the input wrote into it.
    pub(super) rows: Rows,
    /// Whether it was read for this very input.
    pub(super) fresh: bool,
}

/// A part of a mailbox.
#[derive(Default)]
pub(super) struct Part {
    pub(super) from: u64,
    /// Copies and mails of what was found, by its place.
    pub(super) items: BTreeMap<u64, (CopyRow, MailRow)>,
    /// Whether it is all that a page can hold, or all that there is.
    pub(super) complete: bool,
}

/// The rows at hand.
#[derive(Default)]
pub(super) struct View {
    /// Whose counters are of interest.
    pub(super) own: Option<DeviceId>,
    pub(super) cells: BTreeMap<Name, Held>,
    /// Rows of what was accepted before; `None` for what was not. `bool`: whether that was looked up or is assumed.
    pub(super) records: BTreeMap<Name, (Option<Vec<u8>>, bool)>,
    pub(super) waiting: BTreeMap<DeviceId, u64>,
    pub(super) mailbox: Option<Part>,
    /// Single places of the own mailbox; `None` where there is nothing of it.
    pub(super) items: BTreeMap<u64, bool>,
    /// Bytes of all files, as far as this relay knows.
    pub(super) blob_bytes: u64,
    /// What was lacking.
    pub(super) needs: Mutex<BTreeSet<Need>>,
    /// What the input wrote.
    pub(super) staged: Vec<Op>,
}

impl Held {
    pub(super) fn new(read: Read, fresh: bool) -> Held {
        Held { rows: read.cell.rows.clone(), read, fresh }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.rows != self.read.cell.rows
    }

    /// What the cell becomes.
    pub(super) fn next(&self, by: &[u8]) -> Cell {
        self.read.cell.next(by, self.rows.clone())
    }
}

impl View {
    /// Forgets what was written, to run the input again.
    pub(super) fn reset(&mut self) {
        self.staged.clear();
        self.needs.lock().clear();
        for held in self.cells.values_mut() {
            held.rows.clone_from(&held.read.cell.rows);
        }
    }

    /// Whether it holds anything that may be older than the input.
    pub(super) fn is_stale(&self) -> bool {
        self.cells.values().any(|held| !held.fresh) || self.records.values().any(|(_, looked_up)| !looked_up)
    }

    /// Forgets what may be older than the input.
    pub(super) fn drop_stale(&mut self) {
        self.cells.retain(|_, held| held.fresh);
        self.records.retain(|_, (_, looked_up)| *looked_up);
    }

    fn lack<T>(&self, need: Need) -> Result<T, StoreError> {
        self.needs.lock().insert(need);
        Err(StoreError::NotAtHand)
    }

    fn cell(&self, name: &Name) -> Result<&Held, StoreError> {
        match self.cells.get(name) {
            Some(held) => Ok(held),
            None => self.lack(Need::Cell(name.clone())),
        }
    }

    /// The device's own counters as they are kept, and how much waits for it; of others the latter only.
    fn counters(&self, device: &DeviceId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut row = CounterRow::default();
        if self.own.as_ref() == Some(device) {
            let held = self.cell(&counter(device))?;
            if let Some(bytes) = held.rows.get(Bytes::new(&inner(Table::Counter, b""))) {
                row = decode(bytes)?;
            }
        } else {
            row.waiting = match self.waiting.get(device) {
                Some(waiting) => *waiting,
                None => return self.lack(Need::Waiting(*device)),
            };
        }
        rmp_serde::to_vec(&row).map(Some).map_err(|_| StoreError::Corrupt("encode"))
    }

    fn mail(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match table {
            Table::Mailbox => {
                let (device, sequence) = (row::device_at(key, 0)?, row::number_of(key)?);
                match self.items.get(&sequence) {
                    Some(true) => encode(&copy_row(sequence)).map(Some),
                    Some(false) => Ok(None),
                    None => self.lack(Need::Item(device, sequence)),
                }
            }
            // Mails are found through a mailbox only.
            Table::Mail => {
                let sequence = key.get(..8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
                let found = sequence.and_then(|sequence| self.mailbox.as_ref()?.items.get(&sequence));
                found.map(|(_, mail)| encode(mail)).transpose()
            }
            _ => Ok(None),
        }
    }

    fn mailbox(&self, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let (device, first) = (row::device_at(from, 0)?, row::number_of(from)?);
        let part = self.mailbox.as_ref().filter(|part| part.from == first);
        let Some(part) = part.filter(|part| part.complete || part.items.len() >= limit) else {
            return self.lack(Need::Mailbox(device, first, limit));
        };
        let rows = part.items.iter().take(limit);
        rows.map(|(sequence, (copy, _))| Ok((row::numbered_key(&device, *sequence), encode(copy)?))).collect()
    }

    /// A file's row is with the others of its user, so that its name leads there by way of whose it is.
    fn blob(&self, owner: &Name, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(user) = self.cell(owner)?.rows.get(Bytes::new(&inner(Table::Blob, b""))) else { return Ok(None) };
        let rows = &self.cell(&blobs_of(user))?.rows;
        Ok(rows.get(Bytes::new(&inner(Table::Blob, key))).map(|value| value.clone().into_vec()))
    }

    fn write_blob(&mut self, owner: Name, op: &Op) -> Result<(), StoreError> {
        let row = inner(Table::Blob, b"");
        let user = match &op.value {
            Some(value) => logic::blob::owner(value)?.to_vec(),
            None => match self.cell(&owner)?.rows.get(Bytes::new(&row)) {
                Some(user) => user.clone().into_vec(),
                None => return Ok(()),
            },
        };
        // A name was just drawn, or was read before: nobody else makes its cell.
        let names = self.cells.entry(owner).or_insert_with(|| Held::new(Read::default(), true));
        names.rows.insert(ByteBuf::from(row), ByteBuf::from(user.clone()));
        self.put(&blobs_of(&user), inner(Table::Blob, &op.key), op.value.as_ref())
    }

    /// Writes a row into the cell that it is of.
    fn write(&mut self, op: &Op) -> Result<(), StoreError> {
        let (name, inner) = match place(op.table, &op.key) {
            Place::Cell(name, inner) => (name, inner),
            Place::Counter if self.own.as_ref().is_some_and(|own| own.as_bytes()[..] == op.key) => {
                (counter(&row::device_at(&op.key, 0)?), inner(Table::Counter, b""))
            }
            Place::Blob(owner) => return self.write_blob(owner, op),
            Place::Counter | Place::Record(_) | Place::Mail | Place::BlobTotal | Place::Nowhere => return Ok(()),
        };
        self.put(&name, inner, op.value.as_ref())
    }

    fn put(&mut self, name: &Name, inner: Vec<u8>, value: Option<&Vec<u8>>) -> Result<(), StoreError> {
        let Some(held) = self.cells.get_mut(name) else { return self.lack(Need::Cell(name.clone())) };
        match value {
            Some(value) => held.rows.insert(ByteBuf::from(inner), ByteBuf::from(value.clone())),
            None => held.rows.remove(Bytes::new(&inner)),
        };
        Ok(())
    }
}

impl RelayStore for View {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match place(table, key) {
            Place::Cell(name, inner) => {
                Ok(self.cell(&name)?.rows.get(Bytes::new(&inner)).map(|value| value.clone().into_vec()))
            }
            Place::Record(name) => match self.records.get(&name) {
                Some((row, _)) => Ok(row.clone()),
                None => self.lack(Need::Record(name)),
            },
            Place::Counter => self.counters(&row::device_at(key, 0)?),
            Place::Mail => self.mail(table, key),
            Place::Blob(owner) => self.blob(&owner, key),
            Place::BlobTotal => encode(&self.blob_bytes).map(Some),
            Place::Nowhere => Ok(None),
        }
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let (name, first) = match place(table, from) {
            Place::Cell(name, inner) => (name, inner),
            Place::Mail if table == Table::Mailbox => return self.mailbox(from, limit),
            Place::Record(_) | Place::Counter | Place::Mail | Place::Blob(_) | Place::BlobTotal | Place::Nowhere => {
                return Ok(Vec::new());
            }
        };
        // All rows of a table in a cell have the same beginning: that of the key, less what is inside the cell.
        let outer = from.get(..from.len().saturating_sub(first.len() - 1)).unwrap_or_default();
        let rows = self.cell(&name)?.rows.range(ByteBuf::from(first)..);
        let mut found = Vec::new();
        for (inner, value) in rows {
            let Some((number, suffix)) = inner.split_first() else { continue };
            let key = [outer, suffix].concat();
            if *number != table.number() || found.len() >= limit || (!to.is_empty() && key.as_slice() >= to) {
                break;
            }
            found.push((key, value.clone().into_vec()));
        }
        Ok(found)
    }

    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        // All of it or nothing: what a cell lacks is noted before anything is written.
        for op in batch {
            if let Place::Cell(name, _) = place(op.table, &op.key)
                && !self.cells.contains_key(&name)
            {
                self.needs.lock().insert(Need::Cell(name));
            }
        }
        if !self.needs.lock().is_empty() {
            return Err(StoreError::NotAtHand);
        }
        batch.iter().try_for_each(|op| self.write(op))?;
        self.staged.extend_from_slice(batch);
        Ok(())
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A copy's row as the logic wants it: its mail is found by its place in the stream.
pub(super) fn copy_row(sequence: u64) -> CopyRow {
    CopyRow { mail: [&sequence.to_be_bytes()[..], &[0]].concat(), expires_at: undertone::time::Time::END, from: None }
}

fn encode<T: serde::Serialize>(row: &T) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec(row).map_err(|_| StoreError::Corrupt("encode"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(table: Table, key: &[u8], value: &[u8]) -> Op {
        Op { table, key: key.to_vec(), value: Some(value.to_vec()) }
    }

    #[test]
    fn what_is_lacking_is_noted_and_nothing_happens() {
        let mut view = View::default();
        assert_eq!(view.get(Table::Device, &[1; 16]), Err(StoreError::NotAtHand));
        assert_eq!(view.apply(&[op(Table::Pair, &[2; 32], b"")]), Err(StoreError::NotAtHand));
        assert_eq!(view.needs.lock().len(), 2);
        assert!(view.staged.is_empty());
    }

    #[test]
    fn a_scan_meets_the_rows_of_its_table_and_what_was_written() {
        let mut view = View::default();
        let (tag, key) = ([7; undertone::id::SessionId::LEN], |last: u8| {
            [&[7; undertone::id::SessionId::LEN][..], &[last; 16]].concat()
        });
        assert!(view.scan(Table::TagDevice, &tag, b"", 9).is_err());
        let Some(Need::Cell(name)) = view.needs.lock().pop_first() else { panic!("a cell is lacking") };
        view.cells.insert(name, Held::new(Read::default(), true));
        view.apply(&[
            op(Table::TagDevice, &key(2), b""),
            op(Table::TagDevice, &key(1), b""),
            op(Table::Tag, &tag, b"x"),
        ])
        .unwrap();
        let rows = view.scan(Table::TagDevice, &tag, b"", 9).unwrap();
        assert_eq!(rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [key(1), key(2)]);
        assert_eq!(view.scan(Table::TagDevice, &key(2), b"", 9).unwrap().len(), 1);
        view.reset();
        assert!(view.scan(Table::TagDevice, &tag, b"", 9).unwrap().is_empty());
    }

    #[test]
    fn of_others_only_what_waits_is_known() {
        let other = DeviceId::from_slice(&[3; DeviceId::LEN]).unwrap();
        let view = View { waiting: BTreeMap::from([(other, 5)]), ..View::default() };
        let row: CounterRow = decode(&view.get(Table::Counter, other.as_bytes()).unwrap().unwrap()).unwrap();
        assert_eq!((row.waiting, row.highest_sequence), (5, 0));
    }
}
