//! Faults: of the network, of clocks, of stores, and by whoever is on the line.

use undertone::envelope::Envelope;
use undertone::error::StoreError;
use undertone::store::{Effect, FaultPlan};
use undertone::time::{DAY, HOUR, MINUTE};

use crate::sim::model::Standing;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// Somebody on the line changes an envelope, and gives it to somebody.
pub(super) fn forge(sim: &mut Sim) {
    let Some((ix, mut envelope)) = overheard(sim) else { return };
    sim.tally.action("forge");
    match sim.draw(4) {
        0 => envelope.body.truncate(envelope.body.len() / 2),
        1 => envelope.sender = sim.world.devices[(ix + 1) % sim.world.devices.len()].id,
        2 => envelope.recipients = vec![sim.world.devices[ix].id],
        _ => {
            let at = sim.draw(envelope.body.len().max(1));
            if let Some(byte) = envelope.body.get_mut(at) {
                *byte ^= 1;
            }
        }
    }
    if let Ok(bytes) = envelope.encode() {
        sim.smuggle(ix, bytes);
    }
}

/// An envelope arrives once more, long after.
pub(super) fn replay(sim: &mut Sim) {
    let Some((ix, envelope)) = overheard(sim) else { return };
    sim.tally.action("replay");
    if let Ok(bytes) = envelope.encode() {
        sim.smuggle(ix, bytes);
    }
}

fn overheard(sim: &mut Sim) -> Option<(DeviceIx, Envelope)> {
    let running = sim.running();
    let ix = sim.pick(&running)?;
    if sim.world.wire.is_empty() {
        return None;
    }
    let at = sim.draw(sim.world.wire.len());
    // Only what the relay has taken: somebody on the line cannot be faster than the relay and keep it from it.
    let envelope = Envelope::decode(&sim.world.wire[at].1).ok()?;
    sim.world.accepted.contains_key(&envelope.id).then_some((ix, envelope))
}

pub(super) fn wait(sim: &mut Sim) {
    sim.tally.action("wait");
    let pause = sim.dice.below(3 * MINUTE);
    sim.pass(pause);
}

/// Nobody does anything, for hours or for a day.
pub(super) fn sleep(sim: &mut Sim) {
    sim.tally.action("sleep");
    for (ix, device) in sim.world.devices.iter_mut().enumerate() {
        // Who is revoked gets no further by asking all night.
        device.wants_link &= sim.model.standing.get(&ix) != Some(&Standing::Revoked);
    }
    let longest = [2 * HOUR, 4 * HOUR, DAY][sim.draw(3)];
    let pause = sim.dice.below(longest);
    sim.pass(pause);
}

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
            sim.set_clock(ix, if back { -skew } else { skew });
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
