//! What an offer means beside the calls that this device is in, and what a signal means by who sent it. Pure.

use super::key::Share;
use super::signal::{EndReason, Word};
use super::state::{Incoming, Input, State, Step};
use super::step::step;
use crate::id::{CallId, ConversationId, DeviceId, UserId};
use crate::time::Time;

/// A call that this device is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub call: CallId,
    pub conversation: ConversationId,
    /// The device at the other end; `None` while this device calls.
    pub with: Option<DeviceId>,
    /// The latest stamp of that device that led to where the call stands.
    pub stamp: Time,
}

/// An offer of a device of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    pub call: CallId,
    pub conversation: ConversationId,
    pub from: DeviceId,
    pub stamp: Time,
    /// Whether its time to ring is over.
    pub late: bool,
}

/// What an offer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// It rings.
    Rings,
    /// It came too late.
    Late,
    /// This device is in another call.
    Engaged,
    /// Both called at once, and this device's own call goes on.
    Absorbed(CallId),
    /// Both called at once, and this device's own call goes on as the offered one.
    Crosses(CallId),
    /// The offering device has left the call that it was in with this one.
    Supersedes(CallId),
}

/// What `offer` means beside the calls that this device is in.
pub(crate) fn meet(offer: &Offered, live: &[Live]) -> Meeting {
    if offer.late {
        return Meeting::Late;
    }
    let mut meeting = Meeting::Rings;
    for call in live {
        let here = call.conversation == offer.conversation;
        match call.with {
            // The smaller id wins, on both sides alike.
            None if here && call.call < offer.call => meeting = Meeting::Absorbed(call.call),
            None if here => meeting = Meeting::Crosses(call.call),
            // A device is in one call at a time: a new offer of it ends the one before. An old one came late.
            Some(with) if here && with == offer.from => {
                if offer.stamp <= call.stamp {
                    return Meeting::Late;
                }
                meeting = Meeting::Supersedes(call.call);
            }
            None | Some(_) => return Meeting::Engaged,
        }
    }
    meeting
}

/// Takes an offer in: what becomes of the offered call, and what that does to another call of this device.
pub(crate) fn take_offer(
    state: State,
    meeting: Meeting,
    incoming: Incoming,
    now: Time,
) -> (Step, Option<(CallId, Displaced)>) {
    let input = match meeting {
        Meeting::Rings | Meeting::Supersedes(_) => Input::Offer(incoming),
        Meeting::Late => Input::LateOffer,
        Meeting::Engaged => Input::EngagedOffer,
        Meeting::Absorbed(into) => Input::Merge(into),
        Meeting::Crosses(_) => Input::Crossing(incoming),
    };
    let step = step(state, input, now);
    // What is over already, or another device's, takes no other call's place.
    let displaced = match meeting {
        Meeting::Supersedes(other) if step.state.is_live() => Some((other, Displaced::Superseded)),
        Meeting::Crosses(other) if step.state.is_live() => Some((other, Displaced::Merges)),
        Meeting::Rings
        | Meeting::Late
        | Meeting::Engaged
        | Meeting::Absorbed(_)
        | Meeting::Supersedes(_)
        | Meeting::Crosses(_) => None,
    };
    (step, displaced)
}

/// What an offer does to the call that this device was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Displaced {
    Superseded,
    Merges,
}

impl Displaced {
    /// The input for the displaced call; `by` is the offered one.
    pub fn input(self, by: CallId) -> Input {
        match self {
            Displaced::Superseded => Input::Superseded,
            Displaced::Merges => Input::Merge(by),
        }
    }
}

/// Who sends a signal.
#[derive(Clone, Copy)]
pub(crate) struct Speaker<'a> {
    pub user: &'a UserId,
    pub device: DeviceId,
    /// Whether it is a device of this user.
    pub own: bool,
}

/// Who calls, as far as it is known.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub user: &'a UserId,
    /// `None` when only the history message told of the call.
    pub device: Option<DeviceId>,
}

/// Why a signal is nothing for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// Whoever sends it may not say that: it is forged, or thrown back.
    Forged,
    /// It is between other devices.
    NotOurs,
}

/// What a signal other than an offer means to this device, `here`, by who sends it. `caller` is `None` while nothing is
/// known of the call.
pub(crate) fn interpret(
    word: &Word,
    speaker: Speaker<'_>,
    caller: Option<Caller<'_>>,
    here: DeviceId,
) -> Result<Input, Unheard> {
    let by_caller = caller.map(|caller| caller.user == speaker.user);
    // Of the caller's devices, only the one that calls speaks in this call.
    let stray = caller.is_some_and(|c| c.user == speaker.user && c.device.is_some_and(|d| d != speaker.device));
    if stray {
        return Err(Unheard::Forged);
    }
    match word {
        Word::Offer { .. } => Err(Unheard::Forged),
        Word::Answer { .. } | Word::Decline | Word::Busy if by_caller == Some(true) => Err(Unheard::Forged),
        Word::Taken(_) if by_caller == Some(false) => Err(Unheard::Forged),
        Word::Answer { share, .. } => Ok(answered(speaker, share)),
        Word::Decline => Ok(if speaker.own { Input::OwnDeclined } else { Input::Declined }),
        Word::Busy => Ok(if speaker.own { Input::OwnBusy } else { Input::Busy }),
        Word::Taken(_) | Word::Payloads(_) if speaker.own => Err(Unheard::NotOurs),
        Word::Taken(device) if *device == here => Ok(Input::TakenHere),
        Word::Taken(_) => Ok(Input::TakenElsewhere),
        Word::Payloads(_) => Ok(Input::Candidates { from: speaker.device }),
        Word::End { reason, span } => Ok(ended(speaker, *reason, *span)),
    }
}

fn answered(speaker: Speaker<'_>, share: &Share) -> Input {
    if speaker.own { Input::OwnAnswer } else { Input::Answer { from: speaker.device, theirs: share.clone() } }
}

fn ended(speaker: Speaker<'_>, reason: EndReason, span: u64) -> Input {
    if speaker.own { Input::OwnEnd(reason) } else { Input::End { from: speaker.device, reason, span } }
}
