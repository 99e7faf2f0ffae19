//! What a relay answers and tells a device. What an engine takes as it is, is the engine's own type.

use serde::{Deserialize, Serialize};
use undertone::input::{self, Refusal};
use undertone::time::Time;

pub use undertone::input::{Delivery, DeliveryId, DirectoryDevice, DirectoryUser};

/// What becomes of a transmit.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransmitResult {
    /// Kept for its recipients, all of it.
    Accepted {
        /// When.
        at: Time,
    },
    /// Another commit holds the slot; nothing of the bundle was kept.
    Conflict {
        /// The winning envelope.
        #[serde(with = "serde_bytes")]
        winner: Vec<u8>,
        /// When it was accepted.
        at: Time,
    },
    /// Not taken, nothing was kept.
    Refused(RefusedReason),
}

/// The commit that holds a slot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotHolder {
    /// The winning envelope.
    #[serde(with = "serde_bytes")]
    pub winner: Vec<u8>,
    /// When it was accepted.
    pub at: Time,
}

/// Why a transmit is refused. The number is part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum RefusedReason {
    /// The rules forbid it.
    Policy = 1,
    /// No welcome ever tied this tag to devices.
    UnknownTag = 2,
    /// The sender or a recipient is not among the tag's devices.
    NotMember = 3,
    /// The sender's certificate was revoked.
    Revoked = 4,
    /// The sender's certificate has expired.
    Expired = 5,
    /// Not what an engine makes.
    Malformed = 6,
    /// Over a limit.
    TooLarge = 7,
    /// Too much in too short a time, or a mailbox is full: try again later.
    RateLimited = 8,
    /// A device to be welcomed is unknown here, revoked or expired: look its user up again.
    Recipient = 9,
    /// The time up to which the envelope was to be kept has passed.
    Stale = 10,
}

impl From<RefusedReason> for u8 {
    fn from(reason: RefusedReason) -> u8 {
        reason as u8
    }
}

impl TryFrom<u8> for RefusedReason {
    type Error = &'static str;
    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Ok(match number {
            1 => RefusedReason::Policy,
            2 => RefusedReason::UnknownTag,
            3 => RefusedReason::NotMember,
            4 => RefusedReason::Revoked,
            5 => RefusedReason::Expired,
            6 => RefusedReason::Malformed,
            7 => RefusedReason::TooLarge,
            8 => RefusedReason::RateLimited,
            9 => RefusedReason::Recipient,
            10 => RefusedReason::Stale,
            _ => return Err("unknown reason"),
        })
    }
}

impl From<TransmitResult> for input::TransmitResult {
    fn from(result: TransmitResult) -> input::TransmitResult {
        match result {
            TransmitResult::Accepted { at } => input::TransmitResult::Accepted { at },
            TransmitResult::Conflict { winner, at } => input::TransmitResult::Conflict { winner, at },
            TransmitResult::Refused(reason) => input::TransmitResult::Refused(reason.into()),
        }
    }
}

impl From<RefusedReason> for Refusal {
    fn from(reason: RefusedReason) -> Refusal {
        match reason {
            RefusedReason::Policy => Refusal::Policy,
            RefusedReason::UnknownTag | RefusedReason::NotMember => Refusal::NotMember,
            RefusedReason::Revoked | RefusedReason::Expired => Refusal::Certificate,
            // A recipient who cannot be welcomed is no fault of the session: the engine looks again and makes it anew.
            RefusedReason::Malformed | RefusedReason::TooLarge | RefusedReason::Recipient | RefusedReason::Stale => {
                Refusal::Malformed
            }
            RefusedReason::RateLimited => Refusal::RateLimited,
        }
    }
}
