//! The pump: what a conversation has to do while the link is up, in a fixed order: its session, its receipts, its
//! queue.

use super::queue::{self, Item};
use super::sent::{Sent, note_sent, sent};
use super::stamp;
use super::transmit::{Purpose, launch, new_envelope};
use crate::codec;
use crate::conversation::{self, ConversationRow, State};
use crate::ctx::Ctx;
use crate::envelope::{Again, Clock, Content, Envelope, Head, Kind};
use crate::error::{Error, Result};
use crate::id::{ConversationId, EnvelopeId, Hash32, MessageId, SessionId};
use crate::limits;
use crate::memory::Effect;
use crate::message::{self, Body, FailedReason, MessageKey, MessageRow, SendState};
use crate::store::Table;
use crate::time::{MINUTE, Time};
use crate::{receipt, session};

/// Rows after which a mutation takes nothing more on.
const ENOUGH_ROWS: usize = limits::BATCH / 2;

/// Does what is due in a conversation, as far as one mutation goes, and notes when to go on.
pub(crate) fn pump(ctx: &mut Ctx<'_>, id: ConversationId) -> Result<()> {
    let Some(row) = conversation::load(&ctx.tx, id)? else {
        ctx.tx.effect(Effect::Work(id, None));
        ctx.tx.effect(Effect::Receipts(id, None));
        return Ok(());
    };
    if row.state == State::Denied {
        queue::fail_all(ctx, id, FailedReason::Denied)?;
        let left = !queue::first(&ctx.tx, id, 1)?.is_empty();
        ctx.tx.effect(Effect::Work(id, left.then_some(Time::ZERO)));
        ctx.tx.effect(Effect::Receipts(id, None));
        return Ok(());
    }
    if !wants_encryption(ctx) {
        receipt::postpone(ctx, id);
        ctx.tx.effect(Effect::Work(id, Some(Time::NEVER)));
        return Ok(());
    }
    let next = work(ctx, row)?;
    ctx.tx.effect(Effect::Work(id, next));
    Ok(())
}

/// Whether anything may be encrypted now: the link is up, what waited in the mailbox was taken in, and the own
/// certificate is valid.
pub(crate) fn wants_encryption(ctx: &Ctx<'_>) -> bool {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::EncryptsOffline) {
        return ctx.account.valid_certificate(ctx.now).is_ok();
    }
    ctx.memory.is_up() && ctx.memory.caught_up && ctx.account.valid_certificate(ctx.now).is_ok()
}

/// Returns when there is something to do again; `None` for nothing.
fn work(ctx: &mut Ctx<'_>, mut row: ConversationRow) -> Result<Option<Time>> {
    let wishes = session::pursue(ctx, &mut row)?;
    let Some(session) = session::sendable(ctx, &row)? else {
        receipt::postpone(ctx, row.id);
        let waiting = wishes.is_some() || !queue::first(&ctx.tx, row.id, 1)?.is_empty();
        return Ok(if waiting { Some(wishes.unwrap_or(Time::NEVER)) } else { None });
    };
    tell_certificate(ctx, &mut row, session)?;
    if let Some((body, more)) = receipt::take_due(ctx, row.id)? {
        control(ctx, &row, session, Kind::RECEIPT, body)?;
        if more {
            return Ok(Some(Time::ZERO));
        }
    }
    let queue = drain_queue(ctx, &mut row, session)?;
    Ok([wishes, queue].into_iter().flatten().min())
}

/// Tells the members of a renewed certificate before anything else is said under it. Leaves take it on with the next
/// commit that happens anyway.
fn tell_certificate(ctx: &mut Ctx<'_>, row: &mut ConversationRow, session: SessionId) -> Result<()> {
    let certificate = ctx.account.certificate()?;
    let (serial, bytes) = (certificate.serial(), certificate.as_bytes().to_vec());
    if row.told.is_some_and(|told| told != serial) {
        control(ctx, row, session, Kind::CERTIFICATE, bytes)?;
    }
    if row.told != Some(serial) {
        row.told = Some(serial);
        conversation::store(&mut ctx.tx, row)?;
    }
    Ok(())
}

/// What became of the head of a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It is under way, and counts against the window; the conversation's row changed.
    Launched,
    /// It is out of the queue.
    Over,
    /// It stays where it is until what is under way has been answered.
    Waits,
}

/// Encrypts from the head of the queue while the window has room.
fn drain_queue(ctx: &mut Ctx<'_>, row: &mut ConversationRow, session: SessionId) -> Result<Option<Time>> {
    let in_flight = ctx.memory.in_flight(row.id);
    let room = limits::WINDOW.saturating_sub(in_flight);
    let mut items = queue::first(&ctx.tx, row.id, room + 1)?;
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::OutboxOrderSwapped) {
        items.reverse();
    }
    let mut waiting = items.len() > room;
    items.truncate(room);
    let mut launched = 0;
    for (key, item) in items {
        if ctx.tx.rows() > ENOUGH_ROWS {
            conversation::store(&mut ctx.tx, row)?;
            return Ok(Some(Time::ZERO));
        }
        let turn = match item {
            Item::Message(id) => send(ctx, row, session, id, in_flight + launched == 0)?,
            Item::Again(id, envelope, accepted) => again(ctx, row, session, id, (envelope, accepted))?,
            Item::Control(kind, body) => control(ctx, row, session, kind, body.into_vec())?,
        };
        if turn == Turn::Waits {
            waiting = true;
            break;
        }
        launched += usize::from(turn == Turn::Launched);
        ctx.tx.delete(Table::Outbox, &key);
    }
    if launched > 0 {
        if !waiting {
            row.drained(ctx.now);
        }
        conversation::store(&mut ctx.tx, row)?;
    }
    Ok(waiting.then_some(Time::NEVER))
}

/// Encrypts a message and hands it out, if it may go now: `alone` says that nothing of the conversation is under way.
fn send(ctx: &mut Ctx<'_>, row: &mut ConversationRow, session: SessionId, id: MessageId, alone: bool) -> Result<Turn> {
    let Some(place) = message::find(&ctx.tx, row.id, &ctx.account.user, id)? else { return Ok(Turn::Over) };
    let Some(mut message) = message::load(&ctx.tx, row.id, place)? else { return Ok(Turn::Over) };
    let stamp = stamp::next(ctx.now, place.at, row.sent_stamp);
    if !alone && !stamp::counts(ctx, stamp) {
        return Ok(Turn::Waits);
    }
    message.stamp = stamp;
    let Some(content) = content_of(ctx, id, &mut message)? else { return Ok(Turn::Over) };
    row.sent_stamp = stamp;
    row.last_stamp = row.last_stamp.max(stamp);
    message.state = message.state.max(SendState::Sending);
    let mut envelope = encrypt(ctx, session, &content)?;
    if message.clock == Clock::FromSend && message.period > 0 {
        // A relay need not keep what its recipient could not show any more. The stamp is of this device's clock, and the
        // relay refuses what has expired by its own: a clock that is behind must not make that so.
        let gone = stamp.plus(u64::from(message.period.unsigned_abs()) * MINUTE + limits::EXPIRY_SLACK);
        envelope.expires_at = envelope.expires_at.min(gone);
    }
    message.envelope = Some(envelope.id);
    note_sent(ctx, envelope.id, &Sent::now(ctx, row.id, id, &envelope.recipients))?;
    launch(ctx, Purpose::Message(row.id, id), &[envelope])?;
    let settled = MessageKey { at: stamp, ..place };
    conversation::moved_in(ctx, row, place, settled, &message)?;
    Ok(Turn::Launched)
}

/// Encrypts a message once more for whoever could not read an envelope of it. It goes to nobody who was not to have that
/// one: the history is not for devices that came later.
fn again(
    ctx: &mut Ctx<'_>,
    row: &ConversationRow,
    session: SessionId,
    id: MessageId,
    (lost, accepted): (EnvelopeId, Time),
) -> Result<Turn> {
    let Some(place) = message::find(&ctx.tx, row.id, &ctx.account.user, id)? else { return Ok(Turn::Over) };
    let Some(mut message) = message::load(&ctx.tx, row.id, place)? else { return Ok(Turn::Over) };
    let Some(original) = content_of(ctx, id, &mut message)? else { return Ok(Turn::Over) };
    message::store(&ctx.tx, row.id, place, &message)?;
    let body = codec::encode(&Again(lost, original.encode()?.into(), message.accepted.unwrap_or(accepted)))?;
    let Some(sent) = sent(ctx, lost)? else { return Ok(Turn::Over) };
    let content = between_engines(ctx, Kind::AGAIN, body);
    let mut envelope = encrypt(ctx, session, &content)?;
    envelope.recipients.retain(|device| sent.went_to(*device));
    launch(ctx, Purpose::Control(row.id), &[envelope])?;
    Ok(Turn::Over)
}

/// Encrypts something between engines.
fn control(ctx: &mut Ctx<'_>, row: &ConversationRow, session: SessionId, kind: Kind, body: Vec<u8>) -> Result<Turn> {
    let content = between_engines(ctx, kind, body);
    let envelope = encrypt(ctx, session, &content)?;
    launch(ctx, Purpose::Control(row.id), &[envelope])?;
    Ok(Turn::Over)
}

fn between_engines(ctx: &mut Ctx<'_>, kind: Kind, body: Vec<u8>) -> Content {
    let head = Head {
        id: MessageId::fresh(ctx.rng, ctx.now),
        stamp: ctx.now,
        period: -1,
        clock: Clock::FromSend,
        target: None,
        counts: false,
        notifies: false,
    };
    Content { head, kind, body, opening: Hash32::from_bytes(ctx.rng.bytes()) }
}

fn encrypt(ctx: &mut Ctx<'_>, session: SessionId, content: &Content) -> Result<Envelope> {
    let plaintext = content.encode()?;
    let (kind, commitment) = content.outside(&plaintext).map_err(|_| Error::Bug("pump.content"))?;
    let sealed = ctx.with_group(session, |group, provider, signer| {
        let body = group.encrypt(provider, signer, &plaintext)?;
        Ok((session::recipients(group)?, body))
    })?;
    let (recipients, body) = sealed.ok_or(Error::Bug("pump.no_group"))?;
    let mut envelope = new_envelope(ctx, kind, session, recipients)?;
    envelope.commitment = commitment;
    envelope.body = body;
    Ok(envelope)
}

/// What a message says, to be encrypted; `None` for a row that only stands for one.
fn content_of(ctx: &mut Ctx<'_>, id: MessageId, message: &mut MessageRow) -> Result<Option<Content>> {
    let (kind, body) = match &message.body {
        Body::Text(text) => (Kind::TEXT, codec::encode(text)?),
        Body::Unknown(kind, body) => (*kind, body.to_vec()),
        Body::Encrypted(_) => return Ok(None),
    };
    if message.opening == Hash32::from_bytes([0; 32]) {
        message.opening = Hash32::from_bytes(ctx.rng.bytes());
    }
    let head = Head {
        id,
        stamp: message.stamp,
        period: message.period,
        clock: message.clock,
        target: message.target.clone(),
        counts: message.counts,
        notifies: message.counts,
    };
    Ok(Some(Content { head, kind, body, opening: message.opening }))
}
