//! What a relay answers and tells a device.

use serde::{Deserialize, Serialize};
use undertone::id::{Hash32, UserId};
use undertone::input;
use undertone::time::Time;

/// A position in one device's mailbox; later deliveries have higher ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub u64);

/// An envelope as its recipient gets it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where it stands in the device's mailbox.
    pub id: DeliveryId,
    /// When the relay accepted it: the same for every copy and in the sender's answer.
    pub accepted_at: Time,
    /// The relay's mark on the sender's franking commitment.
    pub frank: Option<Hash32>,
    /// The envelope as it was sent.
    #[serde(with = "serde_bytes")]
    pub envelope: Vec<u8>,
}

/// A user as the directory knows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryUser {
    /// Who was asked for.
    pub user: UserId,
    /// The devices whose certificates are good now.
    pub devices: Vec<DirectoryDevice>,
}

/// A device as the directory knows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryDevice {
    /// Its newest certificate.
    #[serde(with = "serde_bytes")]
    pub certificate: Vec<u8>,
    /// A key package of it, if one was asked for, may be given, and is left.
    #[serde(with = "serde_bytes")]
    pub key_package: Option<Vec<u8>>,
}

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

impl RefusedReason {
    /// A stable name, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            RefusedReason::Policy => "policy",
            RefusedReason::UnknownTag => "unknown_tag",
            RefusedReason::NotMember => "not_member",
            RefusedReason::Revoked => "revoked",
            RefusedReason::Expired => "expired",
            RefusedReason::Malformed => "malformed",
            RefusedReason::TooLarge => "too_large",
            RefusedReason::RateLimited => "rate_limited",
            RefusedReason::Recipient => "recipient",
            RefusedReason::Stale => "stale",
        }
    }
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

/// From the relay's words to the engine's.
impl From<Delivery> for input::Delivery {
    fn from(Delivery { id, accepted_at, frank, envelope }: Delivery) -> input::Delivery {
        input::Delivery { id: input::DeliveryId(id.0), accepted_at, frank, envelope }
    }
}

impl From<TransmitResult> for input::TransmitResult {
    fn from(from: TransmitResult) -> input::TransmitResult {
        match from {
            TransmitResult::Accepted { at } => input::TransmitResult::Accepted { at },
            TransmitResult::Conflict { winner, at } => input::TransmitResult::Conflict { winner, at },
            TransmitResult::Refused(reason) => input::TransmitResult::Refused(reason.into()),
        }
    }
}

impl From<RefusedReason> for input::Refusal {
    fn from(from: RefusedReason) -> input::Refusal {
        match from {
            RefusedReason::Policy => input::Refusal::Policy,
            RefusedReason::UnknownTag | RefusedReason::NotMember | RefusedReason::Recipient => {
                input::Refusal::NotMember
            }
            RefusedReason::Revoked | RefusedReason::Expired => input::Refusal::Certificate,
            RefusedReason::Malformed | RefusedReason::TooLarge | RefusedReason::Stale => input::Refusal::Malformed,
            RefusedReason::RateLimited => input::Refusal::RateLimited,
        }
    }
}

impl From<DirectoryUser> for input::DirectoryUser {
    fn from(DirectoryUser { user, devices }: DirectoryUser) -> input::DirectoryUser {
        let device = |DirectoryDevice { certificate, key_package }| input::DirectoryDevice { certificate, key_package };
        input::DirectoryUser { user, devices: devices.into_iter().map(device).collect() }
    }
}
