//! A reinstall whose session has the larger id.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::id::SessionId;
use undertone::sabotage::Sabotage;
use undertone::time::{MINUTE, SECOND};
use undertone_tests::sim::{DeviceIx, World};

/// The session that a device's newest message went out under.
fn session(world: &World, from: DeviceIx) -> SessionId {
    let sent = world.wire.iter().rev().filter(|(ix, _)| *ix == from).map(|(_, bytes)| Envelope::decode(bytes).unwrap());
    sent.into_iter().find(|e| e.kind == EnvelopeKind::Message).unwrap().tag
}

/// Ann reinstalls and starts anew while bea is away. Returns whether the new session has the larger id, and whether
/// what bea says once she is back goes out under it and is shown by ann's new installation.
fn a_reinstall(seed: u64, fault: Option<Sabotage>) -> (bool, bool) {
    let mut world = World::new(seed);
    world.sabotage = fault;
    let (old, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(old, bea);
    world.send(old, talk, "before");
    world.settle();
    let first = session(&world, old);
    world.disconnect(bea);
    world.disconnect(old);
    let fresh = world.unconnected("ann", "client", None);
    world.connect(fresh);
    world.run(SECOND);
    world.start(fresh, bea);
    world.send(fresh, talk, "on a new phone");
    world.run(10 * SECOND);
    let second = session(&world, fresh);
    assert_ne!(first, second);
    world.connect(bea);
    world.run(MINUTE);
    world.send(bea, talk, "welcome back");
    world.settle();
    world.check();
    let heard = world.texts(fresh, talk).contains(&"welcome back".to_owned());
    (second > first, heard && session(&world, bea) == second)
}

#[test]
fn a_reinstall_with_the_larger_session_id() {
    let mut larger = 0;
    for seed in 420..432 {
        let (is_larger, heard) = a_reinstall(seed, None);
        assert!(heard, "seed {seed}: whichever id is larger");
        let broken = a_reinstall(seed, Some(Sabotage::SmallestSessionOnly));
        assert_eq!(broken, (is_larger, !is_larger), "seed {seed}: only the smaller id counts");
        larger += u32::from(is_larger);
    }
    assert!(larger > 0, "a seed must have the case that this is about");
}
