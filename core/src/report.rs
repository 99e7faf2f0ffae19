//! Reports: what a member shows the platform of another one's messages, so that the platform, and only it, can tell that
//! they came from that sender.
//!
//! This is message franking (Grubbs, Lu, Ristenpart, “Message Franking via Committing Authenticated Encryption”, CRYPTO
//! 2017): the envelope commits to the content, the relay marks the commitment when it accepts it, and a report opens it.
//! A report reveals the messages that were chosen, their sender, tag and time, and nothing else of the conversation. To
//! anybody without the relay's key it proves nothing: whoever holds it could have made it up.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::authority::Certificate;
use crate::codec;
use crate::envelope::{Content, Envelope, Kind, MessageRef};
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::id::{ConversationId, DeviceId, Hash32, MessageId, SessionId, UserId};
use crate::input::Delivery;
use crate::limits;
use crate::member;
use crate::message::{self, MessageRow};
use crate::store::Table;
use crate::store::vault::INLINE;
use crate::time::Time;
use crate::tx::Tx;

/// The version of the report that this engine writes.
pub const VERSION: u8 = 1;

/// The relay's mark on what an envelope committed to, and with what it was accepted.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Frank {
    tag: SessionId,
    at: Time,
    mark: Hash32,
}

/// What is kept of a message in [`Table::Evidence`], in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// Whether the content is there as it came, which the row does not give again.
    original: bool,
    /// How many edits there were; the last ones are there.
    edits: u8,
}

/// A content as it came, from which device, and the mark on it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Exhibit {
    padded: ByteBuf,
    device: DeviceId,
    frank: Frank,
}

impl Frank {
    /// The mark on an envelope that was delivered; a transport without franking gives none.
    pub fn of(envelope: &Envelope, delivery: &Delivery) -> Option<Frank> {
        delivery.frank.map(|mark| Frank { tag: envelope.tag, at: delivery.accepted_at, mark })
    }
}

impl Evidence {
    /// The row says it all.
    pub const NONE: Evidence = Evidence { original: false, edits: 0 };

    pub fn has_original(self) -> bool {
        self.original
    }

    /// How many rows of the store it takes, at most.
    pub fn weight(self) -> usize {
        (usize::from(self.original) + usize::from(self.edits.min(limits::REPORTED_EDITS)))
            * (2 + limits::NEWER / INLINE)
    }

    /// The numbers under which the last edits are kept, oldest first.
    fn edits(self) -> impl Iterator<Item = u8> {
        (self.edits.saturating_sub(limits::REPORTED_EDITS)..self.edits).map(|edit| 1 + edit % limits::REPORTED_EDITS)
    }
}

impl Exhibit {
    pub fn new(padded: &[u8], device: DeviceId, frank: &Frank) -> Exhibit {
        Exhibit { padded: padded.to_vec().into(), device, frank: frank.clone() }
    }
}

/// Keeps the content of a new message as it came, unless its row gives the same bytes again: it may have been cleaned, or
/// padded otherwise.
pub(crate) fn keep_unless_given(
    tx: &Tx<'_>,
    conversation: ConversationId,
    id: MessageId,
    row: &mut MessageRow,
    padded: &[u8],
) -> Result<()> {
    // What stands for a content of a newer version has it inside.
    if row.frank.is_none() || row.kind() == Some(Kind::NEWER) {
        return Ok(());
    }
    match row.content(id)? {
        Some(content) if content.encode()? == padded => Ok(()),
        _ => keep_original(tx, conversation, id, row, padded.to_vec()),
    }
}

/// Keeps the content of a message as it came.
pub(crate) fn keep_original(
    tx: &Tx<'_>,
    conversation: ConversationId,
    id: MessageId,
    row: &mut MessageRow,
    padded: Vec<u8>,
) -> Result<()> {
    row.evidence.original = true;
    tx.put_row(Table::Evidence, key(conversation, id, row, 0), &ByteBuf::from(padded))
}

/// Keeps an edit of a message, in the place of the oldest when there are enough.
pub(crate) fn keep_edit(
    tx: &Tx<'_>,
    conversation: ConversationId,
    id: MessageId,
    row: &mut MessageRow,
    edit: &Exhibit,
) -> Result<()> {
    // Counted on beyond what a byte holds, the places only begin anew.
    row.evidence.edits = match row.evidence.edits {
        u8::MAX => u8::MAX - limits::REPORTED_EDITS + 1,
        edits => edits + 1,
    };
    let number = 1 + (row.evidence.edits - 1) % limits::REPORTED_EDITS;
    tx.put_row(Table::Evidence, key(conversation, id, row, number), edit)
}

/// A message goes, and what is kept of it.
pub(crate) fn forget(tx: &Tx<'_>, conversation: ConversationId, id: MessageId, row: &MessageRow) {
    if row.evidence != Evidence::NONE {
        for number in 0..=limits::REPORTED_EDITS {
            tx.delete(Table::Evidence, &key(conversation, id, row, number));
        }
    }
}

/// The content of a message as it came; `None` for a row that only stands for one.
pub(crate) fn original(
    tx: &Tx<'_>,
    conversation: ConversationId,
    id: MessageId,
    row: &MessageRow,
) -> Result<Option<Vec<u8>>> {
    if row.evidence.original {
        let kept: Option<ByteBuf> = tx.row(Table::Evidence, &key(conversation, id, row, 0), "evidence")?;
        return Ok(kept.map(ByteBuf::into_vec));
    }
    row.content(id)?.map(|content| content.encode()).transpose()
}

fn key(conversation: ConversationId, id: MessageId, row: &MessageRow, number: u8) -> Vec<u8> {
    let mut key = message::index_key(conversation, &row.author, id);
    key.push(number);
    key
}

/// What a member gives the platform.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Report {
    messages: Vec<Shown>,
}

/// Padded content, tag, sending device, accepted at, the relay's mark, the device's certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Shown(ByteBuf, SessionId, DeviceId, Time, Hash32, ByteBuf);

/// What a report says of one message; true if the platform finds the mark to be its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who said it, by a valid certificate of the sending device.
    pub user: UserId,
    /// The device that sent it.
    pub device: DeviceId,
    /// The session's tag.
    pub tag: SessionId,
    /// When the relay accepted it.
    pub at: Time,
    /// What the envelope committed to: computed from the content.
    pub commitment: Hash32,
    /// What the relay is said to have made of the four above.
    pub mark: Hash32,
    /// What was said: a message, or an edit of one.
    pub content: Content,
}

crate::redact::redacted_debug!(Report, Claim);

impl Report {
    /// The bytes that go to the platform.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>> {
        codec::encode_versioned(VERSION, self)
    }

    /// Reads what a member has sent.
    ///
    /// # Errors
    /// [`PeerFault::TooLarge`], [`PeerFault::NewerVersion`] or [`PeerFault::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Report, PeerFault> {
        if bytes.len() > limits::REPORT {
            return Err(PeerFault::TooLarge("report"));
        }
        let report: Report = codec::decode_versioned(VERSION, bytes, "report")?;
        let most = limits::REPORTED * (1 + usize::from(limits::REPORTED_EDITS));
        if report.messages.is_empty() || report.messages.len() > most {
            return Err(PeerFault::Malformed("report"));
        }
        Ok(report)
    }

    /// What it claims, each by itself, in the order of the report: [`PeerFault::Certificate`] when the sender is nobody that
    /// these authorities know, or what [`Content::decode`] says. Each mark is yet to be compared with the relay's own.
    pub fn claims(&self, authorities: &[[u8; 32]]) -> Vec<Result<Claim, PeerFault>> {
        self.messages.iter().map(|shown| shown.claim(authorities)).collect()
    }
}

impl Shown {
    fn claim(&self, authorities: &[[u8; 32]]) -> Result<Claim, PeerFault> {
        let Shown(padded, tag, device, at, mark, certificate) = self;
        let certificate = Certificate::decode(certificate)?;
        certificate.verify(authorities)?;
        if certificate.device() != *device {
            return Err(PeerFault::Certificate);
        }
        let content = Content::decode(padded)?;
        let (user, commitment) = (certificate.user().clone(), content.commitment(padded));
        Ok(Claim { user, device: *device, tag: *tag, at: *at, commitment, mark: *mark, content })
    }
}

/// A report of messages that this user sees; of an edited one, what it said first and its last edits.
///
/// # Errors
/// [`Misuse::Report`] for none, too many, or one that nobody can verify; [`Misuse::UnknownMessage`].
pub(crate) fn report(
    tx: &Tx<'_>,
    conversation: ConversationId,
    messages: &[MessageRef],
    hidden: Time,
) -> Result<Report> {
    if messages.is_empty() || messages.len() > limits::REPORTED {
        return Err(Error::Misuse(Misuse::Report("of 1 to 20 messages")));
    }
    let mut shown = Vec::new();
    for MessageRef { author, id } in messages {
        let (place, row) = message::require(tx, conversation, author, *id)?;
        if row.went_by(place, hidden) {
            return Err(Error::Misuse(Misuse::UnknownMessage));
        }
        if row.own {
            return Err(Error::Misuse(Misuse::Report("of messages of others")));
        }
        let unverifiable = || Error::Misuse(Misuse::Report("of messages that came over a relay that marks them"));
        // What only a newer version can read, nobody here can show.
        let frank = row.frank.as_ref().filter(|_| row.kind() != Some(Kind::NEWER)).ok_or_else(unverifiable)?;
        let padded = original(tx, conversation, *id, &row)?.ok_or_else(unverifiable)?;
        shown.push(show(tx, Exhibit::new(&padded, place.device, frank))?);
        for number in row.evidence.edits() {
            let edit = tx.row(Table::Evidence, &key(conversation, *id, &row, number), "evidence")?;
            shown.extend(edit.map(|edit| show(tx, edit)).transpose()?);
        }
    }
    Ok(Report { messages: shown })
}

fn show(tx: &Tx<'_>, Exhibit { padded, device, frank }: Exhibit) -> Result<Shown> {
    let certificate = member::newest(tx, device)?.ok_or(Error::Bug("report.certificate"))?;
    Ok(Shown(padded, frank.tag, device, frank.at, frank.mark, certificate.as_bytes().to_vec().into()))
}
