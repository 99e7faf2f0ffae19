//! Subscribers: what one has made of all updates is what a query says.

mod calls;

use std::collections::BTreeMap;

use undertone::conversation::Conversation;
use undertone::engine::Engine;
use undertone::id::ConversationId;
use undertone::message::{Message, MessageKey};
use undertone::subscription::{SubscriptionId, Topic, Update};

use super::view::{list, shown};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// What a subscriber shows: a conversation, the list, and calls.
pub struct Mirror {
    /// How often the engine had been opened: subscriptions end with it.
    opens: u64,
    talk: ConversationId,
    messages: (SubscriptionId, BTreeMap<MessageKey, Message>),
    list: (SubscriptionId, BTreeMap<ConversationId, Conversation>),
    calls: calls::Calls,
}

/// A device takes what has changed of a conversation, of the list and of calls, or subscribes to them.
pub fn follow(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) {
    let opens = sim.world.devices[ix].opens;
    match sim.watch.mirrors.remove(&ix).filter(|mirror| mirror.opens == opens) {
        Some(mirror) => drop(compare(sim, ix, mirror)),
        None => drop(open(sim, ix, talk)),
    }
}

/// Every subscriber that is left is compared once more.
pub(super) fn in_the_end(sim: &mut Sim) {
    for ix in sim.running() {
        let opens = sim.world.devices[ix].opens;
        if let Some(mirror) = sim.watch.mirrors.remove(&ix).filter(|mirror| mirror.opens == opens) {
            let _ = compare(sim, ix, mirror);
        }
    }
}

fn open(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) -> Option<()> {
    let messages = sim.ask(ix, |engine, _| engine.subscriptions().open(Topic::Conversation(talk)))?;
    let list = sim.ask(ix, |engine, _| engine.subscriptions().open(Topic::Conversations))?;
    let mirror = Mirror {
        opens: sim.world.devices[ix].opens,
        talk,
        messages: (messages, read_messages(sim, ix, talk)?),
        list: (list, read_list(sim, ix)?),
        calls: calls::open(sim, ix)?,
    };
    sim.watch.mirrors.insert(ix, mirror);
    Some(())
}

/// Takes the updates in, and compares. Now and then it ends afterwards, so that another conversation is followed.
fn compare(sim: &mut Sim, ix: DeviceIx, mut mirror: Mirror) -> Option<()> {
    let (id, list_id) = (mirror.messages.0, mirror.list.0);
    let opens = catch_up(sim, ix)?;
    if opens != mirror.opens {
        return None;
    }
    for update in sim.ask(ix, |engine, now| engine.subscriptions().take(id, now))? {
        sim.tally.seen("updates", 1);
        match update {
            Update::MessageAdded(message) | Update::MessageChanged(message) => {
                mirror.messages.1.insert(message.key, *message);
            }
            Update::MessageRemoved(key) => drop(mirror.messages.1.remove(&key)),
            Update::Resync => mirror.messages.1 = read_messages(sim, ix, mirror.talk)?,
            Update::Typing(_) => {}
            other => sim.violation(format!("device {ix} tells a subscriber to messages of {other:?}")),
        }
    }
    for update in sim.ask(ix, |engine, now| engine.subscriptions().take(list_id, now))? {
        match update {
            Update::Conversation(conversation) => drop(mirror.list.1.insert(conversation.id, *conversation)),
            Update::Resync => mirror.list.1 = read_list(sim, ix)?,
            other => sim.violation(format!("device {ix} tells a subscriber to the list of {other:?}")),
        }
    }
    same_messages(sim, ix, &mirror)?;
    same_list(sim, ix, &mirror)?;
    calls::compare(sim, ix, &mut mirror.calls)?;
    if sim.draw(3) > 0 {
        sim.watch.mirrors.insert(ix, mirror);
    } else {
        let closed =
            [id, list_id, mirror.calls.id].map(|id| sim.ask(ix, |engine, _| Ok(engine.subscriptions().close(id))));
        if closed.contains(&Some(false)) {
            sim.violation(format!("device {ix} has lost a subscription"));
        }
    }
    Some(())
}

/// The engine is told the time, and does what is due by it: what goes is told of then. Says how often it was opened.
fn catch_up(sim: &mut Sim, ix: DeviceIx) -> Option<u64> {
    loop {
        sim.world.call(ix, Engine::handle_timeout).ok()?;
        let device = &sim.world.devices[ix];
        if device.wake > sim.world.now {
            return Some(device.opens);
        }
    }
}

fn same_messages(sim: &mut Sim, ix: DeviceIx, mirror: &Mirror) -> Option<()> {
    let now = read_messages(sim, ix, mirror.talk)?;
    let mirrored = &mirror.messages.1;
    let untold = now.iter().filter(|(key, message)| mirrored.get(key) != Some(message));
    let stale = mirrored.iter().filter(|(key, _)| !now.contains_key(key));
    let wrong: Vec<(MessageKey, &str)> =
        untold.map(|(key, _)| (*key, "another")).chain(stale.map(|(key, _)| (*key, "gone"))).collect();
    for (key, what) in wrong {
        let described = |message: Option<&Message>| {
            message.map(|m| (m.state, m.unread, m.edited, m.accepted_at, m.goes_at, m.reactions.len(), m.payment))
        };
        let (known, is) = (described(mirrored.get(&key)), described(now.get(&key)));
        sim.violation(format!("device {ix} has not told a subscriber that {key:?} is {what}: {known:?}, {is:?}"));
    }
    Some(())
}

fn same_list(sim: &mut Sim, ix: DeviceIx, mirror: &Mirror) -> Option<()> {
    let now = read_list(sim, ix)?;
    for (talk, conversation) in &now {
        let known = mirror.list.1.get(talk);
        let told = |c: &Conversation| {
            let counts = (c.unread, c.last_message.clone(), c.last_activity);
            let kept = (c.archived, c.muted_until, c.pinned, c.draft.clone(), c.period, c.clock);
            (c.others.clone(), c.initiator.clone(), c.kind.clone(), c.state, counts, kept)
        };
        if known.map(told) != Some(told(conversation)) {
            let (is, known) = (described(conversation), known.map(described));
            sim.violation(format!("device {ix} has not told a subscriber of conversation {talk:?}: {known:?}, {is:?}"));
        }
    }
    Some(())
}

/// What may differ, without what was said.
fn described(conversation: &Conversation) -> String {
    let Conversation { others, state, last_message, last_activity, unread, .. } = conversation;
    let others: Vec<_> = others.iter().map(|other| (&other.role, other.blocked, other.trust)).collect();
    let last = last_message.as_ref().map(|m| (m.key, m.state, m.unread, m.edited, m.reactions.len(), m.accepted_at));
    let kept = (conversation.archived, conversation.muted_until, conversation.pinned, conversation.draft.is_some());
    format!("{others:?} {state:?} {last:?} {last_activity:?} {unread} {kept:?} {}", conversation.period)
}

fn read_messages(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) -> Option<BTreeMap<MessageKey, Message>> {
    Some(shown(sim, ix, talk)?.into_iter().map(|message| (message.key, message)).collect())
}

fn read_list(sim: &mut Sim, ix: DeviceIx) -> Option<BTreeMap<ConversationId, Conversation>> {
    Some(list(sim, ix)?.into_iter().map(|conversation| (conversation.id, conversation)).collect())
}
