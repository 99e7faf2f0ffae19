//! HPKE in base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
//!
//! The `hpke` crate refuses an all-zero Diffie-Hellman result on both sides (section 7.1.4).

use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng};
use openmls_traits::types::{
    CryptoError, ExporterSecret, HpkeAeadType, HpkeCiphertext, HpkeConfig, HpkeKdfType, HpkeKemType, HpkeKeyPair,
    KemOutput,
};
use rand_core::CryptoRng;

type Dh = X25519HkdfSha256;
type Sender = AeadCtxS<ChaCha20Poly1305, HkdfSha256, Dh>;
type Receiver = AeadCtxR<ChaCha20Poly1305, HkdfSha256, Dh>;

/// Refuses any other suite.
pub(super) fn check(config: &HpkeConfig) -> Result<(), CryptoError> {
    match config {
        HpkeConfig(HpkeKemType::DhKem25519, HpkeKdfType::HkdfSha256, HpkeAeadType::ChaCha20Poly1305) => Ok(()),
        _ => Err(CryptoError::UnsupportedCiphersuite),
    }
}

pub(super) fn seal(
    rng: &mut impl CryptoRng,
    public: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<HpkeCiphertext, CryptoError> {
    let (kem_output, mut context) = sender(rng, public, info)?;
    let ciphertext = context.seal(plaintext, aad).map_err(|_| CryptoError::HpkeEncryptionError)?;
    Ok(HpkeCiphertext { kem_output: kem_output.into(), ciphertext: ciphertext.into() })
}

pub(super) fn open(input: &HpkeCiphertext, private: &[u8], info: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let mut context = receiver(input.kem_output.as_slice(), private, info)?;
    context.open(input.ciphertext.as_slice(), aad).map_err(|_| CryptoError::HpkeDecryptionError)
}

pub(super) fn sender_export(
    rng: &mut impl CryptoRng,
    public: &[u8],
    info: &[u8],
    exporter_context: &[u8],
    len: usize,
) -> Result<(KemOutput, ExporterSecret), CryptoError> {
    let (kem_output, context) = sender(rng, public, info)?;
    let mut secret = vec![0; len];
    context.export(exporter_context, &mut secret).map_err(|_| CryptoError::ExporterError)?;
    Ok((kem_output, secret.into()))
}

pub(super) fn receiver_export(
    kem_output: &[u8],
    private: &[u8],
    info: &[u8],
    exporter_context: &[u8],
    len: usize,
) -> Result<ExporterSecret, CryptoError> {
    let context = receiver(kem_output, private, info)?;
    let mut secret = vec![0; len];
    context.export(exporter_context, &mut secret).map_err(|_| CryptoError::ExporterError)?;
    Ok(secret.into())
}

/// `DeriveKeyPair` (RFC 9180, section 7.1.3).
pub(super) fn derive_key_pair(ikm: &[u8]) -> HpkeKeyPair {
    let (private, public) = Dh::derive_keypair(ikm);
    HpkeKeyPair { private: private.to_bytes().to_vec().into(), public: public.to_bytes().to_vec() }
}

pub(super) fn sender(rng: &mut impl CryptoRng, public: &[u8], info: &[u8]) -> Result<(KemOutput, Sender), CryptoError> {
    let public = <Dh as Kem>::PublicKey::from_bytes(public).map_err(|_| CryptoError::InvalidPublicKey)?;
    let (encapped, context) = setup_sender_with_rng::<_, _, Dh>(&OpModeS::Base, &public, info, rng)
        .map_err(|_| CryptoError::SenderSetupError)?;
    Ok((encapped.to_bytes().to_vec(), context))
}

pub(super) fn receiver(kem_output: &[u8], private: &[u8], info: &[u8]) -> Result<Receiver, CryptoError> {
    let private = <Dh as Kem>::PrivateKey::from_bytes(private).map_err(|_| CryptoError::InvalidLength)?;
    let encapped = <Dh as Kem>::EncappedKey::from_bytes(kem_output).map_err(|_| CryptoError::InvalidPublicKey)?;
    setup_receiver(&OpModeR::Base, &private, &encapped, info).map_err(|_| CryptoError::ReceiverSetupError)
}
