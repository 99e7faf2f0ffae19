//! Somebody whose engine keeps no rules, past a relay that keeps none: only the other engines stand against it.

use undertone::policy::Policy;

use super::action::say;
use super::model::{Model, Person, Standing};
use super::run::Sim;
use super::world::DeviceIx;

/// It tries something after one action in so many.
const TRIES_EVERY: usize = 10;

/// The preset, but everybody may start with everybody.
pub fn no_rules() -> Policy {
    let preset = include_str!("../../core/src/policy/companion.toml");
    let start = preset.find("[start]").expect("the preset says who may start");
    let open = "[start]\nclient = [\"client\", \"escort\", \"support\"]\n\
                escort = [\"client\", \"escort\", \"support\"]\nsupport = [\"client\", \"escort\", \"support\"]\n";
    Policy::from_toml(&format!("{}{open}", &preset[..start])).expect("rules")
}

/// A doctored escort takes part. Nothing is owed to it.
pub fn enter(sim: &mut Sim) {
    sim.world.relay.set_policy(no_rules);
    let kept = sim.world.policy;
    sim.world.policy = no_rules;
    let ix = sim.world.device("mal", "escort");
    sim.world.policy = kept;
    let person = Person { name: "mal".to_owned(), role: "escort", devices: Vec::new(), lost: true, identity: 0 };
    sim.model.people.push(person);
    sim.model.add_device(sim.model.people.len() - 1, ix, Standing::Hostile);
    sim.hostile = Some(ix);
}

/// It starts with somebody whom it may not start with, and says something.
pub fn step(sim: &mut Sim) {
    let Some(ix) = sim.hostile else { return };
    if sim.world.devices[ix].failed || sim.draw(TRIES_EVERY) > 0 {
        return;
    }
    lure(sim, ix);
}

fn lure(sim: &mut Sim, ix: DeviceIx) {
    let user = sim.user(ix);
    let victims: Vec<_> =
        (0..sim.model.people.len()).filter(|other| *other != user && !sim.model.may_start(user, *other)).collect();
    let Some(victim) = sim.pick(&victims) else { return };
    let name = sim.world.user_named(&sim.model.people[victim].name.clone());
    let Ok(talk) = sim.world.call(ix, |engine, now| engine.conversations().start(&name, now)) else { return };
    let pair = Model::pair(user, victim);
    sim.model.conversations.insert(pair, talk);
    let before = sim.model.lines.len();
    say(sim, ix, pair, talk);
    // Nobody has to show it, even where the other side has started a conversation of its own.
    sim.model.lines[before..].iter_mut().for_each(|line| line.allowed = false);
}
