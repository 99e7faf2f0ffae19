//! The content: what only members see. A fixed head that every version obeys, a kind, and the kind's own body.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{EnvelopeKind, pad, unpad};
use crate::codec;
use crate::error::{Error, PeerFault};
use crate::id::{EnvelopeId, Hash32, MessageId, UserId};
use crate::limits;
use crate::time::Time;

/// The version of the content that this engine writes.
pub const VERSION: u8 = 1;

/// When a message's auto-delete period starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum Clock {
    /// When it was sent: one instant for all.
    #[default]
    FromSend = 0,
    /// When its recipient has read it.
    FromRead = 1,
}

impl From<Clock> for u8 {
    fn from(clock: Clock) -> u8 {
        clock as u8
    }
}

impl TryFrom<u8> for Clock {
    type Error = PeerFault;
    fn try_from(byte: u8) -> Result<Self, PeerFault> {
        match byte {
            0 => Ok(Clock::FromSend),
            1 => Ok(Clock::FromRead),
            _ => Err(PeerFault::NewerVersion),
        }
    }
}

/// Names a message within its conversation: nobody but its author can have made that pair.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageRef {
    /// Who wrote it.
    pub author: UserId,
    /// What its author named it.
    pub id: MessageId,
}

impl fmt::Debug for MessageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageRef({:?})", self.id)
    }
}

/// What a content is. Numbers below 32 are messages; 32 to 63 are acts that people see the effect of, and can report;
/// the others are between engines. The numbers are part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(pub u16);

impl Kind {
    /// Stands for a content of a newer version: never sent, and refused when it comes.
    pub(crate) const NEWER: Kind = Kind(0);
    /// Text.
    pub const TEXT: Kind = Kind(1);
    /// An image, by where it is and its key.
    pub const IMAGE: Kind = Kind(2);
    /// A file, by where it is and its key.
    pub const FILE: Kind = Kind(3);
    /// A voice message.
    pub const VOICE: Kind = Kind(4);
    /// A video.
    pub const VIDEO: Kind = Kind(5);
    /// A place.
    pub const LOCATION: Kind = Kind(6);
    /// Somebody's address card.
    pub const CONTACT: Kind = Kind(7);
    /// A calendar event.
    pub const EVENT: Kind = Kind(8);
    /// A request for a payment.
    pub const PAYMENT_REQUEST: Kind = Kind(9);
    /// A call that was, made by its caller's engine.
    pub const CALL: Kind = Kind(10);
    /// A message of another kind with marks on it: that it was forwarded, whom its text names.
    pub const MARKED: Kind = Kind(11);
    /// What engines note of what happened, for themselves: never sent, and refused when it comes.
    pub const SYSTEM: Kind = Kind(31);
    /// Another text for a message of the same author.
    pub const EDIT: Kind = Kind(32);
    /// A reaction to a message, or taking it back.
    pub const REACTION: Kind = Kind(33);
    /// Delivery and read receipts of several messages.
    pub const RECEIPT: Kind = Kind(64);
    /// Asks for messages that could not be read.
    pub const UNREADABLE: Kind = Kind(65);
    /// A renewed certificate of the sending device.
    pub const CERTIFICATE: Kind = Kind(66);
    /// A message once more, for whoever could not read an envelope of it.
    pub const AGAIN: Kind = Kind(67);
    /// A message is deleted for everyone.
    pub const DELETE: Kind = Kind(68);
    /// A message whose time depends on reading was read: from when on its period counts.
    pub const EXPIRY_NOTICE: Kind = Kind(69);
    /// A setting of the conversation that both sides share.
    pub const SETTINGS: Kind = Kind(70);
    /// What became of a payment request.
    pub const PAYMENT_STATE: Kind = Kind(71);
    /// A call's signal, while it lasts.
    pub const CALL_SIGNAL: Kind = Kind(72);
    /// What a user decided on one device, for the user's other devices.
    pub const OWN_STATE: Kind = Kind(73);

    /// Whether a person is to see it, or what it does to a message.
    pub const fn is_shown(self) -> bool {
        self.0 < 64
    }

    /// Whether it is an act that this version knows: it changes something here and is no message.
    pub const fn is_act(self) -> bool {
        matches!(self, Kind(32 | 33 | 68..=73))
    }
}

/// The body of [`Kind::AGAIN`]: the envelope that could not be read, the content that it carried, padded, and when the
/// relay had accepted it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Again(pub EnvelopeId, pub serde_bytes::ByteBuf, pub Time);

/// What every version understands of a content, whatever its kind.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// What the author named it.
    pub id: MessageId,
    /// When it was encrypted, by the sender's clock. Auto-delete counts from here.
    pub stamp: Time,
    /// Auto-delete period in minutes; 0 goes when read, −1 never.
    pub period: i32,
    /// When the period starts.
    pub clock: Clock,
    /// What it edits, deletes, answers or reacts to.
    pub target: Option<MessageRef>,
    /// Whether it counts as unread until read.
    pub counts: bool,
    /// Whether it may make a notification.
    pub notifies: bool,
}

/// What a member encrypts for the others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The part that every version obeys.
    pub head: Head,
    /// What it is.
    pub kind: Kind,
    /// The kind's own MessagePack.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// Random; opens the franking commitment in the envelope, so that a report can be verified.
    pub opening: Hash32,
}

crate::redact::redacted_debug!(Head, Content);

impl Head {
    fn check(&self) -> Result<(), PeerFault> {
        let is_time = self.stamp.check().is_ok();
        if self.period < -1 || !is_time { Err(PeerFault::Malformed("content")) } else { Ok(()) }
    }
}

impl Content {
    /// The padded bytes that are encrypted.
    ///
    /// # Errors
    /// [`Error::Bug`] when it is over a limit.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.check().map_err(|_| Error::Bug("content.limits"))?;
        Ok(pad(codec::encode_versioned(VERSION, self)?))
    }

    /// Reads what was decrypted.
    ///
    /// # Errors
    /// [`PeerFault::TooLarge`], with its padding over [`limits::PADDED`]; [`PeerFault::NewerVersion`] or
    /// [`PeerFault::Malformed`].
    pub fn decode(padded: &[u8]) -> Result<Content, PeerFault> {
        let content: Content = codec::decode_versioned(VERSION, unpad(padded)?, "content")?;
        if padded.len() > limits::PADDED {
            return Err(PeerFault::TooLarge("content"));
        }
        content.check()?;
        Ok(content)
    }

    /// Reads the head of a content that [`Content::decode`] refuses with [`PeerFault::NewerVersion`]: every later
    /// version begins with the same head, so that what is kept until an upgrade is deleted in time all the same.
    ///
    /// # Errors
    /// [`PeerFault::Malformed`] when there is none.
    pub fn peek_head(padded: &[u8]) -> Result<Head, PeerFault> {
        match unpad(padded)? {
            // A version, then an array of up to 15 fields, of which the head is the first.
            &[version, 0x91..=0x9f, ref fields @ ..] if (VERSION..128).contains(&version) => {
                let head: Head = codec::decode_first(fields, "content")?;
                head.check()?;
                Ok(head)
            }
            _ => Err(PeerFault::Malformed("content")),
        }
    }

    fn check(&self) -> Result<(), PeerFault> {
        if self.body.len() > limits::CONTENT_BODY {
            return Err(PeerFault::TooLarge("content"));
        }
        if self.kind == Kind::NEWER {
            return Err(PeerFault::Malformed("content"));
        }
        self.head.check()
    }

    /// What the envelope of this content shows: its kind, and the commitment to what people may see of it. One that brings
    /// a message once more commits to that message.
    ///
    /// # Errors
    /// [`PeerFault::Malformed`] when there is no message in what should bring one.
    pub(crate) fn outside(&self, encoded: &[u8]) -> Result<(EnvelopeKind, Option<Hash32>), PeerFault> {
        if self.kind.is_shown() {
            return Ok((EnvelopeKind::Message, Some(self.commitment(encoded))));
        }
        if self.kind != Kind::AGAIN {
            return Ok((EnvelopeKind::Receipt, None));
        }
        let Again(_, inner, _) = codec::decode(&self.body, "message sent again")?;
        let commitment = Content::decode(&inner)?.commitment(&inner);
        Ok((EnvelopeKind::Receipt, Some(commitment)))
    }

    /// The franking commitment (Grubbs, Lu, Ristenpart, “Message Franking via Committing Authenticated
    /// Encryption”, CRYPTO 2017): HMAC-SHA-256 under the opening over the padded content.
    pub fn commitment(&self, encoded: &[u8]) -> Hash32 {
        // Every key length suits HMAC; the fallback cannot happen and would only make a report unverifiable.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.opening.as_bytes()) else { return Hash32::of(encoded) };
        mac.update(encoded);
        Hash32::from_bytes(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    //! R14, R46.

    use super::*;

    fn content(kind: Kind) -> Content {
        let author = UserId::new("ann").unwrap();
        let head = Head {
            id: MessageId::from_bytes([1; 16]),
            stamp: Time::from_ms(2),
            period: 5,
            clock: Clock::FromRead,
            target: Some(MessageRef { author, id: MessageId::from_bytes([3; 16]) }),
            counts: true,
            notifies: false,
        };
        Content { head, kind, body: vec![4; 10], opening: Hash32::from_bytes([5; 32]) }
    }

    fn padded(version: u8, fields: &impl Serialize) -> Vec<u8> {
        pad(codec::encode_versioned(version, fields).unwrap())
    }

    #[test]
    fn r46_an_unknown_kind_is_kept_whole() {
        let content = content(Kind(60_000));
        assert!(Content::decode(&content.encode().unwrap()).unwrap() == content);
    }

    #[test]
    fn r46_the_head_of_a_newer_version_is_obeyed() {
        let Content { head, kind, body, opening } = content(Kind::TEXT);
        let newer = padded(2, &(&head, kind, serde_bytes::Bytes::new(&body), opening, "something new"));
        assert_eq!(Content::decode(&newer), Err(PeerFault::NewerVersion));
        assert!(Content::peek_head(&newer).unwrap() == head);
    }

    #[test]
    fn r46_an_unknown_clock_is_newer() {
        let good = content(Kind::TEXT).encode().unwrap();
        // version, array of 4, head of 7, id (2 + 16), stamp, period.
        assert_eq!((good[21], good[22], good[23]), (2, 5, Clock::FromRead as u8));
        let mut bad = good;
        bad[23] = 2;
        assert_eq!(Content::decode(&bad), Err(PeerFault::NewerVersion));
    }

    #[test]
    fn r14_what_is_out_of_bounds_is_neither_made_nor_read() {
        let mut content = content(Kind::TEXT);
        content.head.period = -2;
        assert_eq!(content.encode(), Err(Error::Bug("content.limits")));
        assert_eq!(Content::decode(&padded(VERSION, &content)), Err(PeerFault::Malformed("content")));
        assert_eq!(Content::peek_head(&padded(VERSION, &content)), Err(PeerFault::Malformed("content")));
        content.head.period = -1;
        content.body = vec![0; limits::CONTENT_BODY + 1];
        assert_eq!(content.encode(), Err(Error::Bug("content.limits")));
        assert_eq!(Content::decode(&padded(VERSION, &content)), Err(PeerFault::TooLarge("content")));
    }

    #[test]
    fn no_head_is_no_head() {
        for bad in [&[][..], &[1], &[1, 0x90], &[2, 0xc0], &[0, 0x91, 0xc0], &[128, 0x91, 0xc0]] {
            assert!(Content::peek_head(&pad(bad.to_vec())).is_err(), "{bad:02x?}");
        }
    }
}
