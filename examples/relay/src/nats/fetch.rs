//! Getting an input what it lacks: from what was read a moment ago, else from NATS, all at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use undertone::authority::Certificate;
use undertone::envelope::Envelope;
use undertone::id::DeviceId;
use undertone::time::Time;

use super::cell::Rows;
use super::claim::Read;
use super::hub::Hub;
use super::link::Item;
use super::place::{Bucket, Name, Place, counter, place};
use super::record::Record;
use super::view::{Held, Need, Part, View, copy_row};
use crate::frame::Up;
use crate::logic::PAGE_BYTES;
use crate::logic::row::{CopyRow, MailRow};
use crate::logic::tx::decode;
use crate::store::{StoreError, Table};

/// How long a cell that was read counts for allowing something. Nothing is refused by it: then it is read again.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Cells, and amounts, that are remembered at most; then all are forgotten.
const CELLS: usize = 100_000;
/// Reads under way at once for one input.
const READS: usize = 64;
/// How long the amount of a mailbox is known, with what this relay has added itself.
const AMOUNT: Duration = Duration::from_secs(60);

/// What was read a moment ago.
#[derive(Default)]
pub(super) struct Memory {
    cells: Mutex<HashMap<Name, (Arc<Read>, Instant)>>,
    waiting: Mutex<HashMap<DeviceId, (u64, Instant)>>,
}

impl Memory {
    pub(super) fn remember(&self, name: &Name, read: Read) {
        if !is_remembered(name) {
            return;
        }
        bounded(&mut self.cells.lock()).insert(name.clone(), (Arc::new(read), Instant::now()));
    }

    pub(super) fn forget(&self, name: &Name) {
        self.cells.lock().remove(name);
    }

    fn recall(&self, name: &Name) -> Option<Arc<Read>> {
        let cells = self.cells.lock();
        cells.get(name).filter(|(_, at)| at.elapsed() < REMEMBERED).map(|(read, _)| read.clone())
    }

    /// Counts what this relay has put into a mailbox.
    pub(super) fn filed(&self, device: &DeviceId) {
        if let Some((waiting, _)) = self.waiting.lock().get_mut(device) {
            *waiting += 1;
        }
    }

    fn remember_amount(&self, device: &DeviceId, amount: u64) {
        bounded(&mut self.waiting.lock()).insert(*device, (amount, Instant::now()));
    }

    fn amount(&self, device: &DeviceId) -> Option<u64> {
        let waiting = self.waiting.lock();
        waiting.get(device).filter(|(_, at)| at.elapsed() < AMOUNT).map(|(waiting, _)| *waiting)
    }
}

/// Something that is remembered, with room for one more.
fn bounded<K, V>(remembered: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if remembered.len() >= CELLS {
        remembered.clear();
    }
    remembered
}

/// Does all of it, so much at once. Collected first, for the compiler cannot tell that a stream over what borrows may change
/// threads.
async fn gather<T, F: Future<Output = Result<T, StoreError>>>(
    work: impl Iterator<Item = F>,
) -> Result<Vec<T>, StoreError> {
    stream::iter(work.collect::<Vec<_>>()).buffer_unordered(READS).try_collect().await
}

/// Certificates, tags and pairs: what allows things, and only ever allows more, but for a certificate that is replaced.
fn is_remembered(name: &Name) -> bool {
    name.bucket == Bucket::Tags || (name.bucket == Bucket::State && name.key.starts_with(['d', 'a']))
}

impl Hub {
    /// Puts into the view what an input will need as far as can be told beforehand.
    pub(super) async fn prepare(&self, view: &mut View, frame: &Up) -> Result<(), StoreError> {
        let (mut needs, mut others, mut later) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut row = |table, key: &[u8]| match place(table, key) {
            Place::Cell(name, _) => drop(needs.insert(Need::Cell(name))),
            Place::Record(name) => drop(needs.insert(Need::Record(name))),
            Place::Counter | Place::Mail | Place::Blob(_) | Place::BlobTotal | Place::Nowhere => {}
        };
        if let Some(own) = &view.own {
            row(Table::Device, own.as_bytes());
        }
        match frame {
            Up::Login { certificate, .. } => {
                let Ok(certificate) = Certificate::decode(certificate) else { return Ok(()) };
                let device = certificate.device();
                for table in [Table::Device, Table::KeyPackage, Table::Notice] {
                    row(table, device.as_bytes());
                }
                others.insert(Need::Cell(counter(&device)));
                view.own = Some(device);
            }
            Up::Transmit { bundle, .. } => {
                for (index, envelope) in bundle.iter().filter_map(|bytes| Envelope::decode(bytes).ok()).enumerate() {
                    row(Table::Tag, envelope.tag.as_bytes());
                    envelope.recipients.iter().for_each(|device| row(Table::Device, device.as_bytes()));
                    let seen = crate::logic::row::seen_key(&envelope.sender, &envelope.id);
                    match place(Table::Seen, &seen) {
                        // That it is new is shown by its record, which nobody else can have made then.
                        Place::Record(name) if bundle.len() == 1 && envelope.slot.is_none() => {
                            view.records.insert(name, (None, false));
                        }
                        // A bundle's first record says that all is done: what is known of the others must not be older.
                        Place::Record(name) if index > 0 => drop(later.insert(Need::Record(name))),
                        _ => row(Table::Seen, &seen),
                    }
                    if let Some(slot) = &envelope.slot {
                        row(Table::Slot, slot.as_bytes());
                    }
                    others.extend(envelope.recipients.iter().map(|device| Need::Waiting(*device)));
                }
                others.extend(view.own.as_ref().map(|own| Need::Cell(counter(own))));
            }
            Up::Publish { packages, .. } => {
                let Some(own) = view.own else { return Ok(()) };
                row(Table::KeyPackage, own.as_bytes());
                for package in packages {
                    let hash = undertone::id::Hash32::of(package);
                    row(Table::Published, &[&own.as_bytes()[..], hash.as_bytes()].concat());
                }
                others.insert(Need::Cell(counter(&own)));
            }
            Up::LookUp { users, .. } => users.iter().for_each(|user| {
                row(Table::UserDevice, &crate::logic::row::user_hash(user));
            }),
            Up::Slot { name, .. } => row(Table::Slot, name.as_bytes()),
            Up::Acknowledge { .. } | Up::Fetch { .. } | Up::Revocations { .. } | Up::UploadToken { .. } => {}
        }
        needs.extend(others);
        self.supply(view, needs).await?;
        self.supply(view, later).await
    }

    /// Fetches what is lacking.
    pub(super) async fn supply(&self, view: &mut View, needs: BTreeSet<Need>) -> Result<(), StoreError> {
        let mut names = BTreeSet::new();
        let mut others = Vec::new();
        for need in needs {
            match need {
                Need::Cell(name) if view.cells.contains_key(&name) => {}
                Need::Cell(name) => match self.memory.recall(&name) {
                    Some(read) => drop(view.cells.insert(name, Held::new((*read).clone(), false))),
                    None => drop(names.insert(name)),
                },
                other => others.push(other),
            }
        }
        let reads = names.into_iter().map(|name| async { Ok::<_, StoreError>((self.link.read(&name).await?, name)) });
        let own = view.own;
        let finds = others.into_iter().map(|need| self.find(own, need));
        let (reads, found) = tokio::try_join!(gather(reads), gather(finds))?;
        found.into_iter().for_each(|found| found.put_into(view));
        for (read, name) in reads {
            if read.place > 0 {
                self.memory.remember(&name, read.clone());
            }
            // Whose sessions are asked for is told about all of them next.
            let more = sessions_in(&name, &read.cell.rows);
            view.cells.insert(name, Held::new(read, true));
            if !more.is_empty() {
                Box::pin(self.supply(view, more)).await?;
            }
        }
        Ok(())
    }

    async fn find(&self, own: Option<DeviceId>, need: Need) -> Result<Found, StoreError> {
        Ok(match need {
            Need::Cell(name) => Found::Cell(self.link.read(&name).await?, name),
            Need::Record(name) => Found::Record(self.accepted(&name).await?, name),
            Need::Waiting(device) => Found::Waiting(device, self.waiting(&device).await?),
            Need::Mailbox(device, from, limit) => Found::Mailbox(self.part(&device, from, limit).await?),
            Need::Item(device, sequence) => {
                let is_own = own == Some(device) && self.link.is_of(&device, sequence).await?;
                Found::Item(sequence, is_own)
            }
        })
    }

    /// The row of an envelope that was accepted. One whose relay has not finished with it is finished first.
    pub(super) async fn accepted(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        let mut name = name.clone();
        loop {
            let Some((_, bytes)) = self.link.get(&name).await? else { return Ok(None) };
            match Record::decode(&bytes)? {
                Record::Done(row) => return Ok(Some(row.into_vec())),
                Record::Void => name = name.again(),
                Record::Open(redo) => drop(self.finish(&name, &redo).await?),
            }
        }
    }

    async fn waiting(&self, device: &DeviceId) -> Result<u64, StoreError> {
        if let Some(amount) = self.memory.amount(device) {
            return Ok(amount);
        }
        let amount = self.link.waiting(device).await?;
        self.memory.remember_amount(device, amount);
        Ok(amount)
    }

    async fn part(&self, device: &DeviceId, from: u64, limit: usize) -> Result<Part, StoreError> {
        let mut part = Part { from, ..Part::default() };
        let (mut next, mut bytes, now) = (from.max(1), 0, self.now());
        while part.items.len() < limit {
            let Some(item) = self.link.next(device, next).await? else {
                part.complete = true;
                break;
            };
            next = item.sequence + 1;
            let (sequence, copy, mail) = rows_of(item)?;
            let size = if copy.expires_at <= now { 0 } else { mail.envelope.len() };
            part.items.insert(sequence, (copy, mail));
            // The logic ends its page before this one, and says that there is more.
            if bytes >= PAGE_BYTES {
                part.complete = true;
                break;
            }
            bytes += size;
        }
        Ok(part)
    }
}

/// Something that was lacking.
enum Found {
    Cell(Read, Name),
    Record(Option<Vec<u8>>, Name),
    Waiting(DeviceId, u64),
    Mailbox(Part),
    Item(u64, bool),
}

impl Found {
    fn put_into(self, view: &mut View) {
        match self {
            Found::Cell(read, name) => drop(view.cells.insert(name, Held::new(read, true))),
            Found::Record(row, name) => drop(view.records.insert(name, (row, true))),
            Found::Waiting(device, amount) => drop(view.waiting.insert(device, amount)),
            Found::Mailbox(part) => view.mailbox = Some(part),
            Found::Item(sequence, is_own) => drop(view.items.insert(sequence, is_own)),
        }
    }
}

/// A message of a mailbox as the logic's rows.
pub(super) fn rows_of(item: Item) -> Result<(u64, CopyRow, MailRow), StoreError> {
    let mail: MailRow = decode(&item.stored.mail)?;
    let copy = CopyRow { expires_at: Time::from_ms(item.stored.expires_at), ..copy_row(item.sequence) };
    Ok((item.sequence, copy, mail))
}

/// The cells of the sessions that a device is in.
fn sessions_in(name: &Name, rows: &Rows) -> BTreeSet<Need> {
    if name.bucket != Bucket::State || !name.key.starts_with('g') {
        return BTreeSet::new();
    }
    let tags = rows.keys().filter_map(|key| key.split_first()).map(|(_, tag)| place(Table::Tag, tag));
    tags.filter_map(|place| if let Place::Cell(name, _) = place { Some(Need::Cell(name)) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn amounts_that_are_remembered_are_bounded() {
        let memory = Memory::default();
        for number in 0..CELLS as u64 + 9 {
            let mut id = [0; DeviceId::LEN];
            id[..8].copy_from_slice(&number.to_be_bytes());
            memory.remember_amount(&DeviceId::from_bytes(id), number);
        }
        assert_eq!(memory.waiting.lock().len(), 9);
    }

    #[tokio::test]
    async fn one_input_has_so_many_reads_under_way() {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let read = |number: usize| {
            let (under_way, most) = (&under_way, &most);
            async move {
                most.fetch_max(under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                under_way.fetch_sub(1, Ordering::Relaxed);
                Ok(number)
            }
        };
        let read = gather((0..3 * READS).map(read)).await.unwrap();
        assert_eq!(read.len(), 3 * READS);
        assert_eq!(most.into_inner(), READS);
    }
}
