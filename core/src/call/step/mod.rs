//! The table of calls: what every input does in every state. `docs/calls.md` shows it, and a test compares the two.
//!
//! Pure: the same state, input and instant give the same step. Late and repeated inputs change nothing, and say why.

mod active;
mod idle;
mod over;
mod ringing;

use super::state::{Input, State, Step};
use crate::time::Time;

/// What becomes of a call by an input at `now`.
pub(crate) fn step(state: State, input: Input, now: Time) -> Step {
    match state {
        State::Unknown => idle::unknown(input, now),
        State::Early(early) => idle::early(early, input, now),
        State::RingingOut { ring, ours } => ringing::out(ring, ours, input, now),
        State::RingingIn(incoming) => ringing::coming_in(incoming, input, now),
        State::Accepting(incoming) => ringing::accepting(incoming, input, now),
        State::ActiveOut(active) => active::out(active, input, now),
        State::ActiveIn(active) => active::coming_in(active, input, now),
        State::Elsewhere { until } => idle::elsewhere(until, input, now),
        State::Over(ending) => over::over(ending, &input),
        State::Merged(into) => over::merged(into, &input),
        State::Settled(ending) => over::settled(ending, &input),
    }
}
