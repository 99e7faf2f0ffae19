//! Devices: on and off, new ones, and ones that are lost.

use undertone::time::DAY;

use crate::sim::model::{Fate, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

pub(super) fn offline(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.action("offline");
    sim.world.disconnect(ix);
}

pub(super) fn online(sim: &mut Sim) {
    let running = sim.running();
    let away: Vec<_> = running.into_iter().filter(|ix| !sim.world.devices[*ix].wants_link).collect();
    let Some(ix) = sim.pick(&away) else { return };
    sim.tally.action("online");
    sim.world.connect(ix);
}

pub(super) fn look_up(sim: &mut Sim) {
    let running = sim.running();
    let (Some(ix), user) = (sim.pick(&running), sim.draw(sim.model.people.len())) else { return };
    sim.tally.action("look up");
    let name = sim.world.user_named(&sim.model.people[user].name.clone());
    let _ = sim.world.call(ix, |engine, now| engine.identity().look_up(&name, now));
}

pub(super) fn renew(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.action("renew");
    let role = sim.model.people[sim.user(ix)].role;
    let _ = sim.world.renew(ix, role, 300 * DAY);
}

/// Devices of one user at most, lost ones included.
pub(super) const DEVICES: usize = 4;

pub(super) fn add_device(sim: &mut Sim) {
    let user = sim.draw(sim.model.people.len());
    let running = sim.running();
    let Some(first) = sim.model.live_of(user).into_iter().find(|ix| running.contains(ix)) else { return };
    if sim.model.people[user].devices.len() >= DEVICES {
        return;
    }
    sim.tally.action("add device");
    let ix = sim.world.another(first);
    sim.model.add_device(user, ix, Standing::Late);
}

/// A device of a user who has another one is stolen: the authority revokes it.
pub(super) fn revoke(sim: &mut Sim) {
    let Some(ix) = spare(sim) else { return };
    sim.tally.action("revoke device");
    bury(sim, ix, Standing::Revoked);
    revoke_certificate(sim, ix);
}

/// A device of a user who has another one falls into the water.
pub(super) fn lose(sim: &mut Sim) {
    let Some(ix) = spare(sim) else { return };
    sim.tally.action("lose device");
    bury(sim, ix, Standing::Gone);
    sim.world.devices[ix].wants_link = false;
    sim.world.crash(ix, 0);
    revoke_certificate(sim, ix);
}

/// The authority takes back what it has certified of a device, and tells everybody.
pub(super) fn revoke_certificate(sim: &mut Sim, ix: DeviceIx) {
    let certificate = sim.world.devices[ix].certificate.clone().expect("an enrolled device");
    let list = sim.world.platform.revoke(&certificate, sim.world.now);
    sim.world.revoke(&list);
}

/// A running device of a user who has another one.
pub(super) fn spare(sim: &mut Sim) -> Option<DeviceIx> {
    let running = sim.running();
    let spare = |ix: &DeviceIx| sim.model.live_of(sim.model.owner[ix]).len() > 1;
    let spares: Vec<_> = running.into_iter().filter(spare).collect();
    sim.pick(&spares)
}

/// What a device wrote and had not sent goes with it.
pub(super) fn bury(sim: &mut Sim, ix: DeviceIx, standing: Standing) {
    let user = sim.user(ix);
    sim.model.standing.insert(ix, standing);
    sim.model.people[user].lost = true;
    for line in sim.model.lines.iter_mut().filter(|line| line.device == ix && line.fate != Fate::Cancelled) {
        line.fate = Fate::Lost;
    }
}
