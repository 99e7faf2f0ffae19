//! People show the platform what others have said.

use undertone::envelope::MessageRef;
use undertone::error::{Error, Misuse};
use undertone::message::Message;

use super::{Done, done, place};
use crate::sim::check;
use crate::sim::run::Sim;

/// Somebody reports some of the newest messages of another.
pub(super) fn report(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(mut messages) = check::recent(sim, ix, talk) else { return };
    messages.retain(|m| !m.own && check::line(sim, m).is_some());
    messages.truncate(1 + sim.draw(4));
    if messages.is_empty() {
        return;
    }
    sim.tally.action("report");
    let targets: Vec<MessageRef> = messages.iter().map(target).collect();
    let report = sim.world.call(ix, |engine, now| engine.messages().report(talk, &targets, now)?.encode());
    // What somebody on the line gave the device before the relay did has no mark.
    let unmarked = |error: &Error| matches!(error, Error::Misuse(Misuse::Report(_)));
    if let Done::Sure(report) = done(sim, ix, "report", report, unmarked) {
        check::proves(sim, ix, &messages, &report);
    }
}

fn target(message: &Message) -> MessageRef {
    MessageRef { author: message.author.clone(), id: message.key.id }
}
