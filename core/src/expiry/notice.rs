//! Expiry notices: a message whose time depends on reading was read. They go to all devices of both sides, whatever the
//! receipt switch says, since both must know when it goes.

use serde::{Deserialize, Serialize};

use crate::act::{self, Draft, Received, Taken};
use crate::change::{Change, Reader};
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::early::{self, Early, Waiting};
use crate::envelope::{Kind, MessageRef};
use crate::error::{PeerFault, Result};
use crate::id::{ConversationId, UserId};
use crate::limits;
use crate::memory::Effect;
use crate::message::{self, MessageKey, MessageRow};
use crate::time::Time;

/// The body of [`Kind::EXPIRY_NOTICE`]: what was read, and when.
#[derive(Serialize, Deserialize)]
struct Notice {
    read: Time,
    messages: Vec<MessageRef>,
}

/// This user has read a message here: if its time depends on that, it counts from now on. Says whom to name in a notice.
pub(crate) fn read(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    row: &MessageRow,
) -> Result<Option<MessageRef>> {
    if row.own || row.read.is_some() || !row.terms(place).depends_on_reading() {
        return Ok(None);
    }
    start(ctx, conversation, place, row, ctx.now)?;
    Ok(Some(MessageRef { author: row.author.clone(), id: place.id }))
}

/// Tells everybody what was read.
pub(crate) fn tell(ctx: &mut Ctx<'_>, id: ConversationId, messages: Vec<MessageRef>) -> Result<()> {
    let mut row = conversation::require(&ctx.tx, id)?;
    let body = codec::encode(&Notice { read: ctx.now, messages })?;
    act::perform(ctx, &mut row, Draft::new(Kind::EXPIRY_NOTICE, None, body))?;
    conversation::store(&mut ctx.tx, &row)
}

/// A notice came.
pub(crate) fn received(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let notice: Notice = codec::decode_exact(act.body, "expiry notice")?;
    if notice.messages.len() > limits::NOTICE {
        return Err(PeerFault::TooLarge("expiry notice").into());
    }
    let at = notice.read.min(act.at);
    let mut waiting = Vec::new();
    for target in &notice.messages {
        if !noticed(ctx, act.conversation, target, act.author, at)? {
            let what = Early::Notice { from: act.author.clone(), at };
            waiting.push(Waiting { author: &target.author, id: target.id, from: act.author, tag: &[3], what });
        }
    }
    early::keep(ctx, act.conversation, &waiting)?;
    Ok(Taken::Done)
}

/// A message has come of which a notice was here before.
pub(crate) fn apply_early(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    target: &MessageRef,
    from: &UserId,
    at: Time,
) -> Result<()> {
    noticed(ctx, conversation, target, from, at).map(drop)
}

/// `from` has read a message at `at`; `false` when that is not here. It counts for a message of this user when all
/// recipients have read it, and for another's when this user has.
fn noticed(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    target: &MessageRef,
    from: &UserId,
    at: Time,
) -> Result<bool> {
    let Some(place) = message::find(&ctx.tx, conversation, &target.author, target.id)? else { return Ok(false) };
    let Some(mut row) = message::load(&ctx.tx, conversation, place)? else { return Ok(false) };
    let by_us = *from == ctx.account.user;
    if row.own == by_us || row.read.is_some() || !row.terms(place).depends_on_reading() {
        return Ok(true);
    }
    if by_us {
        if row.unread {
            conversation::read_elsewhere(ctx, conversation, place, &mut row)?;
        }
        start(ctx, conversation, place, &row, at)?;
        return Ok(true);
    }
    if !row.recipients.iter().any(|recipient| recipient.user == *from) {
        return Ok(true);
    }
    if !row.readers.iter().any(|(user, _)| user == from) {
        row.readers.push((from.clone(), at));
        message::store(&ctx.tx, conversation, place, &row)?;
        ctx.tx.change(Change::Read(conversation, place, Box::new(row.clone()), Reader::Member));
    }
    if row.readers.len() == row.recipients.len() {
        let last = row.readers.iter().map(|(_, at)| *at).max().unwrap_or(at);
        start(ctx, conversation, place, &row, last)?;
    }
    Ok(true)
}

/// The period of a message starts.
fn start(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    row: &MessageRow,
    read: Time,
) -> Result<()> {
    let started = MessageRow { read: Some(read), ..row.clone() };
    message::reschedule(&ctx.tx, conversation, place, row.goes_at(place), &started)?;
    ctx.tx.event(crate::event::Event::MessageChanged(conversation, place));
    ctx.tx.effect(Effect::Expire);
    Ok(())
}
