//! People block others, and take it back.

use super::{Done, done, place};
use crate::sim::check;
use crate::sim::model::{Block, Doubt, Model};
use crate::sim::run::Sim;

/// So many users block somebody in a run: between those two, little else can be compared.
const BLOCKS: usize = 2;

/// A user blocks another, or takes it back: always on the same device, so that one decision follows the other.
pub(super) fn decide(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let user = sim.user(ix);
    let other = Model::other(pair, user);
    let known = sim.model.blocks.get(&(user, other)).map(|block| (block.device, block.blocked));
    let blocked = match known {
        Some((device, _)) if device != ix => return,
        Some((_, blocked)) => !blocked,
        None if sim.model.blocks.len() >= BLOCKS => return,
        None => true,
    };
    let Some(messages) = check::shown(sim, ix, talk) else { return };
    let shown = messages.iter().filter_map(|m| check::line(sim, m)).collect();
    sim.tally.action(if blocked { "block" } else { "unblock" });
    let name = sim.world.user_named(&sim.model.people[other].name.clone());
    let decided = sim.world.call(ix, |engine, now| engine.privacy().block(&name, blocked, now));
    let sure = match done(sim, ix, "block", decided, |_| false) {
        Done::Sure(()) => true,
        Done::Maybe(_) => false,
        Done::Refused => return,
    };
    sim.model.blocks.insert((user, other), Block { device: ix, blocked, sure, since: sim.world.now, shown });
    if !sure {
        sim.model.doubts.entry(ix).or_default().push(Doubt::Blocked(other));
    }
}
