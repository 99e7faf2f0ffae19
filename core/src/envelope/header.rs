//! The envelope: all that a relay learns of a message.

use core::fmt;

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
    /// A word of the moment, like “is typing”, under a lesser key: for who is connected now, and never stored.
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
    /// Counts the sender's envelopes, from 1. A relay returns the highest at login, so that a restored copy notices. An
    /// ephemeral one is not counted, for nothing of it is written down: 0.
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
    /// For a message, and for what brings one once more: the franking commitment to the message's content, so that a
    /// report can be verified.
    pub commitment: Option<Hash32>,
    /// The MLS message, or what the kind says.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({:?}, {:?}, {:?})", self.kind, self.id, self.tag)
    }
}

impl Envelope {
    /// The bytes that cross the network.
    ///
    /// # Errors
    /// [`Error::Bug`] when it is over a limit: the engine does not make such envelopes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.check().map_err(|_| Error::Bug("envelope.limits"))?;
        let bytes = codec::encode_versioned(VERSION, self)?;
        if bytes.len() > limits::ENVELOPE { Err(Error::Bug("envelope.limits")) } else { Ok(bytes) }
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
        if self.token.as_ref().is_some_and(|token| token.len() > limits::START_TOKEN) {
            return Err(PeerFault::TooLarge("start token"));
        }
        let slot_fits = self.slot.is_some() == (self.kind == EnvelopeKind::Commit);
        let token_fits = self.token.is_none() || self.kind == EnvelopeKind::Welcome;
        let commitment_fits =
            self.commitment.is_none() || matches!(self.kind, EnvelopeKind::Message | EnvelopeKind::Receipt);
        let fits = slot_fits && token_fits && commitment_fits;
        let counted = self.kind != EnvelopeKind::Ephemeral;
        if distinct.len() != self.recipients.len() || !fits || (self.sequence != 0) != counted {
            return Err(PeerFault::Malformed("envelope"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! R14, R46.

    use super::*;

    fn envelope(kind: EnvelopeKind) -> Envelope {
        Envelope {
            id: EnvelopeId::from_bytes([1; 16]),
            kind,
            tag: SessionId::from_bytes([2; 16]),
            sender: DeviceId::from_bytes([3; 16]),
            sequence: 1,
            recipients: vec![DeviceId::from_bytes([4; 16]), DeviceId::from_bytes([5; 16])],
            expires_at: Time::from_ms(6),
            push: PushHint::None,
            slot: (kind == EnvelopeKind::Commit).then(|| SlotName::from_bytes([7; 32])),
            token: None,
            commitment: None,
            body: vec![8; 100],
        }
    }

    fn encoded_anyway(envelope: &Envelope) -> Vec<u8> {
        codec::encode_versioned(VERSION, envelope).unwrap()
    }

    #[test]
    fn r46_what_a_newer_engine_may_send_is_newer_not_malformed() {
        let bytes = envelope(EnvelopeKind::Receipt).encode().unwrap();
        // version, array of 12, id (2 + 16), kind.
        assert_eq!(bytes[20], EnvelopeKind::Receipt as u8);
        let mut newer_kind = bytes.clone();
        newer_kind[20] = 7;
        assert_eq!(Envelope::decode(&newer_kind), Err(PeerFault::NewerVersion));
        let mut newer_version = bytes;
        newer_version[0] = 2;
        assert_eq!(Envelope::decode(&newer_version), Err(PeerFault::NewerVersion));
    }

    #[test]
    fn r14_an_envelope_that_contradicts_itself_is_neither_made_nor_read() {
        use EnvelopeKind::{Commit, Ephemeral, Message, Welcome};
        let twice = vec![DeviceId::from_bytes([4; 16]); 2];
        let bad = [
            Envelope { sequence: 0, ..envelope(Message) },
            Envelope { sequence: 1, ..envelope(Ephemeral) },
            Envelope { recipients: twice, ..envelope(Message) },
            Envelope { slot: None, ..envelope(Commit) },
            Envelope { slot: Some(SlotName::from_bytes([7; 32])), ..envelope(Message) },
            Envelope { token: Some(vec![1]), ..envelope(Message) },
            Envelope { commitment: Some(Hash32::from_bytes([1; 32])), ..envelope(Welcome) },
        ];
        for envelope in bad {
            assert_eq!(Envelope::decode(&encoded_anyway(&envelope)), Err(PeerFault::Malformed("envelope")));
            assert_eq!(envelope.encode(), Err(Error::Bug("envelope.limits")));
        }
    }

    #[test]
    fn r14_an_oversized_envelope_is_neither_made_nor_read() {
        let recipients = (0..=limits::RECIPIENTS as u128).map(|at| DeviceId::from_bytes(at.to_be_bytes())).collect();
        let bad = [
            Envelope { recipients, ..envelope(EnvelopeKind::Message) },
            Envelope { token: Some(vec![1; limits::START_TOKEN + 1]), ..envelope(EnvelopeKind::Welcome) },
            Envelope { body: vec![1; limits::ENVELOPE], ..envelope(EnvelopeKind::Message) },
        ];
        for envelope in bad {
            assert!(matches!(Envelope::decode(&encoded_anyway(&envelope)), Err(PeerFault::TooLarge(_))));
            assert_eq!(envelope.encode(), Err(Error::Bug("envelope.limits")));
        }
    }
}
