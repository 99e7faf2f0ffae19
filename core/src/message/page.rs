//! Pages of messages, as a host shows them.

use super::row::{Body, MessageRow};
use super::{Cause, MessageKey, Recipient, SendState};
use crate::envelope::{Clock, Kind, MessageRef};
use crate::error::{Error, Misuse, Result, StoreError};
use crate::id::{ConversationId, UserId};
use crate::limits;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

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
    /// What it answers.
    pub target: Option<MessageRef>,
    /// What it says.
    pub content: MessageContent,
    /// For messages of this user: how far it has come.
    pub state: SendState,
    /// For messages of this user: what is known of each recipient.
    pub recipients: Vec<Recipient>,
    /// For messages of others: whether it is unread.
    pub unread: bool,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageContent {
    /// Text.
    Text(String),
    /// Of a kind that this version does not know.
    Unsupported(Kind),
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

/// Reads a page of at most `limit` messages.
pub(crate) fn page(tx: &Tx<'_>, conversation: ConversationId, cursor: Cursor, limit: usize) -> Result<Page> {
    if limit == 0 || limit > limits::PAGE_MAX {
        return Err(Error::Misuse(Misuse::TooLarge { what: "a page", limit: limits::PAGE_MAX }));
    }
    let (from, to, direction) = bounds(conversation, cursor);
    let mut rows = tx.scan(Table::Message, KeyRange { from: &from, to: &to }, direction, limit + 1)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let mut messages = Vec::with_capacity(rows.len());
    for (key, bytes) in rows {
        let key = MessageKey::from_row(&key).ok_or(Error::Store(StoreError::Corrupt("message key")))?;
        let row = crate::codec::decode_row(&bytes, "message")?;
        messages.push(Message::new(conversation, key, row));
    }
    if direction == Direction::Forward {
        messages.reverse();
    }
    Ok(Page { messages, more, first_unread: first_unread(tx, conversation)? })
}

fn bounds(conversation: ConversationId, cursor: Cursor) -> (Vec<u8>, Vec<u8>, Direction) {
    let start = conversation.as_bytes().to_vec();
    match cursor {
        Cursor::Newest => (start, Vec::new(), Direction::Backward),
        Cursor::Before(key) => (start, key.row(conversation), Direction::Backward),
        Cursor::After(key) => {
            let mut from = key.row(conversation);
            from.push(0);
            (from, Vec::new(), Direction::Forward)
        }
    }
}

fn first_unread(tx: &Tx<'_>, conversation: ConversationId) -> Result<Option<MessageKey>> {
    let rows = tx.scan_prefix(Table::Unread, conversation.as_bytes(), 1)?;
    Ok(rows.first().and_then(|(key, _)| MessageKey::from_row(key)))
}

impl Message {
    pub(crate) fn new(conversation: ConversationId, key: MessageKey, row: MessageRow) -> Message {
        Message {
            key,
            conversation,
            author: row.author,
            own: row.own,
            sent_at: row.stamp,
            accepted_at: row.accepted,
            period: row.period,
            clock: row.clock,
            target: row.target,
            content: match row.body {
                Body::Text(text) => MessageContent::Text(text),
                Body::Unknown(kind, _) => MessageContent::Unsupported(kind),
                Body::Encrypted(cause) => MessageContent::Encrypted(cause),
            },
            state: row.state,
            recipients: row.recipients,
            unread: row.unread,
        }
    }
}
