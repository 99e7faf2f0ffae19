//! Loss, repetition and reordering within and across epochs.

use crate::limits;
use crate::session::group::{Changes, ReceiveError, Received};
use crate::session::testing::{Device, two};

#[test]
fn messages_may_overtake_each_other_up_to_the_tolerance() {
    let (mut ann, mut bob) = two();
    let messages: Vec<_> = (0..200u8).map(|i| ann.send(&[i])).collect();
    let read = messages.iter().rev().filter(|m| bob.read(m).is_ok()).count();
    assert_eq!(read, limits::OUT_OF_ORDER_TOLERANCE as usize);
    assert_eq!(bob.read(&messages[199]), Err(ReceiveError::Replay));
    assert_eq!(bob.read(&messages[0]), Err(ReceiveError::TooOld));
}

#[test]
fn lost_messages_do_not_stop_later_ones() {
    let (mut ann, mut bob) = two();
    let update = Changes::default();
    (0..limits::FORWARD_DISTANCE).for_each(|_| drop(ann.send(b"lost")));
    let next = ann.send(b"after the loss");
    assert_eq!(bob.read(&next).unwrap(), b"after the loss");
    (0..=limits::FORWARD_DISTANCE).for_each(|_| drop(ann.send(b"lost")));
    let far = ann.send(b"too far");
    assert_eq!(bob.read(&far), Err(ReceiveError::TooFar));
    let commit = ann.committed(update).commit;
    bob.follow(&commit);
    let fresh = ann.send(b"a new epoch starts afresh");
    assert_eq!(bob.read(&fresh).unwrap(), b"a new epoch starts afresh");
}

#[test]
fn a_message_of_a_past_epoch_is_read_for_as_long_as_its_keys_are_kept() {
    let (mut ann, mut bob) = two();
    let old: Vec<_> = (0..=limits::PAST_EPOCHS).map(|_| ann.send(b"old")).collect();
    for message in &old[..limits::PAST_EPOCHS] {
        let commit = ann.committed(Changes::default()).commit;
        bob.follow(&commit);
        assert_eq!(bob.read(message).unwrap(), b"old");
        assert_eq!(bob.read(message), Err(ReceiveError::Replay), "in a past epoch as well");
    }
    let commit = ann.committed(Changes::default()).commit;
    bob.follow(&commit);
    assert_eq!(bob.read(&old[limits::PAST_EPOCHS]), Err(ReceiveError::PastEpoch));
}

#[test]
fn a_past_epochs_author_is_told_from_who_has_its_place_now() {
    let (mut ann, mut bob) = two();
    let mut cas = Device::new("cas");
    let late = bob.send(b"before I went");
    let certificate = bob.certificate.clone();
    let adds = vec![cas.key_package()];
    let pending = ann.committed(Changes { adds, removes: vec![1], ..Changes::default() });
    cas.join(&pending.welcome.unwrap());
    assert_eq!(cas.group().own_leaf(), 1, "has taken the place");
    match ann.receive(&late).unwrap() {
        Received::Message { sender, certificate: author, epoch, .. } => {
            assert_eq!((sender, epoch), (1, 1));
            assert!(author == certificate);
        }
        _ => panic!("no message"),
    }
}

#[test]
fn what_comes_from_the_future_waits() {
    let (mut ann, mut bob) = two();
    let first = ann.committed(Changes::default()).commit;
    let early = ann.send(b"early");
    let second = ann.committed(Changes::default()).commit;
    let before = bob.rows.snapshot();
    assert_eq!(bob.read(&early), Err(ReceiveError::FutureEpoch));
    assert!(matches!(bob.receive(&second), Err(ReceiveError::FutureEpoch)));
    assert!(bob.rows.snapshot() == before);
    bob.follow(&first);
    assert_eq!(bob.read(&early).unwrap(), b"early");
    bob.follow(&second);
    assert!(matches!(bob.receive(&first), Err(ReceiveError::PastEpoch)), "a commit on an epoch that is over");
}

#[test]
fn past_epochs_go_by_number_when_the_caller_says_so() {
    let (mut ann, mut bob) = two();
    let mut old = Vec::new();
    for _ in 0..4 {
        old.push(ann.send(b"old"));
        let commit = ann.committed(Changes::default()).commit;
        bob.follow(&commit);
    }
    bob.with(|group, provider, _| group.keep_past_epochs(provider, 2)).unwrap();
    for reload in [false, true] {
        if reload {
            bob.reload();
        }
        assert_eq!(bob.read(&old[1]), Err(ReceiveError::PastEpoch));
        assert_eq!(bob.read(&old[2 + usize::from(reload)]).unwrap(), b"old");
    }
    bob.with(|group, provider, _| group.keep_past_epochs(provider, 0)).unwrap();
    let next = ann.send(b"now");
    assert_eq!(bob.read(&next).unwrap(), b"now");
}
