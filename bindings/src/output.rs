//! What a host must do next.

use serde_bytes::ByteBuf;
use undertone::id::{ConversationId, UserId};
use undertone::input::{DeliveryId, RequestId, TransmitId};
use undertone::output::{Output as CoreOutput, Request as CoreRequest, Transmit, Wake as CoreWake};
use undertone::time::Time;

use crate::event::Event;
use crate::mirror::{Mirror, mirror};

/// What a host must do next.
#[derive(uniffi::Enum)]
pub enum Output {
    /// Send this, and answer with `transmit_done`.
    Transmit {
        /// What to answer to; 0 for what is of use only at once: without a connection it is dropped, and an answer to it
        /// means nothing.
        id: TransmitId,
        /// Encoded envelopes, which are stored together or not at all; the commit first.
        envelopes: Vec<Vec<u8>>,
    },
    /// Tell the relay that this delivery is durable here. Never acknowledge on anything else.
    Acknowledge {
        /// Which.
        delivery: DeliveryId,
    },
    /// Ask for this, and answer with `request_done`.
    Request {
        /// What to answer to.
        id: RequestId,
        /// What to ask for.
        request: Request,
    },
    /// Show this.
    Event {
        /// What happened.
        event: Event,
    },
}

/// What one call of `drain` gives.
#[derive(uniffi::Record)]
pub struct Drained {
    /// What to do, in this order.
    pub outputs: Vec<Output>,
    /// Whether there is more: drain again.
    pub more: bool,
    /// When to call `handle_timeout`, unless something is drained before; `None` for never.
    pub wake_at: Option<Time>,
    /// Why.
    pub wake: Wake,
}

/// Something that only the host can find out or do, mostly over its transport. It is made once more after a failure, a
/// crash or a new connection, with the same id, until `request_done` has answered it.
#[derive(uniffi::Enum)]
pub enum Request {
    /// Give `receive` what this device has not acknowledged, behind this position of the mailbox.
    Fetch {
        /// 0 from the start, else where the page before ended.
        since: DeliveryId,
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
        packages: Vec<Vec<u8>>,
        /// The one to give when the others are used up.
        last_resort: Option<Vec<u8>>,
        /// Whether those published before are to go.
        replace: bool,
    },
    /// Say which commit holds a slot.
    Slot {
        /// Its name, 32 bytes.
        name: Vec<u8>,
    },
    /// Tell a user by another channel, such as mail or SMS, that messages wait for them. It holds no content, and what is
    /// sent for it should hold none. It may come twice, so let the platform's server take it once, by device and request id.
    Fallback {
        /// Where they wait.
        conversation: ConversationId,
        /// Whom to reach.
        user: UserId,
        /// When the relay accepted the first of them.
        since: Time,
        /// How many they were when it was asked for.
        count: u32,
    },
}

mirror!(
    /// Why the engine wants to be called.
    pub enum Wake of CoreWake {
        /// Nothing is due, ever.
        Never,
        /// A transmit is tried again.
        Retry,
        /// Gathered receipts go out.
        Receipts,
        /// A wanted change of a session is due.
        Intent,
        /// Key packages are renewed.
        KeyPackages,
        /// What was kept long enough goes.
        Sweep,
        /// A request is made again.
        Request,
        /// A session that something came for has still no welcome.
        Missing,
        /// The own certificate runs out.
        Certificate,
        /// A message goes.
        Expire,
        /// A call has rung long enough, or is noted as going on.
        Call,
        /// Somebody is not shown as typing any more.
        Typing,
        /// Messages have stayed unread long enough for another channel.
        Fallback,
        /// What an older version did not understand is judged again.
        Upgrade,
    }
);

impl Drained {
    /// At most `limit` outputs of an engine.
    pub(crate) fn from_engine(engine: &mut undertone::Engine, limit: usize) -> undertone::Result<Drained> {
        let mut outputs = Vec::new();
        while outputs.len() < limit {
            let output = match engine.poll_output()? {
                CoreOutput::Timeout { at, reason } => {
                    let wake_at = (at != Time::NEVER).then_some(at);
                    return Ok(Drained { outputs, more: false, wake_at, wake: Wake::of(reason) });
                }
                CoreOutput::Transmit(Transmit { id, envelopes }) => Output::Transmit { id, envelopes },
                CoreOutput::Acknowledge(delivery) => Output::Acknowledge { delivery },
                CoreOutput::Request(id, request) => Output::Request { id, request: Request::of(request) },
                CoreOutput::Event(event) => Output::Event { event: Event::of(event) },
            };
            outputs.push(output);
        }
        Ok(Drained { outputs, more: true, wake_at: None, wake: Wake::Never })
    }
}

impl Mirror<CoreRequest> for Request {
    fn of(from: CoreRequest) -> Request {
        match from {
            CoreRequest::Fetch { since } => Request::Fetch { since: DeliveryId(since) },
            CoreRequest::LookUp { users, key_packages } => Request::LookUp { users, key_packages },
            CoreRequest::Publish { packages, last_resort, replace } => Request::Publish {
                packages: packages.into_iter().map(ByteBuf::into_vec).collect(),
                last_resort: last_resort.map(ByteBuf::into_vec),
                replace,
            },
            CoreRequest::Slot { name } => Request::Slot { name: name.as_bytes().to_vec() },
            CoreRequest::Fallback { conversation, user, since, count } => {
                Request::Fallback { conversation, user, since, count }
            }
        }
    }
}
