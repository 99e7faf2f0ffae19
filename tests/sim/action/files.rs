//! Files: sent, carried piece by piece, fetched, while everything fails that can.

use undertone::attachment::{Attachment, MediaType, Transfer, Way};
use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;
use undertone::message::{Message, MessageContent};

use super::talk::{Wish, terms, write};
use super::{Done, done, place};
use crate::sim::check;
use crate::sim::model::{Marks, NEEDLE};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// Bytes of a file at most: a piece and a half.
const LARGEST: usize = 3 << 19;

/// Somebody sends a file, and mostly carries it to where it is kept at once.
pub(super) fn send(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("send file");
    let text = format!("{NEEDLE} {} of device {ix}", sim.model.lines.len());
    let size = if sim.draw(4) == 0 { sim.draw(LARGEST) } else { sim.draw(3_000) };
    let file: Vec<u8> = text.bytes().cycle().take(size).collect();
    let attachment = Attachment::file("", MediaType::new("text/plain").expect("a type"), size as u64);
    let terms = terms(sim);
    let (period, clock) = (terms.map(|terms| terms.period), terms.map(|terms| terms.clock));
    let draft = Draft { period, clock, ..Draft::text(text.clone()) };
    let wish = Wish { text, terms, marks: Marks::default(), what: "send a file" };
    let sent = write(sim, (ix, pair, talk), wish, |engine, now| {
        match engine.attachments().send(talk, attachment, draft, now) {
            // Enough are under way: then they are carried first.
            Err(Error::Misuse(Misuse::Attachment(_))) => Err(Error::Misuse(Misuse::UnknownConversation)),
            result => result,
        }
    });
    if let Some(at) = sent {
        sim.model.lines[at].file = Some(file);
    }
    if sim.draw(3) > 0 {
        carry_some(sim, ix, usize::MAX);
    }
}

/// Somebody carries on with what is under way, for some pieces.
pub(super) fn carry(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.action("carry files");
    let pieces = 1 + sim.draw(4);
    carry_some(sim, ix, pieces);
}

/// Somebody fetches a file that is shown, or reads a part of it.
pub(super) fn fetch(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let files: Vec<&Message> = messages.iter().filter(|m| is_kept(m) && check::line(sim, m).is_some()).collect();
    if files.is_empty() {
        return;
    }
    let message = files[sim.draw(files.len())].clone();
    sim.tally.action("fetch file");
    if sim.draw(2) == 0 {
        return check::reads_file(sim, ix, &message);
    }
    let target = MessageRef { author: message.author.clone(), id: message.key.id };
    let begun = sim.world.call(ix, |engine, now| engine.attachments().download(talk, &target, now));
    let full = |error: &Error| matches!(error, Error::Misuse(Misuse::Attachment(_)));
    done(sim, ix, "fetch a file", begun, full);
    let pieces = sim.draw(3);
    carry_some(sim, ix, pieces);
}

/// Whether the file of a message is where it is kept.
fn is_kept(message: &Message) -> bool {
    matches!(&message.content, MessageContent::Attachment(attachment) if attachment.location.is_some())
}

/// A device carries on with all that is under way, for at most so many pieces.
pub fn carry_some(sim: &mut Sim, ix: DeviceIx, mut pieces: usize) {
    let Some(transfers) = sim.ask(ix, |engine, _| engine.attachments().transfers()) else { return };
    for transfer in transfers {
        let Some((at, message)) = line_of(sim, ix, &transfer) else { continue };
        // The engine may have died before the last piece got to its place.
        let again = transfer.last.clone().map(|last| Transfer { next: Some(last), ..transfer.clone() });
        let mut under_way = again.or(Some(transfer));
        while let Some(transfer) = under_way.filter(|_| pieces > 0) {
            pieces -= 1;
            let went_on = match transfer.way {
                Way::Up => up(sim, ix, at, &transfer),
                Way::Down => down(sim, ix, at, &message, &transfer),
            };
            if went_on.is_none() {
                break;
            }
            under_way = sim
                .ask(ix, |engine, _| engine.attachments().transfer(transfer.conversation, &transfer.message))
                .flatten();
        }
    }
}

fn line_of(sim: &mut Sim, ix: DeviceIx, transfer: &Transfer) -> Option<(usize, Message)> {
    let (talk, target): (ConversationId, &MessageRef) = (transfer.conversation, &transfer.message);
    let message = sim.ask(ix, |engine, now| engine.messages().get(talk, target, now))?;
    Some((check::line(sim, &message)?, message))
}

/// Seals a piece and stores it; or says that all is stored. `None` when the engine died over it.
fn up(sim: &mut Sim, ix: DeviceIx, at: usize, transfer: &Transfer) -> Option<()> {
    let (talk, id) = (transfer.conversation, transfer.message.id);
    let name = format!("files/{at}");
    let Some(piece) = transfer.next.clone() else {
        let location = undertone::attachment::Location::new(&name).expect("a location");
        let finished = sim.world.call(ix, |engine, now| engine.attachments().finish(talk, id, location, now));
        return sure(done(sim, ix, "finish an upload", finished, |_| false));
    };
    let file = sim.model.lines[at].file.clone().unwrap_or_default();
    let part = &file[piece.file.start as usize..piece.file.end as usize];
    let sealed = sim.world.call(ix, |engine, now| engine.attachments().seal(talk, id, piece.number, part, now));
    // What it gave is durable, whatever becomes of the engine.
    let (Done::Sure(sealed) | Done::Maybe(Some(sealed))) = done(sim, ix, "seal a piece", sealed, |_| false) else {
        return None;
    };
    let stored = sim.storage.entry(name).or_default();
    stored.truncate(piece.stored.start as usize);
    stored.extend(sealed);
    (!sim.world.devices[ix].failed).then_some(())
}

/// Opens a piece of what is stored. `None` when the engine died over it.
fn down(sim: &mut Sim, ix: DeviceIx, at: usize, message: &Message, transfer: &Transfer) -> Option<()> {
    let piece = transfer.next.clone()?;
    let stored = check::stored(sim, message, &piece.stored)?;
    let (talk, target) = (transfer.conversation, transfer.message.clone());
    let opened = sim.world.call(ix, |engine, now| engine.attachments().open(talk, &target, piece.number, &stored, now));
    let opened = done(sim, ix, "open a piece", opened, |_| false);
    if let Done::Sure(bytes) | Done::Maybe(Some(bytes)) = &opened {
        check::same_bytes(sim, ix, at, &piece.file, bytes);
    }
    sure(opened)
}

fn sure<T>(done: Done<T>) -> Option<()> {
    matches!(done, Done::Sure(_)).then_some(())
}
