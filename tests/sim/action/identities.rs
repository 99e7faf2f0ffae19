//! People compare safety numbers, and come back with another identity.

use undertone::error::{Error, Misuse};

use super::people::{DEVICES, bury, revoke_certificate};
use super::{Done, done, place};
use crate::sim::check;
use crate::sim::model::{Model, Standing, UserIx, Verified};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// Somebody scans the safety number from a device of somebody else.
pub(super) fn verify(sim: &mut Sim) {
    let Some((ix, pair, _)) = place(sim) else { return };
    let (user, running) = (sim.user(ix), sim.running());
    let other = Model::other(pair, user);
    let theirs: Vec<DeviceIx> =
        sim.model.live_of(other).into_iter().filter(|theirs| running.contains(theirs)).collect();
    let Some(theirs) = sim.pick(&theirs) else { return };
    let (me, name) = (sim.world.user(ix), sim.world.user(theirs));
    let Some(Some(number)) = sim.ask(theirs, |engine, _| engine.identity().safety_number(&me)) else { return };
    sim.tally.action("verify");
    let scanned = number.qr_payload().to_vec();
    let verified = sim.world.call(ix, |engine, now| engine.identity().verify_scanned(&name, &scanned, now));
    let unknown = |error: &Error| *error == Error::Misuse(Misuse::UnknownUser);
    let identity = sim.model.people[other].identity;
    // Either may know an identity of the other that is no longer theirs.
    let both_first = identity == 0 && sim.model.people[user].identity == 0;
    match done(sim, ix, "verify", verified, unknown) {
        Done::Sure(true) => decided(sim, ix, other, Some(Verified { identity, sure: true })),
        Done::Sure(false) if both_first => {
            sim.violation(format!("device {ix} raises an alarm at {other}'s true number"))
        }
        Done::Sure(false) | Done::Refused => {}
        Done::Maybe(_) => decided(sim, ix, other, Some(Verified { identity, sure: false })),
    }
}

/// Somebody accepts the identity that a user has now, whom they had verified.
pub(super) fn accept(sim: &mut Sim) {
    let running = sim.running();
    let changed = sim.model.verified.keys().filter(|(ix, other)| sim.model.may_hold_back(*ix, *other));
    let places: Vec<(DeviceIx, UserIx)> = changed.copied().filter(|(ix, _)| running.contains(ix)).collect();
    let Some((ix, other)) = sim.pick(&places) else { return };
    sim.tally.action("accept identity");
    accept_at(sim, ix, other);
}

fn accept_at(sim: &mut Sim, ix: DeviceIx, other: UserIx) {
    let name = sim.world.user_named(&sim.model.people[other].name.clone());
    // Where an engine died over the first that it heard of a user, it may know nobody of that name.
    let unsure = sim.model.verified.get(&(ix, other)).is_some_and(|verified| !verified.sure);
    let unknown = |error: &Error| unsure && *error == Error::Misuse(Misuse::UnknownUser);
    let accepted = sim.world.call(ix, |engine, now| engine.identity().accept_identity(&name, now));
    let identity = sim.model.people[other].identity;
    match done(sim, ix, "accept an identity", accepted, unknown) {
        Done::Sure(()) | Done::Refused => decided(sim, ix, other, None),
        Done::Maybe(_) => decided(sim, ix, other, Some(Verified { identity, sure: false })),
    }
}

fn decided(sim: &mut Sim, ix: DeviceIx, other: UserIx, verified: Option<Verified>) {
    check::decided_anew(sim, ix, other);
    match verified {
        Some(verified) => drop(sim.model.verified.insert((ix, other), verified)),
        None => drop(sim.model.verified.remove(&(ix, other))),
    }
}

/// Everybody accepts whoever has changed.
pub fn accept_all(sim: &mut Sim) {
    let places: Vec<(DeviceIx, UserIx)> = sim.model.verified.keys().copied().collect();
    for (ix, other) in places {
        if sim.model.is_live(ix) && sim.model.may_hold_back(ix, other) {
            accept_at(sim, ix, other);
        }
    }
}

/// The only device of a user is lost, with the identity key, and the user comes back on another one. One user in a run:
/// with those who lost something, little else can be compared.
pub(super) fn reinstall(sim: &mut Sim) {
    let running = sim.running();
    let alone = |ix: &DeviceIx| {
        let user = sim.model.owner[ix];
        let others = sim.model.people.iter().enumerate().any(|(other, person)| other != user && person.identity > 0);
        !others && sim.model.live_of(user).len() == 1 && sim.model.people[user].devices.len() < DEVICES
    };
    let alone: Vec<DeviceIx> = running.into_iter().filter(alone).collect();
    let Some(ix) = sim.pick(&alone) else { return };
    sim.tally.action("reinstall");
    bury(sim, ix, Standing::Gone);
    sim.world.devices[ix].wants_link = false;
    sim.world.crash(ix, 0);
    revoke_certificate(sim, ix);
    let user = sim.user(ix);
    let (name, role) = (sim.model.people[user].name.clone(), sim.model.people[user].role);
    let fresh = sim.world.device(&name, role);
    sim.model.people[user].identity += 1;
    sim.model.add_device(user, fresh, Standing::Late);
}
