//! Commits: what they change, what the others see of it, and what happens when two are made at once.

use crate::error::{Error, PeerFault};
use crate::session::group::{Changes, Group, ReceiveError, Received};
use crate::session::testing::{Device, FACTS, SESSION, join_all, two};

fn members(device: &mut Device) -> Vec<(u32, Vec<u8>)> {
    device.group().members().unwrap().into_iter().map(|leaf| (leaf.index, leaf.certificate)).collect()
}

/// Everything that all members must agree on.
fn agree(devices: &mut [&mut Device]) {
    let mut views = devices.iter_mut().map(|device| {
        let exported = device.with(|group, provider, _| group.export(provider, "label", b"context", 32)).unwrap();
        let group = device.group();
        let keys: Vec<_> = group.members().unwrap().iter().map(|leaf| leaf.key).collect();
        (group.epoch(), group.authenticator(), group.facts().unwrap(), keys, exported)
    });
    let first = views.next().unwrap();
    assert!(views.all(|view| view == first));
}

#[test]
fn a_commit_says_who_comes_who_goes_and_what_changes() {
    let mut devices = ["ann", "bob", "cas"].map(Device::new);
    join_all(&mut devices);
    let [ann, bob, cas] = &mut devices;
    let mut dan = Device::new("dan");
    let certificate = b"a renewed certificate".to_vec();
    let pending = bob.commit(Changes {
        adds: vec![dan.key_package()],
        removes: vec![2],
        certificate: Some(certificate.clone()),
        facts: Some(b"new facts".to_vec()),
    });
    let staged = ann.stage(&pending.commit);
    assert!(staged.sender.index == 1 && staged.sender.key == bob.signer.public());
    assert!(staged.sender.certificate == bob.certificate, "as it was before");
    assert_eq!(staged.adds.len(), 1);
    assert!(staged.adds[0].certificate == dan.certificate && staged.adds[0].key == dan.signer.public());
    assert_eq!(staged.removes.len(), 1);
    assert!(staged.removes[0].index == 2 && staged.removes[0].certificate == cas.certificate);
    let path = staged.path.as_ref().unwrap();
    assert!(path.certificate == certificate && path.key == bob.signer.public() && path.index == 1);
    assert_eq!(staged.facts.as_deref(), Some(&b"new facts"[..]));
    assert!(!staged.foreign && !staged.removes_us);
    ann.with(|group, provider, _| group.merge(provider, staged)).unwrap();
    bob.merge_pending();
    assert!(cas.stage(&pending.commit).removes_us);
    dan.join(&pending.welcome.unwrap());
    agree(&mut [&mut *ann, &mut *bob, &mut dan]);
    assert_eq!(bob.group().facts().unwrap(), b"new facts");
    let expected = [(0, ann.certificate.clone()), (1, certificate), (2, dan.certificate.clone())];
    assert!(members(&mut dan) == expected);
    let text = dan.send(b"hello");
    assert_eq!(ann.read(&text).unwrap(), b"hello");
    assert_eq!(bob.read(&text).unwrap(), b"hello");
}

#[test]
fn an_update_by_itself_renews_keys_and_nothing_else() {
    let (mut ann, mut bob) = two();
    let commit = ann.committed(Changes::default()).commit;
    let staged = bob.stage(&commit);
    assert!(staged.adds.is_empty() && staged.removes.is_empty() && staged.facts.is_none() && !staged.foreign);
    assert!(staged.path.as_ref().unwrap().certificate == ann.certificate);
    bob.with(|group, provider, _| group.merge(provider, staged)).unwrap();
    assert_eq!(bob.group().facts().unwrap(), FACTS);
    agree(&mut [&mut ann, &mut bob]);
}

#[test]
fn of_two_commits_at_once_one_wins_and_the_other_is_made_anew() {
    let (mut ann, mut bob) = two();
    let (of_ann, of_bob) = (ann.commit(Changes::default()).commit, bob.commit(Changes::default()).commit);
    assert!(bob.group().has_pending());
    let again = bob.with(|group, provider, signer| group.commit(provider, signer, Changes::default()));
    assert!(matches!(again, Err(Error::Bug("mls.commit_state"))), "one at a time");
    let meanwhile = bob.send(b"while it waits");
    // The commit of Ann wins. Bob's is forgotten as he merges it.
    bob.follow(&of_ann);
    assert!(!bob.group().has_pending());
    // Ann may look at the loser, but must not merge it.
    drop(ann.stage(&of_bob));
    ann.merge_pending();
    assert!(matches!(ann.receive(&of_bob), Err(ReceiveError::PastEpoch)));
    assert_eq!(ann.read(&meanwhile).unwrap(), b"while it waits");
    agree(&mut [&mut ann, &mut bob]);
    let anew = bob.committed(Changes::default()).commit;
    ann.follow(&anew);
    agree(&mut [&mut ann, &mut bob]);
}

#[test]
fn our_own_messages_are_known_when_they_come_back() {
    let (mut ann, _) = two();
    let commit = ann.commit(Changes::default()).commit;
    let text = ann.send(b"text");
    for reload in [false, true] {
        if reload {
            ann.reload();
        }
        assert!(ann.group().has_pending());
        let before = ann.rows.snapshot();
        assert!(matches!(ann.receive(&commit), Ok(Received::OwnCommit)));
        assert!(matches!(ann.receive(&text), Ok(Received::Own)));
        assert!(ann.rows.snapshot() == before);
    }
    ann.with(|group, provider, _| group.clear_pending(provider)).unwrap();
    assert!(!ann.group().has_pending());
    assert!(matches!(ann.receive(&commit), Ok(Received::Own)), "no longer pending");
    let commit = ann.committed(Changes::default()).commit;
    assert!(matches!(ann.receive(&commit), Err(ReceiveError::PastEpoch)), "merged");
}

#[test]
fn a_commit_that_was_not_accepted_leaves_nothing_behind() {
    let (mut ann, mut bob) = two();
    let cas = Device::new("cas");
    let epoch = ann.group().epoch();
    let refuse = |ann: &mut Device| {
        let refused = ann.commit(Changes { adds: vec![cas.key_package()], ..Changes::default() });
        ann.with(|group, provider, _| group.clear_pending(provider)).unwrap();
        refused
    };
    // The first handshake of an epoch derives the ratchet for it.
    refuse(&mut ann);
    let before = ann.rows.snapshot();
    let refused = refuse(&mut ann);
    assert_eq!(ann.group().epoch(), epoch);
    let after = ann.rows.snapshot();
    assert!(before.keys().eq(after.keys()), "no row more or less");
    let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(value)).count();
    assert_eq!(changed, 1, "the ratchet moved on, so that no key is used twice");
    let other = bob.committed(Changes::default()).commit;
    ann.follow(&other);
    assert!(matches!(bob.receive(&refused.commit), Err(ReceiveError::PastEpoch)));
    agree(&mut [&mut ann, &mut bob]);
}

#[test]
fn who_was_removed_reads_nothing_more() {
    let mut devices = ["ann", "bob", "cas"].map(Device::new);
    join_all(&mut devices);
    let [ann, bob, cas] = &mut devices;
    let mut thief = cas.thief();
    let commit = ann.committed(Changes { removes: vec![2], ..Changes::default() }).commit;
    bob.follow(&commit);
    let secret = bob.send(b"without cas");
    assert_eq!(ann.read(&secret).unwrap(), b"without cas");
    assert_eq!(cas.read(&secret), Err(ReceiveError::FutureEpoch), "before it knows");
    cas.follow(&commit);
    assert!(!cas.group().is_active());
    assert_eq!(cas.read(&secret), Err(ReceiveError::Inactive));
    // Its keys do not open it either, whatever the program says.
    assert_eq!(thief.read(&secret), Err(ReceiveError::FutureEpoch));
    assert!(cas.with(|group, provider, signer| group.encrypt(provider, signer, b"still here?")).is_err());
    assert!(cas.with(|group, provider, _| group.export(provider, "label", b"", 32)).is_err());
    cas.reload();
    assert!(!cas.group().is_active());
}

#[test]
fn who_is_a_member_already_cannot_be_added() {
    let (mut ann, bob) = two();
    for package in [bob.key_package(), ann.key_package()] {
        let changes = Changes { adds: vec![package], ..Changes::default() };
        let result = ann.with(|group, provider, signer| group.commit(provider, signer, changes));
        assert!(matches!(result, Err(Error::Peer(PeerFault::KeyPackage))));
        assert!(!ann.group().has_pending());
    }
    let mut bad = Device::new("cas").key_package();
    *bad.last_mut().unwrap() ^= 1;
    let changes = Changes { adds: vec![bad], ..Changes::default() };
    let result = ann.with(|group, provider, signer| group.commit(provider, signer, changes));
    assert!(matches!(result, Err(Error::Peer(_))), "a damaged key package");
    ann.committed(Changes::default());
}

#[test]
fn a_dropped_transaction_is_undone_by_loading_the_group_again() {
    let (mut ann, mut bob) = two();
    // A message was read, but the rows were never written.
    let before = bob.rows.snapshot();
    let message = ann.send(b"twice");
    assert_eq!(bob.read(&message).unwrap(), b"twice");
    bob.rows.restore(before);
    assert_eq!(bob.read(&message), Err(ReceiveError::Replay), "in memory it is used up");
    bob.reload();
    assert_eq!(bob.read(&message).unwrap(), b"twice");
    // A commit of our own was merged too early, and taken back.
    let before = ann.rows.snapshot();
    let winner = bob.commit(Changes::default()).commit;
    ann.committed(Changes::default());
    assert!(matches!(ann.receive(&winner), Err(ReceiveError::PastEpoch)));
    ann.rows.restore(before);
    ann.reload();
    ann.follow(&winner);
    bob.merge_pending();
    agree(&mut [&mut ann, &mut bob]);
}

#[test]
fn a_deleted_group_leaves_no_rows() {
    let (mut ann, mut bob) = two();
    let cas = Device::new("cas");
    for _ in 0..7 {
        let commit = ann.committed(Changes::default()).commit;
        bob.follow(&commit);
        let message = bob.send(b"text");
        ann.read(&message).unwrap();
    }
    ann.commit(Changes { adds: vec![cas.key_package()], ..Changes::default() });
    for device in [&mut ann, &mut bob] {
        assert!(!device.rows.snapshot().is_empty());
        Group::delete(&device.provider(), SESSION).unwrap();
        assert!(device.rows.snapshot().is_empty());
        Group::delete(&device.provider(), SESSION).unwrap();
        device.reload();
        assert!(device.group.is_none());
    }
}
