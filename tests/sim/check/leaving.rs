//! Whoever has logged out has left nothing behind.

use undertone::error::{Error, Misuse};

use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// An engine that was wiped answers nothing any more.
pub fn closed(sim: &mut Sim, ix: DeviceIx) {
    let now = sim.world.devices[ix].clock(sim.world.now);
    let engine = sim.world.devices[ix].engine();
    let answers = [
        engine.conversations().page(None, 1, now).err(),
        engine.identity().identity_key().err(),
        engine.poll_output().err(),
    ];
    if answers.iter().any(|answer| *answer != Some(Error::Misuse(Misuse::Closed))) {
        sim.violation(format!("device {ix} answers after a log-out: {answers:?}"));
    }
}

/// Nothing is in the store of a device that was wiped, sealed or not, and no key.
pub fn nothing_kept(sim: &mut Sim, ix: DeviceIx) {
    let disk = &sim.world.devices[ix].disk;
    let (rows, keys) = (disk.rows().len(), disk.keyring().is_some());
    if rows > 0 || keys {
        sim.violation(format!("device {ix} keeps {rows} rows after a log-out, keys {keys}"));
    }
}
