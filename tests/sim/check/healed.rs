//! What holds once everything has healed.

use std::collections::{BTreeMap, BTreeSet};

use undertone::envelope::Envelope;
use undertone::id::ConversationId;
use undertone::message::{FailedReason, Message, SendState};
use undertone::store::Table;

use super::always::{one_view, unread_count, wire};
use super::order::{as_written, same_order};
use super::{holds, shown, text};
use crate::sim::model::{Fate, Line, Model, NEEDLE, Pair, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

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
        sim.violation(format!("device {ix} does not show: {text}"));
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
            let what = format!("device {ix}: {state:?}, read {read}, {fate:?}, between {between:?}: {}", line.text);
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
