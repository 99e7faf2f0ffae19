//! After a restart, what was in the balance is decided: the device shows it, or it has not happened.

use std::collections::BTreeMap;

use undertone::id::ConversationId;
use undertone::message::{FailedReason, Message, SendState};

use super::expiry;
use super::view::{line_of_any, shown, text};
use crate::sim::model::{Doubt, Fate, Pair, Reading};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// What a device shows of each line.
type There = BTreeMap<usize, Message>;

/// A device was opened again.
pub fn resolve(sim: &mut Sim, ix: DeviceIx) {
    let user = sim.user(ix);
    let mine: Vec<(Pair, ConversationId)> =
        sim.model.conversations.iter().filter(|(p, _)| p.0 == user || p.1 == user).map(|(p, c)| (*p, *c)).collect();
    let mut there = There::new();
    for (_, talk) in mine {
        for message in shown(sim, ix, talk).unwrap_or_default() {
            let Some(at) = line_of_any(sim, &message) else { continue };
            if !message.own && !message.unread {
                sim.model.read.entry(user).or_default().insert(at);
            }
            there.insert(at, message);
        }
    }
    for doubt in sim.model.doubts.remove(&ix).unwrap_or_default() {
        decide(sim, ix, &there, doubt);
    }
    fates(sim, ix, &there);
    forgotten(sim, ix, &there);
}

fn decide(sim: &mut Sim, ix: DeviceIx, there: &There, doubt: Doubt) {
    match doubt {
        Doubt::Wording(at, number) => {
            // One that is gone since says no more.
            let Some(message) = there.get(&at) else { return };
            let wording = &mut sim.model.lines[at].wordings[number];
            if text(message) == Some(wording.text.as_str()) {
                wording.sure = true;
            } else {
                wording.depth = 0;
                wording.text.clear();
            }
        }
        Doubt::Deleted(at) => {
            let gone = !there.contains_key(&at);
            let expired = expiry::may_have_gone(sim, ix, &sim.model.lines[at]);
            let line = &mut sim.model.lines[at];
            if gone && !expired {
                line.deleted.insert(ix);
            }
            line.maybe_deleted = gone && expired;
        }
        Doubt::Hidden(at) => {
            if !there.contains_key(&at) {
                sim.model.lines[at].hidden.insert(ix);
            }
        }
        Doubt::Payment(at, state) => {
            let happened = there.get(&at).is_some_and(|message| message.payment >= Some(state));
            let said = sim.model.lines[at].payment.as_mut().expect("a payment");
            let doubtful = said.iter().position(|known| *known == (state, false)).expect("it was noted");
            if happened {
                said[doubtful].1 = true;
            } else {
                said.remove(doubtful);
            }
        }
        Doubt::Read(at) => {
            let unread = there.get(&at).is_some_and(|message| message.unread);
            let by_reading = sim.model.lines[at].terms.by_reading();
            let doubtful = |read: &&mut Reading| read.device == ix && !read.sure;
            if unread {
                sim.model.lines[at].reads.retain(|read| read.device != ix || read.sure);
            } else if by_reading {
                sim.model.lines[at].reads.iter_mut().filter(doubtful).for_each(|read| read.sure = true);
                let user = sim.user(ix);
                sim.model.read.entry(user).or_default().insert(at);
            }
        }
        Doubt::Discretion => {
            let user = sim.user(ix);
            let Some(settings) = sim.ask(ix, |engine, _| engine.privacy().settings()) else { return };
            let decided = sim.model.discretions.get_mut(&user).expect("it was noted");
            (decided.settings, decided.sure) = (settings, true);
        }
        Doubt::Draft(pair) => {
            let talk = sim.model.conversations[&pair];
            let Some(shown) = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)) else { return };
            sim.model.drafts.insert((ix, pair), shown.draft);
        }
        Doubt::Name(other) => {
            let name = sim.world.user_named(&sim.model.people[other].name);
            let Some(given) = sim.ask(ix, |engine, _| engine.privacy().display_name(&name)) else { return };
            sim.model.names.insert((ix, other), given);
        }
        Doubt::Quiet => {
            let Some(until) = sim.ask(ix, |engine, _| engine.notifications().do_not_disturb()) else { return };
            sim.model.quiet.insert(ix, until);
        }
        Doubt::Blocked(other) => {
            let user = sim.user(ix);
            let name = sim.world.user_named(&sim.model.people[other].name.clone());
            let Some(blocked) = sim.ask(ix, |engine, _| engine.privacy().is_blocked(&name)) else { return };
            let block = sim.model.blocks.get_mut(&(user, other)).expect("it was noted");
            (block.blocked, block.sure) = (blocked, true);
        }
    }
}

/// Whether what was being written or taken back when the engine died is there.
fn fates(sim: &mut Sim, ix: DeviceIx, there: &There) {
    for at in 0..sim.model.lines.len() {
        let line = &sim.model.lines[at];
        if line.device != ix || line.fate != Fate::Maybe {
            continue;
        }
        // Its time may be over by now: then nobody knows.
        let over = line.is_taken_from(ix) || expiry::may_have_gone(sim, ix, line);
        sim.model.lines[at].fate = match there.get(&at).map(|message| message.state) {
            Some(SendState::Failed(FailedReason::Cancelled)) => Fate::Cancelled,
            Some(_) => Fate::Sent,
            None if over => Fate::Lost,
            None => Fate::Cancelled,
        };
    }
}

/// What an engine has taken is there after a crash.
fn forgotten(sim: &mut Sim, ix: DeviceIx, there: &There) {
    let mut lost = Vec::new();
    for (at, line) in sim.model.lines.iter().enumerate() {
        let kept = line.is_taken_from(ix) || expiry::may_have_gone(sim, ix, line) || there.contains_key(&at);
        if line.device == ix && line.fate == Fate::Sent && !kept {
            let reads: Vec<_> = line.reads.iter().map(|read| (read.device, read.at.as_ms(), read.sure)).collect();
            lost.push(format!(
                "{}, {:?} of {}, {:?}, read {reads:?}",
                line.text,
                line.id,
                line.written.0.as_ms(),
                line.terms
            ));
        }
    }
    for text in lost {
        sim.violation(format!("device {ix} has forgotten after a crash what it had taken: {text}"));
    }
}
