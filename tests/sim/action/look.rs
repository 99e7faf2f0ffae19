//! Looks: searches and pages.

use undertone::message::{Cursor, MessageKey};

use super::place;
use crate::sim::check;
use crate::sim::run::{PAGE, Sim};

/// Searches for a text that a device shows: it is found, as whole as it stands, and nothing else with it.
pub(super) fn search(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let texts: Vec<(MessageKey, String)> =
        messages.iter().filter_map(|m| Some((m.key, check::text(m)?.to_owned()))).collect();
    if texts.is_empty() {
        return;
    }
    let (key, text) = texts[sim.draw(texts.len())].clone();
    sim.tally.action("search");
    let Some(found) = check::find(sim, ix, talk, &text) else { return };
    if found != [key] {
        sim.violation(format!("device {ix} finds {found:?} for what stands at {key:?}: {text}"));
    }
}

/// Most of what is gone is so for long, and what is only hidden is there for a while: so many are searched for at once.
const GONE: usize = 12;

/// Searches for what is gone on a device: it expired, was deleted there, or says something else by now.
pub(super) fn search_gone(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let other_lines = sim.model.lines.iter().filter(|line| line.pair == pair);
    let gone = other_lines.filter(|line| line.was_deleted_at(ix) || check::must_be_gone(sim, ix, line));
    let mut texts: Vec<String> = gone.map(|line| line.text.clone()).collect();
    for message in &messages {
        let (Some(at), Some(text)) = (check::line(sim, message), check::text(message)) else { continue };
        texts.extend(sim.model.lines[at].other_wordings(text));
    }
    texts.retain(|text| !text.is_empty());
    if texts.is_empty() {
        return;
    }
    sim.tally.action("search gone");
    for _ in 0..GONE.min(texts.len()) {
        let text = texts.swap_remove(sim.draw(texts.len()));
        check::not_found(sim, ix, talk, &text);
    }
}

/// Walks through a conversation in small pages, both ways: it must meet what one large page shows.
pub(super) fn page(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    sim.tally.action("page");
    let size = 1 + sim.draw(9);
    let expected: Vec<_> = messages.iter().rev().map(|m| m.key).collect();
    let mut met = Vec::new();
    let mut cursor = Cursor::Newest;
    while met.len() < expected.len() {
        let Some(page) = check::page(sim, ix, talk, cursor, size) else { return };
        let Some(last) = page.last() else { break };
        cursor = Cursor::Before(last.key);
        met.extend(page.iter().map(|m| m.key));
    }
    met.truncate(expected.len());
    if met != expected {
        sim.violation(format!("device {ix}: pages of {size} meet other messages than one large page"));
        return;
    }
    let Some(oldest) = expected.last() else { return };
    let Some(forward) = check::page(sim, ix, talk, Cursor::After(*oldest), PAGE) else { return };
    let after: Vec<_> = forward.iter().map(|m| m.key).collect();
    if after != expected[..expected.len() - 1] {
        sim.violation(format!("device {ix}: a page forwards meets other messages than pages backwards"));
    }
}
