//! People log out, and perhaps in again where they did.

use undertone::engine::Unsent;
use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;
use undertone::message::SendState;
use undertone::store::MemoryDisk;

use super::people::{DEVICES, bury, revoke_certificate, spare};
use crate::sim::check;
use crate::sim::model::Standing;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A user who has another device logs out of one.
pub(super) fn log_out(sim: &mut Sim) {
    let Some(ix) = spare(sim) else { return };
    sim.tally.action("log out");
    let unsent = if sim.draw(2) == 0 { Unsent::Lose } else { Unsent::Refuse };
    // Where it may still be refused, the platform is told when it was not.
    if unsent == Unsent::Lose {
        revoke_certificate(sim, ix);
    }
    if !wiped(sim, ix, unsent) {
        return;
    }
    if unsent == Unsent::Refuse {
        revoke_certificate(sim, ix);
    }
    check::closed(sim, ix);
    bury(sim, ix, Standing::Gone);
    sim.world.devices[ix].wants_link = false;
    // What was not durable of it would be undone now.
    sim.world.crash(ix, 0);
    check::nothing_kept(sim, ix);
    log_in_again(sim, ix);
}

/// Has an engine wiped; says whether it was.
fn wiped(sim: &mut Sim, ix: DeviceIx, unsent: Unsent) -> bool {
    let waits = unsent == Unsent::Refuse && something_waits(sim, ix);
    let mut result = sim.world.devices[ix].engine().wipe(unsent);
    // A store that fails once is wiped at the second attempt, whatever waits there: nobody can tell any more.
    let failed = matches!(result, Err(Error::Store(_)));
    if failed {
        result = sim.world.devices[ix].engine().wipe(Unsent::Lose);
    }
    match result {
        Ok(()) if waits && !failed => {
            sim.violation(format!("device {ix} logs out, though something waits"));
            true
        }
        Ok(()) => true,
        Err(Error::Misuse(Misuse::Unsent)) if unsent == Unsent::Refuse => {
            sim.tally.seen("log-outs refused", 1);
            false
        }
        Err(error) => {
            sim.violation(format!("device {ix} cannot log out: {error:?}"));
            false
        }
    }
}

/// Whether a device shows a message of its user that has not left it.
fn something_waits(sim: &mut Sim, ix: DeviceIx) -> bool {
    let user = sim.user(ix);
    let conversations = sim.model.conversations.iter().filter(|(pair, _)| pair.0 == user || pair.1 == user);
    let talks: Vec<ConversationId> = conversations.map(|(_, talk)| *talk).collect();
    let waits = |state| matches!(state, SendState::Queued | SendState::Sending);
    talks.into_iter().any(|talk| {
        let messages = check::shown(sim, ix, talk).unwrap_or_default();
        messages.iter().any(|message| message.own && waits(message.state))
    })
}

/// Mostly the same user logs in once more, as a new device in the store that was wiped.
fn log_in_again(sim: &mut Sim, ix: DeviceIx) {
    let (user, running) = (sim.user(ix), sim.running());
    let first = sim.model.live_of(user).into_iter().find(|other| running.contains(other));
    let full = sim.model.people[user].devices.len() >= DEVICES;
    let Some(first) = first.filter(|_| !full && sim.draw(4) > 0) else { return };
    sim.tally.seen("logged in again", 1);
    let disk = std::mem::replace(&mut sim.world.devices[ix].disk, MemoryDisk::new());
    let fresh = sim.world.another_on(first, disk);
    sim.model.add_device(user, fresh, Standing::Late);
}
