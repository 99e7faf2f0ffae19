//! Two people talk.

use undertone::conversation::ConversationState;
use undertone::message::SendState;
use undertone::policy::Role;
use undertone_tests::sim::World;

// R1 R4 R5 R11 R18 R23
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
    let shown = world.conversation(bea, talk);
    assert_eq!((shown.kind.as_deref(), shown.initiator), (Some("client_escort"), world.user(ann)));
    let member = &shown.others[0];
    assert_eq!((&member.user, member.role.as_ref().map(Role::as_str)), (&world.user(ann), Some("client")));
    let last = shown.last_message.unwrap();
    assert_eq!((last.key.at, last.own, shown.archived), (shown.last_activity, true, false));
}
