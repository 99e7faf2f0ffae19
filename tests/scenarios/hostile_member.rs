//! What a member with an engine of its own, or a relay that makes envelopes up, cannot do to others.

use undertone::engine::{Draft, Engine};
use undertone::envelope::{Clock, Content, Envelope, EnvelopeKind, Head, Kind};
use undertone::error::{Error, PeerFault};
use undertone::id::{ConversationId, EnvelopeId, Hash32, MessageId};
use undertone::input::{Delivery, DeliveryId};
use undertone::limits;
use undertone::message::{MessageContent, SendState};
use undertone::time::{DAY, MINUTE, Time};
use undertone_tests::sim::{DeviceIx, World};

/// Two who have talked, whose keys stay for a day and whose messages for ever.
pub fn acquainted(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    world.update_after = DAY;
    world.period = -1;
    let (ann, bea, talk) = world.acquaint();
    (world, ann, bea, talk)
}

/// A content of a doctored engine, about no other.
pub fn content(kind: Kind, id: u8, body: Vec<u8>, now: Time) -> Content {
    let head = Head {
        id: MessageId::from_bytes([id; 16]),
        stamp: now,
        period: -1,
        clock: Clock::FromSend,
        target: None,
        counts: kind.is_shown(),
        notifies: kind.is_shown(),
    };
    Content { head, kind, body, opening: Hash32::of(&[id]) }
}

fn text(id: u8, text: &str, now: Time) -> Content {
    content(Kind::TEXT, id, Engine::text(text).unwrap(), now)
}

/// What makes it provable in a report.
pub fn committed(content: &Content) -> Option<Hash32> {
    Some(content.commitment(&content.encode().unwrap()))
}

/// Says it, whatever the engine thinks of that.
pub fn say(
    world: &mut World,
    ix: DeviceIx,
    talk: ConversationId,
    kind: EnvelopeKind,
    content: &Content,
    commitment: Option<Hash32>,
) {
    world.call(ix, |engine, now| engine.say_as(talk, kind, content, commitment, now)).unwrap();
    world.settle();
}

/// Sends something once more, with all that belongs to it.
fn say_again(world: &mut World, ix: DeviceIx, talk: ConversationId, lost: EnvelopeId, inner: &Content) {
    let body = Engine::again(lost, inner, world.now).unwrap();
    let again = content(Kind::AGAIN, 0xa0, body, world.now);
    say(world, ix, talk, EnvelopeKind::Receipt, &again, committed(inner));
}

/// The envelopes of a device on the wire.
fn sent(world: &World, from: DeviceIx, kind: EnvelopeKind) -> Vec<Envelope> {
    let of = |(ix, bytes): &(DeviceIx, Vec<u8>)| (*ix == from).then(|| Envelope::decode(bytes).unwrap());
    world.wire.iter().filter_map(of).filter(|e| e.kind == kind).collect()
}

fn encrypted(world: &mut World, ix: DeviceIx, talk: ConversationId) -> usize {
    world.messages(ix, talk).iter().filter(|m| matches!(m.content, MessageContent::Encrypted(_))).count()
}

/// Lets so many epochs pass that the keys of the first ones are gone.
fn epochs_pass(world: &mut World, ann: DeviceIx, talk: ConversationId) {
    for n in 0..8 {
        world.run(2 * DAY);
        world.send(ann, talk, &format!("day {n}"));
        world.settle();
    }
}

// R13 R26
#[test]
fn what_was_read_cannot_be_taken_back_or_replaced_by_sending_it_again() {
    let (mut world, ann, bea, talk) = acquainted(300);
    world.read_all(bea, talk);
    world.settle();
    let named_like_the_message = EnvelopeId::from_bytes(*world.messages(bea, talk)[0].key.id.as_bytes());
    let its_envelope = sent(&world, ann, EnvelopeKind::Message)[0].id;
    let never_sent = EnvelopeId::from_bytes([0x77; 16]);
    for (id, lost) in [named_like_the_message, its_envelope, never_sent].into_iter().enumerate() {
        let other = text(id as u8, "I never said that", world.now);
        say_again(&mut world, ann, talk, lost, &other);
    }
    world.check();
    assert_eq!(world.texts(bea, talk), ["first"]);
    assert_eq!(world.unread(bea, talk), 0);
}

// R26
#[test]
fn a_message_that_no_report_could_prove_is_refused() {
    let (mut world, ann, bea, talk) = acquainted(301);
    let now = world.now;
    let (one, other) = (text(1, "deniable", now), text(2, "other", now));
    let again = content(Kind::AGAIN, 3, Engine::again(EnvelopeId::from_bytes([1; 16]), &one, now).unwrap(), now);
    let receipt = content(Kind::RECEIPT, 4, Vec::new(), now);
    let (message, receipts) = (EnvelopeKind::Message, EnvelopeKind::Receipt);
    let kind = PeerFault::Malformed("envelope kind");
    let cases = [
        (message, &one, None, PeerFault::Commitment),
        (message, &one, committed(&other), PeerFault::Commitment),
        (receipts, &one, committed(&one), kind),
        (receipts, &one, None, kind),
        (receipts, &again, None, PeerFault::Commitment),
        (receipts, &again, committed(&again), PeerFault::Commitment),
        (message, &again, committed(&one), kind),
        (message, &receipt, None, kind),
        (receipts, &receipt, committed(&receipt), PeerFault::Commitment),
    ];
    for (kind, content, commitment, fault) in cases {
        world.devices[bea].refusals.clear();
        say(&mut world, ann, talk, kind, content, commitment);
        assert_eq!(world.devices[bea].refusals, [Error::Peer(fault)], "{kind:?} {:?}", content.kind);
        assert_eq!(world.texts(bea, talk), ["first"]);
    }
    say(&mut world, ann, talk, message, &one, committed(&one));
    world.check();
    assert_eq!(world.texts(bea, talk), ["first", "deniable"], "with its commitment it is shown");
}

/// An envelope of an epoch whose keys are gone, of which nothing can be verified.
fn forged(world: &World, ann: DeviceIx, sender: DeviceIx, id: [u8; 16]) -> Vec<u8> {
    let mut old = sent(world, ann, EnvelopeKind::Message)[0].clone();
    old.id = EnvelopeId::from_bytes(id);
    old.sender = world.devices[sender].id;
    // Another body for each id: else it would be a repeat.
    let at = old.body.len() - 16;
    old.body[at..].copy_from_slice(&id);
    old.encode().unwrap()
}

// R13
#[test]
fn only_members_leave_encrypted_messages_behind_and_only_so_many_a_day() {
    let (mut world, ann, bea, talk) = acquainted(302);
    let cid = world.device("cid", "client");
    world.settle();
    let other = world.start(cid, bea);
    world.send(cid, other, "hello");
    world.settle();
    epochs_pass(&mut world, ann, talk);
    let alien = forged(&world, ann, cid, [0x55; 16]);
    assert_eq!(world.smuggle(bea, alien), Err(Error::Peer(PeerFault::Forged)), "not of this conversation");
    assert_eq!(encrypted(&mut world, bea, talk), 0);
    for n in 0..30 {
        let made_up = forged(&world, ann, ann, [n; 16]);
        world.smuggle(bea, made_up).unwrap();
    }
    assert_eq!(encrypted(&mut world, bea, talk), limits::UNDECRYPTABLE);
    world.run(2 * DAY);
    assert_eq!(encrypted(&mut world, bea, talk), 30, "they do not count for ever, and what waited has its turn");
    for n in 100..250 {
        let made_up = forged(&world, ann, ann, [n; 16]);
        world.smuggle(bea, made_up).unwrap();
    }
    for day in 1..4 {
        assert_eq!(encrypted(&mut world, bea, talk), 30 + day * limits::UNDECRYPTABLE, "day {day}");
        world.run(DAY + MINUTE);
    }
    world.run(3 * DAY);
    assert_eq!(encrypted(&mut world, bea, talk), 30 + limits::UNDECRYPTABLE + limits::PARKED, "no more than may wait");
    world.check();
}

// R13
#[test]
fn an_envelope_named_like_a_message_that_waits_does_not_take_its_place() {
    let (mut world, ann, bea, talk) = acquainted(303);
    let tablet = world.another(bea);
    world.settle();
    epochs_pass(&mut world, ann, talk);
    world.disconnect(bea);
    let id = world.send(bea, talk, "it waits");
    let made_up = forged(&world, ann, tablet, *id.as_bytes());
    world.smuggle(bea, made_up).unwrap();
    assert_eq!(encrypted(&mut world, bea, talk), 1);
    world.connect(bea);
    world.settle();
    world.check();
    assert!(world.texts(ann, talk).contains(&"it waits".to_owned()));
    let own = world.messages(bea, talk).into_iter().find(|m| m.key.id == id).unwrap();
    assert_eq!(own.state, SendState::Delivered);
}

// R12 R13
#[test]
fn a_device_that_came_later_gets_nothing_again() {
    let (mut world, ann, bea, talk) = acquainted(304);
    let lost = sent(&world, ann, EnvelopeKind::Message)[0].id;
    let tablet = world.another(bea);
    world.settle();
    let unreadable = |now| content(Kind::UNREADABLE, 9, Engine::unreadable(&[(lost, now)]).unwrap(), now);
    let again = |world: &World| -> Vec<Envelope> {
        sent(world, ann, EnvelopeKind::Receipt).into_iter().filter(|e| e.commitment.is_some()).collect()
    };
    let asks = unreadable(world.now);
    say(&mut world, tablet, talk, EnvelopeKind::Receipt, &asks, None);
    assert!(again(&world).is_empty(), "it was not for that device");
    say(&mut world, bea, talk, EnvelopeKind::Receipt, &asks, None);
    let again = again(&world);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].recipients, [world.devices[bea].id], "and goes to nobody else");
    world.check();
    assert!(!world.texts(tablet, talk).contains(&"first".to_owned()));
}

// R20, R25
#[test]
fn long_messages_of_no_known_kind_are_read_and_go_like_others() {
    let (mut world, ann, bea, talk) = acquainted(307);
    let long = vec![7; limits::CONTENT_BODY];
    for n in 0..20 {
        let mut content = content(Kind(30), 0x10 + n, long.clone(), world.now);
        // Unlike what engines send, so that it is kept as it came as well.
        (content.head.period, content.head.notifies) = (60, false);
        say(&mut world, bea, talk, EnvelopeKind::Message, &content, committed(&content));
    }
    assert_eq!((world.unread(ann, talk), world.messages(ann, talk).len()), (20, 21));
    world.read_all(ann, talk);
    assert_eq!(world.unread(ann, talk), 0);
    world.run(2 * undertone::time::HOUR);
    assert_eq!(world.messages(ann, talk).len(), 1);
    world.check();
}

// R8
#[test]
fn a_relay_keeps_no_expired_certificate_alive_by_what_it_says_of_the_time() {
    let (mut world, ann, bea, talk) = acquainted(305);
    world.renew(ann, "client", 5 * DAY).unwrap();
    world.settle();
    world.send(ann, talk, "renewed");
    world.settle();
    world.disconnect(bea);
    let (accepted_at, mut held) = (world.now, Vec::new());
    for n in 0..2 {
        world.send(ann, talk, &format!("in time {n}"));
        world.settle();
        held.push(sent(&world, ann, EnvelopeKind::Message).pop().unwrap());
    }
    let late = |world: &mut World, after: u64, n: u64| {
        world.run(after);
        let envelope = held[n as usize].encode().unwrap();
        let id = DeliveryId((1 << 50) + n);
        let delivery = Delivery { id, accepted_at, frank: None, envelope };
        world.call(bea, |engine, now| engine.receive(&delivery, now))
    };
    assert_eq!(late(&mut world, 20 * DAY, 0), Ok(()), "a mailbox may keep it so long");
    // Others write on, so that the relay's clock is known.
    world.run(20 * DAY);
    world.connect(bea);
    let sue = world.device("sue", "support");
    world.settle();
    let other = world.start(sue, bea);
    world.send(sue, other, "hello");
    world.settle();
    assert_eq!(late(&mut world, 0, 1), Err(Error::Peer(PeerFault::CertificateTime)));
    assert_eq!(world.texts(bea, talk), ["first", "renewed", "in time 0"]);
    world.check();
}

// R19
#[test]
fn a_clock_that_is_behind_does_not_make_short_lived_messages_stale() {
    let (mut world, ann, bea, talk) = acquainted(306);
    world.set_clock(ann, -(30 * MINUTE as i64));
    let draft = Draft { period: Some(1), ..Draft::text("for a minute") };
    world.call(ann, |engine, now| engine.messages().send(talk, draft, now)).unwrap();
    world.run(5_000);
    world.check();
    assert_eq!(world.texts(bea, talk), ["first", "for a minute"]);
}
