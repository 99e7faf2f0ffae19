//! Cards are shown as they were sent, in all that they say.

use undertone::message::{Message, MessageContent};
use undertone::structured::Structured;

use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A line that a device shows is the card that was sent, if it was one, and no card otherwise.
pub(super) fn of_one(sim: &mut Sim, ix: DeviceIx, at: usize, message: &Message) {
    let shown = match &message.content {
        MessageContent::Structured(card) => Some(&**card),
        _ => None,
    };
    let kind = match shown {
        Some(Structured::Place(_)) => Some("places"),
        Some(Structured::Contact(_)) => Some("contacts"),
        Some(Structured::Event(_)) => Some("events"),
        _ => None,
    };
    kind.into_iter().for_each(|kind| sim.tally.seen(kind, 1));
    let line = &sim.model.lines[at];
    if shown != line.card.as_ref() {
        let text = line.text.clone();
        sim.violation(format!("device {ix} shows another card than was sent: {text}"));
    }
}
