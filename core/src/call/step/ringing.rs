//! Calls that ring, here or at the other side.

use crate::call::key::Share;
use crate::call::outcome::{Ending, Outcome};
use crate::call::signal::EndReason;
use crate::call::state::{Action, Active, Heed, Incoming, Input, Ring, Say, State, Step};
use crate::limits;
use crate::time::Time;

/// This device calls: its word decides how the call ends.
pub(super) fn out(ring: Ring, ours: Share, input: Input, now: Time) -> Step {
    let decided = |outcome| Step::to(State::Settled(ring.ending(outcome, now)), [Action::Record]);
    let left = |outcome, reason| {
        let actions = [Action::Say(Say::End(reason, 0)), Action::Record];
        Step::to(State::Settled(ring.ending(outcome, now)), actions)
    };
    match input {
        Input::HangUp => left(Outcome::Cancelled, EndReason::HungUp),
        Input::Lost => left(Outcome::ConnectionLost, EndReason::Lost),
        Input::Merge(into) => Step::to(State::Merged(into), [Action::Say(Say::End(EndReason::Merged(into), 0))]),
        // Nobody has answered in time, be it the deadline or what came too late that is looked at first.
        Input::Answer { .. } | Input::Timeout | Input::Restart if ring.is_over(now) => decided(Outcome::Missed),
        Input::Answer { from, theirs } => {
            let active = Active { with: from, since: now.max(ring.since), heard: now, ours, theirs };
            Step::to(State::ActiveOut(active), [Action::Say(Say::Taken(from))])
        }
        Input::Declined => decided(Outcome::Declined),
        Input::Busy => decided(Outcome::Busy),
        // It was answered, and the answer has not come in time to talk.
        Input::End { .. } | Input::Unsent => decided(Outcome::ConnectionLost),
        Input::Candidates { .. } => Step::to(State::RingingOut { ring, ours }, []),
        Input::Start(_) | Input::Accept(_) | Input::Reject => Step::stay(State::RingingOut { ring, ours }, Heed::Unfit),
        Input::Offer(_)
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
        | Input::History { .. } => Step::stay(State::RingingOut { ring, ours }, Heed::Stranger),
        Input::Blocked | Input::Superseded | Input::Timeout | Input::Restart | Input::Forget => {
            Step::stay(State::RingingOut { ring, ours }, Heed::Repeat)
        }
    }
}

/// This device rings.
pub(super) fn coming_in(incoming: Incoming, input: Input, now: Time) -> Step {
    Waiting { state: State::RingingIn, again: &[Action::Incoming, Action::RingStart], quiet: &[Action::RingStop] }
        .step(incoming, input, now)
}

/// Both called at once: the host is about to answer.
pub(super) fn accepting(incoming: Incoming, input: Input, now: Time) -> Step {
    Waiting { state: State::Accepting, again: &[Action::AcceptAtOnce], quiet: &[] }.step(incoming, input, now)
}

/// What a call that waits for an answer here is.
struct Waiting {
    state: fn(Incoming) -> State,
    /// What a process that has just begun is to do.
    again: &'static [Action],
    /// What ends the waiting, whatever comes of it.
    quiet: &'static [Action],
}

impl Waiting {
    fn step(self, incoming: Incoming, input: Input, now: Time) -> Step {
        let ring = incoming.ring;
        match input {
            Input::Accept(ours) => {
                let Incoming { from, theirs, .. } = incoming;
                let active = Active { with: from, since: now.max(ring.since), heard: now, ours, theirs };
                self.ends(State::ActiveIn(active), &[Action::Say(Say::Answer)])
            }
            Input::Reject | Input::HangUp => {
                self.ends(State::Over(ring.ending(Outcome::Declined, now)), &[Action::Say(Say::Decline)])
            }
            Input::End { from, reason, .. } if from == incoming.from => match reason {
                EndReason::HungUp => self.over(ring.ending(Outcome::Cancelled, now)),
                EndReason::Lost => self.over(ring.ending(Outcome::ConnectionLost, now)),
                EndReason::Merged(into) => self.ends(State::Merged(into), &[]),
            },
            Input::Merge(into) | Input::OwnEnd(EndReason::Merged(into)) => self.ends(State::Merged(into), &[]),
            Input::TakenElsewhere | Input::OwnAnswer | Input::OwnEnd(EndReason::HungUp | EndReason::Lost) => {
                self.ends(State::Elsewhere { until: now.plus(limits::CALL_LONGEST) }, &[])
            }
            Input::OwnDeclined => self.over(ring.ending(Outcome::Declined, now)),
            Input::OwnBusy => self.over(ring.ending(Outcome::Busy, now)),
            // Nothing shows of it any more, and the caller cannot tell.
            Input::Blocked => self.ends(State::Over(ring.ending(Outcome::Missed, now)), &[]),
            Input::Superseded => self.over(ring.ending(Outcome::Missed, now)),
            Input::Timeout | Input::Restart if ring.is_over(now) => self.over(ring.ending(Outcome::Missed, now)),
            Input::Restart => Step::to((self.state)(incoming), self.again),
            Input::History { ending, own } => {
                let missed: &[Action] = if !own && ending.is_missed() { &[Action::Missed] } else { &[] };
                self.ends(State::Settled(ending), missed)
            }
            Input::Candidates { from } if from == incoming.from => Step::to((self.state)(incoming), []),
            Input::Start(_) | Input::Lost => self.stays(incoming, Heed::Unfit),
            Input::End { .. }
            | Input::Candidates { .. }
            | Input::OwnOffer
            | Input::Answer { .. }
            | Input::Declined
            | Input::Busy
            | Input::TakenHere => self.stays(incoming, Heed::Stranger),
            Input::Offer(_)
            | Input::Crossing(_)
            | Input::LateOffer
            | Input::EngagedOffer
            | Input::Timeout
            | Input::Unsent
            | Input::Forget => self.stays(incoming, Heed::Repeat),
        }
    }

    fn ends(&self, state: State, actions: &[Action]) -> Step {
        Step::to(state, [self.quiet, actions].concat())
    }

    fn over(&self, ending: Ending) -> Step {
        let missed: &[Action] = if ending.is_missed() { &[Action::Missed] } else { &[] };
        self.ends(State::Over(ending), missed)
    }

    fn stays(&self, incoming: Incoming, heed: Heed) -> Step {
        Step::stay((self.state)(incoming), heed)
    }
}
