//! Calls that this device talks in.

use crate::call::outcome::{Ending, Outcome};
use crate::call::signal::EndReason;
use crate::call::state::{Action, Active, Heed, Input, Say, State, Step};
use crate::limits;
use crate::time::Time;

/// This device called: its word decides how the call ends.
pub(super) fn out(mut active: Active, input: Input, now: Time) -> Step {
    let leave = |ending: Ending, reason| {
        let actions = [Action::Say(Say::End(reason, ending.span())), Action::Record];
        Step::to(State::Settled(ending), actions)
    };
    match input {
        Input::HangUp => leave(active.ending(Outcome::Completed, now), EndReason::HungUp),
        Input::Lost => leave(active.ending(Outcome::ConnectionLost, now), EndReason::Lost),
        Input::Restart => leave(active.ending(Outcome::ConnectionLost, active.heard), EndReason::Lost),
        Input::Timeout if now.since(active.since) >= limits::CALL_LONGEST => {
            leave(active.ending(Outcome::ConnectionLost, now), EndReason::Lost)
        }
        Input::Timeout if now >= active.heard.plus(limits::CALL_HEARTBEAT) => {
            active.heard = now;
            Step::to(State::ActiveOut(active), [])
        }
        Input::End { from, reason, span } if from == active.with => {
            let ending = active.ended_after(outcome(reason), span, now);
            Step::to(State::Settled(ending), [Action::Record])
        }
        Input::Superseded => Step::to(State::Settled(active.ending(Outcome::ConnectionLost, now)), [Action::Record]),
        // Somebody else of the other side has answered as well, and is told with whom this device talks.
        Input::Answer { from, .. } if from != active.with => {
            let with = active.with;
            Step::to(State::ActiveOut(active), [Action::Say(Say::Taken(with))])
        }
        Input::Candidates { from } if from == active.with => Step::to(State::ActiveOut(active), []),
        Input::Start(_) | Input::Accept(_) | Input::Reject => Step::stay(State::ActiveOut(active), Heed::Unfit),
        Input::End { .. }
        | Input::Candidates { .. }
        | Input::Offer(_)
        | Input::Crossing(_)
        | Input::LateOffer
        | Input::EngagedOffer
        | Input::OwnOffer
        | Input::TakenHere
        | Input::TakenElsewhere
        | Input::OwnAnswer
        | Input::OwnDeclined
        | Input::OwnBusy
        | Input::OwnEnd(_)
        | Input::History { .. } => Step::stay(State::ActiveOut(active), Heed::Stranger),
        Input::Answer { .. }
        | Input::Declined
        | Input::Busy
        | Input::Merge(_)
        | Input::Blocked
        | Input::Timeout
        | Input::Unsent
        | Input::Forget => Step::stay(State::ActiveOut(active), Heed::Repeat),
    }
}

/// This device answered.
pub(super) fn coming_in(mut active: Active, input: Input, now: Time) -> Step {
    let leave = |ending: Ending, reason| Step::to(State::Over(ending), [Action::Say(Say::End(reason, ending.span()))]);
    match input {
        Input::HangUp => leave(active.ending(Outcome::Completed, now), EndReason::HungUp),
        Input::Lost => leave(active.ending(Outcome::ConnectionLost, now), EndReason::Lost),
        Input::Restart => leave(active.ending(Outcome::ConnectionLost, active.heard), EndReason::Lost),
        Input::Timeout if now.since(active.since) >= limits::CALL_LONGEST => {
            leave(active.ending(Outcome::ConnectionLost, now), EndReason::Lost)
        }
        Input::Timeout if now >= active.heard.plus(limits::CALL_HEARTBEAT) => {
            active.heard = now;
            Step::to(State::ActiveIn(active), [])
        }
        Input::End { from, reason: EndReason::Merged(into), .. } if from == active.with => {
            Step::to(State::Merged(into), [])
        }
        Input::End { from, reason, span } if from == active.with => {
            Step::to(State::Over(active.ended_after(outcome(reason), span, now)), [])
        }
        Input::Superseded => Step::to(State::Over(active.ending(Outcome::ConnectionLost, now)), []),
        // Another device of this user was faster.
        Input::TakenElsewhere => Step::to(State::Elsewhere { until: now.plus(limits::CALL_LONGEST) }, []),
        Input::History { ending, .. } => Step::to(State::Settled(ending), []),
        Input::Candidates { from } if from == active.with => Step::to(State::ActiveIn(active), []),
        Input::Start(_) | Input::Reject => Step::stay(State::ActiveIn(active), Heed::Unfit),
        Input::End { .. }
        | Input::Candidates { .. }
        | Input::OwnOffer
        | Input::Answer { .. }
        | Input::Declined
        | Input::Busy => Step::stay(State::ActiveIn(active), Heed::Stranger),
        Input::Accept(_)
        | Input::Offer(_)
        | Input::Crossing(_)
        | Input::Merge(_)
        | Input::LateOffer
        | Input::EngagedOffer
        | Input::TakenHere
        | Input::OwnAnswer
        | Input::OwnDeclined
        | Input::OwnBusy
        | Input::OwnEnd(_)
        | Input::Blocked
        | Input::Timeout
        | Input::Unsent
        | Input::Forget => Step::stay(State::ActiveIn(active), Heed::Repeat),
    }
}

/// How a talk ends that a device leaves so.
fn outcome(reason: EndReason) -> Outcome {
    match reason {
        EndReason::HungUp => Outcome::Completed,
        EndReason::Lost | EndReason::Merged(_) => Outcome::ConnectionLost,
    }
}
