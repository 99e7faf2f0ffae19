//! The pump: what a conversation has to do while the link is up, in a fixed order: its session, its receipts, its
//! queue.

use super::queue::{self, Item};
use super::sent::{Carried, Sent, note_sent, sent};
use super::stamp;
use super::transmit::{Purpose, launch, new_envelope};
use crate::act::{self, Audience};
use crate::call;
use crate::codec;
use crate::conversation::{self, ConversationRow, State};
use crate::ctx::Ctx;
use crate::envelope::{Again, Clock, Content, Envelope, Head, Kind, PushHint};
use crate::error::{Error, Result};
use crate::id::{ConversationId, EnvelopeId, Hash32, MessageId, SessionId};
use crate::limits;
use crate::memory::Effect;
use crate::message::{self, FailedReason, MessageKey, MessageRow, SendState};
use crate::store::Table;
use crate::time::Time;
use crate::{own_state, person, receipt, session};

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

/// Does so in the mutation that queued something, unless more waits there.
pub(crate) fn pump_at_once(ctx: &mut Ctx<'_>, id: ConversationId) -> Result<()> {
    if ctx.memory.work.contains_key(&id) || !wants_encryption(ctx) { Ok(()) } else { pump(ctx, id) }
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
        let queued = !queue::first(&ctx.tx, row.id, 1)?.is_empty();
        let waiting = wishes.is_some() || queued || ctx.memory.signals.contains(&row.id);
        return Ok(if waiting { Some(wishes.unwrap_or(Time::NEVER)) } else { None });
    };
    if !may_be_told(ctx, &row)? {
        receipt::postpone(ctx, row.id);
        return Ok(wishes);
    }
    tell_certificate(ctx, &mut row, session)?;
    if ctx.memory.signals.contains(&row.id) && signals(ctx, &row, session)? {
        return Ok(Some(Time::ZERO));
    }
    if let Some(due) = receipt::take_due(ctx, row.id)? {
        if let Some(body) = due.body {
            receipt(ctx, &row, session, body)?;
        }
        if !due.own.is_empty() {
            own_state::tell_read(ctx, &mut row, due.own)?;
            conversation::store(&mut ctx.tx, &row)?;
        }
        if due.more {
            return Ok(Some(Time::ZERO));
        }
    }
    let queue = drain_queue(ctx, &mut row, session)?;
    Ok([wishes, queue].into_iter().flatten().min())
}

/// Whether anything may be said here: not to somebody whose verified identity is another one now.
pub(crate) fn may_be_told(ctx: &Ctx<'_>, row: &ConversationRow) -> Result<bool> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::ChangedIdentityTold) {
        return Ok(true);
    }
    for other in &row.others {
        if !person::may_be_told(&ctx.tx, &other.user)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Encrypts signals of calls, before anything else; says whether there are more. A relay keeps what is of use for a
/// moment no longer than that.
fn signals(ctx: &mut Ctx<'_>, row: &ConversationRow, session: SessionId) -> Result<bool> {
    let (signals, more) = call::take_signals(ctx, row.id)?;
    for signal in signals {
        let content = between_engines(ctx, Kind::CALL_SIGNAL, signal.body);
        let mut envelope = encrypt(ctx, session, &content)?;
        if let Some(lasts) = signal.lasts {
            envelope.expires_at = ctx.memory.relay_now(ctx.now).plus(lasts);
        }
        if signal.rings {
            envelope.push = PushHint::Call;
            call::note_offered(ctx, signal.call, session)?;
        }
        let until = signal.lasts.map(|lasts| ctx.now.plus(lasts));
        launch(ctx, Purpose::Signal(row.id, until, signal.rings.then_some(signal.call)), &[envelope])?;
    }
    Ok(more)
}

/// Tells the members of a renewed certificate before anything else is said under it. Leaves take it on with the next
/// commit that happens anyway.
fn tell_certificate(ctx: &mut Ctx<'_>, row: &mut ConversationRow, session: SessionId) -> Result<()> {
    let certificate = ctx.account.certificate()?;
    let serial = certificate.serial();
    if row.told == Some(serial) {
        return Ok(());
    }
    if row.told.is_some() {
        let certificate = certificate.as_bytes().to_vec();
        control(ctx, row, session, Kind::CERTIFICATE, certificate)?;
    }
    row.told = Some(serial);
    conversation::store(&mut ctx.tx, row)
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
    let more = items.len() > room;
    items.truncate(room);
    let (mut launched, mut waits) = (0, false);
    for (key, item) in items {
        if ctx.tx.rows() > ENOUGH_ROWS {
            conversation::store(&mut ctx.tx, row)?;
            return Ok(Some(Time::ZERO));
        }
        let alone = in_flight + launched == 0;
        let turn = match item {
            Item::Message(id) => send(ctx, row, session, id, alone)?,
            Item::Act(id) => perform(ctx, row, session, id, alone)?,
            Item::Again(id, envelope, accepted) => again(ctx, row, session, id, (envelope, accepted))?,
            Item::Control(kind, body) => control(ctx, row, session, kind, body.into_vec())?,
        };
        if turn == Turn::Waits {
            waits = true;
            break;
        }
        launched += usize::from(turn == Turn::Launched);
        ctx.tx.delete(Table::Outbox, &key);
    }
    if launched > 0 {
        if !more && !waits {
            row.drained(ctx.now);
        }
        conversation::store(&mut ctx.tx, row)?;
    }
    if more && !waits && launched < room {
        // Some of those were nothing any more: no answer will come that lets the rest go.
        return Ok(Some(Time::ZERO));
    }
    Ok((more || waits).then_some(Time::NEVER))
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
    message.envelope = Some(envelope.id);
    let settled = MessageKey { at: stamp, ..place };
    // A relay need not keep what its recipient could not show any more. The stamp is of this device's clock, and the
    // relay refuses what has expired by its own: a clock that is behind must not make that so.
    if let Some(gone) = message.goes_at(settled) {
        envelope.expires_at = envelope.expires_at.min(gone.plus(limits::EXPIRY_SLACK));
    }
    note_sent(ctx, envelope.id, &Sent::now(ctx, row.id, Carried::Content(id), &envelope.recipients))?;
    launch(ctx, Purpose::Message(row.id, id), &[envelope])?;
    conversation::moved(ctx, row, place, settled, &message)?;
    Ok(Turn::Launched)
}

/// Encrypts an act and hands it out, as [`send`] does a message.
fn perform(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    session: SessionId,
    id: MessageId,
    alone: bool,
) -> Result<Turn> {
    let Some(mut act) = act::load(ctx, id)? else { return Ok(Turn::Over) };
    let own = match act.audience {
        Audience::Members => None,
        Audience::OwnDevices => ctx.with_group(session, |group, _, _| session::devices_of(group, &ctx.account.user))?,
    };
    if own.as_ref().is_some_and(Vec::is_empty) {
        act::withdraw(ctx, id);
        return Ok(Turn::Over);
    }
    let stamp = stamp::next(ctx.now, act.made(), row.sent_stamp);
    if !alone && !stamp::counts(ctx, stamp) {
        return Ok(Turn::Waits);
    }
    act.stamped(ctx, id, stamp)?;
    let mut envelope = encrypt(ctx, session, &act.content(id))?;
    envelope.push = PushHint::None;
    if let Some(own) = own {
        envelope.recipients = own;
    }
    row.sent_stamp = stamp;
    note_sent(ctx, envelope.id, &Sent::now(ctx, row.id, Carried::Content(id), &envelope.recipients))?;
    launch(ctx, Purpose::Act(row.id, id), &[envelope])?;
    if act.rewords_what_is_gone(ctx)? {
        // It was deleted here meanwhile, and what it says is not kept on for who might ask again.
        act::withdraw(ctx, id);
    }
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
    let Some((original, accepted)) = original(ctx, row, id, accepted)? else { return Ok(Turn::Over) };
    let body = codec::encode(&Again(lost, original.encode()?.into(), accepted))?;
    let Some(sent) = sent(ctx, lost)? else { return Ok(Turn::Over) };
    let content = between_engines(ctx, Kind::AGAIN, body);
    let mut envelope = encrypt(ctx, session, &content)?;
    envelope.recipients.retain(|device| sent.went_to(*device));
    launch(ctx, Purpose::Control(row.id), &[envelope])?;
    Ok(Turn::Over)
}

/// What a message or act of this device says, if it is still here, and when the relay accepted it as far as it is known.
fn original(
    ctx: &mut Ctx<'_>,
    row: &ConversationRow,
    id: MessageId,
    accepted: Time,
) -> Result<Option<(Content, Time)>> {
    if let Some(act) = act::load(ctx, id)? {
        return Ok(Some((act.content(id), accepted)));
    }
    let Some(place) = message::find(&ctx.tx, row.id, &ctx.account.user, id)? else { return Ok(None) };
    let Some(mut message) = message::load(&ctx.tx, row.id, place)? else { return Ok(None) };
    let Some(original) = content_of(ctx, id, &mut message)? else { return Ok(None) };
    message::store(&ctx.tx, row.id, place, &message)?;
    Ok(Some((original, message.accepted.unwrap_or(accepted))))
}

/// Encrypts a receipt, and keeps it for who may be unable to read it.
fn receipt(ctx: &mut Ctx<'_>, row: &ConversationRow, session: SessionId, body: Vec<u8>) -> Result<()> {
    let content = between_engines(ctx, Kind::RECEIPT, body.clone());
    let envelope = encrypt(ctx, session, &content)?;
    let carried = Carried::Receipt(body.into());
    note_sent(ctx, envelope.id, &Sent::now(ctx, row.id, carried, &envelope.recipients))?;
    launch(ctx, Purpose::Control(row.id), &[envelope])?;
    Ok(())
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
    if message.opening == Hash32::from_bytes([0; 32]) {
        message.opening = Hash32::from_bytes(ctx.rng.bytes());
    }
    message.content(id)
}
