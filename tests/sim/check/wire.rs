//! What crosses the network and what lies on disks: nothing readable, nothing twice, nothing left over.

use std::collections::BTreeMap;

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::event::Event;
use undertone::id::{ConversationId, Hash32};
use undertone::limits;
use undertone::store::Table;

use super::view::{line, shown};
use super::{calls, identities};
use crate::sim::model::{Model, NEEDLE, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

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
pub(super) fn told(sim: &mut Sim) {
    for ix in 0..sim.world.devices.len() {
        let events = &sim.world.devices[ix].events;
        let from = sim.watch.events.insert(ix, events.len()).unwrap_or(0);
        let new = events[from..].to_vec();
        if new.contains(&Event::RolledBack) {
            sim.violation(format!("device {ix} had put out what was not durable"));
        }
        calls::told(sim, ix, &new);
        identities::told(sim, ix, &new);
    }
}

/// Who is shown as typing has typed just now: nobody is shown for longer after the last word that came, nor for longer after
/// the last key than a word may be under way.
pub(super) fn typing(sim: &mut Sim) {
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
            let curious = sim.model.discretion(user, ix).is_none_or(|told| told.typing);
            let good = shown.is_empty() || (heard && typed && right && curious);
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

/// Nothing readable on any disk, and nothing left to do.
pub(super) fn disks(sim: &mut Sim) {
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
pub(super) fn somebody_without_devices(sim: &Sim, ix: DeviceIx) -> bool {
    let user = sim.user(ix);
    let mine = sim.model.conversations.keys().filter(|p| p.0 == user || p.1 == user);
    mine.map(|pair| Model::other(*pair, user)).any(|other| sim.model.live_of(other).is_empty())
}

/// Revoked devices get everything that crossed the network since, and read nothing of it.
pub(super) fn thieves(sim: &mut Sim) {
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
                let Some(line) = line(sim, &message) else { continue };
                if sim.model.lines[line].healed {
                    sim.violation(format!("revoked device {ix} reads: {}", sim.model.lines[line].text.clone()));
                }
            }
        }
    }
}
