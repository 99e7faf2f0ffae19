//! Conversations: started, written in, read.

use std::collections::BTreeSet;

use undertone::engine::{Draft, Engine};
use undertone::envelope::{Clock, MessageRef};
use undertone::error::{Error, Misuse};
use undertone::id::{ConversationId, MessageId};
use undertone::message::{Message, MessageKey, SendState};
use undertone::time::Time;

use super::{Done, done, is_allowed, may_refuse, not_to_blocked, place};
use crate::sim::check;
use crate::sim::device::is_fatal;
use crate::sim::model::{Doubt, Fate, Line, Marks, Model, NEEDLE, Pair, Reading, Terms, UserIx};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

pub(super) fn start(sim: &mut Sim) {
    start_between(sim, true);
}

pub(super) fn start_forbidden(sim: &mut Sim) {
    start_between(sim, false);
}

fn start_between(sim: &mut Sim, allowed: bool) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    let user = sim.user(ix);
    let others: Vec<UserIx> =
        (0..sim.model.people.len()).filter(|o| *o != user && sim.model.may_start(user, *o) == allowed).collect();
    let Some(other) = sim.pick(&others) else { return };
    sim.tally.action(if allowed { "start" } else { "start forbidden" });
    let pair = Model::pair(user, other);
    let name = sim.world.user_named(&sim.model.people[other].name.clone());
    let started = sim.world.call(ix, |engine, now| engine.conversations().start(&name, now));
    match started {
        Ok(id) => {
            sim.model.conversations.insert(pair, id);
            if allowed {
                sim.model.started.insert(pair);
            }
        }
        Err(Error::Denied(_)) if !allowed => {}
        Err(error) if is_fatal(&error) => {}
        Err(error) => sim.violation(format!("device {ix} cannot start with {other}: {error:?}")),
    }
}

pub(super) fn send(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("send");
    say(sim, ix, pair, talk);
}

/// Writes something new.
pub fn say(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) {
    let terms = terms(sim);
    say_with(sim, ix, pair, talk, terms);
}

/// For how long something is to stay: mostly for ever; else as drawn, or as the conversation has it.
pub(super) fn terms(sim: &mut Sim) -> Option<Terms> {
    let clock = [Clock::FromSend, Clock::FromRead][sim.draw(2)];
    match sim.draw(10) {
        0..=5 => Some(Terms { period: -1, clock: Clock::FromSend }),
        6 => None,
        _ => Some(Terms { period: PERIODS[sim.draw(PERIODS.len())], clock }),
    }
}

/// Minutes that messages stay.
pub(super) const PERIODS: [i32; 6] = [0, 1, 5, 30, 60, 1_440];

/// Writes something new that stays for so long; with `None` as the conversation has it.
pub fn say_with(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId, terms: Option<Terms>) {
    let text = format!("{NEEDLE} {} of device {ix}", sim.model.lines.len());
    let (period, clock) = (terms.map(|terms| terms.period), terms.map(|terms| terms.clock));
    let draft = Draft { period, clock, ..Draft::text(text.clone()) };
    let wish = Wish { text, terms, marks: Marks::default(), what: "send" };
    write(sim, (ix, pair, talk), wish, |engine, now| engine.messages().send(talk, draft, now));
}

/// What is to be written.
pub(super) struct Wish {
    pub text: String,
    /// `None` as the conversation has it.
    pub terms: Option<Terms>,
    pub marks: Marks,
    /// What it is called to do so.
    pub what: &'static str,
}

/// Has a device write something, and writes it down.
pub(super) fn write(
    sim: &mut Sim,
    (ix, pair, talk): (DeviceIx, Pair, ConversationId),
    Wish { text, terms, marks, what }: Wish,
    send: impl FnOnce(&mut Engine, Time) -> Result<MessageId, Error>,
) -> Option<usize> {
    let usual = sim.ask(ix, |engine, now| engine.conversations().get(talk, now));
    let usual = usual.map_or(Terms { period: -1, clock: Clock::FromSend }, |shown| Terms {
        period: shown.period,
        clock: shown.clock,
    });
    // Where the other side has started, its welcome may be on its way still.
    let may_refuse = may_refuse(sim, ix, pair, talk);
    let (healed, allowed) = (sim.healed, is_allowed(sim, ix, pair, talk));
    let sent = sim.world.call(ix, send);
    let unknown = Error::Misuse(Misuse::UnknownConversation);
    let (id, fate) = match done(sim, ix, what, sent, |error| *error == unknown || may_refuse(error)) {
        Done::Sure(id) => (Some(id), Fate::Sent),
        Done::Maybe(id) => (id, Fate::Maybe),
        Done::Refused => return None,
    };
    if fate == Fate::Sent {
        not_to_blocked(sim, ix, pair, what);
    }
    let written = (sim.world.now, sim.world.devices[ix].clock(sim.world.now));
    let author = sim.user(ix);
    Some(sim.model.wrote(Line {
        text,
        id,
        pair,
        author,
        device: ix,
        fate,
        allowed,
        healed,
        retried: false,
        written,
        terms: terms.unwrap_or(usual),
        marks,
        sent: None,
        author_knows: false,
        reads: Vec::new(),
        wordings: Vec::new(),
        deleted: BTreeSet::new(),
        hidden: BTreeSet::new(),
        maybe_deleted: false,
        card: None,
        payment: None,
        file: None,
    }))
}

/// Somebody hits a key, or stops.
pub(super) fn types(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("type");
    let typing = sim.draw(4) > 0;
    let said = sim.world.call(ix, |engine, now| engine.conversations().set_typing(talk, typing, now));
    let (user, may_refuse) = (sim.user(ix), may_refuse(sim, ix, pair, talk));
    let unknown = Error::Misuse(Misuse::UnknownConversation);
    match done(sim, ix, "type", said, |error| *error == unknown || may_refuse(error)) {
        // Whoever keeps that to oneself has not typed, for all that others are to see.
        Done::Sure(()) | Done::Maybe(Some(())) if sim.model.discretion(user, ix).is_none_or(|told| told.typing) => {
            sim.model.typed.insert((pair, user), sim.world.now);
        }
        Done::Sure(()) | Done::Maybe(Some(())) => {}
        Done::Maybe(None) | Done::Refused => {}
    }
}

pub(super) fn read(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("read");
    read_up_to(sim, ix, pair, talk);
}

/// Reads up to some message.
pub fn read_up_to(sim: &mut Sim, ix: DeviceIx, _pair: Pair, talk: ConversationId) {
    let Some(messages) = check::shown(sim, ix, talk) else { return };
    if messages.is_empty() {
        return;
    }
    let last = messages[sim.draw(messages.len())].key;
    read_to(sim, ix, talk, &messages, last);
}

/// Reads all that is there.
pub fn read_all(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) {
    let messages = check::shown(sim, ix, talk).unwrap_or_default();
    if let Some(last) = messages.last().map(|message| message.key) {
        read_to(sim, ix, talk, &messages, last);
    }
}

fn read_to(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, messages: &[Message], last: MessageKey) {
    let done = sim.world.call(ix, |engine, now| engine.messages().mark_read(talk, last, now));
    let read = messages.iter().filter(|m| m.key <= last && !m.own);
    let read: Vec<(usize, bool)> = read.filter_map(|m| Some((check::line_of_any(sim, m)?, m.unread))).collect();
    let (user, sure) = (sim.user(ix), done.is_ok() && !sim.world.devices[ix].failed);
    match done {
        Ok(()) => {}
        Err(error) if is_fatal(&error) => {}
        Err(error) => return sim.violation(format!("device {ix} cannot read: {error:?}")),
    }
    let (world, at) = (sim.world.now, sim.world.devices[ix].clock(sim.world.now));
    for (line, unread) in read {
        if sure {
            sim.model.read.entry(user).or_default().insert(line);
        }
        if unread {
            let told = !sim.model.has_blocked(user, sim.model.lines[line].author);
            let quiet = sim.model.discretion(user, ix).is_some_and(|told| !told.read_receipts);
            sim.model.lines[line].reads.push(Reading { device: ix, at, world, sure, told, quiet });
        }
        if unread && !sure {
            // What of it has happened shows when the engine is open again.
            sim.model.doubts.entry(ix).or_default().push(Doubt::Read(line));
        }
    }
}

/// Reacts to a message that others know, or takes a reaction back.
pub(super) fn react(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let known = |m: &Message| !m.own || matches!(m.state, SendState::Sent | SendState::Delivered | SendState::Read);
    let sent = |m: &&Message| check::text(m).is_some() && known(m);
    let targets: Vec<MessageKey> = messages.iter().filter(sent).map(|m| m.key).collect();
    let Some(key) = sim.pick(&targets) else { return };
    let Some(author) = messages.iter().find(|m| m.key == key).map(|m| m.author.clone()) else { return };
    sim.tally.action("react");
    let emoji = [Some("👍"), Some("❤️"), Some("🎉"), None][sim.draw(4)];
    let target = MessageRef { author, id: key.id };
    let may_refuse = may_refuse(sim, ix, pair, talk);
    let reacted = sim.world.call(ix, |engine, now| engine.messages().react(talk, &target, emoji, now));
    done(sim, ix, "react", reacted, may_refuse);
}

pub(super) fn cancel(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let queued: Vec<_> = messages
        .iter()
        .filter(|m| check::text(m).is_some() && m.own && m.state == SendState::Queued)
        .map(|m| m.key)
        .collect();
    let Some(key) = sim.pick(&queued) else { return };
    sim.tally.action("cancel");
    let done = sim.world.call(ix, |engine, now| engine.messages().cancel(talk, key.id, now));
    let line = messages.iter().find(|m| m.key == key).and_then(|m| check::line(sim, m));
    match (done, line) {
        (Ok(()), Some(line)) if !sim.world.devices[ix].failed => sim.model.lines[line].fate = Fate::Cancelled,
        (Ok(()), Some(line)) => sim.model.lines[line].fate = Fate::Maybe,
        (Err(error), Some(line)) if is_fatal(&error) => sim.model.lines[line].fate = Fate::Maybe,
        (Err(error), _) => sim.violation(format!("device {ix} cannot cancel what is queued: {error:?}")),
        (Ok(()), None) => sim.violation("cancelled what nobody wrote"),
    }
}

pub(super) fn retry(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let failed = |m: &&Message| m.own && check::text(m).is_some() && matches!(m.state, SendState::Failed(_));
    let failed: Vec<_> = messages.iter().filter(failed).map(|m| m.key).collect();
    let Some(key) = sim.pick(&failed) else { return };
    sim.tally.action("retry");
    let (allowed, may_refuse) = (is_allowed(sim, ix, pair, talk), may_refuse(sim, ix, pair, talk));
    let done = sim.world.call(ix, |engine, now| engine.messages().retry(talk, key.id, now));
    let line = messages.iter().find(|m| m.key == key).and_then(|m| check::line(sim, m));
    let Some(line) = line else { return sim.violation("a failed message that nobody wrote") };
    match done {
        Ok(()) => {
            let maybe = sim.world.devices[ix].failed;
            sim.model.lines[line].fate = if maybe { Fate::Maybe } else { Fate::Sent };
            sim.model.lines[line].allowed = allowed;
            sim.model.lines[line].retried = true;
        }
        Err(error) if may_refuse(&error) => {}
        Err(error) if is_fatal(&error) => sim.model.lines[line].fate = Fate::Maybe,
        Err(error) => sim.violation(format!("device {ix} cannot retry: {error:?}")),
    }
}
