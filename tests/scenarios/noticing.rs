//! What a host hears of without asking: subscriptions, and the hints for notifications.

use undertone::Time;
use undertone::call::{CallStatus, Stage};
use undertone::conversation::Conversation;
use undertone::engine::{Draft, Engine};
use undertone::envelope::{EnvelopeKind, Kind, MessageRef};
use undertone::error::{Error, Misuse};
use undertone::hint::{About, Hint, Sound};
use undertone::id::{ConversationId, UserId};
use undertone::limits;
use undertone::message::{Cursor, Mention, MessageContent, SendState};
use undertone::policy::CallKind;
use undertone::subscription::{SubscriptionId, Topic, Update};
use undertone::time::{DAY, HOUR, MINUTE, SECOND};
use undertone_tests::sim::{DeviceIx, World};

use crate::hostile_member::{self, committed, content};

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

// R29, R23
#[test]
fn the_list_tells_how_far_the_last_message_has_come() {
    let mut world = World::new(753);
    let (ann, bea, talk) = world.acquaint();
    world.send(ann, talk, "have you read this?");
    world.settle();
    let id = open(&mut world, ann, Topic::Conversations);
    world.read_all(bea, talk);
    world.settle();
    let updates = take(&mut world, ann, id);
    let [Update::Conversation(shown)] = &updates[..] else { panic!("{updates:?}") };
    assert_eq!(shown.last_message.as_ref().map(|last| last.state), Some(SendState::Read));
    world.check();
}

// R29, R23
#[test]
fn what_is_read_on_one_device_is_told_to_who_shows_it_on_another() {
    let mut world = World::new(754);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    let message = world.send(ann, talk, "for both of your devices");
    world.settle();
    let id = open(&mut world, tablet, Topic::Conversation(talk));
    world.read_all(bea, talk);
    world.settle();
    let updates = take(&mut world, tablet, id);
    let told = updates.iter().any(|update| match update {
        Update::MessageChanged(shown) => shown.key.id == message && !shown.unread,
        _ => false,
    });
    assert!(told, "{updates:?}");
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

/// Page by page, as whoever is told to read anew does.
fn texts(world: &mut World, ix: DeviceIx, talk: ConversationId) -> Vec<String> {
    let (mut texts, mut cursor) = (Vec::new(), Cursor::Newest);
    loop {
        let page = world.call(ix, |engine, now| engine.messages().page(talk, cursor, limits::PAGE, now)).unwrap();
        let oldest = page.messages.last().map(|message| message.key);
        texts.extend(page.messages.into_iter().map(|message| match message.content {
            MessageContent::Text(text) => text,
            other => panic!("{other:?}"),
        }));
        match oldest {
            Some(oldest) if page.more => cursor = Cursor::Before(oldest),
            _ => return texts.into_iter().rev().collect(),
        }
    }
}

// R29
#[test]
fn a_subscriber_to_a_conversation_that_falls_behind_reads_anew_and_has_lost_nothing() {
    let mut world = World::new(745);
    let (ann, bea, talk) = world.acquaint();
    let id = open(&mut world, ann, Topic::Conversation(talk));
    let mut said = texts(&mut world, ann, talk);
    for n in 0..limits::SUBSCRIPTION + 1 {
        world.send(bea, talk, &n.to_string());
        said.push(n.to_string());
    }
    world.settle();
    assert_eq!(take(&mut world, ann, id), [Update::Resync]);
    assert_eq!(texts(&mut world, ann, talk), said, "what was told by nothing else is there");
    assert!(take(&mut world, ann, id).is_empty());
    world.send(bea, talk, "after");
    world.settle();
    assert!(matches!(&take(&mut world, ann, id)[..], [Update::MessageAdded(_)]));
    assert!(world.call(ann, |engine, _| Ok(engine.subscriptions().close(id))).unwrap());
    let gone = world.call(ann, |engine, now| engine.subscriptions().take(id, now));
    assert_eq!(gone, Err(Error::Misuse(Misuse::UnknownSubscription)));
    world.check();
}

// R29
#[test]
fn a_subscriber_to_the_list_that_falls_behind_reads_anew_and_has_lost_nothing() {
    let mut world = World::new(751);
    let sue = world.device("sue", "support");
    world.settle();
    world.disconnect(sue);
    let id = open(&mut world, sue, Topic::Conversations);
    let mut started = Vec::new();
    for n in 0..limits::SUBSCRIPTION + 1 {
        let user = UserId::new(format!("user {n}")).unwrap();
        let talk = world.call(sue, |engine, now| engine.conversations().start(&user, now)).unwrap();
        world.send(sue, talk, &n.to_string());
        started.push((talk, user));
    }
    assert_eq!(take(&mut world, sue, id), [Update::Resync]);
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let page =
            world.call(sue, |engine, now| engine.conversations().page(cursor.as_ref(), limits::PAGE, now)).unwrap();
        let shown = |c: &Conversation| (c.id, c.others[0].user.clone(), c.last_message.is_some());
        listed.extend(page.conversations.iter().map(shown));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    listed.sort_unstable();
    started.sort_unstable();
    assert_eq!(listed, started.into_iter().map(|(talk, user)| (talk, user, true)).collect::<Vec<_>>());
    let (talk, ..) = listed[7];
    assert!(take(&mut world, sue, id).is_empty());
    world.call(sue, |engine, now| engine.conversations().pin(talk, true, now)).unwrap();
    let updates = take(&mut world, sue, id);
    assert!(matches!(&updates[..], [Update::Conversation(shown)] if shown.id == talk && shown.pinned));
    world.check();
}

// R25 R29
#[test]
fn subscribers_read_anew_when_a_clock_that_was_set_hides_messages_and_when_it_shows_them_again() {
    let mut world = World::new(753);
    let (ann, bea, talk) = world.acquaint();
    let hour = Draft { period: Some(60), ..Draft::text("for an hour") };
    world.call(ann, |engine, now| engine.messages().send(talk, hour, now)).unwrap();
    world.settle();
    let id = open(&mut world, bea, Topic::Conversation(talk));
    let list = open(&mut world, bea, Topic::Conversations);
    let told = |world: &mut World| [id, list].map(|id| take(world, bea, id));
    let anew = [vec![Update::Resync], vec![Update::Resync]];
    world.disconnect(bea);
    world.set_clock(bea, 3 * DAY as i64);
    assert_eq!(told(&mut world), anew, "it is hidden");
    assert_eq!((texts(&mut world, bea, talk).len(), world.unread(bea, talk)), (1, 1));
    world.set_clock(bea, 4 * DAY as i64);
    assert_eq!(told(&mut world), [vec![], vec![]], "nothing more is");
    world.set_clock(bea, 0);
    assert_eq!(told(&mut world), [vec![], vec![]], "nor less");
    world.connect(bea);
    world.run(MINUTE);
    assert_eq!(told(&mut world), anew, "the relay says that it is not yet time");
    assert_eq!((texts(&mut world, bea, talk).len(), world.unread(bea, talk)), (2, 2));
    world.run(HOUR);
    let [messages, list] = told(&mut world);
    assert!(matches!(&messages[..], [Update::MessageRemoved(_)]), "{messages:?}");
    assert!(matches!(&list[..], [Update::Conversation(shown)] if shown.unread == 1), "{list:?}");
    world.check();
}

// R29 R33
#[test]
fn a_subscriber_to_calls_that_falls_behind_reads_anew_and_has_lost_nothing() {
    let mut world = World::new(752);
    let (ann, bea, talk) = world.acquaint();
    let id = open(&mut world, bea, Topic::Calls);
    let mut made = Vec::new();
    // Each call tells of itself and of its ringtone.
    for _ in 0..limits::SUBSCRIPTION / 2 + 1 {
        let call = world.call(ann, |engine, now| engine.calls().start(talk, CallKind::Voice, b"offer", now)).unwrap();
        world.run(2_000);
        world.call(ann, |engine, now| engine.calls().hang_up(call, now)).unwrap();
        world.run(2_000);
        made.push(call);
    }
    let ringing = world.call(ann, |engine, now| engine.calls().start(talk, CallKind::Video, b"offer", now)).unwrap();
    world.run(2_000);
    assert_eq!(take(&mut world, bea, id), [Update::Resync]);
    let page = world.call(bea, |engine, now| engine.calls().page(None, None, limits::PAGE_MAX, now)).unwrap();
    made.push(ringing);
    assert_eq!(page.calls.iter().rev().map(|call| call.id).collect::<Vec<_>>(), made, "every call");
    let now = world.call(bea, |engine, _| engine.calls().active()).unwrap();
    assert_eq!(now.iter().map(|call| (call.id, call.stage)).collect::<Vec<_>>(), [(ringing, Stage::RingingIn)]);
    assert!(take(&mut world, bea, id).is_empty());
    world.call(ann, |engine, now| engine.calls().hang_up(ringing, now)).unwrap();
    world.run(2_000);
    let updates = take(&mut world, bea, id);
    assert!(updates.contains(&Update::RingtoneStop(ringing)), "{updates:?}");
    world.check();
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

// R31
#[test]
fn a_message_whose_author_lets_it_make_no_notification_makes_no_hint() {
    let mut world = World::new(749);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    let say = |world: &mut World, id, notifies| {
        let now = world.now;
        let mut content = content(Kind::TEXT, id, Engine::text("hush").unwrap(), now);
        content.head.notifies = notifies;
        hostile_member::say(world, ann, talk, EnvelopeKind::Message, &content, committed(&content));
        world.messages(bea, talk).pop().unwrap().key
    };
    say(&mut world, 1, false);
    assert_eq!(world.unread(bea, talk), 1);
    assert!(hints(&mut world, bea).is_empty());
    let loud = say(&mut world, 2, true);
    world.run(SECOND);
    say(&mut world, 3, false);
    let shown = hints(&mut world, bea);
    let (newest, _, count, _) = messages(&shown[0]);
    assert_eq!((newest, count, shown[0].sound), (loud, 3, Some(Sound::Message)));
    world.call(bea, |engine, now| engine.notifications().shown(talk, newest, now)).unwrap();
    say(&mut world, 4, false);
    assert_eq!(hints(&mut world, bea)[0].sound, None, "nothing new may sound");
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
    world.call(bea, |engine, now| engine.conversations().mute(talk, Some(Time::NEVER), now)).unwrap();
    assert_eq!(hints(&mut world, bea)[0].sound, Some(Sound::Ringtone), "messages are muted, and no calls");
    world.call(bea, |engine, now| engine.notifications().set_do_not_disturb(Some(Time::NEVER), now)).unwrap();
    assert_eq!(hints(&mut world, bea)[0].sound, None);
    world.call(bea, |engine, now| engine.calls().reject(call, now)).unwrap();
    world.settle();
    assert!(hints(&mut world, bea).iter().all(|hint| !matches!(hint.about, About::Call(_))));
}
