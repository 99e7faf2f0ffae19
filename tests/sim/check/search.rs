//! Search, once everything has healed: what a device shows it finds, newest first, and nothing else.

use undertone::id::ConversationId;
use undertone::message::{Message, MessageKey};
use undertone::search::{Scope, SearchQuery};

use super::expiry::must_be_gone;
use super::view::{line, text};
use crate::sim::model::NEEDLE;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// Texts of a device that are searched for one by one, of those that are there and of those that are gone.
const ONE_BY_ONE: usize = 30;
/// Hits of a page: several pages for most.
const HITS: usize = 40;

type Hits = Vec<(ConversationId, MessageKey)>;

/// All conversations of a device, as it shows them.
pub(super) fn finds_what_is_shown(sim: &mut Sim, ix: DeviceIx, shown: &[(ConversationId, Vec<Message>)]) {
    let all = shown.iter().flat_map(|(_, messages)| messages);
    let mut there: Vec<(Message, String)> = all.filter_map(|m| Some((m.clone(), text(m)?.to_owned()))).collect();
    there.sort_by_key(|(one, _)| core::cmp::Reverse(one.key));
    // Each text has this word, which is only begun here.
    let begun = &NEEDLE[..NEEDLE.len() - 2];
    let mut scopes = vec![Scope::All];
    scopes.extend(shown.iter().map(|(talk, _)| Scope::Conversation(*talk)));
    for scope in scopes {
        let in_scope = |m: &Message| scope == Scope::All || scope == Scope::Conversation(m.conversation);
        let expected: Hits = there.iter().filter(|(m, _)| in_scope(m)).map(|(m, _)| (m.conversation, m.key)).collect();
        let Some(found) = find(sim, ix, begun, scope) else { continue };
        sim.tally.seen("found", found.len() as u64);
        if found != expected {
            let missing: Vec<&str> = there
                .iter()
                .filter(|(m, _)| in_scope(m) && !found.contains(&(m.conversation, m.key)))
                .map(|(_, text)| text.as_str())
                .collect();
            let (many, of) = (found.len(), expected.len());
            sim.violation(format!(
                "device {ix} finds {many} of {of} in {scope:?}; it shows, and does not find: {missing:?}"
            ));
        }
    }
    one_by_one(sim, ix, there);
    gone(sim, ix, shown);
}

/// A text is found word for word, wherever it was said.
fn one_by_one(sim: &mut Sim, ix: DeviceIx, mut there: Vec<(Message, String)>) {
    for _ in 0..ONE_BY_ONE.min(there.len()) {
        let (message, text) = there.swap_remove(sim.draw(there.len()));
        let Some(found) = find(sim, ix, &format!("\"{text}\""), Scope::All) else { return };
        // What was forwarded says the same in several conversations.
        let here = |(talk, _): &&(ConversationId, MessageKey)| *talk == message.conversation;
        let keys: Vec<MessageKey> = found.iter().filter(here).map(|(_, key)| *key).collect();
        if keys != [message.key] {
            sim.violation(format!("device {ix} finds {found:?} for what stands at {:?}: {text}", message.key));
        }
    }
}

/// What expired, was deleted, or says something else by now is not found.
fn gone(sim: &mut Sim, ix: DeviceIx, shown: &[(ConversationId, Vec<Message>)]) {
    for (talk, messages) in shown {
        let Some(pair) = sim.model.conversations.iter().find(|(_, id)| *id == talk).map(|(pair, _)| *pair) else {
            continue;
        };
        let is_gone = |line: &&crate::sim::model::Line| {
            line.pair == pair && (line.was_deleted_at(ix) || must_be_gone(sim, ix, line))
        };
        let mut texts: Vec<String> = sim.model.lines.iter().filter(is_gone).map(|line| line.text.clone()).collect();
        for message in messages {
            let (Some(at), Some(text)) = (line(sim, message), text(message)) else { continue };
            texts.extend(sim.model.lines[at].other_wordings(text));
        }
        texts.retain(|text| !text.is_empty());
        for _ in 0..ONE_BY_ONE.min(texts.len()) {
            let text = texts.swap_remove(sim.draw(texts.len()));
            sim.tally.seen("not found", 1);
            super::not_found(sim, ix, *talk, &text);
        }
    }
}

/// All that is found, page by page.
fn find(sim: &mut Sim, ix: DeviceIx, words: &str, scope: Scope) -> Option<Hits> {
    let query = SearchQuery::parse(words).ok()?;
    let (mut hits, mut cursor) = (Hits::new(), None);
    loop {
        let page = sim.ask(ix, |engine, now| engine.messages().search(&query, scope, cursor.as_ref(), HITS, now))?;
        hits.extend(page.hits.iter().map(|hit| (hit.message.conversation, hit.message.key)));
        cursor = page.next;
        if cursor.is_none() {
            return Some(hits);
        }
    }
}
