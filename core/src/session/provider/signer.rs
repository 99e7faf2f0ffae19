//! Signing with the device's key.

use ed25519_dalek::Signer as _;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;

use crate::authority::DeviceKey;

/// The key of our own leaf. The public half is at hand in it, so that a signature costs one multiplication.
///
/// Everything that MLS signs begins with a length byte and “MLS 1.0 ” (RFC 9420, section 5.1.2), which no other kind
/// of message that this key signs begins with.
pub(crate) struct LeafSigner<'a>(pub(crate) &'a DeviceKey);

impl Signer for LeafSigner<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.signing_key().sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
