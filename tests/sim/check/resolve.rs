//! What a restart decides.

use std::collections::BTreeMap;

use undertone::id::ConversationId;
use undertone::message::{FailedReason, SendState};

use super::{shown, text};
use crate::sim::model::{Fate, Pair};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

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
