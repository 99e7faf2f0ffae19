//! The operations that OpenMLS asks for, on the named crates.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use ed25519_dalek::{Signature, Signer, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair, KemOutput,
    SignatureScheme,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tls_codec::SecretVLBytes;
use zeroize::Zeroizing;

use super::keys::Keys;
use super::random::Randomness;
use super::{SUITE, hpke};
use crate::rng::Rng;

type Result<T> = core::result::Result<T, CryptoError>;

/// Cryptography for [`SUITE`] and nothing else, with the engine's randomness.
pub(crate) struct Crypto {
    randomness: Randomness,
    /// Public keys that were lately verified with.
    keys: Mutex<Keys>,
    /// Whether the next ciphertext of HPKE is to be spoilt, as a doctored member does.
    #[cfg(test)]
    spoils: core::sync::atomic::AtomicBool,
}

impl Crypto {
    /// `rng` is best a fork of the engine's generator of its own.
    pub(crate) fn new(rng: Rng) -> Crypto {
        Crypto {
            randomness: Randomness::new(rng),
            keys: Mutex::default(),
            #[cfg(test)]
            spoils: core::sync::atomic::AtomicBool::new(false),
        }
    }

    #[cfg(test)]
    pub(crate) fn spoil_next_seal(&self) {
        self.spoils.store(true, core::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn randomness(&self) -> &Randomness {
        &self.randomness
    }
}

impl OpenMlsCrypto for Crypto {
    fn supports(&self, suite: Ciphersuite) -> Result<()> {
        if suite == SUITE { Ok(()) } else { Err(CryptoError::UnsupportedCiphersuite) }
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        vec![SUITE]
    }

    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes> {
        only_sha256(hash)?;
        let (prk, _) = Hkdf::<Sha256>::extract(Some(salt), ikm);
        Ok(prk.as_slice().into())
    }

    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes> {
        only_sha256(hash)?;
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).map_err(|_| CryptoError::CryptoLibraryError)?;
        mac.update(message);
        Ok(mac.finalize().into_bytes().as_slice().into())
    }

    fn hkdf_expand(&self, hash: HashType, prk: &[u8], info: &[u8], len: usize) -> Result<SecretVLBytes> {
        only_sha256(hash)?;
        let kdf = Hkdf::<Sha256>::from_prk(prk).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        let mut out = vec![0; len];
        kdf.expand(info, &mut out).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        Ok(out.into())
    }

    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>> {
        only_sha256(hash)?;
        Ok(Sha256::digest(data).to_vec())
    }

    fn aead_encrypt(&self, aead: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Result<Vec<u8>> {
        let (cipher, nonce) = cipher(aead, key, nonce)?;
        cipher.encrypt(&nonce, Payload { msg: data, aad }).map_err(|_| CryptoError::CryptoLibraryError)
    }

    fn aead_decrypt(&self, aead: AeadType, key: &[u8], ct_tag: &[u8], nonce: &[u8], aad: &[u8]) -> Result<Vec<u8>> {
        let (cipher, nonce) = cipher(aead, key, nonce)?;
        cipher.decrypt(&nonce, Payload { msg: ct_tag, aad }).map_err(|_| CryptoError::AeadDecryptionError)
    }

    fn signature_key_gen(&self, scheme: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>)> {
        only_ed25519(scheme)?;
        let mut secret = Zeroizing::new([0; 32]);
        rand_core::Rng::fill_bytes(&mut self.randomness.draw(), &mut secret[..]);
        let key = SigningKey::from_bytes(&secret);
        Ok((secret.to_vec(), key.verifying_key().to_bytes().to_vec()))
    }

    /// Strict: no malleable signature, no key of small order.
    fn verify_signature(&self, scheme: SignatureScheme, data: &[u8], public: &[u8], signature: &[u8]) -> Result<()> {
        only_ed25519(scheme)?;
        let public: &[u8; 32] = public.try_into().map_err(|_| CryptoError::InvalidLength)?;
        let key = self.keys.lock().get(public).ok_or(CryptoError::InvalidPublicKey)?;
        let signature = Signature::from_slice(signature).map_err(|_| CryptoError::InvalidSignature)?;
        key.verify_strict(data, &signature).map_err(|_| CryptoError::InvalidSignature)
    }

    fn sign(&self, scheme: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>> {
        only_ed25519(scheme)?;
        let key: &[u8; 32] = key.try_into().map_err(|_| CryptoError::InvalidLength)?;
        Ok(SigningKey::from_bytes(key).sign(data).to_bytes().to_vec())
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        public: &[u8],
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<HpkeCiphertext> {
        hpke::check(&config)?;
        #[cfg(test)]
        let plaintext = if self.spoils.swap(false, core::sync::atomic::Ordering::Relaxed) { b"" } else { plaintext };
        hpke::seal(&mut self.randomness.draw(), public, info, aad, plaintext)
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        private: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>> {
        hpke::check(&config)?;
        hpke::open(input, private, info, aad)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        public: &[u8],
        info: &[u8],
        exporter_context: &[u8],
        exporter_length: usize,
    ) -> Result<(KemOutput, ExporterSecret)> {
        hpke::check(&config)?;
        hpke::sender_export(&mut self.randomness.draw(), public, info, exporter_context, exporter_length)
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        kem_output: &[u8],
        private: &[u8],
        info: &[u8],
        exporter_context: &[u8],
        exporter_length: usize,
    ) -> Result<ExporterSecret> {
        hpke::check(&config)?;
        hpke::receiver_export(kem_output, private, info, exporter_context, exporter_length)
    }

    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair> {
        hpke::check(&config)?;
        Ok(hpke::derive_key_pair(ikm))
    }
}

fn only_sha256(hash: HashType) -> Result<()> {
    match hash {
        HashType::Sha2_256 => Ok(()),
        HashType::Sha2_384 | HashType::Sha2_512 => Err(CryptoError::UnsupportedHashAlgorithm),
    }
}

fn only_ed25519(scheme: SignatureScheme) -> Result<()> {
    if scheme == SignatureScheme::ED25519 { Ok(()) } else { Err(CryptoError::UnsupportedSignatureScheme) }
}

fn cipher(aead: AeadType, key: &[u8], nonce: &[u8]) -> Result<(ChaCha20Poly1305, Nonce)> {
    if aead != AeadType::ChaCha20Poly1305 {
        return Err(CryptoError::UnsupportedAeadAlgorithm);
    }
    let key = <&Key>::try_from(key).map_err(|_| CryptoError::InvalidLength)?;
    let nonce = Nonce::try_from(nonce).map_err(|_| CryptoError::InvalidLength)?;
    Ok((ChaCha20Poly1305::new(key), nonce))
}
