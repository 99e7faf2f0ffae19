//! What must hold: all the time, after a restart, and once everything has healed.

mod blocks;
mod calls;
mod cards;
mod discretion;
mod doubts;
mod edits;
mod end;
mod expiry;
mod fallback;
mod files;
mod hints;
mod identities;
mod kept;
mod leaving;
mod marks;
mod mirrors;
mod names;
mod payments;
mod reports;
mod search;
mod upkeep;
mod view;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use undertone::id::{CallId, ConversationId, DeviceId, Hash32};
use undertone::message::{Message, MessageKey, SendState};
use undertone::search::{Scope, SearchQuery};

pub use calls::{heard_all, hears, keys};
pub use doubts::resolve;
pub use edits::not_found;
pub use end::someone_lost;
pub use expiry::{Unseen, must_be_gone, tick, unseen, unseen_now};
pub use fallback::{asked, asked_since, asked_total};
pub use files::{reads_file, same_bytes, stored};
pub use identities::{decided_anew, noticed};
pub use leaving::{closed, nothing_kept};
pub use mirrors::follow;
pub use names::finds_people;
pub use reports::proves;
pub use upkeep::{frozen, says_why_it_closed, unchanged};
pub use view::{line, line_of_any, list, page, recent, shown, text};

use super::model::Pair;
use super::run::{PAGE, Sim};
use super::world::DeviceIx;

/// What is remembered between two looks.
#[derive(Default)]
pub struct Watch {
    /// How far a device showed a message.
    states: BTreeMap<(DeviceIx, usize), SendState>,
    /// What a device sent under a number.
    sequences: BTreeMap<(DeviceId, u64), Hash32>,
    /// How much of the wire was looked at.
    wire: usize,
    /// How many of a device's events were looked at.
    events: BTreeMap<DeviceIx, usize>,
    /// The lines of a conversation when all of it was looked at last.
    shown: BTreeMap<(DeviceIx, Pair), BTreeSet<usize>>,
    clocks: BTreeMap<DeviceIx, expiry::Clocks>,
    rings: BTreeMap<(DeviceIx, CallId), calls::Ring>,
    /// Which call a key was of.
    keys: BTreeMap<[u8; 32], CallId>,
    identities: identities::Identities,
    /// What hosts were asked to do over another channel.
    asked: Vec<fallback::Asked>,
    /// What subscribers have made of what they were told.
    mirrors: BTreeMap<DeviceIx, mirrors::Mirror>,
}

impl Watch {
    /// A crash may undo what was shown and was not yet durable.
    pub fn forget(&mut self, ix: DeviceIx) {
        self.states.retain(|(device, _), _| *device != ix);
        self.shown.retain(|(device, _), _| *device != ix);
        self.rings.iter_mut().filter(|((device, _), _)| *device == ix).for_each(|(_, ring)| ring.reopened());
    }
}

/// What holds all the time, looked at after each action at one device.
pub fn always(sim: &mut Sim) {
    identities::silent(sim);
    wire::wire(sim);
    wire::told(sim);
    wire::typing(sim);
    keys(sim);
    asked(sim);
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    calls::one_at_a_time(sim, ix);
    identities::right(sim, ix);
    upkeep::says_how_it_does(sim, ix);
    if sim.draw(HINTS_EVERY) == 0 {
        hints::right(sim, ix);
    }
    let user = sim.user(ix);
    let mine: Vec<_> = sim.model.conversations.iter().filter(|(p, _)| p.0 == user || p.1 == user).collect();
    let mine: Vec<(Pair, ConversationId)> = mine.into_iter().map(|(p, c)| (*p, *c)).collect();
    let Some((pair, talk)) = sim.pick(&mine) else { return };
    // A whole conversation now and then, its newest lines always.
    let messages = if sim.draw(WHOLE_EVERY) == 0 {
        let Some(messages) = shown(sim, ix, talk) else { return };
        view::unread_count(sim, ix, talk, &messages);
        expiry::nothing_early(sim, ix, pair, &messages);
        messages
    } else {
        let Some(messages) = recent(sim, ix, talk) else { return };
        messages
    };
    discretion::draft(sim, ix, pair, talk);
    names::right(sim, ix, pair, talk);
    view::one_view(sim, ix, pair, talk, &messages);
    view::monotonic(sim, ix, &messages);
}

/// One look in so many is at a whole conversation.
const WHOLE_EVERY: usize = 24;
/// One look in so many is at notifications.
const HINTS_EVERY: usize = 4;

/// What a device has told before its process ends counts as told before.
pub fn before_crash(sim: &mut Sim) {
    wire::told(sim);
}

/// Where a device finds a text in a conversation, word for word; `None` when it does not know it, or its store fails.
pub fn find(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, text: &str) -> Option<Vec<MessageKey>> {
    let Ok(query) = SearchQuery::parse(&format!("\"{text}\"")) else {
        sim.violation(format!("a text is no query: {text}"));
        return None;
    };
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let scope = Scope::Conversation(talk);
        let page = sim.ask(ix, |engine, now| engine.messages().search(&query, scope, cursor.as_ref(), PAGE, now))?;
        found.extend(page.hits.into_iter().map(|hit| hit.message.key));
        cursor = page.next;
        if cursor.is_none() {
            return Some(found);
        }
    }
}

/// Looks at every conversation on every device.
pub fn look(sim: &mut Sim) {
    for (pair, talk) in sim.model.conversations.clone() {
        for ix in sim.model.live_devices() {
            let user = sim.user(ix);
            if (pair.0 == user || pair.1 == user)
                && let Some(messages) = shown(sim, ix, talk)
            {
                view::one_view(sim, ix, pair, talk, &messages);
            }
        }
    }
}

/// Once everything has healed.
pub fn healed(sim: &mut Sim) {
    wire::wire(sim);
    wire::told(sim);
    asked(sim);
    let conversations: Vec<(Pair, ConversationId)> = sim.model.conversations.iter().map(|(p, c)| (*p, *c)).collect();
    let mut all: BTreeMap<DeviceIx, Vec<(ConversationId, Vec<Message>)>> = BTreeMap::new();
    for (pair, talk) in conversations {
        let mut views = Vec::new();
        for ix in sim.model.live_devices() {
            let user = sim.user(ix);
            if pair.0 != user && pair.1 != user {
                continue;
            }
            let Some(messages) = shown(sim, ix, talk) else { continue };
            view::one_view(sim, ix, pair, talk, &messages);
            view::unread_count(sim, ix, talk, &messages);
            expiry::nothing_early(sim, ix, pair, &messages);
            end::complete(sim, ix, pair, &messages);
            end::outcome(sim, ix, &messages);
            end::unread(sim, ix, &messages);
            end::as_written(sim, ix, &messages);
            let lines: Vec<usize> = messages.iter().filter_map(|m| line(sim, m)).collect();
            blocks::dropped(sim, ix, &lines);
            blocks::decided(sim, ix, pair, talk);
            discretion::decided(sim, ix, pair);
            files::complete(sim, ix, &messages);
            reports::possible(sim, ix, talk, &messages);
            discretion::draft(sim, ix, pair, talk);
            names::right(sim, ix, pair, talk);
            all.entry(ix).or_default().push((talk, messages.clone()));
            views.push((ix, messages));
        }
        let devices: Vec<DeviceIx> = views.iter().map(|(ix, _)| *ix).collect();
        end::same_order(sim, &views);
        end::same_reactions(sim, pair, &views);
        edits::same_wording(sim, pair, &views);
        payments::same_state(sim, pair, &views);
        kept::alike(sim, pair, talk, &devices);
        calls::agree(sim, pair, talk, &views);
    }
    for (ix, shown) in all {
        search::finds_what_is_shown(sim, ix, &shown);
        upkeep::says_how_it_does(sim, ix);
        upkeep::nothing_waits(sim, ix, &shown);
        hints::right(sim, ix);
    }
    mirrors::in_the_end(sim);
    files::storage(sim);
    expiry::rows(sim);
    wire::disks(sim);
    wire::thieves(sim);
}
