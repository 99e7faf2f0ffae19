//! Loss, repetition and reordering within and across epochs.

use crate::limits;
use crate::session::group::{Changes, ReceiveError};
use crate::session::testing::two;

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
