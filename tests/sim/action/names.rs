//! What people call each other, and how they look for them.

use super::{Done, done, place};
use crate::sim::check;
use crate::sim::model::{Doubt, GIVEN, Model, NEEDLE};
use crate::sim::run::Sim;

/// Somebody gives somebody a name, for one device, or takes it back.
pub(super) fn give(sim: &mut Sim) {
    let Some((ix, pair, _)) = place(sim) else { return };
    sim.tally.action("name");
    let other = Model::other(pair, sim.user(ix));
    let number = sim.tally.total_actions();
    let name = (sim.draw(4) > 0).then(|| format!("{} {NEEDLE} {number}", GIVEN[sim.draw(GIVEN.len())]));
    let (user, given) = (sim.world.user_named(&sim.model.people[other].name), name.clone());
    let named = sim.world.call(ix, |engine, now| engine.privacy().set_display_name(&user, given.as_deref(), now));
    match done(sim, ix, "give a name", named, |_| false) {
        Done::Sure(()) => drop(sim.model.names.insert((ix, other), name)),
        Done::Maybe(_) => sim.model.doubts.entry(ix).or_default().push(Doubt::Name(other)),
        Done::Refused => {}
    }
}

/// Somebody looks for people by a word, and by how another one begins.
pub(super) fn search(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.action("search people");
    let mut words: Vec<String> = GIVEN.iter().map(|given| (*given).to_owned()).collect();
    words.extend(sim.model.people.iter().map(|person| person.name.to_uppercase()));
    words.push(NEEDLE.to_owned());
    let begun = &words[sim.draw(words.len())];
    let begun: String = begun.chars().take(1 + sim.draw(begun.chars().count())).collect();
    let whole = if sim.draw(2) == 0 { Vec::new() } else { vec![words[sim.draw(words.len())].clone()] };
    check::finds_people(sim, ix, &whole, &begun);
}
