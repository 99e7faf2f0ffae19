//! What became of a message. Every state only moves forward; but what no relay has taken may go back into the queue.

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::time::Time;

/// How far a message of this user has come. The order is the order of the states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SendState {
    /// Waits for a connection, a session or its turn.
    Queued,
    /// Encrypted and handed out.
    Sending,
    /// The relay has it.
    Sent,
    /// A device of every recipient has it.
    Delivered,
    /// Every recipient has read it.
    Read,
    /// It will not be sent.
    Failed(FailedReason),
}

/// Why a message will not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailedReason {
    /// The rules forbid it.
    Denied,
    /// The relay refused it.
    Refused,
    /// It was cancelled before it was sent.
    Cancelled,
}

/// What is known of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Who.
    pub user: UserId,
    /// When a device of theirs had it, by their clock.
    pub delivered: Option<Time>,
    /// When they had read it, by their clock; not before it was delivered.
    pub read: Option<Time>,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Cause {
    /// Its keys are gone; the sender was asked to send it again.
    TooOld,
    /// Made by a newer version: update the app.
    NewerVersion,
}
