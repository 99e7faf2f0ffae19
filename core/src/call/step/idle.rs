//! Calls that this device is not in: not heard of yet, or another device's of this user.

use crate::call::outcome::{Ending, Outcome};
use crate::call::signal::EndReason;
use crate::call::state::{Action, Early, Heard, Heed, Input, Ring, Say, State, Step};
use crate::limits;
use crate::time::Time;

pub(super) fn unknown(input: Input, now: Time) -> Step {
    match input {
        Input::Start(ours) => {
            let ring = Ring { since: now, until: now.plus(limits::RING) };
            Step::to(State::RingingOut { ring, ours }, [Action::Say(Say::Offer)])
        }
        Input::Offer(incoming) => Step::to(State::RingingIn(incoming), [Action::Incoming, Action::RingStart]),
        Input::Crossing(incoming) => Step::to(State::Accepting(incoming), [Action::AcceptAtOnce]),
        Input::Merge(into) => Step::to(State::Merged(into), []),
        Input::LateOffer => Step::to(State::Over(not_taken(Outcome::Missed, now)), [Action::Missed]),
        Input::EngagedOffer => {
            Step::to(State::Over(not_taken(Outcome::Busy, now)), [Action::Say(Say::Busy), Action::Missed])
        }
        Input::OwnOffer => Step::to(going_on_elsewhere(now), []),
        Input::TakenElsewhere | Input::OwnAnswer => early_of(Heard::Elsewhere, now),
        Input::OwnDeclined => early_of(Heard::Over(Outcome::Declined), now),
        Input::OwnBusy => early_of(Heard::Over(Outcome::Busy), now),
        Input::OwnEnd(reason) => early_of(heard_by_own(reason), now),
        Input::End { reason, .. } => early_of(heard_by_end(reason), now),
        Input::Candidates { .. } => early_of(Heard::Candidates, now),
        Input::History { ending, own } => settled(ending, !own && ending.is_missed()),
        Input::Accept(_) | Input::Reject | Input::HangUp | Input::Lost => Step::stay(State::Unknown, Heed::Unfit),
        Input::Answer { .. } | Input::Declined | Input::Busy | Input::TakenHere => {
            Step::stay(State::Unknown, Heed::Stranger)
        }
        Input::Blocked | Input::Superseded | Input::Timeout | Input::Restart | Input::Unsent | Input::Forget => {
            Step::stay(State::Unknown, Heed::Repeat)
        }
    }
}

pub(super) fn early(early: Early, input: Input, now: Time) -> Step {
    match input {
        Input::Offer(_) | Input::Crossing(_) | Input::LateOffer | Input::EngagedOffer => match early.heard {
            Heard::Candidates => unknown(input, now),
            Heard::Elsewhere => Step::to(going_on_elsewhere(now), []),
            Heard::Over(outcome) => over_already(not_taken(outcome, now)),
            Heard::Merged(into) => Step::to(State::Merged(into), []),
        },
        Input::OwnOffer => match early.heard {
            Heard::Candidates | Heard::Elsewhere | Heard::Over(_) => Step::to(going_on_elsewhere(now), []),
            Heard::Merged(into) => Step::to(State::Merged(into), []),
        },
        Input::Merge(into) => Step::to(State::Merged(into), []),
        Input::TakenElsewhere | Input::OwnAnswer => hear(early, Heard::Elsewhere),
        Input::OwnDeclined => hear(early, Heard::Over(Outcome::Declined)),
        Input::OwnBusy => hear(early, Heard::Over(Outcome::Busy)),
        Input::OwnEnd(reason) => hear(early, heard_by_own(reason)),
        Input::End { reason, .. } => hear(early, heard_by_end(reason)),
        Input::Candidates { .. } => Step::to(State::Early(early), []),
        Input::History { ending, own } => settled(ending, !own && ending.is_missed()),
        Input::Timeout | Input::Restart if now >= early.until => Step::to(State::Unknown, []),
        Input::Start(_) | Input::Accept(_) | Input::Reject | Input::HangUp | Input::Lost => {
            Step::stay(State::Early(early), Heed::Unfit)
        }
        Input::Answer { .. } | Input::Declined | Input::Busy | Input::TakenHere => {
            Step::stay(State::Early(early), Heed::Stranger)
        }
        Input::Blocked | Input::Superseded | Input::Timeout | Input::Restart | Input::Unsent | Input::Forget => {
            Step::stay(State::Early(early), Heed::Repeat)
        }
    }
}

/// The caller's word comes on how it ended; before that, only a merger or time can end it here.
pub(super) fn elsewhere(until: Time, input: Input, now: Time) -> Step {
    let stay = |heed| Step::stay(State::Elsewhere { until }, heed);
    match input {
        Input::Merge(into)
        | Input::OwnEnd(EndReason::Merged(into))
        | Input::End { reason: EndReason::Merged(into), .. } => Step::to(State::Merged(into), []),
        Input::History { ending, .. } => settled(ending, false),
        Input::Timeout | Input::Restart if now >= until => {
            Step::to(State::Over(not_taken(Outcome::ConnectionLost, now)), [])
        }
        Input::Start(_) | Input::Accept(_) | Input::Reject | Input::HangUp | Input::Lost => stay(Heed::Unfit),
        Input::Answer { .. } | Input::Declined | Input::Busy | Input::TakenHere | Input::Candidates { .. } => {
            stay(Heed::Stranger)
        }
        Input::Offer(_)
        | Input::Crossing(_)
        | Input::LateOffer
        | Input::EngagedOffer
        | Input::OwnOffer
        | Input::TakenElsewhere
        | Input::OwnAnswer
        | Input::OwnDeclined
        | Input::OwnBusy
        | Input::OwnEnd(EndReason::HungUp | EndReason::Lost)
        | Input::End { reason: EndReason::HungUp | EndReason::Lost, .. }
        | Input::Blocked
        | Input::Superseded
        | Input::Timeout
        | Input::Restart
        | Input::Unsent
        | Input::Forget => stay(Heed::Repeat),
    }
}

/// Nobody has talked on this device.
fn not_taken(outcome: Outcome, now: Time) -> Ending {
    Ending { outcome, answered: None, ended: now }
}

fn going_on_elsewhere(now: Time) -> State {
    State::Elsewhere { until: now.plus(limits::CALL_LONGEST) }
}

fn early_of(heard: Heard, now: Time) -> Step {
    Step::to(State::Early(Early { heard, until: now.plus(limits::CALL_EARLY) }), [])
}

fn hear(early: Early, heard: Heard) -> Step {
    if heard <= early.heard {
        return Step::stay(State::Early(early), Heed::Repeat);
    }
    Step::to(State::Early(Early { heard, ..early }), [])
}

/// What an offer is whose call is over already.
fn over_already(ending: Ending) -> Step {
    let missed = if ending.is_missed() { vec![Action::Missed] } else { Vec::new() };
    Step::to(State::Over(ending), missed)
}

/// A device of the other side has left before its offer came here: the caller's has called in vain.
fn heard_by_end(reason: EndReason) -> Heard {
    match reason {
        EndReason::HungUp => Heard::Over(Outcome::Cancelled),
        EndReason::Lost => Heard::Over(Outcome::ConnectionLost),
        EndReason::Merged(into) => Heard::Merged(into),
    }
}

/// A device of this user has left, so it was in it.
fn heard_by_own(reason: EndReason) -> Heard {
    match reason {
        EndReason::HungUp | EndReason::Lost => Heard::Elsewhere,
        EndReason::Merged(into) => Heard::Merged(into),
    }
}

fn settled(ending: Ending, missed: bool) -> Step {
    Step::to(State::Settled(ending), if missed { vec![Action::Missed] } else { Vec::new() })
}
