//! A subscriber to calls: how each of them stands, and what rings.

use std::collections::{BTreeMap, BTreeSet};

use undertone::call::{Call, Stage};
use undertone::id::CallId;
use undertone::subscription::{SubscriptionId, Topic, Update};

use crate::sim::run::{PAGE, Sim};
use crate::sim::world::DeviceIx;

/// What such a subscriber shows and plays.
pub struct Calls {
    pub id: SubscriptionId,
    calls: BTreeMap<CallId, Call>,
    ringing: BTreeSet<CallId>,
}

pub(super) fn open(sim: &mut Sim, ix: DeviceIx) -> Option<Calls> {
    let id = sim.ask(ix, |engine, _| engine.subscriptions().open(Topic::Calls))?;
    Some(Calls { id, calls: read(sim, ix)?, ringing: ringing(sim, ix)? })
}

/// Takes the updates in, and compares.
pub(super) fn compare(sim: &mut Sim, ix: DeviceIx, mirror: &mut Calls) -> Option<()> {
    let id = mirror.id;
    for update in sim.ask(ix, |engine, now| engine.subscriptions().take(id, now))? {
        sim.tally.seen("updates of calls", 1);
        match update {
            Update::Call(call) => drop(mirror.calls.insert(call.id, *call)),
            Update::RingtoneStart(call) => drop(mirror.ringing.insert(call)),
            Update::RingtoneStop(call) => drop(mirror.ringing.remove(&call)),
            Update::Resync => (mirror.calls, mirror.ringing) = (read(sim, ix)?, ringing(sim, ix)?),
            other => sim.violation(format!("device {ix} tells a subscriber to calls of {other:?}")),
        }
    }
    same_calls(sim, ix, mirror)?;
    let rings = ringing(sim, ix)?;
    if rings != mirror.ringing {
        let played = &mirror.ringing;
        sim.violation(format!("device {ix} has not told a subscriber that {rings:?} ring, and not {played:?}"));
    }
    Some(())
}

/// What goes by itself need not be told of, and no more that a call went on as another.
fn same_calls(sim: &mut Sim, ix: DeviceIx, mirror: &Calls) -> Option<()> {
    let now = read(sim, ix)?;
    let lasts = |sim: &Sim, call: &Call| {
        let pair = sim.model.conversations.iter().find(|(_, talk)| **talk == call.conversation);
        pair.is_none_or(|(pair, _)| !sim.model.mortal.contains(pair))
    };
    for (id, call) in &now {
        let known = mirror.calls.get(id);
        if known.map_or(lasts(sim, call), |known| known != call) {
            let (known, is) = (known.map(described), described(call));
            sim.violation(format!("device {ix} has not told a subscriber that call {id:?} is {is}, not {known:?}"));
        }
    }
    for (id, call) in mirror.calls.iter().filter(|(id, _)| !now.contains_key(id)) {
        let became = sim.ask(ix, |engine, now| engine.calls().get(*id, now)).map(|call| call.id);
        if lasts(sim, call) && became.is_none_or(|other| other == *id) {
            let was = described(call);
            sim.violation(format!("device {ix} has not told a subscriber that call {id:?} is gone, and not {was}"));
        }
    }
    Some(())
}

/// What may differ.
fn described(call: &Call) -> String {
    let (answered, ended) = (call.answered.map(|at| at.as_ms()), call.ended.map(|at| at.as_ms()));
    format!("{:?} {:?} {answered:?} {ended:?} {}", call.stage, call.outcome, call.settled)
}

/// All calls that a device knows, under way or over.
fn read(sim: &mut Sim, ix: DeviceIx) -> Option<BTreeMap<CallId, Call>> {
    let active = sim.ask(ix, |engine, _| engine.calls().active())?;
    let mut calls: BTreeMap<CallId, Call> = active.into_iter().map(|call| (call.id, call)).collect();
    let mut cursor = None;
    loop {
        let page = sim.ask(ix, |engine, now| engine.calls().page(None, cursor, PAGE, now))?;
        calls.extend(page.calls.into_iter().map(|call| (call.id, call)));
        cursor = page.next;
        if cursor.is_none() {
            return Some(calls);
        }
    }
}

fn ringing(sim: &mut Sim, ix: DeviceIx) -> Option<BTreeSet<CallId>> {
    let active = sim.ask(ix, |engine, _| engine.calls().active())?;
    Some(active.into_iter().filter(|call| call.stage == Stage::RingingIn).map(|call| call.id).collect())
}
