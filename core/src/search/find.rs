//! Answering a search: segments newest first, as few as the page needs, and each candidate held against the message
//! itself.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::keep::{self, ROOTS};
use super::query::{Need, SearchQuery};
use super::segment::{Place, Root, Segment, Slot, conversation_term};
use super::{Hit, Said, Scope, SearchCursor, SearchPage};
use crate::codec;
use crate::error::Result;
use crate::id::{ConversationId, DeviceId, MessageId};
use crate::limits;
use crate::message::{self, Message, MessageKey};
use crate::page;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// Roots that are read together.
const TOGETHER: usize = 16;

/// Finds at most `limit` messages behind `cursor`. What went by `hidden` is not there.
pub(crate) fn search(
    tx: &Tx<'_>,
    query: &SearchQuery,
    scope: Scope,
    cursor: Option<&SearchCursor>,
    limit: usize,
    hidden: Time,
) -> Result<SearchPage> {
    page::check(limit)?;
    let mut needs = query.needs();
    if let Scope::Conversation(id) = scope {
        needs.push(Need { prefix: false, term: conversation_term(id) });
    }
    let mut walk = Walk::new(tx, needs, cursor.map(|cursor| cursor.0))?;
    walk.add_fresh(scope)?;
    let (mut hits, mut looked_at) = (Vec::new(), 0);
    while hits.len() < limit && looked_at < limits::SEARCH_CANDIDATES {
        let Some(place) = walk.next()? else { break };
        looked_at += 1;
        hits.extend(held_against(tx, query, place, hidden)?);
    }
    Ok(SearchPage { hits, next: walk.position().map(SearchCursor) })
}

/// The message at a place, if it is there and matches.
fn held_against(tx: &Tx<'_>, query: &SearchQuery, place: Place, hidden: Time) -> Result<Option<Hit>> {
    let Some(row) = message::load(tx, place.conversation, place.key)? else { return Ok(None) };
    if row.went_by(place.key, hidden) {
        return Ok(None);
    }
    let Some(said) = Said::by(&row.body) else { return Ok(None) };
    let Some(marks) = query.find(&said.text) else { return Ok(None) };
    let [highlights, name_highlights] = said.split(marks);
    Ok(Some(Hit { message: Message::new(place.conversation, place.key, row), highlights, name_highlights }))
}

/// Walks over the candidates, newest first.
struct Walk<'t> {
    tx: &'t Tx<'t>,
    needs: Vec<Need>,
    /// Only what is older counts: at first what the caller has seen, then what was looked at.
    below: Place,
    start: Time,
    /// The next candidate of each source.
    heads: BTreeMap<Place, Source<'t>>,
    /// Roots that were read and are not opened yet, newest last; and where the next ones are read.
    roots: Vec<Root>,
    next_root: Option<Vec<u8>>,
    rows: usize,
}

enum Source<'t> {
    Fresh,
    Segment(Box<(Segment<'t>, Bits, u32)>),
}

/// Above every message.
const TOP: Place = last_at(Time::NEVER);

/// The last place of an instant.
const fn last_at(at: Time) -> Place {
    let (device, id) = (DeviceId::from_bytes([0xff; 16]), MessageId::from_bytes([0xff; 16]));
    Place { key: MessageKey { at, device, id }, conversation: ConversationId::from_bytes([0xff; 16]) }
}

impl<'t> Walk<'t> {
    fn new(tx: &'t Tx<'t>, needs: Vec<Need>, below: Option<Place>) -> Result<Walk<'t>> {
        let (below, next_root) = (below.unwrap_or(TOP), Some(vec![ROOTS]));
        let start = below.key.at;
        let mut walk = Walk { tx, needs, below, start, heads: BTreeMap::new(), roots: Vec::new(), next_root, rows: 0 };
        walk.read_roots()?;
        Ok(walk)
    }

    /// Those that are in no segment: there are few, and each is looked at.
    fn add_fresh(&mut self, scope: Scope) -> Result<()> {
        for fresh in keep::fresh(self.tx)? {
            let place = fresh.place;
            let in_scope = match scope {
                Scope::All => true,
                Scope::Conversation(id) => place.conversation == id,
            };
            if in_scope && place < self.below {
                self.heads.insert(place, Source::Fresh);
            }
        }
        Ok(())
    }

    /// Reads more roots when none is left.
    fn read_roots(&mut self) -> Result<()> {
        while self.roots.is_empty() {
            let Some(from) = &self.next_root else { return Ok(()) };
            let range = KeyRange { from, to: &[] };
            let rows = self.tx.scan(Table::Search, range, Direction::Forward, TOGETHER)?;
            self.next_root = rows.last().filter(|_| rows.len() == TOGETHER).map(|(key, _)| [key, &[0][..]].concat());
            for (_, row) in rows.iter().rev() {
                let root: Root = codec::decode_row(row, "search")?;
                if root.oldest <= self.below.key.at {
                    self.roots.push(root);
                }
            }
        }
        Ok(())
    }

    /// The next candidate; `None` when there is none, or enough rows were read.
    fn next(&mut self) -> Result<Option<Place>> {
        loop {
            let newest_head = self.heads.last_key_value().map(|(place, _)| place.key.at);
            let root = self.roots.last().map(|root| root.newest);
            match (newest_head, root) {
                (None, None) => return Ok(None),
                (Some(head), Some(root)) if head > root => break,
                (Some(_), None) => break,
                // Each call gets further than the one before, however many segments reach up to where that ended.
                (_, Some(root)) if self.rows >= limits::SEARCH_READS && root < self.start => return Ok(None),
                (_, Some(_)) => self.open()?,
            }
        }
        let Some((place, source)) = self.heads.pop_last() else { return Ok(None) };
        self.below = place;
        if let Source::Segment(open) = source {
            let (segment, bits, from) = *open;
            self.advance(segment, bits, from)?;
        }
        Ok(Some(place))
    }

    /// Opens the segment with the newest message.
    fn open(&mut self) -> Result<()> {
        if let Some(root) = self.roots.pop() {
            let segment = Segment::new(self.tx, root);
            let bits = segment.matching(&self.needs)?;
            self.advance(segment, bits, 0)?;
        }
        self.read_roots()
    }

    /// Goes on in a segment to its next candidate.
    fn advance(&mut self, segment: Segment<'t>, bits: Bits, mut from: u32) -> Result<()> {
        let mut head = None;
        while let Some(ordinal) = bits.next(from) {
            from = ordinal + 1;
            match segment.message(ordinal)? {
                Slot::Here(place) if place < self.below => {
                    head = Some(place);
                    break;
                }
                Slot::Here(_) | Slot::Gone(_) => {}
            }
        }
        self.rows += segment.take_reads();
        if let Some(place) = head {
            self.heads.insert(place, Source::Segment(Box::new((segment, bits, from))));
        }
        Ok(())
    }

    /// Where to go on; `None` at the end.
    fn position(&self) -> Option<Place> {
        let root = self.roots.last().map(|root| last_at(root.newest));
        let rest = self.heads.last_key_value().map(|(place, _)| *place).max(root)?;
        // Nothing lies between what was looked at and what comes next.
        Some(self.below.min(last_at(rest.key.at)))
    }
}
