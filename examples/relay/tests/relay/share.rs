//! What one device and one user may take up: whoever has used up its share is refused, and nobody else notices.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::time::DAY;
use undertone_relay::answer::RefusedReason::RateLimited;
use undertone_relay::answer::TransmitResult;
use undertone_relay::logic::{Fault, Limits, Output, Share};
use undertone_relay::store::Table;

use crate::kit::{Phone, Platform, accepted, packages, refused, user};

const NARROW: Share = Share { device: 4, user: 6 };

fn platform(limits: Limits) -> (Platform, Phone, Phone) {
    let mut platform = Platform::with_limits(limits);
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    (platform, ann, bea)
}

fn start(platform: &mut Platform, from: &Phone, to: &Phone) -> TransmitResult {
    let (tag, token) = (platform.tag(), from.token(platform, &to.user));
    platform.submit(from, &from.welcome(tag, &[to], Some(token)))
}

#[test]
fn so_many_devices_are_tied_to_tags_by_one_sender() {
    let (mut platform, ann, bea) = platform(Limits { ties: NARROW, tag_age: 10 * DAY, ..Limits::default() });
    let tablet = platform.second_phone(&ann);
    platform.login(&tablet).unwrap();
    let cleo = platform.phone("cleo", "client");
    accepted(start(&mut platform, &ann, &bea));
    accepted(start(&mut platform, &ann, &bea));
    refused(start(&mut platform, &ann, &bea), RateLimited);
    accepted(start(&mut platform, &tablet, &bea));
    refused(start(&mut platform, &tablet, &bea), RateLimited);
    accepted(start(&mut platform, &cleo, &bea));
    platform.now = platform.now.plus(20 * DAY);
    platform.sweep();
    let (tag, token) = (platform.tag(), ann.token(&platform, &bea.user));
    let welcome = Envelope { expires_at: platform.now.plus(DAY), ..ann.welcome(tag, &[&bea], Some(token)) };
    accepted(platform.submit(&ann, &welcome));
}

#[test]
fn a_repeated_welcome_ties_nobody_twice() {
    let (mut platform, ann, bea) = platform(Limits { ties: NARROW, ..Limits::default() });
    let tag = platform.session(&ann, &bea);
    for _ in 0..4 {
        accepted(platform.submit(&ann, &ann.welcome(tag, &[&bea], None)));
    }
}

#[test]
fn so_many_slots_are_won_by_one_sender() {
    let (mut platform, ann, bea) = platform(Limits { slots: NARROW, slot_age: 10 * DAY, ..Limits::default() });
    let tag = platform.session(&ann, &bea);
    for slot in 1..=4 {
        accepted(platform.submit(&ann, &ann.commit(tag, &[&bea], slot)));
    }
    let fifth = ann.commit(tag, &[&bea], 5);
    refused(platform.submit(&ann, &fifth), RateLimited);
    accepted(platform.submit(&bea, &bea.commit(tag, &[&ann], 5)));
    platform.now = platform.now.plus(11 * DAY);
    platform.sweep();
    accepted(platform.submit(&ann, &ann.commit(tag, &[&bea], 6)));
}

#[test]
fn so_many_bytes_of_winners_are_kept_of_one_sender() {
    let share = Share { device: 5_000, user: 5_000 };
    let (mut platform, ann, bea) = platform(Limits { winner_bytes: share, winner_age: DAY, ..Limits::default() });
    let tag = platform.session(&ann, &bea);
    let big = |slot| Envelope { body: vec![7; 3_000], ..ann.commit(tag, &[&bea], slot) };
    accepted(platform.submit(&ann, &big(1)));
    refused(platform.submit(&ann, &big(2)), RateLimited);
    accepted(platform.submit(&bea, &bea.commit(tag, &[&ann], 2)));
    platform.now = platform.now.plus(2 * DAY);
    platform.sweep();
    accepted(platform.submit(&ann, &big(3)));
}

#[test]
fn so_many_envelopes_are_remembered_of_one_sender() {
    let (mut platform, ann, bea) = platform(Limits { seen: NARROW, seen_age: 2 * DAY, ..Limits::default() });
    let tag = platform.session(&ann, &bea);
    for _ in 0..3 {
        accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    }
    let last = ann.message(tag, &[&bea]);
    refused(platform.submit(&ann, &last), RateLimited);
    accepted(platform.submit(&bea, &bea.message(tag, &[&ann])));
    platform.now = platform.now.plus(3 * DAY);
    platform.sweep();
    accepted(platform.submit(&ann, &last));
}

#[test]
fn so_many_key_packages_are_remembered_of_one_device() {
    let (mut platform, ann, bea) = platform(Limits { published: NARROW, seen_age: 2 * DAY, ..Limits::default() });
    let more = packages(&ann, 9);
    let publish = |platform: &mut Platform, phone: &Phone, some: &[Vec<u8>]| {
        platform.relay.publish(phone.id(), some, None, true, platform.now)
    };
    assert_eq!(publish(&mut platform, &ann, &more[3..4]), Ok(1));
    assert_eq!(publish(&mut platform, &ann, &more[4..5]), Err(Fault::Refused(RateLimited)));
    assert_eq!(publish(&mut platform, &bea, &packages(&bea, 4)[3..]), Ok(1));
    platform.now = platform.now.plus(3 * DAY);
    platform.sweep();
    assert_eq!(publish(&mut platform, &ann, &more[4..5]), Ok(1));
}

#[test]
fn a_device_waits_for_so_many_users() {
    let (mut platform, ann, bea) = platform(Limits { watches: NARROW, ..Limits::default() });
    let names: Vec<_> = (0..7).map(|n| user(&format!("absent {n}"))).collect();
    platform.relay.look_up(ann.id(), &names, true, platform.now).unwrap();
    platform.relay.look_up(ann.id(), &names, true, platform.now).unwrap();
    platform.relay.look_up(bea.id(), &names[6..], true, platform.now).unwrap();
    platform.outputs();
    // Whoever comes is no longer waited for, which makes room for another.
    platform.phone("absent 0", "escort");
    let told = |outputs: &[Output], name: &str| {
        outputs
            .iter()
            .any(|o| matches!(o, Output::DirectoryChanged { to, user } if *to == ann.id() && user.as_str() == name))
    };
    assert!(told(&platform.outputs(), "absent 0"));
    platform.relay.look_up(ann.id(), &names[6..], true, platform.now).unwrap();
    platform.phone("absent 5", "escort");
    assert!(!told(&platform.outputs(), "absent 5"));
    platform.phone("absent 6", "escort");
    assert!(told(&platform.outputs(), "absent 6"));
}

#[test]
fn nobody_fills_anothers_mailbox_alone() {
    let (mut platform, ann, bea) = platform(Limits { mailbox_of_sender: 3, ..Limits::default() });
    let cleo = platform.phone("cleo", "client");
    let (tag, other) = (platform.session(&ann, &bea), platform.session(&cleo, &bea));
    for _ in 0..2 {
        accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    }
    let fourth = ann.message(tag, &[&bea]);
    refused(platform.submit(&ann, &fourth), RateLimited);
    accepted(platform.submit(&cleo, &cleo.message(other, &[&bea])));
    platform.catch_up(&bea);
    accepted(platform.submit(&ann, &fourth));
    platform.catch_up(&bea);
    assert_eq!(platform.relay.into_store().count(Table::Line), 0);
}

#[test]
fn nothing_is_counted_of_what_has_expired() {
    let limits = Limits { tag_age: 10 * DAY, slot_age: 10 * DAY, seen_age: 10 * DAY, ..Limits::default() };
    let (mut platform, ann, bea) = platform(limits);
    let tag = platform.session(&ann, &bea);
    accepted(platform.submit(&ann, &ann.commit(tag, &[&bea], 1)));
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    platform.relay.look_up(ann.id(), &[user("absent")], true, platform.now).unwrap();
    platform.now = platform.now.plus(40 * DAY);
    platform.sweep();
    let store = platform.relay.into_store();
    assert_eq!((store.count(Table::Share), store.count(Table::Line)), (0, 0));
}

#[test]
fn the_sequence_of_what_was_refused_counts_too() {
    let (mut platform, ann, bea) = platform(Limits::default());
    let tag = platform.session(&ann, &bea);
    accepted(platform.submit(&bea, &bea.commit(tag, &[&ann], 1)));
    let conflict = ann.commit(tag, &[&bea], 1);
    assert!(matches!(platform.submit(&ann, &conflict), TransmitResult::Conflict { .. }));
    assert_eq!(platform.login(&ann).unwrap().highest_sequence, conflict.sequence);
    let nowhere = ann.envelope(EnvelopeKind::Message, platform.tag(), &[&bea], platform.now);
    assert!(matches!(platform.submit(&ann, &nowhere), TransmitResult::Refused(_)));
    assert_eq!(platform.login(&ann).unwrap().highest_sequence, nowhere.sequence);
}
