//! Finishing a bundle that was taken in, by the relay that took it in or by any other.
//!
//! In this order, each step good to be done again: who is in the session, the slot (with that it is decided), what else
//! changes, the copies with the sender's counters, and in the end the rows by which a repeat is recognised. Only then is
//! the sender answered, who repeats the bundle byte for byte until it is.

use futures_util::StreamExt;
use futures_util::stream;
use serde_bytes::{ByteBuf, Bytes};
use undertone::id::DeviceId;
use undertone::time::Time;

use super::cell::{Cell, Merge, Rows, Write};
use super::claim::Claimed;
use super::hub::Hub;
use super::link::Created;
use super::place::{Bucket, Name, counter, inner};
use super::record::{Copy, Record, Redo, Stored};
use crate::logic::row::{CounterRow, SeenRow};
use crate::logic::tx::decode;
use crate::store::{StoreError, Table};

/// Copies under way at once.
const TOGETHER: usize = 64;

/// Beside a device's counters, and no row of the logic: when something of it was last accepted.
const LAST_AT: [u8; 1] = [u8::MAX];

/// When something of a device was last accepted, by its counters.
pub(super) fn last_accepted(counters: &Cell) -> Option<Time> {
    let bytes = counters.rows.get(Bytes::new(&LAST_AT))?.as_slice().try_into().ok()?;
    Some(Time::from_ms(u64::from_be_bytes(bytes)))
}

/// What became of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// All of it is kept.
    Kept,
    /// Another had its slot or changed its session first: nothing of it was kept, and it is judged again.
    Lost,
}

impl Hub {
    /// Takes a bundle in, if nobody else has, and finishes it.
    pub(super) async fn take_in(&self, name: &Name, redo: Redo) -> Result<Finished, StoreError> {
        let record = Record::Open(Box::new(redo));
        let bytes = record.encode()?;
        let mut name = name.clone();
        while self.link.create(&name, &bytes).await? == Created::Before {
            let before = self.link.get(&name).await?.map(|(_, bytes)| Record::decode(&bytes)).transpose()?;
            match before {
                // An answer that was lost: it is this very record.
                Some(before) if before == record => break,
                // It lost here for good, and was judged anew.
                Some(Record::Void) => name = name.again(),
                Some(Record::Open(_) | Record::Done(_)) | None => return Ok(Finished::Lost),
            }
        }
        match record {
            Record::Open(redo) => self.finish(&name, &redo).await,
            Record::Done(_) | Record::Void => Ok(Finished::Lost),
        }
    }

    /// Does what is still to be done for a bundle.
    pub(super) async fn finish(&self, name: &Name, redo: &Redo) -> Result<Finished, StoreError> {
        for write in redo.session.iter().chain(&redo.slots) {
            if self.write(write).await? == Claimed::Lost {
                self.link.put(name, &Record::Void.encode()?).await?;
                return Ok(Finished::Lost);
            }
        }
        for merge in &redo.merges {
            self.merge(merge, &redo.by).await?;
        }
        // Collected, for the compiler cannot tell that a stream over borrowed copies may change threads.
        let copies: Vec<_> = redo.copies.iter().map(|copy| self.append(name, redo, copy)).collect();
        let copies = stream::iter(copies).buffer_unordered(TOGETHER);
        let copies = copies.fold(Ok(()), |all, one| async { all.and(one) });
        let (sender, row) = &redo.counter;
        let (first, others) = redo.seen.split_first().ok_or(StoreError::Corrupt("record"))?;
        let at = decode::<SeenRow>(&first.1)?.at;
        tokio::try_join!(copies, self.count(sender, row, Some(at)))?;
        // The first says that all is done, so it is the last.
        for (key, row) in others {
            let name = Name { bucket: Bucket::Seen, key: key.clone() };
            self.link.put(&name, &Record::Done(row.clone()).encode()?).await?;
        }
        self.link.put(name, &Record::Done(first.1.clone()).encode()?).await?;
        redo.copies.iter().for_each(|copy| self.tell_mail(copy.to, copy.hint));
        Ok(Finished::Kept)
    }

    /// Writes a version, and lets all relays know.
    pub(super) async fn write(&self, write: &Write) -> Result<Claimed, StoreError> {
        let name = write.name()?;
        let claimed = self.link.claim(write).await?;
        self.forget(&name).await;
        Ok(claimed)
    }

    /// Changes rows of a cell, whoever else changes it meanwhile.
    pub(super) async fn merge(&self, merge: &Merge, by: &[u8]) -> Result<(), StoreError> {
        let name = merge.name()?;
        loop {
            let read = self.link.read(&name).await?;
            let rows: Rows = merge.applied(&read.cell.rows);
            if rows == read.cell.rows && read.place > 0 {
                return Ok(());
            }
            if self.write(&Write::new(&name, read.cell.next(by, rows))).await? == Claimed::Won {
                return Ok(());
            }
        }
    }

    /// Puts a device's counters, which only ever rise, and when something of it was last accepted.
    pub(super) async fn count(&self, device: &DeviceId, row: &[u8], at: Option<Time>) -> Result<(), StoreError> {
        let (name, key) = (counter(device), ByteBuf::from(inner(Table::Counter, b"")));
        let mut row: CounterRow = decode(row)?;
        let mut cell = self.counted(device).unwrap_or_default();
        if cell.version == 0 {
            cell = self.link.read(&name).await?.cell;
        }
        if let Some(bytes) = cell.rows.get(&key) {
            let before: CounterRow = decode(bytes)?;
            row.highest_sequence = row.highest_sequence.max(before.highest_sequence);
            row.last_package = row.last_package.max(before.last_package);
        }
        let bytes = rmp_serde::to_vec(&row).map_err(|_| StoreError::Corrupt("encode"))?;
        if at.is_none() && cell.rows.get(&key).is_some_and(|before| *before == bytes) {
            return Ok(());
        }
        cell.rows.insert(key, ByteBuf::from(bytes));
        if let Some(at) = at.max(last_accepted(&cell)) {
            cell.rows.insert(ByteBuf::from(LAST_AT), ByteBuf::from(at.as_ms().to_be_bytes()));
        }
        cell.version += 1;
        self.link.put(&name, &cell.encode()?).await?;
        self.set_counted(device, cell);
        Ok(())
    }

    /// Puts a copy into its mailbox. The stream drops it if it came before, by its id; but only while it knows the id.
    async fn append(&self, name: &Name, redo: &Redo, copy: &Copy) -> Result<(), StoreError> {
        let mail = redo.mails.get(copy.mail).ok_or(StoreError::Corrupt("record"))?;
        let stored = Stored { expires_at: copy.expires_at, record: name.key.clone(), mail: mail.clone() };
        let mut tries = self.link.tries();
        while let Err(why) = self.link.append(&copy.to, &copy.id, &stored).await {
            tries.again(why).await?;
            // Who came upon the bundle meanwhile may have finished it, and its recipient may have acknowledged the copy.
            if !self.is_open(name).await? {
                return Ok(());
            }
        }
        self.memory.filed(&copy.to);
        Ok(())
    }

    async fn is_open(&self, name: &Name) -> Result<bool, StoreError> {
        let record = self.link.get(name).await?.map(|(_, bytes)| Record::decode(&bytes)).transpose()?;
        Ok(matches!(record, Some(Record::Open(_))))
    }

    /// Takes a copy out of its mailbox. Not before its bundle is done: until then it may be appended again, and a server that
    /// was restarted knows the ids of those copies only that are still there.
    pub(super) async fn take_out(&self, sequence: u64) -> Result<(), StoreError> {
        let Some((_, item)) = self.link.at(sequence).await? else { return Ok(()) };
        let name = Name { bucket: Bucket::Seen, key: item.stored.record };
        self.accepted(&name).await?;
        self.link.drop_mail(sequence).await
    }
}
