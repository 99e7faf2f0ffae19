//! The key row: the random data keys, wrapped by the key that the host keeps.
//!
//! Row `vault` of [`Table::Meta`](crate::store::Table::Meta), the only one that is not sealed by a data key:
//!
//! ```text
//! format 1 (1) · schema (4) · generation (8) · nonce (24) · wrapped data keys · tag (16) · checksum (8)
//! ```
//!
//! Integers are big-endian. The wrap is XChaCha20-Poly1305 under the host's key; what stands before the nonce is its
//! associated data. The checksum, the first 8 bytes of SHA-256 over all before it, tells a damaged row from a wrong key.
//! Format, schema and checksum stay where they are in every future version.

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::write::NewKeyRow;
use crate::error::StoreError;
use crate::rng::Rng;

/// The key that opens a store: 32 bytes that the host keeps in the platform's keystore.
pub struct HostKey(Zeroizing<[u8; 32]>);

impl HostKey {
    /// From 32 bytes of a cryptographic generator, or of a password hash made for keys.
    pub fn from_bytes(bytes: [u8; 32]) -> HostKey {
        HostKey(Zeroizing::new(bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

/// A key of 32 bytes.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// The keys that a store's rows are sealed and hidden with, but for those of its generations.
pub(super) struct DataKeys {
    /// Seals rows that have no generation.
    pub seal: Key,
    /// Seals the keyring; while it is being exchanged there are two, the newer one first.
    pub ring: Vec<Key>,
    /// Hides parts of keys.
    pub blind: Key,
    /// Hashes rows for the sums that show missing ones.
    pub sum: Key,
}

impl DataKeys {
    pub(super) fn fresh(rng: &mut Rng) -> DataKeys {
        let mut key = || Zeroizing::new(rng.bytes());
        DataKeys { seal: key(), ring: vec![key()], blind: key(), sum: key() }
    }

    /// `seal (32) · blind (32) · sum (32) · ring (32)…`.
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(32 * (3 + self.ring.len())));
        for key in [&self.seal, &self.blind, &self.sum].into_iter().chain(&self.ring) {
            out.extend_from_slice(&key[..]);
        }
        out
    }

    fn decode(mut bytes: &[u8]) -> Option<DataKeys> {
        let mut key = || take(&mut bytes).map(Zeroizing::new);
        let (seal, blind, sum) = (key()?, key()?, key()?);
        let ring: Vec<Key> = std::iter::from_fn(key).collect();
        (bytes.is_empty() && !ring.is_empty()).then_some(DataKeys { seal, ring, blind, sum })
    }
}

/// The key row, open.
pub(super) struct KeyRow {
    /// The schema of the store's rows.
    pub schema: u32,
    /// How often this row was written.
    pub generation: u64,
    pub keys: DataKeys,
}

const FORMAT: u8 = 1;
const HEADER: usize = 1 + 4 + 8;
const NONCE: usize = 24;
const TAG: usize = 16;
const CHECKSUM: usize = 8;
const DAMAGED: StoreError = StoreError::Corrupt("key row");

impl KeyRow {
    /// The row of the next generation, to be written.
    pub(super) fn next(&mut self, host_key: &HostKey, rng: &mut Rng) -> Result<NewKeyRow, StoreError> {
        self.generation += 1;
        Ok(NewKeyRow { row: self.wrap(host_key, rng)?, generation: self.generation })
    }

    /// The row under the host's key, with a fresh nonce.
    fn wrap(&self, host_key: &HostKey, rng: &mut Rng) -> Result<Vec<u8>, StoreError> {
        let mut row = vec![FORMAT];
        row.extend_from_slice(&self.schema.to_be_bytes());
        row.extend_from_slice(&self.generation.to_be_bytes());
        let nonce = rng.bytes::<NONCE>();
        let mut keys = self.keys.encode();
        let tag = host_key
            .cipher()
            .encrypt_inout_detached(&XNonce::from(nonce), &row, keys.as_mut_slice().into())
            .map_err(|_| DAMAGED)?;
        row.extend_from_slice(&nonce);
        row.extend_from_slice(&keys);
        row.extend_from_slice(&tag);
        row.extend_from_slice(&checksum(&row));
        Ok(row)
    }

    /// Opens a row.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], then [`StoreError::NewerSchema`], then [`StoreError::WrongKey`].
    pub(super) fn unwrap(row: &[u8], known_schema: u32, host_key: &HostKey) -> Result<KeyRow, StoreError> {
        let (body, sum) = row.split_last_chunk::<CHECKSUM>().ok_or(DAMAGED)?;
        if checksum(body) != *sum {
            return Err(DAMAGED);
        }
        let mut rest = body;
        let [format] = take(&mut rest).ok_or(DAMAGED)?;
        let schema = u32::from_be_bytes(take(&mut rest).ok_or(DAMAGED)?);
        if schema > known_schema {
            return Err(StoreError::NewerSchema { found: schema, known: known_schema });
        }
        let generation = u64::from_be_bytes(take(&mut rest).ok_or(DAMAGED)?);
        let nonce = take::<NONCE>(&mut rest).ok_or(DAMAGED)?;
        let (sealed, tag) = rest.split_last_chunk::<TAG>().ok_or(DAMAGED)?;
        if format != FORMAT {
            return Err(DAMAGED);
        }
        let mut keys = Zeroizing::new(sealed.to_vec());
        host_key
            .cipher()
            .decrypt_inout_detached(&XNonce::from(nonce), &body[..HEADER], keys.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(|_| StoreError::WrongKey)?;
        Ok(KeyRow { schema, generation, keys: DataKeys::decode(&keys).ok_or(DAMAGED)? })
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut out = [0; CHECKSUM];
    out.copy_from_slice(&digest[..CHECKSUM]);
    out
}

/// Splits `N` bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(schema: u32) -> Vec<u8> {
        let mut rng = Rng::from_seed([1; 32]);
        let row = KeyRow { schema, generation: 7, keys: DataKeys::fresh(&mut rng) };
        row.wrap(&HostKey::from_bytes([2; 32]), &mut rng).unwrap()
    }

    fn failure(row: &[u8], known: u32, key: u8) -> StoreError {
        KeyRow::unwrap(row, known, &HostKey::from_bytes([key; 32])).err().expect("a failure")
    }

    #[test]
    fn the_host_key_opens_what_it_wrapped() {
        let keys = DataKeys::fresh(&mut Rng::from_seed([1; 32]));
        let open = KeyRow::unwrap(&row(3), 3, &HostKey::from_bytes([2; 32])).unwrap();
        assert_eq!((open.schema, open.generation), (3, 7));
        assert_eq!((open.keys.seal, open.keys.ring), (keys.seal, keys.ring));
        assert_eq!((open.keys.blind, open.keys.sum), (keys.blind, keys.sum));
    }

    #[test]
    fn wrong_key_newer_schema_and_damage_are_told_apart() {
        assert_eq!(failure(&row(3), 3, 9), StoreError::WrongKey);
        assert_eq!(failure(&row(4), 3, 2), StoreError::NewerSchema { found: 4, known: 3 });
        let good = row(3);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(failure(&bad, 3, 2), DAMAGED, "byte {at}");
            assert_eq!(failure(&good[..at], 3, 2), DAMAGED, "cut at {at}");
        }
    }

    #[test]
    fn the_clear_part_is_bound_to_the_keys() {
        let mut forged = row(3);
        forged[4] = 2;
        let end = forged.len() - CHECKSUM;
        let sum = checksum(&forged[..end]);
        forged[end..].copy_from_slice(&sum);
        assert_eq!(failure(&forged, 3, 2), StoreError::WrongKey);
    }
}
