//! Bad bytes change nothing, in memory or in the rows.

use crate::authority::DeviceKey;
use crate::session::group::{Changes, ReceiveError};
use crate::session::testing::{Device, two};

/// Refuses `bad` with nothing changed; gives the error.
fn refused(device: &mut Device, bad: &[u8]) -> ReceiveError {
    let before = device.rows.snapshot();
    let error = device.receive(bad).err().expect("taken in");
    assert!(device.rows.snapshot() == before, "rows changed: {error:?}");
    error
}

#[test]
fn a_damaged_message_is_refused_and_the_good_one_still_read() {
    let (mut ann, mut bob) = two();
    let good = ann.send(b"good");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let error = refused(&mut bob, &bad);
        assert!(!matches!(error, ReceiveError::Failed(_)), "byte {at}: {error:?} is no fault of ours");
    }
    let last = good.len() - 1;
    let mut bad = good.clone();
    bad[last] ^= 1;
    assert_eq!(refused(&mut bob, &bad), ReceiveError::Forged);
    assert_eq!(refused(&mut bob, &good[..last]), ReceiveError::Malformed);
    assert_eq!(refused(&mut bob, &[&good[..], b"x"].concat()), ReceiveError::Malformed);
    assert_eq!(refused(&mut bob, b""), ReceiveError::Malformed);
    assert_eq!(bob.read(&good).unwrap(), b"good");
}

#[test]
fn a_damaged_commit_is_refused_and_the_good_one_still_merged() {
    let (mut ann, mut bob) = two();
    let good = ann.committed(Changes::default()).commit;
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        let error = refused(&mut bob, &bad);
        assert!(!matches!(error, ReceiveError::Failed(_)), "byte {at}: {error:?} is no fault of ours");
    }
    bob.follow(&good);
    let message = ann.send(b"together");
    assert_eq!(bob.read(&message).unwrap(), b"together");
}

#[test]
fn a_member_cannot_sign_for_another() {
    let (mut ann, mut bob) = two();
    // Ann's rows with another signing key: what a member who has the group's keys but not hers could make.
    let wrong = DeviceKey::from_bytes([9; 32]);
    let forged = ann.with(|group, provider, _| group.encrypt(provider, &wrong, b"forged")).unwrap();
    assert_eq!(refused(&mut bob, &forged), ReceiveError::Forged);
    assert_eq!(refused(&mut bob, &forged), ReceiveError::Forged, "its key is not used up");
    let good = ann.send(b"good");
    assert_eq!(bob.read(&good).unwrap(), b"good");
}

#[test]
fn messages_of_other_groups_and_other_kinds_are_refused() {
    let (mut ann, mut bob) = two();
    let package = ann.key_package();
    assert_eq!(refused(&mut bob, &package), ReceiveError::Malformed, "a key package");
    let cas = Device::new("cas");
    let pending = ann.commit(Changes { adds: vec![cas.key_package()], ..Changes::default() });
    assert_eq!(refused(&mut bob, &pending.welcome.unwrap()), ReceiveError::Malformed, "a welcome");
    let mut other = ann.send(b"elsewhere");
    let at = other.windows(16).position(|window| window == [7; 16]).unwrap();
    other[at] = 8;
    assert_eq!(refused(&mut bob, &other), ReceiveError::WrongGroup);
}

#[test]
fn a_failing_store_is_our_fault_and_the_rows_hold_the_truth() {
    let (mut ann, mut bob) = two();
    let commit = ann.committed(Changes::default()).commit;
    let staged = bob.stage(&commit);
    bob.with(|group, provider, _| group.merge(provider, staged)).unwrap();
    let message = ann.send(b"text");
    bob.reload();
    // Past epochs are read from the rows when an old message comes.
    let (old, before) = (ann.send(b"old"), bob.rows.snapshot());
    let commit = ann.committed(Changes::default()).commit;
    bob.rows.failing.replace(true);
    assert!(matches!(bob.receive(&commit), Err(ReceiveError::Failed(_))));
    bob.rows.failing.replace(false);
    assert!(bob.rows.snapshot() == before);
    bob.reload();
    assert_eq!(bob.read(&message).unwrap(), b"text");
    assert_eq!(bob.read(&old).unwrap(), b"old");
    bob.follow(&commit);
}
