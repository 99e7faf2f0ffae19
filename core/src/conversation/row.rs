//! The row of a conversation.

use serde::{Deserialize, Serialize};

use crate::change::{Change, Reader};
use crate::codec;
use crate::ctx::Ctx;
use crate::decided::Decided;
use crate::envelope::Clock;
use crate::error::{Error, Misuse, Result, StoreError};
use crate::event::Event;
use crate::hint::Hinted;
use crate::id::{ConversationId, DeviceId, MessageId, SessionId, UserId};
use crate::limits;
use crate::message::{self, Body, MessageKey, MessageRow, Recipient, SendState};
use crate::policy::Role;
use crate::store::{Direction, KeyRange, Table};
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
    /// Messages of others that went unseen since this user last read here.
    pub missed: u32,
    pub archived: bool,
    /// Until when it makes no notifications.
    pub muted_until: Option<Time>,
    pub pinned: bool,
    /// How often the three above were set, and by what last: the same on all devices of this user.
    pub kept: Decided,
    /// What this user has begun to write, on this device.
    pub draft: Option<String>,
    /// How far its notifications have come on this device.
    pub hinted: Hinted,
    /// Auto-delete period of new messages, in minutes.
    pub period: i32,
    /// When the period of new messages starts.
    pub clock: Clock,
    /// How often the two above were set, and the act that did it last: what was set more often counts.
    pub settings: Decided,
    /// The next number in the outbox; counts what this device sent.
    pub next: u64,
    /// The serial number of the own certificate that the members know.
    pub told: Option<u64>,
    /// The latest stamp given to a queued message, and to an encrypted one. Both grow, unless the relay's clock shows
    /// that they are ahead of it.
    pub last_stamp: Time,
    pub sent_stamp: Time,
    /// When the relay accepted the last message of another member.
    pub seen: Time,
    /// Whether it was begun by who was blocked then, and nothing has come of it that this user sees.
    pub concealed: bool,
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
        missed: 0,
        archived: false,
        muted_until: None,
        pinned: false,
        kept: Decided::NEVER,
        draft: None,
        hinted: Hinted::default(),
        period,
        clock: Clock::FromSend,
        settings: Decided::NEVER,
        next: 0,
        told: None,
        last_stamp: Time::ZERO,
        sent_stamp: Time::ZERO,
        seen: Time::ZERO,
        concealed: false,
    }
}

impl ConversationRow {
    /// Whom a message of this user goes to; nothing is known of any of them yet.
    pub(crate) fn recipients(&self) -> Vec<Recipient> {
        let unknown = |m: &MemberRow| Recipient { user: m.user.clone(), delivered: None, read: None };
        self.others.iter().map(unknown).collect()
    }

    /// Whether a user takes part in it, be it `own`, who this engine is of.
    pub(crate) fn is_of(&self, user: &UserId, own: &UserId) -> bool {
        user == own || self.others.iter().any(|other| other.user == *user)
    }

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

/// The first few conversations of the list.
pub(crate) fn first_few(tx: &Tx<'_>) -> Result<Vec<ConversationRow>> {
    let first = tx.scan(Table::Activity, KeyRange { from: &[], to: &[] }, Direction::Forward, 16)?;
    first
        .iter()
        .filter_map(|(_, id)| codec::decode_row(id, "activity").and_then(|id| load(tx, id)).transpose())
        .collect()
}

/// The first conversation of the list in which messages flow, if one of the first few does.
pub(crate) fn first_live(tx: &Tx<'_>) -> Result<Option<ConversationRow>> {
    Ok(first_few(tx)?.into_iter().find(|row| row.state == State::Live))
}

pub(crate) fn require(tx: &Tx<'_>, id: ConversationId) -> Result<ConversationRow> {
    load(tx, id)?.ok_or(Error::Misuse(Misuse::UnknownConversation))
}

/// Writes a row and tells the host.
pub(crate) fn store(tx: &mut Tx<'_>, row: &ConversationRow) -> Result<()> {
    tx.put_row(Table::Conversation, row.id.as_bytes().to_vec(), row)?;
    if !row.concealed {
        tx.event(Event::ConversationChanged(row.id));
    }
    Ok(())
}

/// Moves a conversation to its place in the list. `before` is the activity that the list knows, if any.
pub(crate) fn touch(tx: &Tx<'_>, row: &ConversationRow, before: Option<Time>) -> Result<()> {
    if before == Some(row.activity) {
        return Ok(());
    }
    if let Some(before) = before {
        tx.delete(Table::Activity, &activity_key(row.pinned, before, row.id));
    }
    tx.put_row(Table::Activity, activity_key(row.pinned, row.activity, row.id), &row.id)
}

/// Pins a conversation to the top of the list, or lets it go. The caller stores the row.
pub(crate) fn pin(tx: &Tx<'_>, row: &mut ConversationRow, pinned: bool) -> Result<()> {
    tx.delete(Table::Activity, &activity_key(row.pinned, row.activity, row.id));
    row.pinned = pinned;
    touch(tx, row, None)
}

/// Who takes part shows otherwise, for more is known of them.
pub(crate) fn known_better(ctx: &mut Ctx<'_>, user: &UserId) -> Result<()> {
    let id = ConversationId::direct(ctx.config.authority(), &ctx.account.user, user);
    if load(&ctx.tx, id)?.is_some_and(|row| !row.concealed) {
        ctx.tx.event(Event::ConversationChanged(id));
    }
    Ok(())
}

/// A message changes at its place.
pub(crate) fn changed(ctx: &mut Ctx<'_>, id: ConversationId, key: MessageKey, message: &MessageRow) -> Result<()> {
    message::store(&ctx.tx, id, key, message)?;
    ctx.tx.event(Event::MessageChanged(id, key));
    Ok(())
}

/// A message that is encrypted settles at its place, which may be the one that it has. For a caller who holds the
/// conversation's row, and stores it afterwards.
pub(crate) fn moved(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    from: MessageKey,
    to: MessageKey,
    message: &MessageRow,
) -> Result<()> {
    if from == to {
        let before = message::load(&ctx.tx, row.id, to)?.ok_or(Error::Store(StoreError::Corrupt("message index")))?;
        message::reschedule(&ctx.tx, row.id, to, before.goes_at(to), message)?;
        ctx.tx.change(Change::Moved(row.id, from, to, Box::new(message.clone())));
        ctx.tx.event(Event::MessageChanged(row.id, to));
        return Ok(());
    }
    message::remove(&ctx.tx, row.id, from)?;
    message::place(&ctx.tx, row.id, to, message)?;
    ctx.tx.change(Change::Moved(row.id, from, to, Box::new(message.clone())));
    ctx.tx.event(Event::MessageRemoved(row.id, from));
    ctx.tx.event(Event::MessageAdded(row.id, to));
    let before = row.activity;
    row.last = message::newest(&ctx.tx, row.id)?;
    row.activity = row.last.map_or(row.created, |key| key.at);
    touch(&ctx.tx, row, Some(before))
}

/// A conversation that was begun by who was blocked stands in the list from now on. The caller stores the row.
pub(crate) fn reveal(tx: &mut Tx<'_>, row: &mut ConversationRow) {
    if core::mem::take(&mut row.concealed) {
        tx.event(Event::ConversationAdded(row.id));
    }
}

/// This user has read a message on another device.
pub(crate) fn read_elsewhere(
    ctx: &mut Ctx<'_>,
    id: ConversationId,
    place: MessageKey,
    message: &mut MessageRow,
) -> Result<()> {
    message.unread = false;
    changed(ctx, id, place, message)?;
    ctx.tx.delete(Table::Unread, &place.row(id));
    ctx.tx.change(Change::Read(id, place, Box::new(message.clone()), Reader::Elsewhere));
    let mut row = require(&ctx.tx, id)?;
    row.unread = row.unread.saturating_sub(1);
    // Whoever reads there has seen there what went unseen.
    row.missed = 0;
    store(&mut ctx.tx, &row)
}

/// A message that went unseen here was read on another device of this user.
pub(crate) fn not_missed(ctx: &mut Ctx<'_>, id: ConversationId) -> Result<()> {
    let mut row = require(&ctx.tx, id)?;
    row.missed = row.missed.saturating_sub(1);
    store(&mut ctx.tx, &row)
}

/// A message goes, and with it its place in counters and preview. The caller stores the row.
pub(crate) fn removed(ctx: &mut Ctx<'_>, row: &mut ConversationRow, key: MessageKey) -> Result<MessageRow> {
    let message = message::remove(&ctx.tx, row.id, key)?;
    if message.unread {
        row.unread = row.unread.saturating_sub(1);
    }
    ctx.tx.change(Change::Removed(row.id, key, Box::new(message.clone())));
    ctx.tx.event(Event::MessageRemoved(row.id, key));
    // The conversation keeps its place in the list: that something went is no activity.
    if row.last == Some(key) {
        row.last = message::newest(&ctx.tx, row.id)?;
    }
    Ok(message)
}

/// Puts a new message of this user into its conversation, to be sent. `terms` says how it differs from one that goes as
/// the conversation has it. The caller stores the row.
pub(crate) fn write(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    body: Body,
    terms: impl FnOnce(&mut MessageRow),
) -> Result<(MessageKey, MessageRow)> {
    row.last_stamp = row.last_stamp.plus(1).max(ctx.now);
    let key = MessageKey { at: row.last_stamp, device: ctx.account.id, id: MessageId::fresh(ctx.rng, ctx.now) };
    let mut message = MessageRow {
        own: true,
        period: row.period,
        clock: row.clock,
        counts: true,
        state: SendState::Queued,
        recipients: row.recipients(),
        ..MessageRow::new(ctx.account.user.clone(), key.at, body)
    };
    terms(&mut message);
    added(ctx, row, key, &message)?;
    Ok((key, message))
}

/// A message is new here: it counts, and the conversation moves up. The caller stores the row.
pub(crate) fn added(ctx: &mut Ctx<'_>, row: &mut ConversationRow, key: MessageKey, message: &MessageRow) -> Result<()> {
    message::place(&ctx.tx, row.id, key, message)?;
    reveal(&mut ctx.tx, row);
    ctx.tx.change(Change::Added(row.id, key, Box::new(message.clone())));
    if message.unread {
        row.unread = row.unread.saturating_add(1);
    }
    if !message.own {
        // A relay whose clock is wrong once must not make everything count as seen.
        let latest = ctx.memory.relay_now(ctx.now).plus(limits::STAMP_AHEAD);
        row.seen = row.seen.max(message.accepted.unwrap_or(Time::ZERO).min(latest));
    }
    let before = row.activity;
    row.last = Some(row.last.map_or(key, |last| last.max(key)));
    row.activity = row.activity.max(key.at);
    ctx.tx.event(Event::MessageAdded(row.id, key));
    touch(&ctx.tx, row, Some(before))
}

/// `!activity · conversation`, so that the newest comes first; the first bit is free for those that come before all.
pub(super) fn activity_key(pinned: bool, at: Time, id: ConversationId) -> Vec<u8> {
    const UNPINNED: u64 = 1 << 63;
    let order = !at.as_ms() & !UNPINNED | if pinned { 0 } else { UNPINNED };
    let mut key = order.to_be_bytes().to_vec();
    key.extend_from_slice(id.as_bytes());
    key
}
