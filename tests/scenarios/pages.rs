//! Pages of messages, by cursor, both ways, while messages come and move.

use std::collections::BTreeSet;

use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;
use undertone::limits;
use undertone::message::{Cursor, MessageContent, MessageKey, Page};
use undertone_tests::sim::{DeviceIx, World};

fn texts(page: &Page) -> Vec<&str> {
    let messages = page.messages.iter().map(|message| match &message.content {
        MessageContent::Text(text) => text.as_str(),
        _ => "?",
    });
    messages.collect()
}

fn page(world: &mut World, ix: DeviceIx, talk: ConversationId, cursor: Cursor) -> Page {
    let now = world.now;
    world.devices[ix].engine().messages().page(talk, cursor, limits::PAGE, now).unwrap()
}

fn talk_of(world: &mut World, lines: usize) -> (DeviceIx, DeviceIx, ConversationId) {
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(ann, bea);
    for n in 0..lines {
        world.send(ann, talk, &format!("{n}"));
        world.run(20);
    }
    world.settle();
    world.check();
    (ann, bea, talk)
}

// R20
#[test]
fn pages_go_back_and_forth_and_meet_nothing_twice() {
    let mut world = World::new(20);
    let (_, bea, talk) = talk_of(&mut world, 130);
    let newest = page(&mut world, bea, talk, Cursor::Newest);
    assert_eq!(newest.messages.len(), 50);
    assert_eq!(texts(&newest)[0], "129");
    assert_eq!(newest.first_unread, world.messages(bea, talk).first().map(|m| m.key));
    let second = page(&mut world, bea, talk, Cursor::Before(newest.messages[49].key));
    let third = page(&mut world, bea, talk, Cursor::Before(second.messages[49].key));
    assert_eq!((third.messages.len(), third.more, second.more, newest.more), (30, false, true, true));
    let seen: BTreeSet<MessageKey> =
        [&newest, &second, &third].iter().flat_map(|p| &p.messages).map(|m| m.key).collect();
    assert_eq!(seen.len(), 130);
    let forward = page(&mut world, bea, talk, Cursor::After(second.messages[0].key));
    assert_eq!(texts(&forward), texts(&newest), "newest first, whichever way");
    assert!(!forward.more);
}

// R24
#[test]
fn a_page_names_the_first_that_is_unread() {
    let mut world = World::new(23);
    let (ann, bea, talk) = talk_of(&mut world, 20);
    let keys: Vec<MessageKey> = world.messages(bea, talk).iter().map(|message| message.key).collect();
    let first = |world: &mut World| page(world, bea, talk, Cursor::Newest).first_unread;
    assert_eq!(first(&mut world), Some(keys[0]));
    world.call(bea, |engine, now| engine.messages().mark_read(talk, keys[11], now)).unwrap();
    assert_eq!(first(&mut world), Some(keys[12]));
    world.call(bea, |engine, now| engine.messages().mark_read(talk, keys[19], now)).unwrap();
    assert_eq!(first(&mut world), None);
    world.send(ann, talk, "one more");
    world.settle();
    assert_eq!(first(&mut world), world.messages(bea, talk).last().map(|message| message.key));
}

// R20
#[test]
fn a_cursor_stays_right_while_messages_arrive_and_vanish() {
    let mut world = World::new(21);
    let (ann, bea, talk) = talk_of(&mut world, 70);
    let newest = page(&mut world, bea, talk, Cursor::Newest);
    let cursor = Cursor::Before(newest.messages[49].key);
    let expected = page(&mut world, bea, talk, cursor);
    for n in 0..5 {
        world.send(ann, talk, &format!("later {n}"));
        world.run(10);
        world.send(bea, talk, &format!("mine {n}"));
    }
    world.settle();
    assert_eq!(texts(&page(&mut world, bea, talk, cursor)), texts(&expected));
    assert_eq!(page(&mut world, bea, talk, Cursor::After(newest.messages[0].key)).messages.len(), 10);
    // The message that the cursor names moves away: the place is the cursor, not the row.
    world.disconnect(ann);
    let id = world.send(ann, talk, "waits");
    let waiting = world.messages(ann, talk).last().unwrap().key;
    assert_eq!(waiting.id, id);
    world.run(undertone::time::HOUR);
    world.connect(ann);
    world.settle();
    assert!(!world.messages(ann, talk).iter().any(|m| m.key == waiting), "it was stamped anew");
    let before = page(&mut world, ann, talk, Cursor::Before(waiting));
    assert_eq!(texts(&before)[0], "mine 4");
    assert_eq!(texts(&page(&mut world, ann, talk, Cursor::After(waiting))), ["waits"]);
}

// R20
#[test]
fn a_page_has_a_size() {
    let mut world = World::new(22);
    let (_, bea, talk) = talk_of(&mut world, 3);
    let now = world.now;
    let messages = world.devices[bea].engine().messages();
    for limit in [0, limits::PAGE_MAX + 1] {
        assert!(matches!(messages.page(talk, Cursor::Newest, limit, now), Err(Error::Misuse(Misuse::TooLarge { .. }))));
    }
    assert_eq!(messages.page(talk, Cursor::Newest, 2, now).unwrap().messages.len(), 2);
}

// R1 R20
#[test]
fn the_list_of_conversations_goes_by_activity_and_by_page() {
    let mut world = World::new(23);
    let ann = world.device("ann", "client");
    let escorts: Vec<_> = (0..7).map(|n| world.device(&format!("escort {n}"), "escort")).collect();
    world.settle();
    let talks: Vec<_> = escorts.iter().map(|e| world.start(ann, *e)).collect();
    for talk in &talks {
        world.send(ann, *talk, "hello");
        world.run(1_000);
    }
    world.settle();
    world.send(escorts[2], talks[2], "hi");
    world.settle();
    let now = world.now;
    let conversations = world.devices[ann].engine().conversations();
    let first = conversations.page(None, 4, now).unwrap();
    let second = conversations.page(first.next.as_ref(), 4, now).unwrap();
    assert!(second.next.is_none());
    let listed: Vec<_> = first.conversations.iter().chain(&second.conversations).map(|c| c.id).collect();
    let expected: Vec<_> = [2, 6, 5, 4, 3, 1, 0].iter().map(|n| talks[*n]).collect();
    assert_eq!(listed, expected);
    let last = first.conversations[0].last_message.as_ref().map(|m| m.content.clone());
    assert!(last == Some(MessageContent::Text("hi".into())));
    assert_eq!(first.conversations[0].unread, 1);
    world.check();
}
