//! What a host hears of without asking: subscriptions, and the hints for notifications.

use undertone::Time;
use undertone::call::CallStatus;
use undertone::engine::Draft;
use undertone::envelope::{Kind, MessageRef};
use undertone::error::{Error, Misuse};
use undertone::hint::{About, Hint, Sound};
use undertone::message::{Mention, MessageContent, SendState};
use undertone::policy::CallKind;
use undertone::subscription::{SubscriptionId, Topic, Update};
use undertone::time::{HOUR, MINUTE};
use undertone_tests::sim::{DeviceIx, World};

fn open(world: &mut World, ix: DeviceIx, topic: Topic) -> SubscriptionId {
    world.call(ix, |engine, _| engine.subscriptions().open(topic)).unwrap()
}

fn take(world: &mut World, ix: DeviceIx, id: SubscriptionId) -> Vec<Update> {
    world.call(ix, |engine, now| engine.subscriptions().take(id, now)).unwrap()
}

// R29
#[test]
fn a_subscription_to_a_conversation_gives_each_message_once_as_it_is_now() {
    let mut world = World::new(741);
    let (ann, bea, talk) = world.acquaint();
    let id = open(&mut world, bea, Topic::Conversation(talk));
    assert!(take(&mut world, bea, id).is_empty());
    let message = world.send(ann, talk, "one");
    world.settle();
    world.call(ann, |engine, now| engine.messages().edit(talk, message, "two", now)).unwrap();
    world.settle();
    let updates = take(&mut world, bea, id);
    let [Update::MessageAdded(shown)] = &updates[..] else { panic!("{updates:?}") };
    assert!(shown.content == MessageContent::Text("two".to_owned()) && shown.edited);
    let target = MessageRef { author: world.user(ann), id: message };
    world.call(bea, |engine, now| engine.messages().react(talk, &target, Some("👍"), now)).unwrap();
    let updates = take(&mut world, bea, id);
    let [Update::MessageChanged(shown)] = &updates[..] else { panic!("{updates:?}") };
    assert_eq!(shown.reactions.len(), 1);
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
    world.settle();
    let updates = take(&mut world, bea, id);
    assert!(matches!(&updates[..], [Update::MessageRemoved(key)] if key.id == message), "{updates:?}");
    world.check();
}

// R29, R24
#[test]
fn who_types_is_told_to_who_shows_the_conversation() {
    let mut world = World::new(750);
    let (ann, bea, talk) = world.acquaint();
    let id = open(&mut world, bea, Topic::Conversation(talk));
    world.call(ann, |engine, now| engine.conversations().set_typing(talk, true, now)).unwrap();
    world.run(1_000);
    let user = world.user(ann);
    assert_eq!(take(&mut world, bea, id), [Update::Typing(vec![user])]);
    world.run(10_000);
    assert_eq!(take(&mut world, bea, id), [Update::Typing(Vec::new())]);
}

// R29, R23
#[test]
fn receipts_come_with_a_subscription_and_other_conversations_do_not() {
    let mut world = World::new(742);
    let (ann, bea, talk) = world.acquaint();
    let sue = world.device("sue", "support");
    world.settle();
    let other = world.start(sue, ann);
    world.settle();
    let id = open(&mut world, ann, Topic::Conversation(talk));
    let message = world.send(ann, talk, "read this");
    world.send(sue, other, "elsewhere");
    world.settle();
    world.read_all(bea, talk);
    world.settle();
    let updates = take(&mut world, ann, id);
    let last = updates.iter().find_map(|update| match update {
        Update::MessageAdded(shown) | Update::MessageChanged(shown) if shown.key.id == message => Some(shown.state),
        _ => None,
    });
    assert_eq!(last, Some(SendState::Read));
    assert!(updates.iter().all(|update| match update {
        Update::MessageAdded(shown) | Update::MessageChanged(shown) => shown.conversation == talk,
        other => matches!(other, Update::MessageRemoved(_)),
    }));
    world.check();
}

// R29
#[test]
fn the_list_tells_of_new_conversations_last_messages_and_unread_counts() {
    let mut world = World::new(743);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    let id = open(&mut world, bea, Topic::Conversations);
    world.send(ann, talk, "first");
    world.send(ann, talk, "second");
    let cat = world.device("cat", "client");
    world.settle();
    let other = world.start(cat, bea);
    world.send(cat, other, "hello");
    world.settle();
    assert_eq!(world.call(bea, |engine, _| Ok(engine.subscriptions().ready())).unwrap(), [id]);
    let updates = take(&mut world, bea, id);
    let mut told: Vec<_> = updates
        .iter()
        .map(|update| match update {
            Update::Conversation(shown) => (shown.id == other, shown.unread, shown.last_message.is_some()),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, [(false, 2, true), (true, 1, true)]);
    world.call(bea, |engine, now| engine.conversations().archive(talk, true, now)).unwrap();
    let updates = take(&mut world, bea, id);
    assert!(matches!(&updates[..], [Update::Conversation(shown)] if shown.id == talk && shown.archived));
    world.check();
}

// R29, R33
#[test]
fn calls_and_the_ringtone_are_told_to_who_subscribed_to_calls() {
    let mut world = World::new(744);
    let (ann, bea, talk) = world.acquaint();
    let id = open(&mut world, bea, Topic::Calls);
    let call = world.call(ann, |engine, now| engine.calls().start(talk, CallKind::Voice, b"offer", now)).unwrap();
    world.run(2_000);
    let updates = take(&mut world, bea, id);
    assert!(updates.iter().any(|u| matches!(u, Update::Call(shown) if shown.status == CallStatus::Pending)));
    assert!(updates.contains(&Update::RingtoneStart(call)));
    world.call(ann, |engine, now| engine.calls().hang_up(call, now)).unwrap();
    world.settle();
    let updates = take(&mut world, bea, id);
    assert!(updates.contains(&Update::RingtoneStop(call)), "{updates:?}");
    assert!(updates.iter().any(|u| matches!(u, Update::Call(shown) if shown.status != CallStatus::Pending)));
}

// R29
#[test]
fn a_subscriber_that_falls_behind_is_told_so_and_an_ended_one_is_unknown() {
    let mut world = World::new(745);
    let (ann, bea, talk) = world.acquaint();
    let id = open(&mut world, ann, Topic::Conversation(talk));
    world.disconnect(ann);
    for n in 0..undertone::limits::SUBSCRIPTION + 1 {
        world.send(ann, talk, &n.to_string());
    }
    assert_eq!(take(&mut world, ann, id), [Update::Resync]);
    assert!(take(&mut world, ann, id).is_empty());
    world.send(ann, talk, "after");
    assert!(matches!(&take(&mut world, ann, id)[..], [Update::MessageAdded(_)]));
    assert!(world.call(ann, |engine, _| Ok(engine.subscriptions().close(id))).unwrap());
    let gone = world.call(ann, |engine, now| engine.subscriptions().take(id, now));
    assert_eq!(gone, Err(Error::Misuse(Misuse::UnknownSubscription)));
    let _ = bea;
}

fn hints(world: &mut World, ix: DeviceIx) -> Vec<Hint> {
    world.call(ix, |engine, now| engine.notifications().hints(now)).unwrap()
}

fn messages(hint: &Hint) -> (undertone::message::MessageKey, Option<Kind>, u32, bool) {
    match hint.about {
        About::Messages { newest, kind, count, names_me } => (newest, kind, count, names_me),
        About::Call(_) => panic!("a call"),
    }
}

// R31, R44
#[test]
fn unread_messages_make_one_hint_a_conversation_that_sounds_once() {
    let mut world = World::new(746);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    assert!(hints(&mut world, bea).is_empty());
    let user = world.user(ann);
    world.call(bea, |engine, now| engine.privacy().set_display_name(&user, Some("Annie"), now)).unwrap();
    world.send(ann, talk, "one");
    let me = Mention { range: 0..4, user: world.user(bea) };
    let draft = Draft { mentions: vec![me], ..Draft::text("@bea, two") };
    world.call(ann, |engine, now| engine.messages().send(talk, draft, now)).unwrap();
    world.settle();
    let shown = hints(&mut world, bea);
    let [hint] = &shown[..] else { panic!("{} hints", shown.len()) };
    assert_eq!((hint.conversation, &hint.sender, hint.name.as_deref()), (talk, &user, Some("Annie")));
    let (newest, kind, count, names_me) = messages(hint);
    assert_eq!((kind, count, names_me, hint.sound), (Some(Kind::TEXT), 2, true, Some(Sound::Message)));
    assert!(!format!("{hint:?}").contains("two"));
    world.call(bea, |engine, now| engine.notifications().shown(talk, newest, now)).unwrap();
    assert_eq!(hints(&mut world, bea)[0].sound, None);
    world.crash(bea, usize::MAX);
    world.restart(bea);
    assert_eq!(hints(&mut world, bea)[0].sound, None, "and not after a restart");
    world.call(bea, |engine, now| engine.notifications().dismiss(talk, newest, now)).unwrap();
    assert!(hints(&mut world, bea).is_empty());
    world.send(ann, talk, "three");
    world.settle();
    let again = hints(&mut world, bea);
    assert_eq!((messages(&again[0]).2, again[0].sound), (3, Some(Sound::Message)));
    world.read_all(bea, talk);
    assert!(hints(&mut world, bea).is_empty());
    world.check();
}

// R31, R26
#[test]
fn mute_archive_and_do_not_disturb_keep_quiet() {
    let mut world = World::new(747);
    let (ann, bea, talk) = world.acquaint();
    world.settle();
    assert_eq!(hints(&mut world, bea).len(), 1);
    let hour = world.now.plus(HOUR);
    world.call(bea, |engine, now| engine.notifications().set_do_not_disturb(Some(hour), now)).unwrap();
    assert_eq!(hints(&mut world, bea)[0].sound, None);
    assert_eq!(world.call(bea, |engine, _| engine.notifications().do_not_disturb()).unwrap(), Some(hour));
    let later = world.call(bea, |engine, _| engine.notifications().hints(hour)).unwrap();
    assert_eq!(later[0].sound, Some(Sound::Message));
    world.call(bea, |engine, now| engine.notifications().set_do_not_disturb(None, now)).unwrap();
    world.call(bea, |engine, now| engine.conversations().mute(talk, Some(hour), now)).unwrap();
    assert!(hints(&mut world, bea).is_empty());
    assert_eq!(world.call(bea, |engine, _| engine.notifications().hints(hour)).unwrap().len(), 1);
    world.call(bea, |engine, now| engine.conversations().mute(talk, None, now)).unwrap();
    world.call(bea, |engine, now| engine.conversations().archive(talk, true, now)).unwrap();
    assert!(hints(&mut world, bea).is_empty());
    let _ = ann;
}

// R31, R25
#[test]
fn what_has_expired_makes_no_hint_before_any_sweep() {
    let mut world = World::new(748);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    let draft = Draft { period: Some(5), ..Draft::text("soon gone") };
    world.call(ann, |engine, now| engine.messages().send(talk, draft, now)).unwrap();
    world.settle();
    assert_eq!(hints(&mut world, bea).len(), 1);
    let late: Time = world.now.plus(6 * MINUTE);
    assert!(world.call(bea, |engine, _| engine.notifications().hints(late)).unwrap().is_empty());
}

// R31, R33
#[test]
fn a_call_that_rings_asks_for_the_ringtone_until_it_is_over() {
    let mut world = World::new(749);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    let call = world.call(ann, |engine, now| engine.calls().start(talk, CallKind::Voice, b"offer", now)).unwrap();
    world.run(2_000);
    let shown = hints(&mut world, bea);
    assert_eq!((shown[0].about, shown[0].sound), (About::Call(call), Some(Sound::Ringtone)));
    world.call(bea, |engine, now| engine.notifications().set_do_not_disturb(Some(Time::NEVER), now)).unwrap();
    assert_eq!(hints(&mut world, bea)[0].sound, None);
    world.call(bea, |engine, now| engine.calls().reject(call, now)).unwrap();
    world.settle();
    assert!(hints(&mut world, bea).iter().all(|hint| !matches!(hint.about, About::Call(_))));
}
