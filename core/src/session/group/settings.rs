//! The one shape that our groups have, and the checks that others keep to it.

use openmls::prelude::{
    Capabilities, Credential, CredentialType, CredentialWithKey, Extension, ExtensionType, Extensions, GroupContext,
    GroupId, Lifetime, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, RequiredCapabilitiesExtension,
    SenderRatchetConfiguration, UnknownExtension,
};

use super::Leaf;
use crate::error::{Error, PeerFault};
use crate::id::SessionId;
use crate::limits;
use crate::session::provider::SUITE;

/// The credential that is a role certificate; of the range for private use (RFC 9420, section 17.5).
const CERTIFICATE: CredentialType = CredentialType::Other(0xf0ce);
/// The GroupContext extension that holds what all members must agree on; of the range for private use.
const FACTS_TYPE: u16 = 0xf0fa;
const FACTS: ExtensionType = ExtensionType::Unknown(FACTS_TYPE);

/// Messages of the handshake are padded to a multiple of this, which hides the length of certificates. The bodies
/// of application messages are padded before, see [`crate::envelope`].
const PADDING: usize = 128;

/// Key packages carry this lifetime and no other, because OpenMLS compares lifetimes with the system's clock, and
/// whether a commit is valid must not depend on a clock. The lifetime that counts is the certificate's.
pub(in crate::session) const LIFETIME: (u64, u64) = (0, u64::MAX);

pub(in crate::session) fn lifetime() -> Lifetime {
    Lifetime::init(LIFETIME.0, LIFETIME.1)
}

pub(in crate::session) fn capabilities() -> Capabilities {
    Capabilities::new(None, Some(&[SUITE]), Some(&[FACTS, ExtensionType::LastResort]), None, Some(&[CERTIFICATE]))
}

pub(in crate::session) fn credential(certificate: &[u8], key: &[u8; 32]) -> CredentialWithKey {
    CredentialWithKey {
        credential: Credential::new(CERTIFICATE, certificate.to_vec()),
        signature_key: key.as_slice().into(),
    }
}

/// The certificate in a credential, if it is one.
pub(in crate::session) fn certificate(credential: &Credential) -> Option<Vec<u8>> {
    let content = credential.serialized_content();
    let good = credential.credential_type() == CERTIFICATE && (1..=limits::CERTIFICATE).contains(&content.len());
    good.then(|| content.to_vec())
}

/// Whether a leaf's capabilities are enough for our groups.
pub(in crate::session) fn capable(capabilities: &Capabilities) -> bool {
    capabilities.extensions().contains(&FACTS)
        && capabilities.credentials().contains(&CERTIFICATE)
        && capabilities.ciphersuites().contains(&SUITE.into())
}

/// A leaf from a credential and key that the library has verified.
pub(super) fn leaf(index: u32, credential: &Credential, key: &[u8]) -> Result<Leaf, PeerFault> {
    let certificate = certificate(credential).ok_or(PeerFault::Certificate)?;
    let key = key.try_into().map_err(|_| PeerFault::Malformed("signature key"))?;
    Ok(Leaf { index, certificate, key })
}

pub(super) fn group_id(session: &SessionId) -> GroupId {
    GroupId::from_slice(session.as_bytes())
}

pub(super) fn session(group_id: &GroupId) -> Option<SessionId> {
    SessionId::from_slice(group_id.as_slice())
}

pub(super) fn ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(limits::OUT_OF_ORDER_TOLERANCE, limits::FORWARD_DISTANCE)
}

pub(super) fn config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .padding_size(PADDING)
        .max_past_epochs(limits::PAST_EPOCHS)
        .number_of_resumption_psks(0)
        .sender_ratchet_configuration(ratchet())
        .build()
}

/// The extensions of the group context: what members must be able to do, and the facts. Nothing else, in this order.
pub(super) fn context(facts: &[u8]) -> Result<Extensions<GroupContext>, Error> {
    let required = RequiredCapabilitiesExtension::new(&[FACTS], &[], &[CERTIFICATE]);
    Extensions::from_vec(vec![
        Extension::RequiredCapabilities(required),
        Extension::Unknown(FACTS_TYPE, UnknownExtension(facts.to_vec())),
    ])
    .map_err(|_| Error::Bug("mls.extensions"))
}

/// The facts of a group context, if it holds nothing but what ours hold.
pub(super) fn facts(extensions: &Extensions<GroupContext>) -> Option<Vec<u8>> {
    let facts = extensions.unknown(FACTS_TYPE)?.0.clone();
    (context(&facts).ok()? == *extensions).then_some(facts)
}
