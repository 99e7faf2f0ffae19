//! Names: shown on the device that they were given on and on no other, and found there.

use undertone::id::ConversationId;
use undertone::search::SearchQuery;

use super::view::list;
use crate::sim::model::{Model, Pair, plain};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A device calls the other member of a conversation what they were called on it.
pub(super) fn right(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) {
    let other = Model::other(pair, sim.user(ix));
    let user = sim.world.user_named(&sim.model.people[other].name);
    let Some(shown) = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)) else { return };
    let Some(known) = sim.ask(ix, |engine, _| engine.privacy().display_name(&user)) else { return };
    let given = sim.model.name(ix, other).map(str::to_owned);
    sim.tally.seen("names", u64::from(given.is_some()));
    let shown: Vec<_> = shown.others.into_iter().map(|member| member.name).collect();
    if known != given || shown != [given.clone()] {
        sim.violation(format!("device {ix} calls {other} {known:?}, shows {shown:?}, given was {given:?}"));
    }
}

/// A device finds those conversations whose other member has a name or an id with a word and one that is begun so, in the
/// order of the list, however many are asked for at a time.
pub fn finds_people(sim: &mut Sim, ix: DeviceIx, whole: &[String], begun: &str) {
    let words = format!("{} {begun}", whole.concat());
    let Ok(query) = SearchQuery::parse(&words) else {
        return sim.violation(format!("names are no query: {words}"));
    };
    let Some(conversations) = list(sim, ix) else { return };
    let fits = |talk: &ConversationId| {
        let (pair, _) = sim.model.conversations.iter().find(|(_, id)| *id == talk).expect("somebody has started it");
        let names = sim.model.words(ix, Model::other(*pair, sim.user(ix)));
        let has_all = whole.iter().all(|word| names.contains(&plain(word)));
        has_all && names.iter().any(|name| name.starts_with(&plain(begun)))
    };
    let expected: Vec<ConversationId> = conversations.into_iter().map(|shown| shown.id).filter(fits).collect();
    let (mut found, mut cursor, size) = (Vec::new(), None, 1 + sim.draw(3));
    loop {
        let page = sim.ask(ix, |engine, now| engine.conversations().search(&query, cursor.as_ref(), size, now));
        let Some(page) = page else { return };
        found.extend(page.conversations.into_iter().map(|shown| shown.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    sim.tally.seen("people found", found.len() as u64);
    if found != expected {
        sim.violation(format!("device {ix} finds {found:?} by {words:?}, not {expected:?}"));
    }
}
