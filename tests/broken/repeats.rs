//! An envelope that comes once more when its keys are long gone.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::sabotage::Sabotage;
use undertone::time::DAY;
use undertone_tests::sim::World;

/// What bea is shown after the relay has repeated her first message two weeks and eight epochs later.
fn an_old_envelope_again(fault: Option<Sabotage>) -> usize {
    let mut world = World::new(420);
    world.sabotage = fault;
    world.update_after = DAY;
    world.period = -1;
    let (ann, bea, talk) = world.acquaint();
    let is_message = |bytes: &&Vec<u8>| Envelope::decode(bytes).unwrap().kind == EnvelopeKind::Message;
    let first = world.wire.iter().map(|(_, bytes)| bytes).find(is_message).unwrap().clone();
    for n in 0..8 {
        world.run(2 * DAY);
        world.send(ann, talk, &format!("day {n}"));
        world.settle();
    }
    // Nobody can be asked what it was.
    world.disconnect(ann);
    world.smuggle(bea, first).unwrap();
    world.settle();
    world.check();
    world.texts(bea, talk).iter().filter(|text| *text == "[Encrypted Message]").count()
}

#[test]
fn dedup_off() {
    assert_eq!(an_old_envelope_again(None), 0, "it was shown before");
    assert_eq!(an_old_envelope_again(Some(Sabotage::DedupOff)), 1, "a row for what was shown before");
}
