//! Two people talk.

use undertone::conversation::ConversationState;
use undertone::message::SendState;
use undertone_tests::sim::World;

// R4 R5 R11 R18 R23
#[test]
fn a_client_starts_and_an_escort_answers() {
    let mut world = World::new(1);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "good evening");
    assert_eq!(world.texts(ann, talk), ["good evening"], "it is on screen before the network answers");
    world.settle();
    world.check();
    assert_eq!(world.conversation(ann, talk).state, ConversationState::Live);
    assert_eq!(world.texts(bea, talk), ["good evening"]);
    assert_eq!(world.unread(bea, talk), 1);
    assert_eq!(world.messages(ann, talk)[0].state, SendState::Delivered);
    world.send(bea, talk, "hello");
    world.read_all(bea, talk);
    world.settle();
    world.check();
    assert_eq!(world.texts(ann, talk), ["good evening", "hello"]);
    assert_eq!(world.texts(bea, talk), ["good evening", "hello"]);
    assert_eq!(world.messages(ann, talk)[0].state, SendState::Read);
    assert_eq!((world.unread(ann, talk), world.unread(bea, talk)), (1, 0));
    assert_eq!(world.conversation(bea, talk).kind.as_deref(), Some("client_escort"));
}
