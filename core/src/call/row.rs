//! The rows of calls, and the lists that find them.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::meet::Live;
use super::outcome::Ending;
use super::signal::stored_kind;
use super::state::State;
use crate::ctx::Ctx;
use crate::error::{Error, Misuse, Result, StoreError};
use crate::event::Event;
use crate::id::{CallId, ConversationId, DeviceId, MessageId, SessionId, UserId};
use crate::limits;
use crate::output::Wake;
use crate::policy::CallKind;
use crate::store::Table;
use crate::time::{DAY, MINUTE, Time};
use crate::timer;
use crate::tx::Tx;

/// A call as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CallRow {
    pub conversation: ConversationId,
    pub state: State,
    /// `None` before its offer or history message came.
    pub facts: Option<Facts>,
    /// The deadline that is set.
    pub wake: Option<Time>,
    /// When it goes, should the caller's word never come.
    pub forget_at: Option<Time>,
    /// What came for the host.
    pub heard: Batches,
    /// What is to be sent.
    pub said: Batches,
}

/// What is known of a call, wherever it stands.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub caller: UserId,
    pub receiver: UserId,
    /// The calling device, once its offer was seen.
    pub device: Option<DeviceId>,
    #[serde(with = "stored_kind")]
    pub kind: CallKind,
    /// When it began to ring.
    pub started: Time,
    /// The session that brought the offer.
    pub session: Option<SessionId>,
    /// The latest stamp of the device at the other end that led to where the call stands.
    pub stamp: Time,
    /// The history message: with it the call goes.
    pub message: Option<MessageId>,
    pub recording: Option<String>,
}

/// Numbered rows beside a call, and how many bytes they hold.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Batches {
    pub next: u32,
    pub waiting: u32,
    pub bytes: u64,
}

impl Batches {
    /// Whether so many bytes more may wait.
    pub fn has_room(&self, bytes: usize) -> bool {
        (self.waiting as usize) < limits::CALL_BATCHES && self.bytes + bytes as u64 <= limits::CALL_WAITING
    }
}

/// What stands beside a call's row, under the call and this byte.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Part {
    /// The description of the other side.
    Description = 1,
    /// What came for the host, numbered.
    Heard = 2,
    /// What is to be sent, numbered.
    Said = 3,
}

/// The list of all conversations.
const ALL: ConversationId = ConversationId::from_bytes([0; 16]);
/// Lists of [`Table::CallIndex`].
const HISTORY: u8 = 1;
/// Calls that this device is in, or that have something to send.
const AT_WORK: u8 = 2;
/// Calls that were heard of before their offers.
const EARLY: u8 = 3;
/// Where a call's started time begins in a key of [`HISTORY`].
const STARTED_AT: usize = 17;
/// For so long the history of a conversation is kept whose messages go when they are read.
const READ_AND_GONE: u64 = 7 * DAY;

impl CallRow {
    pub fn new(conversation: ConversationId) -> CallRow {
        CallRow {
            conversation,
            state: State::Unknown,
            facts: None,
            wake: None,
            forget_at: None,
            heard: Batches::default(),
            said: Batches::default(),
        }
    }

    /// What is known of it; whatever is live has an offer.
    pub fn facts(&self) -> Result<&Facts> {
        self.facts.as_ref().ok_or(Error::Bug("call.facts"))
    }

    /// Whether a list shows it: what goes on as another call is none.
    pub fn is_shown(&self) -> bool {
        self.facts.is_some() && !matches!(self.state, State::Unknown | State::Early(_) | State::Merged(_))
    }

    fn is_at_work(&self) -> bool {
        self.state.is_live() || self.said.waiting > 0
    }

    /// Where a list of the history has it.
    fn started(&self) -> Option<Time> {
        self.facts.as_ref().filter(|_| self.is_shown()).map(|facts| facts.started)
    }

    fn deadline(&self) -> Option<Time> {
        self.state.deadline().or(self.forget_at)
    }
}

pub(crate) fn load(tx: &Tx<'_>, call: CallId) -> Result<Option<CallRow>> {
    tx.row(Table::Call, call.as_bytes(), "call")
}

/// A call that a host may name.
pub(crate) fn require(tx: &Tx<'_>, call: CallId) -> Result<CallRow> {
    load(tx, call)?.filter(|row| row.facts.is_some()).ok_or(Error::Misuse(Misuse::UnknownCall))
}

/// Writes a call and keeps its lists and its deadline; `before` is what the store has of it.
pub(super) fn store(ctx: &mut Ctx<'_>, call: CallId, before: Option<&CallRow>, mut row: CallRow) -> Result<()> {
    row.forget_at = forget_at(ctx, &row, before)?;
    let wake = row.deadline();
    if wake != row.wake {
        row.wake.iter().for_each(|at| timer::unset(&ctx.tx, *at, Wake::Call, call.as_bytes()));
        wake.iter().for_each(|at| timer::set(&ctx.tx, *at, Wake::Call, call.as_bytes()));
        row.wake = wake;
    }
    let was = before.and_then(CallRow::started);
    if was != row.started() {
        for list in [row.conversation, ALL] {
            was.iter().for_each(|at| ctx.tx.delete(Table::CallIndex, &history_key(list, *at, call)));
            let now = row.started();
            now.iter().for_each(|at| ctx.tx.put(Table::CallIndex, history_key(list, *at, call), Vec::new()));
        }
    }
    let (worked, works) = (before.is_some_and(CallRow::is_at_work), row.is_at_work());
    list(ctx, &list_key(ALL, AT_WORK, call), worked, works);
    let early = |row: &CallRow| matches!(row.state, State::Early(_));
    list(ctx, &list_key(row.conversation, EARLY, call), before.is_some_and(early), early(&row));
    if before.is_none_or(|before| differ(before, &row)) && (row.is_shown() || was.is_some()) {
        ctx.tx.event(Event::CallChanged(row.conversation, call));
    }
    if row.state == State::Unknown {
        ctx.tx.delete(Table::Call, call.as_bytes());
        return Ok(());
    }
    ctx.tx.put_row(Table::Call, call.as_bytes().to_vec(), &row)
}

/// Whether a host shows one otherwise than the other.
fn differ(a: &CallRow, b: &CallRow) -> bool {
    let facts = |row: &CallRow| {
        let facts = row.facts.as_ref();
        facts.map(|facts| (facts.caller.clone(), facts.kind, facts.started, facts.recording.clone()))
    };
    core::mem::discriminant(&a.state) != core::mem::discriminant(&b.state)
        || ending(&a.state) != ending(&b.state)
        || facts(a) != facts(b)
}

/// A call that is over, and of which the caller may never say how, goes when a message of the same time would.
fn forget_at(ctx: &Ctx<'_>, row: &CallRow, before: Option<&CallRow>) -> Result<Option<Time>> {
    let merged = match row.state {
        State::Over(_) => false,
        State::Merged(_) => true,
        State::Unknown
        | State::Early(_)
        | State::RingingOut { .. }
        | State::RingingIn(_)
        | State::Accepting(_)
        | State::ActiveOut(_)
        | State::ActiveIn(_)
        | State::Elsewhere { .. }
        | State::Settled(_) => return Ok(None),
    };
    if let Some(at) = before.and_then(|before| before.forget_at) {
        return Ok(Some(at));
    }
    let period = crate::conversation::load(&ctx.tx, row.conversation)?.map_or(-1, |row| row.period);
    let kept = match u64::try_from(period) {
        Ok(0) => READ_AND_GONE,
        Ok(minutes) => (minutes * MINUTE).min(limits::CALL_UNSETTLED),
        Err(_) if merged => limits::CALL_UNSETTLED,
        Err(_) => return Ok(None),
    };
    Ok(Some(ctx.now.plus(kept)))
}

fn list(ctx: &Ctx<'_>, key: &[u8], was: bool, is: bool) {
    if is && !was {
        ctx.tx.put(Table::CallIndex, key.to_vec(), Vec::new());
    } else if was && !is {
        ctx.tx.delete(Table::CallIndex, key);
    }
}

/// Calls that this device is in, or that have something to send: a handful.
pub(super) fn at_work(tx: &Tx<'_>) -> Result<Vec<(CallId, CallRow)>> {
    let prefix = [ALL.as_bytes().as_slice(), &[AT_WORK]].concat();
    let mut calls = Vec::new();
    for (key, _) in tx.scan_prefix(Table::CallIndex, &prefix, usize::MAX)? {
        let call = call_of(&key)?;
        calls.extend(load(tx, call)?.map(|row| (call, row)));
    }
    Ok(calls)
}

/// The calls that this device is in.
pub(super) fn live(tx: &Tx<'_>) -> Result<Vec<Live>> {
    let in_call = at_work(tx)?.into_iter().filter(|(_, row)| row.state.is_live());
    in_call
        .map(|(call, row)| {
            let (conversation, with, stamp) = (row.conversation, row.state.with(), row.facts()?.stamp);
            Ok(Live { call, conversation, with, stamp })
        })
        .collect()
}

/// Whether one more call may be heard of before its offer.
pub(super) fn has_room_for_early(tx: &Tx<'_>, conversation: ConversationId) -> Result<bool> {
    let prefix = [conversation.as_bytes().as_slice(), &[EARLY]].concat();
    Ok(tx.scan_prefix(Table::CallIndex, &prefix, limits::CALLS_EARLY)?.len() < limits::CALLS_EARLY)
}

/// At most `limit` calls of a list, newest first, behind a place.
pub(super) fn history(
    tx: &Tx<'_>,
    conversation: Option<ConversationId>,
    behind: Option<(Time, CallId)>,
    limit: usize,
) -> Result<Vec<CallId>> {
    let list = conversation.unwrap_or(ALL);
    let from = match behind {
        Some((started, call)) => [history_key(list, started, call), vec![0]].concat(),
        None => [list.as_bytes().as_slice(), &[HISTORY]].concat(),
    };
    let to = [list.as_bytes().as_slice(), &[HISTORY + 1]].concat();
    let range = crate::store::KeyRange { from: &from, to: &to };
    let rows = tx.scan(Table::CallIndex, range, crate::store::Direction::Forward, limit)?;
    rows.iter().map(|(key, _)| call_of(key)).collect()
}

/// Puts something beside a call's row.
pub(super) fn put_part(ctx: &Ctx<'_>, call: CallId, part: Part, number: u32, value: Vec<u8>) {
    ctx.tx.put(Table::Call, part_key(call, part, number), value);
}

/// What stands beside a call's row under a part, with the keys, in order.
pub(super) fn parts(tx: &Tx<'_>, call: CallId, part: Part) -> Result<Vec<(Vec<u8>, ByteBuf)>> {
    let prefix = [call.as_bytes().as_slice(), &[part as u8]].concat();
    let rows = tx.scan_prefix(Table::Call, &prefix, usize::MAX)?;
    Ok(rows.into_iter().map(|(key, value)| (key, value.to_vec().into())).collect())
}

/// Takes everything of a part away.
pub(super) fn clear_parts(ctx: &Ctx<'_>, call: CallId, part: Part) -> Result<()> {
    parts(&ctx.tx, call, part)?.iter().for_each(|(key, _)| ctx.tx.delete(Table::Call, key));
    Ok(())
}

fn part_key(call: CallId, part: Part, number: u32) -> Vec<u8> {
    [call.as_bytes().as_slice(), &[part as u8], &number.to_be_bytes()].concat()
}

fn history_key(list: ConversationId, started: Time, call: CallId) -> Vec<u8> {
    let newest_first = (!started.as_ms()).to_be_bytes();
    [list.as_bytes().as_slice(), &[HISTORY], &newest_first, call.as_bytes()].concat()
}

fn list_key(conversation: ConversationId, list: u8, call: CallId) -> Vec<u8> {
    [conversation.as_bytes().as_slice(), &[list], call.as_bytes()].concat()
}

/// The call that a key of a list ends with.
fn call_of(key: &[u8]) -> Result<CallId> {
    let tail = key.len().checked_sub(CallId::LEN).filter(|at| *at >= STARTED_AT);
    let call = tail.and_then(|at| key.get(at..)).and_then(CallId::from_slice);
    call.ok_or(Error::Store(StoreError::Corrupt("call index")))
}

/// How and when a call is over, if it is.
pub(super) fn ending(state: &State) -> Option<Ending> {
    match state {
        State::Over(ending) | State::Settled(ending) => Some(*ending),
        State::Unknown
        | State::Early(_)
        | State::RingingOut { .. }
        | State::RingingIn(_)
        | State::Accepting(_)
        | State::ActiveOut(_)
        | State::ActiveIn(_)
        | State::Elsewhere { .. }
        | State::Merged(_) => None,
    }
}
