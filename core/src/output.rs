//! What comes out of the engine.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::{SlotName, UserId};
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

/// Something that only the transport can find out.
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
            _ => return None,
        })
    }
}
