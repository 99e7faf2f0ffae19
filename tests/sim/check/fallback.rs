//! Another channel: asked for by who wants it, for what nobody has read, and once.

use undertone::input::{Answer, RequestId};
use undertone::output::Request;
use undertone::time::Time;

use super::expiry::believed;
use crate::sim::model::{Fate, Line, Model, Pair};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A request to reach somebody, which may be handed out several times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    ix: DeviceIx,
    id: RequestId,
    pair: Pair,
    since: Time,
    count: u32,
}

/// Hosts do as they are asked, and only what is right is asked of them.
pub fn asked(sim: &mut Sim) {
    for ix in sim.running() {
        for (id, request) in core::mem::take(&mut sim.world.devices[ix].fallbacks) {
            note(sim, ix, id, &request);
            if !sim.world.devices[ix].failed {
                let _ = sim.world.call(ix, |engine, now| engine.request_done(id, Answer::Notified, now));
            }
        }
    }
}

fn note(sim: &mut Sim, ix: DeviceIx, id: RequestId, request: &Request) {
    let Request::Fallback { conversation, user, since, count } = request else { return };
    let Some((pair, _)) = sim.model.conversations.iter().find(|(_, talk)| *talk == conversation) else {
        return sim.violation(format!("device {ix} asks to reach somebody in a conversation that nobody has started"));
    };
    let asked = Asked { ix, id, pair: *pair, since: *since, count: *count };
    if sim.watch.asked.contains(&asked) {
        return;
    }
    sim.watch.asked.push(asked);
    sim.tally.seen("fallbacks", 1);
    let other = &sim.model.people[Model::other(*pair, sim.user(ix))].name;
    // Until a device was seen to show it, when it was sent is not known.
    let is_first = |line: &Line| line.sent.map_or(line.written.0 <= *since, |sent| sent.accepted == *since);
    let said =
        |line: &Line| line.device == ix && line.pair == asked.pair && line.fate != Fate::Cancelled && is_first(line);
    let after = sim.world.devices[ix].profile.fallback_after;
    // A clock that was set by less than a jump seems to have run.
    let was_wrong = sim.watch.clocks.get(&ix).is_some_and(|clocks| clocks.was_wrong);
    let due = was_wrong || after.is_some_and(|after| sim.world.now.max(believed(sim, ix)) >= since.plus(after));
    if user.as_str() != other || !due || !sim.model.lines.iter().any(said) {
        let (now, shown) = (sim.world.now, believed(sim, ix));
        let what = format!("{} since {since:?}, due {due}: {now:?}, believed {shown:?}", user.as_str());
        sim.violation(format!("device {ix} asks without need to reach {what}"));
    }
}

/// How many requests there were.
pub fn asked_total(sim: &Sim) -> usize {
    sim.watch.asked.len()
}

/// What a device has asked for since so many requests, for one conversation: since when what waits, and how much.
pub fn asked_since(sim: &Sim, before: usize, ix: DeviceIx, pair: Pair) -> Vec<(Time, u32)> {
    let these = sim.watch.asked[before..].iter().filter(|asked| (asked.ix, asked.pair) == (ix, pair));
    these.map(|asked| (asked.since, asked.count)).collect()
}
