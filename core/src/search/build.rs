//! Writes a segment. Its form is told in [`segment`](super::segment).

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::segment::{PER_PAGE, Part, Place, Root, SENDERS_PER_PAGE, SegmentId, page_key};
use super::varint;
use crate::error::{Error, Result};
use crate::id::{ConversationId, DeviceId};
use crate::store::Table;
use crate::store::vault::INLINE;
use crate::time::Time;
use crate::tx::Tx;

/// Room that is left in a page of postings for at least some ordinals of a term.
const SOME: usize = 16;

/// A segment that is written to nothing yet.
pub(super) struct Built {
    pub root: Root,
    pages: Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

impl Built {
    /// Rows of all pages.
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Stages the pages, and gives the root for whoever names it.
    pub fn stage(self, tx: &Tx<'_>) -> Root {
        for (key, mut page) in self.pages {
            tx.put(Table::SearchSegment, key, core::mem::take(&mut *page));
        }
        self.root
    }
}

/// A segment being built.
pub(super) struct Builder {
    root: Root,
    pages: Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    page: Vec<u8>,
    /// The term written last, and the one written last on the page before.
    last: Zeroizing<Vec<u8>>,
    fence: Zeroizing<Vec<u8>>,
}

impl Builder {
    /// Begins a segment of these messages, newest first.
    pub fn new(segment: SegmentId, places: &[Place]) -> Result<Builder> {
        let time = |place: Option<&Place>| place.map_or(Time::ZERO, |place| place.key.at);
        let root = Root {
            segment,
            newest: time(places.first()),
            oldest: time(places.last()),
            messages: u32::try_from(places.len()).map_err(|_| Error::Bug("search.messages"))?,
            message_pages: 0,
            sender_pages: 0,
            posting_pages: 0,
            fences: Vec::new(),
        };
        let (last, fence) = (Zeroizing::default(), Zeroizing::default());
        let mut builder = Builder { root, pages: Vec::new(), page: Vec::with_capacity(INLINE), last, fence };
        builder.write_places(places);
        Ok(builder)
    }

    fn write_places(&mut self, places: &[Place]) {
        let sender = |place: &Place| (place.key.device, place.conversation);
        let senders: BTreeSet<(DeviceId, ConversationId)> = places.iter().map(sender).collect();
        let senders: Vec<_> = senders.into_iter().collect();
        for chunk in senders.chunks(SENDERS_PER_PAGE) {
            let row = chunk.iter().flat_map(|(device, id)| [*device.as_bytes(), *id.as_bytes()].concat()).collect();
            self.push(Part::Senders, self.root.sender_pages, row);
            self.root.sender_pages += 1;
        }
        let numbers: BTreeMap<_, u64> = senders.into_iter().zip(1..).collect();
        let newest = self.root.newest;
        for chunk in places.chunks(PER_PAGE) {
            let mut row = Vec::new();
            let mut before = newest;
            for place in chunk {
                varint::push(&mut row, before.as_ms().saturating_sub(place.key.at.as_ms()));
                varint::push(&mut row, numbers.get(&sender(place)).copied().unwrap_or_default());
                varint::push_message_id(&mut row, &place.key.id, place.key.at);
                before = place.key.at;
            }
            self.push(Part::Messages, self.root.message_pages, row);
            self.root.message_pages += 1;
        }
    }

    /// Adds a term, which is above all before it, with its ordinals in order.
    pub fn add(&mut self, term: &[u8], ordinals: &[u32]) {
        let mut rest = ordinals;
        while !rest.is_empty() {
            if self.page.is_empty() {
                self.begin_page(term, rest.len() < ordinals.len(), rest);
            } else if self.page.len() + 2 + term.len() + SOME > INLINE {
                self.end_page();
                continue;
            }
            // The first of several chunks: letters in common with the term before.
            varint::push_shared(&mut self.page, &self.last, term);
            self.last.clear();
            self.last.extend_from_slice(term);
            let fitting = fitting(rest, INLINE - self.page.len());
            varint::push(&mut self.page, fitting as u64);
            let mut before = 0;
            for ordinal in rest.iter().take(fitting) {
                varint::push(&mut self.page, u64::from(ordinal - before));
                before = *ordinal;
            }
            rest = rest.get(fitting..).unwrap_or_default();
            if !rest.is_empty() {
                self.end_page();
            }
        }
    }

    /// Writes the fence of a page that begins with `term`.
    fn begin_page(&mut self, term: &[u8], goes_on: bool, rest: &[u32]) {
        let shared = self.last.iter().zip(term).take_while(|(a, b)| a == b).count();
        let short = if goes_on { term } else { term.get(..=shared).unwrap_or(term) };
        varint::push_shared(&mut self.root.fences, &self.fence, short);
        let first = rest.first().map_or(0, |first| u64::from(*first) + 1);
        varint::push(&mut self.root.fences, if goes_on { first } else { 0 });
        self.fence.clear();
        self.fence.extend_from_slice(short);
        self.last.clear();
    }

    fn end_page(&mut self) {
        if self.page.is_empty() {
            return;
        }
        // The next page is written without growing, which would leave words behind.
        let page = core::mem::replace(&mut self.page, Vec::with_capacity(INLINE));
        self.push(Part::Postings, self.root.posting_pages, page);
        self.root.posting_pages += 1;
    }

    fn push(&mut self, part: Part, number: u16, page: Vec<u8>) {
        self.pages.push((page_key(self.root.segment, part, number), Zeroizing::new(page)));
    }

    /// Ends the segment.
    pub fn finish(mut self) -> Built {
        self.end_page();
        Built { root: self.root, pages: self.pages }
    }
}

/// How many ordinals fit into `room` bytes behind their count.
fn fitting(ordinals: &[u32], room: usize) -> usize {
    let mut left = room.saturating_sub(varint::length(ordinals.len() as u64));
    let mut before = 0;
    let mut count = 0;
    for ordinal in ordinals {
        let length = varint::length(u64::from(ordinal - before));
        if length > left {
            break;
        }
        left -= length;
        before = *ordinal;
        count += 1;
    }
    count
}
