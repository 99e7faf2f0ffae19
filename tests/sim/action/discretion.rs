//! What people tell of themselves, and what they keep to themselves.

use undertone::error::{Error, Misuse};
use undertone::privacy::Privacy;

use super::{Done, done, place};
use crate::sim::check;
use crate::sim::model::{Discretion, Doubt, NEEDLE};
use crate::sim::run::Sim;

/// A user decides what others are told: always on the same device, so that one decision follows the other.
pub(super) fn decide(sim: &mut Sim) {
    let Some((ix, ..)) = place(sim) else { return };
    let user = sim.user(ix);
    if sim.model.discretions.get(&user).is_some_and(|decided| decided.device != ix) {
        return;
    }
    sim.tally.action("set privacy");
    let settings = Privacy { read_receipts: sim.draw(2) == 0, typing: sim.draw(2) == 0 };
    let set = sim.world.call(ix, |engine, now| engine.privacy().set(settings, now));
    let sure = match done(sim, ix, "set privacy", set, |_| false) {
        Done::Sure(()) => true,
        Done::Maybe(_) => false,
        Done::Refused => return,
    };
    sim.model.discretions.insert(user, Discretion { device: ix, settings, sure });
    if !sure {
        sim.model.doubts.entry(ix).or_default().push(Doubt::Discretion);
    }
}

/// Somebody begins to write something, or gives it up.
pub(super) fn draft(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("draft");
    let text = (sim.draw(3) > 0).then(|| format!("{NEEDLE} draft {}", sim.tally.total_actions()));
    let written = text.clone();
    let set = sim.world.call(ix, |engine, now| engine.conversations().set_draft(talk, written, now));
    let unknown = Error::Misuse(Misuse::UnknownConversation);
    match done(sim, ix, "keep a draft", set, |error| *error == unknown) {
        Done::Sure(()) => drop(sim.model.drafts.insert((ix, pair), text)),
        Done::Maybe(_) => sim.model.doubts.entry(ix).or_default().push(Doubt::Draft(pair)),
        Done::Refused => {}
    }
}

/// Somebody follows a conversation and the list by what a subscription tells of them.
pub(super) fn follow(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    sim.tally.action("follow");
    check::follow(sim, ix, talk);
}
