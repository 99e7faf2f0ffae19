//! Answers, names, and what is carried from one conversation into another.

use undertone::engine::Draft;
use undertone::envelope::{Clock, MessageRef};
use undertone::message::{Mention, SendState};

use super::place;
use super::talk::{Wish, write};
use crate::sim::check;
use crate::sim::model::{Marks, Model, NEEDLE, Terms};
use crate::sim::run::Sim;

/// Somebody answers something, with a text that names somebody.
pub(super) fn answer(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let texts: Vec<_> = messages.iter().filter(|m| check::line(sim, m).is_some()).collect();
    if texts.is_empty() {
        return;
    }
    let answered = texts[sim.draw(texts.len())];
    let target = MessageRef { author: answered.author.clone(), id: answered.key.id };
    let Some(author) = sim.model.person_named(target.author.as_str()) else { return };
    sim.tally.action("answer a text");
    let named = if sim.draw(2) == 0 { sim.user(ix) } else { Model::other(pair, sim.user(ix)) };
    let name = format!("@{}", sim.model.people[named].name);
    let text = format!("{NEEDLE} {} of device {ix} {name}", sim.model.lines.len());
    let range = text.len() - name.len()..text.len();
    let mention = Mention { range: range.clone(), user: sim.world.user_named(&name[1..]) };
    let marks = Marks { answers: Some((author, target.id)), names: Some((range, named)), forwarded: false };
    let terms = Terms { period: -1, clock: Clock::FromSend };
    let draft = Draft {
        period: Some(terms.period),
        clock: Some(terms.clock),
        target: Some(target),
        mentions: vec![mention],
        ..Draft::text(text.clone())
    };
    let wish = Wish { text, terms: Some(terms), marks, what: "answer" };
    write(sim, (ix, pair, talk), wish, |engine, now| engine.messages().send(talk, draft, now));
}

/// Somebody carries a text into another conversation, where nobody has said it yet.
pub(super) fn forward(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let user = sim.user(ix);
    let known = |m: &&undertone::message::Message| {
        let sent = !m.own || matches!(m.state, SendState::Sent | SendState::Delivered | SendState::Read);
        sent && m.period != 0 && m.payment.is_none()
    };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let lines = messages.iter().filter(known).filter(|m| check::line(sim, m).is_some());
    let texts: Vec<(MessageRef, String, usize)> = lines
        .filter_map(|m| {
            let message = MessageRef { author: m.author.clone(), id: m.key.id };
            Some((message, check::text(m)?.to_owned(), check::line(sim, m)?))
        })
        .collect();
    if texts.is_empty() {
        return;
    }
    let (message, text, source) = texts[sim.draw(texts.len())].clone();
    let others: Vec<_> = sim
        .model
        .conversations
        .iter()
        .filter(|(to, _)| **to != pair && (to.0 == user || to.1 == user) && !sim.model.was_said(&text, **to))
        .map(|(to, id)| (*to, *id))
        .collect();
    let Some((to, into)) = sim.pick(&others) else { return };
    sim.tally.action("forward");
    let marks = Marks { forwarded: true, ..Marks::default() };
    let wish = Wish { text, terms: None, marks, what: "forward" };
    let forwarded =
        write(sim, (ix, to, into), wish, |engine, now| engine.messages().forward(talk, &message, into, now));
    if let Some(at) = forwarded {
        sim.model.lines[at].file = sim.model.lines[source].file.clone();
        sim.model.lines[at].card = sim.model.lines[source].card.clone();
    }
}
