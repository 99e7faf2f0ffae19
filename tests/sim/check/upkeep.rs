//! What a host does for its store changes nothing that people see, and what an engine says of itself is true.

use undertone::diagnosis::{Queue, Unreadable};
use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;
use undertone::message::{Cause, Message, MessageContent};

use super::view::{list, shown};
use super::wire::somebody_without_devices;
use crate::sim::device::Link;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// The list and a conversation of a device are the same after something as before.
pub fn unchanged(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, deed: impl FnOnce(&mut Sim)) {
    let look = |sim: &mut Sim| Some((list(sim, ix)?, shown(sim, ix, talk)?));
    let before = look(sim);
    deed(sim);
    let after = look(sim);
    if before.is_some() && after.is_some() && before != after {
        sim.violation(format!("device {ix} shows something else, though nobody has done anything"));
    }
}

/// A suspended engine answers nothing, but how it does.
pub fn frozen(sim: &mut Sim, ix: DeviceIx) {
    let now = sim.world.devices[ix].clock(sim.world.now);
    let engine = sim.world.devices[ix].engine();
    let (list, diagnosis) = (engine.conversations().newest(now).err(), engine.diagnose(now));
    let says = diagnosis.as_ref().is_ok_and(|diagnosis| diagnosis.open && diagnosis.stored.is_none());
    if list != Some(Error::Misuse(Misuse::Suspended)) || !says {
        sim.violation(format!("device {ix} is suspended, and says {list:?} and {diagnosis:?}"));
    }
}

/// An engine says how it does, whatever state it is in.
pub(super) fn says_how_it_does(sim: &mut Sim, ix: DeviceIx) {
    let Some(conversations) = list(sim, ix) else { return };
    let Some(told) = sim.ask(ix, |engine, now| engine.diagnose(now)) else { return };
    let Some(stored) = &told.stored else {
        return sim.violation(format!("device {ix} says nothing of its store"));
    };
    let device = &sim.world.devices[ix];
    let right = (told.open, told.undrained, told.connection.up, stored.conversations)
        == (true, 0, device.link == Link::Up, conversations.len());
    sim.tally.seen("diagnoses", 1);
    if !right {
        let what = (device.link, conversations.len());
        sim.violation(format!("device {ix} is {what:?}, and says {told:?}"));
    }
}

/// An engine that has closed itself says why.
pub fn says_why_it_closed(sim: &mut Sim, ix: DeviceIx) {
    let now = sim.world.devices[ix].clock(sim.world.now);
    let Some(Ok(told)) = sim.world.devices[ix].engine.as_ref().map(|engine| engine.diagnose(now)) else { return };
    if told.open {
        return;
    }
    sim.tally.seen("engines closed", 1);
    if told.last_error.is_none() || told.stored.is_some() {
        sim.violation(format!("device {ix} has closed itself, and says {told:?}"));
    }
}

/// In the end an engine says that nothing waits, and how much cannot be read.
pub(super) fn nothing_waits(sim: &mut Sim, ix: DeviceIx, all: &[(ConversationId, Vec<Message>)]) {
    let unreadable = |cause: Cause| {
        let messages = all.iter().flat_map(|(_, messages)| messages);
        messages.filter(|m| matches!(m.content, MessageContent::Encrypted(why) if why == cause)).count() as u64
    };
    let Some(told) = sim.ask(ix, |engine, now| engine.diagnose(now)) else { return };
    let Some(stored) = &told.stored else { return };
    let Unreadable { too_old, newer_version, unsupported, kept, .. } = stored.unreadable;
    let says = (too_old, newer_version, unsupported, kept);
    // By now every engine understands all that is said.
    if says != (unreadable(Cause::TooOld), unreadable(Cause::NewerVersion), 0, 0) {
        sim.violation(format!("device {ix} says that it cannot read {says:?}"));
    }
    let waits = (told.transmits, told.requests, stored.queue) != (0, 0, Queue::default());
    if waits && !somebody_without_devices(sim, ix) {
        let (transmits, requests, queue) = (told.transmits, told.requests, stored.queue);
        sim.violation(format!("device {ix} says that {transmits} transmits, {requests} requests, {queue:?} wait"));
    }
}
