//! The faults end, and everything gets the time to heal. Then everybody says something to everybody.

use undertone::id::ConversationId;
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
fn places(sim: &Sim) -> Vec<(DeviceIx, Pair, ConversationId)> {
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
        if died_out(sim, pair, talk) {
            continue;
        }
        let before = sim.model.lines.len();
        say(sim, ix, pair, talk);
        if sim.model.lines.len() == before {
            sim.violation(format!("device {ix} does not know a conversation of its user, though all has healed"));
        }
        sim.pass(50);
    }
}

/// Whether a conversation is gone with every device that had started it: those were revoked before anybody else had taken
/// it in, and what a revoked device says is refused from the moment that its revocation is known, however early the relay
/// has accepted it.
fn died_out(sim: &mut Sim, pair: Pair, talk: ConversationId) -> bool {
    if sim.model.starters[&pair].iter().any(|ix| sim.model.is_live(*ix)) {
        return false;
    }
    let members = [sim.model.live_of(pair.0), sim.model.live_of(pair.1)].concat();
    members.into_iter().all(|ix| sim.ask(ix, |engine| engine.conversations().get(talk)).is_none())
}

fn read_some(sim: &mut Sim) {
    for (ix, pair, talk) in places(sim) {
        if sim.draw(2) == 0 {
            read_up_to(sim, ix, pair, talk);
        }
        sim.pass(50);
    }
}

#[cfg(test)]
mod tests {
    use super::super::action::drown;
    use super::super::check;
    use super::super::model::{Model, Standing};
    use super::super::run::Options;
    use super::*;

    /// Eva's phone starts a conversation with dot, whose phone is off, and falls into the water a minute later. Whether dot
    /// hears of the loss before it hears of the conversation.
    fn after_the_loss_of_a_starter(lost_first: bool) -> (Sim, Pair) {
        let mut sim = Sim::new(Options::new(2, 0));
        sim.world.net.weather = Weather::FINE;
        let (eva, dot) = (sim.model.people[2].devices[0], sim.model.people[4].devices[0]);
        let pair = Model::pair(2, 4);
        let next = sim.world.another_unconnected(eva);
        sim.model.add_device(2, next, Standing::Late);
        sim.world.disconnect(dot);
        let talk = sim.world.start(eva, dot);
        sim.model.conversations.insert(pair, talk);
        sim.model.has_started(pair, eva);
        sim.world.run(MINUTE);
        if !lost_first {
            sim.world.connect(dot);
            sim.world.run(MINUTE);
        }
        drown(&mut sim, eva);
        heal(&mut sim);
        check::healed(&mut sim);
        (sim, pair)
    }

    // R10 R17
    #[test]
    fn a_conversation_that_only_a_revoked_device_knew_is_gone_with_it() {
        let (sim, _) = after_the_loss_of_a_starter(true);
        assert!(sim.violations.is_empty(), "{:#?}", sim.violations);
        assert!(sim.model.lines.is_empty(), "there is nowhere to write");
    }

    // R17
    #[test]
    fn a_conversation_that_somebody_knows_outlives_the_device_that_started_it() {
        let (sim, pair) = after_the_loss_of_a_starter(false);
        assert!(sim.violations.is_empty(), "{:#?}", sim.violations);
        let written: Vec<_> = sim.model.lines.iter().map(|line| (line.pair, line.author)).collect();
        assert_eq!(written, [(pair, 4), (pair, 2)], "from dot's phone, and from eva's next one");
    }
}
