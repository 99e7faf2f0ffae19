//! Blocked people: nothing of theirs shows, and all devices of who blocks agree.

use undertone::id::{CallId, ConversationId};

use super::end::someone_lost;
use crate::sim::model::{Model, Pair, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A line that a device shows was not written by somebody whom it blocked before it had it.
pub(super) fn of_one(sim: &mut Sim, ix: DeviceIx, at: usize) {
    let line = &sim.model.lines[at];
    let user = sim.user(ix);
    let Some(block) = sim.model.blocks.get(&(user, line.author)) else { return };
    let (later, since) = (line.written.0 >= block.since, block.since.as_ms());
    // What was hidden by a clock that was ahead when it blocked was there all the same.
    // So was what an older engine did not understand then.
    let was_there = block.shown.contains(&at) || !later && (line.terms.period >= 0 || sim.was_older(ix));
    if block.sure && block.blocked && block.device == ix && !was_there {
        let (text, written) = (line.text.clone(), line.written.0.as_ms());
        let what = format!("{text}, of {written}, blocked at {since}");
        sim.violation(format!("device {ix} shows what somebody says whom it blocks: {what}"));
    }
}

/// It does not ring for a call of somebody whom a device blocks.
pub(super) fn rings(sim: &mut Sim, ix: DeviceIx, call: CallId) {
    let Some(dial) = sim.model.calls.get(&call) else { return };
    let Some(block) = sim.model.blocks.get(&(sim.user(ix), dial.caller)) else { return };
    if block.sure && block.blocked && block.device == ix && dial.at >= block.since {
        sim.violation(format!("device {ix} rings for somebody whom it blocks"));
    }
}

/// All devices of who decides agree, and the last decision counts; nothing that came after it shows anywhere.
pub(super) fn decided(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) {
    let user = sim.user(ix);
    let other = Model::other(pair, user);
    // Where nobody may start, no session is there to tell it in: nothing can come from who is blocked, either.
    let told = sim.model.started.contains(&pair) && !someone_lost(sim, pair);
    let owed = told && sim.model.standing[&ix] == Standing::Founder;
    let Some(block) = sim.model.blocks.get(&(user, other)).filter(|block| owed && block.sure) else { return };
    let (blocked, since) = (block.blocked, block.since);
    sim.tally.seen("blocked", u64::from(blocked));
    let shown = sim.ask(ix, |engine, now| engine.conversations().get(talk, now));
    let Some(shown) = shown.and_then(|shown| shown.others.first().map(|member| member.blocked)) else { return };
    if shown != blocked {
        sim.violation(format!("device {ix} has {other} blocked: {shown}, decided at {}: {blocked}", since.as_ms()));
    }
}

/// In the end no device of who blocks shows what the other has written since.
pub(super) fn dropped(sim: &mut Sim, ix: DeviceIx, shown: &[usize]) {
    let user = sim.user(ix);
    for at in shown {
        let line = &sim.model.lines[*at];
        let wanted = !line.healed || line.author == user || !sim.model.blocks_now(user, line.author);
        if !wanted && sim.model.standing[&ix] == Standing::Founder && !someone_lost(sim, line.pair) {
            let text = line.text.clone();
            sim.violation(format!("device {ix} shows what a blocked user says: {text}"));
        }
    }
}
