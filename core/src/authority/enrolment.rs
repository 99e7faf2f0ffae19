//! What a device asks of the authority.

use serde::{Deserialize, Serialize};

use super::keys::is_vouched;
use super::signed::{self, Signed};
use super::{DeviceKey, IdentityKey};
use crate::error::{Error, PeerFault};
use crate::id::UserId;
use crate::limits;

const VERSION: u8 = 1;

/// A device's request to be certified: its public keys, the identity key's signature over user and device key, and
/// the device key's over all of it.
///
/// It proves that the sender holds both keys. It does **not** prove who the user is: that the server must know by its
/// own login before it calls [`Authority::issue`](super::Authority::issue), and compare with
/// [`EnrolmentRequest::user`]; the server also decides whether another identity key than before is acceptable.
/// A request is no secret, and an old one repeated gains nothing without the device key.
#[derive(Clone)]
pub struct EnrolmentRequest {
    bytes: Vec<u8>,
    body: Body,
    signed: Signed,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) user: UserId,
    #[serde(with = "serde_bytes")]
    pub(super) identity_key: [u8; 32],
    #[serde(with = "serde_bytes")]
    pub(super) device_key: [u8; 32],
    #[serde(with = "serde_bytes")]
    pub(super) identity_signature: [u8; 64],
}

crate::redact::redacted_debug!(EnrolmentRequest);

impl PartialEq for EnrolmentRequest {
    fn eq(&self, other: &EnrolmentRequest) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for EnrolmentRequest {}

impl EnrolmentRequest {
    /// A request to be certified as a device of `user`.
    ///
    /// # Errors
    /// [`Error::Bug`] when it does not encode.
    pub fn new(user: &UserId, identity: &IdentityKey, device: &DeviceKey) -> Result<EnrolmentRequest, Error> {
        let device_key = device.public();
        let identity_signature = identity.vouch(user, &device_key);
        let body = Body { user: user.clone(), identity_key: identity.public(), device_key, identity_signature };
        let bytes = Signed::seal(VERSION, signed::ENROLMENT, &body, device.signing_key())?;
        Ok(EnrolmentRequest::decode(&bytes)?)
    }

    /// Reads a request: its structure, not its signatures.
    ///
    /// # Errors
    /// [`PeerFault::TooLarge`], [`PeerFault::NewerVersion`] or [`PeerFault::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<EnrolmentRequest, PeerFault> {
        let (body, signed) = Signed::open(VERSION, bytes, limits::ENROLMENT, "enrolment request")?;
        Ok(EnrolmentRequest { bytes: bytes.to_vec(), body, signed })
    }

    /// Its bytes, at most [`limits::ENROLMENT`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whose device it wants to be.
    pub fn user(&self) -> &UserId {
        &self.body.user
    }

    /// The user's Ed25519 public identity key.
    pub fn identity_key(&self) -> &[u8; 32] {
        &self.body.identity_key
    }

    /// The device's Ed25519 public key.
    pub fn device_key(&self) -> &[u8; 32] {
        &self.body.device_key
    }

    /// Checks both signatures.
    ///
    /// # Errors
    /// [`PeerFault::Forged`] when the sender does not hold both keys.
    pub fn verify(&self) -> Result<(), PeerFault> {
        let body = &self.body;
        let held = self.signed.is_by(&body.device_key, signed::ENROLMENT);
        if held && is_vouched(&body.identity_key, &body.user, &body.device_key, &body.identity_signature) {
            Ok(())
        } else {
            Err(PeerFault::Forged)
        }
    }

    pub(super) fn body(&self) -> &Body {
        &self.body
    }
}
