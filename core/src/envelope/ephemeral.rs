//! What an ephemeral envelope says: words of the moment, like “is typing”. They are sealed under keys that the members
//! derive from their session's epoch, so that saying one moves no ratchet and writes nothing down.
//!
//! All are of one length. Each is bound to its envelope's id and end, and to the session, the epoch, the sending device
//! and its leaf. Every member can derive every key of an epoch: a word proves that a member said it, and not which one.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{EnvelopeKind, unpad};
use crate::codec;
use crate::error::{Error, PeerFault, Result};
use crate::id::{DeviceId, EnvelopeId, SessionId};
use crate::time::Time;

const VERSION: u8 = 1;
const KEY_LABEL: &[u8] = b"undertone ephemeral key v1";
const DATA_LABEL: &[u8] = b"undertone ephemeral v1";
/// Every word is padded to this length.
const PLAIN: usize = 32;
const TAG: usize = 16;

/// A word of the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ephemeral {
    /// The sender's user is writing.
    Typing = 1,
    /// The sender's user has stopped without sending.
    Stopped = 2,
}

/// The secret of an epoch that the keys of its ephemeral envelopes are derived from. Wiped from memory on drop.
pub struct EphemeralSecret(Zeroizing<[u8; 32]>);

/// What a word is bound to: opened with anything else, it is forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EphemeralPlace {
    /// The session.
    pub session: SessionId,
    /// The session's epoch.
    pub epoch: u64,
    /// The sender's leaf in it.
    pub leaf: u32,
    /// The sending device.
    pub sender: DeviceId,
    /// The envelope.
    pub envelope: EnvelopeId,
    /// When the envelope ends, and with it what it says.
    pub expires_at: Time,
}

/// The body of an ephemeral envelope. All fields are of one length, the epoch too: a relay learns nothing of it.
#[derive(Serialize, Deserialize)]
struct Body {
    epoch: ByteArray<8>,
    nonce: ByteArray<24>,
    sealed: ByteArray<{ PLAIN + TAG }>,
}

impl Ephemeral {
    /// The epoch that a body was sealed in, as it says itself.
    ///
    /// # Errors
    /// [`PeerFault::Malformed`], [`PeerFault::NewerVersion`].
    pub fn epoch(body: &[u8]) -> Result<u64, PeerFault> {
        Ok(u64::from_be_bytes(decode(body)?.epoch.into_array()))
    }

    fn from_number(number: u8) -> Option<Ephemeral> {
        [Ephemeral::Typing, Ephemeral::Stopped].into_iter().find(|known| *known as u8 == number)
    }
}

impl EphemeralSecret {
    /// From what a session's epoch exports.
    pub fn from_bytes(bytes: [u8; 32]) -> EphemeralSecret {
        EphemeralSecret(Zeroizing::new(bytes))
    }

    /// The body that says `word`. `nonce` must be random.
    ///
    /// # Errors
    /// [`Error::Bug`]: never seen.
    pub fn seal(&self, word: Ephemeral, place: &EphemeralPlace, nonce: [u8; 24]) -> Result<Vec<u8>> {
        self.seal_number(word as u8, place, nonce)
    }

    fn seal_number(&self, number: u8, place: &EphemeralPlace, nonce: [u8; 24]) -> Result<Vec<u8>> {
        let mut plain = codec::encode_versioned(VERSION, &(number,))?;
        plain.push(0x80);
        plain.resize(PLAIN, 0);
        let payload = Payload { msg: &plain, aad: &place.bytes() };
        let sealed = self.cipher(place.leaf).encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.ok().and_then(|sealed| <[u8; PLAIN + TAG]>::try_from(sealed).ok());
        let body = Body {
            epoch: place.epoch.to_be_bytes().into(),
            nonce: nonce.into(),
            sealed: sealed.ok_or(Error::Bug("ephemeral.seal"))?.into(),
        };
        codec::encode_versioned(VERSION, &body)
    }

    /// What a body says; `None` for a word that this version does not know.
    ///
    /// # Errors
    /// [`PeerFault::Malformed`], [`PeerFault::NewerVersion`]; [`PeerFault::Forged`] when it was not sealed by a member
    /// for this place.
    pub fn open(&self, body: &[u8], place: &EphemeralPlace) -> Result<Option<Ephemeral>, PeerFault> {
        let body = decode(body)?;
        let payload = Payload { msg: &body.sealed[..], aad: &place.bytes() };
        let nonce = XNonce::from(body.nonce.into_array());
        let plain = self.cipher(place.leaf).decrypt(&nonce, payload).map_err(|_| PeerFault::Forged)?;
        match codec::decode_versioned::<(u8,)>(VERSION, unpad(&plain)?, "ephemeral") {
            Ok((number,)) => Ok(Ephemeral::from_number(number)),
            Err(PeerFault::NewerVersion) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn cipher(&self, leaf: u32) -> XChaCha20Poly1305 {
        let mut key = Zeroizing::new([0; 32]);
        // 32 bytes are within what HKDF gives.
        let _ = Hkdf::<Sha256>::new(None, &*self.0).expand(&[KEY_LABEL, &leaf.to_be_bytes()].concat(), &mut *key);
        XChaCha20Poly1305::new((&*key).into())
    }
}

impl EphemeralPlace {
    /// The associated data.
    fn bytes(&self) -> Vec<u8> {
        [
            DATA_LABEL,
            self.session.as_bytes(),
            &self.epoch.to_be_bytes(),
            &self.leaf.to_be_bytes(),
            self.sender.as_bytes(),
            self.envelope.as_bytes(),
            &[EnvelopeKind::Ephemeral.into()],
            &self.expires_at.as_ms().to_be_bytes(),
        ]
        .concat()
    }
}

fn decode(body: &[u8]) -> Result<Body, PeerFault> {
    codec::decode_versioned(VERSION, body, "ephemeral")
}

#[cfg(test)]
mod tests {
    //! R24.

    use super::*;

    const PLACE: EphemeralPlace = EphemeralPlace {
        session: SessionId::from_bytes([1; 16]),
        epoch: 2,
        leaf: 3,
        sender: DeviceId::from_bytes([4; 16]),
        envelope: EnvelopeId::from_bytes([5; 16]),
        expires_at: Time::from_ms(6),
    };

    fn secret(byte: u8) -> EphemeralSecret {
        EphemeralSecret::from_bytes([byte; 32])
    }

    fn sealed() -> Vec<u8> {
        secret(7).seal(Ephemeral::Typing, &PLACE, [8; 24]).unwrap()
    }

    #[test]
    fn r24_a_word_opens_in_its_place_and_in_no_other() {
        assert_eq!(secret(7).open(&sealed(), &PLACE), Ok(Some(Ephemeral::Typing)));
        let others = [
            EphemeralPlace { session: SessionId::from_bytes([9; 16]), ..PLACE },
            EphemeralPlace { epoch: 9, ..PLACE },
            EphemeralPlace { leaf: 9, ..PLACE },
            EphemeralPlace { sender: DeviceId::from_bytes([9; 16]), ..PLACE },
            EphemeralPlace { envelope: EnvelopeId::from_bytes([9; 16]), ..PLACE },
            EphemeralPlace { expires_at: Time::from_ms(7), ..PLACE },
        ];
        for other in others {
            assert_eq!(secret(7).open(&sealed(), &other), Err(PeerFault::Forged), "{other:?}");
        }
        assert_eq!(secret(9).open(&sealed(), &PLACE), Err(PeerFault::Forged));
    }

    #[test]
    fn r24_a_changed_byte_is_noticed_wherever_it_is() {
        let good = sealed();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let epoch = Ephemeral::epoch(&bad);
            let opened = epoch.and_then(|epoch| secret(7).open(&bad, &EphemeralPlace { epoch, ..PLACE }));
            assert!(opened.is_err(), "byte {at}");
        }
        for length in 0..good.len() {
            assert_eq!(Ephemeral::epoch(&good[..length]), Err(PeerFault::Malformed("ephemeral")), "{length}");
        }
    }

    #[test]
    fn r24_all_bodies_are_of_one_length() {
        let far = EphemeralPlace { epoch: u64::MAX, leaf: u32::MAX, expires_at: Time::NEVER, ..PLACE };
        let other = secret(7).seal(Ephemeral::Stopped, &far, [0; 24]).unwrap();
        assert_eq!((sealed().len(), other.len()), (88, 88));
        assert_eq!(Ephemeral::epoch(&other), Ok(u64::MAX));
        assert_eq!(secret(7).open(&other, &far), Ok(Some(Ephemeral::Stopped)));
    }

    #[test]
    fn r46_a_word_of_a_later_version_says_nothing() {
        let later = secret(7).seal_number(3, &PLACE, [8; 24]).unwrap();
        assert_eq!(secret(7).open(&later, &PLACE), Ok(None));
        let mut newer = sealed();
        newer[0] = 2;
        assert_eq!(secret(7).open(&newer, &PLACE), Err(PeerFault::NewerVersion));
    }
}
