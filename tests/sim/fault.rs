//! What goes wrong with devices, clocks, the network and the relay.

use undertone::error::StoreError;
use undertone::store::{Effect, FaultPlan};
use undertone::time::{DAY, MINUTE};

use super::run::Sim;

/// All faults, by name.
pub const FAULTS: [&str; 10] = [
    "lost",
    "doubled",
    "overtaken",
    "cut off",
    "relay crash",
    "crash",
    "crash at operation",
    "partition",
    "clock jump",
    "slow network",
];

/// A process ends.
pub(super) fn crash(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.fault("crash", 1);
    sim.crash(ix);
    sim.restart(ix);
}

/// One of the next operations of a device's store fails.
pub(super) fn fail_store(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.fault("crash at operation", 1);
    let at = sim.world.devices[ix].disk.operations() + sim.dice.below(300);
    let effect = if sim.draw(2) == 0 { Effect::None } else { Effect::Done };
    let plan = FaultPlan { at, error: StoreError::Io("injected".into()), effect };
    sim.world.devices[ix].disk.plan(Some(plan));
}

/// Something else goes wrong.
pub(super) fn fault(sim: &mut Sim) {
    let running = sim.running();
    match sim.draw(4) {
        0 => {
            let cut: Vec<_> = running.iter().copied().filter(|ix| sim.world.devices[*ix].cut).collect();
            if let (Some(ix), true) = (sim.pick(&cut), sim.draw(3) > 0) {
                sim.world.devices[ix].cut = false;
            } else if let Some(ix) = sim.pick(&running) {
                sim.tally.fault("partition", 1);
                sim.world.cut(ix);
            }
        }
        1 => {
            let Some(ix) = sim.pick(&running) else { return };
            sim.tally.fault("clock jump", 1);
            let skews = [0, 0, MINUTE, 40 * MINUTE, 3 * DAY].map(|span| span as i64);
            let skew = skews[sim.draw(skews.len())];
            // Further back than an hour, the certificate would not be valid yet.
            let back = sim.draw(2) == 0 && skew < DAY as i64;
            sim.world.set_clock(ix, if back { -skew } else { skew });
        }
        2 => {
            let after = 1 + sim.dice.below(20);
            sim.world.relay_dies_after = Some(after);
        }
        _ => {
            sim.tally.fault("slow network", 1);
            sim.world.net.weather.jitter = [50, 400, 3_000, 12_000][sim.draw(4)];
            sim.world.net.weather.lost = [0, 30, 150][sim.draw(3)];
            sim.world.net.weather.doubled = [0, 30, 150][sim.draw(3)];
        }
    }
}
