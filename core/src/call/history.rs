//! The history: the message that the calling device writes, what others take from it, and pages.

use super::desk;
use super::key::MediaKey;
use super::outcome::Outcome;
use super::row::{self, CallRow, Facts, Part};
use super::signal::Record;
use super::state::{Action as Todo, Heed, Input, State};
use super::step::step;
use crate::authority::Certificate;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::Kind;
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::gone;
use crate::id::{CallId, ConversationId, DeviceId, UserId};
use crate::limits;
use crate::message::{self, Body, MessageKey, MessageRow};
use crate::outbox::{self, Item};
use crate::page;
use crate::policy::{Action, CallKind, Decision};
use crate::time::{SECOND, Time};
use crate::tx::Tx;

/// A call as a host shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// Where it was made.
    pub conversation: ConversationId,
    /// Who called.
    pub caller: UserId,
    /// Who was called.
    pub receiver: UserId,
    /// Whether this user called, from this device or another.
    pub own: bool,
    /// Sound, or pictures as well.
    pub kind: CallKind,
    /// How far it has come.
    pub status: CallStatus,
    /// Where it stands on this device.
    pub stage: Stage,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
    /// When it began to ring.
    pub started: Time,
    /// When they began to talk.
    pub answered: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// How long they talked, in whole seconds; while they talk, 0.
    pub duration: u64,
    /// Whether the caller's word has come: from then on all devices of both sides show the same.
    pub settled: bool,
    /// Where the host keeps a recording of it; known to this device only.
    pub recording: Option<String>,
}

crate::redact::redacted_debug!(Call);

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallStatus {
    /// It rings.
    Pending,
    /// They talk.
    Active,
    /// They have talked, or the caller gave up, or the connection broke.
    Ended,
    /// The receiver declined, or was busy.
    Rejected,
    /// Nobody answered in time.
    Missed,
}

/// Where a call stands on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// This device calls.
    RingingOut,
    /// This device rings.
    RingingIn,
    /// Both called at once, and this call goes on: answer it, without asking.
    Accepting,
    /// This device talks.
    Active,
    /// It goes on at another device of this user.
    Elsewhere,
    /// It is over.
    Over,
}

/// What the history message of a call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSummary {
    /// Which call.
    pub call: CallId,
    /// Sound, or pictures as well.
    pub kind: CallKind,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began to ring.
    pub started: Time,
    /// When it ended.
    pub ended: Time,
    /// How long they talked, in whole seconds.
    pub duration: u64,
}

/// Where a page of calls goes on: behind this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCursor {
    started: Time,
    call: CallId,
}

/// A page of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPage {
    /// Newest first.
    pub calls: Vec<Call>,
    /// Where it goes on; `None` at the end.
    pub next: Option<CallCursor>,
}

/// Writes down how a call of this device ended: a message of the conversation, which decides for both sides.
pub(super) fn record(ctx: &mut Ctx<'_>, call: CallId, row: &mut CallRow) -> Result<()> {
    let ending = row::ending(&row.state).ok_or(Error::Bug("call.record"))?;
    let facts = row.facts()?;
    // Whatever a clock did, the call ends: with a record that is refused here it would end neither now nor after a start.
    let record = Record { call, kind: facts.kind, started: facts.started, ending }.fitted();
    let Record { started, ending, .. } = record;
    let body = record.encode()?;
    let mut talk = conversation::require(&ctx.tx, row.conversation)?;
    let body = Body::Unknown(Kind::CALL, body.into());
    let (place, _) = conversation::write(ctx, &mut talk, body, |message| message.counts = ending.is_missed())?;
    outbox::push(ctx, &mut talk, Item::Message(place.id))?;
    conversation::store(&mut ctx.tx, &talk)?;
    // This device shows what it tells the others.
    row.state = State::Settled(ending);
    if let Some(facts) = &mut row.facts {
        facts.started = started;
        facts.message = Some(place.id);
    }
    Ok(())
}

/// Judges a history message before it is taken in. One of a newer version says nothing here.
///
/// # Errors
/// [`PeerFault::Malformed`]; [`PeerFault::Forged`] for a call that somebody else made, or made elsewhere, unless this user
/// says so; [`Error::Denied`] for one that its author may not make, and that was not let in before.
pub(crate) fn check(ctx: &Ctx<'_>, conversation: ConversationId, author: &Certificate, body: &[u8]) -> Result<()> {
    let record = match Record::decode(body) {
        Ok(record) => record,
        Err(PeerFault::NewerVersion) => return Ok(()),
        Err(fault) => return Err(fault.into()),
    };
    let row = row::load(&ctx.tx, record.call)?;
    if row.as_ref().is_some_and(|row| row.conversation != conversation) {
        return Err(PeerFault::Forged.into());
    }
    // A device of this user knows which calls are its own: see `disclaim`.
    if *author.user() == ctx.account.user {
        return Ok(());
    }
    if let Some(facts) = row.and_then(|row| row.facts) {
        return if facts.caller == *author.user() { Ok(()) } else { Err(PeerFault::Forged.into()) };
    }
    match ctx.config.policy.decide(author.role(), Action::Call(record.kind), ctx.account.role()?) {
        Decision::Allow => Ok(()),
        Decision::Deny(reason) => Err(Error::Denied(reason)),
    }
}

/// A message is new here. If it says how a call went, its figures count from now on.
pub(crate) fn added(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    message: &MessageRow,
) -> Result<()> {
    let Some(Record { call, kind, started, ending }) = record_of(message) else { return Ok(()) };
    let before = row::load(&ctx.tx, call)?;
    let mut row = before.clone().unwrap_or_else(|| CallRow::new(conversation));
    let author = &message.author;
    if message.own && row.facts.as_ref().is_some_and(|facts| facts.caller != *author) {
        disclaim(ctx, &mut row)?;
    }
    let mut done = step(row.state.clone(), Input::History { ending, own: message.own }, ctx.now);
    if done.heed != Heed::Done {
        return Ok(());
    }
    // It was here and has gone since: that somebody called in vain was told then.
    if row.facts.is_none() && gone::is_call_gone(ctx, call)? {
        done.actions.retain(|action| *action != Todo::Missed);
    }
    let written = Some(place.id);
    let facts = match row.facts.take() {
        Some(facts) => Facts { kind, started, message: written, ..facts },
        None => {
            let talk = conversation::require(&ctx.tx, conversation)?;
            let other = talk.others.first().map_or_else(|| author.clone(), |other| other.user.clone());
            Facts {
                caller: author.clone(),
                receiver: if message.own { other } else { ctx.account.user.clone() },
                device: None,
                kind,
                started,
                session: None,
                stamp: started,
                message: written,
                recording: None,
            }
        }
    };
    row.facts = Some(facts);
    desk::land(ctx, call, before.as_ref(), row, done, &[])
}

/// Takes back what the other side claimed of a call that this user has made. While this device had heard nothing of the
/// call, it could not tell; the devices that had have refused the claim, and all are to show the same.
fn disclaim(ctx: &mut Ctx<'_>, row: &mut CallRow) -> Result<()> {
    let Some(claim) = row.facts.take() else { return Ok(()) };
    if matches!(row.state, State::Settled(_)) {
        row.state = State::Unknown;
    }
    let Some(id) = claim.message else { return Ok(()) };
    let Some(place) = message::find(&ctx.tx, row.conversation, &claim.caller, id)? else { return Ok(()) };
    if message::load(&ctx.tx, row.conversation, place)?.is_none() {
        return Ok(());
    }
    let mut talk = conversation::require(&ctx.tx, row.conversation)?;
    conversation::removed(ctx, &mut talk, place)?;
    conversation::store(&mut ctx.tx, &talk)
}

/// A message is gone. If it said how a call went, so is the call.
pub(crate) fn removed(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    message: &MessageRow,
) -> Result<()> {
    let Some(record) = record_of(message) else { return Ok(()) };
    let Some(row) = row::load(&ctx.tx, record.call)? else { return Ok(()) };
    let written = row.facts.as_ref().and_then(|facts| facts.message);
    if row.conversation != conversation || written != Some(place.id) {
        return Ok(());
    }
    desk::feed(ctx, record.call, row, Input::Forget)
}

fn record_of(message: &MessageRow) -> Option<Record> {
    match &message.body {
        Body::Unknown(Kind::CALL, body) => Record::decode(body).ok(),
        Body::Unknown(..)
        | Body::Text(_)
        | Body::Attachment(_)
        | Body::Structured(_)
        | Body::Encrypted(_)
        | Body::System(_) => None,
    }
}

/// What a history message says.
pub(crate) fn summary(body: &[u8]) -> Option<CallSummary> {
    let Record { call, kind, started, ending } = Record::decode(body).ok()?;
    let duration = ending.span() / SECOND;
    Some(CallSummary { call, kind, outcome: ending.outcome, started, ended: ending.ended, duration })
}

/// One call, unless its message went by `hidden`.
pub(crate) fn get(tx: &Tx<'_>, own: &UserId, call: CallId, hidden: Time) -> Result<Call> {
    let (call, row) = meant(tx, call)?;
    if is_hidden(tx, &row, hidden)? {
        return Err(Error::Misuse(Misuse::UnknownCall));
    }
    show(call, own, row)
}

/// Whether the message went that says how a call went, even if no sweep has come by.
fn is_hidden(tx: &Tx<'_>, row: &CallRow, hidden: Time) -> Result<bool> {
    let Some((facts, id)) = row.facts.as_ref().and_then(|facts| Some((facts, facts.message?))) else {
        return Ok(false);
    };
    let Some(place) = message::find(tx, row.conversation, &facts.caller, id)? else { return Ok(true) };
    let message = message::load(tx, row.conversation, place)?;
    Ok(message.is_some_and(|message| message.went_by(place, hidden)))
}

/// The call that a host means: what goes on as another call is that one.
pub(super) fn meant(tx: &Tx<'_>, call: CallId) -> Result<(CallId, CallRow)> {
    let row = row::require(tx, call)?;
    let State::Merged(into) = row.state else { return Ok((call, row)) };
    Ok((into, row::require(tx, into)?))
}

/// The description of the other side.
pub(crate) fn description(tx: &Tx<'_>, call: CallId) -> Result<Vec<u8>> {
    let (call, _) = meant(tx, call)?;
    let parts = row::parts(tx, call, Part::Description)?;
    parts.into_iter().next().map(|(_, bytes)| bytes.into_vec()).ok_or(Error::Misuse(Misuse::State))
}

/// The key for the media of an active call.
pub(crate) fn media_key(tx: &Tx<'_>, here: DeviceId, call: CallId) -> Result<MediaKey> {
    let (call, row) = meant(tx, call)?;
    let session = row.facts()?.session;
    match (&row.state, session) {
        (State::ActiveOut(active), Some(session)) => {
            MediaKey::derive(call, (here, active.with), session, (&active.ours, &active.theirs))
        }
        (State::ActiveIn(active), Some(session)) => {
            MediaKey::derive(call, (active.with, here), session, (&active.theirs, &active.ours))
        }
        _ => Err(Error::Misuse(Misuse::State)),
    }
}

/// Notes where a recording is kept.
pub(crate) fn set_recording(ctx: &mut Ctx<'_>, call: CallId, place: Option<String>) -> Result<()> {
    let (call, before) = meant(&ctx.tx, call)?;
    let mut row = before.clone();
    if let Some(facts) = &mut row.facts {
        facts.recording = place;
    }
    row::store(ctx, call, Some(&before), row)
}

/// A page of the calls of a conversation, or of all. What went by `hidden` is not there.
pub(crate) fn page(
    tx: &Tx<'_>,
    own: &UserId,
    conversation: Option<ConversationId>,
    cursor: Option<CallCursor>,
    limit: usize,
    hidden: Time,
) -> Result<CallPage> {
    page::check(limit)?;
    let mut behind = cursor.map(|cursor| (cursor.started, cursor.call));
    let mut calls: Vec<Call> = Vec::with_capacity(limit.min(limits::PAGE));
    loop {
        let ids = row::history(tx, conversation, behind, limit + 1)?;
        let end = ids.len() <= limit;
        for id in ids {
            let row = row::require(tx, id)?;
            behind = row.facts.as_ref().map(|facts| (facts.started, id));
            if is_hidden(tx, &row, hidden)? {
                continue;
            }
            if calls.len() == limit {
                let next = calls.last().map(|last| CallCursor { started: last.started, call: last.id });
                return Ok(CallPage { calls, next });
            }
            calls.push(show(id, own, row)?);
        }
        if end {
            return Ok(CallPage { calls, next: None });
        }
    }
}

/// The calls that this device is in.
pub(crate) fn active(tx: &Tx<'_>, own: &UserId) -> Result<Vec<Call>> {
    let live = row::at_work(tx)?.into_iter().filter(|(_, row)| row.state.is_live());
    live.map(|(call, row)| show(call, own, row)).collect()
}

fn show(id: CallId, own: &UserId, row: CallRow) -> Result<Call> {
    let settled = matches!(row.state, State::Settled(_));
    let (stage, answered) = match &row.state {
        State::RingingOut { .. } => (Stage::RingingOut, None),
        State::RingingIn(_) => (Stage::RingingIn, None),
        State::Accepting(_) => (Stage::Accepting, None),
        State::ActiveOut(active) | State::ActiveIn(active) => (Stage::Active, Some(active.since)),
        State::Elsewhere { .. } => (Stage::Elsewhere, None),
        State::Over(ending) | State::Settled(ending) => (Stage::Over, ending.answered),
        State::Unknown | State::Early(_) | State::Merged(_) => return Err(Error::Misuse(Misuse::UnknownCall)),
    };
    let ending = row::ending(&row.state);
    let facts = row.facts.ok_or(Error::Misuse(Misuse::UnknownCall))?;
    Ok(Call {
        id,
        conversation: row.conversation,
        own: facts.caller == *own,
        caller: facts.caller,
        receiver: facts.receiver,
        kind: facts.kind,
        status: status(stage, ending.map(|ending| ending.outcome)),
        stage,
        outcome: ending.map(|ending| ending.outcome),
        started: facts.started,
        answered,
        ended: ending.map(|ending| ending.ended),
        duration: ending.map_or(0, |ending| ending.span() / SECOND),
        settled,
        recording: facts.recording,
    })
}

fn status(stage: Stage, outcome: Option<Outcome>) -> CallStatus {
    match (stage, outcome) {
        (_, Some(Outcome::Completed | Outcome::Cancelled | Outcome::ConnectionLost)) => CallStatus::Ended,
        (_, Some(Outcome::Declined | Outcome::Busy)) => CallStatus::Rejected,
        (_, Some(Outcome::Missed)) => CallStatus::Missed,
        (Stage::RingingOut | Stage::RingingIn | Stage::Accepting, None) => CallStatus::Pending,
        (Stage::Active | Stage::Elsewhere | Stage::Over, None) => CallStatus::Active,
    }
}
