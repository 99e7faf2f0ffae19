//! A host that has destroyed the old key of its store.

use undertone::sabotage::Sabotage;
use undertone::store::HostKey;
use undertone_tests::sim::World;

/// Whether a store opens with the key that was put in the place of its first one.
fn opens_with_the_new_key(fault: Option<Sabotage>) -> bool {
    let mut world = World::new(440);
    world.sabotage = fault;
    let ann = world.device("ann", "client");
    let (old, new) = (world.devices[ann].host_key, [7; 32]);
    let keys = (HostKey::from_bytes(old), HostKey::from_bytes(new));
    world.call(ann, |engine, _| engine.replace_host_key(&keys.0, &keys.1)).unwrap();
    world.devices[ann].host_key = new;
    world.crash(ann, 0);
    world.open(ann).is_ok()
}

#[test]
fn a_host_key_that_was_not_replaced() {
    assert!(opens_with_the_new_key(None));
    assert!(!opens_with_the_new_key(Some(Sabotage::HostKeyKept)));
}
