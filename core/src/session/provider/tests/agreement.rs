//! Every operation against `openmls_rust_crypto`, on random inputs.

use openmls_rust_crypto::RustCrypto;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{AeadType, HashType, HpkeAeadType, HpkeConfig, HpkeKdfType, HpkeKemType, SignatureScheme};

use super::crypto;
use crate::rng::Rng;
use crate::session::provider::Crypto;

const ROUNDS: usize = 200;

fn config() -> HpkeConfig {
    HpkeConfig(HpkeKemType::DhKem25519, HpkeKdfType::HkdfSha256, HpkeAeadType::ChaCha20Poly1305)
}

/// Runs with both implementations and fresh random inputs of random length.
fn rounds(seed: u8, mut check: impl FnMut(&Crypto, &RustCrypto, &mut dyn FnMut() -> Vec<u8>)) {
    let (ours, theirs, mut rng) = (crypto(seed), RustCrypto::default(), Rng::from_seed([!seed; 32]));
    for _ in 0..ROUNDS {
        check(&ours, &theirs, &mut || {
            let mut bytes = vec![0; rng.below(300) as usize];
            rng.fill(&mut bytes);
            bytes
        });
    }
}

fn of_len(len: usize, bytes: Vec<u8>) -> Vec<u8> {
    let mut bytes = bytes;
    bytes.resize(len, 0xa5);
    bytes
}

#[test]
fn hashes_and_key_derivation_agree() {
    rounds(1, |ours, theirs, random| {
        let (a, b, sha256) = (random(), random(), HashType::Sha2_256);
        assert_eq!(ours.hash(sha256, &a), theirs.hash(sha256, &a));
        assert_eq!(ours.hmac(sha256, &a, &b), theirs.hmac(sha256, &a, &b));
        let prk = ours.hkdf_extract(sha256, &a, &b).unwrap();
        assert_eq!(prk, theirs.hkdf_extract(sha256, &a, &b).unwrap());
        let len = 1 + a.len();
        assert_eq!(
            ours.hkdf_expand(sha256, prk.as_slice(), &b, len),
            theirs.hkdf_expand(sha256, prk.as_slice(), &b, len)
        );
    });
}

#[test]
fn authenticated_encryption_agrees() {
    rounds(2, |ours, theirs, random| {
        let (key, nonce) = (of_len(32, random()), of_len(12, random()));
        let (data, aad, chacha) = (random(), random(), AeadType::ChaCha20Poly1305);
        let sealed = ours.aead_encrypt(chacha, &key, &data, &nonce, &aad).unwrap();
        assert_eq!(sealed, theirs.aead_encrypt(chacha, &key, &data, &nonce, &aad).unwrap());
        assert_eq!(ours.aead_decrypt(chacha, &key, &sealed, &nonce, &aad).unwrap(), data);
        let mut bad = sealed;
        let at = data.len() % bad.len();
        bad[at] ^= 1;
        let opened = ours.aead_decrypt(chacha, &key, &bad, &nonce, &aad);
        assert!(opened.is_err());
        assert_eq!(opened, theirs.aead_decrypt(chacha, &key, &bad, &nonce, &aad));
    });
}

#[test]
fn signatures_agree() {
    let scheme = SignatureScheme::ED25519;
    rounds(3, |ours, theirs, random| {
        let message = random();
        let (private, public) = ours.signature_key_gen(scheme).unwrap();
        let signature = ours.sign(scheme, &message, &private).unwrap();
        assert_eq!(theirs.verify_signature(scheme, &message, &public, &signature), Ok(()));
        // Its private keys carry the public half behind the seed.
        let (private, public) = theirs.signature_key_gen(scheme).unwrap();
        let signature = theirs.sign(scheme, &message, &private).unwrap();
        assert_eq!(ours.verify_signature(scheme, &message, &public, &signature), Ok(()));
        assert_eq!(ours.sign(scheme, &message, &private[..32]).unwrap(), signature);
        let mut other = message;
        other.push(0);
        assert!(ours.verify_signature(scheme, &other, &public, &signature).is_err());
        assert!(theirs.verify_signature(scheme, &other, &public, &signature).is_err());
    });
}

#[test]
fn hpke_agrees_in_both_directions() {
    rounds(4, |ours, theirs, random| {
        let (ikm, info, aad, text) = (of_len(32, random()), random(), random(), random());
        let pair = ours.derive_hpke_keypair(config(), &ikm).unwrap();
        assert_eq!(pair.public, theirs.derive_hpke_keypair(config(), &ikm).unwrap().public);
        let theirs_private = theirs.derive_hpke_keypair(config(), &ikm).unwrap().private;
        let sealed = ours.hpke_seal(config(), &pair.public, &info, &aad, &text).unwrap();
        assert_eq!(theirs.hpke_open(config(), &sealed, &theirs_private, &info, &aad).unwrap(), text);
        let sealed = theirs.hpke_seal(config(), &pair.public, &info, &aad, &text).unwrap();
        assert_eq!(ours.hpke_open(config(), &sealed, &pair.private, &info, &aad).unwrap(), text);
        assert_eq!(ours.hpke_open(config(), &sealed, &theirs_private, &info, &aad).unwrap(), text);
        assert!(ours.hpke_open(config(), &sealed, &pair.private, &info, b"another").is_err());
        assert!(ours.hpke_open(config(), &sealed, &pair.private, b"another", &aad).is_err());
    });
}

#[test]
fn hpke_exports_agree_in_both_directions() {
    rounds(5, |ours, theirs, random| {
        let (ikm, info, context) = (of_len(32, random()), random(), random());
        let pair = ours.derive_hpke_keypair(config(), &ikm).unwrap();
        let len = 1 + info.len();
        let (enc, secret) = ours.hpke_setup_sender_and_export(config(), &pair.public, &info, &context, len).unwrap();
        let received =
            theirs.hpke_setup_receiver_and_export(config(), &enc, &pair.private, &info, &context, len).unwrap();
        assert_eq!(secret[..], received[..]);
        let (enc, secret) = theirs.hpke_setup_sender_and_export(config(), &pair.public, &info, &context, len).unwrap();
        let received =
            ours.hpke_setup_receiver_and_export(config(), &enc, &pair.private, &info, &context, len).unwrap();
        assert_eq!(secret[..], received[..]);
    });
}
