//! Transmits: ciphertext that was handed out, kept byte for byte until the transport has answered.

use serde::{Deserialize, Serialize};

use super::queue;
use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind, PushHint};
use crate::error::{Error, Misuse, PeerFault, Result, StoreError};
use crate::id::{ConversationId, DeviceId, EnvelopeId, MessageId, SessionId};
use crate::input::{Refusal, TransmitId, TransmitResult};
use crate::limits;
use crate::memory::{Effect, Flight};
use crate::message::{self, FailedReason, MessageKey, SendState};
use crate::output::{Output, Transmit};
use crate::session;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;

/// What a transmit is for, and so what its answer means.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// The welcomes of a session that was made here.
    Open(ConversationId, SessionId),
    /// A commit, with welcomes if it adds somebody.
    Commit(ConversationId, SessionId),
    /// A message of this device.
    Message(ConversationId, MessageId),
    /// Something between engines: lost, it is made again when it is missed.
    Control(ConversationId),
    /// A statement of where this device stands in a session.
    Standing,
}

#[derive(Serialize, Deserialize)]
struct TransmitRow {
    purpose: Purpose,
    envelopes: Vec<serde_bytes::ByteBuf>,
    attempts: u32,
}

impl TransmitRow {
    /// The session that its envelopes are of.
    fn session(&self) -> Result<SessionId> {
        let first = self.envelopes.first().and_then(|bytes| Envelope::decode(bytes).ok());
        first.map(|envelope| envelope.tag).ok_or(Error::Store(StoreError::Corrupt("transmit")))
    }
}

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
    Ok(Envelope {
        id: EnvelopeId::fresh(ctx.rng),
        kind,
        tag,
        sender: ctx.account.id,
        sequence,
        recipients,
        expires_at: ctx.now.plus(limits::MAILBOX_AGE),
        push,
        slot: None,
        token: None,
        commitment: None,
        body: Vec::new(),
    })
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
    let kept = encoded.iter().cloned().map(serde_bytes::ByteBuf::from).collect();
    ctx.tx.effect(Effect::Flight(id, Some(purpose.flight(None))));
    ctx.tx.put_row(Table::Transmit, key(id), &TransmitRow { purpose, envelopes: kept, attempts: 0 })?;
    ctx.tx.output(Output::Transmit(Transmit { id, envelopes: encoded }));
    Ok(id)
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
    let Some(row) = load(ctx, id)? else {
        let known = id.0 <= sequence(ctx)?;
        return if known { Ok(()) } else { Err(Error::Misuse(Misuse::UnknownRequest)) };
    };
    match result {
        TransmitResult::Failed | TransmitResult::Refused(Refusal::RateLimited) => return postpone(ctx, id, row),
        TransmitResult::Accepted { at } => accepted(ctx, id, &row, at)?,
        TransmitResult::Refused(refusal) => refused(ctx, id, &row, refusal)?,
        TransmitResult::Conflict { winner, .. } => match row.purpose {
            Purpose::Commit(_, session) => session::lost(ctx, session, id, &winner)?,
            _ => return Err(Error::Misuse(Misuse::Answer)),
        },
    }
    ctx.tx.delete(Table::Transmit, &key(id));
    ctx.tx.effect(Effect::Flight(id, None));
    if let Some(conversation) = row.purpose.conversation() {
        ctx.busy(conversation);
    }
    Ok(())
}

impl Purpose {
    pub(crate) fn conversation(&self) -> Option<ConversationId> {
        match self {
            Purpose::Open(c, _) | Purpose::Commit(c, _) | Purpose::Message(c, _) | Purpose::Control(c) => Some(*c),
            Purpose::Standing => None,
        }
    }

    /// It is under way. Only messages count against their conversation's window.
    fn flight(&self, retry_at: Option<Time>) -> Flight {
        let window = match self {
            Purpose::Message(conversation, _) => Some(*conversation),
            Purpose::Open(..) | Purpose::Commit(..) | Purpose::Control(_) | Purpose::Standing => None,
        };
        Flight { window, retry_at }
    }
}

/// The flights that the store knows, for a start.
pub(crate) fn flights(tx: &crate::tx::Tx<'_>) -> Result<Vec<(TransmitId, Flight)>> {
    let rows = tx.scan(Table::Transmit, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)?;
    rows.into_iter()
        .map(|(key, bytes)| {
            let row: TransmitRow = crate::codec::decode_row(&bytes, "transmit")?;
            Ok((parse_key(&key)?, row.purpose.flight(None)))
        })
        .collect()
}

fn accepted(ctx: &mut Ctx<'_>, id: TransmitId, row: &TransmitRow, at: Time) -> Result<()> {
    match &row.purpose {
        Purpose::Open(_, session) | Purpose::Commit(_, session) => {
            // A session that waits for another transmit by now must not take this answer for that one's.
            let waits = session::load(&ctx.tx, *session)?.is_some_and(|session| session.pending == Some(id));
            if waits { session::won(ctx, *session) } else { Ok(()) }
        }
        Purpose::Message(conversation, id) => sent(ctx, *conversation, *id, at),
        Purpose::Control(_) | Purpose::Standing => Ok(()),
    }
}

/// The relay has a message: it moves to the place that all devices agree on.
fn sent(ctx: &mut Ctx<'_>, conversation: ConversationId, id: MessageId, at: Time) -> Result<()> {
    let Some(place) = message::find(&ctx.tx, conversation, &ctx.account.user, id)? else { return Ok(()) };
    let Some(mut row) = message::load(&ctx.tx, conversation, place)? else { return Ok(()) };
    if row.accepted.is_some() {
        return Ok(());
    }
    row.accepted = Some(at);
    row.state = row.state.max(SendState::Sent);
    let settled = MessageKey::new(row.stamp, Some(at), place.device, id);
    crate::conversation::moved(ctx, conversation, place, settled, &row)
}

fn refused(ctx: &mut Ctx<'_>, id: TransmitId, row: &TransmitRow, refusal: Refusal) -> Result<()> {
    let shut_out = refusal == Refusal::NotMember;
    match &row.purpose {
        Purpose::Open(_, session) => session::refused(ctx, *session, refusal),
        Purpose::Commit(_, session) => session::commit_refused(ctx, *session, refusal),
        Purpose::Message(conversation, message) if shut_out => {
            session::shut_out(ctx, row.session()?)?;
            queue::put_back(ctx, *conversation, *message, id)
        }
        Purpose::Message(conversation, message) => queue::fail(ctx, *conversation, *message, FailedReason::Refused),
        Purpose::Control(_) if shut_out => session::shut_out(ctx, row.session()?),
        Purpose::Control(_) | Purpose::Standing => Ok(()),
    }
}

fn postpone(ctx: &mut Ctx<'_>, id: TransmitId, mut row: TransmitRow) -> Result<()> {
    let wait = backoff(ctx, row.attempts);
    row.attempts = row.attempts.saturating_add(1);
    ctx.tx.put_row(Table::Transmit, key(id), &row)?;
    ctx.tx.effect(Effect::Flight(id, Some(row.purpose.flight(Some(ctx.now.plus(wait))))));
    Ok(())
}

/// Exponential back-off, half of it jitter.
pub(crate) fn backoff(ctx: &mut Ctx<'_>, attempts: u32) -> u64 {
    let full = limits::BACKOFF_MIN.saturating_mul(1 << attempts.min(20)).min(limits::BACKOFF_MAX);
    full / 2 + ctx.rng.below(full / 2 + 1)
}

fn hand_out(ctx: &mut Ctx<'_>, id: TransmitId, row: TransmitRow) {
    ctx.tx.effect(Effect::Flight(id, Some(row.purpose.flight(None))));
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
