//! Where a call stands on this device, what can happen to it, and what is done about it.

use serde::{Deserialize, Serialize};

use super::key::Share;
use super::outcome::{Ending, Outcome};
use super::signal::EndReason;
use crate::id::{CallId, DeviceId};
use crate::limits;
use crate::time::Time;

/// Where a call stands on this device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// Nothing is known of it.
    Unknown,
    /// It was heard of before its offer.
    Early(Early),
    /// This device calls.
    RingingOut { ring: Ring, ours: Share },
    /// This device rings.
    RingingIn(Incoming),
    /// Both called at once and the other's call goes on: the host answers it without asking.
    Accepting(Incoming),
    /// This device called, and talks.
    ActiveOut(Active),
    /// This device answered, and talks.
    ActiveIn(Active),
    /// It is another device's of this user: placed or answered there.
    Elsewhere { until: Time },
    /// It is over as far as this device knows; the caller's word is yet to come.
    Over(Ending),
    /// Both called at once, and it goes on as that call.
    Merged(CallId),
    /// It is over, and the caller has said how.
    Settled(Ending),
}

/// What was heard of a call before its offer, kept until then or that instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Early {
    pub heard: Heard,
    pub until: Time,
}

/// The order is that of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Heard {
    /// Candidates.
    Candidates,
    /// It is over.
    Over(Outcome),
    /// It was answered on another device of this user, however it ended there.
    Elsewhere,
    /// It goes on as another one.
    Merged(CallId),
}

/// From when until when a call rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ring {
    pub since: Time,
    pub until: Time,
}

/// A call of the other side, not yet answered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Incoming {
    pub ring: Ring,
    pub from: DeviceId,
    pub theirs: Share,
}

/// A call under way with one device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Active {
    pub with: DeviceId,
    pub since: Time,
    /// When it was last noted that it goes on.
    pub heard: Time,
    pub ours: Share,
    pub theirs: Share,
}

/// What can happen to a call. Signals come here once it is clear who sent them, and what an offer means beside the calls
/// that this device has already.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// Command: call.
    Start(Share),
    /// Command: answer.
    Accept(Share),
    /// Command: decline.
    Reject,
    /// Command: hang up.
    HangUp,
    /// Command: the host's connection for sound and pictures broke.
    Lost,
    /// The other side was blocked.
    Blocked,
    /// An offer: it may ring until that instant.
    Offer(Incoming),
    /// An offer, while a call of this device rings at the other side, which it replaces.
    Crossing(Incoming),
    /// Both called at once, and that other call goes on.
    Merge(CallId),
    /// An offer that came too late to ring.
    LateOffer,
    /// An offer, while this device is in a call.
    EngagedOffer,
    /// An offer by another device of this user.
    OwnOffer,
    /// A device of the other side answers.
    Answer { from: DeviceId, theirs: Share },
    /// A device of the other side declines.
    Declined,
    /// A device of the other side is in another call.
    Busy,
    /// The caller talks with this device.
    TakenHere,
    /// The caller talks with another device.
    TakenElsewhere,
    /// A device of the other side leaves the call.
    End { from: DeviceId, reason: EndReason, span: u64 },
    /// Candidates of a device of the other side.
    Candidates { from: DeviceId },
    /// Another device of this user answers.
    OwnAnswer,
    /// Another device of this user declines.
    OwnDeclined,
    /// Another device of this user is in another call.
    OwnBusy,
    /// Another device of this user leaves the call.
    OwnEnd(EndReason),
    /// The device at the other end calls anew: it is not in this call any more.
    Superseded,
    /// A deadline may have come.
    Timeout,
    /// The engine was opened: whatever process was in the call is gone.
    Restart,
    /// The relay refused the offer.
    Unsent,
    /// The message that tells of it goes; or would, had it come.
    Forget,
    /// The caller's word on how it ended, its own or that of a device of this user.
    History { ending: Ending, own: bool },
}

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Tell the other devices.
    Say(Say),
    /// Show that somebody calls.
    Incoming,
    /// The ringtone starts.
    RingStart,
    /// The ringtone stops.
    RingStop,
    /// Have the host answer at once.
    AcceptAtOnce,
    /// Show that somebody called in vain.
    Missed,
    /// Put the history message into the conversation.
    Record,
}

/// What other devices are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    Offer,
    Answer,
    Decline,
    Busy,
    Taken(DeviceId),
    /// That this device leaves, after so many milliseconds of talk.
    End(EndReason, u64),
}

/// What an input came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heed {
    /// It was heeded.
    Done,
    /// It was so before.
    Repeat,
    /// The call is over.
    Over,
    /// Whoever said so is not in this call.
    Stranger,
    /// It does not fit the state.
    Unfit,
}

/// What becomes of a call.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub state: State,
    pub actions: Vec<Action>,
    pub heed: Heed,
}

impl Step {
    pub(super) fn to(state: State, actions: impl Into<Vec<Action>>) -> Step {
        Step { state, actions: actions.into(), heed: Heed::Done }
    }

    pub(super) fn stay(state: State, heed: Heed) -> Step {
        Step { state, actions: Vec::new(), heed }
    }
}

impl State {
    /// When it wants to be looked at, if ever.
    pub fn deadline(&self) -> Option<Time> {
        match self {
            State::Early(early) => Some(early.until),
            State::RingingOut { ring, .. } => Some(ring.until),
            State::RingingIn(incoming) | State::Accepting(incoming) => Some(incoming.ring.until),
            State::ActiveOut(active) | State::ActiveIn(active) => Some(active.heard.plus(limits::CALL_HEARTBEAT)),
            State::Elsewhere { until } => Some(*until),
            State::Unknown | State::Over(_) | State::Merged(_) | State::Settled(_) => None,
        }
    }

    /// How long it rings, while it does.
    pub fn ring(&self) -> Option<Ring> {
        match self {
            State::RingingOut { ring, .. } => Some(*ring),
            State::RingingIn(incoming) | State::Accepting(incoming) => Some(incoming.ring),
            State::Unknown
            | State::Early(_)
            | State::ActiveOut(_)
            | State::ActiveIn(_)
            | State::Elsewhere { .. }
            | State::Over(_)
            | State::Merged(_)
            | State::Settled(_) => None,
        }
    }

    /// Whether this device is in it: it calls, rings or talks.
    pub fn is_live(&self) -> bool {
        match self {
            State::RingingOut { .. }
            | State::RingingIn(_)
            | State::Accepting(_)
            | State::ActiveOut(_)
            | State::ActiveIn(_) => true,
            State::Unknown
            | State::Early(_)
            | State::Elsewhere { .. }
            | State::Over(_)
            | State::Merged(_)
            | State::Settled(_) => false,
        }
    }

    /// The device at the other end, once there is one.
    pub fn with(&self) -> Option<DeviceId> {
        match self {
            State::RingingIn(incoming) | State::Accepting(incoming) => Some(incoming.from),
            State::ActiveOut(active) | State::ActiveIn(active) => Some(active.with),
            State::Unknown
            | State::Early(_)
            | State::RingingOut { .. }
            | State::Elsewhere { .. }
            | State::Over(_)
            | State::Merged(_)
            | State::Settled(_) => None,
        }
    }
}

impl Ring {
    /// Whether its time is over; also when the clock was put back since by more than it may ring.
    pub fn is_over(&self, now: Time) -> bool {
        now >= self.until || self.until.since(now) > 2 * limits::RING
    }

    /// An end of the ringing at `now`, whatever the clock did meanwhile.
    pub fn ending(&self, outcome: Outcome, now: Time) -> Ending {
        Ending { outcome, answered: None, ended: now.min(self.until).max(self.since) }
    }
}

impl Active {
    /// An end of the talk at `now`, whatever the clock did meanwhile.
    pub fn ending(&self, outcome: Outcome, now: Time) -> Ending {
        let latest = self.since.plus(limits::CALL_LONGEST);
        Ending { outcome, answered: Some(self.since), ended: now.min(latest).max(self.since) }
    }

    /// The same at `now`, if the other side left after `span` milliseconds and may have said so long ago.
    pub fn ended_after(&self, outcome: Outcome, span: u64, now: Time) -> Ending {
        self.ending(outcome, now.min(self.since.plus(span)))
    }
}
