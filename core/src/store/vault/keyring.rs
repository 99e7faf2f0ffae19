//! The keyring: a random key for every generation of rows, in a small file beside them.
//!
//! ```text
//! format 1 (1) · nonce (24) · sealed keys · tag (16)
//! sealed keys: (generation (4) · key (32))…, by generation
//! ```
//!
//! Integers are big-endian. The seal is XChaCha20-Poly1305 under the ring key of the key row; the format is its associated
//! data. The file is replaced as a whole, never changed, so that a key which it does not name any more is nowhere.

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::key::Key;
use crate::error::StoreError;
use crate::rng::Rng;

/// Identifies a generation; 1 is the key of rows that have none.
pub(super) type Generation = u32;

/// The id of the key that seals what needs no generation.
pub(super) const NO_GENERATION: Generation = 1;
/// The first generation of a store.
pub(super) const FIRST: Generation = 2;

/// Keys that lie ready for generations to come, so that beginning one need not write the file.
const READY: u32 = 16;

const FORMAT: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const ENTRY: usize = 4 + 32;
const DAMAGED: StoreError = StoreError::Corrupt("keyring");

/// The keys of all generations that have rows, and some for the next ones.
pub(super) struct Keyring {
    keys: Vec<(Generation, Key)>,
    /// What the file is sealed with.
    ring_key: Key,
    rng: Rng,
}

impl Keyring {
    /// That of an empty store.
    pub(super) fn fresh(ring_key: Key, rng: Rng) -> Keyring {
        let mut ring = Keyring { keys: Vec::new(), ring_key, rng };
        ring.add_up_to(FIRST + READY);
        ring
    }

    /// Opens a file with the one of the `ring_keys` that it was sealed with.
    pub(super) fn open(file: &[u8], ring_keys: &[Key], rng: Rng) -> Result<Keyring, StoreError> {
        let opened = ring_keys.iter().find_map(|key| Some((key, unseal(file, key)?)));
        let (ring_key, plain) = opened.ok_or(DAMAGED)?;
        if plain.len() % ENTRY != 0 {
            return Err(DAMAGED);
        }
        let entry = |bytes: &[u8]| {
            let (generation, key) = bytes.split_first_chunk::<4>()?;
            Some((u32::from_be_bytes(*generation), Zeroizing::new(key.try_into().ok()?)))
        };
        let keys = plain.chunks_exact(ENTRY).map(entry).collect::<Option<Vec<_>>>().ok_or(DAMAGED)?;
        if !keys.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(DAMAGED);
        }
        Ok(Keyring { keys, ring_key: ring_key.clone(), rng })
    }

    /// Takes over what another process has made of the file.
    pub(super) fn reread(&mut self, file: &[u8]) -> Result<(), StoreError> {
        let rng = self.rng.fork("reread");
        *self = Keyring::open(file, std::slice::from_ref(&self.ring_key), rng)?;
        Ok(())
    }

    /// The file, under a fresh nonce.
    pub(super) fn seal(&mut self) -> Result<Vec<u8>, StoreError> {
        let nonce = self.rng.bytes::<NONCE>();
        let mut plain = Zeroizing::new(Vec::with_capacity(self.keys.len() * ENTRY));
        for (generation, key) in &self.keys {
            plain.extend_from_slice(&generation.to_be_bytes());
            plain.extend_from_slice(&key[..]);
        }
        let tag = XChaCha20Poly1305::new((&*self.ring_key).into())
            .encrypt_inout_detached(&XNonce::from(nonce), &[FORMAT], plain.as_mut_slice().into())
            .map_err(|_| DAMAGED)?;
        Ok([&[FORMAT], nonce.as_slice(), &plain, &tag].concat())
    }

    /// The key of a generation.
    pub(super) fn get(&self, generation: Generation) -> Option<&Key> {
        let at = self.keys.binary_search_by_key(&generation, |(known, _)| *known).ok()?;
        Some(&self.keys[at].1)
    }

    /// Makes keys for `next` and some behind it, if it has none.
    pub(super) fn prepare(&mut self, next: Generation) -> bool {
        let missing = self.get(next).is_none();
        if missing {
            self.add_up_to(next + READY);
        }
        missing
    }

    /// Throws keys away, and makes some for the generations from `next` on: what the next file has.
    pub(super) fn renew(&mut self, gone: &[Generation], next: Generation) {
        self.keys.retain(|(generation, _)| !gone.contains(generation));
        self.add_up_to(next + READY);
    }

    /// Goes over to another ring key, with the next file.
    pub(super) fn rekey(&mut self, ring_key: Key) {
        self.ring_key = ring_key;
    }

    fn add_up_to(&mut self, end: Generation) {
        let from = self.keys.last().map_or(FIRST, |(last, _)| last + 1);
        self.keys.extend((from..end).map(|generation| (generation, Zeroizing::new(self.rng.bytes()))));
    }
}

fn unseal(file: &[u8], ring_key: &Key) -> Option<Zeroizing<Vec<u8>>> {
    let (format, rest) = file.split_first_chunk::<1>()?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
    let (sealed, tag) = rest.split_last_chunk::<TAG>()?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    XChaCha20Poly1305::new((&**ring_key).into())
        .decrypt_inout_detached(&XNonce::from(*nonce), format, plain.as_mut_slice().into(), &Tag::from(*tag))
        .ok()?;
    (*format == [FORMAT]).then_some(plain)
}

#[cfg(test)]
mod tests {
    //! R25.

    use super::*;

    fn key(byte: u8) -> Key {
        Zeroizing::new([byte; 32])
    }

    fn rng() -> Rng {
        Rng::from_seed([3; 32])
    }

    #[test]
    fn a_keyring_opens_under_its_ring_key_and_says_the_same() {
        let mut ring = Keyring::fresh(key(1), rng());
        let file = ring.seal().unwrap();
        let open = Keyring::open(&file, &[key(9), key(1)], rng()).unwrap();
        assert_eq!(open.keys, ring.keys);
        assert_eq!(open.keys.len(), READY as usize);
        assert!(open.get(NO_GENERATION).is_none());
        assert_eq!(Keyring::open(&file, &[key(2)], rng()).err(), Some(DAMAGED));
        assert_ne!(ring.seal().unwrap(), file, "every file has its own nonce");
    }

    #[test]
    fn a_damaged_keyring_is_refused_at_every_byte() {
        let file = Keyring::fresh(key(1), rng()).seal().unwrap();
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 4;
            assert!(Keyring::open(&bad, &[key(1)], rng()).is_err(), "byte {at}");
            assert!(Keyring::open(&file[..at], &[key(1)], rng()).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn keys_thrown_away_are_not_in_the_next_file_and_do_not_come_back() {
        let mut ring = Keyring::fresh(key(1), rng());
        let gone = ring.get(3).unwrap().clone();
        ring.renew(&[3, 4], 10);
        let open = Keyring::open(&ring.seal().unwrap(), &[key(1)], rng()).unwrap();
        assert!(open.get(3).is_none() && open.get(4).is_none());
        assert!(open.keys.iter().all(|(_, key)| *key != gone));
        assert_eq!(open.keys.last().unwrap().0, 10 + READY - 1);
    }

    #[test]
    fn a_generation_without_a_key_gets_one_with_some_to_spare() {
        let mut ring = Keyring::fresh(key(1), rng());
        assert!(!ring.prepare(FIRST + READY - 1));
        assert!(ring.prepare(FIRST + READY));
        assert!(!ring.prepare(FIRST + 2 * READY - 1));
    }
}
