//! How a call is over.

use serde::{Deserialize, Serialize};

use crate::error::PeerFault;
use crate::time::Time;

/// How a call is over: on every device the same, once the caller's word has come. The number is part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum Outcome {
    /// They talked, and one of them hung up.
    Completed = 1,
    /// The caller hung up before anybody answered.
    Cancelled = 2,
    /// The connection broke, or a process died.
    ConnectionLost = 3,
    /// The receiver did not want it.
    Declined = 4,
    /// The receiver was in another call.
    Busy = 5,
    /// Nobody answered in time.
    Missed = 6,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 6] = [
        Outcome::Completed,
        Outcome::Cancelled,
        Outcome::ConnectionLost,
        Outcome::Declined,
        Outcome::Busy,
        Outcome::Missed,
    ];
}

impl From<Outcome> for u8 {
    fn from(outcome: Outcome) -> u8 {
        outcome as u8
    }
}

impl TryFrom<u8> for Outcome {
    type Error = PeerFault;
    fn try_from(byte: u8) -> Result<Self, PeerFault> {
        Outcome::ALL.into_iter().find(|outcome| *outcome as u8 == byte).ok_or(PeerFault::NewerVersion)
    }
}

/// How and when a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub outcome: Outcome,
    /// When they began to talk.
    pub answered: Option<Time>,
    pub ended: Time,
}

impl Ending {
    /// Whether the receiver is to be told that somebody called in vain.
    pub fn is_missed(&self) -> bool {
        self.answered.is_none() && self.outcome != Outcome::Declined
    }

    /// How long they talked, in milliseconds.
    pub fn span(&self) -> u64 {
        self.answered.map_or(0, |answered| self.ended.since(answered))
    }
}
