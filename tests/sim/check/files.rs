//! Files: what is stored shows nothing, and what is fetched is what was sent.

use core::ops::Range;

use undertone::envelope::MessageRef;
use undertone::message::{Message, MessageContent};

use super::view::line;
use crate::sim::model::NEEDLE;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A range of what is stored of a message's file.
pub fn stored(sim: &mut Sim, message: &Message, range: &Range<u64>) -> Option<Vec<u8>> {
    let MessageContent::Attachment(attachment) = &message.content else { return None };
    let location = attachment.location.as_ref()?;
    let Some(stored) = sim.storage.get(location.as_str()) else {
        sim.violation(format!("a message says that its file is at {}, where nothing is", location.as_str()));
        return None;
    };
    let end = stored.len().min(range.end as usize);
    Some(stored.get(range.start as usize..end).unwrap_or_default().to_vec())
}

/// Bytes that a device got are those of the file that was sent.
pub fn same_bytes(sim: &mut Sim, ix: DeviceIx, at: usize, range: &Range<u64>, bytes: &[u8]) {
    let line = &sim.model.lines[at];
    let file = line.file.as_deref().unwrap_or_default();
    sim.tally.seen("fetched", bytes.len() as u64);
    if file.get(range.start as usize..range.end as usize) != Some(bytes) {
        let text = line.text.clone();
        sim.violation(format!("device {ix} gets other bytes of {range:?} than were sent: {text}"));
    }
}

/// A device reads a part of a file, from only what it needs of it.
pub fn reads_file(sim: &mut Sim, ix: DeviceIx, message: &Message) {
    let Some(at) = line(sim, message) else { return };
    let size = sim.model.lines[at].file.as_ref().map_or(0, Vec::len);
    let start = sim.draw(size + 1);
    let range = start as u64..(start + sim.draw(size - start + 1)) as u64;
    read(sim, ix, at, message, range);
}

fn read(sim: &mut Sim, ix: DeviceIx, at: usize, message: &Message, range: Range<u64>) {
    let target = MessageRef { author: message.author.clone(), id: message.key.id };
    let talk = message.conversation;
    let Some(reader) = sim.ask(ix, |engine, now| engine.attachments().reader(talk, &target, now)) else { return };
    let Some(stored) = stored(sim, message, &reader.stored_range(&range)) else { return };
    match reader.read(&range, &stored) {
        Ok(bytes) => same_bytes(sim, ix, at, &range, &bytes),
        Err(fault) => {
            let text = sim.model.lines[at].text.clone();
            sim.violation(format!("device {ix} cannot read {range:?} of a file: {fault:?}: {text}"));
        }
    }
}

/// In the end every file that is shown is there, as it was sent, and nothing is under way any more.
pub(super) fn complete(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    for message in messages {
        let Some(at) = line(sim, message) else { continue };
        let Some(size) = sim.model.lines[at].file.as_ref().map(Vec::len) else { continue };
        let MessageContent::Attachment(attachment) = &message.content else {
            let text = sim.model.lines[at].text.clone();
            sim.violation(format!("device {ix} shows a file as something else: {text}"));
            continue;
        };
        if attachment.location.is_some() {
            sim.tally.seen("files", 1);
            read(sim, ix, at, message, 0..size as u64);
        }
    }
    let under_way = sim.ask(ix, |engine, _| engine.attachments().transfers()).map_or(0, |transfers| transfers.len());
    if under_way > 0 {
        sim.violation(format!("device {ix} still carries {under_way} files"));
    }
}

/// Whoever keeps the files reads nothing of them.
pub(super) fn storage(sim: &mut Sim) {
    let readable = |bytes: &Vec<u8>| bytes.windows(NEEDLE.len()).any(|part| part == NEEDLE.as_bytes());
    let count = sim.storage.values().filter(|bytes| readable(bytes)).count();
    if count > 0 {
        sim.violation(format!("{count} files can be read where they are kept"));
    }
}
