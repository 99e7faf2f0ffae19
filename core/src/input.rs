//! What goes into the engine, beside commands.

use serde::{Deserialize, Serialize};

use crate::id::{Hash32, UserId};
use crate::time::Time;

/// Position of a delivery in this device's mailbox: increasing, chosen by the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// An envelope as the transport hands it over.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What to acknowledge.
    pub id: DeliveryId,
    /// When the relay accepted it: the same for every recipient and for the sender.
    pub accepted_at: Time,
    /// The relay's franking tag, kept for reports.
    pub frank: Option<Hash32>,
    /// The envelope's bytes.
    pub envelope: Vec<u8>,
}

/// The state of the connection, as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// There is one, and this device is logged in.
    Up(Login),
    /// There is none.
    Down,
}

/// What a transport says when a device has logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The highest sequence number that it ever accepted from this device; `None` when it does not count.
    pub accepted_sequence: Option<u64>,
    /// How many of this device's key packages it still has; `None` when it does not count.
    pub key_packages: Option<u32>,
    /// The relay's time; `None` when it does not say. Without it, what only a jump of this device's clock makes due is
    /// hidden and not deleted until something is accepted.
    pub time: Option<Time>,
}

/// Number of a transmit of this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransmitId(pub u64);

impl TransmitId {
    /// Of all transmits whose answer nobody waits for: they are handed out once and not kept.
    pub const UNANSWERED: TransmitId = TransmitId(0);
}

/// What became of a transmit.
#[derive(Clone, PartialEq, Eq)]
pub enum TransmitResult {
    /// Stored for its recipients, or was so before.
    Accepted {
        /// When, by the relay's clock.
        at: Time,
    },
    /// Another commit holds the slot; nothing was stored.
    Conflict {
        /// The envelope that holds it.
        winner: Vec<u8>,
        /// When that one was accepted.
        at: Time,
    },
    /// Refused for good; nothing was stored.
    Refused(Refusal),
    /// Not known: no answer, or no connection. The engine tries again.
    Failed,
}

/// Why a relay refused a transmit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Refusal {
    /// The rules forbid it.
    Policy,
    /// No such session, or the device is no member of it: the engine opens another one, and what waits goes out there.
    NotMember,
    /// The sender's certificate was revoked or has expired. The host is asked for another one, and what was said waits for it.
    Certificate,
    /// The envelope is over a limit or malformed.
    Malformed,
    /// Too many for now: like a failure, it is tried again later.
    RateLimited,
}

impl Refusal {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Policy => "relay.policy",
            Refusal::NotMember => "relay.not_member",
            Refusal::Certificate => "relay.certificate",
            Refusal::Malformed => "relay.malformed",
            Refusal::RateLimited => "relay.rate_limited",
        }
    }
}

/// Number of a request of this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The answer to a [`Request`](crate::output::Request).
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// To `Fetch`: a page of what waited was given to `receive`.
    Fetched {
        /// The last position of the page when there is more behind it; `None` at the mailbox's end.
        next: Option<DeliveryId>,
    },
    /// To `LookUp`: one entry per user that was asked for; a user without devices has an empty list.
    Directory(Vec<DirectoryUser>),
    /// To `Publish`: stored.
    Published,
    /// To `Slot`: the envelope that holds it, if one does.
    Slot(Option<Vec<u8>>),
    /// To `Fallback`: the user was reached by another channel, or it was decided that they are not to be.
    Notified,
    /// No answer was to be had. The engine tries again.
    Failed,
}

/// What a directory knows of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryUser {
    /// Who.
    pub user: UserId,
    /// The devices that can be reached.
    pub devices: Vec<DirectoryDevice>,
}

/// What a directory knows of a device.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryDevice {
    /// Its newest certificate.
    pub certificate: Vec<u8>,
    /// A key package, when one was asked for and is to be had.
    pub key_package: Option<Vec<u8>>,
}
