//! Signed records: `version (1 byte) · [body, signature]`, the signature over `label · body` as received.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::codec;
use crate::error::{Error, PeerFault};

/// What an authority signs to certify a device.
pub(super) const CERTIFICATE: &[u8] = b"undertone certificate v1";
/// What an authority signs to revoke.
pub(super) const REVOCATIONS: &[u8] = b"undertone revocation list v1";
/// What a device signs to show that it has its key.
pub(super) const ENROLMENT: &[u8] = b"undertone enrolment v1";
/// What an identity key signs to vouch for a device.
pub(super) const VOUCH: &[u8] = b"undertone device of user v1";

/// A body, still encoded, and the signature over it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Signed {
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
    #[serde(with = "serde_bytes")]
    signature: [u8; 64],
}

impl Signed {
    /// Encodes and signs `body`.
    pub(super) fn seal<T: Serialize>(version: u8, label: &[u8], body: &T, key: &SigningKey) -> Result<Vec<u8>, Error> {
        let body = codec::encode(body)?;
        let signature = key.sign(&[label, &body].concat()).to_bytes();
        codec::encode_versioned(version, &Signed { body, signature })
    }

    /// Splits what [`Signed::seal`] made, without looking at the signature.
    pub(super) fn open<T: Serialize + DeserializeOwned>(
        version: u8,
        bytes: &[u8],
        limit: usize,
        what: &'static str,
    ) -> Result<(T, Signed), PeerFault> {
        if bytes.len() > limit {
            return Err(PeerFault::TooLarge(what));
        }
        let signed: Signed = codec::decode_versioned(version, bytes, what)?;
        Ok((codec::decode_exact(&signed.body, what)?, signed))
    }

    /// Whether the holder of `key` signed the body under `label`.
    pub(super) fn is_by(&self, key: &[u8; 32], label: &[u8]) -> bool {
        is_signed(key, &[label, &self.body].concat(), &self.signature)
    }
}

/// Checks that `signature` (64 bytes) is the holder of `key`'s over `message`, as [`DeviceKey::sign`](super::DeviceKey)
/// makes it: strict Ed25519 (RFC 8032, and no small-order keys or points).
///
/// # Errors
/// [`PeerFault::Forged`] when it is not.
pub fn verify_signature(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), PeerFault> {
    let signature = signature.try_into().map_err(|_| PeerFault::Forged)?;
    if is_signed(key, message, signature) { Ok(()) } else { Err(PeerFault::Forged) }
}

/// Whether `signature` is the key holder's over `message`: strict Ed25519 (RFC 8032, and no small-order keys or
/// points), so that one signature speaks for one key and one message only.
pub(super) fn is_signed(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}
