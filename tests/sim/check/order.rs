//! In which order a conversation is shown, once everything has healed.

use std::collections::BTreeMap;

use undertone::message::{Message, MessageKey, SendState};

use super::text;
use crate::sim::model::Fate;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// What one device wrote is shown in the order in which it was written, whatever clocks and the network did.
pub(super) fn as_written(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    let mut newest: BTreeMap<DeviceIx, usize> = BTreeMap::new();
    let mut swapped = Vec::new();
    for message in messages {
        let Some(at) = text(message).and_then(|text| sim.model.line_of(text)) else { continue };
        let line = &sim.model.lines[at];
        if line.fate != Fate::Sent || line.retried {
            continue;
        }
        let before = newest.insert(line.device, at);
        if before.is_some_and(|before| before > at) {
            swapped.push(line.text.clone());
        }
    }
    for text in swapped {
        sim.violation(format!("device {ix} shows behind what was written later: {text}"));
    }
}

/// All devices of a conversation show what they share in one order.
pub(super) fn same_order(sim: &mut Sim, views: &[(DeviceIx, Vec<Message>)]) {
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
