//! The faults end, and everything gets the time to heal. Then everybody says something to everybody.

use undertone::envelope::Clock;
use undertone::id::ConversationId;
use undertone::time::{MINUTE, SECOND};

use super::action::{accept_all, carry_some, converse, hang_up_all, read_all, read_up_to, say_with};
use super::check;
use super::model::{Model, Pair, Terms};
use super::net::Weather;
use super::run::{FALLBACK_AFTER, HEALING, Sim};
use super::world::DeviceIx;

/// Ends all faults and lets everything settle.
pub fn heal(sim: &mut Sim) {
    calm(sim);
    sim.pass(2 * MINUTE);
    hang_up_all(sim);
    for ix in sim.model.live_devices() {
        carry_some(sim, ix, usize::MAX);
    }
    sim.pass(HEALING);
    check::noticed(sim);
    accept_all(sim);
    sim.pass(20 * MINUTE);
    call_all(sim);
    leave_unread(sim);
    sim.healed = true;
    probe(sim, &[FOR_EVER]);
    sim.pass(20 * MINUTE);
    // From here on, each message that goes unseen is counted for sure.
    let mut unseen = check::unseen_now(sim);
    probe(sim, &BRIEF);
    sim.pass(2 * MINUTE);
    // Some of it will be gone when everything is looked at.
    check::look(sim);
    let read = read_some(sim);
    for (ix, pair) in &read {
        // Whoever reads on one device may have seen there what went unseen on the others.
        for other in sim.model.live_of(sim.user(*ix)) {
            unseen.remove(&(other, *pair));
        }
    }
    unseen.extend(read.into_iter().map(|place| (place, (0, sim.world.now))));
    sim.pass(20 * MINUTE);
    check::unseen(sim, &unseen);
}

const FOR_EVER: Terms = Terms { period: -1, clock: Clock::FromSend };

/// What is said last: some of it is read in time.
const BRIEF: [Terms; 3] = [
    Terms { period: 10, clock: Clock::FromSend },
    Terms { period: 5, clock: Clock::FromRead },
    Terms { period: 0, clock: Clock::FromSend },
];

fn calm(sim: &mut Sim) {
    sim.world.net.weather = Weather::FINE;
    sim.world.relay_dies_after = None;
    for ix in 0..sim.world.devices.len() {
        sim.world.devices[ix].disk.plan(None);
        sim.world.devices[ix].cut = false;
        sim.set_clock(ix, 0);
    }
    sim.revive();
    for ix in 0..sim.world.devices.len() {
        // Who is revoked gets no further by asking again.
        sim.world.devices[ix].wants_link &= sim.model.is_live(ix);
    }
    for ix in sim.model.live_devices() {
        if sim.world.devices[ix].engine.is_none() {
            sim.restart(ix);
        }
        if sim.world.devices[ix].profile.older.is_some() {
            sim.set_version(ix, None);
        }
        sim.world.disconnect(ix);
        sim.world.connect(ix);
    }
}

/// Every live device with the conversations that its user has started or was drawn into.
fn places(sim: &Sim) -> Vec<(DeviceIx, Pair, ConversationId)> {
    let mut places = Vec::new();
    for ix in sim.model.live_devices() {
        let user = sim.user(ix);
        for (pair, talk) in &sim.model.conversations {
            if (pair.0 == user || pair.1 == user) && sim.model.started.contains(pair) {
                places.push((ix, *pair, *talk));
            }
        }
    }
    places
}

/// Everybody says something to everybody, one thing after the other, with each of these terms in turn.
fn probe(sim: &mut Sim, terms: &[Terms]) {
    for (at, (ix, pair, talk)) in places(sim).into_iter().enumerate() {
        let before = sim.model.lines.len();
        say_with(sim, ix, pair, talk, Some(terms[at % terms.len()]));
        let user = sim.user(ix);
        let blocked = sim.model.has_blocked(user, Model::other(pair, user));
        // What only a device knew that is lost, that one may have started.
        if sim.model.lines.len() == before && !blocked && !check::someone_lost(sim, pair) {
            sim.violation(format!("device {ix} does not know a conversation of its user, though all has healed"));
        }
        sim.pass(50);
    }
}

/// Everybody calls everybody, one call after the other.
fn call_all(sim: &mut Sim) {
    for (ix, pair, talk) in places(sim) {
        if !sim.model.ever_blocked(pair) && !check::someone_lost(sim, pair) {
            converse(sim, ix, pair, talk);
        }
    }
}

/// Whoever asks for another channel says something to everybody, and what is not read there asks for one: once, whatever is
/// said afterwards.
fn leave_unread(sim: &mut Sim) {
    check::asked(sim);
    let (before, mut wanted) = (check::asked_total(sim), Vec::new());
    let mut places = places(sim);
    places.retain(|(ix, pair, _)| {
        let asks = sim.world.devices[*ix].profile.fallback_after.is_some();
        asks && !sim.model.ever_blocked(*pair) && !check::someone_lost(sim, *pair)
    });
    for (ix, pair, talk) in &places {
        wanted.push(leave(sim, (*ix, *pair, *talk)));
    }
    sim.pass(FALLBACK_AFTER + MINUTE);
    check::asked(sim);
    for ((ix, pair, talk), _) in places.iter().zip(&wanted).filter(|(_, wanted)| **wanted == Some(1)) {
        say_with(sim, *ix, *pair, *talk, Some(FOR_EVER));
    }
    sim.pass(FALLBACK_AFTER + MINUTE);
    check::asked(sim);
    for ((ix, pair, _), wanted) in places.into_iter().zip(wanted) {
        let asked = check::asked_since(sim, before, ix, pair);
        if wanted.is_some_and(|wanted| asked.len() != wanted || asked.iter().any(|(_, count)| *count != 1)) {
            sim.violation(format!("device {ix} asks {asked:?} for another channel between {pair:?}, not {wanted:?}"));
        }
    }
}

/// The other one says something, and hears something, which may be read at once. Says how often another channel is to be
/// asked for, if that is sure.
fn leave(sim: &mut Sim, (ix, pair, talk): (DeviceIx, Pair, ConversationId)) -> Option<usize> {
    let other = Model::other(pair, sim.user(ix));
    let theirs = *sim.model.live_of(other).first()?;
    say_with(sim, theirs, pair, talk, Some(FOR_EVER));
    sim.pass(SECOND);
    say_with(sim, ix, pair, talk, Some(FOR_EVER));
    sim.pass(SECOND);
    if sim.draw(2) == 0 {
        return Some(1);
    }
    read_all(sim, theirs, talk);
    sim.pass(SECOND);
    match sim.model.discretions.get(&other) {
        None => Some(0),
        Some(decided) if decided.sure => Some(usize::from(!decided.settings.read_receipts)),
        Some(_) => None,
    }
}

/// Some read; says where.
fn read_some(sim: &mut Sim) -> Vec<(DeviceIx, Pair)> {
    let mut read = Vec::new();
    for (ix, pair, talk) in places(sim) {
        if sim.draw(2) == 0 {
            read_up_to(sim, ix, pair, talk);
            read.push((ix, pair));
        }
        sim.pass(50);
    }
    read
}
