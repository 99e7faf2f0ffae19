//! Receipts: what was delivered and read, gathered and told in one content.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::change::{Change, Reader};
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::early::{self, Early, Waiting, short_hash};
use crate::error::{PeerFault, Result};
use crate::gone;
use crate::id::{ConversationId, MessageId, UserId};
use crate::limits;
use crate::memory::Effect;
use crate::message::{self, MessageRow, SendState};
use crate::person;
use crate::privacy;
use crate::store::Table;
use crate::time::{SECOND, Time};
use crate::tx::Tx;

/// Messages that one mutation confirms: each may take some ten rows.
const CONFIRM_STEP: usize = 16;
/// Messages that go into one receipt. It may name more, but each has a row that goes with it.
const TOLD: usize = limits::RECEIPT_BATCH / 2;
/// What is left of long receipts stands under this.
const REST: &[u8] = b"receipt rest";
/// Where receipts wait, stands in the place of [`Mark::Read`] for what is told to this user's own devices only.
const SECRET: u8 = 3;
/// How long receipts wait for a session.
const WAIT: u64 = 10 * SECOND;

/// What a receipt says of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Mark {
    Delivered = 1,
    Read = 2,
}

/// The body of [`Kind::RECEIPT`](crate::envelope::Kind::RECEIPT): messages by author.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Receipt {
    delivered: Vec<(UserId, Vec<MessageId>)>,
    read: Vec<(UserId, Vec<MessageId>)>,
}

impl Receipt {
    /// That a message was read says as well that it was delivered.
    fn leave_out_what_reading_says(&mut self) {
        for (author, read) in &self.read {
            for (_, delivered) in self.delivered.iter_mut().filter(|(user, _)| user == author) {
                delivered.retain(|id| !read.contains(id));
            }
        }
        self.delivered.retain(|(_, ids)| !ids.is_empty());
    }
}

/// Notes that a message of another user is to be confirmed. What was read while its author was not to know stays so, even
/// if that is decided otherwise before the receipt goes out.
pub(crate) fn owe(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    mark: Mark,
    author: &UserId,
    id: MessageId,
) -> Result<()> {
    let waits_as = if mark == Mark::Read && !tells_reading(ctx, author)? { SECRET } else { mark as u8 };
    ctx.tx.put_row(Table::Receipt, key(conversation, waits_as, author, id), &(conversation, author, id))?;
    if !ctx.memory.receipts.contains_key(&conversation) {
        ctx.tx.effect(Effect::Receipts(conversation, Some(ctx.now.plus(limits::RECEIPT_DELAY))));
    }
    Ok(())
}

/// Whether an author is told, by what is decided now, that a message was read.
fn tells_reading(ctx: &Ctx<'_>, author: &UserId) -> Result<bool> {
    let told = privacy::load(&ctx.tx)?.read_receipts;
    #[cfg(feature = "sabotage")]
    let told = told || ctx.config.sabotaged(crate::sabotage::Sabotage::ReadingTold);
    Ok(told && !person::is_blocked(ctx, author)?)
}

/// Receipts that are due.
pub(crate) struct Due {
    /// The body of the one for everybody.
    pub body: Option<Vec<u8>>,
    /// What only the other devices of this user are told: who wrote it is not to know that it was read.
    pub own: Vec<(UserId, Vec<MessageId>)>,
    /// Whether there are more.
    pub more: bool,
}

/// The receipts that are due, if some are.
pub(crate) fn take_due(ctx: &mut Ctx<'_>, conversation: ConversationId) -> Result<Option<Due>> {
    match ctx.memory.receipts.get(&conversation) {
        Some(at) if *at <= ctx.now => {}
        _ => return Ok(None),
    }
    let rows = ctx.tx.scan_prefix(Table::Receipt, conversation.as_bytes(), TOLD + 1)?;
    let more = rows.len() > TOLD;
    let mut marks: BTreeMap<(u8, UserId), Vec<MessageId>> = BTreeMap::new();
    for (key, bytes) in rows.iter().take(TOLD) {
        let (_, author, id): (ConversationId, UserId, MessageId) = codec::decode_row(bytes, "receipt")?;
        marks.entry((key.get(16).copied().unwrap_or(0), author)).or_default().push(id);
        ctx.tx.delete(Table::Receipt, key);
    }
    ctx.tx.effect(Effect::Receipts(conversation, more.then_some(Time::ZERO)));
    if marks.is_empty() {
        return Ok(None);
    }
    let mut receipt = Receipt::default();
    let mut own = Vec::new();
    for ((mark, author), ids) in marks {
        if mark == Mark::Delivered as u8 {
            receipt.delivered.push((author, ids));
        } else if mark == Mark::Read as u8 && tells_reading(ctx, &author)? {
            receipt.read.push((author, ids));
        } else {
            // Not even that it was delivered is told now: told once more, it would say when it was read.
            own.push((author, ids));
        }
    }
    receipt.leave_out_what_reading_says();
    let body =
        (!receipt.delivered.is_empty() || !receipt.read.is_empty()).then(|| codec::encode(&receipt)).transpose()?;
    Ok(Some(Due { body, own, more }))
}

/// The body of a receipt that says that messages of one author were delivered.
#[cfg(feature = "sabotage")]
pub(crate) fn body(author: &UserId, ids: &[MessageId]) -> Result<Vec<u8>> {
    codec::encode(&Receipt { delivered: vec![(author.clone(), ids.to_vec())], read: Vec::new() })
}

/// Receipts that are due cannot go out now: they wait a while.
pub(crate) fn postpone(ctx: &mut Ctx<'_>, conversation: ConversationId) {
    if ctx.memory.receipts.get(&conversation).is_some_and(|at| *at <= ctx.now) {
        ctx.tx.effect(Effect::Receipts(conversation, Some(ctx.now.plus(WAIT))));
    }
}

/// Takes a receipt of `from` in, stamped `at`. A long one is put aside: [`apply_some`] does the rest of it, since each
/// message that it names may be long as well.
pub(crate) fn apply(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    from: &UserId,
    at: Time,
    body: &[u8],
) -> Result<()> {
    let receipt: Receipt = codec::decode(body, "receipt")?;
    let lists = [(Mark::Delivered, receipt.delivered), (Mark::Read, receipt.read)];
    let mut marks = Vec::new();
    for (mark, authors) in lists {
        for (author, ids) in authors {
            marks.extend(ids.into_iter().map(|id| (mark as u8, author.clone(), id)));
        }
    }
    if marks.len() > limits::RECEIPT_BATCH {
        return Err(PeerFault::TooLarge("receipt").into());
    }
    let rest = confirm_some(ctx, Rest { conversation, from: from.clone(), at, marks })?;
    if rest.marks.is_empty() { Ok(()) } else { put_aside(ctx, rest_key(ctx, conversation)?, &rest) }
}

/// Another device of this user has read messages, and says so to this user's devices only.
pub(crate) fn read_elsewhere(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    at: Time,
    read: Vec<(UserId, Vec<MessageId>)>,
) -> Result<()> {
    let from = ctx.account.user.clone();
    let body = codec::encode(&Receipt { delivered: Vec::new(), read })?;
    apply(ctx, conversation, &from, at, &body)
}

/// What is left of a long receipt.
#[derive(Serialize, Deserialize)]
struct Rest {
    conversation: ConversationId,
    from: UserId,
    at: Time,
    marks: Vec<(u8, UserId, MessageId)>,
}

/// Goes on with a receipt that was put aside.
pub(crate) fn apply_some(ctx: &mut Ctx<'_>, key: &[u8]) -> Result<()> {
    ctx.tx.effect(Effect::Confirm(key.to_vec(), false));
    let Some(rest) = ctx.tx.row(Table::Meta, key, "receipt")? else { return Ok(()) };
    let rest = confirm_some(ctx, rest)?;
    if rest.marks.is_empty() {
        ctx.tx.delete(Table::Meta, key);
        return Ok(());
    }
    put_aside(ctx, key.to_vec(), &rest)
}

/// Forgets a receipt that was put aside.
pub(crate) fn give_up(ctx: &mut Ctx<'_>, key: &[u8]) -> Result<()> {
    ctx.tx.effect(Effect::Confirm(key.to_vec(), false));
    ctx.tx.delete(Table::Meta, key);
    Ok(())
}

fn put_aside(ctx: &mut Ctx<'_>, key: Vec<u8>, rest: &Rest) -> Result<()> {
    ctx.tx.put_row(Table::Meta, key.clone(), rest)?;
    ctx.tx.effect(Effect::Confirm(key, true));
    Ok(())
}

/// Confirms as many messages as one mutation holds, and returns what is left.
fn confirm_some(ctx: &mut Ctx<'_>, mut rest: Rest) -> Result<Rest> {
    let later = rest.marks.split_off(rest.marks.len().min(CONFIRM_STEP));
    let mut early = Vec::new();
    for (mark, author, id) in core::mem::replace(&mut rest.marks, later) {
        let mark = if mark == Mark::Read as u8 { Mark::Read } else { Mark::Delivered };
        if !confirm(ctx, rest.conversation, &rest.from, mark, &author, id, rest.at)? {
            early.push((mark, author, id));
        }
    }
    keep_early(ctx, rest.conversation, &rest.from, rest.at, early)?;
    Ok(rest)
}

/// Receipts that were put aside and not finished, for a start.
pub(crate) fn unfinished(tx: &Tx<'_>) -> Result<BTreeSet<Vec<u8>>> {
    Ok(tx.scan_prefix(Table::Meta, REST, usize::MAX)?.into_iter().map(|(key, _)| key).collect())
}

/// A key that no receipt is put aside under.
fn rest_key(ctx: &Ctx<'_>, conversation: ConversationId) -> Result<Vec<u8>> {
    let prefix = [REST, conversation.as_bytes()].concat();
    let waiting = ctx.tx.scan_prefix(Table::Meta, &prefix, usize::MAX)?;
    let last = waiting.last().and_then(|(key, _)| key.get(prefix.len()..)?.try_into().ok()).map(u64::from_be_bytes);
    Ok([prefix, last.map_or(0, |last| last + 1).to_be_bytes().to_vec()].concat())
}

/// One message is confirmed: one of this user's by a recipient, or another's as read by this user elsewhere. `false`
/// when the message is not here.
fn confirm(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    from: &UserId,
    mark: Mark,
    author: &UserId,
    id: MessageId,
    at: Time,
) -> Result<bool> {
    let own = *from == ctx.account.user;
    let Some(place) = message::find(&ctx.tx, conversation, author, id)? else {
        if own && mark == Mark::Read && gone::take_missed(ctx, conversation, author, id)? {
            conversation::not_missed(ctx, conversation)?;
        }
        return Ok(false);
    };
    let Some(mut row) = message::load(&ctx.tx, conversation, place)? else { return Ok(false) };
    // That it was read is not heard of who is blocked. That it came is, and nothing else may say so: the mark that it
    // was read takes the place of the one that it was delivered.
    let mark = if mark == Mark::Read && person::is_blocked(ctx, from)? { Mark::Delivered } else { mark };
    if row.own {
        // This user is none of its recipients.
        let moved = note(&mut row, from, mark, at);
        if moved && mark == Mark::Read {
            ctx.tx.change(Change::Read(conversation, place, Box::new(row.clone()), Reader::Member));
        }
        #[cfg(feature = "sabotage")]
        let moved = back(ctx, &mut row, mark) || moved;
        if moved {
            conversation::changed(ctx, conversation, place, &row)?;
        }
    } else if own && mark == Mark::Read && row.unread {
        conversation::read_elsewhere(ctx, conversation, place, &mut row)?;
    }
    Ok(true)
}

/// Keeps receipts whose messages are not here yet: they may have overtaken them.
fn keep_early(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    from: &UserId,
    at: Time,
    mut early: Vec<(Mark, UserId, MessageId)>,
) -> Result<()> {
    let own = *from == ctx.account.user;
    early.retain(|(mark, author, _)| if *author == ctx.account.user { !own } else { own && *mark == Mark::Read });
    let waiting: Vec<Waiting<'_>> = early
        .iter()
        .map(|(mark, author, id)| {
            let what = Early::Receipt { from: from.clone(), read: *mark == Mark::Read, at };
            Waiting { author, id: *id, from, tag: if *mark == Mark::Read { &[2] } else { &[1] }, what }
        })
        .collect();
    early::keep(ctx, conversation, &waiting)
}

/// The message of `author` named `id` has come: what `from` said of it before counts now.
pub(crate) fn apply_early(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    (author, id): (&UserId, MessageId),
    from: &UserId,
    read: bool,
    at: Time,
) -> Result<()> {
    let mark = if read { Mark::Read } else { Mark::Delivered };
    confirm(ctx, conversation, from, mark, author, id, at)?;
    Ok(())
}

/// Moves a recipient's mark forward; says whether it moved.
fn note(row: &mut MessageRow, from: &UserId, mark: Mark, at: Time) -> bool {
    let Some(recipient) = row.recipients.iter_mut().find(|r| r.user == *from) else { return false };
    let before = (recipient.delivered, recipient.read);
    let delivered = *recipient.delivered.get_or_insert(at);
    if mark == Mark::Read {
        // Their clock may have been put back.
        recipient.read.get_or_insert(at.max(delivered));
    }
    let moved = before != (recipient.delivered, recipient.read);
    let state = if row.recipients.iter().all(|r| r.read.is_some()) {
        SendState::Read
    } else if row.recipients.iter().all(|r| r.delivered.is_some()) {
        SendState::Delivered
    } else {
        row.state
    };
    row.state = row.state.max(state);
    moved
}

/// Moves a state back, on purpose.
#[cfg(feature = "sabotage")]
fn back(ctx: &Ctx<'_>, row: &mut MessageRow, mark: Mark) -> bool {
    let back = ctx.config.sabotaged(crate::sabotage::Sabotage::ReceiptBackwards) && mark == Mark::Delivered;
    if back {
        row.state = SendState::Delivered;
    }
    back
}

/// Whose receipt a row is.
pub(crate) fn conversation_of(bytes: &[u8]) -> Result<ConversationId> {
    codec::decode_row::<(ConversationId, UserId, MessageId)>(bytes, "receipt").map(|(id, _, _)| id)
}

/// conversation · mark · message · hash of author.
fn key(conversation: ConversationId, mark: u8, author: &UserId, id: MessageId) -> Vec<u8> {
    let mut key = conversation.as_bytes().to_vec();
    key.push(mark);
    key.extend_from_slice(id.as_bytes());
    key.extend_from_slice(&short_hash(author));
    key
}

#[cfg(test)]
mod tests;
