//! Key packages: how a device can be added to a group while it is away (RFC 9420, section 10).

use openmls::prelude::{
    ExtensionType, KeyPackage as MlsKeyPackage, KeyPackageBundle, KeyPackageRef, MlsMessageBodyIn, MlsMessageIn,
    MlsMessageOut, ProtocolVersion,
};
use openmls_traits::OpenMlsProvider;
use openmls_traits::storage::StorageProvider as _;
use tls_codec::{DeserializeBytes as _, Serialize as _};

use super::group::{capabilities, capable, certificate, credential, lifetime};
use super::provider::{Crypto, LeafSigner, Provider, SUITE};
use crate::authority::DeviceKey;
use crate::error::{Error, PeerFault};
use crate::id::Hash32;
use crate::limits;

/// A key package of ours, to be published. Its private keys are in the rows.
pub(crate) struct KeyPackage {
    /// As an MLS message.
    pub(crate) bytes: Vec<u8>,
    /// Its reference (RFC 9420, section 5.2), by which a Welcome names it.
    pub(crate) reference: Hash32,
}

/// What a valid key package says.
#[allow(dead_code, reason = "part of what a session offers; the engine does not ask for it yet")]
pub(crate) struct Checked {
    /// The role certificate, as yet unjudged.
    pub(crate) certificate: Vec<u8>,
    /// The Ed25519 key of the leaf.
    pub(crate) key: [u8; 32],
    /// May be used more than once.
    pub(crate) last_resort: bool,
    /// Its reference (RFC 9420, section 5.2).
    pub(crate) reference: Hash32,
}

/// Makes a key package and keeps its private keys.
pub(crate) fn make(
    provider: &Provider<'_>,
    signer: &DeviceKey,
    certificate: &[u8],
    last_resort: bool,
) -> Result<KeyPackage, Error> {
    let builder = MlsKeyPackage::builder().key_package_lifetime(lifetime()).leaf_node_capabilities(capabilities());
    let builder = if last_resort { builder.mark_as_last_resort() } else { builder };
    let bundle = builder
        .build(SUITE, provider, &LeafSigner(signer), credential(certificate, &signer.public()))
        .map_err(|_| provider.fault("mls.key_package"))?;
    let package = bundle.into_key_package();
    let reference = reference(provider.crypto(), &package)?;
    let bytes = MlsMessageOut::from(package).tls_serialize_detached().map_err(|_| Error::Bug("mls.serialize"))?;
    Ok(KeyPackage { bytes, reference })
}

/// Checks everything about a key package but its certificate.
///
/// # Errors
/// [`PeerFault::TooLarge`], [`PeerFault::Malformed`], or [`PeerFault::Certificate`] when the credential is none.
pub(crate) fn check(crypto: &Crypto, bytes: &[u8]) -> Result<Checked, PeerFault> {
    let package = parse(crypto, bytes)?;
    let leaf = package.leaf_node();
    Ok(Checked {
        certificate: certificate(leaf.credential()).ok_or(PeerFault::Certificate)?,
        key: leaf.signature_key().as_slice().try_into().map_err(|_| MALFORMED)?,
        last_resort: package.last_resort(),
        reference: reference(crypto, &package).map_err(|_| MALFORMED)?,
    })
}

/// Deletes the private keys of a key package, if they are there.
pub(crate) fn delete(provider: &Provider<'_>, reference: &Hash32) -> Result<(), Error> {
    provider.storage().delete_key_package(&named(reference)?).map_err(|e| e.0)
}

/// Whether the private keys of a key package are there.
pub(crate) fn exists(provider: &Provider<'_>, reference: &Hash32) -> Result<bool, Error> {
    let found: Option<KeyPackageBundle> = provider.storage().key_package(&named(reference)?).map_err(|e| e.0)?;
    Ok(found.is_some())
}

fn named(reference: &Hash32) -> Result<KeyPackageRef, Error> {
    let mut bytes = vec![Hash32::LEN as u8];
    bytes.extend_from_slice(reference.as_bytes());
    KeyPackageRef::tls_deserialize_exact_bytes(&bytes).map_err(|_| Error::Bug("mls.reference"))
}

const MALFORMED: PeerFault = PeerFault::Malformed("key package");

/// A key package with good signatures and the shape of ours.
pub(super) fn parse(crypto: &Crypto, bytes: &[u8]) -> Result<MlsKeyPackage, PeerFault> {
    if bytes.len() > limits::KEY_PACKAGE {
        return Err(PeerFault::TooLarge("key package"));
    }
    let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).map_err(|_| MALFORMED)?;
    let MlsMessageBodyIn::KeyPackage(package) = message.extract() else { return Err(MALFORMED) };
    let package = package.validate(crypto, ProtocolVersion::Mls10).map_err(|_| MALFORMED)?;
    check_shape(&package)?;
    Ok(package)
}

/// Checks what a verified key package may say: ours and no more.
pub(super) fn check_shape(package: &MlsKeyPackage) -> Result<(), PeerFault> {
    let leaf = package.leaf_node();
    let plain = package.ciphersuite() == SUITE
        && *package.life_time() == lifetime()
        && package.extensions().iter().all(|e| e.extension_type() == ExtensionType::LastResort)
        && leaf.extensions().iter().next().is_none()
        && capable(leaf.capabilities());
    if !plain {
        return Err(MALFORMED);
    }
    certificate(leaf.credential()).map(|_| ()).ok_or(PeerFault::Certificate)
}

pub(super) fn reference(crypto: &Crypto, package: &MlsKeyPackage) -> Result<Hash32, Error> {
    let reference = package.hash_ref(crypto).map_err(|_| Error::Bug("mls.reference"))?;
    Hash32::from_slice(reference.as_slice()).ok_or(Error::Bug("mls.reference"))
}
