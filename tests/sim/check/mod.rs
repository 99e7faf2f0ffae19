//! What must hold: all the time, after a restart, and once everything has healed.

use std::collections::{BTreeMap, BTreeSet};

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::event::Event;
use undertone::id::{ConversationId, DeviceId, Hash32};
use undertone::limits;
use undertone::message::{Cursor, FailedReason, Message, MessageContent, MessageKey, SendState};
use undertone::store::Table;

use super::model::{Fate, Line, Model, NEEDLE, Pair, Standing};
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
}

impl Watch {
    /// A crash may undo what was shown and was not yet durable.
    pub fn forget(&mut self, ix: DeviceIx) {
        self.states.retain(|(device, _), _| *device != ix);
    }
}

/// The messages that a device shows, oldest first; `None` when it does not know the conversation, or its store fails.
pub fn shown(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) -> Option<Vec<Message>> {
    let mut messages = Vec::new();
    let mut cursor = Cursor::Newest;
    loop {
        let page = page(sim, ix, talk, cursor, PAGE)?;
        let more = page.len() == PAGE;
        if let Some(last) = page.last() {
            cursor = Cursor::Before(last.key);
        }
        messages.extend(page);
        if !more {
            messages.reverse();
            return Some(messages);
        }
    }
}

/// A page, newest first; `None` when the device does not know the conversation, or its store fails.
pub fn page(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, cursor: Cursor, size: usize) -> Option<Vec<Message>> {
    let found = sim.ask(ix, |engine, now| engine.messages().page(talk, cursor, size, now))?;
    if found.more && found.messages.len() < size {
        sim.violation(format!("device {ix}: a page of {size} is not full, and says that there is more"));
    }
    Some(found.messages)
}

/// The text of a message that can be read.
pub fn text(message: &Message) -> Option<&str> {
    match &message.content {
        MessageContent::Text(text) => Some(text),
        _ => None,
    }
}

/// What holds all the time, looked at after each action at one device.
pub fn always(sim: &mut Sim) {
    wire(sim);
    told(sim);
    typing(sim);
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

/// One look in so many is at a whole conversation.
const WHOLE_EVERY: usize = 24;
/// Lines of a look at the newest ones.
const RECENT: usize = 30;

/// The newest messages that a device shows, oldest first.
pub fn recent(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) -> Option<Vec<Message>> {
    let mut messages = page(sim, ix, talk, Cursor::Newest, RECENT)?;
    messages.reverse();
    Some(messages)
}

/// As many are unread as the conversation says.
fn unread_count(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, messages: &[Message]) {
    let unread = messages.iter().filter(|m| m.unread).count();
    let Some(conversation) = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)) else { return };
    if conversation.unread as usize != unread {
        sim.violation(format!("device {ix} counts {} unread and shows {unread}", conversation.unread));
    }
}

/// One device's view of a conversation by itself: known lines, each once, in order, and the right number of unread.
fn one_view(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId, messages: &[Message]) {
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
    let Some(conversation) = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)) else { return };
    let (preview, newest) = (conversation.last_message.map(|m| m.key), messages.last().map(|m| m.key));
    if preview != newest {
        sim.violation(format!("device {ix} previews {preview:?}, and its newest message is {newest:?}"));
    }
    allowed(sim, ix, pair, &conversation.initiator);
}

/// Nobody is shown a conversation that the rules deny: its initiator may start it.
fn allowed(sim: &mut Sim, ix: DeviceIx, pair: Pair, initiator: &undertone::id::UserId) {
    let user = sim.user(ix);
    let Some(by) = sim.model.person_named(initiator.as_str()) else { return };
    // One's own attempt is shown, with the reason why it is denied.
    if by != user && !sim.model.may_start(by, Model::other(pair, by)) {
        sim.violation(format!("device {ix} shows a conversation that the rules deny"));
    }
}

/// States only move forward, but for what failed and is tried again, and what a relay did not take.
fn monotonic(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    for message in messages.iter().filter(|m| m.own) {
        let Some(line) = text(message).and_then(|text| sim.model.line_of(text)) else { continue };
        let before = sim.watch.states.insert((ix, line), message.state);
        let untaken = |before| matches!(before, SendState::Failed(_) | SendState::Sending);
        let back = before.is_some_and(|b| b > message.state && !untaken(b));
        if back {
            sim.violation(format!("device {ix}: from {before:?} back to {:?}", message.state));
        }
    }
}

/// What crosses the network: nothing readable, and never two things under one number.
fn wire(sim: &mut Sim) {
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
        if envelope.kind == EnvelopeKind::Ephemeral {
            continue;
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

/// Who is shown as typing has typed just now: nobody is shown for longer after the last word that came, nor for longer after
/// the last key than a word may be under way.
fn typing(sim: &mut Sim) {
    let under_way = limits::TYPING_LASTS + limits::EPHEMERAL_AHEAD;
    let now = sim.world.now;
    for ix in sim.running() {
        let user = sim.user(ix);
        let heard = sim.world.devices[ix].heard.is_some_and(|at| now.since(at) < limits::TYPING_LASTS);
        let conversations = sim.model.conversations.iter().filter(|(pair, _)| pair.0 == user || pair.1 == user);
        for (pair, talk) in conversations.map(|(pair, talk)| (*pair, *talk)).collect::<Vec<_>>() {
            let shown = sim.ask(ix, |engine, now| engine.conversations().typing(talk, now)).unwrap_or_default();
            let other = Model::other(pair, user);
            let typed = sim.model.typed.get(&(pair, other)).is_some_and(|at| now.since(*at) <= under_way);
            let right = shown.iter().all(|shown| shown.as_str() == sim.model.people[other].name);
            let good = shown.is_empty() || (heard && typed && right);
            if !good {
                let what = format!("heard {heard}, typed {typed}, the right one {right}");
                sim.violation(format!("device {ix} shows somebody typing: {what}"));
            }
            sim.tally.typing += shown.len() as u64;
        }
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// After a restart, what was in the balance is decided.
pub fn resolve(sim: &mut Sim, ix: DeviceIx) {
    let user = sim.user(ix);
    let mine: Vec<(Pair, ConversationId)> =
        sim.model.conversations.iter().filter(|(p, _)| p.0 == user || p.1 == user).map(|(p, c)| (*p, *c)).collect();
    let mut there = BTreeMap::new();
    for (_, talk) in mine {
        for message in shown(sim, ix, talk).unwrap_or_default() {
            let Some(line) = text(&message).and_then(|text| sim.model.line_of(text)) else { continue };
            if message.own {
                there.insert(line, message.state);
            } else if !message.unread {
                sim.model.read.entry(user).or_default().insert(line);
            }
        }
    }
    for (at, line) in sim.model.lines.iter_mut().enumerate().filter(|(_, line)| line.device == ix) {
        let state = there.get(&at);
        match (line.fate, state) {
            (Fate::Maybe, Some(SendState::Failed(FailedReason::Cancelled))) => line.fate = Fate::Cancelled,
            (Fate::Maybe, Some(_)) => line.fate = Fate::Sent,
            (Fate::Maybe, None) => line.fate = Fate::Cancelled,
            _ => {}
        }
    }
    let lost: Vec<String> = sim
        .model
        .lines
        .iter()
        .enumerate()
        .filter(|(at, line)| line.device == ix && line.fate == Fate::Sent && !there.contains_key(at))
        .map(|(_, line)| line.text.clone())
        .collect();
    for text in lost {
        sim.violation(format!("device {ix} has forgotten after a crash what it had taken: {text}"));
    }
}

/// Once everything has healed.
pub fn healed(sim: &mut Sim) {
    wire(sim);
    let conversations: Vec<(Pair, ConversationId)> = sim.model.conversations.iter().map(|(p, c)| (*p, *c)).collect();
    for (pair, talk) in conversations {
        let mut views = Vec::new();
        for ix in sim.model.live_devices() {
            let user = sim.user(ix);
            if pair.0 != user && pair.1 != user {
                continue;
            }
            let Some(messages) = shown(sim, ix, talk) else { continue };
            one_view(sim, ix, pair, talk, &messages);
            unread_count(sim, ix, talk, &messages);
            complete(sim, ix, pair, &messages);
            outcome(sim, ix, &messages);
            unread(sim, ix, &messages);
            as_written(sim, ix, &messages);
            views.push((ix, messages));
        }
        same_order(sim, &views);
        same_reactions(sim, pair, &views);
    }
    disks(sim);
    thieves(sim);
}

/// A device shows all that it must.
fn complete(sim: &mut Sim, ix: DeviceIx, pair: Pair, messages: &[Message]) {
    let texts: BTreeSet<&str> = messages.iter().filter_map(text).collect();
    let missing: Vec<&Line> = sim
        .model
        .lines
        .iter()
        .filter(|line| line.pair == pair && sim.model.must_show(line, ix) && !texts.contains(line.text.as_str()))
        .collect();
    let missing: Vec<String> = missing.iter().map(|line| line.text.clone()).collect();
    for text in &missing {
        sim.violation(format!("device {ix} does not show, between {pair:?}: {text}"));
    }
    sim.tally.delivered += messages.iter().filter(|m| !m.own && text(m).is_some()).count() as u64;
    let unreadable = messages.iter().filter(|m| text(m).is_none()).count();
    if unreadable > 0 && sim.model.standing[&ix] == Standing::Founder && !someone_lost(sim, pair) {
        sim.violation(format!("device {ix} still shows {unreadable} messages as encrypted"));
    }
}

fn someone_lost(sim: &Sim, pair: Pair) -> bool {
    sim.model.people[pair.0].lost || sim.model.people[pair.1].lost
}

/// Every message has come as far as it could.
fn outcome(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    for message in messages.iter().filter(|m| m.own) {
        let Some(at) = text(message).and_then(|text| sim.model.line_of(text)) else { continue };
        let line = &sim.model.lines[at];
        let reader = Model::other(line.pair, line.author);
        let read = sim.model.read.get(&reader).is_some_and(|read| read.contains(&at));
        // Whoever lost a device took with it what only that one could read or say.
        let exempt = someone_lost(sim, line.pair) || sim.model.standing[&ix] != Standing::Founder;
        let wrong = match message.state {
            SendState::Read => !read,
            SendState::Delivered => read && !exempt,
            SendState::Failed(FailedReason::Cancelled) => line.fate != Fate::Cancelled,
            SendState::Failed(_) => line.allowed && line.fate == Fate::Sent,
            SendState::Queued | SendState::Sending | SendState::Sent => !exempt || line.healed && line.device == ix,
        };
        if wrong {
            let (state, fate, between) = (message.state, line.fate, (line.pair.0, line.pair.1));
            let (text, key) = (&line.text, message.key);
            let what = format!("device {ix}: {state:?}, read {read}, {fate:?}, between {between:?}: {text}, {key:?}");
            sim.violation(what);
        }
    }
}

/// Unread is what others wrote and no device of this user has read.
fn unread(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    let user = sim.user(ix);
    if sim.model.standing[&ix] != Standing::Founder || sim.model.people[user].lost {
        return;
    }
    for message in messages.iter().filter(|m| !m.own) {
        let Some(at) = text(message).and_then(|text| sim.model.line_of(text)) else { continue };
        let read = sim.model.read.get(&user).is_some_and(|read| read.contains(&at));
        if message.unread == read {
            let text = sim.model.lines[at].text.clone();
            sim.violation(format!("device {ix}: unread {}, but read {read}: {text}", message.unread));
        }
    }
}

/// What one device wrote and sent is shown in the order in which it was written, whatever clocks and the network did.
fn as_written(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    let mut newest: BTreeMap<DeviceIx, usize> = BTreeMap::new();
    let mut swapped = Vec::new();
    for message in messages {
        let Some(at) = text(message).and_then(|text| sim.model.line_of(text)) else { continue };
        let line = &sim.model.lines[at];
        // What failed was never sent, and stays where it was written by whatever the clock showed.
        let failed = matches!(message.state, SendState::Failed(_));
        if line.fate != Fate::Sent || line.retried || failed {
            continue;
        }
        let before = newest.insert(line.device, at);
        if before.is_some_and(|before| before > at) {
            let later = &sim.model.lines[before.unwrap_or(at)].text;
            swapped.push(format!("{}, {:?}, sent {:?}, behind {later}", line.text, message.key, message.sent_at));
        }
    }
    for what in swapped {
        sim.violation(format!("device {ix} shows behind what was written later: {what}"));
    }
}

/// All devices of a conversation show what they share in one order.
fn same_order(sim: &mut Sim, views: &[(DeviceIx, Vec<Message>)]) {
    let Some((first, reference)) = views.first() else { return };
    let places: BTreeMap<&str, MessageKey> = reference.iter().filter_map(|m| Some((text(m)?, m.key))).collect();
    for (ix, messages) in views.iter().skip(1) {
        for message in messages {
            // What failed stays where it was written, on the device that wrote it.
            let failed = matches!(message.state, SendState::Failed(_)) && message.own;
            let Some(text) = text(message).filter(|_| !failed) else { continue };
            if let Some(place) = places.get(text)
                && *place != message.key
            {
                sim.violation(format!("devices {first} and {ix} put at {place:?} and {:?}: {text}", message.key));
            }
        }
    }
}

/// All devices that were there from the start show the same reactions to what they share.
fn same_reactions(sim: &mut Sim, pair: Pair, views: &[(DeviceIx, Vec<Message>)]) {
    if someone_lost(sim, pair) {
        return;
    }
    let mut reference: BTreeMap<&str, (DeviceIx, Vec<String>)> = BTreeMap::new();
    for (ix, messages) in views {
        if sim.model.standing[ix] != Standing::Founder {
            continue;
        }
        for message in messages {
            let Some(text) = text(message) else { continue };
            let mut shown: Vec<String> =
                message.reactions.iter().map(|r| format!("{} {}", r.user.as_str(), r.emoji)).collect();
            shown.sort();
            sim.tally.reactions += shown.len() as u64;
            let (first, known) = reference.entry(text).or_insert_with(|| (*ix, shown.clone()));
            if *known != shown {
                let what = format!("devices {first} and {ix} show {known:?} and {shown:?} of {text}");
                sim.violation(what);
            }
        }
    }
}

/// Nothing readable on any disk, and nothing left to do.
fn disks(sim: &mut Sim) {
    for ix in sim.model.live_devices() {
        let mut left: BTreeMap<Table, usize> = BTreeMap::new();
        let mut readable = 0;
        for (table, key, value) in sim.world.devices[ix].disk.rows() {
            readable += usize::from(holds(&key, NEEDLE.as_bytes()) || holds(&value, NEEDLE.as_bytes()));
            if matches!(table, Table::Outbox | Table::Transmit | Table::Request | Table::Receipt) {
                *left.entry(table).or_default() += 1;
            }
        }
        if readable > 0 {
            sim.violation(format!("device {ix} keeps {readable} readable rows"));
        }
        if !left.is_empty() && !somebody_without_devices(sim, ix) {
            sim.violation(format!("device {ix} has not drained: {left:?}"));
        }
    }
}

/// Whether a device talks with somebody to whom nothing can be sent.
fn somebody_without_devices(sim: &Sim, ix: DeviceIx) -> bool {
    let user = sim.user(ix);
    let mine = sim.model.conversations.keys().filter(|p| p.0 == user || p.1 == user);
    mine.map(|pair| Model::other(*pair, user)).any(|other| sim.model.live_of(other).is_empty())
}

/// Revoked devices get everything that crossed the network since, and read nothing of it.
fn thieves(sim: &mut Sim) {
    let revoked = |ix: &DeviceIx| sim.model.standing[ix] == Standing::Revoked;
    let thieves: Vec<DeviceIx> = sim.model.standing.keys().copied().filter(revoked).collect();
    for ix in thieves {
        if sim.world.devices[ix].engine.is_none() {
            continue;
        }
        let id = sim.world.devices[ix].id;
        for at in 0..sim.world.wire.len() {
            let Ok(mut envelope) = Envelope::decode(&sim.world.wire[at].1) else { continue };
            if envelope.sender == id {
                continue;
            }
            envelope.recipients = vec![id];
            if let Ok(bytes) = envelope.encode() {
                sim.smuggle(ix, bytes);
            }
        }
        let talks: Vec<ConversationId> = sim.model.conversations.values().copied().collect();
        for talk in talks {
            for message in shown(sim, ix, talk).unwrap_or_default() {
                let Some(line) = text(&message).and_then(|text| sim.model.line_of(text)) else { continue };
                if sim.model.lines[line].healed {
                    sim.violation(format!("revoked device {ix} reads: {}", sim.model.lines[line].text.clone()));
                }
            }
        }
    }
}
