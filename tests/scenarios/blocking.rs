//! Whom a user has blocked: nothing of theirs shows, on no device, and they cannot tell.

use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;
use undertone::message::{MessageContent, SendState};
use undertone::search::SearchQuery;
use undertone::structured::{PaymentRequest, PaymentState, Structured};
use undertone::subscription::Topic;
use undertone_tests::sim::{DeviceIx, World};

use crate::keeping::three_devices;

fn block(world: &mut World, ix: DeviceIx, who: DeviceIx, blocked: bool) {
    let user = world.user(who);
    world.call(ix, |engine, now| engine.privacy().block(&user, blocked, now)).unwrap();
}

fn listed(world: &mut World, ix: DeviceIx) -> Vec<ConversationId> {
    let page = world.call(ix, |engine, now| engine.conversations().page(None, 50, now)).unwrap();
    page.conversations.iter().map(|conversation| conversation.id).collect()
}

// R26
#[test]
fn a_conversation_that_a_blocked_user_begins_is_in_no_list_until_that_is_taken_back() {
    let mut world = World::new(901);
    let (bea, eve) = (world.device("bea", "escort"), world.device("eve", "client"));
    block(&mut world, bea, eve, true);
    let list = world.call(bea, |engine, _| engine.subscriptions().open(Topic::Conversations)).unwrap();
    let talk = world.start(eve, bea);
    world.send(eve, talk, "let me in");
    world.settle();
    let said = world.messages(eve, talk).into_iter().find(|message| message.own).unwrap();
    assert_eq!(said.state, SendState::Delivered, "they cannot tell");
    assert!(listed(&mut world, bea).is_empty());
    let found = world
        .call(bea, |engine, now| engine.conversations().search(&SearchQuery::parse("eve").unwrap(), None, 50, now))
        .unwrap();
    assert!(found.conversations.is_empty());
    assert!(world.call(bea, |engine, now| engine.subscriptions().take(list, now)).unwrap().is_empty());
    block(&mut world, bea, eve, false);
    assert_eq!(listed(&mut world, bea), [talk]);
    assert!(!world.call(bea, |engine, now| engine.subscriptions().take(list, now)).unwrap().is_empty());
    assert!(world.texts(bea, talk).is_empty(), "what was said meanwhile was dropped");
    world.send(eve, talk, "and now?");
    world.settle();
    assert_eq!(world.texts(bea, talk), ["and now?"]);
    world.check();
}

// R26
#[test]
fn who_blocks_and_writes_to_somebody_after_all_finds_the_conversation_in_the_list() {
    let mut world = World::new(902);
    let (bea, eve) = (world.device("bea", "escort"), world.device("eve", "client"));
    block(&mut world, bea, eve, true);
    let talk = world.start(eve, bea);
    world.settle();
    assert!(listed(&mut world, bea).is_empty());
    assert_eq!(world.start(bea, eve), talk);
    assert_eq!(listed(&mut world, bea), [talk]);
    world.check();
}

// R26
#[test]
fn who_was_never_talked_to_is_blocked_on_all_devices() {
    let (mut world, _, bea, tablet, _) = three_devices(903);
    let eve = world.device("eve", "client");
    block(&mut world, bea, eve, true);
    world.settle();
    let user = world.user(eve);
    assert!(world.call(tablet, |engine, _| engine.privacy().is_blocked(&user)).unwrap());
    let talk = world.start(eve, bea);
    world.send(eve, talk, "hello");
    world.settle();
    for ix in [bea, tablet] {
        assert!(!listed(&mut world, ix).contains(&talk));
    }
    block(&mut world, tablet, eve, false);
    world.settle();
    for ix in [bea, tablet] {
        assert!(listed(&mut world, ix).contains(&talk));
    }
    world.check();
}

// R26
#[test]
fn edits_and_payments_of_a_blocked_user_change_nothing() {
    let (mut world, ann, bea, tablet, talk) = three_devices(904);
    let said = world.send(ann, talk, "as it was");
    let card = Structured::Payment(PaymentRequest::new(2_400, "EUR"));
    let asked =
        world.call(bea, |engine, now| engine.messages().send_structured(talk, card, Draft::text(""), now)).unwrap();
    world.settle();
    block(&mut world, bea, ann, true);
    world.settle();
    let request = MessageRef { author: world.user(bea), id: asked };
    world.call(ann, |engine, now| engine.messages().edit(talk, said, "as it is now", now)).unwrap();
    world.call(ann, |engine, now| engine.messages().set_payment(talk, &request, PaymentState::Paid, now)).unwrap();
    world.settle();
    for ix in [bea, tablet] {
        let messages = world.messages(ix, talk);
        let of = |id| messages.iter().find(|message| message.key.id == id).unwrap();
        assert!(of(said).content == MessageContent::Text("as it was".into()));
        assert_eq!(of(asked).payment, Some(PaymentState::Requested));
    }
    world.check();
}

// R26
#[test]
fn what_waits_when_somebody_is_blocked_still_goes_and_nothing_new_does() {
    let (mut world, ann, bea, _, talk) = three_devices(905);
    world.disconnect(bea);
    world.send(bea, talk, "said before");
    block(&mut world, bea, ann, true);
    let refused = world.call(bea, |engine, now| engine.messages().send(talk, Draft::text("and after"), now));
    assert_eq!(refused, Err(Error::Misuse(Misuse::Blocked)));
    world.connect(bea);
    world.settle();
    assert!(world.texts(ann, talk).contains(&"said before".to_owned()));
    world.check();
}
