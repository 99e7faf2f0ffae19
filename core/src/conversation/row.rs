//! The row of a conversation.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::{Error, Misuse, Result};
use crate::event::Event;
use crate::id::{ConversationId, DeviceId, SessionId, UserId};
use crate::limits;
use crate::message::{self, MessageKey, MessageRow};
use crate::policy::Role;
use crate::store::Table;
use crate::time::Time;
use crate::tx::Tx;

/// A conversation as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ConversationRow {
    pub id: ConversationId,
    /// The others; for a direct conversation exactly one.
    pub others: Vec<MemberRow>,
    pub initiator: UserId,
    pub created: Time,
    pub state: State,
    /// The signed start token, for whoever replaces the session.
    pub token: serde_bytes::ByteBuf,
    /// The devices that the directory last listed for all members, this one included.
    pub devices: Vec<DeviceId>,
    /// The session in use.
    pub session: Option<SessionId>,
    /// Whether that one holds a device of every other member.
    pub reached: bool,
    /// Time of the last activity: the place in the list.
    pub activity: Time,
    pub last: Option<MessageKey>,
    pub unread: u32,
    pub archived: bool,
    /// Auto-delete period of new messages, in minutes.
    pub period: i32,
    /// The next number in the outbox; counts what this device sent.
    pub next: u64,
    /// The serial number of the own certificate that the members know.
    pub told: Option<u64>,
    /// The latest stamp given to a queued message, and to an encrypted one. Both grow, unless the relay's clock shows
    /// that they are ahead of it.
    pub last_stamp: Time,
    pub sent_stamp: Time,
}

/// Another member.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MemberRow {
    pub user: UserId,
    /// `None` until a certificate was seen.
    pub role: Option<Role>,
}

/// Whether messages can flow.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// No session yet: waits for the directory, or for the relay.
    Starting,
    /// There is a session.
    Live,
    /// The rules forbid it.
    Denied,
}

/// A conversation without others yet, of which nothing is known but who started it.
pub(crate) fn new(id: ConversationId, initiator: UserId, created: Time, period: i32) -> ConversationRow {
    ConversationRow {
        id,
        others: Vec::new(),
        initiator,
        created,
        state: State::Starting,
        token: serde_bytes::ByteBuf::new(),
        devices: Vec::new(),
        session: None,
        reached: false,
        activity: created,
        last: None,
        unread: 0,
        archived: false,
        period,
        next: 0,
        told: None,
        last_stamp: Time::ZERO,
        sent_stamp: Time::ZERO,
    }
}

impl ConversationRow {
    /// `initiator` starts it, for the first time or once more: under a start token that is yet to be signed.
    pub(crate) fn begin_anew(&mut self, initiator: UserId, other: MemberRow) {
        self.initiator = initiator;
        self.others = vec![other];
        self.state = State::Starting;
        self.token = serde_bytes::ByteBuf::new();
        self.session = None;
        self.reached = false;
    }

    /// What is stamped `stamp` stands at `at`, since the clock here runs ahead of the relay's. If it is the latest, what
    /// follows need only be later than `at`: a clock that was ahead for a moment is not followed for as long as it was.
    pub(crate) fn settled(&mut self, stamp: Time, at: Time) {
        if self.sent_stamp != stamp {
            return;
        }
        self.sent_stamp = at;
        if self.last_stamp == stamp {
            self.last_stamp = at;
        }
    }

    /// Nothing is queued any more: what is written next need only be later than what was sent and what is shown, and not
    /// than the stamps of a queue that was written while the clock here was ahead.
    pub(crate) fn drained(&mut self, now: Time) {
        let shown = self.last.map_or(Time::ZERO, |key| key.at.min(now.plus(limits::STAMP_AHEAD)));
        self.last_stamp = self.sent_stamp.max(shown);
    }
}

pub(crate) fn load(tx: &Tx<'_>, id: ConversationId) -> Result<Option<ConversationRow>> {
    tx.row(Table::Conversation, id.as_bytes(), "conversation")
}

pub(crate) fn require(tx: &Tx<'_>, id: ConversationId) -> Result<ConversationRow> {
    load(tx, id)?.ok_or(Error::Misuse(Misuse::UnknownConversation))
}

/// Writes a row and tells the host.
pub(crate) fn store(tx: &mut Tx<'_>, row: &ConversationRow) -> Result<()> {
    tx.put_row(Table::Conversation, row.id.as_bytes().to_vec(), row)?;
    tx.event(Event::ConversationChanged(row.id));
    Ok(())
}

/// Moves a conversation to its place in the list. `before` is the activity that the list knows, if any.
pub(crate) fn touch(tx: &Tx<'_>, row: &ConversationRow, before: Option<Time>) -> Result<()> {
    if before == Some(row.activity) {
        return Ok(());
    }
    if let Some(before) = before {
        tx.delete(Table::Activity, &activity_key(before, row.id));
    }
    tx.put_row(Table::Activity, activity_key(row.activity, row.id), &row.id)
}

/// A message settles at another place, or changes at its own.
pub(crate) fn moved(
    ctx: &mut Ctx<'_>,
    id: ConversationId,
    from: MessageKey,
    to: MessageKey,
    message: &MessageRow,
) -> Result<()> {
    if from == to {
        message::store(&ctx.tx, id, to, message)?;
        ctx.tx.event(Event::MessageChanged(id, to));
        return Ok(());
    }
    let mut row = require(&ctx.tx, id)?;
    moved_in(ctx, &mut row, from, to, message)?;
    store(&mut ctx.tx, &row)
}

/// The same for a caller who holds the conversation's row, and stores it afterwards.
pub(crate) fn moved_in(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    from: MessageKey,
    to: MessageKey,
    message: &MessageRow,
) -> Result<()> {
    if from == to {
        message::store(&ctx.tx, row.id, to, message)?;
        ctx.tx.event(Event::MessageChanged(row.id, to));
        return Ok(());
    }
    message::remove(&ctx.tx, row.id, from)?;
    message::place(&ctx.tx, row.id, to, message)?;
    ctx.tx.event(Event::MessageRemoved(row.id, from));
    ctx.tx.event(Event::MessageAdded(row.id, to));
    let before = row.activity;
    row.last = message::newest(&ctx.tx, row.id)?;
    row.activity = row.last.map_or(row.created, |key| key.at);
    touch(&ctx.tx, row, Some(before))
}

/// A message goes, and with it its place in counters and preview. The caller stores the row.
pub(crate) fn removed(ctx: &mut Ctx<'_>, row: &mut ConversationRow, key: MessageKey) -> Result<MessageRow> {
    let message = message::remove(&ctx.tx, row.id, key)?;
    if message.unread {
        row.unread = row.unread.saturating_sub(1);
    }
    ctx.tx.event(Event::MessageRemoved(row.id, key));
    let before = row.activity;
    row.last = message::newest(&ctx.tx, row.id)?;
    row.activity = row.last.map_or(row.created, |key| key.at);
    touch(&ctx.tx, row, Some(before))?;
    Ok(message)
}

/// A message is new here: it counts, and the conversation moves up. The caller stores the row.
pub(crate) fn added(ctx: &mut Ctx<'_>, row: &mut ConversationRow, key: MessageKey, message: &MessageRow) -> Result<()> {
    message::place(&ctx.tx, row.id, key, message)?;
    if message.unread {
        row.unread = row.unread.saturating_add(1);
    }
    let before = row.activity;
    row.last = Some(row.last.map_or(key, |last| last.max(key)));
    row.activity = row.activity.max(key.at);
    ctx.tx.event(Event::MessageAdded(row.id, key));
    touch(&ctx.tx, row, Some(before))
}

/// `!activity · conversation`, so that the newest comes first.
pub(super) fn activity_key(at: Time, id: ConversationId) -> Vec<u8> {
    let mut key = (!at.as_ms()).to_be_bytes().to_vec();
    key.extend_from_slice(id.as_bytes());
    key
}
