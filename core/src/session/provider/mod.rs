//! What OpenMLS needs from outside: cryptography for one suite, randomness, and rows.

mod crypto;
mod hpke;
mod keys;
mod random;
mod signer;

pub(crate) use crypto::Crypto;
pub(crate) use signer::LeafSigner;

use openmls_traits::OpenMlsProvider;
use openmls_traits::types::Ciphersuite;

use self::random::Randomness;
use super::pages::MlsRows;
use super::storage::{Held, Scope, Storage};
use crate::error::Error;

/// The only suite: X25519, ChaCha20-Poly1305, SHA-256 and Ed25519 (0x0003 of RFC 9420, section 17.1).
pub(crate) const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

/// Cryptography and rows for one operation of a group.
pub(crate) struct Provider<'a> {
    crypto: &'a Crypto,
    storage: Storage<'a>,
}

impl<'a> Provider<'a> {
    /// `rows` are those of the engine's transaction.
    pub(crate) fn new(crypto: &'a Crypto, rows: &'a dyn MlsRows) -> Provider<'a> {
        Provider { crypto, storage: Storage::new(rows) }
    }

    /// The same for a group in memory.
    pub(super) fn for_group<'b>(&self, held: &'b Held, scope: Scope) -> Provider<'b>
    where
        'a: 'b,
    {
        Provider { crypto: self.crypto, storage: self.storage.for_group(held, scope) }
    }

    /// The failure of the store behind a failed operation; without one, a bug of ours or of the library.
    pub(super) fn fault(&self, code: &'static str) -> Error {
        self.storage.take_fault().unwrap_or(Error::Bug(code))
    }
}

impl<'a> OpenMlsProvider for Provider<'a> {
    type CryptoProvider = Crypto;
    type RandProvider = Randomness;
    type StorageProvider = Storage<'a>;

    fn storage(&self) -> &Storage<'a> {
        &self.storage
    }

    fn crypto(&self) -> &Crypto {
        self.crypto
    }

    fn rand(&self) -> &Randomness {
        self.crypto.randomness()
    }
}

#[cfg(test)]
mod tests;
