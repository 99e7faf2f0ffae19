//! Frames from a device to its relay.

use serde::{Deserialize, Serialize};
use undertone::id::{SlotName, UserId};

use super::{ACKNOWLEDGED, FrameError, LOGIN_MAX, UP_MAX, encode, fields, split};
use crate::answer::DeliveryId;

/// What a device asks of its relay. `request` and `id` are the device's own numbers, which the answer repeats.
#[derive(Clone, PartialEq, Eq)]
pub enum Up {
    /// Answers the challenge: nothing else is heard before.
    Login {
        /// The device's certificate.
        certificate: Vec<u8>,
        /// Its signature over [`login_message`](crate::logic::login_message) of the challenge.
        signature: Vec<u8>,
    },
    /// Sends envelopes, kept together or not at all.
    Transmit {
        /// Comes back in the answer.
        id: u64,
        /// The envelopes.
        bundle: Vec<Vec<u8>>,
    },
    /// Drops deliveries that are durable on the device. There is no answer.
    Acknowledge {
        /// Which: at most [`ACKNOWLEDGED`].
        ids: Vec<DeliveryId>,
    },
    /// Asks for a page of the mailbox.
    Fetch {
        /// Comes back in the answer.
        request: u64,
        /// Only what is behind this one.
        since: DeliveryId,
        /// How many at most; the relay may give fewer.
        limit: u32,
    },
    /// Asks for the devices of users.
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
        /// Which slot.
        name: SlotName,
    },
    /// Asks for the revocation lists in force.
    Revocations {
        /// Comes back in the answer.
        request: u64,
    },
    /// Asks for a token to upload encrypted files with, over HTTP.
    UploadToken {
        /// Comes back in the answer.
        request: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct LoginFields(#[serde(with = "serde_bytes")] Vec<u8>, #[serde(with = "serde_bytes")] Vec<u8>);

#[derive(Serialize, Deserialize)]
struct TransmitFields(u64, #[serde(with = "super::list")] Vec<Vec<u8>>);

#[derive(Serialize, Deserialize)]
struct PublishFields(
    u64,
    #[serde(with = "super::list")] Vec<Vec<u8>>,
    #[serde(with = "serde_bytes")] Option<Vec<u8>>,
    bool,
);

impl Up {
    /// Its bytes.
    ///
    /// # Errors
    /// [`FrameError::Malformed`] when it does not encode, which does not happen.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        match self {
            Up::Login { certificate, signature } => encode(1, &LoginFields(certificate.clone(), signature.clone())),
            Up::Transmit { id, bundle } => encode(2, &TransmitFields(*id, bundle.clone())),
            Up::Acknowledge { ids } => encode(3, &(ids,)),
            Up::Fetch { request, since, limit } => encode(4, &(request, since, limit)),
            Up::LookUp { request, users, key_packages } => encode(5, &(request, users, key_packages)),
            Up::Publish { request, packages, last_resort, replace } => {
                encode(6, &PublishFields(*request, packages.clone(), last_resort.clone(), *replace))
            }
            Up::Slot { request, name } => encode(7, &(request, name)),
            Up::Revocations { request } => encode(8, &(request,)),
            Up::UploadToken { request } => encode(9, &(request,)),
        }
    }

    /// Reads a login, and of any other frame no more than that it is none: who has not proved who it is costs little.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn decode_login(bytes: &[u8]) -> Result<Up, FrameError> {
        match split(bytes, LOGIN_MAX)? {
            (1, bytes) => login(bytes),
            _ => Err(FrameError::Malformed),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn decode(bytes: &[u8]) -> Result<Up, FrameError> {
        let (kind, bytes) = split(bytes, UP_MAX)?;
        Ok(match kind {
            1 => login(bytes)?,
            2 => {
                let TransmitFields(id, bundle) = fields(bytes)?;
                Up::Transmit { id, bundle }
            }
            3 => {
                let (ids,): (Vec<DeliveryId>,) = fields(bytes)?;
                if ids.len() > ACKNOWLEDGED {
                    return Err(FrameError::Malformed);
                }
                Up::Acknowledge { ids }
            }
            4 => {
                let (request, since, limit) = fields(bytes)?;
                Up::Fetch { request, since, limit }
            }
            5 => {
                let (request, users, key_packages) = fields(bytes)?;
                Up::LookUp { request, users, key_packages }
            }
            6 => {
                let PublishFields(request, packages, last_resort, replace) = fields(bytes)?;
                Up::Publish { request, packages, last_resort, replace }
            }
            7 => {
                let (request, name) = fields(bytes)?;
                Up::Slot { request, name }
            }
            8 => {
                let (request,) = fields(bytes)?;
                Up::Revocations { request }
            }
            9 => {
                let (request,) = fields(bytes)?;
                Up::UploadToken { request }
            }
            _ => return Err(FrameError::Kind),
        })
    }
}

fn login(bytes: &[u8]) -> Result<Up, FrameError> {
    let LoginFields(certificate, signature) = fields(bytes)?;
    Ok(Up::Login { certificate, signature })
}

impl std::fmt::Debug for Up {
    /// Only the kind: users and envelopes are not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Up::Login { .. } => "Login",
            Up::Transmit { .. } => "Transmit",
            Up::Acknowledge { .. } => "Acknowledge",
            Up::Fetch { .. } => "Fetch",
            Up::LookUp { .. } => "LookUp",
            Up::Publish { .. } => "Publish",
            Up::Slot { .. } => "Slot",
            Up::Revocations { .. } => "Revocations",
            Up::UploadToken { .. } => "UploadToken",
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn frames() -> Vec<Up> {
        vec![
            Up::Login { certificate: vec![1; 40], signature: vec![2; 64] },
            Up::Transmit { id: 7, bundle: vec![vec![3; 300], vec![]] },
            Up::Acknowledge { ids: vec![DeliveryId(1), DeliveryId(u64::MAX)] },
            Up::Fetch { request: 1, since: DeliveryId(9), limit: 100 },
            Up::LookUp { request: 2, users: vec![UserId::new("ann").unwrap()], key_packages: true },
            Up::Publish { request: 3, packages: vec![vec![4; 9]], last_resort: None, replace: false },
            Up::Publish { request: 3, packages: vec![], last_resort: Some(vec![5]), replace: true },
            Up::Slot { request: 4, name: SlotName::from_bytes([6; 32]) },
            Up::Revocations { request: 5 },
            Up::UploadToken { request: 6 },
        ]
    }

    pub(in crate::frame) fn samples() -> Vec<Vec<u8>> {
        frames().iter().map(|frame| frame.encode().unwrap()).collect()
    }

    #[test]
    fn frames_come_back() {
        for frame in frames() {
            assert_eq!(Up::decode(&frame.encode().unwrap()), Ok(frame));
        }
    }

    #[test]
    fn of_who_has_not_logged_in_nothing_but_a_login_is_read() {
        for frame in frames() {
            let read = Up::decode_login(&frame.encode().unwrap());
            let expected = if matches!(frame, Up::Login { .. }) { Ok(frame) } else { Err(FrameError::Malformed) };
            assert_eq!(read, expected);
        }
        let large = Up::Login { certificate: vec![1; LOGIN_MAX], signature: vec![2; 64] };
        assert_eq!(Up::decode_login(&large.encode().unwrap()), Err(FrameError::TooLarge));
    }

    #[test]
    fn what_follows_a_frame_is_refused() {
        for mut bytes in samples() {
            bytes.push(0);
            assert_eq!(Up::decode(&bytes), Err(FrameError::Malformed));
        }
    }

    #[test]
    fn too_many_acknowledgements_are_refused() {
        let frame = Up::Acknowledge { ids: vec![DeliveryId(1); ACKNOWLEDGED + 1] };
        assert_eq!(Up::decode(&frame.encode().unwrap()), Err(FrameError::Malformed));
    }
}
