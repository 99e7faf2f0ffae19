//! What a copy of all rows is worth to a thief.

use crate::limits;
use crate::session::group::{Changes, ReceiveError};
use crate::session::testing::{Device, two};

#[test]
fn keys_of_messages_already_read_are_not_in_the_rows() {
    let (mut ann, mut bob) = two();
    let to_bob: Vec<_> = (0..20).map(|_| ann.send(b"to bob")).collect();
    let to_ann: Vec<_> = (0..20).map(|_| bob.send(b"to ann")).collect();
    let mut before = bob.thief();
    assert_eq!(before.read(&to_bob[7]).unwrap(), b"to bob", "a copy made before can read them");
    // All but one are read; the order does not matter.
    to_bob.iter().enumerate().rev().filter(|(i, _)| *i != 7).for_each(|(_, m)| drop(bob.read(m).unwrap()));
    to_ann.iter().for_each(|message| drop(ann.read(message).unwrap()));
    let mut thief = bob.thief();
    for (number, message) in to_bob.iter().enumerate() {
        let read = thief.read(message);
        if number == 7 {
            assert_eq!(read.unwrap(), b"to bob", "the tolerance: one that is still under way");
        } else {
            assert_eq!(read, Err(ReceiveError::Replay));
        }
    }
    // What one wrote oneself cannot be read from one's own rows at all, nor from the reader's.
    assert!(to_ann.iter().all(|message| thief.read_or_own(message).is_none()));
    let mut thief = ann.thief();
    assert!(to_ann.iter().all(|message| thief.read(message) == Err(ReceiveError::Replay)));
    assert!(to_bob.iter().all(|message| thief.read_or_own(message).is_none()));
}

#[test]
fn no_row_holds_a_key_that_was_used() {
    // Not by what our program refuses to do, but by the bytes: no row of a copy that was made after reading holds
    // what a copy made before and the reading itself bring to light.
    let (mut ann, mut bob) = two();
    let skipped = ann.send(b"skipped");
    let later = ann.send(b"later");
    bob.read(&later).unwrap();
    let with_key = bob.rows.snapshot();
    bob.read(&skipped).unwrap();
    let without = bob.rows.snapshot();
    let secrets = |rows: &std::collections::BTreeMap<Vec<u8>, Vec<u8>>| -> Vec<Vec<u8>> {
        let values: Vec<u8> = rows.values().flatten().copied().collect();
        // Byte strings of 32 bytes, as MessagePack marks them.
        let starts = values.windows(2).enumerate().filter(|(_, pair)| *pair == [0xc4, 32]).map(|(at, _)| at + 2);
        starts.filter_map(|at| values.get(at..at + 32).map(<[u8]>::to_vec)).collect()
    };
    let gone: Vec<_> = secrets(&with_key).into_iter().filter(|key| !secrets(&without).contains(key)).collect();
    assert_eq!(gone.len(), 1, "the key of the skipped message");
    assert!(!without.values().any(|value| value.windows(32).any(|window| window == gone[0])));
}

#[test]
fn keys_beyond_the_tolerance_are_gone_unread() {
    let (mut ann, mut bob) = two();
    let lost = ann.send(b"lost");
    for _ in 0..limits::OUT_OF_ORDER_TOLERANCE {
        let message = ann.send(b"next");
        bob.read(&message).unwrap();
    }
    assert_eq!(bob.thief().read(&lost), Err(ReceiveError::TooOld));
}

#[test]
fn past_epochs_are_gone_from_the_rows_after_their_number() {
    let (mut ann, mut bob) = two();
    let unread = ann.send(b"never delivered");
    for round in 0..=limits::PAST_EPOCHS {
        assert!(bob.thief().read(&unread).is_ok(), "{round} epochs later");
        let commit = ann.committed(Changes::default()).commit;
        bob.follow(&commit);
    }
    assert_eq!(bob.thief().read(&unread), Err(ReceiveError::PastEpoch));
}

#[test]
fn a_stolen_copy_reads_on_until_its_owners_next_update_and_nothing_after_it() {
    let (mut ann, mut bob) = two();
    let mut thief = bob.thief();
    let follow = |thief: &mut Device, commit: &[u8]| {
        let staged = thief.receive(commit);
        matches!(&staged, Ok(crate::session::group::Received::Commit(_))).then(|| thief.follow_staged(staged))
    };
    // The other's messages, and even the other's updates, are open to the thief …
    for _ in 0..3 {
        let message = ann.send(b"read by a thief");
        assert_eq!(thief.read(&message).unwrap(), b"read by a thief");
        bob.read(&message).unwrap();
        let commit = ann.committed(Changes::default()).commit;
        bob.follow(&commit);
        assert!(follow(&mut thief, &commit).is_some());
    }
    // … until the owner of the copy updates.
    let commit = bob.committed(Changes::default()).commit;
    ann.follow(&commit);
    assert!(follow(&mut thief, &commit).is_none(), "the owner's own commit does not open for the owner's old keys");
    for _ in 0..3 {
        let message = ann.send(b"safe again");
        assert_eq!(bob.read(&message).unwrap(), b"safe again");
        assert_eq!(thief.read(&message), Err(ReceiveError::FutureEpoch));
        let commit = ann.committed(Changes::default()).commit;
        bob.follow(&commit);
        assert!(follow(&mut thief, &commit).is_none());
    }
}
