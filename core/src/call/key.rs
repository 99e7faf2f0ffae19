//! The media key of a call: agreed afresh, from 32 random bytes of either side.

use hkdf::Hkdf;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{Error, Result};
use crate::id::{CallId, DeviceId, SessionId};
use crate::rng::Rng;

const LABEL: &[u8] = b"undertone call media v1";

/// The key for the host's encryption of a call's sound and pictures: 32 bytes, the same on the two devices that talk,
/// and on no other. Wiped from memory on drop.
///
/// HKDF-SHA-256 (RFC 5869) over 32 fresh bytes of the caller's device and 32 of the other, which travel inside the
/// encrypted offer and answer; the call, both devices and the session that brought the offer are bound into it. It says
/// nothing of the session's own keys, and they nothing of it.
pub struct MediaKey(Zeroizing<[u8; 32]>);

impl MediaKey {
    /// The bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of `call` between `caller` and `callee`, whose shares are `shares`, in the same order.
    pub(crate) fn derive(
        call: CallId,
        (caller, callee): (DeviceId, DeviceId),
        session: SessionId,
        shares: (&Share, &Share),
    ) -> Result<MediaKey> {
        let mut secret = Zeroizing::new([0; 64]);
        let (first, second) = secret.split_at_mut(32);
        first.copy_from_slice(&shares.0.0);
        second.copy_from_slice(&shares.1.0);
        let info = [LABEL, call.as_bytes(), caller.as_bytes(), callee.as_bytes(), session.as_bytes()].concat();
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &*secret).expand(&info, &mut *key).map_err(|_| Error::Bug("call.key"))?;
        Ok(MediaKey(key))
    }

    /// The key as an engine with a fault gives it.
    #[cfg(feature = "sabotage")]
    pub(crate) fn sabotaged(self, config: &crate::config::Config, here: DeviceId) -> MediaKey {
        use crate::sabotage::Sabotage;
        let other = |bytes: &[u8]| MediaKey(Zeroizing::new(*crate::id::Hash32::of(bytes).as_bytes()));
        if config.sabotaged(Sabotage::MediaKeysDiffer) {
            return other(&[self.as_bytes().as_slice(), here.as_bytes()].concat());
        }
        if config.sabotaged(Sabotage::MediaKeyRepeated) { other(LABEL) } else { self }
    }
}

/// One side's 32 bytes. Wiped from memory on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Share([u8; 32]);

impl Share {
    pub fn fresh(rng: &mut Rng) -> Share {
        Share(rng.bytes())
    }

    #[cfg(test)]
    pub fn from_bytes(bytes: [u8; 32]) -> Share {
        Share(bytes)
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Share) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Share {}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_bytes::ByteArray::<32>::deserialize(deserializer).map(|bytes| Share(bytes.into_array()))
    }
}

#[cfg(test)]
mod tests {
    //! R34

    use super::*;

    fn key(call: u8, caller: u8, callee: u8, session: u8, ours: u8, theirs: u8) -> [u8; 32] {
        let devices = (DeviceId::from_bytes([caller; 16]), DeviceId::from_bytes([callee; 16]));
        let shares = (&Share([ours; 32]), &Share([theirs; 32]));
        let (call, session) = (CallId::from_bytes([call; 16]), SessionId::from_bytes([session; 16]));
        *MediaKey::derive(call, devices, session, shares).unwrap().as_bytes()
    }

    #[test]
    fn r34_everything_is_bound_into_the_media_key() {
        let key_of = key(1, 2, 3, 4, 5, 6);
        assert_eq!(key_of, key(1, 2, 3, 4, 5, 6), "both sides derive the same");
        let others = [
            key(9, 2, 3, 4, 5, 6),
            key(1, 9, 3, 4, 5, 6),
            key(1, 2, 9, 4, 5, 6),
            key(1, 2, 3, 9, 5, 6),
            key(1, 2, 3, 4, 9, 6),
            key(1, 2, 3, 4, 5, 9),
            key(1, 3, 2, 4, 5, 6),
            key(1, 2, 3, 4, 6, 5),
        ];
        assert!(others.iter().all(|other| *other != key_of));
    }

    #[test]
    fn r34_the_media_key_is_hkdf_of_rfc_5869() {
        // Computed with Python's hmac module: extract with an empty salt, then one block of expand.
        let expected = "6aac065871b3ee6d154bcf386153cdff5409821792f43c13d3fc990050bb88c1";
        let hex: String = key(1, 2, 3, 4, 5, 6).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }
}
