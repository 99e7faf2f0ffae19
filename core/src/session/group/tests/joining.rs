//! Key packages and Welcomes.

use openmls::prelude::{
    ApplicationIdExtension, BasicCredential, Capabilities, CredentialWithKey, Extension, Extensions, KeyPackage,
    Lifetime, MlsGroup, MlsMessageOut,
};
use tls_codec::Serialize as _;

use crate::error::{Error, PeerFault};
use crate::id::SessionId;
use crate::limits;
use crate::session::group::{Changes, Group, capabilities, credential, lifetime, settings};
use crate::session::key_package;
use crate::session::provider::{LeafSigner, SUITE};
use crate::session::storage::{Held, Scope};
use crate::session::testing::{Device, FACTS, SESSION, two};

fn refused(device: &Device, welcome: &[u8]) -> PeerFault {
    let before = device.rows.snapshot();
    let Err(Error::Peer(fault)) = Group::stage_welcome(&device.provider(), welcome) else {
        panic!("no fault of a peer")
    };
    assert!(device.rows.snapshot() == before, "rows changed: {fault:?}");
    fault
}

/// A Welcome into a group of Ann's for a key package.
fn welcome_for(ann: &mut Device, package: Vec<u8>) -> Vec<u8> {
    ann.committed(Changes { adds: vec![package], ..Changes::default() }).welcome.unwrap()
}

#[test]
fn a_welcome_shows_everything_before_it_is_accepted() {
    let (mut ann, bob) = (Device::new("ann"), Device::new("bob"));
    ann.create();
    let made = key_package::make(&bob.provider(), &bob.signer, &bob.certificate, false).unwrap();
    let welcome = welcome_for(&mut ann, made.bytes);
    let before = bob.rows.snapshot();
    let join = Group::stage_welcome(&bob.provider(), &welcome).unwrap();
    assert!(bob.rows.snapshot() == before, "looking is not touching");
    assert_eq!((join.session(), join.epoch(), join.sender(), join.own_leaf()), (SESSION, 1, 0, 1));
    assert_eq!(join.facts(), FACTS);
    assert!(join.members()[0].certificate == ann.certificate && join.members()[0].key == ann.signer.public());
    assert!(join.members()[1].certificate == bob.certificate && join.members()[1].key == bob.signer.public());
    assert!(join.key_package() == made.reference && !join.last_resort());
    let group = join.accept(&bob.provider()).unwrap();
    assert_eq!((group.session().unwrap(), group.epoch(), group.own_leaf()), (SESSION, 1, 1));
    assert_eq!(refused(&bob, &welcome), PeerFault::KeyPackage, "an ordinary key package works once");
}

#[test]
fn a_refused_welcome_can_be_forgotten_with_its_key_package() {
    let (mut ann, bob) = (Device::new("ann"), Device::new("bob"));
    ann.create();
    let welcome = welcome_for(&mut ann, bob.key_package());
    let join = Group::stage_welcome(&bob.provider(), &welcome).unwrap();
    key_package::delete(&bob.provider(), &join.key_package()).unwrap();
    drop(join);
    assert!(bob.rows.snapshot().is_empty());
    assert_eq!(refused(&bob, &welcome), PeerFault::KeyPackage);
}

#[test]
fn the_last_resort_works_for_many_groups_and_once_for_each() {
    let bob = Device::new("bob");
    let made = key_package::make(&bob.provider(), &bob.signer, &bob.certificate, true).unwrap();
    for number in 1..4 {
        let mut ann = Device::new("ann");
        let session = SessionId::from_bytes([number; 16]);
        ann.group = Some(Group::create(&ann.provider(), &ann.signer, &ann.certificate, session, FACTS).unwrap());
        let welcome = welcome_for(&mut ann, made.bytes.clone());
        let join = Group::stage_welcome(&bob.provider(), &welcome).unwrap();
        assert!(join.last_resort() && join.session() == session);
        join.accept(&bob.provider()).unwrap();
        assert_eq!(refused(&bob, &welcome), PeerFault::Replay);
    }
    for number in 1..4 {
        Group::delete(&bob.provider(), SessionId::from_bytes([number; 16])).unwrap();
    }
    assert_eq!(bob.rows.snapshot().len(), 1, "the key package itself");
    key_package::delete(&bob.provider(), &made.reference).unwrap();
    assert!(bob.rows.snapshot().is_empty());
}

#[test]
fn a_damaged_welcome_is_refused_and_the_good_one_still_accepted() {
    let (mut ann, mut bob) = (Device::new("ann"), Device::new("bob"));
    ann.create();
    let welcome = welcome_for(&mut ann, bob.key_package());
    for at in (0..welcome.len()).step_by(5) {
        let mut bad = welcome.clone();
        bad[at] ^= 1;
        refused(&bob, &bad);
    }
    assert_eq!(refused(&bob, &welcome[..welcome.len() - 1]), PeerFault::Malformed("welcome"));
    assert_eq!(refused(&bob, b""), PeerFault::Malformed("welcome"));
    assert_eq!(refused(&bob, &bob.key_package()), PeerFault::Malformed("welcome"), "a key package");
    let mut forged = welcome.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&bob, &forged), PeerFault::Forged);
    assert_eq!(refused(&Device::new("cas"), &welcome), PeerFault::KeyPackage, "not for this device");
    bob.join(&welcome);
    let message = ann.send(b"welcome");
    assert_eq!(bob.read(&message).unwrap(), b"welcome");
}

/// A Welcome for Bob into a group that is not shaped like ours.
fn odd_welcome(bob: &Device, owner: CredentialWithKey, extensions: Option<Vec<Extension>>, id: &[u8]) -> Vec<u8> {
    let ann = Device::new("ann");
    let (held, outer) = (Held::default(), ann.provider());
    let provider = outer.for_group(&held, Scope::All);
    let mut builder = MlsGroup::builder()
        .with_group_id(openmls::prelude::GroupId::from_slice(id))
        .ciphersuite(SUITE)
        .with_wire_format_policy(openmls::prelude::PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true);
    if let Some(extensions) = extensions {
        builder = builder
            .with_capabilities(capabilities())
            .with_group_context_extensions(Extensions::from_vec(extensions).unwrap());
    }
    let mut group = builder.build(&provider, &LeafSigner(&ann.signer), owner).unwrap();
    let package = key_package::parse(openmls_traits::OpenMlsProvider::crypto(&provider), &bob.key_package()).unwrap();
    let (_, welcome, _) = group.add_members(&provider, &LeafSigner(&ann.signer), &[package]).unwrap();
    welcome.tls_serialize_detached().unwrap()
}

#[test]
fn a_group_of_another_shape_is_not_joined() {
    let (ann, bob) = (Device::new("ann"), Device::new("bob"));
    let key = ann.signer.public();
    let ours: Vec<Extension> = settings::context(FACTS).unwrap().iter().cloned().collect();
    let id = [7; 16];
    let good = odd_welcome(&bob, credential(&ann.certificate, &key), Some(ours.clone()), &id);
    assert!(Group::stage_welcome(&bob.provider(), &good).is_ok(), "the counter-check");
    let malformed = PeerFault::Malformed("welcome");
    let no_facts = odd_welcome(&bob, credential(&ann.certificate, &key), Some(ours[..1].to_vec()), &id);
    assert_eq!(refused(&bob, &no_facts), malformed, "no facts");
    let demands_nothing = odd_welcome(&bob, credential(&ann.certificate, &key), Some(ours[1..].to_vec()), &id);
    assert_eq!(refused(&bob, &demands_nothing), malformed, "no required capabilities");
    let mut more = ours.clone();
    more.push(Extension::ExternalSenders(Vec::new()));
    let more = odd_welcome(&bob, credential(&ann.certificate, &key), Some(more), &id);
    assert_eq!(refused(&bob, &more), malformed, "outsiders may propose");
    let long = odd_welcome(&bob, credential(&ann.certificate, &key), Some(ours.clone()), &[7; 17]);
    assert_eq!(refused(&bob, &long), malformed, "an id that is none of ours");
    for certificate in [&[][..], &[1; limits::CERTIFICATE + 1]] {
        let odd = odd_welcome(&bob, credential(certificate, &key), Some(ours.clone()), &id);
        assert_eq!(refused(&bob, &odd), PeerFault::Certificate, "{} bytes", certificate.len());
    }
}

/// A key package of Bob's that is built as the test says.
fn odd_package(
    with: impl FnOnce(openmls::prelude::KeyPackageBuilder) -> openmls::prelude::KeyPackageBuilder,
) -> Vec<u8> {
    let bob = Device::new("bob");
    let builder = KeyPackage::builder().key_package_lifetime(lifetime()).leaf_node_capabilities(capabilities());
    let owner = credential(&bob.certificate, &bob.signer.public());
    let bundle = with(builder).build(SUITE, &bob.provider(), &LeafSigner(&bob.signer), owner).unwrap();
    MlsMessageOut::from(bundle.into_key_package()).tls_serialize_detached().unwrap()
}

#[test]
fn a_key_package_says_whose_it_is() {
    let bob = Device::new("bob");
    for last_resort in [false, true] {
        let made = key_package::make(&bob.provider(), &bob.signer, &bob.certificate, last_resort).unwrap();
        let checked = key_package::check(&bob.crypto, &made.bytes).unwrap();
        assert!(checked.certificate == bob.certificate && checked.key == bob.signer.public());
        assert!(checked.last_resort == last_resort && checked.reference == made.reference);
    }
}

#[test]
fn a_key_package_of_another_shape_is_refused() {
    let crypto = Device::new("checker").crypto;
    let fault = |bytes: &[u8]| key_package::check(&crypto, bytes).err();
    let malformed = Some(PeerFault::Malformed("key package"));
    assert_eq!(fault(&odd_package(|builder| builder)), None, "the counter-check");
    for (name, lifetime) in [
        ("of an hour", Lifetime::new(3_600)),
        ("from one second on", Lifetime::init(1, u64::MAX)),
        ("not quite for ever", Lifetime::init(0, u64::MAX - 1)),
    ] {
        assert_eq!(fault(&odd_package(|builder| builder.key_package_lifetime(lifetime))), malformed, "{name}");
    }
    let unable = Capabilities::new(None, Some(&[SUITE]), None, None, Some(capabilities().credentials()));
    assert_eq!(fault(&odd_package(|builder| builder.leaf_node_capabilities(unable))), malformed, "no facts");
    let named = Extensions::single(Extension::ApplicationId(ApplicationIdExtension::new(b"name"))).unwrap();
    assert_eq!(fault(&odd_package(|builder| builder.leaf_node_extensions(named))), malformed, "more in the leaf");
}

#[test]
fn a_damaged_or_oversized_key_package_is_refused() {
    let bob = Device::new("bob");
    let good = bob.key_package();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(key_package::check(&bob.crypto, &bad).is_err(), "byte {at}");
    }
    assert!(key_package::check(&bob.crypto, &good[..good.len() - 1]).is_err());
    assert!(key_package::check(&bob.crypto, &[&good[..], b"x"].concat()).is_err());
    let large = vec![0; limits::KEY_PACKAGE + 1];
    assert_eq!(key_package::check(&bob.crypto, &large).err(), Some(PeerFault::TooLarge("key package")));
    let basic = CredentialWithKey {
        credential: BasicCredential::new(b"bob".to_vec()).into(),
        signature_key: bob.signer.public().as_slice().into(),
    };
    let bundle = KeyPackage::builder()
        .key_package_lifetime(lifetime())
        .leaf_node_capabilities(capabilities())
        .build(SUITE, &bob.provider(), &LeafSigner(&bob.signer), basic)
        .unwrap();
    let bytes = MlsMessageOut::from(bundle.into_key_package()).tls_serialize_detached().unwrap();
    assert!(key_package::check(&bob.crypto, &bytes).is_err(), "a name is no certificate");
}

#[test]
fn the_keys_of_a_used_key_package_are_not_in_the_rows() {
    let (mut ann, mut bob) = two();
    let keys: Vec<_> = bob.rows.snapshot().into_keys().collect();
    let made = key_package::make(&bob.provider(), &bob.signer, &bob.certificate, false).unwrap();
    let packages: Vec<_> = bob.rows.snapshot().into_keys().filter(|key| !keys.contains(key)).collect();
    assert!(!packages.is_empty());
    Group::delete(&bob.provider(), SESSION).unwrap();
    let pending = ann.committed(Changes { removes: vec![1], ..Changes::default() });
    drop(pending);
    let welcome = welcome_for(&mut ann, made.bytes);
    bob.join(&welcome);
    assert!(packages.iter().all(|key| !bob.rows.snapshot().contains_key(key)));
}
