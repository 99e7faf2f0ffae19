//! Frames from a relay to a device.

use serde::{Deserialize, Serialize};
use undertone::id::UserId;
use undertone::time::Time;

use super::{DOWN_MAX, FrameError, encode, fields, split};
use crate::answer::{Delivery, DirectoryUser, RefusedReason, SlotHolder, TransmitResult};
use crate::logic::{LoginRefused, Page, UploadToken};

/// What a relay tells a device.
#[derive(Clone, PartialEq, Eq)]
pub enum Down {
    /// The first frame: sign this.
    Challenge {
        /// 32 random bytes, good for this connection.
        challenge: [u8; 32],
    },
    /// The device is logged in.
    LoggedIn {
        /// The relay's time.
        time: Time,
        /// The highest sequence of an envelope accepted from this device; 0 for none.
        highest_sequence: u64,
        /// Key packages of this device that the directory has left, without the last-resort one.
        key_packages: u32,
        /// Whether there are revocation lists to ask for.
        revocations: bool,
    },
    /// The device is not let in; the connection ends.
    LoginRefused(LoginRefused),
    /// What became of a transmit.
    Transmitted {
        /// The device's number of it.
        id: u64,
        /// Accepted, conflict, or refused.
        result: TransmitResult,
    },
    /// An envelope that has just come.
    Delivered(Delivery),
    /// A page of the mailbox.
    Fetched {
        /// The device's number of the request.
        request: u64,
        /// What was found.
        page: Page,
    },
    /// The devices of users.
    Directory {
        /// The device's number of the request.
        request: u64,
        /// One entry per user asked for.
        users: Vec<DirectoryUser>,
    },
    /// Key packages were published.
    Published {
        /// The device's number of the request.
        request: u64,
        /// How many there are now.
        key_packages: u32,
    },
    /// Which commit holds a slot.
    SlotHeld {
        /// The device's number of the request.
        request: u64,
        /// The commit, if there is one.
        holder: Option<SlotHolder>,
    },
    /// The revocation lists in force.
    Revocations {
        /// The device's number of the request.
        request: u64,
        /// One per authority.
        lists: Vec<Vec<u8>>,
    },
    /// A request was refused.
    RequestRefused {
        /// The device's number of the request.
        request: u64,
        /// Why.
        reason: RefusedReason,
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
    Closing(CloseReason),
    /// A token to upload encrypted files with, over HTTP.
    UploadToken {
        /// The device's number of the request.
        request: u64,
        /// The token, when it ends, and bytes of one file at most.
        token: UploadToken,
    },
}

/// Why a relay ends a connection. The number is part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CloseReason {
    /// A frame was malformed, too large, or came before the login.
    Malformed = 1,
    /// A frame is of a version that the relay does not speak.
    Version = 2,
    /// The same device logged in elsewhere.
    Replaced = 3,
    /// The device's certificate was revoked.
    Revoked = 4,
    /// The relay shuts down: come again.
    GoingAway = 5,
    /// Too many connections, logins or frames of this device, its user or its address: come again later.
    RateLimited = 6,
}

impl CloseReason {
    /// A stable name, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            CloseReason::Malformed => "malformed",
            CloseReason::Version => "version",
            CloseReason::Replaced => "replaced",
            CloseReason::Revoked => "revoked",
            CloseReason::GoingAway => "going_away",
            CloseReason::RateLimited => "rate_limited",
        }
    }

    fn from_number(number: u8) -> Option<CloseReason> {
        [
            CloseReason::Malformed,
            CloseReason::Version,
            CloseReason::Replaced,
            CloseReason::Revoked,
            CloseReason::GoingAway,
            CloseReason::RateLimited,
        ]
        .into_iter()
        .find(|reason| *reason as u8 == number)
    }
}

#[derive(Serialize, Deserialize)]
struct BytesFields(#[serde(with = "serde_bytes")] Vec<u8>);

#[derive(Serialize, Deserialize)]
struct ConflictFields(u64, Time, #[serde(with = "serde_bytes")] Vec<u8>);

#[derive(Serialize, Deserialize)]
struct ListsFields(u64, #[serde(with = "super::list")] Vec<Vec<u8>>);

impl Down {
    /// Its bytes.
    ///
    /// # Errors
    /// [`FrameError::Malformed`] when it does not encode, which does not happen.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        match self {
            Down::Challenge { challenge } => encode(64, &BytesFields(challenge.to_vec())),
            Down::LoggedIn { time, highest_sequence, key_packages, revocations } => {
                encode(65, &(time, highest_sequence, key_packages, revocations))
            }
            Down::LoginRefused(reason) => encode(66, &(*reason as u8,)),
            Down::Transmitted { id, result } => match result {
                TransmitResult::Accepted { at } => encode(67, &(id, at)),
                TransmitResult::Conflict { winner, at } => encode(68, &ConflictFields(*id, *at, winner.clone())),
                TransmitResult::Refused(reason) => encode(69, &(id, reason)),
            },
            Down::Delivered(delivery) => encode(70, &(delivery,)),
            Down::Fetched { request, page } => encode(71, &(request, &page.deliveries, page.next, page.more)),
            Down::Directory { request, users } => encode(72, &(request, users)),
            Down::Published { request, key_packages } => encode(73, &(request, key_packages)),
            Down::SlotHeld { request, holder } => encode(74, &(request, holder)),
            Down::Revocations { request, lists } => encode(75, &ListsFields(*request, lists.clone())),
            Down::RequestRefused { request, reason } => encode(76, &(request, reason)),
            Down::MailWaiting => encode::<[u8; 0]>(77, &[]),
            Down::DirectoryChanged { user } => encode(78, &(user,)),
            Down::RevocationsChanged => encode::<[u8; 0]>(79, &[]),
            Down::Closing(reason) => encode(80, &(*reason as u8,)),
            Down::UploadToken { request, token: UploadToken { token, until, most } } => {
                encode(81, &(request, token, until, most))
            }
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`]; a device skips [`FrameError::Kind`].
    pub fn decode(bytes: &[u8]) -> Result<Down, FrameError> {
        let (kind, bytes) = split(bytes, DOWN_MAX)?;
        match kind {
            64..=66 => login(kind, bytes),
            67..=69 => {
                let (id, result) = result(kind, bytes)?;
                Ok(Down::Transmitted { id, result })
            }
            71..=76 | 81 => answer(kind, bytes),
            _ => notice(kind, bytes),
        }
    }
}

fn login(kind: u8, bytes: &[u8]) -> Result<Down, FrameError> {
    match kind {
        64 => {
            let BytesFields(challenge) = fields(bytes)?;
            let challenge = challenge.try_into().map_err(|_| FrameError::Malformed)?;
            Ok(Down::Challenge { challenge })
        }
        65 => {
            let (time, highest_sequence, key_packages, revocations) = fields(bytes)?;
            Ok(Down::LoggedIn { time, highest_sequence, key_packages, revocations })
        }
        66 => {
            let (number,) = fields(bytes)?;
            LoginRefused::from_number(number).map(Down::LoginRefused).ok_or(FrameError::Malformed)
        }
        _ => Err(FrameError::Kind),
    }
}

fn result(kind: u8, bytes: &[u8]) -> Result<(u64, TransmitResult), FrameError> {
    match kind {
        67 => {
            let (id, at) = fields(bytes)?;
            Ok((id, TransmitResult::Accepted { at }))
        }
        68 => {
            let ConflictFields(id, at, winner) = fields(bytes)?;
            Ok((id, TransmitResult::Conflict { winner, at }))
        }
        69 => {
            let (id, reason) = fields(bytes)?;
            Ok((id, TransmitResult::Refused(reason)))
        }
        _ => Err(FrameError::Kind),
    }
}

fn answer(kind: u8, bytes: &[u8]) -> Result<Down, FrameError> {
    match kind {
        71 => {
            let (request, deliveries, next, more) = fields(bytes)?;
            Ok(Down::Fetched { request, page: Page { deliveries, next, more } })
        }
        72 => {
            let (request, users) = fields(bytes)?;
            Ok(Down::Directory { request, users })
        }
        73 => {
            let (request, key_packages) = fields(bytes)?;
            Ok(Down::Published { request, key_packages })
        }
        74 => {
            let (request, holder) = fields(bytes)?;
            Ok(Down::SlotHeld { request, holder })
        }
        75 => {
            let ListsFields(request, lists) = fields(bytes)?;
            Ok(Down::Revocations { request, lists })
        }
        76 => {
            let (request, reason) = fields(bytes)?;
            Ok(Down::RequestRefused { request, reason })
        }
        81 => {
            let (request, token, until, most) = fields(bytes)?;
            Ok(Down::UploadToken { request, token: UploadToken { token, until, most } })
        }
        _ => Err(FrameError::Kind),
    }
}

fn notice(kind: u8, bytes: &[u8]) -> Result<Down, FrameError> {
    match kind {
        70 => {
            let (delivery,) = fields(bytes)?;
            Ok(Down::Delivered(delivery))
        }
        77 => fields::<[u8; 0]>(bytes).map(|_| Down::MailWaiting),
        78 => {
            let (user,) = fields(bytes)?;
            Ok(Down::DirectoryChanged { user })
        }
        79 => fields::<[u8; 0]>(bytes).map(|_| Down::RevocationsChanged),
        80 => {
            let (number,) = fields(bytes)?;
            CloseReason::from_number(number).map(Down::Closing).ok_or(FrameError::Malformed)
        }
        _ => Err(FrameError::Kind),
    }
}

impl std::fmt::Debug for Down {
    /// Only the kind: users and envelopes are not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Down::Challenge { .. } => "Challenge",
            Down::LoggedIn { .. } => "LoggedIn",
            Down::LoginRefused(_) => "LoginRefused",
            Down::Transmitted { .. } => "Transmitted",
            Down::Delivered(_) => "Delivered",
            Down::Fetched { .. } => "Fetched",
            Down::Directory { .. } => "Directory",
            Down::Published { .. } => "Published",
            Down::SlotHeld { .. } => "SlotHeld",
            Down::Revocations { .. } => "Revocations",
            Down::RequestRefused { .. } => "RequestRefused",
            Down::MailWaiting => "MailWaiting",
            Down::DirectoryChanged { .. } => "DirectoryChanged",
            Down::RevocationsChanged => "RevocationsChanged",
            Down::Closing(_) => "Closing",
            Down::UploadToken { .. } => "UploadToken",
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::answer::{DeliveryId, DirectoryDevice};
    use undertone::id::Hash32;

    fn frames() -> Vec<Down> {
        let at = Time::from_ms(1_800_000_000_000);
        let user = UserId::new("ann").unwrap();
        let delivery = |frank| Delivery { id: DeliveryId(3), accepted_at: at, frank, envelope: vec![7; 99] };
        let device = |key_package| DirectoryDevice { certificate: vec![1; 9], key_package };
        let devices = vec![device(None), device(Some(vec![2; 9]))];
        let page = Page { deliveries: vec![delivery(None)], next: DeliveryId(3), more: true };
        vec![
            Down::Challenge { challenge: [8; 32] },
            Down::LoggedIn { time: at, highest_sequence: 9, key_packages: 50, revocations: true },
            Down::LoginRefused(LoginRefused::Signature),
            Down::Transmitted { id: 1, result: TransmitResult::Accepted { at } },
            Down::Transmitted { id: 2, result: TransmitResult::Conflict { winner: vec![4; 300], at } },
            Down::Transmitted { id: 3, result: TransmitResult::Refused(RefusedReason::Stale) },
            Down::Delivered(delivery(Some(Hash32::of(b"mark")))),
            Down::Fetched { request: 4, page },
            Down::Directory { request: 5, users: vec![DirectoryUser { user: user.clone(), devices }] },
            Down::Published { request: 6, key_packages: 50 },
            Down::SlotHeld { request: 7, holder: None },
            Down::SlotHeld { request: 8, holder: Some(SlotHolder { winner: vec![5; 9], at }) },
            Down::Revocations { request: 9, lists: vec![vec![6; 9]] },
            Down::RequestRefused { request: 10, reason: RefusedReason::RateLimited },
            Down::MailWaiting,
            Down::DirectoryChanged { user },
            Down::RevocationsChanged,
            Down::Closing(CloseReason::GoingAway),
            Down::UploadToken { request: 11, token: UploadToken { token: "t".repeat(96), until: at, most: 9 } },
        ]
    }

    pub(in crate::frame) fn samples() -> Vec<Vec<u8>> {
        frames().iter().map(|frame| frame.encode().unwrap()).collect()
    }

    #[test]
    fn frames_come_back() {
        for frame in frames() {
            assert_eq!(Down::decode(&frame.encode().unwrap()), Ok(frame));
        }
    }

    #[test]
    fn unknown_numbers_are_refused() {
        for bytes in [[1, 66, 0x91, 99], [1, 80, 0x91, 99]] {
            assert_eq!(Down::decode(&bytes), Err(FrameError::Malformed));
        }
    }
}
