//! Reports: they prove to the platform who said what.

use undertone::envelope::{Kind, MessageRef};
use undertone::id::{ConversationId, MessageId};
use undertone::message::Message;
use undertone::report::Claim;

use super::view::line;
use crate::sim::model::Standing;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// The platform finds a report true, and in it each of the messages with the wordings that its author gave it, and
/// nothing else.
pub fn proves(sim: &mut Sim, ix: DeviceIx, messages: &[Message], report: &[u8]) {
    let claims: Result<Vec<Claim>, _> = match sim.world.relay.logic().check_report(report) {
        Ok(claims) => claims.into_iter().collect(),
        Err(fault) => Err(fault),
    };
    let claims = match claims {
        Ok(claims) => claims,
        Err(fault) => return sim.violation(format!("the platform finds a report of device {ix} untrue: {fault:?}")),
    };
    let mut shown: Vec<MessageId> =
        claims.iter().filter_map(|claim| original(claim).then_some(claim.content.head.id)).collect();
    let mut wanted: Vec<MessageId> = messages.iter().map(|message| message.key.id).collect();
    shown.sort();
    wanted.sort();
    if shown != wanted {
        sim.violation(format!("device {ix} reports {shown:?} instead of {wanted:?}"));
    }
    let mut of = None;
    for claim in &claims {
        of = messages.iter().find(|message| message.key.id == claim.content.head.id).filter(|_| original(claim)).or(of);
        if let Some(message) = of {
            true_claim(sim, ix, message, claim);
        }
    }
}

/// Whether it is of what a message said first; its edits follow.
fn original(claim: &Claim) -> bool {
    claim.content.kind != Kind::EDIT
}

fn true_claim(sim: &mut Sim, ix: DeviceIx, message: &Message, claim: &Claim) {
    let Some(at) = line(sim, message) else { return };
    let line = &sim.model.lines[at];
    let holds = |text: &String| claim.content.body.windows(text.len()).any(|part| part == text.as_bytes());
    let texts = line.other_wordings("");
    let author = sim.model.people[line.author].name.as_str();
    let from = sim.world.devices.iter().position(|device| device.id == claim.device);
    let by = from.and_then(|from| sim.model.owner.get(&from)) == Some(&line.author);
    let right = claim.user.as_str() == author && by && texts.iter().filter(|text| !text.is_empty()).any(holds);
    // What was asked for once more keeps its time, and is proven by the envelope that could be read. An edit of it may have
    // come before.
    let in_time = !original(claim) || Some(claim.at) >= message.accepted_at;
    sim.tally.seen(if original(claim) { "reported" } else { "reported edits" }, 1);
    if !right || !in_time {
        let text = line.text.clone();
        let what = (claim.user.as_str(), from, claim.at, claim.content.kind);
        sim.violation(format!("device {ix} proves {what:?}, accepted {:?}: {text}", message.accepted_at));
    }
}

/// In the end whatever came over the relay alone can be reported.
pub(super) fn possible(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, messages: &[Message]) {
    let healed = |m: &&Message| !m.own && line(sim, m).is_some_and(|at| sim.model.lines[at].healed);
    let Some(message) = messages.iter().rfind(healed).filter(|_| sim.model.standing[&ix] == Standing::Founder) else {
        return;
    };
    let target = MessageRef { author: message.author.clone(), id: message.key.id };
    let report = sim.world.call(ix, |engine, now| engine.messages().report(talk, &[target], now)?.encode());
    match report {
        Ok(report) => proves(sim, ix, core::slice::from_ref(message), &report),
        Err(error) => sim.violation(format!("device {ix} cannot report what came over the relay: {error:?}")),
    }
}
