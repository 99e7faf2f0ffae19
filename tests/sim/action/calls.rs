//! People call each other.

use std::collections::BTreeSet;

use undertone::call::{Call, Stage};
use undertone::error::{Error, Misuse};
use undertone::id::{CallId, ConversationId};
use undertone::policy::CallKind;
use undertone::time::SECOND;

use super::{Done, done, may_refuse, place};
use crate::sim::check;
use crate::sim::model::{Deed, Dial, Model, Pair};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// Somebody calls.
pub(super) fn call(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    dial(sim, ix, pair, talk);
}

/// Calls; says which call it is, if it was made for sure.
fn dial(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) -> Option<CallId> {
    sim.tally.action("call");
    let kind = [CallKind::Voice, CallKind::Video][sim.draw(2)];
    let may_refuse = may_refuse(sim, ix, pair, talk);
    let changed = sim.model.may_hold_back(ix, Model::other(pair, sim.user(ix)));
    let busy = sim.ask(ix, |engine, _| engine.calls().active()).is_some_and(|calls| !calls.is_empty());
    let made = sim.world.call(ix, |engine, now| engine.calls().start(talk, kind, b"offer", now));
    let fine = |error: &Error| match error {
        Error::Misuse(Misuse::UnknownConversation) => true,
        Error::Misuse(Misuse::InCall) => busy,
        Error::Misuse(Misuse::IdentityChanged) => changed,
        error => may_refuse(error),
    };
    let (call, sure) = match done(sim, ix, "call", made, fine) {
        Done::Sure(_) if busy => {
            sim.violation(format!("device {ix} calls while it is in a call"));
            return None;
        }
        Done::Sure(call) => (call, true),
        Done::Maybe(Some(call)) => (call, false),
        Done::Maybe(None) | Done::Refused => return None,
    };
    if sure {
        super::not_to_blocked(sim, ix, pair, "call");
    }
    let (caller, at) = (sim.user(ix), sim.world.now);
    let (deeds, answered) = (Vec::new(), BTreeSet::new());
    sim.model.calls.insert(call, Dial { pair, caller, device: ix, kind, at, sure, deeds, answered });
    sure.then_some(call)
}

/// Somebody does something with the call that a device is in, or that rings there.
pub(super) fn in_call(sim: &mut Sim) {
    let mut busy = Vec::new();
    for ix in sim.running() {
        let active = sim.ask(ix, |engine, _| engine.calls().active()).unwrap_or_default();
        busy.extend(active.into_iter().map(|call| (ix, call)));
    }
    if busy.is_empty() {
        return;
    }
    let drawn = sim.draw(busy.len());
    let (ix, call) = busy.swap_remove(drawn);
    let deed = match (call.stage, sim.draw(8)) {
        (Stage::RingingIn | Stage::Accepting, 0..=4) => Some(Deed::Accept),
        (Stage::RingingIn | Stage::Accepting, 5) => Some(Deed::Reject),
        (_, 6) => Some(Deed::HangUp),
        (Stage::Active, 3..=5) => Some(Deed::HangUp),
        (Stage::Active | Stage::RingingOut, 7) if sim.draw(4) == 0 => Some(Deed::Lose),
        _ => None,
    };
    match deed {
        Some(deed) => act(sim, ix, &call, deed),
        None if sim.draw(2) == 0 => signal(sim, ix, call.id),
        None => take(sim, ix, call.id),
    }
}

fn act(sim: &mut Sim, ix: DeviceIx, call: &Call, deed: Deed) {
    let id = call.id;
    let (name, result) = match deed {
        Deed::Accept => ("answer", sim.world.call(ix, |engine, now| engine.calls().accept(id, b"answer", now))),
        Deed::Reject => ("decline", sim.world.call(ix, |engine, now| engine.calls().reject(id, now))),
        Deed::HangUp => ("hang up", sim.world.call(ix, |engine, now| engine.calls().hang_up(id, now))),
        Deed::Lose => ("lose call", sim.world.call(ix, |engine, now| engine.calls().connection_lost(id, now))),
    };
    sim.tally.action(name);
    let user = sim.user(ix);
    let caller = sim.model.calls.get(&id).map(|dial| dial.caller);
    let blocks = deed == Deed::Accept && caller.is_some_and(|caller| sim.model.has_blocked(user, caller));
    let changed = deed == Deed::Accept && caller.is_some_and(|caller| sim.model.may_hold_back(ix, caller));
    let kept = |error: &Error| match error {
        Error::Misuse(Misuse::Blocked) => blocks,
        Error::Misuse(Misuse::IdentityChanged) => changed,
        _ => false,
    };
    if !matches!(done(sim, ix, name, result, kept), Done::Refused) {
        let now = sim.world.now;
        if let Some(dial) = sim.model.calls.get_mut(&id) {
            dial.deeds.push((deed, user, now));
            dial.answered.extend((deed == Deed::Accept).then_some(ix));
        }
    }
}

/// A host tells the other one some things at once.
fn signal(sim: &mut Sim, ix: DeviceIx, call: CallId) {
    sim.tally.action("signal");
    let payloads: Vec<Vec<u8>> = (0..=sim.draw(3)).map(|_| sim.model.new_candidate(call, ix)).collect();
    let said = sim.world.call(ix, |engine, now| engine.calls().signal(call, &payloads, now));
    done(sim, ix, "signal", said, |error| matches!(error, Error::Misuse(Misuse::TooLarge { .. })));
}

/// A host takes what the other one has told.
fn take(sim: &mut Sim, ix: DeviceIx, call: CallId) {
    sim.tally.action("take signals");
    let taken = sim.world.call(ix, |engine, now| engine.calls().take_payloads(call, now));
    // Of what an engine died over, nobody knows whether it comes once more.
    if let Done::Sure(payloads) = done(sim, ix, "take signals", taken, |_| false) {
        check::hears(sim, ix, call, &payloads);
    }
}

/// In fine weather somebody calls, is answered, and the hosts tell each other something, one after the other.
pub fn converse(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) {
    let theirs = sim.model.live_of(Model::other(pair, sim.user(ix)));
    let (Some(theirs), Some(id)) = (sim.pick(&theirs), dial(sim, ix, pair, talk)) else { return };
    sim.pass(SECOND);
    let Some(call) = sim.ask(theirs, |engine, now| engine.calls().get(id, now)) else {
        return sim.violation(format!("device {theirs} does not ring, though all has healed"));
    };
    act(sim, theirs, &call, Deed::Accept);
    sim.pass(SECOND);
    for who in [ix, theirs, ix, theirs] {
        signal(sim, who, id);
        sim.pass(SECOND);
    }
    check::keys(sim);
    for (who, other) in [(ix, theirs), (theirs, ix)] {
        take(sim, who, id);
        // What was taken does not come again.
        take(sim, who, id);
        check::heard_all(sim, who, id, other);
    }
    act(sim, theirs, &call, Deed::HangUp);
    sim.pass(SECOND);
}

/// Whoever still talks hangs up.
pub fn hang_up_all(sim: &mut Sim) {
    for ix in sim.running() {
        let active = sim.ask(ix, |engine, _| engine.calls().active()).unwrap_or_default();
        for call in active.iter().filter(|call| call.stage == Stage::Active) {
            act(sim, ix, call, Deed::HangUp);
        }
        sim.pass(1_000);
    }
}
