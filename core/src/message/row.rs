//! The row of a message, and the index that finds it by its reference.

use serde::{Deserialize, Serialize};

use super::marks::Marks;
use super::reaction::ReactionRow;
use super::{Cause, MessageKey, Recipient, SendState, SystemNote, tally};
use crate::attachment::AttachmentBody;
use crate::codec;
use crate::decided::Decided;
use crate::envelope::{Clock, Content, Head, Kind, MessageRef};
use crate::error::{Error, Misuse, Result, StoreError};
use crate::expiry::{self, Terms};
use crate::id::{ConversationId, EnvelopeId, Hash32, MessageId, UserId};
use crate::limits;
use crate::report::{self, Evidence, Frank};
use crate::store::vault::INLINE;
use crate::store::{Direction, KeyRange, Table};
use crate::structured::{PaymentState, Structured};
use crate::time::Time;
use crate::tx::Tx;

/// A message as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MessageRow {
    pub author: UserId,
    /// Whether this user wrote it, on this device or another.
    pub own: bool,
    pub stamp: Time,
    pub accepted: Option<Time>,
    pub period: i32,
    pub clock: Clock,
    pub target: Option<MessageRef>,
    pub counts: bool,
    pub body: Body,
    /// For messages of this user.
    pub state: SendState,
    pub recipients: Vec<Recipient>,
    /// For messages of others.
    pub unread: bool,
    /// Whether its author says that it makes no notification.
    pub silent: bool,
    /// When it was read by all whose reading counts, if its time depends on that; and who has read a message of this user.
    pub read: Option<Time>,
    pub readers: Vec<(UserId, Time)>,
    /// How often its text was changed, and by which act last.
    pub edits: Decided,
    /// What stands on it beside what it says.
    pub marks: Marks,
    /// Who reacted to it, and how.
    pub reactions: Vec<ReactionRow>,
    /// What became of it, if it is a payment request.
    pub payment: PaymentState,
    /// The envelope that carried it last, and what opens its commitment.
    pub envelope: Option<EnvelopeId>,
    pub opening: Hash32,
    /// For messages of others, should they be reported: the relay's mark, and what is kept beside the row.
    pub frank: Option<Frank>,
    pub evidence: Evidence,
}

impl MessageRow {
    /// A message of which nothing more is known: of somebody else, here and read, that stays for ever.
    pub fn new(author: UserId, stamp: Time, body: Body) -> MessageRow {
        MessageRow {
            author,
            own: false,
            stamp,
            accepted: None,
            period: -1,
            clock: Clock::FromSend,
            target: None,
            counts: false,
            body,
            state: SendState::Sent,
            recipients: Vec::new(),
            unread: false,
            silent: false,
            read: None,
            readers: Vec::new(),
            edits: Decided::NEVER,
            marks: Marks::default(),
            reactions: Vec::new(),
            payment: PaymentState::Requested,
            envelope: None,
            opening: Hash32::from_bytes([0; 32]),
            frank: None,
            evidence: Evidence::NONE,
        }
    }

    /// Whether anybody else can know it: what was never encrypted is only here.
    pub fn is_known_to_others(&self) -> bool {
        !self.own || self.envelope.is_some()
    }

    /// The kind of content that it is; `None` for a row that only stands for a message.
    pub fn kind(&self) -> Option<Kind> {
        match &self.body {
            Body::Text(_) => Some(Kind::TEXT),
            Body::Attachment(body) => Some(body.kind()),
            Body::Structured(body) => Some(body.kind()),
            Body::Unknown(kind, _) => Some(*kind),
            Body::Encrypted(_) => None,
            Body::System(_) => Some(Kind::SYSTEM),
        }
    }

    /// What is encrypted of it; `None` for a row that only stands for a message, and before its file is uploaded.
    pub fn content(&self, id: MessageId) -> Result<Option<Content>> {
        let (kind, body) = match &self.body {
            Body::Text(text) => (Kind::TEXT, codec::encode(text)?),
            Body::Attachment(body) if body.attachment.location.is_none() => return Ok(None),
            Body::Attachment(body) => (body.kind(), body.encode()?),
            Body::Structured(body) => (body.kind(), body.encode()?),
            Body::Unknown(kind, body) => (*kind, body.to_vec()),
            Body::Encrypted(_) | Body::System(_) => return Ok(None),
        };
        let (kind, body) = self.marks.wrap(kind, body)?;
        let head = Head {
            id,
            stamp: self.stamp,
            period: self.period,
            clock: self.clock,
            target: self.target.clone(),
            counts: self.counts,
            notifies: self.counts,
        };
        Ok(Some(Content { head, kind, body, opening: self.opening }))
    }

    /// How many rows of the store go with it, about: long ones take several.
    pub fn weight(&self) -> usize {
        let text = match &self.body {
            Body::Text(text) => text.len(),
            Body::Unknown(_, body) => body.len(),
            Body::Attachment(_) | Body::Structured(_) => limits::CONTENT_BODY,
            Body::Encrypted(_) | Body::System(_) => 0,
        };
        2 + text / INLINE + self.evidence.weight()
    }

    /// What says when it goes.
    pub fn terms(&self, place: MessageKey) -> Terms {
        Terms { period: self.period, clock: self.clock, sent: expiry::sent(place.at, self.accepted), read: self.read }
    }

    /// Whether it went by an instant, even if no sweep has come by.
    pub fn went_by(&self, place: MessageKey, instant: Time) -> bool {
        self.goes_at(place).is_some_and(|at| at <= instant)
    }

    /// When it goes, as far as is known. What was never sent waits for that.
    pub fn goes_at(&self, place: MessageKey) -> Option<Time> {
        if self.is_known_to_others() { self.terms(place).instant() } else { None }
    }
}

/// What a message says.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Body {
    Text(String),
    /// An attachment; without a location it waits for its upload.
    Attachment(Box<AttachmentBody>),
    Structured(Box<Structured>),
    /// Of a kind that this version does not know: kept for a newer one.
    Unknown(Kind, serde_bytes::ByteBuf),
    /// Not readable, yet or ever.
    Encrypted(Cause),
    /// What this engine notes of what happened.
    System(SystemNote),
}

/// The key of a message's index row: conversation · message · hash of author.
pub(crate) fn index_key(conversation: ConversationId, author: &UserId, id: MessageId) -> Vec<u8> {
    let mut key = Vec::with_capacity(40);
    key.extend_from_slice(conversation.as_bytes());
    key.extend_from_slice(id.as_bytes());
    key.extend_from_slice(&Hash32::of(author.as_str().as_bytes()).as_bytes()[..8]);
    key
}

/// Where a message stands, if it is here.
pub(crate) fn find(
    tx: &Tx<'_>,
    conversation: ConversationId,
    author: &UserId,
    id: MessageId,
) -> Result<Option<MessageKey>> {
    tx.row(Table::MessageIndex, &index_key(conversation, author, id), "message index")
}

/// The row at a place.
pub(crate) fn load(tx: &Tx<'_>, conversation: ConversationId, key: MessageKey) -> Result<Option<MessageRow>> {
    tx.row(Table::Message, &key.row(conversation), "message")
}

/// A message that the caller names.
///
/// # Errors
/// [`Misuse::UnknownMessage`] when it is not here.
pub(crate) fn require(
    tx: &Tx<'_>,
    conversation: ConversationId,
    author: &UserId,
    id: MessageId,
) -> Result<(MessageKey, MessageRow)> {
    let unknown = || Error::Misuse(Misuse::UnknownMessage);
    let key = find(tx, conversation, author, id)?.ok_or_else(unknown)?;
    Ok((key, load(tx, conversation, key)?.ok_or_else(unknown)?))
}

/// Writes a row at its place.
pub(crate) fn store(tx: &Tx<'_>, conversation: ConversationId, key: MessageKey, row: &MessageRow) -> Result<()> {
    tx.put_row(Table::Message, key.row(conversation), row)
}

/// Writes a row at a place that is new to it, and indexes it.
pub(crate) fn place(tx: &Tx<'_>, conversation: ConversationId, key: MessageKey, row: &MessageRow) -> Result<()> {
    store(tx, conversation, key, row)?;
    tally::came(tx, conversation, key, row)?;
    let goes_at = row.goes_at(key);
    if row.unread {
        let goes_at = goes_at.map_or_else(Vec::new, |at| at.as_ms().to_be_bytes().to_vec());
        tx.put(Table::Unread, key.row(conversation), goes_at);
    }
    if let Some(at) = goes_at {
        tx.put_row(Table::Expiry, expiry_key(at, &row.author, key.id), &(conversation, key))?;
    }
    tx.put_row(Table::MessageIndex, index_key(conversation, &row.author, key.id), &key)
}

/// The place of the newest message.
pub(crate) fn newest(tx: &Tx<'_>, conversation: ConversationId) -> Result<Option<MessageKey>> {
    let range = KeyRange { from: conversation.as_bytes(), to: &[] };
    let rows = tx.scan(Table::Message, range, Direction::Backward, 1)?;
    Ok(rows.first().and_then(|(key, _)| MessageKey::from_row(key)))
}

/// Takes a message away, with its index rows.
pub(crate) fn remove(tx: &Tx<'_>, conversation: ConversationId, key: MessageKey) -> Result<MessageRow> {
    let row = load(tx, conversation, key)?.ok_or(Error::Store(StoreError::Corrupt("message index")))?;
    tally::went(tx, conversation, key, &row)?;
    tx.delete(Table::Message, &key.row(conversation));
    tx.delete(Table::Unread, &key.row(conversation));
    tx.delete(Table::MessageIndex, &index_key(conversation, &row.author, key.id));
    report::forget(tx, conversation, key.id, &row);
    if let Some(at) = row.goes_at(key) {
        tx.delete(Table::Expiry, &expiry_key(at, &row.author, key.id));
    }
    Ok(row)
}

/// Writes a row at its place that may go at another instant than before, which was `old`.
pub(crate) fn reschedule(
    tx: &Tx<'_>,
    conversation: ConversationId,
    key: MessageKey,
    old: Option<Time>,
    row: &MessageRow,
) -> Result<()> {
    store(tx, conversation, key, row)?;
    let new = row.goes_at(key);
    if old == new {
        return Ok(());
    }
    if let Some(at) = old {
        tx.delete(Table::Expiry, &expiry_key(at, &row.author, key.id));
    }
    match new {
        Some(at) => tx.put_row(Table::Expiry, expiry_key(at, &row.author, key.id), &(conversation, key)),
        None => Ok(()),
    }
}

fn expiry_key(at: Time, author: &UserId, id: MessageId) -> Vec<u8> {
    let mut key = at.as_ms().to_be_bytes().to_vec();
    key.extend_from_slice(id.as_bytes());
    key.extend_from_slice(&Hash32::of(author.as_str().as_bytes()).as_bytes()[..8]);
    key
}
