//! The safety number: what two people compare to know that nobody stands between them.

use core::fmt;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use crate::error::PeerFault;
use crate::id::UserId;

/// Rounds of hashing, which make it expensive to search for keys with a similar number.
const ROUNDS: usize = 5_200;
/// Digits that one user contributes.
const DIGITS: usize = 30;
/// The version of the QR payload.
const VERSION: u8 = 1;

/// A number of 60 digits, and the content of a QR code, over the identity keys of two users: the same on both sides,
/// another one when either key is another.
///
/// The scheme is that of Signal (`NumericFingerprintGenerator` of libsignal; M. Marlinspike, “Safety number updates”,
/// 2016): for each user 5,200 rounds of SHA-512 over key and user id, 30 digits of each, the smaller half first. Only
/// identity keys enter: a new phone changes nothing, a new identity does. Takes about 5 ms.
#[derive(Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    digits: String,
    payload: Vec<u8>,
}

crate::redact::redacted_debug!(SafetyNumber);

impl SafetyNumber {
    /// Length of the QR payload in bytes.
    pub const QR_LEN: usize = 65;

    /// The number of two users, in either order, from their public identity keys.
    #[must_use]
    pub fn new(one: (&UserId, &[u8; 32]), other: (&UserId, &[u8; 32])) -> SafetyNumber {
        let [one, other] = [one, other].map(|(user, key)| fingerprint(key, user.as_str().as_bytes()));
        SafetyNumber::combine(&one, &other)
    }

    /// The 60 digits without spaces.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// What the QR code holds: a version byte and the first 32 bytes of both users' hashes, the smaller first.
    pub fn qr_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Compares what was scanned from the other's screen. Takes the same time wherever they differ.
    ///
    /// # Errors
    /// [`PeerFault::NewerVersion`] when a newer version made the code, [`PeerFault::Malformed`] when it is no safety
    /// number at all. `Ok(false)` is the alarm: the keys differ.
    pub fn matches(&self, scanned: &[u8]) -> Result<bool, PeerFault> {
        match scanned.first() {
            Some(&VERSION) if scanned.len() == Self::QR_LEN => Ok(self.payload.ct_eq(scanned).into()),
            Some(&version) if version > VERSION && version < 128 => Err(PeerFault::NewerVersion),
            _ => Err(PeerFault::Malformed("safety number")),
        }
    }

    fn combine(one: &[u8; 64], other: &[u8; 64]) -> SafetyNumber {
        let mut halves = [one, other].map(digits);
        halves.sort();
        let mut hashes = [&one[..32], &other[..32]];
        hashes.sort();
        SafetyNumber { digits: halves.concat(), payload: [&[VERSION], hashes[0], hashes[1]].concat() }
    }
}

/// Twelve groups of five digits.
impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.digits.chars().enumerate() {
            if at > 0 && at % 5 == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// One user's hash: SHA-512 over a zero version (2 bytes), key, user id and key again, then over hash and key.
fn fingerprint(key: &[u8], user: &[u8]) -> [u8; 64] {
    let mut first = Sha512::new();
    [&[0, 0][..], key, user, key].iter().for_each(|part| first.update(part));
    (1..ROUNDS).fold(first.finalize().into(), |hash: [u8; 64], _| {
        let mut next = Sha512::new();
        next.update(hash);
        next.update(key);
        next.finalize().into()
    })
}

/// The first 30 bytes, five at a time, each as a big-endian number modulo 100,000.
fn digits(hash: &[u8; 64]) -> String {
    hash[..DIGITS]
        .chunks_exact(5)
        .map(|chunk| chunk.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)) % 100_000)
        .map(|group| format!("{group:05}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    /// R16: the vector of libsignal's own tests (`rust/protocol/src/fingerprint.rs`).
    #[test]
    fn r16_signals_vector_comes_out() {
        let alice = hex("0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868");
        let bob = hex("05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b");
        let number = SafetyNumber::combine(&fingerprint(&bob, b"+14153333333"), &fingerprint(&alice, b"+14152222222"));
        assert_eq!(number.digits(), "300354477692869396892869876765458257569162576843440918079131");
        let hashes = "1e301a0353dce3dbe7684cb8336e85136cdc0ee96219494ada305d62a7bd61df\
                      d62cbf73a11592015b6b9f1682ac306fea3aaf3885b84d12bca631e9d4fb3a4d";
        assert_eq!(number.qr_payload(), [vec![VERSION], hex(hashes)].concat());
    }

    #[test]
    fn r16_both_sides_see_the_same_and_another_key_another() {
        let (ann, bob) = (user("ann"), user("bob"));
        let here = SafetyNumber::new((&ann, &[1; 32]), (&bob, &[2; 32]));
        let there = SafetyNumber::new((&bob, &[2; 32]), (&ann, &[1; 32]));
        assert!(here == there && here.matches(there.qr_payload()) == Ok(true));
        assert_eq!(here.to_string().split(' ').map(str::len).collect::<Vec<_>>(), [5; 12]);
        assert_eq!(here.to_string().replace(' ', ""), here.digits());

        for changed in [
            SafetyNumber::new((&ann, &[1; 32]), (&bob, &[3; 32])),
            SafetyNumber::new((&ann, &[3; 32]), (&bob, &[2; 32])),
            SafetyNumber::new((&ann, &[2; 32]), (&bob, &[1; 32])),
            SafetyNumber::new((&ann, &[1; 32]), (&user("bab"), &[2; 32])),
        ] {
            assert!(changed.digits() != here.digits());
            assert_eq!(here.matches(changed.qr_payload()), Ok(false));
        }
    }

    #[test]
    fn r16_a_code_that_is_no_safety_number_is_no_alarm() {
        let (ann, bob) = (user("ann"), user("bob"));
        let number = SafetyNumber::new((&ann, &[1; 32]), (&bob, &[2; 32]));
        let mut newer = number.qr_payload().to_vec();
        newer[0] = 2;
        assert_eq!(number.matches(&newer), Err(PeerFault::NewerVersion));
        for bad in [&b""[..], b"https://example.org", &number.qr_payload()[..64], &[&newer[..], &[0]].concat()[1..]] {
            assert!(number.matches(bad).is_err(), "{bad:?}");
        }
    }
}
