//! How people keep their conversations.

use undertone::conversation::Conversation;
use undertone::envelope::Clock;
use undertone::error::Error;
use undertone::id::ConversationId;
use undertone::time::{HOUR, Time};

use super::talk::PERIODS;
use super::{Done, at_once, done, may_refuse, not_to_blocked, place};
use crate::sim::model::Pair;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

pub(super) fn archive(sim: &mut Sim) {
    decide(sim, false, |sim, ix, _, talk| {
        sim.tally.action("archive");
        let archived = sim.draw(2) == 0;
        let kept = sim.world.call(ix, |engine, now| engine.conversations().archive(talk, archived, now));
        if let Done::Sure(()) = done(sim, ix, "archive", kept, is_unknown) {
            shows(sim, ix, talk, |shown| shown.archived == archived);
        }
    });
}

pub(super) fn mute(sim: &mut Sim) {
    decide(sim, false, |sim, ix, _, talk| {
        sim.tally.action("mute");
        let until = [None, Some(sim.world.now.plus(HOUR)), Some(Time::NEVER)][sim.draw(3)];
        let kept = sim.world.call(ix, |engine, now| engine.conversations().mute(talk, until, now));
        if let Done::Sure(()) = done(sim, ix, "mute", kept, is_unknown) {
            shows(sim, ix, talk, |shown| shown.muted_until == until);
        }
    });
}

pub(super) fn pin(sim: &mut Sim) {
    decide(sim, false, |sim, ix, _, talk| {
        sim.tally.action("pin");
        let pinned = sim.draw(2) == 0;
        let kept = sim.world.call(ix, |engine, now| engine.conversations().pin(talk, pinned, now));
        if let Done::Sure(()) = done(sim, ix, "pin", kept, is_unknown) {
            shows(sim, ix, talk, |shown| shown.pinned == pinned);
        }
    });
}

/// Sets for how long new messages stay.
pub(super) fn set_period(sim: &mut Sim) {
    decide(sim, true, |sim, ix, pair, talk| {
        sim.tally.action("set period");
        let period = if sim.draw(2) == 0 { -1 } else { PERIODS[sim.draw(PERIODS.len())] };
        let clock = [Clock::FromSend, Clock::FromRead][sim.draw(2)];
        if period >= 0 {
            sim.model.mortal.insert(pair);
        }
        let may_refuse = may_refuse(sim, ix, pair, talk);
        let set = sim.world.call(ix, |engine, now| engine.conversations().set_period(talk, period, clock, now));
        if let Done::Sure(()) = done(sim, ix, "set the period", set, |error| is_unknown(error) || may_refuse(error)) {
            not_to_blocked(sim, ix, pair, "set the period");
        }
    });
}

/// A device decides, and perhaps another one at the same moment: one of the same user, or of either.
fn decide(sim: &mut Sim, either: bool, deed: fn(&mut Sim, DeviceIx, Pair, ConversationId)) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    deed(sim, ix, pair, talk);
    if let Some(other) = at_once(sim, ix, pair, either) {
        deed(sim, other, pair, talk);
    }
}

/// The device that decides keeps a conversation as was decided.
fn shows(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, as_decided: impl Fn(&Conversation) -> bool) {
    let shown = sim.ask(ix, |engine, now| engine.conversations().get(talk, now));
    if shown.is_some_and(|shown| !as_decided(&shown)) {
        sim.violation(format!("device {ix} does not keep a conversation as was just decided"));
    }
}

fn is_unknown(error: &Error) -> bool {
    *error == Error::Misuse(undertone::error::Misuse::UnknownConversation)
}
