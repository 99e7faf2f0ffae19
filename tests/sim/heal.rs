//! The faults end, and everything gets the time to heal. Then everybody says something to everybody.

use undertone::time::MINUTE;

use super::action::{read_up_to, say};
use super::model::Pair;
use super::net::Weather;
use super::run::{HEALING, Sim};
use super::world::DeviceIx;

/// Ends all faults and lets everything settle.
pub fn heal(sim: &mut Sim) {
    calm(sim);
    sim.pass(HEALING);
    sim.healed = true;
    probe(sim);
    sim.pass(20 * MINUTE);
    read_some(sim);
    sim.pass(20 * MINUTE);
}

fn calm(sim: &mut Sim) {
    sim.world.net.weather = Weather::FINE;
    sim.world.relay_dies_after = None;
    for ix in 0..sim.world.devices.len() {
        sim.world.devices[ix].disk.plan(None);
        sim.world.devices[ix].cut = false;
        sim.world.set_clock(ix, 0);
    }
    sim.revive();
    for ix in 0..sim.world.devices.len() {
        // Who is revoked gets no further by asking again.
        sim.world.devices[ix].wants_link &= sim.model.is_live(ix);
    }
    for ix in sim.model.live_devices() {
        if sim.world.devices[ix].engine.is_none() {
            sim.restart(ix);
        }
        sim.world.disconnect(ix);
        sim.world.connect(ix);
    }
}

/// Every live device with the conversations that its user has started or was drawn into.
fn places(sim: &Sim) -> Vec<(DeviceIx, Pair, undertone::id::ConversationId)> {
    let mut places = Vec::new();
    for ix in sim.model.live_devices() {
        let user = sim.user(ix);
        for (pair, talk) in &sim.model.conversations {
            if (pair.0 == user || pair.1 == user) && sim.model.started.contains(pair) {
                places.push((ix, *pair, *talk));
            }
        }
    }
    places
}

fn probe(sim: &mut Sim) {
    for (ix, pair, talk) in places(sim) {
        let before = sim.model.lines.len();
        say(sim, ix, pair, talk);
        if sim.model.lines.len() == before {
            sim.violation(format!("device {ix} does not know a conversation of its user, though all has healed"));
        }
        sim.pass(50);
    }
}

fn read_some(sim: &mut Sim) {
    for (ix, pair, talk) in places(sim) {
        if sim.draw(2) == 0 {
            read_up_to(sim, ix, pair, talk);
        }
        sim.pass(50);
    }
}
