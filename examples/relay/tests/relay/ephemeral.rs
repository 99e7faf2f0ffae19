//! R24: words of the moment are handed to who is there, and nothing is kept of them.

use undertone::envelope::{Envelope, PushHint};
use undertone::id::SessionId;
use undertone::time::{MINUTE, SECOND};
use undertone_relay::answer::DeliveryId;
use undertone_relay::answer::RefusedReason::{Malformed, NotMember, Policy, RateLimited, Stale, UnknownTag};
use undertone_relay::logic::{Limits, Output, Rate};

use crate::kit::{Phone, Platform, accepted, refused};

/// Ann and Bea in a session, both there and caught up.
fn two(limits: Limits) -> (Platform, Phone, Phone, SessionId) {
    let mut platform = Platform::with_limits(limits);
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.catch_up(&bea);
    platform.outputs();
    (platform, ann, bea, tag)
}

fn word(platform: &Platform, from: &Phone, tag: SessionId, to: &[&Phone]) -> Envelope {
    from.ephemeral(tag, to, platform.now, 6 * SECOND)
}

#[test]
fn r24_a_word_reaches_who_is_there_and_waits_for_nobody() {
    let (mut platform, ann, bea, tag) = two(Limits::default());
    let first = word(&platform, &ann, tag, &[&bea]);
    let at = accepted(platform.submit(&ann, &first));
    let outputs = platform.outputs();
    let [Output::Deliver { to, delivery }] = outputs.as_slice() else { panic!("one delivery") };
    assert_eq!((*to, delivery.id, delivery.accepted_at, delivery.frank), (bea.id(), DeliveryId(0), at, None));
    assert!(delivery.envelope == first.encode().unwrap());
    assert!(platform.catch_up(&bea).is_empty(), "it is in no mailbox");

    // Away: neither delivered, nor pushed, nor kept. The answer is the same.
    platform.relay.logout(bea.id());
    let pushy = Envelope { push: PushHint::Message, ..word(&platform, &ann, tag, &[&bea]) };
    accepted(platform.submit(&ann, &pushy));
    assert!(platform.outputs().is_empty());
    platform.login(&bea).unwrap();
    // There, but not caught up: still nothing.
    accepted(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])));
    assert!(platform.outputs().is_empty() && platform.catch_up(&bea).is_empty());
    accepted(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])));
    assert_eq!(platform.outputs().len(), 1);
}

#[test]
fn r24_nothing_of_a_word_is_written_down() {
    let (mut platform, ann, bea, tag) = two(Limits::default());
    let (untouched, ..) = two(Limits::default());
    for n in 0..10 {
        platform.now = platform.now.plus(3 * SECOND);
        accepted(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])));
        assert_eq!(platform.outputs().len(), 1, "{n}");
        platform.relay.acknowledge(bea.id(), &[DeliveryId(0)]).unwrap();
    }
    assert!(platform.relay.into_store() == untouched.relay.into_store());
}

#[test]
fn r24_a_word_is_not_counted_among_the_senders_envelopes() {
    let (mut platform, ann, bea, tag) = two(Limits::default());
    let before = platform.login(&ann).unwrap().highest_sequence;
    platform.catch_up(&ann);
    accepted(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])));
    assert_eq!(platform.login(&ann).unwrap().highest_sequence, before);
    let counted = Envelope { sequence: 9_999, ..word(&platform, &ann, tag, &[&bea]) };
    // No engine makes it: the bytes of a good one, with a number instead of the 0.
    let mut bytes = word(&platform, &ann, tag, &[&bea]).encode().unwrap();
    assert!(counted.encode().is_err());
    // version, array, id (2 + 16), kind, tag (2 + 16), sender (2 + 16), sequence.
    assert_eq!((bytes[20], bytes[57]), (5, 0));
    bytes[57] = 1;
    refused(platform.relay.submit(ann.id(), &[bytes], platform.now).unwrap(), Malformed);
}

#[test]
fn r24_a_word_of_another_moment_is_refused() {
    let (mut platform, ann, bea, tag) = two(Limits::default());
    let over = ann.ephemeral(tag, &[&bea], platform.now, 0);
    refused(platform.submit(&ann, &over), Stale);
    let far = ann.ephemeral(tag, &[&bea], platform.now, MINUTE + 1);
    refused(platform.submit(&ann, &far), Malformed);
    accepted(platform.submit(&ann, &ann.ephemeral(tag, &[&bea], platform.now, MINUTE)));
}

#[test]
fn r24_a_word_stays_within_its_session_and_the_rules() {
    let (mut platform, ann, bea, tag) = two(Limits::default());
    let eve = platform.phone("eve", "escort");
    let unknown = platform.tag();
    refused(platform.submit(&ann, &word(&platform, &ann, unknown, &[&bea])), UnknownTag);
    refused(platform.submit(&eve, &word(&platform, &eve, tag, &[&ann])), NotMember);
    refused(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea, &eve])), NotMember);
    refused(platform.submit(&eve, &word(&platform, &ann, tag, &[&bea])), Malformed);
    // Bea becomes a client: clients may not write to each other.
    let renewed = platform.renewed(&bea, "client");
    platform.login_with(&bea, renewed.as_bytes()).unwrap();
    refused(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])), Policy);
    assert!(!platform.outputs().iter().any(|output| matches!(output, Output::Deliver { .. })));
}

#[test]
fn r24_who_types_too_much_is_limited_and_can_write_still() {
    let ephemeral = Rate { burst: 3, per_minute: 60 };
    let (mut platform, ann, bea, tag) = two(Limits { ephemeral, ..Limits::default() });
    for _ in 0..3 {
        accepted(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])));
    }
    refused(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])), RateLimited);
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    platform.now = platform.now.plus(SECOND);
    accepted(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])));
}

#[test]
fn r24_who_does_not_keep_up_gets_none_and_loses_nothing_else() {
    let (mut platform, ann, bea, tag) = two(Limits::default());
    for _ in 0..257 {
        accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    }
    platform.outputs();
    accepted(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])));
    assert!(platform.outputs().is_empty());
    assert_eq!(platform.catch_up(&bea).len(), 257);
    // A full mailbox keeps nobody from typing.
    let (mut platform, ann, bea, tag) = two(Limits { mailbox: 1, ..Limits::default() });
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    refused(platform.submit(&ann, &ann.message(tag, &[&bea])), RateLimited);
    platform.outputs();
    accepted(platform.submit(&ann, &word(&platform, &ann, tag, &[&bea])));
    assert_eq!(platform.outputs().len(), 1);
}
