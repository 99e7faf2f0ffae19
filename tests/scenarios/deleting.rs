//! Deleting: gone everywhere, whatever the network does to the message, the deletion or their order.

use undertone::envelope::MessageRef;
use undertone::error::Error;
use undertone::message::SendState;
use undertone_tests::sim::World;

// R27
#[test]
fn a_message_deleted_for_everyone_is_gone_on_all_devices() {
    let mut world = World::new(1);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    let first = world.send(ann, talk, "you should not see this");
    world.send(ann, talk, "this stays");
    world.settle();
    assert_eq!(world.texts(tablet, talk), ["you should not see this", "this stays"]);
    let unread = world.unread(bea, talk);
    let reference = MessageRef { author: world.user(ann), id: first };
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &reference, now)).unwrap();
    assert!(!world.texts(ann, talk).contains(&"you should not see this".to_owned()), "at once where it was deleted");
    world.settle();
    for ix in [ann, bea, tablet] {
        assert!(!world.texts(ix, talk).contains(&"you should not see this".to_owned()));
        assert!(world.texts(ix, talk).contains(&"this stays".to_owned()));
    }
    assert_eq!(world.unread(bea, talk), unread - 1, "and counts as unread no more");
    world.check();
}

// R27
#[test]
fn what_never_left_is_only_taken_out_of_the_queue() {
    let mut world = World::new(2);
    let (ann, bea, talk) = world.acquaint();
    world.settle();
    world.disconnect(ann);
    let id = world.send(ann, talk, "never mind");
    let reference = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &reference, now)).unwrap();
    let before = world.wire.len();
    world.connect(ann);
    world.settle();
    assert!(!world.texts(bea, talk).contains(&"never mind".to_owned()));
    assert_eq!(world.wire.len(), before, "nothing was there to be told");
    world.check();
}

// R27
#[test]
fn who_has_no_right_to_it_deletes_anothers_message_only_here() {
    let mut world = World::new(3);
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(ann, talk, "mine");
    world.settle();
    let reference = MessageRef { author: world.user(ann), id };
    let denied = world.call(bea, |engine, now| engine.messages().delete_for_everyone(talk, &reference, now));
    assert!(matches!(denied, Err(Error::Denied(_))));
    world.call(bea, |engine, now| engine.messages().delete_here(talk, &reference, now)).unwrap();
    world.settle();
    assert!(!world.texts(bea, talk).contains(&"mine".to_owned()), "here it may go");
    assert!(world.texts(ann, talk).contains(&"mine".to_owned()), "and stays elsewhere");
    world.check();
}

// R19, R27
#[test]
fn a_deletion_made_offline_goes_out_after_its_message() {
    let mut world = World::new(4);
    let (ann, bea, talk) = world.acquaint();
    world.settle();
    world.disconnect(bea);
    let id = world.send(ann, talk, "on second thought");
    world.settle();
    let reference = MessageRef { author: world.user(ann), id };
    let now = world.now;
    assert_eq!(world.devices[ann].engine().messages().get(talk, &reference, now).unwrap().state, SendState::Sent);
    world.disconnect(ann);
    let reference = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &reference, now)).unwrap();
    world.crash(ann, usize::MAX);
    world.restart(ann);
    world.connect(ann);
    world.settle();
    world.connect(bea);
    world.settle();
    assert!(!world.texts(bea, talk).contains(&"on second thought".to_owned()));
    world.check();
}

// R6, R27
#[test]
fn support_deletes_anothers_message_for_everyone() {
    let mut world = World::new(5);
    let (ann, sue) = (world.device("ann", "client"), world.device("sue", "support"));
    world.settle();
    let talk = world.start(ann, sue);
    let id = world.send(ann, talk, "against the rules of the house");
    world.settle();
    let reference = MessageRef { author: world.user(ann), id };
    world.call(sue, |engine, now| engine.messages().delete_for_everyone(talk, &reference, now)).unwrap();
    world.settle();
    assert!(world.texts(ann, talk).is_empty() && world.texts(sue, talk).is_empty());
    world.check();
}
