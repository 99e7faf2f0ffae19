//! What comes out of the engine.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::{ConversationId, SlotName, UserId};
use crate::input::{DeliveryId, RequestId, TransmitId};
use crate::time::Time;

/// What a host must do next.
pub enum Output {
    /// Send this, and answer with `transmit_done`.
    Transmit(Transmit),
    /// Tell the relay that this delivery is durable here. Never acknowledge on anything else.
    Acknowledge(DeliveryId),
    /// Ask for this, and answer with `request_done`.
    Request(RequestId, Request),
    /// Show this.
    Event(Event),
    /// Drained. Call `handle_timeout` at this time, or feed the next input.
    Timeout {
        /// When; [`Time::NEVER`] when there is nothing to wake for.
        at: Time,
        /// Why.
        reason: Wake,
    },
}

/// Envelopes that are stored together or not at all: a commit and its welcomes, or a single one.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// What to answer to. [`TransmitId::UNANSWERED`] for what is of use only at once: without a connection it is dropped,
    /// and an answer to it means nothing.
    pub id: TransmitId,
    /// Encoded envelopes, the commit first.
    pub envelopes: Vec<Vec<u8>>,
}

/// Something that only the host can find out or do, mostly over its transport. It is made once more after a failure, a
/// crash or a new connection, with the same id, until `request_done` has answered it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Give `receive` what this device has not acknowledged, behind this position of the mailbox.
    Fetch {
        /// 0 from the start, else where the page before ended.
        since: u64,
    },
    /// Say which devices these users have.
    LookUp {
        /// Whom to look up.
        users: Vec<UserId>,
        /// Whether to take one key package of each device along.
        key_packages: bool,
    },
    /// Put key packages into the directory.
    Publish {
        /// Key packages for one use each.
        packages: Vec<serde_bytes::ByteBuf>,
        /// The one to give when the others are used up.
        last_resort: Option<serde_bytes::ByteBuf>,
        /// Whether those published before are to go.
        replace: bool,
    },
    /// Say which commit holds a slot.
    Slot {
        /// Its name.
        name: SlotName,
    },
    /// Tell a user by another channel, such as mail or SMS, that messages wait for them: they have stayed unread for
    /// [`Config::fallback_after`](crate::Config::fallback_after). Only the device that sent them asks, while it is connected
    /// and has read its mailbox; once, and again when the user was seen in the conversation and messages stay unread after
    /// that. A read receipt, a message or a reaction shows that they were there; who reads with receipts turned off and
    /// does not answer is taken for not having read. When they are seen, blocked, or nothing waits any more, the request is
    /// taken back: it is not made again.
    ///
    /// Answer [`Notified`](crate::input::Answer::Notified) when the platform has taken it over, or when its user does not
    /// want such notices. It may come twice, so let the platform's server take it once, by device and request id. It holds
    /// no content, and what is sent for it should hold none: *you have 2 unread messages*.
    Fallback {
        /// Where they wait.
        conversation: ConversationId,
        /// Whom to reach.
        user: UserId,
        /// When the relay accepted the first of them.
        since: Time,
        /// How many they were when it was asked for; [`limits::FALLBACK_COUNTED`](crate::limits::FALLBACK_COUNTED) stands
        /// for that many or more.
        count: u32,
    },
}

/// Why the engine wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Wake {
    /// Nothing is due, ever.
    Never = 0,
    /// A transmit is tried again.
    Retry = 1,
    /// Gathered receipts go out.
    Receipts = 2,
    /// A wanted change of a session is due.
    Intent = 3,
    /// Key packages are renewed.
    KeyPackages = 4,
    /// What was kept long enough goes.
    Sweep = 5,
    /// A request is made again.
    Request = 6,
    /// A session that something came for has still no welcome.
    Missing = 7,
    /// The own certificate runs out.
    Certificate = 8,
    /// A message goes.
    Expire = 9,
    /// A call has rung long enough, or is noted as going on.
    Call = 10,
    /// Somebody is not shown as typing any more.
    Typing = 11,
    /// Messages have stayed unread long enough for another channel.
    Fallback = 12,
    /// What an older version did not understand is judged again.
    Upgrade = 13,
}

impl Wake {
    pub(crate) fn from_byte(byte: u8) -> Option<Wake> {
        Some(match byte {
            0 => Wake::Never,
            1 => Wake::Retry,
            2 => Wake::Receipts,
            3 => Wake::Intent,
            4 => Wake::KeyPackages,
            5 => Wake::Sweep,
            6 => Wake::Request,
            7 => Wake::Missing,
            8 => Wake::Certificate,
            9 => Wake::Expire,
            10 => Wake::Call,
            11 => Wake::Typing,
            12 => Wake::Fallback,
            13 => Wake::Upgrade,
            _ => return None,
        })
    }
}
