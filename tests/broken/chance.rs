//! Faults that a random run meets within a few hundred actions, caught by the simulator's own checks.

use undertone::sabotage::Sabotage;
use undertone_tests::sim::run::{Options, run};

/// Tried in turn until one shows the fault: not every run gets to where it matters.
const SEEDS: core::ops::Range<u64> = 40..88;
const ACTIONS: u64 = 300;

/// Fails unless some seed is well as it is, and breaks a check that says one of `says` once it is `broken`.
fn caught(sound: impl Fn(Options) -> Options, broken: impl Fn(Options) -> Options, says: &[&str]) {
    let shows = |violation: &String| says.iter().any(|what| violation.contains(what));
    let shown = SEEDS.map(|seed| sound(Options::new(seed, ACTIONS))).any(|options| {
        // A run that is not well without the fault proves nothing about it.
        run(broken(options)).violations.iter().any(shows) && run(options).violations.is_empty()
    });
    assert!(shown, "no seed of {SEEDS:?} says one of {says:?} with the fault, and nothing without it");
}

/// The same for a fault of all engines.
fn engines(fault: Sabotage, says: &[&str]) {
    caught(|options| options, |options| Options { sabotage: Some(fault), ..options }, says);
}

/// The same for what happens seldom.
fn engines_in_long_runs(fault: Sabotage, says: &[&str]) {
    let long = |options| Options { actions: 4 * ACTIONS, ..options };
    caught(long, |options| Options { sabotage: Some(fault), ..long(options) }, says);
}

/// The same beside somebody whose own engine keeps no rules, past a relay that keeps none.
fn engines_beside_a_hostile_one(fault: Sabotage, says: &[&str]) {
    let hostile = |options| Options { hostile: true, ..options };
    caught(hostile, |options| Options { sabotage: Some(fault), ..options }, says);
}

#[test]
fn output_before_commit() {
    engines(Sabotage::OutputBeforeCommit, &["had put out what was not durable"]);
}

#[test]
fn authorise_skipped() {
    engines_beside_a_hostile_one(Sabotage::AuthorizeSkipped, &["shows a conversation that the rules deny"]);
}

#[test]
fn policy_skipped_on_receive() {
    engines_beside_a_hostile_one(Sabotage::PolicySkippedOnReceive, &["shows a conversation that the rules deny"]);
}

#[test]
fn receipt_backwards() {
    engines(Sabotage::ReceiptBackwards, &["from Some(Read) back to Delivered", ": Delivered, read true"]);
}

// Keys that are used twice are refused as repeats, so what they hide is never shown.
#[test]
fn ratchet_row_dropped_from_the_batch() {
    engines(Sabotage::RatchetRowDropped, &["does not show"]);
}

#[test]
fn parked_never_retried() {
    engines(Sabotage::ParkedNeverRetried, &["does not show"]);
}

#[test]
fn cursor_off_by_one() {
    engines(Sabotage::CursorOffByOne, &["meet other messages than one large page"]);
}

#[test]
fn outbox_order_swapped() {
    engines(Sabotage::OutboxOrderSwapped, &["shows behind what was written later"]);
}

#[test]
fn the_last_edit_to_arrive_holds() {
    engines(Sabotage::LastToArriveHolds, &[" says \"quokka e"]);
}

#[test]
fn the_last_setting_to_arrive_holds() {
    engines(Sabotage::LastToArriveHolds, &[" have periods "]);
}

#[test]
fn what_was_kept_last_to_arrive_holds() {
    engines(Sabotage::LastToArriveHolds, &[" keep a conversation "]);
}

#[test]
fn a_payment_goes_backwards() {
    engines(
        Sabotage::PaymentBackwards,
        &[" shows Some(Declined), not", " shows Some(Cancelled), not", " shows Some(Paid), not"],
    );
}

#[test]
fn a_call_rings_again() {
    engines(Sabotage::RingsAgain, &["says once more: RingtoneStart"]);
}

#[test]
fn it_rings_for_somebody_who_is_blocked() {
    engines(Sabotage::BlockedRings, &["rings for somebody whom it blocks"]);
}

#[test]
fn what_a_blocked_user_says_is_shown() {
    engines(Sabotage::BlockedShown, &["whom it blocks: ", "shows what a blocked user says"]);
}

#[test]
fn what_is_gone_is_shown_for_a_minute_more() {
    engines(Sabotage::ShownAfterItsTime, &["still shows what is gone"]);
}

#[test]
fn what_has_moved_is_not_in_the_index() {
    engines(Sabotage::MovedUnindexed, &["it shows, and does not find", " for what stands at "]);
}

#[test]
fn what_stands_around_a_text_is_lost() {
    engines(Sabotage::MarksDropped, &["shows other marks than"]);
}

#[test]
fn what_was_read_in_secret_is_told() {
    engines(Sabotage::ReadingTold, &["kept quiet: Read"]);
}

#[test]
fn a_subscriber_is_not_told_of_changes() {
    engines(Sabotage::ChangesUntold, &["has not told a subscriber that"]);
}

#[test]
fn a_draft_is_forgotten() {
    engines(Sabotage::DraftForgotten, &["keeps the draft"]);
}

#[test]
fn a_slot_that_conflicts_with_its_holder() {
    let broken = |options| Options { relay_conflicts: true, ..options };
    caught(|options| options, broken, &["is told that another holds its own slot"]);
}

#[test]
fn a_card_is_bared_of_all_but_its_title() {
    engines(Sabotage::CardsBared, &["shows another card than was sent"]);
}

#[test]
fn what_others_are_told_is_decided_on_each_device() {
    engines(Sabotage::DiscretionNotShared, &[" tells others "]);
}

#[test]
fn typing_is_told_that_is_kept_to_oneself() {
    engines(Sabotage::TypingTold, &["typed false"]);
}

#[test]
fn what_is_muted_asks_for_attention() {
    engines(Sabotage::QuietUnheeded, &[" hints at "]);
}

#[test]
fn it_sounds_for_who_is_not_to_be_disturbed() {
    engines(Sabotage::QuietUnheeded, &[" plays another sound: "]);
}

// Only where a clock has jumped is something hidden and there still.
#[test]
fn what_is_hidden_is_found() {
    engines_in_long_runs(Sabotage::HiddenFound, &[" for what is gone: "]);
}

#[test]
fn a_subscriber_is_not_told_of_calls() {
    engines(Sabotage::CallsUntold, &["has not told a subscriber that call "]);
}

#[test]
fn who_talks_has_two_keys() {
    engines(Sabotage::MediaKeysDiffer, &[" talk with two keys"]);
}

#[test]
fn all_calls_have_one_key() {
    engines(Sabotage::MediaKeyRepeated, &["has the key of another call"]);
}

#[test]
fn what_was_told_in_a_call_is_heard_again() {
    engines(Sabotage::SignalsKept, &["again true"]);
}

#[test]
fn what_was_told_in_a_call_is_heard_backwards() {
    engines(Sabotage::SignalsReversed, &["told in a call: ["]);
}

#[test]
fn what_people_are_called_is_forgotten() {
    engines(Sabotage::NamesForgotten, &["given was Some("]);
}

#[test]
fn people_are_not_found_by_what_they_are_called() {
    engines_in_long_runs(Sabotage::NamesNotFound, &[" finds [] by "]);
}

#[test]
fn what_was_sent_is_said_to_wait() {
    engines(Sabotage::SentSaidToWait, &["messages: 1"]);
}

#[test]
fn what_an_app_took_in_before_it_was_frozen_is_lost() {
    engines(Sabotage::SuspendForgets, &["keeps the draft"]);
}

#[test]
fn what_is_under_way_stays_when_its_message_is_gone() {
    engines_in_long_runs(Sabotage::TransfersKept, &["still carries"]);
}

#[test]
fn a_report_has_not_what_was_said_first() {
    engines(Sabotage::ReportsRewritten, &[" untrue: "]);
}

#[test]
fn what_was_read_asks_for_another_channel() {
    engines(Sabotage::ReadAsksForFallback, &[" for another channel between "]);
}

#[test]
fn another_channel_is_asked_for_again() {
    engines(Sabotage::FallbackRepeated, &[" for another channel between "]);
}

#[test]
fn what_an_older_version_kept_is_not_shown() {
    engines(Sabotage::KeptForGood, &["says that it cannot read", "does not show"]);
}

#[test]
fn a_log_out_leaves_what_the_store_holds() {
    engines(Sabotage::WipeLeavesRows, &[" rows after a log-out"]);
}

// Somebody must have been verified, come back as another, and be written to.
#[test]
fn a_changed_identity_is_told_what_was_said() {
    engines_in_long_runs(Sabotage::ChangedIdentityTold, &[", whose identity has changed"]);
}
