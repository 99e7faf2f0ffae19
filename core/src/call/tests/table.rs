//! The table in `docs/calls.md` is what the code does, cell by cell.

use std::fmt::Write;

use crate::call::key::Share;
use crate::call::outcome::{Ending, Outcome};
use crate::call::signal::EndReason;
use crate::call::state::{Action, Active, Early, Heard, Heed, Incoming, Input, Ring, Say, State, Step};
use crate::call::step::step;
use crate::id::{CallId, DeviceId};
use crate::limits;
use crate::time::{HOUR, SECOND, Time};

const NOW: Time = Time::from_ms(1_800_000_000_000);
const THEIR_DEVICE: DeviceId = DeviceId::from_bytes([1; 16]);
const ANOTHER_DEVICE: DeviceId = DeviceId::from_bytes([2; 16]);
const ANOTHER_CALL: CallId = CallId::from_bytes([3; 16]);
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/calls.md");

fn share(byte: u8) -> Share {
    Share::from_bytes([byte; 32])
}

fn ending(outcome: Outcome) -> Ending {
    Ending { outcome, answered: None, ended: NOW.minus(SECOND) }
}

fn incoming() -> Incoming {
    let ring = Ring { since: NOW.minus(10 * SECOND), until: NOW.plus(50 * SECOND) };
    Incoming { ring, from: THEIR_DEVICE, theirs: share(1) }
}

fn active() -> Active {
    let since = NOW.minus(5 * SECOND);
    Active { with: THEIR_DEVICE, since, heard: since, ours: share(1), theirs: share(2) }
}

fn early(heard: Heard) -> State {
    State::Early(Early { heard, until: NOW.plus(50 * SECOND) })
}

/// Every state, in the order of the columns.
fn states() -> Vec<State> {
    vec![
        State::Unknown,
        early(Heard::Candidates),
        early(Heard::Elsewhere),
        early(Heard::Over(Outcome::Cancelled)),
        early(Heard::Merged(ANOTHER_CALL)),
        State::RingingOut { ring: incoming().ring, ours: share(1) },
        State::RingingIn(incoming()),
        State::Accepting(incoming()),
        State::ActiveOut(active()),
        State::ActiveIn(active()),
        State::Elsewhere { until: NOW.plus(HOUR) },
        State::Over(ending(Outcome::Missed)),
        State::Merged(ANOTHER_CALL),
        State::Settled(ending(Outcome::Missed)),
    ]
}

/// What the document calls a state.
fn name(state: &State) -> &'static str {
    match state {
        State::Unknown => "unknown",
        State::Early(Early { heard: Heard::Candidates, .. }) => "early: candidates",
        State::Early(Early { heard: Heard::Elsewhere, .. }) => "early: elsewhere",
        State::Early(Early { heard: Heard::Over(_), .. }) => "early: over",
        State::Early(Early { heard: Heard::Merged(_), .. }) => "early: merged",
        State::RingingOut { .. } => "ringing out",
        State::RingingIn(_) => "ringing in",
        State::Accepting(_) => "accepting",
        State::ActiveOut(_) => "active out",
        State::ActiveIn(_) => "active in",
        State::Elsewhere { .. } => "elsewhere",
        State::Over(_) => "over",
        State::Merged(_) => "merged",
        State::Settled(_) => "settled",
    }
}

/// The state with how the call ended, where it ends.
fn becomes(before: &State, state: &State) -> String {
    let outcome = |ending: &Ending| match ending.outcome {
        Outcome::Completed => "completed",
        Outcome::Cancelled => "cancelled",
        Outcome::ConnectionLost => "connection lost",
        Outcome::Declined => "declined",
        Outcome::Busy => "busy",
        Outcome::Missed => "missed",
    };
    match state {
        State::Over(ending) | State::Settled(ending) => format!("{}: {}", name(state), outcome(ending)),
        other if name(other) == name(before) => "the same".to_owned(),
        other => name(other).to_owned(),
    }
}

/// Every input with what the document calls it, and when it comes.
fn inputs() -> Vec<(&'static str, Input, Time)> {
    let late = NOW.plus(2 * HOUR);
    let end = |from, reason| Input::End { from, reason, span: 3 * SECOND };
    let history = |own| Input::History { ending: ending(Outcome::Cancelled), own };
    let merged = EndReason::Merged(ANOTHER_CALL);
    let answer = |from| Input::Answer { from, theirs: share(2) };
    vec![
        ("start", Input::Start(share(3)), NOW),
        ("accept", Input::Accept(share(3)), NOW),
        ("reject", Input::Reject, NOW),
        ("hang up", Input::HangUp, NOW),
        ("connection lost", Input::Lost, NOW),
        ("blocked", Input::Blocked, NOW),
        ("offer", Input::Offer(incoming()), NOW),
        ("offer that crosses, and wins", Input::Crossing(incoming()), NOW),
        ("both called, the other call wins", Input::Merge(ANOTHER_CALL), NOW),
        ("offer, late", Input::LateOffer, NOW),
        ("offer, in a call", Input::EngagedOffer, NOW),
        ("own offer", Input::OwnOffer, NOW),
        ("answer", answer(THEIR_DEVICE), NOW),
        ("answer by another", answer(ANOTHER_DEVICE), NOW),
        ("answer, late", answer(THEIR_DEVICE), late),
        ("declined", Input::Declined, NOW),
        ("busy", Input::Busy, NOW),
        ("taken here", Input::TakenHere, NOW),
        ("taken elsewhere", Input::TakenElsewhere, NOW),
        ("end, hung up", end(THEIR_DEVICE, EndReason::HungUp), NOW),
        ("end, lost", end(THEIR_DEVICE, EndReason::Lost), NOW),
        ("end, merged", end(THEIR_DEVICE, merged), NOW),
        ("end by another", end(ANOTHER_DEVICE, EndReason::HungUp), NOW),
        ("candidates", Input::Candidates { from: THEIR_DEVICE }, NOW),
        ("candidates by another", Input::Candidates { from: ANOTHER_DEVICE }, NOW),
        ("own answer", Input::OwnAnswer, NOW),
        ("own declined", Input::OwnDeclined, NOW),
        ("own busy", Input::OwnBusy, NOW),
        ("own end", Input::OwnEnd(EndReason::HungUp), NOW),
        ("own end, merged", Input::OwnEnd(merged), NOW),
        ("superseded", Input::Superseded, NOW),
        ("wake, too early", Input::Timeout, NOW),
        ("wake, in time", Input::Timeout, late),
        ("wake, a day later", Input::Timeout, NOW.plus(limits::CALL_LONGEST)),
        ("restart", Input::Restart, NOW),
        ("restart, later", Input::Restart, late),
        ("refused by the relay", Input::Unsent, NOW),
        ("its message goes", Input::Forget, NOW),
        ("history", history(false), NOW),
        ("own history", history(true), NOW),
    ]
}

fn done(actions: &[Action]) -> String {
    let one = |action: &Action| match action {
        Action::Say(Say::Offer) => "say *offer*".to_owned(),
        Action::Say(Say::Answer) => "say *answer*".to_owned(),
        Action::Say(Say::Decline) => "say *declined*".to_owned(),
        Action::Say(Say::Busy) => "say *busy*".to_owned(),
        Action::Say(Say::Taken(_)) => "say *taken*".to_owned(),
        Action::Say(Say::End(EndReason::HungUp, _)) => "say *end, hung up*".to_owned(),
        Action::Say(Say::End(EndReason::Lost, _)) => "say *end, lost*".to_owned(),
        Action::Say(Say::End(EndReason::Merged(_), _)) => "say *end, merged*".to_owned(),
        Action::Incoming => "show it".to_owned(),
        Action::RingStart => "ringtone on".to_owned(),
        Action::RingStop => "ringtone off".to_owned(),
        Action::AcceptAtOnce => "have the host answer".to_owned(),
        Action::Missed => "show that it was missed".to_owned(),
        Action::Record => "write the history".to_owned(),
    };
    if actions.is_empty() { "–".to_owned() } else { actions.iter().map(one).collect::<Vec<_>>().join(", ") }
}

fn sign(heed: Heed) -> char {
    match heed {
        Heed::Done => '→',
        Heed::Repeat => '=',
        Heed::Over => 'o',
        Heed::Stranger => 's',
        Heed::Unfit => 'u',
    }
}

/// The two tables as Markdown.
fn rendered() -> String {
    let mut changes = String::from("| state | input | becomes | and |\n|---|---|---|---|\n");
    let mut matrix = String::from("| input \\ state |");
    states().iter().for_each(|state| write!(matrix, " {} |", name(state)).unwrap());
    matrix.push_str("\n|---|");
    states().iter().for_each(|_| matrix.push_str(":-:|"));
    matrix.push('\n');
    for (called, input, now) in inputs() {
        write!(matrix, "| {called} |").unwrap();
        for state in states() {
            let Step { heed, .. } = step(state, input.clone(), now);
            write!(matrix, " {} |", sign(heed)).unwrap();
        }
        matrix.push('\n');
    }
    for before in states() {
        for (called, input, now) in inputs() {
            let Step { state, actions, heed } = step(before.clone(), input, now);
            if heed == Heed::Done {
                let (after, and) = (becomes(&before, &state), done(&actions));
                writeln!(changes, "| {} | {called} | {after} | {and} |", name(&before)).unwrap();
            }
        }
    }
    format!("{changes}\n{matrix}")
}

// R33
#[test]
fn r33_the_table_in_the_docs_is_what_the_code_does() {
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let tables: Vec<&str> = docs.split("<!-- table of the code -->\n").collect();
    let [_, shown, _] = tables[..] else { panic!("docs/calls.md shows the tables between two marks") };
    let made = rendered();
    for (shown, made) in shown.lines().zip(made.lines()) {
        assert_eq!(shown, made, "docs/calls.md differs from the code");
    }
    assert_eq!(shown.lines().count(), made.lines().count(), "docs/calls.md has other lines:\n{made}");
}

// R33
#[test]
fn r33_what_is_not_heeded_changes_nothing_and_does_nothing() {
    for before in states() {
        for (called, input, now) in inputs() {
            let Step { state, actions, heed } = step(before.clone(), input, now);
            if heed != Heed::Done {
                assert!(state == before && actions.is_empty(), "{called} in {}", name(&before));
            }
        }
    }
}

// R33
#[test]
fn r33_an_input_said_twice_does_nothing_the_second_time() {
    for before in states() {
        for (called, input, now) in inputs() {
            // A restart begins a process anew, which shows what rings anew; another answer is told again who has it.
            if matches!(input, Input::Restart) || called == "answer by another" {
                continue;
            }
            let once = step(before.clone(), input.clone(), now);
            let twice = step(once.state.clone(), input, now);
            assert!(twice.state == once.state, "{called} in {}", name(&before));
            assert!(twice.actions.is_empty(), "{called} in {}: {:?}", name(&before), twice.actions);
        }
    }
}

// R29
#[test]
fn r29_the_ringtone_starts_and_stops_with_the_ringing() {
    for before in states() {
        for (called, input, now) in inputs() {
            let restart = matches!(input, Input::Restart);
            let Step { state, actions, .. } = step(before.clone(), input, now);
            let rang = matches!(before, State::RingingIn(_));
            let rings = matches!(state, State::RingingIn(_));
            let place = format!("{called} in {}", name(&before));
            assert_eq!(actions.contains(&Action::RingStart), rings && (!rang || restart), "{place}");
            assert_eq!(actions.contains(&Action::RingStop), rang && !rings, "{place}");
        }
    }
}
