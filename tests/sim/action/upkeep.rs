//! What hosts do for their stores: nobody is to notice.

use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;
use undertone::store::{HostKey, Progress};
use undertone::time::MINUTE;

use super::{Done, done, place};
use crate::sim::check;
use crate::sim::model::{Doubt, NEEDLE, Pair};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A host gives space back to the disk, in small steps.
pub(super) fn compact(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    sim.tally.action("compact");
    check::unchanged(sim, ix, talk, |sim| {
        let compacted = sim.world.call(ix, |engine, _| {
            loop {
                if engine.compact(1_000)? == Progress::Done {
                    return Ok(());
                }
            }
        });
        done(sim, ix, "compact", compacted, |_| false);
    });
}

/// A host puts another key in the place of the one that opens the store. The keystore has both until that is done.
pub(super) fn replace_key(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    sim.tally.action("replace host key");
    let (old, new) = (sim.world.devices[ix].host_key, sim.dice.bytes());
    sim.world.devices[ix].next_host_key = Some(new);
    check::unchanged(sim, ix, talk, |sim| {
        let keys = (HostKey::from_bytes(old), HostKey::from_bytes(new));
        let replaced = sim.world.call(ix, |engine, _| engine.replace_host_key(&keys.0, &keys.1));
        if let Done::Sure(()) | Done::Maybe(Some(())) = done(sim, ix, "replace its host key", replaced, |_| false) {
            sim.world.devices[ix].host_key = new;
            sim.world.devices[ix].next_host_key = None;
        }
    });
}

/// The system freezes an app that has just taken something in; then it goes on at once, later, or never.
pub(super) fn suspend(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("suspend");
    let (asleep, wants_link) = (sim.draw(3) == 0, sim.world.devices[ix].wants_link);
    if asleep {
        sim.world.disconnect(ix);
    }
    if freeze(sim, ix, pair, talk).is_none() {
        return;
    }
    check::frozen(sim, ix);
    if asleep {
        let pause = sim.dice.below(10 * MINUTE);
        sim.pass(pause);
    } else if sim.draw(3) == 0 {
        sim.crash(ix);
        return sim.restart(ix);
    }
    let resumed = sim.world.call(ix, |engine, now| {
        engine.resume()?;
        engine.handle_timeout(now)
    });
    done(sim, ix, "resume", resumed, |_| false);
    if asleep && wants_link {
        sim.world.connect(ix);
    }
}

/// Suspends an engine that was told something of which the host has fetched nothing.
fn freeze(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) -> Option<()> {
    let text = format!("{NEEDLE} draft {}", sim.tally.total_actions());
    let draft = Some(text.clone());
    let frozen = sim.world.call(ix, |engine, now| {
        engine.conversations().set_draft(talk, draft, now)?;
        engine.suspend()
    });
    let unknown = Error::Misuse(Misuse::UnknownConversation);
    match done(sim, ix, "be suspended", frozen, |error| *error == unknown) {
        Done::Sure(()) => {
            sim.model.drafts.insert((ix, pair), Some(text));
            Some(())
        }
        Done::Maybe(_) => {
            sim.model.doubts.entry(ix).or_default().push(Doubt::Draft(pair));
            None
        }
        Done::Refused => None,
    }
}
