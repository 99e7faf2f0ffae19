//! Another channel for messages that stay unread (R32): whom the host is asked to reach, when, and when no more.

use undertone::Time;
use undertone::config::Config;
use undertone::engine::{Draft, Engine};
use undertone::envelope::{Clock, MessageRef};
use undertone::error::{Error, Misuse};
use undertone::id::{ConversationId, UserId};
use undertone::input::{Answer, RequestId};
use undertone::limits;
use undertone::message::SendState;
use undertone::output::Request;
use undertone::policy::CallKind;
use undertone::privacy::Privacy;
use undertone::store::{HostKey, MemoryDisk, MemoryStore, Table};
use undertone::time::{DAY, HOUR, MINUTE, SECOND};
use undertone_tests::sim::{DeviceIx, World};

/// Ann's engine asks after an hour. Bea has read what was said to get acquainted.
fn after_an_hour(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    world.fallback_after = Some(HOUR);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    world.settle();
    (world, ann, bea, talk)
}

/// What a device has asked for since the last time.
fn asked(world: &mut World, ix: DeviceIx) -> Vec<(RequestId, Asked)> {
    let taken = std::mem::take(&mut world.devices[ix].fallbacks);
    taken.into_iter().map(|(id, request)| (id, Asked::of(request))).collect()
}

/// All that there is in a request.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    conversation: ConversationId,
    user: UserId,
    since: Time,
    count: u32,
}

impl Asked {
    fn of(request: Request) -> Asked {
        let Request::Fallback { conversation, user, since, count } = request else { panic!("another request") };
        Asked { conversation, user, since, count }
    }
}

fn notified(world: &mut World, ix: DeviceIx, id: RequestId) {
    world.call(ix, |engine, now| engine.request_done(id, Answer::Notified, now)).unwrap();
}

fn kept(world: &World, ix: DeviceIx) -> usize {
    world.devices[ix].disk.rows().into_iter().filter(|(table, ..)| *table == Table::Fallback).count()
}

/// The process ends and comes back.
fn reopen(world: &mut World, ix: DeviceIx) {
    world.crash(ix, usize::MAX);
    world.restart(ix);
}

// R32
#[test]
fn what_stays_unread_is_asked_for_once_when_its_time_has_come_and_holds_no_content() {
    let (mut world, ann, bea, talk) = after_an_hour(760);
    world.disconnect(bea);
    world.send(ann, talk, "zyzzyva");
    world.run(MINUTE);
    world.send(ann, talk, "quokka");
    world.run(MINUTE);
    let first = world.messages(ann, talk)[1].clone();
    assert_eq!(first.state, SendState::Sent);
    world.run(57 * MINUTE);
    assert_eq!(asked(&mut world, ann), [], "not a minute too early");
    world.run(2 * MINUTE);
    let asks = asked(&mut world, ann);
    let [(id, ask)] = &asks[..] else { panic!("{asks:?}") };
    let user = world.user(bea);
    assert_eq!(*ask, Asked { conversation: talk, user, since: first.accepted_at.unwrap(), count: 2 });
    assert_eq!(asked(&mut world, bea), [], "who did not write asks nothing");
    notified(&mut world, ann, *id);
    // More that stays unread is no reason to ask again.
    world.send(ann, talk, "and one more");
    world.run(2 * DAY);
    assert_eq!(asked(&mut world, ann), []);
    world.check();
}

// R32
#[test]
fn what_was_delivered_and_not_read_is_asked_for_as_well() {
    let (mut world, ann, _, talk) = after_an_hour(761);
    world.send(ann, talk, "on the phone, and not looked at");
    world.run(MINUTE);
    assert_eq!(world.messages(ann, talk)[1].state, SendState::Delivered);
    world.run(HOUR);
    assert_eq!(asked(&mut world, ann).len(), 1);
    world.check();
}

// R32
#[test]
fn nothing_is_asked_when_it_was_read_or_answered_or_reacted_to_in_time() {
    let (mut world, ann, bea, talk) = after_an_hour(762);
    world.send(ann, talk, "read");
    world.run(50 * MINUTE);
    world.read_all(bea, talk);
    world.run(2 * HOUR);
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 0));
    // Without receipts, an answer shows it, and so does a reaction.
    let told = Privacy { read_receipts: false, ..world.devices[bea].engine().privacy().settings().unwrap() };
    world.call(bea, |engine, now| engine.privacy().set(told, now)).unwrap();
    let id = world.send(ann, talk, "answered");
    world.run(50 * MINUTE);
    world.read_all(bea, talk);
    world.run(SECOND);
    assert_eq!(kept(&world, ann), 1, "that it was read was not told");
    world.send(bea, talk, "the answer");
    world.run(2 * HOUR);
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 0));
    let target = MessageRef { author: world.user(ann), id };
    world.send(ann, talk, "reacted to");
    world.run(50 * MINUTE);
    world.call(bea, |engine, now| engine.messages().react(talk, &target, Some("👍"), now)).unwrap();
    world.run(2 * HOUR);
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 0));
    world.check();
}

// R32
#[test]
fn a_receipt_counts_for_what_it_names_and_what_was_before_that() {
    let (mut world, ann, bea, talk) = after_an_hour(763);
    world.send(ann, talk, "one");
    world.run(MINUTE);
    world.send(ann, talk, "two");
    world.run(10 * MINUTE);
    let two = world.messages(bea, talk)[2].key;
    world.send(ann, talk, "three");
    world.run(MINUTE);
    world.call(bea, |engine, now| engine.messages().mark_read(talk, two, now)).unwrap();
    world.run(55 * MINUTE);
    assert_eq!(asked(&mut world, ann), [], "the third one has not waited for an hour");
    world.run(5 * MINUTE);
    let since = world.messages(ann, talk)[3].accepted_at.unwrap();
    assert_eq!(asked(&mut world, ann)[0].1, Asked { conversation: talk, user: world.user(bea), since, count: 1 });
    world.check();
}

// R32
#[test]
fn it_is_asked_again_for_what_stays_unread_after_the_other_was_seen() {
    let (mut world, ann, bea, talk) = after_an_hour(764);
    world.send(ann, talk, "first time");
    world.run(2 * HOUR);
    let asks = asked(&mut world, ann);
    notified(&mut world, ann, asks[0].0);
    world.read_all(bea, talk);
    world.run(2 * HOUR);
    assert_eq!(asked(&mut world, ann), []);
    world.send(ann, talk, "second time");
    world.run(2 * HOUR);
    let again = asked(&mut world, ann);
    assert_eq!((again.len(), again[0].1.count), (1, 1));
    assert!(again[0].0 != asks[0].0, "another request");
    world.check();
}

// R32
#[test]
fn who_has_read_a_part_is_reached_for_the_rest_and_not_for_what_was_asked_before() {
    let (mut world, ann, bea, talk) = after_an_hour(777);
    world.send(ann, talk, "read late");
    world.run(2 * HOUR);
    let first = asked(&mut world, ann);
    assert_eq!(first.len(), 1);
    world.send(ann, talk, "not read");
    world.run(MINUTE);
    // Nobody has answered the first request. What makes it needless lies in the mailbox.
    world.disconnect(ann);
    let read = world.messages(bea, talk)[1].key;
    world.call(bea, |engine, now| engine.messages().mark_read(talk, read, now)).unwrap();
    world.run(MINUTE);
    reopen(&mut world, ann);
    world.connect(ann);
    world.run(MINUTE);
    assert_eq!(asked(&mut world, ann), []);
    world.run(HOUR);
    let second = asked(&mut world, ann);
    let since = world.messages(ann, talk)[2].accepted_at.unwrap();
    assert_eq!(second[0].1, Asked { conversation: talk, user: world.user(bea), since, count: 1 });
    assert!(second.len() == 1 && second[0].0 != first[0].0);
    world.check();
}

// R32
#[test]
fn a_request_comes_again_until_it_is_answered_and_never_after() {
    let (mut world, ann, _, talk) = after_an_hour(765);
    world.send(ann, talk, "anybody there?");
    world.run(50 * MINUTE);
    // The time goes on over a restart.
    reopen(&mut world, ann);
    world.run(11 * MINUTE);
    let first = asked(&mut world, ann);
    assert_eq!(first.len(), 1);
    reopen(&mut world, ann);
    world.settle();
    assert_eq!(asked(&mut world, ann), first, "the same once more");
    world.call(ann, |engine, now| engine.request_done(first[0].0, Answer::Failed, now)).unwrap();
    world.run(10 * SECOND);
    assert_eq!(asked(&mut world, ann), first, "after a failure as well");
    notified(&mut world, ann, first[0].0);
    notified(&mut world, ann, first[0].0);
    reopen(&mut world, ann);
    world.run(DAY);
    assert_eq!(asked(&mut world, ann), []);
    world.check();
}

// R32
#[test]
fn a_request_that_nobody_has_answered_is_taken_back_when_the_other_was_seen() {
    let (mut world, ann, bea, talk) = after_an_hour(766);
    world.send(ann, talk, "read while the platform was away");
    world.run(2 * HOUR);
    let asks = asked(&mut world, ann);
    assert_eq!(asks.len(), 1);
    world.read_all(bea, talk);
    world.settle();
    reopen(&mut world, ann);
    world.run(2 * HOUR);
    assert_eq!(asked(&mut world, ann), []);
    notified(&mut world, ann, asks[0].0);
    let other = world.call(ann, |engine, now| engine.request_done(RequestId(999), Answer::Notified, now));
    assert_eq!(other, Err(Error::Misuse(Misuse::UnknownRequest)));
    world.check();
}

// R32
#[test]
fn nothing_is_asked_before_the_mailbox_was_read() {
    let (mut world, ann, bea, talk) = after_an_hour(767);
    world.send(ann, talk, "read while you were away");
    world.run(MINUTE);
    world.disconnect(ann);
    world.read_all(bea, talk);
    world.run(5 * HOUR);
    assert_eq!(asked(&mut world, ann), [], "nobody to ask without a connection");
    world.connect(ann);
    world.settle();
    assert_eq!(asked(&mut world, ann), [], "the receipt was in the mailbox");
    // Nothing in the mailbox this time: it is asked as soon as that is known.
    world.send(ann, talk, "not read while you were away");
    world.run(MINUTE);
    world.disconnect(ann);
    world.run(5 * HOUR);
    world.connect(ann);
    world.run(SECOND);
    assert_eq!(asked(&mut world, ann).len(), 1);
    world.check();
}

// R32
#[test]
fn nothing_is_asked_unless_the_host_wants_it() {
    let mut world = World::new(768);
    let (ann, bea, talk) = world.acquaint();
    world.disconnect(bea);
    world.send(ann, talk, "unread for days");
    world.run(3 * DAY);
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 0));
    // Turned off, it is off at once; what was read meanwhile is known when it is on again.
    world.devices[ann].profile.fallback_after = Some(HOUR);
    reopen(&mut world, ann);
    world.settle();
    world.send(ann, talk, "unread for days, again");
    world.run(MINUTE);
    world.devices[ann].profile.fallback_after = None;
    reopen(&mut world, ann);
    world.run(3 * DAY);
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 1));
    world.connect(bea);
    world.settle();
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(kept(&world, ann), 0);
    world.check();
}

// R32
#[test]
fn the_time_is_a_minute_at_least_and_as_long_as_a_relay_keeps_messages_at_most() {
    let open = |after| {
        let mut config = Config::new(UserId::new("ann").unwrap(), [1; 32]);
        config.fallback_after = after;
        let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let now = Time::from_ms(1_800_000_000_000);
        Engine::open(config, Box::new(store), &HostKey::from_bytes([1; 32]), [1; 32], now).err()
    };
    for good in [None, Some(limits::FALLBACK_MIN), Some(limits::FALLBACK_MAX)] {
        assert_eq!(open(good), None);
    }
    for bad in [0, limits::FALLBACK_MIN - 1, limits::FALLBACK_MAX + 1, u64::MAX] {
        assert!(matches!(open(Some(bad)), Some(Error::Misuse(Misuse::Config(_)))), "{bad}");
    }
}

// R32, R26
#[test]
fn who_is_blocked_is_not_reached_by_any_channel() {
    let (mut world, ann, bea, talk) = after_an_hour(769);
    let user = world.user(bea);
    world.send(ann, talk, "before the block");
    world.run(MINUTE);
    world.call(ann, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    world.run(2 * HOUR);
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 0));
    world.call(ann, |engine, now| engine.privacy().block(&user, false, now)).unwrap();
    world.run(2 * HOUR);
    assert_eq!(asked(&mut world, ann), [], "nor for what was sent before, when it is over");
    // Asked for already, it is taken back.
    world.send(ann, talk, "before the second block");
    world.run(2 * HOUR);
    assert_eq!(asked(&mut world, ann).len(), 1);
    world.call(ann, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    reopen(&mut world, ann);
    world.run(2 * HOUR);
    assert_eq!(asked(&mut world, ann), []);
    world.check();
}

// R32, R26
#[test]
fn a_block_on_another_device_counts_here() {
    let (mut world, ann, bea, talk) = after_an_hour(770);
    let tablet = world.another(ann);
    world.settle();
    world.send(ann, talk, "from the phone");
    world.settle();
    let user = world.user(bea);
    world.call(tablet, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    world.settle();
    assert_eq!(kept(&world, ann), 0);
    world.run(2 * HOUR);
    assert_eq!((asked(&mut world, ann), asked(&mut world, tablet)), (vec![], vec![]));
    world.check();
}

// R32, R17
#[test]
fn only_the_device_that_sent_it_asks() {
    let (mut world, ann, bea, talk) = after_an_hour(771);
    let tablet = world.another(ann);
    world.settle();
    world.disconnect(bea);
    world.send(tablet, talk, "from the tablet");
    world.run(2 * HOUR);
    assert_eq!(asked(&mut world, ann), []);
    assert_eq!(asked(&mut world, tablet).len(), 1);
    world.check();
}

// R32, R17
#[test]
fn what_the_own_devices_do_shows_nothing_of_the_other() {
    let (mut world, ann, bea, talk) = after_an_hour(780);
    let tablet = world.another(ann);
    world.settle();
    world.disconnect(bea);
    let id = world.send(ann, talk, "from the phone");
    world.run(MINUTE);
    let target = MessageRef { author: world.user(ann), id };
    world.call(tablet, |engine, now| engine.messages().react(talk, &target, Some("👍"), now)).unwrap();
    world.run(2 * HOUR);
    assert_eq!(asked(&mut world, ann).len(), 1);
    world.check();
}

// R32, R27, R25
#[test]
fn what_was_deleted_or_has_expired_asks_nothing() {
    let (mut world, ann, bea, talk) = after_an_hour(772);
    world.disconnect(bea);
    let id = world.send(ann, talk, "taken back");
    world.run(MINUTE);
    let target = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
    assert_eq!(kept(&world, ann), 0);
    world.run(2 * HOUR);
    assert_eq!(asked(&mut world, ann), []);
    // Gone at the same instant, and gone before it with one that is left.
    for (period, count) in [(60, None), (5, Some(1))] {
        let draft = Draft { period: Some(period), clock: Some(Clock::FromSend), ..Draft::text("goes by itself") };
        world.call(ann, |engine, now| engine.messages().send(talk, draft, now)).unwrap();
        if count.is_some() {
            world.run(MINUTE);
            world.send(ann, talk, "stays");
        }
        world.run(2 * HOUR);
        let counts: Vec<u32> = asked(&mut world, ann).into_iter().map(|(_, ask)| ask.count).collect();
        assert_eq!(counts, count.into_iter().collect::<Vec<u32>>(), "{period}");
    }
    world.check();
}

// R32, R33
#[test]
fn what_is_no_message_to_be_read_asks_nothing() {
    let (mut world, ann, bea, talk) = after_an_hour(773);
    world.disconnect(bea);
    // A call that nobody answers, a setting, an edit of what was read, and typing.
    world.call(ann, |engine, now| engine.calls().start(talk, CallKind::Voice, b"offer", now)).unwrap();
    world.settle();
    world.call(ann, |engine, now| engine.conversations().set_period(talk, 60, Clock::FromSend, now)).unwrap();
    let first = world.messages(ann, talk)[0].key.id;
    world.call(ann, |engine, now| engine.messages().edit(talk, first, "as it is", now)).unwrap();
    world.call(ann, |engine, now| engine.conversations().set_typing(talk, true, now)).unwrap();
    world.run(3 * HOUR);
    assert!(world.messages(ann, talk).len() > 1, "the call is a message");
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 0));
    // What the relay does not have waits for that, and not for a reader.
    world.disconnect(ann);
    world.send(ann, talk, "in the queue");
    world.run(3 * HOUR);
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 0));
    world.check();
}

// R32
#[test]
fn an_answer_that_overtakes_the_relays_word_counts() {
    use undertone_tests::sim::Fate;
    use undertone_tests::sim::net::{Body, ToDevice};
    let (mut world, ann, bea, talk) = after_an_hour(774);
    let told = Privacy { read_receipts: false, ..world.devices[bea].engine().privacy().settings().unwrap() };
    world.call(bea, |engine, now| engine.privacy().set(told, now)).unwrap();
    let mut lost = false;
    world.tap = Some(Box::new(move |packet| {
        let word = packet.device == ann && matches!(packet.body, Body::Down(ToDevice::Done(..)));
        if word && !lost {
            lost = true;
            return Fate::Drop;
        }
        Fate::Pass
    }));
    world.send(ann, talk, "accepted, and nobody said so");
    world.run(SECOND);
    world.tap = None;
    assert_eq!(world.messages(ann, talk)[1].state, SendState::Delivered, "that much was told by the other side");
    world.send(bea, talk, "the answer");
    world.run(3 * HOUR);
    assert_eq!((asked(&mut world, ann), kept(&world, ann)), (vec![], 0));
    world.check();
}

// R32
#[test]
fn more_than_are_counted_are_as_many_as_are_counted() {
    let (mut world, ann, bea, talk) = after_an_hour(775);
    world.disconnect(bea);
    for n in 0..limits::FALLBACK_COUNTED + 10 {
        world.send(ann, talk, &n.to_string());
        world.run(SECOND);
    }
    world.run(2 * HOUR);
    let asks = asked(&mut world, ann);
    assert_eq!(asks[0].1.count as usize, limits::FALLBACK_COUNTED);
    // All but the last are read: something waits until that was seen.
    let messages = world.messages(ann, talk);
    world.connect(bea);
    world.run(MINUTE);
    let last_but_one = messages[messages.len() - 2].key;
    world.call(bea, |engine, now| engine.messages().mark_read(talk, last_but_one, now)).unwrap();
    world.run(MINUTE);
    assert_eq!(kept(&world, ann), 1);
    world.read_all(bea, talk);
    world.run(MINUTE);
    assert_eq!(kept(&world, ann), 0);
    world.check();
}

// R32
#[test]
fn a_clock_that_jumps_asks_neither_too_early_nor_never() {
    let (mut world, ann, bea, talk) = after_an_hour(776);
    world.disconnect(bea);
    world.send(ann, talk, "wait for it");
    world.run(MINUTE);
    world.set_clock(ann, 7 * DAY as i64);
    world.run(50 * MINUTE);
    assert_eq!(asked(&mut world, ann), [], "only the clock says that a week has passed");
    world.set_clock(ann, 0);
    world.run(5 * MINUTE);
    assert_eq!(asked(&mut world, ann), [], "56 minutes");
    world.run(5 * MINUTE);
    assert_eq!(asked(&mut world, ann).len(), 1, "put right, it waits for no week");
    world.connect(bea);
    world.settle();
    world.read_all(bea, talk);
    world.settle();
    // Put back, and so it stays.
    world.disconnect(bea);
    world.send(ann, talk, "wait for that as well");
    world.run(MINUTE);
    world.set_clock(ann, -(7 * DAY as i64));
    world.run(55 * MINUTE);
    assert_eq!(asked(&mut world, ann), []);
    world.run(10 * MINUTE);
    assert_eq!(asked(&mut world, ann).len(), 1, "a clock that is a week behind does not make it wait for a week");
    world.connect(bea);
    world.settle();
    world.read_all(bea, talk);
    world.settle();
    world.set_clock(ann, 0);
    world.disconnect(bea);
    // A clock that is ahead all the time is held against the relay's, as soon as that is known.
    world.set_clock(ann, 3 * HOUR as i64);
    world.disconnect(ann);
    world.connect(ann);
    world.settle();
    world.send(ann, talk, "by the relay's clock");
    world.run(55 * MINUTE);
    assert_eq!(asked(&mut world, ann), []);
    world.disconnect(ann);
    world.run(10 * MINUTE);
    world.connect(ann);
    world.run(SECOND);
    assert_eq!(asked(&mut world, ann).len(), 1);
    world.check();
}

// R32
#[test]
fn a_clock_that_is_set_by_less_than_an_hour_asks_no_earlier_once_the_relay_was_heard() {
    let (mut world, ann, bea, talk) = after_an_hour(777);
    world.disconnect(bea);
    world.send(ann, talk, "wait for it");
    world.run(MINUTE);
    world.set_clock(ann, 40 * MINUTE as i64);
    world.send(ann, talk, "and the relay says what time it is");
    world.run(58 * MINUTE);
    assert_eq!(asked(&mut world, ann), [], "59 minutes");
    world.run(2 * MINUTE);
    assert_eq!(asked(&mut world, ann).len(), 1);
    world.check();
}
