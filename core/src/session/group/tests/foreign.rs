//! What a member with another program can put into a commit. OpenMLS takes most of it; here it is marked.

use openmls::prelude::{
    ApplicationIdExtension, BasicCredential, Capabilities, CommitBuilder, CredentialType, CredentialWithKey, Extension,
    Extensions, Initial, KeyPackage, LeafNodeParameters, Lifetime, MlsGroup, MlsMessageBodyIn, MlsMessageIn,
    PreSharedKeyProposal, Proposal,
};
use openmls::schedule::{ExternalPsk, PreSharedKeyId, Psk};
use openmls_traits::OpenMlsProvider;
use tls_codec::{DeserializeBytes as _, Serialize as _};

use crate::session::group::{ReceiveError, Received, capabilities, credential, settings};
use crate::session::key_package;
use crate::session::provider::{LeafSigner, Provider, SUITE};
use crate::session::storage::{Held, Scope};
use crate::session::testing::{Device, FACTS, join_all, two};

/// A commit that our [`Group::commit`] would never make.
fn odd_commit(
    device: &mut Device,
    with: impl for<'g> FnOnce(CommitBuilder<'g, Initial>, &Provider<'_>) -> CommitBuilder<'g, Initial>,
) -> Vec<u8> {
    device.with(|group, provider, signer| {
        let inner = provider.for_group(&group.held, Scope::All);
        let builder = with(group.mls.commit_builder(), &inner).load_psks(inner.storage()).unwrap();
        let built = builder.build(inner.rand(), inner.crypto(), &LeafSigner(signer), |_| true).unwrap();
        built.stage_commit(&inner).unwrap().into_commit().tls_serialize_detached().unwrap()
    })
}

/// Whether a commit is kept out: not valid, or marked as foreign.
fn kept_out(device: &mut Device, commit: &[u8]) -> bool {
    match device.receive(commit) {
        Ok(Received::Commit(commit)) => commit.foreign,
        Ok(_) => false,
        Err(error) => error == ReceiveError::InvalidCommit,
    }
}

/// A commit that renews the committer's leaf with these parameters.
fn odd_leaf(device: &mut Device, parameters: LeafNodeParameters) -> Vec<u8> {
    odd_commit(device, |builder, _| builder.leaf_node_parameters(parameters))
}

#[test]
fn our_own_commits_are_not_foreign() {
    let (mut ann, mut bob) = two();
    let commit = odd_commit(&mut ann, |builder, _| builder.force_self_update(true));
    assert!(!kept_out(&mut bob, &commit));
}

#[test]
fn a_commit_without_a_path_shows_it() {
    let (mut ann, mut bob) = two();
    let cas = Device::new("cas");
    let commit = odd_commit(&mut ann, |builder, provider| {
        builder.propose_adds([key_package::parse(provider.crypto(), &cas.key_package()).unwrap()])
    });
    let staged = bob.stage(&commit);
    assert!(staged.path.is_none() && staged.adds.len() == 1 && !staged.foreign);
}

#[test]
fn facts_change_alone_or_not_at_all() {
    let ours: Vec<Extension> = settings::context(FACTS).unwrap().iter().cloned().collect();
    let mut reversed = ours.clone();
    reversed.reverse();
    let mut more = ours.clone();
    more.push(Extension::ExternalSenders(Vec::new()));
    // That nothing is required any more is something that OpenMLS refuses to propose.
    let odd = [("more", more), ("no facts", ours[..1].to_vec()), ("another order", reversed)];
    for (name, extensions) in odd {
        let (mut ann, mut bob) = two();
        let commit = odd_commit(&mut ann, |builder, _| {
            builder.propose_group_context_extensions(Extensions::from_vec(extensions).unwrap()).unwrap()
        });
        assert!(kept_out(&mut bob, &commit), "{name}");
    }
}

#[test]
fn keys_from_outside_the_group_are_foreign() {
    let (mut ann, mut bob) = two();
    let id = |device: &Device| {
        let psk = Psk::External(ExternalPsk::new(b"shared elsewhere".to_vec()));
        PreSharedKeyId::new(SUITE, device.provider().rand(), psk).unwrap()
    };
    id(&ann).store(&ann.provider(), &[5; 32]).unwrap();
    id(&bob).store(&bob.provider(), &[5; 32]).unwrap();
    let id = id(&ann);
    let commit = odd_commit(&mut ann, |builder, _| {
        builder.add_proposal(Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(id))))
    });
    assert!(bob.stage(&commit).foreign);
}

#[test]
fn leaves_and_key_packages_of_another_shape_are_foreign() {
    let (mut ann, mut bob) = two();
    let named = Extensions::single(Extension::ApplicationId(ApplicationIdExtension::new(b"name"))).unwrap();
    let commit = odd_leaf(&mut ann, LeafNodeParameters::builder().with_extensions(named).build());
    assert!(kept_out(&mut bob, &commit), "an extension in the leaf");
    for (name, certificate) in [("no certificate", vec![]), ("too long", vec![1; 2_000])] {
        let (mut ann, mut bob) = two();
        let owner = credential(&certificate, &ann.signer.public());
        let parameters = LeafNodeParameters::builder().with_credential_with_key(owner).build();
        let commit = odd_leaf(&mut ann, parameters);
        assert!(kept_out(&mut bob, &commit), "{name}");
    }
    let (mut ann, mut bob) = two();
    let cas = Device::new("cas");
    let bundle = KeyPackage::builder()
        .key_package_lifetime(Lifetime::new(3_600))
        .leaf_node_capabilities(capabilities())
        .build(SUITE, &cas.provider(), &LeafSigner(&cas.signer), credential(&cas.certificate, &cas.signer.public()))
        .unwrap();
    let commit =
        odd_commit(&mut ann, |builder, _| builder.force_self_update(true).propose_adds([bundle.into_key_package()]));
    let staged = bob.stage(&commit);
    assert!(staged.foreign, "a lifetime of an hour: whether it is over depends on the clock");
}

#[test]
fn a_credential_that_is_no_certificate_is_kept_out() {
    let (mut ann, mut bob) = two();
    let basic = CredentialWithKey {
        credential: BasicCredential::new(b"bob".to_vec()).into(),
        signature_key: ann.signer.public().as_slice().into(),
    };
    let credentials = [capabilities().credentials()[0], CredentialType::Basic];
    let able = Capabilities::new(None, Some(&[SUITE]), Some(capabilities().extensions()), None, Some(&credentials));
    let parameters = LeafNodeParameters::builder().with_credential_with_key(basic).with_capabilities(able).build();
    let commit = odd_leaf(&mut ann, parameters);
    assert!(kept_out(&mut bob, &commit));
}

#[test]
fn proposals_by_themselves_are_not_kept_and_commits_cannot_refer_to_them() {
    let mut devices = ["ann", "bob", "cas"].map(Device::new);
    join_all(&mut devices);
    let [ann, bob, cas] = &mut devices;
    let proposal = bob.with(|group, provider, signer| {
        let inner = provider.for_group(&group.held, Scope::All);
        let update = LeafNodeParameters::default();
        let (message, _) = group.mls.propose_self_update(&inner, &LeafSigner(signer), update).unwrap();
        message.tls_serialize_detached().unwrap()
    });
    assert!(matches!(cas.receive(&proposal), Ok(Received::Other)));
    let text = cas.send(b"sending goes on");
    assert_eq!(ann.read(&text).unwrap(), b"sending goes on");
    // Ann's other program keeps the proposal and commits to it by reference.
    ann.with(|group, provider, _| {
        let inner = provider.for_group(&group.held, Scope::All);
        let message =
            MlsMessageIn::tls_deserialize_exact_bytes(&proposal).unwrap().try_into_protocol_message().unwrap();
        let processed = group.mls.process_message(&inner, message).unwrap();
        let openmls::prelude::ProcessedMessageContent::ProposalMessage(queued) = processed.into_content() else {
            panic!("no proposal")
        };
        group.mls.store_pending_proposal(inner.storage(), *queued).unwrap();
    });
    let commit = odd_commit(ann, |builder, _| builder.consume_proposal_store(true));
    assert!(matches!(cas.receive(&commit), Err(ReceiveError::InvalidCommit)));
    let text = cas.send(b"and on");
    assert_eq!(ann.read(&text).unwrap(), b"and on");
}

#[test]
fn nobody_commits_from_outside() {
    let (mut ann, mut bob) = two();
    let info = ann.with(|group, provider, signer| {
        group
            .mls
            .export_group_info(provider.crypto(), &LeafSigner(signer), true)
            .unwrap()
            .tls_serialize_detached()
            .unwrap()
    });
    let MlsMessageBodyIn::GroupInfo(info) = MlsMessageIn::tls_deserialize_exact_bytes(&info).unwrap().extract() else {
        panic!("no group info")
    };
    let eve = Device::new("eve");
    let (held, outer) = (Held::default(), eve.provider());
    let provider = outer.for_group(&held, Scope::All);
    let (_, bundle) = MlsGroup::external_commit_builder()
        .with_config(settings::config())
        .build_group(&provider, info, credential(&eve.certificate, &eve.signer.public()))
        .unwrap()
        .leaf_node_parameters(LeafNodeParameters::builder().with_capabilities(capabilities()).build())
        .load_psks(provider.storage())
        .unwrap()
        .build(provider.rand(), provider.crypto(), &LeafSigner(&eve.signer), |_| true)
        .unwrap()
        .finalize(&provider)
        .unwrap();
    let commit = bundle.into_commit().tls_serialize_detached().unwrap();
    let before = bob.rows.snapshot();
    assert!(matches!(bob.receive(&commit), Err(ReceiveError::Malformed)));
    assert!(bob.rows.snapshot() == before);
    // The counter-check: OpenMLS by itself would have taken it.
    let taken = bob.with(|group, provider, _| {
        let inner = provider.for_group(&group.held, Scope::All);
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&commit).unwrap().try_into_protocol_message().unwrap();
        group.mls.process_message(&inner, message).is_ok()
    });
    assert!(taken);
}

#[test]
fn handshakes_in_the_clear_are_refused() {
    let (mut ann, mut bob) = two();
    let in_the_clear = ann.with(|group, provider, signer| {
        let inner = provider.for_group(&group.held, Scope::All);
        let config = openmls::prelude::MlsGroupJoinConfig::builder()
            .wire_format_policy(openmls::prelude::PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        group.mls.set_configuration(inner.storage(), &config).unwrap();
        let bundle = group.mls.self_update(&inner, &LeafSigner(signer), LeafNodeParameters::default()).unwrap();
        bundle.into_commit().tls_serialize_detached().unwrap()
    });
    assert!(matches!(bob.receive(&in_the_clear), Err(ReceiveError::Malformed)));
}
