//! Sending: at once on screen, in order on the wire, once each, whatever the connection does.

use undertone::conversation::ConversationState;
use undertone::engine::{Draft, Engine};
use undertone::envelope::{Clock, Envelope, EnvelopeKind, Kind, MessageRef};
use undertone::error::{Error, Misuse};
use undertone::event::Event;
use undertone::id::{ConversationId, MessageId};
use undertone::input::{Refusal, TransmitResult};
use undertone::limits;
use undertone::message::{FailedReason, SendState};
use undertone::time::{DAY, HOUR, MINUTE, SECOND};
use undertone_relay::logic::Limits;
use undertone_tests::sim::net::{Body, ToRelay};
use undertone_tests::sim::{DeviceIx, Fate, Weather, World};

/// A client and an escort who have talked.
fn acquainted(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    world.settle();
    (world, ann, bea, talk)
}

fn state(world: &mut World, ix: DeviceIx, talk: ConversationId, id: MessageId) -> SendState {
    let reference = MessageRef { author: world.user(ix), id };
    let now = world.now;
    world.devices[ix].engine().messages().get(talk, &reference, now).unwrap().state
}

fn kinds(world: &World, from: DeviceIx, since: usize) -> Vec<EnvelopeKind> {
    let sent = world.wire[since..].iter().filter(|(ix, _)| *ix == from);
    sent.map(|(_, bytes)| Envelope::decode(bytes).unwrap().kind).collect()
}

// R18
#[test]
fn a_message_goes_from_queued_to_read() {
    let (mut world, ann, bea, talk) = acquainted(2);
    world.disconnect(ann);
    let id = world.send(ann, talk, "on my way");
    assert_eq!(state(&mut world, ann, talk, id), SendState::Queued);
    world.disconnect(bea);
    world.connect(ann);
    world.run(6);
    assert_eq!(state(&mut world, ann, talk, id), SendState::Queued, "not yet logged in");
    world.run(14);
    assert_eq!(state(&mut world, ann, talk, id), SendState::Sending, "logged in, and the mailbox read");
    world.settle();
    assert_eq!(state(&mut world, ann, talk, id), SendState::Sent);
    world.connect(bea);
    world.settle();
    assert_eq!(state(&mut world, ann, talk, id), SendState::Delivered);
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(state(&mut world, ann, talk, id), SendState::Read);
    world.check();
}

// R19
#[test]
fn what_is_queued_offline_goes_out_in_order_and_once() {
    let (mut world, ann, bea, talk) = acquainted(3);
    world.disconnect(ann);
    let texts: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
    for text in &texts {
        world.send(ann, talk, text);
        world.run(HOUR / 10);
    }
    world.connect(ann);
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk)[1..], texts);
    assert_eq!(world.texts(ann, talk), world.texts(bea, talk), "both see one order");
    assert_eq!(world.unread(bea, talk), 100);
}

// R19
#[test]
fn a_lost_answer_makes_the_same_bytes_go_out_again_and_the_message_is_there_once() {
    let (mut world, ann, bea, talk) = acquainted(4);
    let before = world.wire.len();
    let id = world.send(ann, talk, "once");
    // The relay has it; the answer is lost with the connection.
    world.run(7);
    world.lose_link(ann);
    assert_eq!(state(&mut world, ann, talk, id), SendState::Sending);
    world.dial(ann);
    world.settle();
    let sent: Vec<_> = world.wire[before..].iter().filter(|(ix, _)| *ix == ann).map(|(_, bytes)| bytes).collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
    assert_eq!(world.texts(bea, talk), ["first", "once"]);
    assert_eq!(state(&mut world, ann, talk, id), SendState::Delivered);
}

// R19 R30
#[test]
fn without_answers_the_engine_tries_again_ever_more_slowly() {
    let (mut world, ann, bea, talk) = acquainted(5);
    world.net.weather.lost = 1_000;
    let before = world.wire.len();
    world.send(ann, talk, "is anybody there?");
    world.run(HOUR);
    let tries = world.wire.len() - before;
    // A doubling back-off up to five minutes, and ten seconds of waiting for each answer.
    assert!((10..=40).contains(&tries), "{tries} tries in an hour");
    world.net.weather.lost = 0;
    world.run(10 * MINUTE);
    assert_eq!(world.texts(bea, talk), ["first", "is anybody there?"]);
}

// R18
#[test]
fn a_queued_message_can_be_cancelled_and_retried() {
    let (mut world, ann, bea, talk) = acquainted(6);
    world.disconnect(ann);
    let id = world.send(ann, talk, "or not");
    world.send(ann, talk, "second");
    world.call(ann, |engine, now| engine.messages().cancel(talk, id, now)).unwrap();
    assert_eq!(state(&mut world, ann, talk, id), SendState::Failed(FailedReason::Cancelled));
    let again = world.call(ann, |engine, now| engine.messages().cancel(talk, id, now));
    assert_eq!(again, Err(Error::Misuse(Misuse::State)));
    world.connect(ann);
    world.settle();
    assert_eq!(world.texts(bea, talk), ["first", "second"]);
    world.call(ann, |engine, now| engine.messages().retry(talk, id, now)).unwrap();
    assert_eq!(
        world.call(ann, |engine, now| engine.messages().retry(talk, id, now)),
        Err(Error::Misuse(Misuse::State))
    );
    world.settle();
    assert_eq!(world.texts(bea, talk), ["first", "second", "or not"]);
    assert_eq!(
        world.texts(ann, talk),
        ["first", "second", "or not"],
        "it stands where it was sent, not where it was written"
    );
    let sent = world.call(ann, |engine, now| engine.messages().cancel(talk, id, now));
    assert_eq!(sent, Err(Error::Misuse(Misuse::State)), "too late");
    world.check();
}

// R23
#[test]
fn receipts_for_many_messages_go_in_few_envelopes() {
    let (mut world, ann, bea, talk) = acquainted(7);
    world.disconnect(bea);
    for n in 0..60 {
        world.send(ann, talk, &format!("line {n}"));
    }
    world.settle();
    world.connect(bea);
    let before = world.wire.len();
    world.settle();
    let receipts = kinds(&world, bea, before);
    assert_eq!(receipts, [EnvelopeKind::Receipt], "one for sixty messages");
    world.read_all(bea, talk);
    world.settle();
    assert!(world.messages(ann, talk).iter().all(|m| m.state == SendState::Read));
    assert_eq!(kinds(&world, bea, before).len(), 2);
}

// R19 R25: an order of stamps that no clock disturbs
#[test]
fn a_clock_that_jumps_changes_neither_order_nor_delivery() {
    let (mut world, ann, bea, talk) = acquainted(8);
    world.send(ann, talk, "in time");
    world.settle();
    world.devices[ann].skew = -(MINUTE as i64 * 30);
    world.send(ann, talk, "half an hour back");
    world.settle();
    world.devices[ann].skew = 2 * DAY as i64;
    world.send(ann, talk, "two days ahead");
    world.settle();
    world.settle();
    world.send(bea, talk, "and I answer");
    world.settle();
    world.devices[ann].skew = 0;
    world.run(10 * SECOND);
    world.send(ann, talk, "right again");
    world.settle();
    world.check();
    let seen = world.texts(bea, talk);
    assert_eq!(seen, ["first", "in time", "half an hour back", "two days ahead", "and I answer", "right again"]);
    assert_eq!(world.texts(ann, talk), seen);
}

// R18
#[test]
fn messages_can_be_queued_before_the_other_has_any_device() {
    let mut world = World::new(9);
    let ann = world.device("ann", "client");
    let stranger = undertone::id::UserId::new("bea").unwrap();
    let talk = world.call(ann, |engine, now| engine.conversations().start(&stranger, now)).unwrap();
    world.call(ann, |engine, now| engine.messages().send(talk, Draft::text("are you there?"), now)).unwrap();
    world.run(HOUR);
    assert_eq!(world.conversation(ann, talk).state, ConversationState::Starting);
    assert!(!world.devices[ann].events.contains(&Event::Resync));
    let bea = world.device("bea", "escort");
    world.run(HOUR);
    assert_eq!(world.texts(bea, talk), ["are you there?"]);
    world.check();
}

// R23
#[test]
fn receipts_for_many_long_messages_are_taken_in_bounded_steps() {
    let (mut world, ann, bea, talk) = acquainted(31);
    world.disconnect(bea);
    let long = "long ".repeat(3_000);
    for _ in 0..130 {
        world.send(ann, talk, &long);
        world.run(SECOND);
    }
    world.settle();
    world.connect(bea);
    world.settle();
    world.check();
    let delivered =
        |world: &mut World| world.messages(ann, talk).iter().filter(|m| m.state == SendState::Delivered).count();
    assert!(delivered(&mut world) >= 99, "the page is full of delivered messages");
    world.read_all(bea, talk);
    world.settle();
    assert!(world.messages(ann, talk).iter().all(|m| m.state == SendState::Read));
    world.check();
}

// R23
#[test]
fn receipts_for_messages_that_are_not_there_never_harm_their_reader() {
    let (mut world, ann, bea, talk) = acquainted(32);
    for flood in 0..3_u8 {
        let ids: Vec<MessageId> =
            (0..=255_u8).map(|n| MessageId::from_bytes([flood, n, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3])).collect();
        let body = Engine::receipt_for(&world.user(ann), &ids).unwrap();
        world.call(bea, |engine, now| engine.say(talk, Kind::RECEIPT, body, now)).unwrap();
        world.settle();
    }
    world.check();
    assert!(world.devices[ann].refusals.is_empty());
    world.send(ann, talk, "still here");
    world.settle();
    assert_eq!(world.texts(bea, talk), ["first", "still here"]);
}

// R19: a relay that has forgotten a session takes nothing in it any more
#[test]
fn what_a_relay_refuses_of_a_forgotten_session_goes_out_in_a_new_one() {
    let (mut world, ann, bea, talk) = forgotten(64);
    // More than the window: some come back while others have not been out yet.
    let lines: Vec<String> = (0..undertone::limits::WINDOW + 8).map(|n| format!("line {n}")).collect();
    for line in &lines {
        world.send(ann, talk, line);
    }
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk)[1..], lines);
    assert_eq!(world.texts(ann, talk)[1..], lines);
    assert!(world.messages(ann, talk).iter().all(|m| m.state == SendState::Delivered));
}

// R19 R24 R27: the same for what is no message
#[test]
fn receipts_and_edits_that_a_relay_refuses_of_a_forgotten_session_go_out_in_a_new_one() {
    let (mut world, ann, bea, talk) = forgotten(65);
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(world.messages(ann, talk)[0].state, SendState::Read);
    let (mut world, ann, bea, talk) = forgotten(66);
    let id = world.messages(ann, talk)[0].key.id;
    world.call(ann, |engine, now| engine.messages().edit(talk, id, "better", now)).unwrap();
    world.settle();
    assert_eq!(world.texts(bea, talk), ["better"]);
    world.check();
}

// R19 R25 R27
#[test]
fn what_a_relay_refuses_for_the_sake_of_a_certificate_goes_out_once_there_is_another() {
    let mut world = World::new(68);
    world.period = -1;
    let (ann, bea, talk) = world.acquaint();
    let first = MessageRef { author: world.user(ann), id: world.messages(ann, talk)[0].key.id };
    world.tap = Some(Box::new(|packet| match &packet.body {
        Body::Up(ToRelay::Submit(..)) => Fate::Drop,
        _ => Fate::Pass,
    }));
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &first, now)).unwrap();
    world.call(ann, |engine, now| engine.conversations().set_period(talk, 10_080, Clock::FromSend, now)).unwrap();
    world.send(ann, talk, "meanwhile");
    let mut answered = 0;
    while let Some(id) = world.devices[ann].waiting_transmits.first().copied() {
        let refused = TransmitResult::Refused(Refusal::Certificate);
        world.call(ann, |engine, now| engine.transmit_done(id, refused, now)).unwrap();
        world.devices[ann].waiting_transmits.remove(&id);
        answered += 1;
    }
    assert!(answered > 0);
    assert!(world.devices[ann].events.contains(&Event::CertificateNeeded), "the host is asked for another one");
    let state = world.messages(ann, talk).last().unwrap().state;
    assert!(matches!(state, SendState::Queued | SendState::Sending), "it waits: {state:?}");
    assert_eq!(world.texts(bea, talk), ["first"]);
    world.tap = None;
    world.settle();
    world.check();
    for ix in [ann, bea] {
        assert_eq!(world.texts(ix, talk)[1..], ["meanwhile"], "below the line of the period");
        assert_eq!(world.conversation(ix, talk).period, 10_080);
    }
}

/// Two who have talked, through a relay that has forgotten their session since.
pub fn forgotten(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let limits = Limits { tag_age: DAY, ..Limits::default() };
    let mut world = World::with(seed, Weather::FINE, limits);
    world.period = -1;
    let (ann, bea, talk) = world.acquaint();
    world.run(4 * DAY);
    let now = world.now;
    world.relay.logic().handle_timeout(now).expect("a store in memory works");
    (world, ann, bea, talk)
}

// R23
#[test]
fn when_a_message_was_delivered_and_read_is_told_to_the_millisecond_by_the_readers_clock() {
    let (mut world, ann, bea, talk) = acquainted(94);
    let tablet = world.another(bea);
    world.settle();
    world.disconnect(tablet);
    world.set_clock(bea, 30_000);
    let told = |world: &mut World, id| {
        let message = world.messages(ann, talk).into_iter().find(|message| message.key.id == id).unwrap();
        let [recipient] = &message.recipients[..] else { panic!("{} recipients", message.recipients.len()) };
        assert_eq!(recipient.user, world.user(bea));
        (recipient.delivered, recipient.read)
    };
    let id = world.send(ann, talk, "when?");
    assert_eq!(told(&mut world, id), (None, None));
    while world.texts(bea, talk).len() < 2 {
        world.run(1);
    }
    // Receipts gather for so long, and say when they were told.
    let delivered = Some(world.devices[bea].clock(world.now).plus(limits::RECEIPT_DELAY));
    world.settle();
    assert_eq!(told(&mut world, id), (delivered, None));
    let read = Some(world.devices[bea].clock(world.now).plus(limits::RECEIPT_DELAY));
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(told(&mut world, id), (delivered, read));
    // What another device says later, by a clock that is behind, changes neither.
    world.set_clock(tablet, -(HOUR as i64));
    world.connect(tablet);
    world.settle();
    world.read_all(tablet, talk);
    world.settle();
    assert_eq!(told(&mut world, id), (delivered, read));
    // Nor was anything read before it came.
    let id = world.send(ann, talk, "and now?");
    world.settle();
    let (delivered, none) = told(&mut world, id);
    assert!(delivered.is_some() && none.is_none());
    world.set_clock(bea, -(HOUR as i64));
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(told(&mut world, id), (delivered, delivered));
    world.check();
}
