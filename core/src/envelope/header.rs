//! The envelope: all that a relay learns of a message.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::{Error, PeerFault};
use crate::id::{DeviceId, EnvelopeId, Hash32, SessionId, SlotName};
use crate::limits;
use crate::time::Time;

/// The version of the envelope that this engine writes.
pub const VERSION: u8 = 1;

/// What an envelope is for. The number is part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum EnvelopeKind {
    /// An MLS Welcome: takes its recipients into a session.
    Welcome = 1,
    /// An MLS commit: moves a session to its next epoch. Carries a slot.
    Commit = 2,
    /// An MLS application message that a person made.
    Message = 3,
    /// An MLS application message that engines exchange: receipts, renewals, resends asked for.
    Receipt = 4,
    /// A typing or ring signal under a lesser key: never stored longer than 60 s.
    Ephemeral = 5,
    /// A signed statement that the sender has no keys for this tag.
    NoSession = 6,
}

impl From<EnvelopeKind> for u8 {
    fn from(kind: EnvelopeKind) -> u8 {
        kind as u8
    }
}

impl TryFrom<u8> for EnvelopeKind {
    type Error = PeerFault;
    fn try_from(byte: u8) -> Result<Self, PeerFault> {
        Ok(match byte {
            1 => EnvelopeKind::Welcome,
            2 => EnvelopeKind::Commit,
            3 => EnvelopeKind::Message,
            4 => EnvelopeKind::Receipt,
            5 => EnvelopeKind::Ephemeral,
            6 => EnvelopeKind::NoSession,
            _ => return Err(PeerFault::NewerVersion),
        })
    }
}

/// What a push service may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum PushHint {
    /// Wake nobody.
    None = 0,
    /// A message came.
    Message = 1,
    /// A call rings.
    Call = 2,
}

impl From<PushHint> for u8 {
    fn from(hint: PushHint) -> u8 {
        hint as u8
    }
}

impl TryFrom<u8> for PushHint {
    type Error = PeerFault;
    fn try_from(byte: u8) -> Result<Self, PeerFault> {
        Ok(match byte {
            0 => PushHint::None,
            1 => PushHint::Message,
            2 => PushHint::Call,
            _ => return Err(PeerFault::NewerVersion),
        })
    }
}

/// What crosses the network.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Random; a relay drops the repeat of (sender, id).
    pub id: EnvelopeId,
    /// What it is for.
    pub kind: EnvelopeKind,
    /// The session's tag.
    pub tag: SessionId,
    /// The sending device.
    pub sender: DeviceId,
    /// Counts the sender's envelopes, from 1. A relay returns the highest at login, so that a restored copy notices.
    pub sequence: u64,
    /// Who is to have it, at most [`limits::RECIPIENTS`] devices.
    pub recipients: Vec<DeviceId>,
    /// When a relay may drop it.
    pub expires_at: Time,
    /// What a push service may be told.
    pub push: PushHint,
    /// For a commit: the slot that it wants to win.
    pub slot: Option<SlotName>,
    /// For a welcome: the signed [`StartToken`](super::StartToken), which proves who started.
    #[serde(with = "serde_bytes")]
    pub token: Option<Vec<u8>>,
    /// For a message: the franking commitment to its content, so that a report can be verified.
    pub commitment: Option<Hash32>,
    /// The MLS message, or what the kind says.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

impl Envelope {
    /// The bytes that cross the network.
    ///
    /// # Errors
    /// [`Error::Bug`] when it is over a limit: the engine does not make such envelopes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.check().map_err(|_| Error::Bug("envelope.limits"))?;
        codec::encode_versioned(VERSION, self)
    }

    /// Reads an envelope and checks every limit.
    ///
    /// # Errors
    /// [`PeerFault::TooLarge`], [`PeerFault::NewerVersion`] or [`PeerFault::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Envelope, PeerFault> {
        if bytes.len() > limits::ENVELOPE {
            return Err(PeerFault::TooLarge("envelope"));
        }
        let envelope: Envelope = codec::decode_versioned(VERSION, bytes, "envelope")?;
        envelope.check()?;
        Ok(envelope)
    }

    /// What holds of every envelope, whoever made it.
    fn check(&self) -> Result<(), PeerFault> {
        if self.recipients.len() > limits::RECIPIENTS {
            return Err(PeerFault::TooLarge("list of recipients"));
        }
        let distinct: std::collections::BTreeSet<_> = self.recipients.iter().collect();
        let slot_fits = self.slot.is_some() == (self.kind == EnvelopeKind::Commit);
        let token_fits = self.token.is_none() || self.kind == EnvelopeKind::Welcome;
        if distinct.len() != self.recipients.len() || !slot_fits || !token_fits || self.sequence == 0 {
            return Err(PeerFault::Malformed("envelope"));
        }
        Ok(())
    }
}
