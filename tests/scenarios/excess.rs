//! Too much, too long, too early, too late: what a doctored engine or relay sends so that another one breaks on it.

use undertone::Time;
use undertone::engine::{Draft, Engine};
use undertone::envelope::{Content, EnvelopeKind, Kind, MessageRef};
use undertone::error::{Error, PeerFault};
use undertone::id::{ConversationId, MessageId};
use undertone::input::{Refusal, TransmitResult};
use undertone::limits;
use undertone::message::{MessageContent, SendState};
use undertone::store::Table;
use undertone::time::{DAY, HOUR, MINUTE};
use undertone_tests::sim::net::{Body, ToDevice};
use undertone_tests::sim::{DeviceIx, Fate, World};

use crate::hostile_member::{acquainted, committed, content};

/// Says bytes as one kind of content or another; what the other device made of them.
fn say(
    world: &mut World,
    (from, to): (DeviceIx, DeviceIx),
    talk: ConversationId,
    content: &Content,
    zeros: usize,
) -> Vec<Error> {
    let mut padded = content.encode().unwrap();
    padded.resize(padded.len().max(zeros), 0);
    let (kind, commitment) = if content.kind.is_shown() {
        (EnvelopeKind::Message, Some(content.commitment(&padded)))
    } else {
        (EnvelopeKind::Receipt, None)
    };
    world.devices[to].refusals.clear();
    world.call(from, |engine, now| engine.say_bytes(talk, kind, &padded, commitment, now)).unwrap();
    world.settle();
    world.devices[to].refusals.clone()
}

fn numbered(number: u64) -> MessageId {
    MessageId::from_slice(&[&number.to_be_bytes()[..], &[0x77; 8]].concat()).unwrap()
}

/// An act of Bea's on a message, in an engine of its own making.
fn act(world: &World, kind: Kind, number: u64, target: MessageRef, body: Vec<u8>) -> Content {
    let mut content = content(kind, 0, body, world.now);
    content.head.id = numbered(number);
    content.head.target = Some(target);
    content
}

/// The body of an edit: `[count, text, []]`.
fn edit(count: u8, text: &str) -> Vec<u8> {
    [&[0x93, count][..], &Engine::text(text).unwrap(), &[0x90]].concat()
}

/// The body of a reaction: `[count, emoji]`.
fn reaction() -> Vec<u8> {
    [&[0x92, 1, 0xa4][..], "👍".as_bytes()].concat()
}

fn rows(world: &World, ix: DeviceIx, table: Table) -> usize {
    world.devices[ix].disk.rows().into_iter().filter(|(of, ..)| *of == table).count()
}

/// A device is opened again, and both talk on.
fn goes_on(world: &mut World, ann: DeviceIx, bea: DeviceIx, talk: ConversationId) {
    world.crash(ann, usize::MAX);
    world.restart(ann);
    world.settle();
    for (from, to, text) in [(bea, ann, "still there?"), (ann, bea, "yes")] {
        world.send(from, talk, text);
        world.settle();
        assert!(world.texts(to, talk).contains(&text.to_owned()), "{text}");
    }
    world.check();
}

// R14
#[test]
fn a_content_with_more_padding_than_any_needs_is_refused() {
    let (mut world, ann, bea, talk) = acquainted(760);
    let said = |world: &mut World, id: u8, zeros| {
        let text = content(Kind::TEXT, id, Engine::text("padded").unwrap(), world.now);
        say(world, (bea, ann), talk, &text, zeros)
    };
    assert_eq!(said(&mut world, 1, limits::PADDED), []);
    assert_eq!(said(&mut world, 2, limits::PADDED + 1), [Error::Peer(PeerFault::TooLarge("content"))]);
    assert_eq!(world.texts(ann, talk), ["first", "padded"]);
    goes_on(&mut world, ann, bea, talk);
}

// R14
#[test]
fn long_acts_that_wait_for_their_messages_give_way_without_breaking_anything() {
    let (mut world, ann, bea, talk) = acquainted(761);
    let user = world.user(ann);
    for number in 0..limits::EARLY as u64 {
        let target = MessageRef { author: user.clone(), id: numbered(number) };
        let act = act(&world, Kind::REACTION, number, target, reaction());
        assert_eq!(say(&mut world, (bea, ann), talk, &act, limits::EARLY_ACT), []);
    }
    assert_eq!(rows(&world, ann, Table::Early), limits::EARLY);
    // A receipt that is done in several steps, each with more of what waits.
    let here: Vec<MessageId> = world.messages(ann, talk).iter().map(|message| message.key.id).collect();
    let ids: Vec<MessageId> = (0..16).map(|_| here[0]).chain((1_000..1_200).map(numbered)).collect();
    let body = Engine::receipt_for(&user, &ids).unwrap();
    let mut receipt = content(Kind::RECEIPT, 0x20, body, world.now);
    (receipt.head.counts, receipt.head.notifies) = (false, false);
    assert_eq!(say(&mut world, (bea, ann), talk, &receipt, 0), []);
    assert!(rows(&world, ann, Table::Early) <= limits::EARLY);
    goes_on(&mut world, ann, bea, talk);
    world.run(limits::EARLY_AGE + DAY);
    assert_eq!(rows(&world, ann, Table::Early), 0, "nothing waits for ever");
}

// R14
#[test]
fn a_message_for_which_much_waits_comes_all_the_same() {
    let (mut world, ann, bea, talk) = acquainted(762);
    let (author, text) = (world.user(bea), "x".repeat(limits::TEXT));
    let target = MessageRef { author, id: numbered(0) };
    for number in 1..100 {
        let act = act(&world, Kind::EDIT, number, target.clone(), edit(number as u8, &text));
        assert_eq!(say(&mut world, (bea, ann), talk, &act, 0), []);
    }
    let mut first = content(Kind::TEXT, 0, Engine::text("at last").unwrap(), world.now);
    first.head.id = target.id;
    assert_eq!(say(&mut world, (bea, ann), talk, &first, 0), []);
    assert_eq!(world.texts(ann, talk).last(), Some(&text), "and the last edit counts");
    goes_on(&mut world, ann, bea, talk);
}

// R25
#[test]
fn messages_that_were_edited_at_length_go_like_others() {
    let (mut world, ann, bea, talk) = acquainted(763);
    for number in 0..12 {
        let (id, author) = (numbered(number), world.user(bea));
        let mut first = content(Kind::TEXT, 0, Engine::text("short").unwrap(), world.now);
        (first.head.id, first.head.period) = (id, 60);
        assert_eq!(say(&mut world, (bea, ann), talk, &first, limits::PADDED), []);
        for count in 1..6 {
            let target = MessageRef { author: author.clone(), id };
            let act = act(&world, Kind::EDIT, 100 * (number + 1) + count, target, edit(count as u8, "longer"));
            assert_eq!(say(&mut world, (bea, ann), talk, &act, limits::PADDED), []);
        }
    }
    assert!(rows(&world, ann, Table::Evidence) > 12, "what they said is kept");
    world.run(2 * HOUR);
    assert_eq!(world.texts(ann, talk), ["first"]);
    assert_eq!(rows(&world, ann, Table::Evidence), 0);
    goes_on(&mut world, ann, bea, talk);
}

// R14, R21
#[test]
fn times_that_no_clock_shows_are_refused() {
    let (mut world, ann, bea, talk) = acquainted(764);
    let text = content(Kind::TEXT, 1, Engine::text("from the end of time").unwrap(), world.now);
    let mut padded = text.encode().unwrap();
    let stamp = world.now.as_ms().to_be_bytes();
    let at = padded.windows(8).position(|bytes| bytes == stamp).unwrap();
    padded[at..at + 8].copy_from_slice(&Time::END.as_ms().to_be_bytes());
    let commitment = Some(text.commitment(&padded));
    world.devices[ann].refusals.clear();
    world.call(bea, |engine, now| engine.say_bytes(talk, EnvelopeKind::Message, &padded, commitment, now)).unwrap();
    world.settle();
    assert_eq!(world.devices[ann].refusals, [Error::Peer(PeerFault::Malformed("content"))]);
    world.tap = Some(Box::new(|packet| match &mut packet.body {
        Body::Down(ToDevice::Deliver(delivery)) => {
            delivery.accepted_at = Time::from_ms(u64::MAX);
            Fate::Pass
        }
        _ => Fate::Pass,
    }));
    world.send(bea, talk, "accepted at the end of time");
    world.settle();
    world.release();
    assert_eq!(world.texts(ann, talk), ["first"]);
    goes_on(&mut world, ann, bea, talk);
}

// R25
#[test]
fn a_relay_that_says_that_it_accepted_a_message_long_ago_does_not_make_it_go_where_it_was_written() {
    let mut world = World::new(765);
    let (ann, bea, talk) = world.acquaint();
    world.tap = Some(Box::new(|packet| {
        if let Body::Down(ToDevice::Done(_, TransmitResult::Accepted { at })) = &mut packet.body {
            *at = Time::ZERO;
        }
        Fate::Pass
    }));
    let draft = Draft { period: Some(24 * 60), ..Draft::text("for a day") };
    world.call(ann, |engine, now| engine.messages().send(talk, draft, now)).unwrap();
    world.settle();
    world.release();
    world.run(HOUR);
    assert!(world.texts(ann, talk).contains(&"for a day".to_owned()));
    world.run(DAY);
    assert!(!world.texts(ann, talk).contains(&"for a day".to_owned()));
    goes_on(&mut world, ann, bea, talk);
}

// R26
#[test]
fn who_is_blocked_leaves_nothing_behind_that_cannot_be_read_either() {
    let (mut world, ann, bea, talk) = acquainted(766);
    let user = world.user(bea);
    world.call(ann, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    world.settle();
    let shown = world.messages(ann, talk).len();
    // As of a later version, and longer than what is kept of one.
    let text = content(Kind::TEXT, 1, vec![7; limits::CONTENT_BODY], world.now);
    let mut later = text.encode().unwrap();
    later[0] += 1;
    later.resize(2 * limits::NEWER, 0);
    let commitment = committed(&text);
    world.call(bea, |engine, now| engine.say_bytes(talk, EnvelopeKind::Message, &later, commitment, now)).unwrap();
    world.settle();
    assert_eq!((world.messages(ann, talk).len(), world.unread(ann, talk)), (shown, 0));
    world.call(ann, |engine, now| engine.privacy().block(&user, false, now)).unwrap();
    world.call(bea, |engine, now| engine.say_bytes(talk, EnvelopeKind::Message, &later, commitment, now)).unwrap();
    world.settle();
    assert_eq!(world.messages(ann, talk).len(), shown + 1, "of anybody else, it does");
    world.check();
}

/// The body of settings: `[count, id, period, clock]`.
fn settings(count: u8, id: MessageId, period: u8) -> Vec<u8> {
    [&[0x94, count, 0xc4, 0x10][..], id.as_bytes(), &[period, 0]].concat()
}

// R25
#[test]
fn nobody_sets_the_period_without_a_line_that_says_so() {
    let (mut world, ann, bea, talk) = acquainted(767);
    let notes = |world: &mut World| {
        let messages = world.messages(ann, talk).into_iter();
        messages.filter(|m| matches!(m.content, MessageContent::System(_))).collect::<Vec<_>>()
    };
    let mut text = content(Kind::TEXT, 0, Engine::text("look over there").unwrap(), world.now);
    text.head.id = numbered(1);
    assert_eq!(say(&mut world, (bea, ann), talk, &text, 0), []);
    let mut setting = content(Kind::SETTINGS, 0x30, settings(1, numbered(1), 5), world.now);
    (setting.head.counts, setting.head.notifies) = (false, false);
    assert_eq!(say(&mut world, (bea, ann), talk, &setting, 0), []);
    assert_eq!(world.conversation(ann, talk).period, 5);
    let [note] = &notes(&mut world)[..] else { panic!("a line, though a message has the setting's name") };
    let target = MessageRef { author: note.author.clone(), id: note.key.id };
    let act = act(&world, Kind::DELETE, 2, target, Vec::new());
    assert_eq!(say(&mut world, (bea, ann), talk, &act, 0), [Error::Peer(PeerFault::Forbidden)]);
    assert_eq!(notes(&mut world).len(), 1);
    goes_on(&mut world, ann, bea, talk);
}

// R8, R20
#[test]
fn a_long_queue_that_the_rules_forbid_fails_without_breaking_anything() {
    let mut world = World::new(768);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(ann, bea);
    world.disconnect(ann);
    let long = "x".repeat(limits::TEXT);
    for _ in 0..80 {
        world.send(ann, talk, &long);
    }
    world.tap = Some(Box::new(|packet| {
        if let Body::Down(ToDevice::Done(_, result)) = &mut packet.body {
            *result = TransmitResult::Refused(Refusal::Policy);
        }
        Fate::Pass
    }));
    world.connect(ann);
    world.run(MINUTE);
    let failed = world.messages(ann, talk).iter().filter(|m| matches!(m.state, SendState::Failed(_))).count();
    assert_eq!(failed, world.messages(ann, talk).len());
    world.crash(ann, usize::MAX);
    world.restart(ann);
    world.check();
}
