//! Other wordings, and deletions.

use undertone::envelope::MessageRef;
use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;
use undertone::message::{Message, SendState};

use super::{Done, at_once, done, may_refuse, not_to_blocked, place};
use crate::sim::check;
use crate::sim::model::{Doubt, Fate, Model, NEEDLE, Pair, Wording};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// An own text gets another wording, or two at once on two devices.
pub(super) fn edit(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some((message, at)) = some(sim, ix, talk, |sim, m, at| m.own && sim.model.lines[at].is_plain()) else {
        return;
    };
    reword(sim, ix, (pair, talk), &message, at);
    let Some(other) = at_once(sim, ix, pair, false) else { return };
    if let Some((message, at)) = some(sim, other, talk, |_, m, same| m.own && same == at) {
        reword(sim, other, (pair, talk), &message, at);
    }
}

fn reword(sim: &mut Sim, ix: DeviceIx, (pair, talk): (Pair, ConversationId), message: &Message, at: usize) {
    let Some(before) = check::text(message).map(str::to_owned) else { return };
    sim.tally.action("edit");
    let text = new_text(sim, ix);
    let may_refuse = may_refuse(sim, ix, pair, talk);
    let edited = sim.world.call(ix, |engine, now| engine.messages().edit(talk, message.key.id, text.clone(), now));
    // What no other device can have seen just says something else.
    let unseen = message.accepted_at.is_none() && matches!(message.state, SendState::Queued | SendState::Failed(_));
    let depth = sim.model.lines[at].depth_of(&before) + usize::from(!unseen);
    let sure = match done(sim, ix, "edit", edited, |error| !unseen && may_refuse(error)) {
        Done::Sure(()) => true,
        Done::Maybe(_) => false,
        Done::Refused => return,
    };
    if sure && !unseen {
        not_to_blocked(sim, ix, pair, "edit");
    }
    let number = sim.model.reworded(at, Wording { text, depth, sure, unseen });
    if !sure {
        sim.model.doubts.entry(ix).or_default().push(Doubt::Wording(at, number));
    }
}

/// A text that nobody has written before.
fn new_text(sim: &mut Sim, ix: DeviceIx) -> String {
    let wordings: usize = sim.model.lines.iter().map(|line| line.wordings.len()).sum();
    format!("{NEEDLE} e{wordings} of device {ix}")
}

/// Somebody tries to change what another has written.
pub(super) fn edit_anothers(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some((message, _)) = some(sim, ix, talk, |_, m, _| !m.own) else { return };
    sim.tally.action("edit another's");
    let text = format!("{NEEDLE} forged by device {ix}");
    let edited = sim.world.call(ix, |engine, now| engine.messages().edit(talk, message.key.id, text, now));
    let unknown = Error::Misuse(Misuse::UnknownMessage);
    if let Done::Sure(()) = done(sim, ix, "be told that it has no such text", edited, |error| *error == unknown) {
        sim.violation(format!("device {ix} may change what another has written"));
    }
}

/// Somebody deletes what they wrote, for everyone.
pub(super) fn delete(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some((message, at)) = some(sim, ix, talk, |_, m, _| m.own) else { return };
    sim.tally.action("delete");
    let target = MessageRef { author: message.author.clone(), id: message.key.id };
    let deleted = sim.world.call(ix, |engine, now| engine.messages().delete_for_everyone(talk, &target, now));
    let deleted = done(sim, ix, "delete", deleted, |_| false);
    note_deleted(sim, ix, at, deleted);
}

/// Somebody deletes what another wrote, for everyone: support may do that.
pub(super) fn delete_anothers(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some((message, at)) = some(sim, ix, talk, |_, m, _| !m.own) else { return };
    sim.tally.action("delete another's");
    let user = sim.user(ix);
    let role = |user: usize| sim.model.people[user].role;
    // The preset gives the right over those of lower rank.
    let may = role(user) == "support" && role(Model::other(pair, user)) != "support";
    let target = MessageRef { author: message.author.clone(), id: message.key.id };
    let deleted = sim.world.call(ix, |engine, now| engine.messages().delete_for_everyone(talk, &target, now));
    let deleted = done(sim, ix, "delete another's", deleted, |error| !may && matches!(error, Error::Denied(_)));
    if !may && !matches!(deleted, Done::Refused) && !sim.world.devices[ix].failed {
        sim.violation(format!("device {ix} may delete what another has written"));
    }
    note_deleted(sim, ix, at, deleted);
}

fn note_deleted(sim: &mut Sim, ix: DeviceIx, at: usize, deleted: Done<()>) {
    match deleted {
        Done::Sure(()) => {
            sim.model.lines[at].deleted.insert(ix);
        }
        Done::Maybe(_) => {
            sim.model.lines[at].maybe_deleted = true;
            sim.model.doubts.entry(ix).or_default().push(Doubt::Deleted(at));
        }
        Done::Refused => {}
    }
}

/// Somebody deletes something on one device only.
pub(super) fn delete_here(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some((message, at)) = some(sim, ix, talk, |_, _, _| true) else { return };
    sim.tally.action("delete here");
    let target = MessageRef { author: message.author.clone(), id: message.key.id };
    let deleted = sim.world.call(ix, |engine, now| engine.messages().delete_here(talk, &target, now));
    // What had not left never will.
    let unsent = message.own && message.accepted_at.is_none();
    let line = &mut sim.model.lines[at];
    if unsent && line.device == ix {
        line.fate = Fate::Lost;
    }
    match done(sim, ix, "delete here", deleted, |_| false) {
        Done::Sure(()) => drop(sim.model.lines[at].hidden.insert(ix)),
        Done::Maybe(_) => sim.model.doubts.entry(ix).or_default().push(Doubt::Hidden(at)),
        Done::Refused => {}
    }
}

/// One of the newest lines that a device shows.
fn some(
    sim: &mut Sim,
    ix: DeviceIx,
    talk: ConversationId,
    wanted: impl Fn(&Sim, &Message, usize) -> bool,
) -> Option<(Message, usize)> {
    let messages = check::recent(sim, ix, talk)?;
    let lines = messages.into_iter().filter_map(|m| check::line(sim, &m).map(|at| (m, at)));
    let mut lines: Vec<(Message, usize)> = lines.filter(|(m, at)| wanted(sim, m, *at)).collect();
    if lines.is_empty() {
        return None;
    }
    let drawn = sim.draw(lines.len());
    Some(lines.swap_remove(drawn))
}
