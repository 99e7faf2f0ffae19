//! What holds all the time.

use std::collections::BTreeSet;

use undertone::envelope::Envelope;
use undertone::event::Event;
use undertone::id::{ConversationId, Hash32, UserId};
use undertone::message::{Message, SendState};

use super::{holds, recent, shown, text};
use crate::sim::model::{Fate, Model, NEEDLE, Pair};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// One look in so many is at a whole conversation.
const WHOLE_EVERY: usize = 24;

/// What holds all the time, looked at after each action at one device.
pub fn always(sim: &mut Sim) {
    wire(sim);
    told(sim);
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    let user = sim.user(ix);
    let mine: Vec<_> = sim.model.conversations.iter().filter(|(p, _)| p.0 == user || p.1 == user).collect();
    let mine: Vec<(Pair, ConversationId)> = mine.into_iter().map(|(p, c)| (*p, *c)).collect();
    let Some((pair, talk)) = sim.pick(&mine) else { return };
    // A whole conversation now and then, its newest lines always.
    let messages = if sim.draw(WHOLE_EVERY) == 0 {
        let Some(messages) = shown(sim, ix, talk) else { return };
        unread_count(sim, ix, talk, &messages);
        messages
    } else {
        let Some(messages) = recent(sim, ix, talk) else { return };
        messages
    };
    one_view(sim, ix, pair, talk, &messages);
    monotonic(sim, ix, &messages);
}

/// As many are unread as the conversation says.
pub(super) fn unread_count(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, messages: &[Message]) {
    let unread = messages.iter().filter(|m| m.unread).count();
    let Some(conversation) = sim.ask(ix, |engine| engine.conversations().get(talk)) else { return };
    if conversation.unread as usize != unread {
        sim.violation(format!("device {ix} counts {} unread and shows {unread}", conversation.unread));
    }
}

/// One device's view of a conversation by itself: known lines, each once, in order, and the right number of unread.
pub(super) fn one_view(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId, messages: &[Message]) {
    let mut seen = BTreeSet::new();
    for message in messages {
        let Some(text) = text(message) else { continue };
        if !seen.insert(text) {
            sim.violation(format!("device {ix} shows twice: {text}"));
        }
        let Some(line) = sim.model.line_of(text) else {
            sim.violation(format!("device {ix} shows what nobody wrote: {text}"));
            continue;
        };
        let line = &sim.model.lines[line];
        let author = sim.model.people[line.author].name.clone();
        let (right_pair, right_author) = (line.pair == pair, message.author.as_str() == author);
        let leaked = line.fate == Fate::Cancelled && line.device != ix;
        if !right_pair || !right_author {
            sim.violation(format!("device {ix} shows in the wrong place, or as another's: {text}"));
        }
        if leaked {
            sim.violation(format!("device {ix} shows what was taken back: {text}"));
        }
    }
    if messages.windows(2).any(|two| two[0].key >= two[1].key) {
        sim.violation(format!("device {ix} shows messages out of order"));
    }
    let Some(conversation) = sim.ask(ix, |engine| engine.conversations().get(talk)) else { return };
    let (preview, newest) = (conversation.last_message.map(|m| m.key), messages.last().map(|m| m.key));
    if preview != newest {
        sim.violation(format!("device {ix} previews {preview:?}, and its newest message is {newest:?}"));
    }
    allowed(sim, ix, pair, &conversation.initiator);
}

/// Nobody is shown a conversation that the rules deny: its initiator may start it.
fn allowed(sim: &mut Sim, ix: DeviceIx, pair: Pair, initiator: &UserId) {
    let user = sim.user(ix);
    let Some(by) = sim.model.people.iter().position(|p| p.name == initiator.as_str()) else { return };
    // One's own attempt is shown, with the reason why it is denied.
    if by != user && !sim.model.may_start(by, Model::other(pair, by)) {
        sim.violation(format!("device {ix} shows a conversation that the rules deny"));
    }
}

/// States only move forward, but for what failed and is tried again.
fn monotonic(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    for message in messages.iter().filter(|m| m.own) {
        let Some(line) = text(message).and_then(|text| sim.model.line_of(text)) else { continue };
        let before = sim.watch.states.insert((ix, line), message.state);
        let back = before.is_some_and(|b| b > message.state && !matches!(b, SendState::Failed(_)));
        if back {
            sim.violation(format!("device {ix}: from {before:?} back to {:?}", message.state));
        }
    }
}

/// What crosses the network: nothing readable, and never two things under one number.
pub(super) fn wire(sim: &mut Sim) {
    let from = sim.watch.wire;
    sim.watch.wire = sim.world.wire.len();
    for at in from..sim.world.wire.len() {
        let (ix, bytes) = &sim.world.wire[at];
        let ix = *ix;
        let readable = holds(bytes, NEEDLE.as_bytes());
        let hash = Hash32::of(bytes);
        let Ok(envelope) = Envelope::decode(bytes) else {
            sim.violation(format!("device {ix} sends what is no envelope"));
            continue;
        };
        if readable {
            sim.violation(format!("device {ix} sends readable text"));
        }
        let before = sim.watch.sequences.insert((envelope.sender, envelope.sequence), hash);
        if before.is_some_and(|before| before != hash) {
            sim.violation(format!("device {ix} sends two envelopes under number {}", envelope.sequence));
        }
    }
}

/// What engines tell: none of them finds that the relay knows more of it than it does itself. No store of a run is ever
/// put back, so something had gone out before it was durable.
fn told(sim: &mut Sim) {
    for ix in 0..sim.world.devices.len() {
        let events = &sim.world.devices[ix].events;
        let from = sim.watch.events.insert(ix, events.len()).unwrap_or(0);
        if events[from..].contains(&Event::RolledBack) {
            sim.violation(format!("device {ix} had put out what was not durable"));
        }
    }
}
