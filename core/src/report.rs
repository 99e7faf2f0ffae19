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
use crate::id::{ConversationId, DeviceId, Hash32, SessionId, UserId};
use crate::input::Delivery;
use crate::limits;
use crate::member;
use crate::message;
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

/// What a message said in other words once, or how it came: bytes that its row does not give again.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Evidence {
    content: ByteBuf,
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
    /// A content of a device, and the mark on it.
    pub fn new(content: &Content, device: DeviceId, frank: &Frank) -> Result<Evidence> {
        Ok(Evidence { content: content.encode()?.into(), device, frank: frank.clone() })
    }
}

/// What a member gives the platform.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Report {
    messages: Vec<Exhibit>,
}

/// Padded content, tag, sending device, accepted at, the relay's mark, the device's certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Exhibit(ByteBuf, SessionId, DeviceId, Time, Hash32, ByteBuf);

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
        if report.messages.is_empty() || report.messages.len() > 2 * limits::REPORTED {
            return Err(PeerFault::Malformed("report"));
        }
        Ok(report)
    }

    /// What it claims, in the order of the report. Each mark is yet to be compared with the relay's own.
    ///
    /// # Errors
    /// [`PeerFault::Certificate`] when a sender is nobody that these authorities know, and what [`Content::decode`] says.
    pub fn claims(&self, authorities: &[[u8; 32]]) -> Result<Vec<Claim>, PeerFault> {
        self.messages.iter().map(|exhibit| exhibit.claim(authorities)).collect()
    }
}

impl Exhibit {
    fn claim(&self, authorities: &[[u8; 32]]) -> Result<Claim, PeerFault> {
        let Exhibit(padded, tag, device, at, mark, certificate) = self;
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

/// A report of messages that this user sees; of an edited one, what it said first and what it says now.
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
    let mut exhibits = Vec::new();
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
        let content = match &row.original {
            Some(original) => original.clone(),
            None => row.content(*id)?.ok_or_else(unverifiable)?.encode()?.into(),
        };
        let first = Evidence { content, device: place.device, frank: frank.clone() };
        for evidence in [Some(&first), row.wording.as_deref()].into_iter().flatten() {
            exhibits.push(exhibit(tx, evidence)?);
        }
    }
    Ok(Report { messages: exhibits })
}

fn exhibit(tx: &Tx<'_>, evidence: &Evidence) -> Result<Exhibit> {
    let Evidence { content, device, frank: Frank { tag, at, mark } } = evidence;
    let certificate = member::newest(tx, *device)?.ok_or(Error::Bug("report.certificate"))?;
    Ok(Exhibit(content.clone(), *tag, *device, *at, *mark, certificate.as_bytes().to_vec().into()))
}
