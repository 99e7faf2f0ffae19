//! People call each other.

use undertone::call::{Call, Stage};
use undertone::error::{Error, Misuse};
use undertone::policy::CallKind;

use super::{Done, done, may_refuse, place};
use crate::sim::model::{Deed, Dial, Model};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// Somebody calls.
pub(super) fn call(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
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
        Done::Sure(_) if busy => return sim.violation(format!("device {ix} calls while it is in a call")),
        Done::Sure(call) => (call, true),
        Done::Maybe(Some(call)) => (call, false),
        Done::Maybe(None) | Done::Refused => return,
    };
    if sure {
        super::not_to_blocked(sim, ix, pair, "call");
    }
    let (caller, at) = (sim.user(ix), sim.world.now);
    sim.model.calls.insert(call, Dial { pair, caller, device: ix, kind, at, sure, deeds: Vec::new() });
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
        None => signal(sim, ix, &call),
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
        }
    }
}

fn signal(sim: &mut Sim, ix: DeviceIx, call: &Call) {
    sim.tally.action("signal");
    let said = sim.world.call(ix, |engine, now| engine.calls().signal(call.id, &[b"candidate".to_vec()], now));
    done(sim, ix, "signal", said, |error| matches!(error, Error::Misuse(Misuse::TooLarge { .. })));
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
