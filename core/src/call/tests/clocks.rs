//! Clocks that jump while a call rings and goes on: whatever they show, and whatever is looked at first, what the calling
//! device writes down is a record that it would take from others.

use crate::call::key::Share;
use crate::call::signal::{EndReason, Record};
use crate::call::state::{Action, Input, State};
use crate::call::step::step;
use crate::id::{CallId, DeviceId};
use crate::limits;
use crate::policy::CallKind;
use crate::rng::Rng;
use crate::time::{DAY, HOUR, MINUTE, SECOND, Time};

const NOW: Time = Time::from_ms(1_800_000_000_000);
const CALL: CallId = CallId::from_bytes([1; 16]);

/// What a clock shows a moment later, or after somebody has set it.
fn later(rng: &mut Rng, now: Time) -> Time {
    let by = match rng.below(8) {
        0..=2 => rng.below(SECOND),
        3 | 4 => rng.below(MINUTE),
        5 => rng.below(2 * HOUR),
        6 => limits::CALL_LONGEST - SECOND + rng.below(2 * SECOND),
        _ => rng.below(4 * DAY),
    };
    if rng.below(4) == 0 { now.minus(by) } else { now.plus(by) }
}

/// Something that may happen to a call of this device: mostly that it goes on.
fn input(rng: &mut Rng) -> Input {
    let from = DeviceId::from_bytes([2 + u8::from(rng.below(8) == 0); 16]);
    match rng.below(24) {
        0..=7 => Input::Answer { from, theirs: Share::from_bytes([2; 32]) },
        8..=15 => Input::Timeout,
        16 => Input::HangUp,
        17 => Input::Lost,
        18 => Input::Restart,
        19 => Input::Superseded,
        20 => Input::Unsent,
        21 => Input::End { from, reason: EndReason::Lost, span: rng.below(2 * DAY) },
        22 => Input::End { from, reason: EndReason::HungUp, span: rng.below(2 * DAY) },
        _ => {
            if rng.below(2) == 0 {
                Input::Declined
            } else {
                Input::Busy
            }
        }
    }
}

// R33
#[test]
fn r33_no_clock_makes_a_call_end_in_a_record_that_contradicts_itself() {
    let (mut ended, mut talked) = (0, 0);
    for seed in 0..20_000_u64 {
        let mut bytes = [6; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let (mut rng, mut now) = (Rng::from_seed(bytes), NOW);
        let mut state = step(State::Unknown, Input::Start(Share::from_bytes([1; 32])), now).state;
        while state.is_live() {
            now = later(&mut rng, now);
            let done = step(state, input(&mut rng), now);
            if done.actions.contains(&Action::Record) {
                let State::Settled(ending) = done.state else { panic!("only an end is written down") };
                let record = Record { call: CALL, kind: CallKind::Voice, started: NOW, ending };
                assert!(record.encode().is_ok(), "seed {seed}: {record:?}");
                ended += 1;
                talked += u64::from(ending.span() > 0);
            }
            state = done.state;
        }
    }
    // Chance has found what there is to find.
    assert!(ended == 20_000 && talked > 2_000, "{ended} {talked}");
}
