//! Identities: who has verified one is told when it changes, and says nothing to another one before accepting it.

use std::collections::{BTreeMap, BTreeSet};

use undertone::Trust;
use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::event::Event;
use undertone::id::DeviceId;

use crate::sim::model::{Model, UserIx};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// What is remembered of identities.
#[derive(Default)]
pub struct Identities {
    /// Verified ones of which a device has told that they changed.
    told: BTreeSet<(DeviceIx, UserIx)>,
    /// Those to whom nothing was to be said, at the last look.
    held: BTreeSet<(DeviceIx, UserIx)>,
}

/// Somebody has verified or accepted a user's identity: what was before counts no more.
pub fn decided_anew(sim: &mut Sim, ix: DeviceIx, other: UserIx) {
    sim.watch.identities.told.remove(&(ix, other));
    sim.watch.identities.held.remove(&(ix, other));
}

/// What a device tells of identities has happened.
pub(super) fn told(sim: &mut Sim, ix: DeviceIx, events: &[Event]) {
    for event in events {
        let Event::IdentityChanged(user) = event else { continue };
        let Some(other) = sim.model.person_named(user.as_str()) else { continue };
        sim.tally.seen("identities changed", 1);
        if sim.model.people[other].identity == 0 {
            sim.violation(format!("device {ix} tells of an identity of {other} that has not changed"));
        }
        if sim.model.has_changed(ix, other) {
            sim.watch.identities.told.insert((ix, other));
        }
    }
}

/// Nothing is said to whose identity has changed since it was verified. Looked at before the rest of the wire is.
pub(super) fn silent(sim: &mut Sim) {
    let owners: BTreeMap<DeviceId, UserIx> =
        sim.model.owner.iter().map(|(ix, user)| (sim.world.devices[*ix].id, *user)).collect();
    let held_now = held(sim);
    let before = std::mem::replace(&mut sim.watch.identities.held, held_now.clone());
    // Between two looks at which it was held back nothing may have gone out.
    let still: BTreeSet<(DeviceIx, UserIx)> = before.intersection(&held_now).copied().collect();
    sim.tally.seen("held back", still.len() as u64);
    for at in sim.watch.wire..sim.world.wire.len() {
        let (ix, bytes) = &sim.world.wire[at];
        let (ix, Ok(envelope)) = (*ix, Envelope::decode(bytes)) else { continue };
        // What went out before goes out again as it was.
        let again = sim.watch.sequences.contains_key(&(envelope.sender, envelope.sequence));
        // What repairs a session says nothing of what people said, and without it nobody would come back.
        let says = matches!(envelope.kind, EnvelopeKind::Message | EnvelopeKind::Receipt | EnvelopeKind::Ephemeral);
        let to = envelope.recipients.iter().filter_map(|recipient| owners.get(recipient));
        let wrong: Vec<UserIx> = to.copied().filter(|other| still.contains(&(ix, *other))).collect();
        if let Some(other) = wrong.first().filter(|_| says && !again) {
            sim.violation(format!("device {ix} says {:?} to {other}, whose identity has changed", envelope.kind));
        }
    }
}

/// Where a verified identity has changed, for sure, as far as devices know.
fn held(sim: &mut Sim) -> BTreeSet<(DeviceIx, UserIx)> {
    let running = sim.running();
    let verified: Vec<(DeviceIx, UserIx)> = sim.model.verified.keys().copied().collect();
    let mut held = BTreeSet::new();
    for (ix, other) in verified {
        if running.contains(&ix) && trust(sim, ix, other) == Some(Trust::Changed) {
            held.insert((ix, other));
        }
    }
    held
}

/// A device trusts as was decided on it.
pub(super) fn right(sim: &mut Sim, ix: DeviceIx) {
    for other in 0..sim.model.people.len() {
        let verified = sim.model.verified.get(&(ix, other)).copied();
        if other == sim.user(ix) || verified.is_some_and(|verified| !verified.sure) {
            continue;
        }
        let Some(trust) = trust(sim, ix, other) else { return };
        let told = sim.watch.identities.told.contains(&(ix, other));
        let changed = sim.model.may_hold_back(ix, other);
        let fits = match trust {
            Trust::Unknown | Trust::Unverified => verified.is_none(),
            Trust::Verified => verified.is_some() && !told,
            Trust::Changed => verified.is_some() && changed,
        };
        if !fits {
            let what = verified.map(|verified| (verified.identity, sim.model.people[other].identity));
            sim.violation(format!("device {ix} trusts {other}: {trust:?}, verified {what:?}, told {told}"));
        }
    }
}

/// In the end whoever had verified somebody who changed has noticed.
pub fn noticed(sim: &mut Sim) {
    for (ix, other) in sim.model.verified.keys().copied().collect::<Vec<_>>() {
        let pair = Model::pair(sim.user(ix), other);
        let owed = sim.model.is_live(ix) && sim.model.started.contains(&pair);
        if owed && sim.model.has_changed(ix, other) && trust(sim, ix, other) == Some(Trust::Verified) {
            sim.violation(format!("device {ix} has not noticed that the identity of {other} has changed"));
        }
    }
}

fn trust(sim: &mut Sim, ix: DeviceIx, other: UserIx) -> Option<Trust> {
    let name = sim.world.user_named(&sim.model.people[other].name.clone());
    sim.ask(ix, |engine, _| engine.identity().trust(&name))
}
