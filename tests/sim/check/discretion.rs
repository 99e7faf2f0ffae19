//! What users tell of themselves is the same from all their devices; drafts stay where they are written.

use undertone::id::ConversationId;

use super::end::someone_lost;
use crate::sim::model::{Pair, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// All devices of who decides have the last decision.
pub(super) fn decided(sim: &mut Sim, ix: DeviceIx, pair: Pair) {
    let user = sim.user(ix);
    // Own devices hear of each other in conversations that have begun.
    let owed =
        sim.model.standing[&ix] == Standing::Founder && !someone_lost(sim, pair) && sim.model.started.contains(&pair);
    let Some(decided) = sim.model.discretions.get(&user).filter(|decided| owed && decided.sure) else { return };
    let wanted = decided.settings;
    sim.tally.seen("discreet", u64::from(!wanted.read_receipts || !wanted.typing));
    let Some(settings) = sim.ask(ix, |engine, _| engine.privacy().settings()) else { return };
    if settings != wanted {
        sim.violation(format!("device {ix} tells others {settings:?}, decided was {wanted:?}"));
    }
}

/// A device keeps the draft that was written on it, and no other's.
pub(super) fn draft(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) {
    let Some(shown) = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)) else { return };
    let wanted = sim.model.drafts.get(&(ix, pair)).cloned().flatten();
    sim.tally.seen("drafts", u64::from(wanted.is_some()));
    let doubted =
        sim.model.doubts.get(&ix).is_some_and(|doubts| doubts.contains(&crate::sim::model::Doubt::Draft(pair)));
    if shown.draft != wanted && !doubted {
        sim.violation(format!("device {ix} keeps the draft {:?}, not {wanted:?}", shown.draft));
    }
}
