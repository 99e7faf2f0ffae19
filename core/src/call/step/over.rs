//! Calls that are over: what comes now comes too late.

use crate::call::outcome::Ending;
use crate::call::signal::EndReason;
use crate::call::state::{Heed, Input, State, Step};
use crate::id::CallId;

/// Over as far as this device knows. The caller's word is yet to come, and counts.
pub(super) fn over(ending: Ending, input: &Input) -> Step {
    match input {
        Input::History { ending, .. } => Step::to(State::Settled(*ending), []),
        Input::Merge(into)
        | Input::OwnEnd(EndReason::Merged(into))
        | Input::End { reason: EndReason::Merged(into), .. } => Step::to(State::Merged(*into), []),
        Input::Forget => Step::to(State::Unknown, []),
        other => Step::stay(State::Over(ending), too_late(other)),
    }
}

/// Goes on as another call. Should the other side not know that, this one has its own end.
pub(super) fn merged(into: CallId, input: &Input) -> Step {
    match input {
        Input::History { ending, .. } => Step::to(State::Settled(*ending), []),
        Input::Forget => Step::to(State::Unknown, []),
        other => Step::stay(State::Merged(into), too_late(other)),
    }
}

/// Nothing changes any more, until its message goes.
pub(super) fn settled(ending: Ending, input: &Input) -> Step {
    match input {
        Input::Forget => Step::to(State::Unknown, []),
        other => Step::stay(State::Settled(ending), too_late(other)),
    }
}

/// Why an input changes nothing after the end.
fn too_late(input: &Input) -> Heed {
    match input {
        Input::Start(_) => Heed::Unfit,
        Input::Accept(_)
        | Input::Reject
        | Input::HangUp
        | Input::Lost
        | Input::Answer { .. }
        | Input::Declined
        | Input::Busy
        | Input::TakenHere
        | Input::TakenElsewhere
        | Input::End { .. }
        | Input::Candidates { .. }
        | Input::OwnAnswer
        | Input::OwnDeclined
        | Input::OwnBusy
        | Input::OwnEnd(_)
        | Input::Superseded
        | Input::Unsent => Heed::Over,
        Input::Offer(_)
        | Input::Crossing(_)
        | Input::Merge(_)
        | Input::LateOffer
        | Input::EngagedOffer
        | Input::OwnOffer
        | Input::Blocked
        | Input::Timeout
        | Input::Restart
        | Input::Forget
        | Input::History { .. } => Heed::Repeat,
    }
}
