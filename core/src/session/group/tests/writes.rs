//! How much a message writes.

use crate::limits;
use crate::session::group::Changes;
use crate::session::testing::{Device, join_all, two};

#[test]
fn a_message_between_two_writes_one_small_row() {
    let (mut ann, mut bob) = two();
    for round in 0..=limits::PAST_EPOCHS {
        for _ in 0..4 {
            let (to_bob, to_ann) = (ann.send(b"text"), bob.send(b"text"));
            bob.read(&to_bob).unwrap();
            ann.read(&to_ann).unwrap();
        }
        let commit = [&mut ann, &mut bob][round % 2].committed(Changes::default()).commit;
        [&mut bob, &mut ann][round % 2].follow(&commit);
    }
    // The first of an epoch derives the ratchets of both.
    let (to_bob, to_ann) = (ann.send(b"text"), bob.send(b"text"));
    bob.read(&to_bob).unwrap();
    ann.read(&to_ann).unwrap();
    let (mut sent, mut read) = ((0, 0), (0, 0));
    for _ in 0..300 {
        ann.rows.take_writes();
        bob.rows.take_writes();
        let message = ann.send(&[7; 500]);
        sent = sent.max(ann.rows.take_writes());
        bob.read(&message).unwrap();
        read = read.max(bob.rows.take_writes());
    }
    assert!(sent.0 <= 200, "{sent:?} bytes and rows");
    assert!(read.0 <= 400, "{read:?} bytes and rows");
    assert!(sent.1 <= 2 && read.1 <= 2, "rows");
}

#[test]
fn a_message_to_fifty_writes_no_more_than_a_page() {
    let mut devices: Vec<Device> = (0..50).map(|i| Device::new(&format!("device {i}"))).collect();
    join_all(&mut devices);
    let everyone_writes = |devices: &mut Vec<Device>| {
        let mut most = (0, 0);
        for sender in 1..50 {
            let message = devices[sender].send(b"text");
            devices[0].rows.take_writes();
            devices[0].read(&message).unwrap();
            most = most.max(devices[0].rows.take_writes());
        }
        most
    };
    for _ in 0..2 {
        everyone_writes(&mut devices);
        let commit = devices[0].committed(Changes::default()).commit;
        devices[1..].iter_mut().for_each(|device| device.follow(&commit));
    }
    let (first, then) = (everyone_writes(&mut devices), everyone_writes(&mut devices));
    assert!(first.0 <= 4_000, "{first:?}: a sender's first of an epoch");
    assert!(then.0 <= 600 && then.1 <= 2, "{then:?}: a sender's next");
}

#[test]
fn handshakes_are_padded() {
    let (mut ann, _) = two();
    let mut commit = |certificate: usize| {
        let certificate = Some(vec![7; certificate]);
        let len = ann.commit(Changes { certificate, ..Changes::default() }).commit.len();
        ann.with(|group, provider, _| group.clear_pending(provider)).unwrap();
        len
    };
    let lengths: std::collections::BTreeSet<usize> = (200..456).map(&mut commit).collect();
    assert!(lengths.len() <= 3, "256 lengths of certificates make {} lengths of commits", lengths.len());
    assert!(lengths.iter().zip(lengths.iter().skip(1)).all(|(short, long)| long - short == 128));
}
