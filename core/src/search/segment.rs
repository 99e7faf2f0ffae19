//! A segment: some thousand messages and their terms, packed into rows, read only but for messages that go.
//!
//! ```text
//! root      what follows, how much of it, and the fences: with which term each page of postings begins
//! senders   (device (16) · conversation (16))…, sorted
//! messages  newest first, a fixed number per page; a message's place in this order is its ordinal
//! postings  terms in order, each with the ordinals of the messages that have it
//! ```
//!
//! Numbers are varints (LEB128). A message is `time behind the one before · sender + 1 · id's time against its own ·
//! the id's last 10 bytes`, or `time · 0` when it is gone. A posting is `letters as the term before (1) · further letters
//! (1) · these · ordinals · the first of them · steps between them`. A page begins with a whole term, and a term with
//! more ordinals than fit goes on in the next page.

use core::cell::{Cell, RefCell};
use core::cmp::Ordering;
use core::ops::Range;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::bits::Bits;
use super::query::Need;
use super::varint::Reader;
use crate::error::{Error, Result, StoreError};
use crate::id::{ConversationId, DeviceId};
use crate::message::MessageKey;
use crate::store::Table;
use crate::time::Time;
use crate::tx::Tx;

/// Where a message stands among all: by time, then as in its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub key: MessageKey,
    pub conversation: ConversationId,
}

/// What begins with this byte names a conversation; no word does.
const CONVERSATION: u8 = 0;

/// The term of all messages of a conversation.
pub(super) fn conversation_term(id: ConversationId) -> Vec<u8> {
    [&[CONVERSATION], id.as_bytes().as_slice()].concat()
}

/// A segment's number.
pub(super) type SegmentId = u64;

/// The first row of a segment.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Root {
    pub segment: SegmentId,
    pub newest: Time,
    pub oldest: Time,
    pub messages: u32,
    pub message_pages: u16,
    pub sender_pages: u16,
    pub posting_pages: u16,
    /// For each page of postings `letters as the fence before (1) · further letters (1) · these · first ordinal + 1 of a
    /// term that goes on from the page before, else 0`. A fence is above every term of the page before, and not above
    /// the first of its own.
    #[serde(with = "serde_bytes")]
    pub fences: Vec<u8>,
}

/// Which part of a segment a page belongs to.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Senders = 1,
    Messages = 2,
    Postings = 3,
}

/// Messages of one page: of the largest size they fit into a row.
pub(super) const PER_PAGE: usize = 120;
/// Senders of one page.
pub(super) const SENDERS_PER_PAGE: usize = 120;
/// Bytes of a sender.
const SENDER: usize = 32;

/// The key of a page: `segment (8) · part (1) · page (2)`.
pub(super) fn page_key(segment: SegmentId, part: Part, page: u16) -> Vec<u8> {
    let mut key = segment.to_be_bytes().to_vec();
    key.push(part as u8);
    key.extend_from_slice(&page.to_be_bytes());
    key
}

impl Root {
    /// Rows of the segment, this one included.
    pub fn rows(&self) -> usize {
        1 + [self.message_pages, self.sender_pages, self.posting_pages].into_iter().map(usize::from).sum::<usize>()
    }

    /// The keys of all pages.
    pub fn pages(&self) -> impl Iterator<Item = Vec<u8>> {
        let parts = [
            (Part::Senders, self.sender_pages),
            (Part::Messages, self.message_pages),
            (Part::Postings, self.posting_pages),
        ];
        let segment = self.segment;
        parts.into_iter().flat_map(move |(part, count)| (0..count).map(move |page| page_key(segment, part, page)))
    }
}

/// A message in a segment.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Here(Place),
    /// Removed; of its time nothing but the order is needed.
    Gone(Time),
}

impl Slot {
    fn at(&self) -> Time {
        match self {
            Slot::Here(place) => place.key.at,
            Slot::Gone(at) => *at,
        }
    }
}

/// Reads a segment.
pub(super) struct Segment<'t> {
    tx: &'t Tx<'t>,
    pub root: Root,
    senders: RefCell<BTreeMap<u16, Zeroizing<Vec<u8>>>>,
    /// The page of messages read last.
    page: RefCell<Option<(u16, Vec<Slot>)>>,
    /// Rows read so far.
    reads: Cell<usize>,
}

fn corrupt() -> Error {
    Error::Store(StoreError::Corrupt("search segment"))
}

impl<'t> Segment<'t> {
    pub fn new(tx: &'t Tx<'t>, root: Root) -> Segment<'t> {
        Segment { tx, root, senders: RefCell::default(), page: RefCell::default(), reads: Cell::new(1) }
    }

    /// Rows read since the last time this was asked.
    pub fn take_reads(&self) -> usize {
        self.reads.take()
    }

    fn row(&self, part: Part, page: u16) -> Result<Zeroizing<Vec<u8>>> {
        self.reads.set(self.reads.get() + 1);
        self.tx.get(Table::SearchSegment, &page_key(self.root.segment, part, page))?.ok_or_else(corrupt)
    }

    /// The message with an ordinal.
    pub fn message(&self, ordinal: u32) -> Result<Slot> {
        let page = u16::try_from(ordinal as usize / PER_PAGE).map_err(|_| corrupt())?;
        self.with_page(page, |slots| slots.get(ordinal as usize % PER_PAGE).copied().ok_or_else(corrupt))?
    }

    fn with_page<T>(&self, page: u16, f: impl FnOnce(&[Slot]) -> T) -> Result<T> {
        let cached = self.page.borrow_mut().take().filter(|(number, _)| *number == page);
        let slots = match cached {
            Some((_, slots)) => slots,
            None => self.read_page(page)?,
        };
        let result = f(&slots);
        *self.page.borrow_mut() = Some((page, slots));
        Ok(result)
    }

    fn read_page(&self, page: u16) -> Result<Vec<Slot>> {
        let row = self.row(Part::Messages, page)?;
        let mut reader = Reader::new(&row);
        let mut slots = Vec::with_capacity(PER_PAGE);
        let mut before = self.root.newest.as_ms();
        while !reader.is_empty() {
            let at = before.checked_sub(reader.number().ok_or_else(corrupt)?).ok_or_else(corrupt)?;
            before = at;
            let at = Time::from_ms(at);
            let Some(sender) = reader.number().ok_or_else(corrupt)?.checked_sub(1) else {
                slots.push(Slot::Gone(at));
                continue;
            };
            let (device, conversation) = self.sender(sender)?;
            let id = reader.message_id(at).ok_or_else(corrupt)?;
            slots.push(Slot::Here(Place { key: MessageKey { at, device, id }, conversation }));
        }
        Ok(slots)
    }

    fn sender(&self, number: u64) -> Result<(DeviceId, ConversationId)> {
        let number = usize::try_from(number).map_err(|_| corrupt())?;
        let page = u16::try_from(number / SENDERS_PER_PAGE).map_err(|_| corrupt())?;
        let mut senders = self.senders.borrow_mut();
        if let std::collections::btree_map::Entry::Vacant(vacant) = senders.entry(page) {
            vacant.insert(self.row(Part::Senders, page)?);
        }
        let at = number % SENDERS_PER_PAGE * SENDER;
        let sender = senders.get(&page).and_then(|row| row.get(at..at + SENDER)).ok_or_else(corrupt)?;
        let (device, conversation) = sender.split_at(DeviceId::LEN);
        DeviceId::from_slice(device).zip(ConversationId::from_slice(conversation)).ok_or_else(corrupt)
    }

    /// The ordinals of the messages that have what is needed.
    pub fn matching(&self, needs: &[Need]) -> Result<Bits> {
        let mut ways = Vec::with_capacity(needs.len());
        for need in needs {
            ways.push((self.pages_of(need)?, need));
        }
        // What stands on few pages first: most often it is rare, and nothing else has to be read.
        ways.sort_by_key(|(pages, need)| (pages.len(), need.prefix));
        let mut all: Option<Bits> = None;
        for (pages, need) in ways {
            let mut found = Bits::new(self.root.messages as usize);
            self.collect(need, pages, &mut found)?;
            if let Some(before) = &all {
                found.and(before);
            }
            let nothing = found.is_empty();
            all = Some(found);
            if nothing {
                break;
            }
        }
        Ok(all.unwrap_or_else(|| Bits::new(0)))
    }

    fn collect(&self, need: &Need, pages: Range<u16>, found: &mut Bits) -> Result<()> {
        for page in pages {
            let row = self.row(Part::Postings, page)?;
            let mut postings = Postings::new(&row);
            while postings.next()? {
                if need.fits(&postings.term) {
                    postings.each(|ordinal| found.set(ordinal))?;
                } else if *postings.term > need.term {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The pages of postings on which what is needed may stand.
    fn pages_of(&self, need: &Need) -> Result<Range<u16>> {
        let mut reader = Reader::new(&self.root.fences);
        let mut fence: Zeroizing<Vec<u8>> = Zeroizing::default();
        let mut first = 0;
        for page in 0..self.root.posting_pages {
            reader.shared(&mut fence).ok_or_else(corrupt)?;
            let goes_on = reader.number().ok_or_else(corrupt)? > 0;
            match fence.cmp(&need.term) {
                Ordering::Less => first = page,
                // The term may also be the last of the page before, unless it begins here.
                Ordering::Equal if !goes_on => first = page,
                Ordering::Equal => {}
                Ordering::Greater if need.fits(&fence) => {}
                Ordering::Greater => return Ok(first..page),
            }
        }
        Ok(first..self.root.posting_pages)
    }

    /// All messages in order.
    pub fn messages(&self) -> Result<Vec<Slot>> {
        let mut all = Vec::with_capacity(self.root.messages as usize);
        for page in 0..self.root.message_pages {
            all.append(&mut self.read_page(page)?);
        }
        Ok(all)
    }

    /// A page of postings as a row.
    pub fn postings(&self, page: u16) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if page < self.root.posting_pages { self.row(Part::Postings, page).map(Some) } else { Ok(None) }
    }

    /// Takes a message out; `false` when it is not here.
    pub fn remove(&self, place: &Place) -> Result<bool> {
        let Some((page, at)) = self.position(place)? else { return Ok(false) };
        let row = self.row(Part::Messages, page)?;
        let key = page_key(self.root.segment, Part::Messages, page);
        let row = without(&row, at).ok_or_else(corrupt)?;
        self.tx.put(Table::SearchSegment, key, row);
        *self.page.borrow_mut() = None;
        Ok(true)
    }

    /// On which page a message stands, and where there.
    fn position(&self, place: &Place) -> Result<Option<(u16, usize)>> {
        if place.key.at > self.root.newest || place.key.at < self.root.oldest {
            return Ok(None);
        }
        let (mut low, mut high) = (0, self.root.message_pages);
        while low < high {
            let middle = low + (high - low) / 2;
            let above = self.with_page(middle, |slots| slots.last().is_some_and(|last| last.at() > place.key.at))?;
            if above { low = middle + 1 } else { high = middle }
        }
        for page in low..self.root.message_pages {
            let is_it = |slot: &Slot| matches!(slot, Slot::Here(here) if here == place);
            let (found, past) = self.with_page(page, |slots| {
                (slots.iter().position(is_it), slots.first().is_none_or(|first| first.at() < place.key.at))
            })?;
            match found {
                Some(at) => return Ok(Some((page, at))),
                None if past => return Ok(None),
                None => {}
            }
        }
        Ok(None)
    }
}

/// A page of messages with one of them gone.
fn without(row: &[u8], at: usize) -> Option<Vec<u8>> {
    let mut reader = Reader::new(row);
    for number in 0.. {
        reader.number()?;
        let sender_at = row.len() - reader.left();
        if reader.number()? > 0 {
            reader.skip_message_id()?;
        }
        let end = row.len() - reader.left();
        if number == at {
            return Some([row.get(..sender_at)?, &[0], row.get(end..)?].concat());
        }
    }
    None
}

/// Reads a page of postings.
pub(super) struct Postings<'r> {
    reader: Reader<'r>,
    /// The term read last, and how many of its ordinals are not read yet.
    pub term: Zeroizing<Vec<u8>>,
    left: u64,
}

impl<'r> Postings<'r> {
    pub fn new(row: &'r [u8]) -> Postings<'r> {
        Postings { reader: Reader::new(row), term: Zeroizing::default(), left: 0 }
    }

    /// Goes to the next term; `false` at the end of the page.
    pub fn next(&mut self) -> Result<bool> {
        self.reader.skip_numbers(self.left).ok_or_else(corrupt)?;
        self.left = 0;
        if self.reader.is_empty() {
            return Ok(false);
        }
        self.reader.shared(&mut self.term).ok_or_else(corrupt)?;
        self.left = self.reader.number().ok_or_else(corrupt)?;
        Ok(true)
    }

    /// Calls `take` with each ordinal of the term.
    pub fn each(&mut self, mut take: impl FnMut(u32)) -> Result<()> {
        let mut last = 0u32;
        for _ in 0..core::mem::take(&mut self.left) {
            let step = self.reader.number().and_then(|step| u32::try_from(step).ok()).ok_or_else(corrupt)?;
            last = last.checked_add(step).ok_or_else(corrupt)?;
            take(last);
        }
        Ok(())
    }
}
