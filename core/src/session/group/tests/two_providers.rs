//! Our groups with a member on OpenMLS's own provider and storage.

use openmls::prelude::{
    KeyPackage, LeafNodeIndex, LeafNodeParameters, MlsGroup, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut,
    ProcessedMessageContent, StagedWelcome,
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::OpenMlsProvider;
use tls_codec::{DeserializeBytes as _, Serialize as _};

use crate::authority::DeviceKey;
use crate::session::group::{Changes, capabilities, credential, lifetime, settings};
use crate::session::key_package;
use crate::session::provider::{LeafSigner, SUITE};
use crate::session::testing::Device;

/// A member that shares nothing with ours but the protocol and OpenMLS.
struct Other {
    provider: OpenMlsRustCrypto,
    key: DeviceKey,
    group: Option<MlsGroup>,
}

const CERTIFICATE: &[u8] = b"certificate of the other";

impl Other {
    fn new() -> Other {
        Other { provider: OpenMlsRustCrypto::default(), key: DeviceKey::from_bytes([3; 32]), group: None }
    }

    fn key_package(&self) -> Vec<u8> {
        let bundle = KeyPackage::builder()
            .key_package_lifetime(lifetime())
            .leaf_node_capabilities(capabilities())
            .build(SUITE, &self.provider, &LeafSigner(&self.key), credential(CERTIFICATE, &self.key.public()))
            .unwrap();
        MlsMessageOut::from(bundle.into_key_package()).tls_serialize_detached().unwrap()
    }

    fn join(&mut self, welcome: &[u8]) {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome).unwrap();
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { panic!("no welcome") };
        let staged = StagedWelcome::new_from_welcome(&self.provider, &settings::config(), welcome, None).unwrap();
        self.group = Some(staged.into_group(&self.provider).unwrap());
    }

    fn group(&mut self) -> &mut MlsGroup {
        self.group.as_mut().unwrap()
    }

    fn send(&mut self, text: &[u8]) -> Vec<u8> {
        let group = self.group.as_mut().unwrap();
        group.create_message(&self.provider, &LeafSigner(&self.key), text).unwrap().tls_serialize_detached().unwrap()
    }

    fn receive(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap().try_into_protocol_message().unwrap();
        let group = self.group.as_mut().unwrap();
        match group.process_message(&self.provider, message).unwrap().into_content() {
            ProcessedMessageContent::ApplicationMessage(message) => Some(message.into_bytes()),
            ProcessedMessageContent::StagedCommitMessage(commit) => {
                group.merge_staged_commit(&self.provider, *commit).unwrap();
                None
            }
            _ => panic!("neither message nor commit"),
        }
    }

    fn update(&mut self) -> Vec<u8> {
        let group = self.group.as_mut().unwrap();
        let bundle = group.self_update(&self.provider, &LeafSigner(&self.key), LeafNodeParameters::default()).unwrap();
        group.merge_pending_commit(&self.provider).unwrap();
        bundle.into_commit().tls_serialize_detached().unwrap()
    }
}

#[test]
fn one_group_runs_on_both_providers() {
    let (mut ann, mut other, mut cas) = (Device::new("ann"), Other::new(), Device::new("cas"));
    ann.create();
    let pending = ann.committed(Changes { adds: vec![other.key_package()], ..Changes::default() });
    other.join(&pending.welcome.unwrap());
    for round in 0..20 {
        for number in 0..5 {
            let text = format!("text {round} {number}");
            let message = ann.send(text.as_bytes());
            assert_eq!(other.receive(&message).unwrap(), text.as_bytes());
            let message = other.send(text.as_bytes());
            assert_eq!(ann.read(&message).unwrap(), text.as_bytes());
        }
        if round % 2 == 0 {
            let commit = ann.committed(Changes::default()).commit;
            assert_eq!(other.receive(&commit), None);
        } else {
            let commit = other.update();
            ann.follow(&commit);
        }
        assert_eq!(ann.group().authenticator(), other.group().epoch_authenticator().as_slice());
    }
    // The other adds one of ours, and removes one.
    let package = key_package::parse(ann.provider().crypto(), &cas.key_package()).unwrap();
    let group = other.group.as_mut().unwrap();
    let (commit, welcome, _) = group.add_members(&other.provider, &LeafSigner(&other.key), &[package]).unwrap();
    group.merge_pending_commit(&other.provider).unwrap();
    ann.follow(&commit.tls_serialize_detached().unwrap());
    cas.join(&welcome.tls_serialize_detached().unwrap());
    let message = cas.send(b"from cas");
    assert_eq!(ann.read(&message).unwrap(), b"from cas");
    assert_eq!(other.receive(&message).unwrap(), b"from cas");
    let group = other.group.as_mut().unwrap();
    let removed = [LeafNodeIndex::new(ann.group().own_leaf())];
    let (commit, _, _) = group.remove_members(&other.provider, &LeafSigner(&other.key), &removed).unwrap();
    group.merge_pending_commit(&other.provider).unwrap();
    let commit = commit.tls_serialize_detached().unwrap();
    cas.follow(&commit);
    ann.follow(&commit);
    assert!(!ann.group().is_active());
    let message = other.send(b"without ann");
    assert_eq!(cas.read(&message).unwrap(), b"without ann");
}
