//! Keeping the index: what is noted with each message, and what is done later, a bounded step at a time.
//!
//! A new message costs one small row, which says that it is in no segment yet. When there are enough of those, they
//! become a segment; when there are enough segments of one size, they become a larger one. A message that goes is taken
//! out at once where it could be found; what is left of its words goes when its segment is written anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::analysis::Analysis;
use super::build::{Builder, Built};
use super::segment::{Place, Root, Segment, SegmentId, conversation_term};
use super::{Said, merge};
use crate::codec;
use crate::ctx::Ctx;
use crate::error::{Error, Result, StoreError};
use crate::id::ConversationId;
use crate::limits;
use crate::memory::{Effect, Memory};
use crate::message::{self, MessageKey, MessageRow};
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// A message that is in no segment yet.
#[derive(Serialize, Deserialize)]
pub(super) struct Fresh {
    pub place: Place,
    /// Bytes of its text.
    bytes: u32,
}

/// A segment with messages that are gone.
#[derive(Serialize, Deserialize)]
struct Gone {
    newest: Time,
    count: u32,
}

/// Segments that are yet to be merged.
#[derive(Default, Serialize, Deserialize)]
struct Ladder {
    /// The next segment's number.
    next: SegmentId,
    rungs: Vec<Rung>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Rung {
    segment: SegmentId,
    newest: Time,
    rows: u16,
    messages: u32,
}

/// First bytes of keys in [`Table::Search`]; those of roots begin above them.
const FRESH: u8 = 0;
const GONE: u8 = 1;
const LADDER: u8 = 2;
pub(super) const ROOTS: u8 = 3;

/// Segments up to so many rows count as equally large, and so many of them are merged.
const SIZES: [(usize, usize); 3] = [(8, 8), (40, 8), (limits::SEARCH_ROWS / 2, 2)];

/// Rows that a mutation of segments may write and delete, besides roots and the like.
const ENOUGH_ROWS: usize = limits::BATCH - 40;

/// Between two segments that are written anew, so that whatever else is to be done is not kept waiting. In ms.
const PAUSE: u64 = 20;

/// A message is new, or its text is.
pub(crate) fn added(ctx: &mut Ctx<'_>, conversation: ConversationId, key: MessageKey, row: &MessageRow) -> Result<()> {
    let Some(said) = Said::by(&row.body) else { return Ok(()) };
    let bytes = said.text.len();
    let fresh = Fresh { place: Place { key, conversation }, bytes: u32::try_from(bytes).unwrap_or(u32::MAX) };
    ctx.tx.put_row(Table::Search, fresh_key(&ctx.tx, &fresh.place), &fresh)?;
    ctx.tx.effect(Effect::Unindexed(true, bytes));
    Ok(())
}

/// A message stands elsewhere.
pub(crate) fn moved(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    from: MessageKey,
    to: MessageKey,
    row: &MessageRow,
) -> Result<()> {
    if from == to {
        return Ok(());
    }
    removed(ctx, conversation, from, row)?;
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::MovedUnindexed) {
        return Ok(());
    }
    added(ctx, conversation, to, row)
}

/// A message is gone, or its text is.
pub(crate) fn removed(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    key: MessageKey,
    row: &MessageRow,
) -> Result<()> {
    if Said::by(&row.body).is_none() {
        return Ok(());
    }
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::WordsLeftInIndex) {
        return Ok(());
    }
    let place = Place { key, conversation };
    let fresh = fresh_key(&ctx.tx, &place);
    if let Some(row) = ctx.tx.row::<Fresh>(Table::Search, &fresh, "search")? {
        ctx.tx.delete(Table::Search, &fresh);
        ctx.tx.effect(Effect::Unindexed(false, row.bytes as usize));
        return Ok(());
    }
    if let Some(root) = take_out(&ctx.tx, &place)? {
        let marker = gone_key(root.segment);
        let before: Option<Gone> = ctx.tx.row(Table::Search, &marker, "search")?;
        let count = before.map_or(0, |gone| gone.count) + 1;
        ctx.tx.put_row(Table::Search, marker, &Gone { newest: root.newest, count })?;
        let at = if count >= root.messages { ctx.now } else { ctx.now.plus(limits::SEARCH_GONE) };
        ctx.tx.effect(Effect::Purge(Some(at)));
    }
    Ok(())
}

/// Takes a message out of the segment that has it.
fn take_out(tx: &Tx<'_>, place: &Place) -> Result<Option<Root>> {
    // Segments whose newest message is not older, nearest first: it is most often in the first one that reaches so far.
    let mut to = root_key(place.key.at, SegmentId::MAX);
    to.push(0);
    loop {
        let rows = tx.scan(Table::Search, KeyRange { from: &[ROOTS], to: &to }, Direction::Backward, 4)?;
        for (_, row) in &rows {
            let root: Root = codec::decode_row(row, "search")?;
            if root.oldest <= place.key.at && Segment::new(tx, root.clone()).remove(place)? {
                return Ok(Some(root));
            }
        }
        match rows.last() {
            Some((key, _)) => to.clone_from(key),
            None => return Ok(None),
        }
    }
}

/// Whether there is something to do now: enough messages are in no segment, or segments wait to be merged or written
/// anew.
pub(crate) fn is_due(memory: &Memory, now: Time) -> bool {
    enough(memory.unindexed) || memory.merge || memory.purge_at.is_some_and(|at| at <= now)
}

fn enough((count, bytes): (usize, usize)) -> bool {
    count >= limits::SEARCH_FRESH || bytes >= limits::SEARCH_FRESH_BYTES
}

/// One step of what is due. Says whether words of what is gone went with it: rows that held them are to be made
/// unreadable.
pub(crate) fn step(ctx: &mut Ctx<'_>) -> Result<bool> {
    let waiting = ctx.memory.unindexed;
    match (enough(waiting), ctx.memory.merge) {
        // Merging is what keeps up with packing, unless there is very much to pack.
        (true, true) if waiting.0 >= 4 * limits::SEARCH_FRESH => pack(ctx).map(|()| false),
        (_, true) => merge_some(ctx),
        (true, false) => pack(ctx).map(|()| false),
        (false, false) => purge(ctx),
    }
}

/// What memory holds of the index.
pub(crate) struct Recalled {
    pub unindexed: (usize, usize),
    pub merge: bool,
    pub purge: bool,
}

/// Rebuilds it from the store.
pub(crate) fn recall(tx: &Tx<'_>) -> Result<Recalled> {
    let fresh = fresh(tx)?;
    let bytes = fresh.iter().map(|fresh| fresh.bytes as usize).sum();
    let gone = tx.scan(Table::Search, KeyRange { from: &[GONE], to: &[LADDER] }, Direction::Forward, 1)?;
    let merge = choose(&ladder(tx)?).is_some();
    Ok(Recalled { unindexed: (fresh.len(), bytes), merge, purge: !gone.is_empty() })
}

/// All messages that are in no segment yet.
pub(super) fn fresh(tx: &Tx<'_>) -> Result<Vec<Fresh>> {
    let range = KeyRange { from: &[FRESH], to: &[GONE] };
    let rows = tx.scan(Table::Search, range, Direction::Forward, usize::MAX)?;
    rows.iter().map(|(_, row)| codec::decode_row(row, "search")).collect()
}

/// Makes a segment of messages that are in none, oldest first.
fn pack(ctx: &mut Ctx<'_>) -> Result<()> {
    let mut all = fresh(&ctx.tx)?;
    all.sort_unstable_by_key(|fresh| fresh.place);
    let (mut places, mut texts, mut bytes) = (Vec::new(), Vec::new(), 0);
    for fresh in all.into_iter().take(limits::SEARCH_FRESH) {
        ctx.tx.delete(Table::Search, &fresh_key(&ctx.tx, &fresh.place));
        ctx.tx.effect(Effect::Unindexed(false, fresh.bytes as usize));
        let Some(row) = message::load(&ctx.tx, fresh.place.conversation, fresh.place.key)? else { continue };
        let Some(said) = Said::by(&row.body) else { continue };
        places.push(fresh.place);
        texts.push(Analysis::of(&said.text));
        bytes += said.text.len();
        if bytes >= limits::SEARCH_FRESH_BYTES {
            break;
        }
    }
    places.reverse();
    texts.reverse();
    let conversations: Vec<Vec<u8>> = places.iter().map(|place| conversation_term(place.conversation)).collect();
    let mut terms: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
    for (ordinal, (conversation, text)) in (0..).zip(conversations.iter().zip(&texts)) {
        terms.entry(conversation).or_default().push(ordinal);
        text.terms(|term| {
            let ordinals = terms.entry(term.as_bytes()).or_default();
            if ordinals.last() != Some(&ordinal) {
                ordinals.push(ordinal);
            }
        });
    }
    let mut ladder = ladder(&ctx.tx)?;
    let mut builder = Builder::new(ladder.next, &places)?;
    terms.iter().for_each(|(term, ordinals)| builder.add(term, ordinals));
    settle(ctx, &mut ladder, Some(builder.finish()))
}

/// Merges segments of like size.
fn merge_some(ctx: &mut Ctx<'_>) -> Result<bool> {
    let mut ladder = ladder(&ctx.tx)?;
    let Some(chosen) = choose(&ladder) else {
        ctx.tx.effect(Effect::Merge(false));
        return Ok(false);
    };
    let roots: Vec<Root> =
        chosen.iter().map(|rung| load_root(&ctx.tx, rung.newest, rung.segment)).collect::<Result<_>>()?;
    rewrite(ctx, &mut ladder, &roots)
}

/// Writes a segment anew of which messages are gone, and puts the next one off a little.
fn purge(ctx: &mut Ctx<'_>) -> Result<bool> {
    let range = KeyRange { from: &[GONE], to: &[LADDER] };
    let rows = ctx.tx.scan(Table::Search, range, Direction::Forward, 2)?;
    ctx.tx.effect(Effect::Purge(None));
    let Some((key, row)) = rows.first() else { return Ok(false) };
    if rows.len() > 1 {
        ctx.tx.effect(Effect::Purge(Some(ctx.now.plus(PAUSE))));
    }
    let gone: Gone = codec::decode_row(row, "search")?;
    let segment = key.get(1..).and_then(|id| id.try_into().ok()).map(SegmentId::from_be_bytes);
    let root = load_root(&ctx.tx, gone.newest, segment.ok_or(Error::Store(StoreError::Corrupt("search")))?)?;
    let mut ladder = ladder(&ctx.tx)?;
    rewrite(ctx, &mut ladder, &[root])
}

/// Makes one segment of several, without what is gone; none when nothing is left. Says whether something was gone.
fn rewrite(ctx: &mut Ctx<'_>, ladder: &mut Ladder, roots: &[Root]) -> Result<bool> {
    let built = merge::join(&ctx.tx, ladder.next, roots)?;
    ladder.rungs.retain(|rung| roots.iter().all(|root| root.segment != rung.segment));
    let old: usize = roots.iter().map(Root::rows).sum();
    let new = built.as_ref().map_or(0, Built::pages);
    if roots.len() > 1 && (old + new > ENOUGH_ROWS || new > ENOUGH_ROWS / 2) {
        // Steps between ordinals grow by merging, and here so much that one batch could not hold it, now or when the
        // segment is written anew: they stay apart.
        note(ctx, ladder)?;
        return Ok(false);
    }
    let mut some_gone = false;
    for root in roots {
        some_gone |= ctx.tx.get(Table::Search, &gone_key(root.segment))?.is_some();
        root.pages().for_each(|key| ctx.tx.delete(Table::SearchSegment, &key));
        ctx.tx.delete(Table::Search, &root_key(root.newest, root.segment));
        ctx.tx.delete(Table::Search, &gone_key(root.segment));
    }
    settle(ctx, ladder, built)?;
    Ok(some_gone)
}

/// Stages a new segment, and what is to be done next.
fn settle(ctx: &mut Ctx<'_>, ladder: &mut Ladder, built: Option<Built>) -> Result<()> {
    if let Some(built) = built.filter(|built| built.root.messages > 0) {
        ladder.next += 1;
        let root = built.stage(&ctx.tx);
        let rows = root.rows();
        if rows < limits::SEARCH_ROWS / 2 && root.messages < limits::SEARCH_MESSAGES / 2 {
            let rows = u16::try_from(rows).unwrap_or(u16::MAX);
            let (segment, newest, messages) = (root.segment, root.newest, root.messages);
            ladder.rungs.push(Rung { segment, newest, rows, messages });
        }
        ctx.tx.put_row(Table::Search, root_key(root.newest, root.segment), &root)?;
    }
    note(ctx, ladder)
}

fn note(ctx: &mut Ctx<'_>, ladder: &Ladder) -> Result<()> {
    ctx.tx.put_row(Table::Search, vec![LADDER], ladder)?;
    ctx.tx.effect(Effect::Merge(choose(ladder).is_some()));
    Ok(())
}

/// Segments to be merged next: the oldest of one size, as many as one mutation can.
fn choose(ladder: &Ladder) -> Option<Vec<Rung>> {
    let mut above = 0;
    for (size, count) in SIZES {
        let of_size = |rung: &&Rung| (above + 1..=size).contains(&usize::from(rung.rows));
        let mut rungs: Vec<Rung> = ladder.rungs.iter().filter(of_size).copied().collect();
        above = size;
        if rungs.len() < count {
            continue;
        }
        rungs.sort_unstable_by_key(|rung| (rung.newest, rung.segment));
        let (mut rows, mut messages) = (0, 0);
        let chosen: Vec<Rung> = rungs
            .into_iter()
            .take(count)
            .take_while(|rung| {
                rows += usize::from(rung.rows);
                messages += rung.messages;
                rows <= limits::SEARCH_ROWS && messages <= limits::SEARCH_MESSAGES
            })
            .collect();
        if chosen.len() > 1 {
            return Some(chosen);
        }
    }
    None
}

fn ladder(tx: &Tx<'_>) -> Result<Ladder> {
    Ok(tx.row(Table::Search, &[LADDER], "search")?.unwrap_or_default())
}

fn load_root(tx: &Tx<'_>, newest: Time, segment: SegmentId) -> Result<Root> {
    tx.row(Table::Search, &root_key(newest, segment), "search")?.ok_or(Error::Store(StoreError::Corrupt("search")))
}

fn fresh_key(tx: &Tx<'_>, place: &Place) -> Vec<u8> {
    [&[FRESH], tx.blind(&place.key.row(place.conversation)).as_slice()].concat()
}

fn gone_key(segment: SegmentId) -> Vec<u8> {
    [&[GONE], segment.to_be_bytes().as_slice()].concat()
}

/// Roots stand newest first.
pub(super) fn root_key(newest: Time, segment: SegmentId) -> Vec<u8> {
    [(!newest.as_ms()).to_be_bytes(), segment.to_be_bytes()].concat()
}

#[cfg(test)]
pub(super) mod testing {
    //! Segments by themselves.

    use super::*;

    /// Merges two segments that nobody has merged yet; says how many segments there are then, and are to be merged.
    pub fn merge_two(ctx: &mut Ctx<'_>, built: [Built; 2]) -> Result<(usize, usize)> {
        let mut ladder = Ladder { next: 100, rungs: Vec::new() };
        let mut roots = Vec::new();
        for built in built {
            let root = built.stage(&ctx.tx);
            let (segment, newest, messages) = (root.segment, root.newest, root.messages);
            ladder.rungs.push(Rung { segment, newest, rows: root.rows() as u16, messages });
            ctx.tx.put_row(Table::Search, root_key(newest, segment), &root)?;
            roots.push(root);
        }
        rewrite(ctx, &mut ladder, &roots)?;
        let found = ctx.tx.scan(Table::Search, KeyRange { from: &[ROOTS], to: &[] }, Direction::Forward, 10)?;
        Ok((found.len(), ladder.rungs.len()))
    }
}
