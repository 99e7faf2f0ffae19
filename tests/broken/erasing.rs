//! Words that stay where nobody looks for them.

use undertone::envelope::MessageRef;
use undertone::id::ConversationId;
use undertone::sabotage::Sabotage;
use undertone::store::Table;
use undertone::time::{MINUTE, SECOND};
use undertone_tests::sim::device::readable;
use undertone_tests::sim::{DeviceIx, World};

/// Where words of a message can be read with all keys that are left, after it was deleted for everyone.
fn words_of_the_deleted(fault: Option<Sabotage>) -> Vec<Table> {
    let mut world = World::new(430);
    world.sabotage = fault;
    let (ann, bea, talk) = world.acquaint();
    world.devices[bea].disk.remember();
    chat(&mut world, bea, talk);
    world.send(ann, talk, "the quokkas are hidden in the shed");
    world.settle();
    let messages = world.messages(ann, talk);
    chat(&mut world, bea, talk);
    let target = messages.last().map(|m| MessageRef { author: m.author.clone(), id: m.key.id }).unwrap();
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
    world.run(11 * MINUTE);
    assert!(!world.texts(bea, talk).iter().any(|text| text.contains("quokkas")));
    readable(&world.devices[bea].disk, "quokkas")
}

/// Enough for the index to make segments of.
fn chat(world: &mut World, from: DeviceIx, talk: ConversationId) {
    for number in 0..40 {
        world.send(from, talk, &format!("this one stays, number {number}"));
        world.run(SECOND);
    }
}

#[test]
fn words_left_in_the_index() {
    assert_eq!(words_of_the_deleted(None), []);
    assert_eq!(words_of_the_deleted(Some(Sabotage::WordsLeftInIndex)), [Table::SearchSegment]);
}
