//! The role certificate of a device.

use serde::{Deserialize, Serialize};

use super::keys::is_vouched;
use super::signed::{self, Signed};
use crate::error::{Error, PeerFault};
use crate::id::{DeviceId, UserId};
use crate::limits;
use crate::policy::Role;
use crate::time::Time;

const VERSION: u8 = 1;

/// A role certificate: the authority's word that a device is one of a user, and which role the user has.
///
/// Bytes from outside become a `Certificate` by [`Certificate::decode`], which checks the structure only; believe it
/// after [`Certificate::verify`], and act on it now if [`Certificate::valid_at`] agrees and it is not revoked. The
/// bytes are kept as received, at most [`limits::CERTIFICATE`].
#[derive(Clone)]
pub struct Certificate {
    bytes: Vec<u8>,
    body: Body,
    signed: Signed,
    device: DeviceId,
}

/// What the authority signs.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Body {
    #[serde(with = "serde_bytes")]
    pub(super) authority: [u8; 32],
    pub(super) user: UserId,
    #[serde(with = "serde_bytes")]
    pub(super) identity_key: [u8; 32],
    pub(super) role: Role,
    #[serde(with = "serde_bytes")]
    pub(super) device_key: [u8; 32],
    pub(super) serial: u64,
    pub(super) not_before: Time,
    pub(super) not_after: Time,
    #[serde(with = "serde_bytes")]
    pub(super) identity_signature: [u8; 64],
}

crate::redact::redacted_debug!(Certificate);

impl PartialEq for Certificate {
    fn eq(&self, other: &Certificate) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// Reads a certificate: its structure, not its signatures.
    ///
    /// # Errors
    /// [`PeerFault::TooLarge`], [`PeerFault::NewerVersion`] or [`PeerFault::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Certificate, PeerFault> {
        let (body, signed): (Body, _) = Signed::open(VERSION, bytes, limits::CERTIFICATE, "certificate")?;
        if !body.is_sound() {
            return Err(PeerFault::Malformed("certificate"));
        }
        let device = DeviceId::of_key(&body.device_key);
        Ok(Certificate { bytes: bytes.to_vec(), body, signed, device })
    }

    /// Its bytes, as issued.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whose device it is.
    pub fn user(&self) -> &UserId {
        &self.body.user
    }

    /// The user's Ed25519 public identity key.
    pub fn identity_key(&self) -> &[u8; 32] {
        &self.body.identity_key
    }

    /// The user's role.
    pub fn role(&self) -> &Role {
        &self.body.role
    }

    /// The device's Ed25519 public key.
    pub fn device_key(&self) -> &[u8; 32] {
        &self.body.device_key
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The number that a revocation names. The authority counts up: of a device's certificates the one with the highest
    /// serial is the newest.
    pub fn serial(&self) -> u64 {
        self.body.serial
    }

    /// The first instant at which it is valid.
    pub fn not_before(&self) -> Time {
        self.body.not_before
    }

    /// The first instant at which it is not valid any more.
    pub fn not_after(&self) -> Time {
        self.body.not_after
    }

    /// The authority that it names: that this one signed it is what [`Certificate::verify`] finds out.
    pub fn authority(&self) -> &[u8; 32] {
        &self.body.authority
    }

    /// Checks both signatures: the authority's, which must be one of `trusted`, over everything, and the identity
    /// key's over user and device key. A pure function of the bytes: no clock, no revocation. About 80 µs.
    ///
    /// # Errors
    /// [`PeerFault::Certificate`] when either does not hold.
    pub fn verify(&self, trusted: &[[u8; 32]]) -> Result<(), PeerFault> {
        let body = &self.body;
        let certified = trusted.contains(&body.authority) && self.signed.is_by(&body.authority, signed::CERTIFICATE);
        if certified && is_vouched(&body.identity_key, &body.user, &body.device_key, &body.identity_signature) {
            Ok(())
        } else {
            Err(PeerFault::Certificate)
        }
    }

    /// Checks that it is valid at `now`: from `not_before` on, and before `not_after`.
    ///
    /// # Errors
    /// [`PeerFault::CertificateTime`] when it is not.
    pub fn valid_at(&self, now: Time) -> Result<(), PeerFault> {
        if (self.body.not_before..self.body.not_after).contains(&now) {
            Ok(())
        } else {
            Err(PeerFault::CertificateTime)
        }
    }

    pub(super) fn body(&self) -> &Body {
        &self.body
    }
}

impl Body {
    /// Signs it; the result is whole, as decoded from its own bytes.
    pub(super) fn seal(&self, key: &ed25519_dalek::SigningKey) -> Result<Certificate, Error> {
        let bytes = Signed::seal(VERSION, signed::CERTIFICATE, self, key)?;
        Ok(Certificate::decode(&bytes)?)
    }

    /// Whether its validity is a span of time that clocks can show.
    pub(super) fn is_sound(&self) -> bool {
        self.not_before < self.not_after && self.not_after <= Time::END
    }
}
