//! Pages of messages, as a host shows them.

use super::marks::Mention;
use super::reaction::{Reaction, ReactionRow};
use super::row::{Body, MessageRow};
use super::{Cause, MessageKey, Recipient, SendState, SystemNote};
use crate::attachment::Attachment;
use crate::call::{self, CallSummary};
use crate::envelope::{Clock, Kind, MessageRef};
use crate::error::{Error, Result, StoreError};
use crate::id::{ConversationId, UserId};
use crate::limits;
use crate::page;
use crate::store::{Direction, KeyRange, Table};
use crate::structured::{PaymentState, Structured};
use crate::time::Time;
use crate::tx::{Row, Tx};

/// A message as a host shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it stands.
    pub key: MessageKey,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Who wrote it.
    pub author: UserId,
    /// Whether this user wrote it.
    pub own: bool,
    /// When it was sent, by the sender's clock.
    pub sent_at: Time,
    /// When the relay accepted it.
    pub accepted_at: Option<Time>,
    /// Auto-delete period in minutes; 0 goes when read, −1 never.
    pub period: i32,
    /// When the period starts.
    pub clock: Clock,
    /// When it goes, as far as is known now: what goes by reading goes at a limit while it is unread. `None` for never,
    /// and while it was not sent.
    pub goes_at: Option<Time>,
    /// What it answers.
    pub target: Option<MessageRef>,
    /// What it says.
    pub content: MessageContent,
    /// Whether it was forwarded from elsewhere.
    pub forwarded: bool,
    /// Whom its text or caption names.
    pub mentions: Vec<Mention>,
    /// Who reacted to it, in the order in which they first did.
    pub reactions: Vec<Reaction>,
    /// What became of it, if it is a payment request.
    pub payment: Option<PaymentState>,
    /// Whether its author has changed the text since.
    pub edited: bool,
    /// For messages of this user: how far it has come.
    pub state: SendState,
    /// For messages of this user: what is known of each recipient.
    pub recipients: Vec<Recipient>,
    /// For messages of others: whether it is unread.
    pub unread: bool,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum MessageContent {
    /// Text.
    Text(String),
    /// An image, file, voice message or video. Its file is read by [`Attachments`](crate::engine::Attachments).
    Attachment(Box<Attachment>),
    /// What a host draws as a card.
    Structured(Box<Structured>),
    /// How a call went.
    Call(CallSummary),
    /// Of a kind that this version does not know.
    Unsupported(Kind),
    /// What this engine notes of something that happened, from verified facts; its author is who did it.
    System(SystemNote),
    /// Not readable; show “[Encrypted Message]” and the cause.
    Encrypted(Cause),
}

crate::redact::redacted_debug!(Message, MessageContent);

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// At the newest message.
    Newest,
    /// Right before this one, towards older ones.
    Before(MessageKey),
    /// Right after this one, towards newer ones.
    After(MessageKey),
}

/// A page of messages. It stays right while messages come and go: a cursor is a place, not a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first, whichever way the page was asked for.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction that was asked for.
    pub more: bool,
    /// The oldest unread message of the whole conversation.
    pub first_unread: Option<MessageKey>,
}

/// Reads a page of at most `limit` messages. What went by `hidden` is not there.
pub(crate) fn page(
    tx: &Tx<'_>,
    conversation: ConversationId,
    cursor: Cursor,
    limit: usize,
    hidden: Time,
) -> Result<Page> {
    page::check(limit)?;
    let (from, to, direction) = bounds(conversation, cursor);
    let (mut from, mut to) = (from, to);
    let mut messages = Vec::with_capacity(limit.min(limits::PAGE));
    let mut more = false;
    loop {
        let rows = tx.scan(Table::Message, KeyRange { from: &from, to: &to }, direction, limit + 1)?;
        let end = rows.len() <= limit;
        for (key, bytes) in &rows {
            let place = MessageKey::from_row(key).ok_or(Error::Store(StoreError::Corrupt("message key")))?;
            let row: MessageRow = crate::codec::decode_row(bytes, "message")?;
            if row.went_by(place, hidden) {
                continue;
            }
            if messages.len() == limit {
                more = true;
                break;
            }
            messages.push(Message::new(conversation, place, row));
        }
        match rows.last().and_then(|(key, _)| MessageKey::from_row(key)) {
            Some(last) if !end && !more => match direction {
                Direction::Forward => from = behind(conversation, last),
                Direction::Backward => to = last.row(conversation),
            },
            _ => break,
        }
    }
    if direction == Direction::Forward {
        messages.reverse();
    }
    Ok(Page { messages, more, first_unread: first_unread(tx, conversation, hidden)? })
}

fn bounds(conversation: ConversationId, cursor: Cursor) -> (Vec<u8>, Vec<u8>, Direction) {
    let start = conversation.as_bytes().to_vec();
    match cursor {
        Cursor::Newest => (start, Vec::new(), Direction::Backward),
        Cursor::Before(key) => (start, key.row(conversation), Direction::Backward),
        Cursor::After(key) => (behind(conversation, key), Vec::new(), Direction::Forward),
    }
}

/// The first key behind a place.
fn behind(conversation: ConversationId, key: MessageKey) -> Vec<u8> {
    let mut from = key.row(conversation);
    from.push(0);
    from
}

/// The oldest unread message that did not go by `hidden`.
fn first_unread(tx: &Tx<'_>, conversation: ConversationId, hidden: Time) -> Result<Option<MessageKey>> {
    let first = tx.scan_prefix(Table::Unread, conversation.as_bytes(), 1)?;
    match first.first() {
        Some((_, goes_at)) if went(goes_at, hidden) => {
            let rows = tx.scan_prefix(Table::Unread, conversation.as_bytes(), usize::MAX)?;
            let there = rows.iter().find(|(_, goes_at)| !went(goes_at, hidden));
            Ok(there.and_then(|(key, _)| MessageKey::from_row(key)))
        }
        first => Ok(first.and_then(|(key, _)| MessageKey::from_row(key))),
    }
}

/// How many unread messages did not go by `hidden`: looks at each, so only for when some have.
pub(crate) fn count_unread(tx: &Tx<'_>, conversation: ConversationId, hidden: Time) -> Result<u32> {
    let rows = tx.scan_prefix(Table::Unread, conversation.as_bytes(), usize::MAX)?;
    let there = rows.iter().filter(|(_, goes_at)| !went(goes_at, hidden)).count();
    Ok(u32::try_from(there).unwrap_or(u32::MAX))
}

/// The newest unread message that may make a notification and did not go by `hidden`, of as many as are looked at.
pub(crate) fn newest_unread(
    tx: &Tx<'_>,
    conversation: ConversationId,
    hidden: Time,
) -> Result<Option<(MessageKey, MessageRow)>> {
    let (mut to, mut looked_at) = (Vec::new(), 0);
    loop {
        let range = KeyRange { from: conversation.as_bytes(), to: &to };
        let rows = tx.scan(Table::Unread, range, Direction::Backward, limits::PAGE)?;
        for (key, goes_at) in &rows {
            let Some(place) = MessageKey::from_row(key).filter(|_| !went(goes_at, hidden)) else { continue };
            let row = super::row::load(tx, conversation, place)?;
            looked_at += 1;
            if row.as_ref().is_none_or(|row| !row.silent) || looked_at == limits::HINTS_LOOKED_AT {
                return Ok(row.filter(|row| !row.silent).map(|row| (place, row)));
            }
        }
        match rows.last().and_then(|(key, _)| MessageKey::from_row(key)) {
            Some(last) if rows.len() == limits::PAGE => to = last.row(conversation),
            _ => return Ok(None),
        }
    }
}

/// The rows of the first unread messages in a range. What went by `hidden` nobody can have read, whether or not it comes
/// back once the time is sure.
pub(crate) fn unread(tx: &Tx<'_>, range: KeyRange<'_>, limit: usize, hidden: Time) -> Result<Vec<Row>> {
    let mut rows = tx.scan(Table::Unread, range, Direction::Forward, limit)?;
    if rows.iter().any(|(_, goes_at)| went(goes_at, hidden)) {
        rows = tx.scan(Table::Unread, range, Direction::Forward, usize::MAX)?;
        rows.retain(|(_, goes_at)| !went(goes_at, hidden));
        rows.truncate(limit);
    }
    Ok(rows)
}

/// Whether a row of [`Table::Unread`] is of a message that went.
fn went(goes_at: &[u8], hidden: Time) -> bool {
    goes_at.try_into().is_ok_and(|at| Time::from_ms(u64::from_be_bytes(at)) <= hidden)
}

impl Message {
    /// Whether it leaves its author's device in no other way than end-to-end encrypted. So does every message of a
    /// conversation, one that still waits to be sent included; what an engine notes by itself never leaves the device.
    pub fn is_encrypted(&self) -> bool {
        match self.content {
            MessageContent::Text(_)
            | MessageContent::Attachment(_)
            | MessageContent::Structured(_)
            | MessageContent::Call(_)
            | MessageContent::Unsupported(_)
            | MessageContent::Encrypted(_) => true,
            MessageContent::System(_) => false,
        }
    }

    pub(crate) fn new(conversation: ConversationId, key: MessageKey, row: MessageRow) -> Message {
        Message {
            goes_at: row.goes_at(key),
            key,
            conversation,
            edited: row.edits.0 > 0,
            author: row.author,
            own: row.own,
            sent_at: row.stamp,
            accepted_at: row.accepted,
            period: row.period,
            clock: row.clock,
            target: row.target,
            forwarded: row.marks.forwarded,
            mentions: row.marks.mentions,
            reactions: row.reactions.into_iter().filter_map(ReactionRow::shown).collect(),
            payment: match &row.body {
                Body::Structured(body) if body.kind() == Kind::PAYMENT_REQUEST => Some(row.payment),
                _ => None,
            },
            content: match row.body {
                Body::Text(text) => MessageContent::Text(text),
                Body::Attachment(body) => MessageContent::Attachment(Box::new(body.attachment)),
                Body::Structured(body) => MessageContent::Structured(body),
                Body::Unknown(Kind::CALL, body) => {
                    call::summary(&body).map_or(MessageContent::Unsupported(Kind::CALL), MessageContent::Call)
                }
                Body::Unknown(Kind::NEWER, _) => MessageContent::Encrypted(Cause::NewerVersion),
                Body::Unknown(kind, _) => MessageContent::Unsupported(kind),
                Body::System(note) => MessageContent::System(note),
                Body::Encrypted(cause) => MessageContent::Encrypted(cause),
            },
            state: row.state,
            recipients: row.recipients,
            unread: row.unread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DeviceId, MessageId};

    fn shown(state: SendState, body: Body) -> Message {
        let key = MessageKey {
            at: Time::from_ms(1),
            device: DeviceId::from_bytes([1; 16]),
            id: MessageId::from_bytes([2; 16]),
        };
        let row = MessageRow::new(UserId::new("ann").unwrap(), key.at, body);
        Message::new(ConversationId::from_bytes([3; 16]), key, MessageRow { state, ..row })
    }

    // R2
    #[test]
    fn every_message_is_encrypted_but_what_the_engine_notes_by_itself() {
        for state in [SendState::Queued, SendState::Sent] {
            assert!(shown(state, Body::Text("hello".to_owned())).is_encrypted());
            assert!(shown(state, Body::Unknown(Kind::NEWER, Vec::new().into())).is_encrypted());
            assert!(shown(state, Body::Encrypted(Cause::TooOld)).is_encrypted());
        }
        let note = SystemNote::PeriodChanged { period: 5, clock: Clock::FromSend };
        assert!(!shown(SendState::Sent, Body::System(note)).is_encrypted());
    }
}
