//! Inputs that an attacker would choose.

use ed25519_dalek::{Signer, SigningKey};
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, HashType, HpkeAeadType, HpkeCiphertext, HpkeConfig, HpkeKdfType, HpkeKemType,
    SignatureScheme,
};

use super::{crypto, unhex};
use crate::session::provider::SUITE;

/// u-coordinates of low order on Curve25519 and its twist, canonical and not (RFC 7748, section 6.1; D. J.
/// Bernstein, “May the fourth be with you”, lists them as points to reject).
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn config() -> HpkeConfig {
    HpkeConfig(HpkeKemType::DhKem25519, HpkeKdfType::HkdfSha256, HpkeAeadType::ChaCha20Poly1305)
}

#[test]
fn a_public_key_of_low_order_is_refused_on_both_sides() {
    let crypto = crypto(1);
    let private = crypto.derive_hpke_keypair(config(), &[3; 32]).unwrap().private;
    for point in LOW_ORDER.map(unhex) {
        assert!(crypto.hpke_seal(config(), &point, b"", b"", b"text").is_err());
        assert!(crypto.hpke_setup_sender_and_export(config(), &point, b"", b"", 32).is_err());
        let sealed = HpkeCiphertext { kem_output: point.clone().into(), ciphertext: vec![0; 32].into() };
        assert_eq!(
            crypto.hpke_open(config(), &sealed, &private, b"", b""),
            Err(CryptoError::ReceiverSetupError),
            "before anything is decrypted"
        );
        assert!(crypto.hpke_setup_receiver_and_export(config(), &point, &private, b"", b"", 32).is_err());
        // The highest bit is ignored by X25519, so it must not hide such a point.
        let mut masked = point;
        masked[31] |= 0x80;
        assert!(crypto.hpke_seal(config(), &masked, b"", b"", b"text").is_err());
    }
}

/// The order of the base point, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn plus_order(scalar: &[u8]) -> Vec<u8> {
    let mut carry = 0u16;
    scalar
        .iter()
        .zip(unhex(ORDER))
        .map(|(a, b)| {
            carry += u16::from(*a) + u16::from(b);
            let byte = carry as u8;
            carry >>= 8;
            byte
        })
        .collect()
}

#[test]
fn a_signature_has_one_encoding() {
    let crypto = crypto(1);
    let key = SigningKey::from_bytes(&[5; 32]);
    let public = key.verifying_key().to_bytes();
    let good = key.sign(b"message").to_bytes();
    let verify = |signature: &[u8]| crypto.verify_signature(SignatureScheme::ED25519, b"message", &public, signature);
    assert_eq!(verify(&good), Ok(()));
    let malleable = [&good[..32], &plus_order(&good[32..])].concat();
    assert_eq!(verify(&malleable), Err(CryptoError::InvalidSignature), "S + L");
    for len in [0, 32, 63] {
        assert_eq!(verify(&good[..len]), Err(CryptoError::InvalidSignature), "{len} bytes");
    }
    assert_eq!(verify(&[&good[..], &[0]].concat()), Err(CryptoError::InvalidSignature), "65 bytes");
    for at in 0..64 {
        let mut bad = good;
        bad[at] ^= 0x40;
        assert!(verify(&bad).is_err(), "byte {at}");
    }
}

#[test]
fn a_verifying_key_of_small_order_verifies_nothing() {
    let crypto = crypto(1);
    // Points of order 1, 2, 4 and 8, and non-canonical encodings of the first (RFC 8032 demands neither check;
    // “strict” verification does both). Under the first, R = identity and S = 0 would pass for every message.
    for point in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let mut signature = vec![0; 64];
        signature[0] = 1;
        for message in [&b"a"[..], b"b", b"c", b"d"] {
            let result = crypto.verify_signature(SignatureScheme::ED25519, message, &unhex(point), &signature);
            assert!(result.is_err(), "{point}");
        }
    }
}

#[test]
fn lengths_are_checked_and_nothing_panics() {
    let crypto = crypto(1);
    for len in [0, 1, 31, 33, 64] {
        let odd = vec![1; len];
        assert!(crypto.hpke_seal(config(), &odd, b"", b"", b"x").is_err());
        let sealed = HpkeCiphertext { kem_output: odd.clone().into(), ciphertext: vec![0; 32].into() };
        assert!(crypto.hpke_open(config(), &sealed, &[1; 32], b"", b"").is_err());
        let sealed = HpkeCiphertext { kem_output: vec![9; 32].into(), ciphertext: vec![0; 32].into() };
        assert!(crypto.hpke_open(config(), &sealed, &odd, b"", b"").is_err());
        assert!(crypto.aead_encrypt(AeadType::ChaCha20Poly1305, &odd, b"x", &[0; 12], b"").is_err());
        assert!(crypto.aead_decrypt(AeadType::ChaCha20Poly1305, &odd, &[0; 32], &[0; 12], b"").is_err());
        assert!(crypto.aead_encrypt(AeadType::ChaCha20Poly1305, &[1; 32], b"x", &odd, b"").is_err());
        assert!(crypto.sign(SignatureScheme::ED25519, b"x", &odd).is_err());
        assert!(crypto.verify_signature(SignatureScheme::ED25519, b"x", &odd, &[0; 64]).is_err());
    }
    for len in 0..16 {
        let short = HpkeCiphertext { kem_output: vec![9; 32].into(), ciphertext: vec![0; len].into() };
        assert!(crypto.hpke_open(config(), &short, &[1; 32], b"", b"").is_err());
        let opened = crypto.aead_decrypt(AeadType::ChaCha20Poly1305, &[1; 32], &vec![0; len], &[0; 12], b"");
        assert_eq!(opened, Err(CryptoError::AeadDecryptionError));
    }
    assert!(crypto.hkdf_expand(HashType::Sha2_256, &[1; 32], b"", 255 * 32 + 1).is_err());
    assert!(crypto.hkdf_expand(HashType::Sha2_256, &[1; 31], b"", 32).is_err());
}

#[test]
fn no_other_suite_is_served() {
    let crypto = crypto(1);
    assert_eq!(crypto.supported_ciphersuites(), [SUITE]);
    assert_eq!(crypto.supports(SUITE), Ok(()));
    let other = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
    assert_eq!(crypto.supports(other), Err(CryptoError::UnsupportedCiphersuite));
    assert!(crypto.hash(HashType::Sha2_512, b"").is_err());
    assert!(crypto.hmac(HashType::Sha2_384, b"", b"").is_err());
    assert!(crypto.hkdf_extract(HashType::Sha2_384, b"", b"").is_err());
    assert!(crypto.hkdf_expand(HashType::Sha2_512, &[0; 64], b"", 32).is_err());
    assert!(crypto.aead_encrypt(AeadType::Aes256Gcm, &[0; 32], b"", &[0; 12], b"").is_err());
    assert!(crypto.aead_decrypt(AeadType::Aes128Gcm, &[0; 16], &[0; 16], &[0; 12], b"").is_err());
    assert!(crypto.signature_key_gen(SignatureScheme::ED448).is_err());
    assert!(crypto.sign(SignatureScheme::ECDSA_SECP256R1_SHA256, b"", &[1; 32]).is_err());
    let other = || HpkeConfig(HpkeKemType::DhKem25519, HpkeKdfType::HkdfSha256, HpkeAeadType::AesGcm128);
    assert!(crypto.hpke_seal(other(), &[9; 32], b"", b"", b"").is_err());
    assert!(crypto.derive_hpke_keypair(other(), &[9; 32]).is_err());
}
