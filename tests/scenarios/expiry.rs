//! Auto-delete: messages go when they should, on all devices, and nothing but time makes them go.

use undertone::config::Config;
use undertone::engine::Draft;
use undertone::envelope::{Clock, MessageRef};
use undertone::id::{ConversationId, MessageId, UserId};
use undertone::limits;
use undertone::message::{Message, MessageContent, SendState, SystemNote};
use undertone::privacy::Privacy;
use undertone::store::Table;
use undertone::time::{DAY, HOUR, MINUTE, SECOND};
use undertone_tests::sim::{DeviceIx, World};

fn send(world: &mut World, ix: DeviceIx, talk: ConversationId, text: &str, period: i32, clock: Clock) -> MessageId {
    let draft = Draft { period: Some(period), clock: Some(clock), ..Draft::text(text) };
    world.call(ix, |engine, now| engine.messages().send(talk, draft, now)).unwrap()
}

fn has(world: &mut World, ix: DeviceIx, talk: ConversationId, text: &str) -> bool {
    world.texts(ix, talk).iter().any(|shown| shown == text)
}

fn get(world: &mut World, ix: DeviceIx, talk: ConversationId, author: DeviceIx, id: MessageId) -> Message {
    let reference = MessageRef { author: world.user(author), id };
    world.call(ix, |engine, now| engine.messages().get(talk, &reference, now)).unwrap()
}

/// Rows of messages and of what hangs on them.
fn rows(world: &World, ix: DeviceIx) -> usize {
    let tables = [Table::Message, Table::MessageIndex, Table::Unread, Table::Expiry];
    world.devices[ix].disk.rows().into_iter().filter(|(table, ..)| tables.contains(table)).count()
}

// R25
#[test]
fn a_message_goes_at_one_instant_on_all_devices_even_offline() {
    let mut world = World::new(1);
    let (ann, bea, talk) = world.acquaint();
    let before = (rows(&world, ann), rows(&world, bea));
    let id = send(&mut world, ann, talk, "for five minutes", 5, Clock::FromSend);
    world.run(10 * SECOND);
    let (hers, theirs) = (get(&mut world, ann, talk, ann, id), get(&mut world, bea, talk, ann, id));
    assert_eq!(hers.goes_at, Some(hers.accepted_at.unwrap().plus(5 * MINUTE)));
    assert_eq!(theirs.goes_at, hers.goes_at, "both sides know the instant");
    world.disconnect(bea);
    world.run(4 * MINUTE);
    assert!(has(&mut world, ann, talk, "for five minutes") && has(&mut world, bea, talk, "for five minutes"));
    world.run(MINUTE);
    assert!(!has(&mut world, ann, talk, "for five minutes") && !has(&mut world, bea, talk, "for five minutes"));
    assert_eq!((rows(&world, ann), rows(&world, bea)), before, "nothing of it is left in the stores");
    world.check();
}

// R25
#[test]
fn what_nobody_set_a_period_for_goes_a_day_after_it_was_sent() {
    let mut world = World::new(249);
    world.period = Config::new(UserId::new("ann").unwrap(), [0; 32]).period;
    let (ann, bea, talk) = world.acquaint();
    world.run(HOUR);
    let sent = world.now;
    world.send(ann, talk, "as usual");
    world.run(SECOND);
    world.read_all(bea, talk);
    let conversations =
        world.call(ann, |engine, now| engine.conversations().page(None, 10, now)).unwrap().conversations;
    assert_eq!(conversations[0].period, 24 * 60);
    let end = sent.plus(DAY);
    world.run(end.since(world.now) - MINUTE);
    for ix in [ann, bea] {
        assert_eq!(world.texts(ix, talk), ["as usual"], "what came an hour before is gone");
    }
    world.run(2 * MINUTE);
    for ix in [ann, bea] {
        assert!(world.texts(ix, talk).is_empty());
    }
    world.check();
}

// R25
#[test]
fn every_period_ends_when_it_says_and_never_never_does() {
    let mut world = World::new(2);
    let (ann, bea, talk) = world.acquaint();
    let periods = [(1, "1"), (5, "5"), (60, "60"), (24 * 60, "1440"), (7 * 24 * 60, "10080"), (-1, "never")];
    for (period, name) in periods {
        send(&mut world, ann, talk, name, period, Clock::FromSend);
    }
    let sent = world.now;
    world.run(30 * SECOND);
    for (period, name) in periods.into_iter().take(5) {
        assert!(has(&mut world, bea, talk, name), "{name} is still there");
        let end = sent.plus(period as u64 * MINUTE + SECOND);
        world.run(end.since(world.now));
        assert!(!has(&mut world, bea, talk, name) && !has(&mut world, ann, talk, name), "{name} went");
    }
    world.run(60 * DAY);
    assert!(has(&mut world, bea, talk, "never"));
    world.check();
}

/// A device tells nobody that it has read.
fn receipts_off(world: &mut World, ix: DeviceIx) {
    let off = Privacy { read_receipts: false, ..Privacy::default() };
    world.call(ix, |engine, now| engine.privacy().set(off, now)).unwrap();
    world.settle();
}

/// Whether a device shows of one of its messages that it was read.
fn was_read(world: &mut World, ix: DeviceIx, talk: ConversationId) -> bool {
    world.messages(ix, talk).iter().any(|message| message.own && message.state == SendState::Read)
}

// R25
#[test]
fn what_goes_when_read_goes_on_both_sides_and_on_all_devices() {
    for receipts in [true, false] {
        goes_when_read(receipts);
    }
}

fn goes_when_read(receipts: bool) {
    let mut world = World::new(3);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    if !receipts {
        receipts_off(&mut world, bea);
    }
    send(&mut world, ann, talk, "read once", 0, Clock::FromSend);
    world.settle();
    for ix in [ann, bea, tablet] {
        assert!(has(&mut world, ix, talk, "read once"), "unread, it stays");
    }
    world.read_all(bea, talk);
    assert!(!has(&mut world, bea, talk, "read once"), "gone as soon as it has been read");
    world.settle();
    for ix in [ann, bea, tablet] {
        assert!(!has(&mut world, ix, talk, "read once"));
        assert_eq!(world.conversation(ix, talk).expired_unseen, 0, "it was seen");
    }
    assert_eq!(world.unread(tablet, talk), 0);
    assert_eq!(was_read(&mut world, ann, talk), receipts, "an expiry notice is no receipt");
    world.check();
}

// R25
#[test]
fn a_period_from_reading_starts_with_reading_on_both_sides() {
    for receipts in [true, false] {
        starts_with_reading(receipts);
    }
}

fn starts_with_reading(receipts: bool) {
    let mut world = World::new(4);
    let (ann, bea, talk) = world.acquaint();
    if !receipts {
        receipts_off(&mut world, bea);
    }
    let id = send(&mut world, ann, talk, "an hour from reading", 60, Clock::FromRead);
    world.run(5 * HOUR);
    assert!(has(&mut world, ann, talk, "an hour from reading") && has(&mut world, bea, talk, "an hour from reading"));
    world.read_all(bea, talk);
    world.run(MINUTE);
    let (hers, theirs) = (get(&mut world, ann, talk, ann, id), get(&mut world, bea, talk, ann, id));
    assert_eq!(hers.goes_at, theirs.goes_at);
    assert_eq!(hers.state == SendState::Read, receipts, "an expiry notice is no receipt");
    world.run(57 * MINUTE);
    assert!(has(&mut world, ann, talk, "an hour from reading") && has(&mut world, bea, talk, "an hour from reading"));
    world.run(3 * MINUTE);
    assert!(!has(&mut world, ann, talk, "an hour from reading") && !has(&mut world, bea, talk, "an hour from reading"));
    world.check();
}

// R25
#[test]
fn what_is_never_opened_goes_at_the_limit_and_leaves_a_count() {
    for receipts in [true, false] {
        never_opened(receipts);
    }
}

fn never_opened(receipts: bool) {
    let mut world = World::new(5);
    let (ann, bea, talk) = world.acquaint();
    if !receipts {
        receipts_off(&mut world, bea);
    }
    world.read_all(bea, talk);
    let id = send(&mut world, ann, talk, "never opened", 0, Clock::FromSend);
    send(&mut world, ann, talk, "too late", 5, Clock::FromSend);
    world.settle();
    let limit = get(&mut world, bea, talk, ann, id).goes_at.unwrap();
    assert_eq!(
        limit.since(get(&mut world, ann, talk, ann, id).accepted_at.unwrap()),
        limits::UNREAD_KEPT,
        "an app can show it"
    );
    world.run(limits::UNREAD_KEPT);
    assert!(!has(&mut world, ann, talk, "never opened") && !has(&mut world, bea, talk, "never opened"));
    let shown = world.conversation(bea, talk);
    assert_eq!((shown.unread, shown.expired_unseen), (0, 2), "never silence");
    world.send(ann, talk, "did you see it?");
    world.settle();
    world.read_all(bea, talk);
    assert_eq!(world.conversation(bea, talk).expired_unseen, 0, "until something is read here");
    world.check();
}

// R25
#[test]
fn what_arrives_after_its_time_is_counted_and_not_shown() {
    let mut world = World::new(6);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    world.settle();
    world.disconnect(bea);
    send(&mut world, ann, talk, "quick", 5, Clock::FromSend);
    world.run(HOUR);
    world.connect(bea);
    world.settle();
    assert!(!has(&mut world, bea, talk, "quick"));
    let shown = world.conversation(bea, talk);
    assert_eq!((shown.unread, shown.expired_unseen), (0, 1));
    world.check();
}

// R25
#[test]
fn what_was_read_on_another_device_does_not_count_as_unseen() {
    let mut world = World::new(8);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    world.read_all(bea, talk);
    world.settle();
    world.disconnect(tablet);
    world
        .call(ann, |engine, now| engine.messages().send(talk, Draft { period: Some(5), ..Draft::text("quick") }, now))
        .unwrap();
    world.settle();
    world.read_all(bea, talk);
    world.run(HOUR);
    world.connect(tablet);
    world.settle();
    for ix in [bea, tablet] {
        assert!(!has(&mut world, ix, talk, "quick"));
        let shown = world.conversation(ix, talk);
        assert_eq!((shown.unread, shown.expired_unseen), (0, 0));
    }
    // What went unseen on both is seen wherever this user reads next.
    world
        .call(ann, |engine, now| engine.messages().send(talk, Draft { period: Some(5), ..Draft::text("missed") }, now))
        .unwrap();
    world.run(HOUR);
    assert_eq!([bea, tablet].map(|ix| world.conversation(ix, talk).expired_unseen), [1, 1]);
    world.send(ann, talk, "did you see it?");
    world.settle();
    world.read_all(bea, talk);
    world.settle();
    assert_eq!([bea, tablet].map(|ix| world.conversation(ix, talk).expired_unseen), [0, 0]);
    world.check();
}

// R25
#[test]
fn what_is_queued_offline_counts_from_when_it_was_sent() {
    let mut world = World::new(7);
    let (ann, bea, talk) = world.acquaint();
    world.disconnect(ann);
    send(&mut world, ann, talk, "from the train", 5, Clock::FromSend);
    world.run(HOUR);
    assert!(has(&mut world, ann, talk, "from the train"), "it has not gone out yet");
    world.connect(ann);
    world.run(MINUTE);
    assert!(has(&mut world, bea, talk, "from the train"));
    world.run(5 * MINUTE);
    assert!(!has(&mut world, ann, talk, "from the train") && !has(&mut world, bea, talk, "from the train"));
    world.check();
}

// R25
#[test]
fn it_is_invisible_before_anything_has_deleted_it() {
    let mut world = World::new(8);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    send(&mut world, ann, talk, "until nine", 5, Clock::FromSend);
    world.run(10 * SECOND);
    let (before, later) = (world.now, world.now.plus(6 * MINUTE));
    let engine = world.devices[bea].engine();
    assert_eq!(engine.conversations().get(talk, before).unwrap().unread, 1);
    let shown = engine.conversations().get(talk, later).unwrap();
    assert_eq!(shown.unread, 0);
    let text = |m: &Message| matches!(&m.content, MessageContent::Text(text) if text == "until nine");
    assert!(!shown.last_message.as_ref().is_some_and(text), "the preview is another one");
    let page = engine.messages().page(talk, undertone::message::Cursor::Newest, 50, later).unwrap();
    assert!(!page.messages.iter().any(text));
    assert_eq!(page.first_unread, None);
}

// R25
#[test]
fn a_jump_of_the_clock_hides_and_destroys_nothing() {
    let mut world = World::new(9);
    let (ann, bea, talk) = world.acquaint();
    send(&mut world, ann, talk, "for a day", 24 * 60, Clock::FromSend);
    world.settle();
    let rows_before = rows(&world, bea);
    world.disconnect(bea);
    world.set_clock(bea, 3 * DAY as i64);
    world.settle();
    assert!(!has(&mut world, bea, talk, "for a day"), "hidden while the clock says so");
    world.set_clock(bea, 0);
    world.settle();
    assert!(!has(&mut world, bea, talk, "for a day"), "and still, since nobody knows which time is right");
    assert_eq!(rows(&world, bea), rows_before, "but not destroyed");
    world.connect(bea);
    world.settle();
    assert!(has(&mut world, bea, talk, "for a day"), "the relay says that it is not yet time");
    world.run(DAY);
    assert!(!has(&mut world, bea, talk, "for a day"));
    assert!(rows(&world, bea) < rows_before, "and now it is deleted");
    world.check();
}

// R25
#[test]
fn what_went_while_the_device_was_off_is_deleted_when_the_relay_confirms_the_time() {
    let mut world = World::new(10);
    let (ann, bea, talk) = world.acquaint();
    let before = rows(&world, bea);
    send(&mut world, ann, talk, "overnight", 60, Clock::FromSend);
    world.settle();
    world.disconnect(bea);
    world.crash(bea, usize::MAX);
    world.run(DAY);
    world.restart(bea);
    world.run(MINUTE);
    assert!(!has(&mut world, bea, talk, "overnight"), "invisible from the first moment");
    world.connect(bea);
    world.settle();
    assert_eq!(rows(&world, bea), before, "and deleted once the time is sure");
    world.check();
}

// R25
#[test]
fn thousands_that_go_at_once_are_deleted_in_bounded_steps() {
    let mut world = World::new(11);
    let (ann, bea, talk) = world.acquaint();
    let before = rows(&world, bea);
    for n in 0..1_000 {
        send(&mut world, ann, talk, &format!("{n}"), 60, Clock::FromSend);
    }
    world.settle();
    let after = rows(&world, bea);
    assert!(after >= before + 3_000);
    let later = world.now.plus(59 * MINUTE);
    let engine = world.devices[bea].engine();
    engine.handle_timeout(later.minus(30 * MINUTE)).unwrap();
    engine.handle_timeout(later).unwrap();
    engine.handle_timeout(later.plus(5 * MINUTE)).unwrap();
    let left = world.devices[bea].disk.rows().into_iter().filter(|(table, ..)| *table == Table::Expiry).count();
    assert!((800..1_000).contains(&left), "a call deletes a part: {left} are left");
    world.run(2 * HOUR);
    assert_eq!(rows(&world, bea), before);
    world.check();
}

// R25
#[test]
fn both_sides_agree_on_the_period_whoever_set_it_last() {
    let mut world = World::new(12);
    let (ann, bea, talk) = world.acquaint();
    world.call(ann, |engine, now| engine.conversations().set_period(talk, 60, Clock::FromSend, now)).unwrap();
    world.settle();
    let shown = world.conversation(bea, talk);
    assert_eq!((shown.period, shown.clock), (60, Clock::FromSend));
    let notes = |world: &mut World, ix| -> Vec<MessageContent> {
        let messages = world.messages(ix, talk).into_iter();
        messages.map(|m| m.content).filter(|content| matches!(content, MessageContent::System(_))).collect()
    };
    let note = MessageContent::System(SystemNote::PeriodChanged { period: 60, clock: Clock::FromSend });
    assert_eq!((notes(&mut world, ann), notes(&mut world, bea)), (vec![note.clone()], vec![note]));
    // Both at once, offline: the devices agree afterwards, and so does one that comes later.
    world.disconnect(ann);
    world.disconnect(bea);
    world.call(ann, |engine, now| engine.conversations().set_period(talk, 5, Clock::FromSend, now)).unwrap();
    world.call(bea, |engine, now| engine.conversations().set_period(talk, 7, Clock::FromRead, now)).unwrap();
    world.connect(ann);
    world.connect(bea);
    world.settle();
    let agreed = world.conversation(ann, talk).period;
    assert_eq!(world.conversation(bea, talk).period, agreed);
    let tablet = world.another(bea);
    world.settle();
    assert_eq!(world.conversation(tablet, talk).period, agreed, "told to who came later");
    let id = world.send(tablet, talk, "as agreed");
    world.settle();
    assert_eq!(get(&mut world, ann, talk, tablet, id).period, agreed);
    world.check();
}

// R25, R23
#[test]
fn what_a_wrong_clock_hides_is_not_read() {
    let mut world = World::new(13);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    let hidden: Vec<MessageId> =
        (0..40).map(|n| send(&mut world, ann, talk, &format!("for a day {n}"), 24 * 60, Clock::FromSend)).collect();
    let seen = send(&mut world, ann, talk, "for ever", -1, Clock::FromSend);
    world.settle();
    world.set_clock(bea, 3 * DAY as i64);
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(get(&mut world, ann, talk, ann, seen).state, SendState::Read);
    for id in &hidden {
        assert_eq!(get(&mut world, ann, talk, ann, *id).state, SendState::Delivered, "nobody has seen it");
    }
    world.set_clock(bea, 0);
    world.disconnect(bea);
    world.connect(bea);
    world.settle();
    assert_eq!(world.unread(bea, talk), 40, "and it is there to be read");
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(get(&mut world, ann, talk, ann, hidden[0]).state, SendState::Read);
    world.check();
}

// R25
#[test]
fn after_hours_in_which_nobody_looked_at_the_clock_the_next_message_says_what_time_it_is() {
    let mut world = World::new(31);
    let (ann, bea, talk) = world.acquaint();
    world.run(10 * SECOND);
    let before = (rows(&world, ann), rows(&world, bea));
    // Both stay connected, and are asleep.
    world.now = world.now.plus(3 * HOUR);
    send(&mut world, ann, talk, "for five minutes", 5, Clock::FromSend);
    world.run(10 * SECOND);
    assert!(has(&mut world, bea, talk, "for five minutes"));
    world.run(6 * MINUTE);
    assert!(!has(&mut world, ann, talk, "for five minutes") && !has(&mut world, bea, talk, "for five minutes"));
    assert_eq!((rows(&world, ann), rows(&world, bea)), before, "not only hidden: deleted");
    world.check();
}
