//! Sealing values: XChaCha20-Poly1305, bound to the place where they lie.
//!
//! ```text
//! format 1 (1) · key (4) · pieces (2) · nonce (24) · tag (16) · ciphertext
//! ```
//!
//! The key is 1 for the data key of the key row, else that of a generation (`keyring`).
//! Table, stored key and the first 7 bytes are associated data, so that a value moved elsewhere does not open.

use std::borrow::Cow;

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::key::Key;
use super::keyring::{Generation, Keyring, NO_GENERATION};
use crate::error::StoreError;
use crate::limits;
use crate::rng::Rng;
use crate::store::Table;

const FORMAT: u8 = 1;
const HEADER: usize = 1 + 4 + 2;
const NONCE: usize = 24;
const TAG: usize = 16;

/// What sealing adds to a value.
pub(super) const OVERHEAD: usize = HEADER + NONCE + TAG;

/// Seals and opens values.
pub(super) struct Sealer {
    /// For rows without a generation.
    plain: XChaCha20Poly1305,
    /// Keys of generations.
    pub(super) ring: Keyring,
    /// Only for nonces.
    rng: Rng,
}

impl Sealer {
    pub(super) fn new(key: &Key, ring: Keyring, rng: Rng) -> Sealer {
        Sealer { plain: XChaCha20Poly1305::new((&**key).into()), ring, rng }
    }

    /// The cipher of a generation, if its key is there.
    fn cipher(&self, generation: Generation) -> Option<Cow<'_, XChaCha20Poly1305>> {
        if generation == NO_GENERATION {
            return Some(Cow::Borrowed(&self.plain));
        }
        self.ring.get(generation).map(|key| Cow::Owned(XChaCha20Poly1305::new((&**key).into())))
    }

    /// Seals a value for a place: what [`pieces`] says fits into further rows follows the first row's share.
    pub(super) fn seal(
        &mut self,
        generation: Generation,
        table: Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let nonce = self.rng.bytes::<NONCE>();
        let cipher = self.cipher(generation).ok_or(StoreError::Corrupt("keyring"))?;
        let length = OVERHEAD + value.len();
        let pieces = u16::try_from(further_rows(value.len())).map_err(|_| StoreError::Limit("value"))?;
        let ([a, b, c, d], [high, low]) = (generation.to_be_bytes(), pieces.to_be_bytes());
        let header = [FORMAT, a, b, c, d, high, low];
        let context = Context::of(table, key, &header)?;
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(&header);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&[0; TAG]);
        out.extend_from_slice(value);
        let tag = cipher
            .encrypt_inout_detached(&XNonce::from(nonce), context.as_bytes(), out[OVERHEAD..].as_mut().into())
            .map_err(|_| StoreError::Limit("value"))?;
        out[HEADER + NONCE..OVERHEAD].copy_from_slice(&tag);
        Ok(out)
    }

    /// Opens what [`Sealer::seal`] made, all pieces joined.
    pub(super) fn open(&self, table: Table, key: &[u8], sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let damaged = || StoreError::Corrupt("row");
        let mut value = Zeroizing::new(sealed);
        let (header, rest) = value.split_first_chunk_mut::<HEADER>().ok_or_else(damaged)?;
        let [format, a, b, c, d, _, _] = *header;
        let cipher = self.cipher(u32::from_be_bytes([a, b, c, d])).filter(|_| format == FORMAT).ok_or_else(damaged)?;
        let (nonce, rest) = rest.split_first_chunk_mut::<NONCE>().ok_or_else(damaged)?;
        let (tag, text) = rest.split_first_chunk_mut::<TAG>().ok_or_else(damaged)?;
        cipher
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                Context::of(table, key, header)?.as_bytes(),
                text.into(),
                &Tag::from(*tag),
            )
            .map_err(|_| damaged())?;
        let length = text.len();
        value.copy_within(OVERHEAD.., 0);
        value.truncate(length);
        Ok(value)
    }
}

/// How many rows a value of this length takes beside its first.
pub(super) fn further_rows(length: usize) -> usize {
    (OVERHEAD + length - 1) / limits::STORE_VALUE
}

/// How many further rows belong to a stored row.
pub(super) fn pieces(stored: &[u8]) -> Result<u16, StoreError> {
    match stored {
        [FORMAT, _, _, _, _, high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err(StoreError::Corrupt("row")),
    }
}

/// The key that a stored row is sealed with.
pub(super) fn generation(stored: &[u8]) -> Result<Generation, StoreError> {
    match stored {
        [FORMAT, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(StoreError::Corrupt("row")),
    }
}

/// What tells a stored row from every other one ever stored: nonce and tag.
pub(super) fn identity(stored: &[u8]) -> Result<&[u8], StoreError> {
    stored.get(HEADER..OVERHEAD).ok_or(StoreError::Corrupt("row"))
}

/// Associated data: `table (1) · stored key · header (7)`.
struct Context {
    bytes: [u8; 1 + limits::STORE_KEY + HEADER],
    length: usize,
}

impl Context {
    fn of(table: Table, key: &[u8], header: &[u8; HEADER]) -> Result<Context, StoreError> {
        let mut context = Context { bytes: [0; 1 + limits::STORE_KEY + HEADER], length: 1 + key.len() + HEADER };
        if key.len() > limits::STORE_KEY {
            return Err(StoreError::Limit("key"));
        }
        context.bytes[0] = table.byte();
        context.bytes[1..=key.len()].copy_from_slice(key);
        context.bytes[1 + key.len()..context.length].copy_from_slice(header);
        Ok(context)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
