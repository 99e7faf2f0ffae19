//! Transmits: ciphertext that was handed out, kept byte for byte until the transport has answered.

use serde::{Deserialize, Serialize};

use super::queue::{self, Item};
use super::sent::{self, Carried};
use crate::call;
use crate::change::Change;
use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind, Kind, PushHint};
use crate::error::{Error, Misuse, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::id::{CallId, ConversationId, DeviceId, EnvelopeId, MessageId, SessionId};
use crate::input::{Refusal, TransmitId, TransmitResult};
use crate::limits;
use crate::memory::{Effect, Exact, Flight};
use crate::message::{self, FailedReason, MessageKey, SendState};
use crate::output::{Output, Transmit};
use crate::store::{Direction, KeyRange, Table};
use crate::time::{SECOND, Time};
use crate::{conversation, member, session};

/// What a transmit is for, and so what its answer means.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// The welcomes of a session that was made here.
    Open(ConversationId, SessionId),
    /// A commit, with welcomes if it adds somebody.
    Commit(ConversationId, SessionId),
    /// A message of this device.
    Message(ConversationId, MessageId),
    /// An act of this device.
    Act(ConversationId, MessageId),
    /// Something between engines: lost, it is made again when it is missed.
    Control(ConversationId),
    /// A statement that this device has no keys for a tag.
    NoSession,
    /// What two devices of a call tell each other: of use until then, or to arrive whenever it can. An offer names its
    /// call.
    Signal(ConversationId, Option<Time>, Option<CallId>),
}

#[derive(Serialize, Deserialize)]
struct TransmitRow {
    purpose: Purpose,
    envelopes: Vec<serde_bytes::ByteBuf>,
    attempts: u32,
    /// What the relay's clock had shown at least when it was made: the relay accepts it later.
    after: Time,
}

/// An answer within this time tells what the relay's clock shows.
const ANSWERED_AT_ONCE: u64 = 10 * SECOND;
const SEQUENCE: &[u8] = b"sequence";

/// An envelope from this device with the next sequence number; the caller fills in the rest.
pub(crate) fn new_envelope(
    ctx: &mut Ctx<'_>,
    kind: EnvelopeKind,
    tag: SessionId,
    recipients: Vec<DeviceId>,
) -> Result<Envelope> {
    let sequence = sequence(ctx)?.checked_add(1).ok_or(PeerFault::TooLarge("sequence number"))?;
    set_sequence(ctx, sequence)?;
    let push = if kind == EnvelopeKind::Message { PushHint::Message } else { PushHint::None };
    let expires_at = ctx.now.plus(limits::MAILBOX_AGE);
    Ok(Envelope { sequence, recipients, push, ..bare_envelope(ctx, kind, tag, expires_at) })
}

/// An ephemeral envelope from this device; the caller fills in the rest. It is not counted: that would have to be
/// written down before it leaves.
pub(crate) fn ephemeral_envelope(ctx: &mut Ctx<'_>, tag: SessionId, expires_at: Time) -> Envelope {
    bare_envelope(ctx, EnvelopeKind::Ephemeral, tag, expires_at)
}

fn bare_envelope(ctx: &mut Ctx<'_>, kind: EnvelopeKind, tag: SessionId, expires_at: Time) -> Envelope {
    Envelope {
        id: EnvelopeId::fresh(ctx.rng),
        kind,
        tag,
        sender: ctx.account.id,
        sequence: 0,
        recipients: Vec::new(),
        expires_at,
        push: PushHint::None,
        slot: None,
        token: None,
        commitment: None,
        body: Vec::new(),
    }
}

/// The highest sequence number that this device has used.
pub(crate) fn sequence(ctx: &Ctx<'_>) -> Result<u64> {
    Ok(ctx.tx.row(Table::Meta, SEQUENCE, "sequence")?.unwrap_or(0))
}

pub(crate) fn set_sequence(ctx: &Ctx<'_>, sequence: u64) -> Result<()> {
    ctx.tx.put_row(Table::Meta, SEQUENCE.to_vec(), &sequence)
}

/// Stages a transmit: kept until answered, handed out after the commit.
pub(crate) fn launch(ctx: &mut Ctx<'_>, purpose: Purpose, envelopes: &[Envelope]) -> Result<TransmitId> {
    let number = envelopes.first().map(|e| e.sequence).ok_or(Error::Bug("transmit.empty"))?;
    let id = TransmitId(number);
    let encoded = envelopes.iter().map(Envelope::encode).collect::<Result<Vec<_>>>()?;
    let window = purpose.window();
    let kept = encoded.iter().cloned().map(serde_bytes::ByteBuf::from).collect();
    ctx.tx.put_row(
        Table::Transmit,
        key(id),
        &TransmitRow { purpose, envelopes: kept, attempts: 0, after: ctx.memory.relay_clock },
    )?;
    let launched = ctx.memory.is_up().then_some(ctx.now);
    ctx.tx.effect(Effect::Flight(id, Some(Flight { window, retry_at: None, launched })));
    ctx.tx.output(Output::Transmit(Transmit { id, envelopes: encoded }));
    Ok(id)
}

/// Stages a transmit that is not kept: whatever becomes of it, it is not handed out again.
pub(crate) fn hand_out_once(ctx: &mut Ctx<'_>, envelope: &Envelope) -> Result<()> {
    let envelopes = vec![envelope.encode()?];
    ctx.tx.output(Output::Transmit(Transmit { id: TransmitId::UNANSWERED, envelopes }));
    Ok(())
}

/// Hands out everything unanswered again, oldest first: after a start or a new connection.
pub(crate) fn relaunch(ctx: &mut Ctx<'_>) -> Result<()> {
    let rows = ctx.tx.scan(Table::Transmit, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)?;
    for (key, bytes) in rows {
        let row: TransmitRow = crate::codec::decode_row(&bytes, "transmit")?;
        hand_out(ctx, parse_key(&key)?, row);
    }
    Ok(())
}

/// Hands out what has waited long enough after a failure.
pub(crate) fn retry_due(ctx: &mut Ctx<'_>) -> Result<()> {
    let now = ctx.now;
    let due: Vec<TransmitId> =
        ctx.memory.flights.iter().filter(|(_, f)| f.retry_at.is_some_and(|at| at <= now)).map(|(id, _)| *id).collect();
    for id in due {
        match load(ctx, id)? {
            Some(row) => hand_out(ctx, id, row),
            None => ctx.tx.effect(Effect::Flight(id, None)),
        }
    }
    Ok(())
}

/// Takes the transport's answer. Answers are idempotent: one to what was answered before changes nothing.
pub(crate) fn done(ctx: &mut Ctx<'_>, id: TransmitId, result: TransmitResult) -> Result<()> {
    if id == TransmitId::UNANSWERED {
        return Ok(());
    }
    let Some(row) = load(ctx, id)? else {
        let known = id.0 <= sequence(ctx)?;
        return if known { Ok(()) } else { Err(Error::Misuse(Misuse::UnknownRequest)) };
    };
    if let TransmitResult::Accepted { at } | TransmitResult::Conflict { at, .. } = result {
        at.check().map_err(|_| Error::Misuse(Misuse::Answer))?;
        member::note_relay_clock(ctx, at)?;
    }
    match result {
        TransmitResult::Failed | TransmitResult::Refused(Refusal::RateLimited) => return postpone(ctx, id, row),
        TransmitResult::Refused(Refusal::Certificate) if row.purpose.outlives_certificate() => {
            ctx.tx.event(Event::CertificateNeeded);
            return postpone(ctx, id, row);
        }
        TransmitResult::Accepted { at } => {
            note_clock(ctx, id, at);
            accepted(ctx, id, &row, at)?;
        }
        TransmitResult::Refused(refusal) => refused(ctx, id, &row, refusal)?,
        TransmitResult::Conflict { winner, .. } => match row.purpose {
            Purpose::Commit(_, session) => session::lost(ctx, session, id, &winner)?,
            _ => return Err(Error::Misuse(Misuse::Answer)),
        },
    }
    ctx.tx.delete(Table::Transmit, &key(id));
    ctx.tx.effect(Effect::Flight(id, None));
    match row.purpose {
        Purpose::Open(conversation, _) | Purpose::Commit(conversation, _) => ctx.busy(conversation),
        // The window has more room. Where nothing waits, there is nothing to do.
        Purpose::Message(conversation, _) | Purpose::Act(conversation, _) | Purpose::Control(conversation) => {
            if ctx.memory.work.contains_key(&conversation) {
                ctx.busy(conversation);
            }
        }
        Purpose::NoSession | Purpose::Signal(..) => {}
    }
    Ok(())
}

impl Purpose {
    /// The conversation whose window it counts against.
    fn window(&self) -> Option<ConversationId> {
        match self {
            Purpose::Message(conversation, _) | Purpose::Act(conversation, _) => Some(*conversation),
            Purpose::Open(..)
            | Purpose::Commit(..)
            | Purpose::Control(_)
            | Purpose::NoSession
            | Purpose::Signal(..) => None,
        }
    }

    /// Whether it waits for another certificate, should the relay refuse this one: what was done here must be done elsewhere
    /// too, and that a device has left a call. Of the rest another one is made, or it has had its moment.
    fn outlives_certificate(&self) -> bool {
        match self {
            Purpose::Message(..) | Purpose::Act(..) | Purpose::Control(_) | Purpose::Signal(_, None, _) => true,
            Purpose::Open(..) | Purpose::Commit(..) | Purpose::NoSession | Purpose::Signal(_, Some(_), _) => false,
        }
    }

    /// Whether it is of no use any more.
    fn is_past(&self, now: Time) -> bool {
        matches!(self, Purpose::Signal(_, Some(until), _) if *until <= now)
    }
}

/// The flights that the store knows, for a start.
pub(crate) fn flights(tx: &crate::tx::Tx<'_>) -> Result<Vec<(TransmitId, Flight)>> {
    let rows = tx.scan(Table::Transmit, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)?;
    rows.into_iter()
        .map(|(key, bytes)| {
            let row: TransmitRow = crate::codec::decode_row(&bytes, "transmit")?;
            let window = row.purpose.window();
            Ok((parse_key(&key)?, Flight { window, retry_at: None, launched: None }))
        })
        .collect()
}

/// What the relay's answer says of its clock: much if the transmit was handed out just now, else that it shows no less.
fn note_clock(ctx: &mut Ctx<'_>, id: TransmitId, at: Time) {
    let launched = ctx.memory.flights.get(&id).and_then(|flight| flight.launched);
    let exact = launched.is_some_and(|launched| ctx.now.since(launched) <= ANSWERED_AT_ONCE);
    let exact = if exact { Exact::Now } else { Exact::AtLeast };
    ctx.tx.effect(Effect::RelayAhead(at.ahead_of(ctx.now), exact));
}

fn accepted(ctx: &mut Ctx<'_>, id: TransmitId, row: &TransmitRow, at: Time) -> Result<()> {
    match &row.purpose {
        Purpose::Open(_, session) | Purpose::Commit(_, session) => {
            // A session that waits for another transmit by now must not take this answer for that one's.
            let waits = session::load(&ctx.tx, *session)?.is_some_and(|session| session.pending == Some(id));
            if waits { session::won(ctx, *session) } else { Ok(()) }
        }
        // A relay that puts it far back would let it go at once, here as well.
        Purpose::Message(conversation, id) => {
            sent(ctx, *conversation, *id, at.max(row.after.minus(limits::RELAYS_APART)))
        }
        Purpose::Act(..) | Purpose::Control(_) | Purpose::NoSession | Purpose::Signal(..) => Ok(()),
    }
}

/// The relay has a message: it moves to the place that all devices agree on.
fn sent(ctx: &mut Ctx<'_>, conversation: ConversationId, id: MessageId, at: Time) -> Result<()> {
    let Some(place) = message::find(&ctx.tx, conversation, &ctx.account.user, id)? else { return Ok(()) };
    let Some(mut row) = message::load(&ctx.tx, conversation, place)? else { return Ok(()) };
    if row.accepted.is_some() {
        return Ok(());
    }
    let before = row.goes_at(place);
    row.accepted = Some(at);
    row.state = row.state.max(SendState::Sent);
    let settled = MessageKey::new(row.stamp, Some(at), place.device, id);
    ctx.tx.change(Change::Sent(conversation, settled, Box::new(row.clone())));
    if settled != place {
        let mut conversation = conversation::require(&ctx.tx, conversation)?;
        conversation.settled(row.stamp, settled.at);
        conversation::moved(ctx, &mut conversation, place, settled, &row)?;
        return conversation::store(&mut ctx.tx, &conversation);
    }
    message::reschedule(&ctx.tx, conversation, place, before, &row)?;
    ctx.tx.event(Event::MessageChanged(conversation, place));
    Ok(())
}

fn refused(ctx: &mut Ctx<'_>, id: TransmitId, row: &TransmitRow, refusal: Refusal) -> Result<()> {
    match &row.purpose {
        Purpose::Open(_, session) => session::refused(ctx, *session, refusal),
        Purpose::Commit(_, session) => session::commit_refused(ctx, *session, id, refusal),
        Purpose::Message(conversation, _) | Purpose::Act(conversation, _) | Purpose::Control(conversation)
            if refusal == Refusal::NotMember =>
        {
            come_back(ctx, *conversation, id, row)
        }
        Purpose::Message(conversation, id) => queue::fail(ctx, *conversation, *id, FailedReason::Refused),
        Purpose::Signal(_, _, Some(call)) => call::refused(ctx, *call),
        Purpose::Act(..) | Purpose::Control(_) | Purpose::NoSession | Purpose::Signal(_, _, None) => Ok(()),
    }
}

/// The relay does not know this device as a member of the session: another one takes its place, and what the transmit
/// carried goes out there.
fn come_back(ctx: &mut Ctx<'_>, conversation: ConversationId, id: TransmitId, row: &TransmitRow) -> Result<()> {
    let envelope = row.envelopes.first().and_then(|bytes| Envelope::decode(bytes).ok());
    let envelope = envelope.ok_or(Error::Store(StoreError::Corrupt("transmit")))?;
    session::shut_out(ctx, envelope.tag)?;
    let item = match (&row.purpose, sent::sent(ctx, envelope.id)?.map(|sent| sent.carried)) {
        (Purpose::Message(_, message), _) => Item::Message(*message),
        (Purpose::Act(_, act), _) => Item::Act(*act),
        (_, Some(Carried::Receipt(body))) => Item::Control(Kind::RECEIPT, body),
        // It is made again when it is missed.
        _ => return Ok(()),
    };
    queue::put_back(ctx, conversation, item, id)
}

fn postpone(ctx: &mut Ctx<'_>, id: TransmitId, mut row: TransmitRow) -> Result<()> {
    let wait = backoff(ctx, row.attempts);
    row.attempts = row.attempts.saturating_add(1);
    let window = row.purpose.window();
    ctx.tx.put_row(Table::Transmit, key(id), &row)?;
    ctx.tx.effect(Effect::Flight(id, Some(Flight { window, retry_at: Some(ctx.now.plus(wait)), launched: None })));
    Ok(())
}

/// Exponential back-off, half of it jitter.
pub(crate) fn backoff(ctx: &mut Ctx<'_>, attempts: u32) -> u64 {
    let full = limits::BACKOFF_MIN.saturating_mul(1 << attempts.min(20)).min(limits::BACKOFF_MAX);
    full / 2 + ctx.rng.below(full / 2 + 1)
}

fn hand_out(ctx: &mut Ctx<'_>, id: TransmitId, row: TransmitRow) {
    if row.purpose.is_past(ctx.now) {
        ctx.tx.delete(Table::Transmit, &key(id));
        return ctx.tx.effect(Effect::Flight(id, None));
    }
    let window = row.purpose.window();
    ctx.tx.effect(Effect::Flight(id, Some(Flight { window, retry_at: None, launched: None })));
    let envelopes = row.envelopes.into_iter().map(serde_bytes::ByteBuf::into_vec).collect();
    ctx.tx.output(Output::Transmit(Transmit { id, envelopes }));
}

fn load(ctx: &Ctx<'_>, id: TransmitId) -> Result<Option<TransmitRow>> {
    ctx.tx.row(Table::Transmit, &key(id), "transmit")
}

fn key(id: TransmitId) -> Vec<u8> {
    id.0.to_be_bytes().to_vec()
}

fn parse_key(key: &[u8]) -> Result<TransmitId> {
    let bytes = key.try_into().map_err(|_| Error::Store(StoreError::Corrupt("transmit")))?;
    Ok(TransmitId(u64::from_be_bytes(bytes)))
}
