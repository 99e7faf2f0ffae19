//! Commit slots: one winner per epoch, also when answers get lost.

use undertone::envelope::EnvelopeKind;
use undertone::time::DAY;
use undertone_relay::answer::RefusedReason::NotMember;
use undertone_relay::answer::TransmitResult;
use undertone_relay::logic::Limits;

use crate::kit::{Platform, accepted, describe, refused};

#[test]
fn the_first_commit_wins_and_the_other_learns_of_it() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.catch_up(&bea);
    let (first, second) = (ann.commit(tag, &[&bea], 1), bea.commit(tag, &[&ann], 1));
    let at = accepted(platform.submit(&ann, &first));
    let lost = platform.submit(&bea, &second);
    assert!(lost == TransmitResult::Conflict { winner: first.encode().unwrap(), at }, "{}", describe(&lost));
    assert!(platform.catch_up(&ann).is_empty(), "the loser reaches nobody");
    assert_eq!(platform.catch_up(&bea).len(), 1);
    accepted(platform.submit(&bea, &bea.commit(tag, &[&ann], 2)));
}

#[test]
fn a_commit_whose_answer_was_lost_is_still_accepted() {
    let mut platform = Platform::with_limits(Limits { seen_age: DAY, ..Limits::default() });
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let commit = ann.commit(tag, &[&bea], 1);
    let at = accepted(platform.submit(&ann, &commit));
    assert_eq!(accepted(platform.submit(&ann, &commit)), at);
    assert_eq!(platform.catch_up(&bea).len(), 2, "a welcome and one commit");
    // After the relay has forgotten the envelope itself, the slot still knows its winner.
    platform.now = platform.now.plus(2 * DAY);
    platform.sweep();
    assert_eq!(accepted(platform.submit(&ann, &commit)), at);
    assert!(platform.catch_up(&bea).is_empty());
}

#[test]
fn a_commit_and_its_welcome_are_kept_together_or_not_at_all() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let tablet = platform.second_phone(&ann);
    platform.login(&tablet).unwrap();
    platform.publish(&tablet, 1);
    let bundle = [ann.commit(tag, &[&bea], 1), ann.welcome(tag, &[&tablet], None)];
    accepted(platform.submit(&bea, &bea.commit(tag, &[&ann], 1)));
    assert!(matches!(platform.submit_bundle(&ann, &bundle), TransmitResult::Conflict { .. }));
    assert!(platform.catch_up(&tablet).is_empty());
    refused(platform.submit(&bea, &bea.message(tag, &[&tablet])), NotMember);

    let bundle = [ann.commit(tag, &[&bea, &tablet], 2), ann.welcome(tag, &[&tablet], None)];
    let at = accepted(platform.submit_bundle(&ann, &bundle));
    let arrived = platform.catch_up(&tablet);
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|delivery| delivery.accepted_at == at), "one time for the whole bundle");
    assert_eq!(accepted(platform.submit_bundle(&ann, &bundle)), at);
}

#[test]
fn who_can_name_a_slot_can_ask_who_holds_it() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let commit = ann.commit(tag, &[&bea], 1);
    let slot = commit.slot.unwrap();
    assert!(platform.relay.slot(bea.id(), &slot, platform.now).unwrap().is_none());
    let at = accepted(platform.submit(&ann, &commit));
    let held = platform.relay.slot(bea.id(), &slot, platform.now).unwrap().unwrap();
    assert!(held.winner == commit.encode().unwrap() && held.at == at);
}

#[test]
fn slots_outlive_mail_and_go_in_the_end() {
    let mut platform = Platform::with_limits(Limits { slot_age: 40 * DAY, ..Limits::default() });
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    accepted(platform.submit(&ann, &ann.commit(tag, &[&bea], 1)));
    let late = |platform: &Platform| {
        let mut commit = bea.envelope(EnvelopeKind::Commit, tag, &[&ann], platform.now);
        commit.slot = Some(undertone::id::SlotName::from_bytes([1; 32]));
        commit
    };
    platform.now = platform.now.plus(39 * DAY);
    platform.sweep();
    let commit = late(&platform);
    assert!(matches!(platform.submit(&bea, &commit), TransmitResult::Conflict { .. }));
    platform.now = platform.now.plus(2 * DAY);
    platform.sweep();
    let commit = late(&platform);
    accepted(platform.submit(&bea, &commit));
}

#[test]
fn who_comes_later_than_the_winner_is_kept_needs_another_session() {
    let mut platform = Platform::with_limits(Limits { winner_age: DAY, ..Limits::default() });
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let (first, late) = (ann.commit(tag, &[&bea], 1), bea.commit(tag, &[&ann], 1));
    let at = accepted(platform.submit(&ann, &first));
    platform.now = platform.now.plus(2 * DAY);
    platform.sweep();
    refused(platform.submit(&bea, &late), NotMember);
    assert!(platform.relay.slot(bea.id(), &first.slot.unwrap(), platform.now).unwrap().is_none());
    assert_eq!(accepted(platform.submit(&ann, &first)), at, "the slot still knows its winner");
}

#[test]
fn without_slots_every_commit_is_passed_on() {
    let mut platform = Platform::with_limits(Limits { slot_age: 0, ..Limits::default() });
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    accepted(platform.submit(&ann, &ann.commit(tag, &[&bea], 1)));
    accepted(platform.submit(&bea, &bea.commit(tag, &[&ann], 1)));
}
