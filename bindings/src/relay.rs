//! The frames that a device and the reference relay exchange: for transports in a host's language, which move them over a
//! WebSocket. `docs/relay-protocol.md` has every field.

use undertone::id::{SlotName, UserId};
use undertone::input as core;
use undertone::input::DeliveryId;
use undertone::policy::Role;
use undertone_relay::answer;
use undertone_relay::demo::Wish;
use undertone_relay::frame::{CloseReason, Down, FrameError, Up};
use undertone_relay::logic::LoginRefused;

use crate::error::{Result, UndertoneError, misuse};
use crate::input::{Delivery, DirectoryDevice, DirectoryUser, Login, Refusal, TransmitResult};
use crate::mirror::Mirror;

/// What a device asks of its relay. `request` and `id` are numbers that the transport chooses, and the answer repeats.
#[derive(Clone, uniffi::Enum)]
pub enum FrameUp {
    /// Answers the challenge: nothing else is heard before.
    Login {
        /// The device's certificate.
        certificate: Vec<u8>,
        /// What `Identity.answer_challenge` made of the challenge.
        signature: Vec<u8>,
    },
    /// Sends envelopes, kept together or not at all.
    Transmit {
        /// Comes back in the answer.
        id: u64,
        /// The envelopes.
        envelopes: Vec<Vec<u8>>,
    },
    /// Drops deliveries that are durable on the device, at most 1,024. There is no answer.
    Acknowledge {
        /// Which.
        deliveries: Vec<DeliveryId>,
    },
    /// Asks for a page of the mailbox.
    Fetch {
        /// Comes back in the answer.
        request: u64,
        /// Only what is behind this one.
        since: DeliveryId,
        /// How many at most.
        limit: u32,
    },
    /// Asks for the devices of users, at most 64.
    LookUp {
        /// Comes back in the answer.
        request: u64,
        /// Whom.
        users: Vec<UserId>,
        /// Whether to claim a key package of each device.
        key_packages: bool,
    },
    /// Publishes key packages.
    Publish {
        /// Comes back in the answer.
        request: u64,
        /// Each is handed out once.
        packages: Vec<Vec<u8>>,
        /// Handed out when there is no other.
        last_resort: Option<Vec<u8>>,
        /// Whether all others are withdrawn.
        replace: bool,
    },
    /// Asks which commit holds a slot.
    Slot {
        /// Comes back in the answer.
        request: u64,
        /// Its name, 32 bytes.
        name: Vec<u8>,
    },
    /// Asks for the revocation lists in force.
    Revocations {
        /// Comes back in the answer.
        request: u64,
    },
}

/// What a relay tells a device.
#[derive(Clone, uniffi::Enum)]
pub enum FrameDown {
    /// The first frame: sign this.
    Challenge {
        /// 32 random bytes, good for this connection.
        challenge: Vec<u8>,
    },
    /// The device is logged in.
    LoggedIn {
        /// What the engine is told of it.
        login: Login,
        /// Whether there are revocation lists to ask for.
        revocations: bool,
    },
    /// The device is not let in; the connection ends, and trying again does not help.
    LoginRefused {
        /// Why, as a stable name.
        code: String,
    },
    /// What became of a transmit.
    Transmitted {
        /// Of which.
        id: u64,
        /// What.
        result: TransmitResult,
    },
    /// An envelope that has just come.
    Delivered {
        /// The envelope.
        delivery: Delivery,
    },
    /// A page of the mailbox.
    Fetched {
        /// Of which request.
        request: u64,
        /// What was found.
        deliveries: Vec<Delivery>,
        /// Where it goes on; `None` at the mailbox's end.
        next: Option<DeliveryId>,
    },
    /// The devices of users.
    Directory {
        /// Of which request.
        request: u64,
        /// One entry per user asked for.
        users: Vec<DirectoryUser>,
    },
    /// Key packages were published.
    Published {
        /// By which request.
        request: u64,
    },
    /// Which commit holds a slot.
    SlotHeld {
        /// Of which request.
        request: u64,
        /// The commit, if there is one.
        holder: Option<Vec<u8>>,
    },
    /// The revocation lists in force.
    Revocations {
        /// Of which request.
        request: u64,
        /// One per authority.
        lists: Vec<Vec<u8>>,
    },
    /// A request was refused.
    RequestRefused {
        /// Which.
        request: u64,
    },
    /// There is more in the mailbox than comes by itself: fetch.
    MailWaiting,
    /// A user has another device: look it up.
    DirectoryChanged {
        /// Who.
        user: UserId,
    },
    /// There is a newer revocation list: ask for it.
    RevocationsChanged,
    /// The connection ends.
    Closing {
        /// Why, as a stable name.
        code: String,
        /// Whether to connect again.
        again: bool,
    },
    /// Of a kind that this version does not know: skip it.
    Unknown,
}

/// A frame to send, as one binary WebSocket message.
#[uniffi::export]
pub fn encode_frame(frame: FrameUp) -> Result<Vec<u8>> {
    let number = |id: DeliveryId| answer::DeliveryId(id.0);
    let frame = match frame {
        FrameUp::Login { certificate, signature } => Up::Login { certificate, signature },
        FrameUp::Transmit { id, envelopes } => Up::Transmit { id, bundle: envelopes },
        FrameUp::Acknowledge { deliveries } => Up::Acknowledge { ids: deliveries.into_iter().map(number).collect() },
        FrameUp::Fetch { request, since, limit } => Up::Fetch { request, since: number(since), limit },
        FrameUp::LookUp { request, users, key_packages } => Up::LookUp { request, users, key_packages },
        FrameUp::Publish { request, packages, last_resort, replace } => {
            Up::Publish { request, packages, last_resort, replace }
        }
        FrameUp::Slot { request, name } => {
            let name = SlotName::from_slice(&name).ok_or_else(|| misuse("slot", "a slot's name has 32 bytes"))?;
            Up::Slot { request, name }
        }
        FrameUp::Revocations { request } => Up::Revocations { request },
    };
    Ok(frame.encode()?)
}

/// A frame that came, from one binary WebSocket message.
#[uniffi::export]
pub fn decode_frame(frame: Vec<u8>) -> Result<FrameDown> {
    let frame = match Down::decode(&frame) {
        Err(FrameError::Kind) => return Ok(FrameDown::Unknown),
        frame => frame?,
    };
    Ok(match frame {
        Down::Challenge { challenge } => FrameDown::Challenge { challenge: challenge.to_vec() },
        Down::LoggedIn { time, highest_sequence, key_packages, revocations } => {
            let (sequence, packages) = (Some(highest_sequence), Some(key_packages));
            let login = Login { accepted_sequence: sequence, key_packages: packages, time: Some(time) };
            FrameDown::LoggedIn { login, revocations }
        }
        Down::LoginRefused(reason) => FrameDown::LoginRefused { code: login_refused(reason).to_owned() },
        Down::Transmitted { id, result } => FrameDown::Transmitted { id, result: transmit_result(result.into()) },
        Down::Delivered(delivery) => FrameDown::Delivered { delivery: show(delivery) },
        Down::Fetched { request, page } => {
            let next = page.more.then_some(DeliveryId(page.next.0));
            FrameDown::Fetched { request, deliveries: page.deliveries.into_iter().map(show).collect(), next }
        }
        Down::Directory { request, users } => {
            FrameDown::Directory { request, users: users.into_iter().map(directory_user).collect() }
        }
        Down::Published { request, key_packages: _ } => FrameDown::Published { request },
        Down::SlotHeld { request, holder } => {
            FrameDown::SlotHeld { request, holder: holder.map(|holder| holder.winner) }
        }
        Down::Revocations { request, lists } => FrameDown::Revocations { request, lists },
        Down::RequestRefused { request, reason: _ } => FrameDown::RequestRefused { request },
        Down::MailWaiting => FrameDown::MailWaiting,
        // Nobody here asks for one: files go to the platform's own storage.
        Down::UploadToken { .. } => FrameDown::Unknown,
        Down::DirectoryChanged { user } => FrameDown::DirectoryChanged { user },
        Down::RevocationsChanged => FrameDown::RevocationsChanged,
        Down::Closing(reason) => {
            let (code, again) = closing(reason);
            FrameDown::Closing { code: code.to_owned(), again }
        }
    })
}

/// What is sent to the WebSocket `/demo/enrol` of a relay that was started with `--demo`, after its first message, which is the
/// public key of its authority. Its answer is a certificate, or nothing. For trying things out only.
#[uniffi::export]
pub fn demo_wish(role: Role, enrolment_request: Vec<u8>) -> Result<Vec<u8>> {
    Wish { role, request: enrolment_request }.encode().ok_or_else(|| FrameError::Malformed.into())
}

impl From<FrameError> for UndertoneError {
    fn from(error: FrameError) -> UndertoneError {
        UndertoneError::Peer { code: "peer.frame".to_owned(), text: error.to_string() }
    }
}

fn login_refused(reason: LoginRefused) -> &'static str {
    match reason {
        LoginRefused::Certificate => "login.certificate",
        LoginRefused::Expired => "login.expired",
        LoginRefused::Revoked => "login.revoked",
        LoginRefused::Signature => "login.signature",
    }
}

/// A reason's name, and whether it helps to connect again: who is logged in elsewhere would be thrown out in turn.
fn closing(reason: CloseReason) -> (&'static str, bool) {
    match reason {
        CloseReason::Malformed => ("closing.malformed", true),
        CloseReason::Version => ("closing.version", false),
        CloseReason::Replaced => ("closing.replaced", false),
        CloseReason::Revoked => ("closing.revoked", false),
        CloseReason::GoingAway => ("closing.going_away", true),
        CloseReason::RateLimited => ("closing.rate_limited", true),
    }
}

fn transmit_result(from: core::TransmitResult) -> TransmitResult {
    match from {
        core::TransmitResult::Accepted { at } => TransmitResult::Accepted { at },
        core::TransmitResult::Conflict { winner, at } => TransmitResult::Conflict { winner, at },
        core::TransmitResult::Refused(refusal) => TransmitResult::Refused { refusal: Refusal::of(refusal) },
        core::TransmitResult::Failed => TransmitResult::Failed,
    }
}

fn show(from: answer::Delivery) -> Delivery {
    let core::Delivery { id, accepted_at, frank, envelope } = from.into();
    Delivery { id, accepted_at, frank: frank.map(|tag| tag.as_bytes().to_vec()), envelope }
}

fn directory_user(from: answer::DirectoryUser) -> DirectoryUser {
    let device = |answer::DirectoryDevice { certificate, key_package }| DirectoryDevice { certificate, key_package };
    DirectoryUser { user: from.user, devices: from.devices.into_iter().map(device).collect() }
}
