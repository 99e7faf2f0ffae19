//! The secret keys of a user and of a device.

use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

use super::signed;
use crate::id::{DeviceId, UserId};
use crate::rng::Rng;

/// A user's identity: the Ed25519 key that vouches for the user's devices, and the one that people verify with a
/// [`SafetyNumber`](super::SafetyNumber).
///
/// Made on the first device. A further device gets it, by [`IdentityKey::to_bytes`] and [`IdentityKey::from_bytes`],
/// over the encrypted channel of pairing and in no other way: whoever holds it can vouch for devices as this user.
/// Wiped from memory on drop; `Debug` shows nothing.
pub struct IdentityKey(SigningKey);

/// A device's signing key (Ed25519): the key of its certificate, of its leaves and of its login at a relay.
///
/// Never leaves the device. Wiped from memory on drop; `Debug` shows nothing.
pub struct DeviceKey(SigningKey);

crate::redact::redacted_debug!(IdentityKey, DeviceKey);

/// What both kinds of keys have.
macro_rules! secret_key {
    ($name:ident) => {
        impl $name {
            /// A fresh key.
            #[must_use]
            pub fn generate(rng: &mut Rng) -> $name {
                let mut seed = Zeroizing::new([0; 32]);
                rng.fill(&mut *seed);
                $name(SigningKey::from_bytes(&seed))
            }

            /// From the 32 secret bytes that [`Self::to_bytes`] gave. Every value is a key.
            #[must_use]
            pub fn from_bytes(secret: [u8; 32]) -> $name {
                let secret = Zeroizing::new(secret);
                $name(SigningKey::from_bytes(&secret))
            }

            /// The 32 secret bytes (the seed of RFC 8032), wiped on drop.
            #[must_use]
            pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
                Zeroizing::new(self.0.to_bytes())
            }

            /// The public key.
            #[must_use]
            pub fn public(&self) -> [u8; 32] {
                self.0.verifying_key().to_bytes()
            }
        }
    };
}

secret_key!(IdentityKey);
secret_key!(DeviceKey);

impl IdentityKey {
    /// Vouches for a device of the user: the signature over user and device key that a certificate carries.
    #[must_use]
    pub fn vouch(&self, user: &UserId, device_key: &[u8; 32]) -> [u8; 64] {
        self.0.sign(&vouched(user, device_key)).to_bytes()
    }
}

impl DeviceKey {
    /// The device that has this key.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        DeviceId::of_key(&self.public())
    }

    /// Signs `message`, which must begin with a label that no other kind of signed message begins with.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The key itself, for the session's signer and the start token.
    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.0
    }
}

/// Whether the holder of `identity_key` vouches for this device of this user.
pub(super) fn is_vouched(identity_key: &[u8; 32], user: &UserId, device_key: &[u8; 32], signature: &[u8; 64]) -> bool {
    signed::is_signed(identity_key, &vouched(user, device_key), signature)
}

/// What the identity key signs: label, length of the user id (4 bytes, big-endian), user id, device key.
fn vouched(user: &UserId, device_key: &[u8; 32]) -> Vec<u8> {
    let user = user.as_str().as_bytes();
    [signed::VOUCH, &(user.len() as u32).to_be_bytes(), user, device_key].concat()
}
