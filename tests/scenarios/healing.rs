//! What arrives too early, too late or not at all.

use undertone::envelope::{Envelope, EnvelopeKind, MessageRef};
use undertone::error::{Error, PeerFault};
use undertone::event::Event;
use undertone::id::{ConversationId, EnvelopeId};
use undertone::input::{Delivery, Refusal, TransmitId, TransmitResult};
use undertone::limits;
use undertone::message::{MessageContent, SendState};
use undertone::time::{DAY, HOUR, MINUTE, SECOND};
use undertone_tests::sim::net::{Body, Packet, ToDevice, ToRelay};
use undertone_tests::sim::{DeviceIx, Fate, World};

/// The envelope that a packet brings to a device.
fn brought(packet: &Packet) -> Option<Envelope> {
    match &packet.body {
        Body::Down(ToDevice::Deliver(delivery)) => Envelope::decode(&delivery.envelope).ok(),
        _ => None,
    }
}

/// Holds what is of a kind and on its way to a device.
fn hold(world: &mut World, to: DeviceIx, kind: EnvelopeKind) {
    world.tap = Some(Box::new(move |packet| {
        let caught = packet.device == to && brought(packet).is_some_and(|e| e.kind == kind);
        if caught { Fate::Hold } else { Fate::Pass }
    }));
}

/// The one delivery that is held, for later; nothing is held from now on.
fn the_one_held(world: &mut World) -> Delivery {
    world.run(1_000);
    world.tap = None;
    let mut held = std::mem::take(&mut world.held);
    assert_eq!(held.len(), 1);
    let Body::Down(ToDevice::Deliver(delivery)) = held.remove(0).body else { panic!("a delivery") };
    delivery
}

fn encrypted(world: &mut World, ix: DeviceIx, talk: ConversationId) -> usize {
    world.messages(ix, talk).iter().filter(|m| matches!(m.content, MessageContent::Encrypted(_))).count()
}

// R12 R13
#[test]
fn a_message_that_overtakes_its_commit_waits_for_it() {
    let mut world = World::new(70);
    let (ann, bea, talk) = world.acquaint();
    hold(&mut world, bea, EnvelopeKind::Commit);
    // A second device makes ann's engine commit.
    let tablet = world.another(ann);
    world.run(20_000);
    assert!(!world.held.is_empty());
    world.send(ann, talk, "of the next epoch");
    world.run(20_000);
    assert_eq!(world.texts(bea, talk), ["first"]);
    world.release();
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk), ["first", "of the next epoch"]);
    assert_eq!(world.texts(tablet, talk), ["of the next epoch"]);
}

// R12
#[test]
fn a_message_that_overtakes_its_welcome_waits_for_it() {
    let mut world = World::new(71);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    hold(&mut world, bea, EnvelopeKind::Welcome);
    let talk = world.start(ann, bea);
    world.send(ann, talk, "early");
    world.run(20_000);
    let now = world.now;
    assert!(world.devices[bea].engine().conversations().newest(now).unwrap().conversations.is_empty());
    world.release();
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk), ["early"]);
}

/// What Ann says is held back on its way to Bea, in a conversation that keeps everything and renews its keys daily.
fn held_back(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    world.update_after = DAY;
    world.period = -1;
    let (ann, bea, talk) = world.acquaint();
    hold(&mut world, bea, EnvelopeKind::Message);
    (world, ann, bea, talk)
}

/// More epochs begin than past ones are kept; in each, something is said.
fn outlive_keys(world: &mut World, ann: DeviceIx, talk: ConversationId) {
    for n in 0..8 {
        world.run(2 * DAY);
        world.send(ann, talk, &format!("day {n}"));
        world.settle();
    }
}

// R13
#[test]
fn a_message_too_late_for_its_keys_is_shown_as_encrypted_and_heals() {
    let (mut world, ann, bea, talk) = held_back(72);
    world.send(ann, talk, "lost on the way");
    let late = the_one_held(&mut world);
    outlive_keys(&mut world, ann, talk);
    let days: Vec<String> = (0..8).map(|n| format!("day {n}")).collect();
    assert_eq!(world.texts(bea, talk)[1..], days);
    // It comes at last, from an epoch whose keys are gone. Ann is away, so nobody can help yet.
    world.disconnect(ann);
    world.call(bea, |engine, now| engine.receive(&late, now)).unwrap();
    world.settle();
    assert_eq!(encrypted(&mut world, bea, talk), 1);
    assert!(world.texts(bea, talk).contains(&"[Encrypted Message]".to_owned()));
    let unread = world.unread(bea, talk);
    world.connect(ann);
    world.settle();
    world.check();
    assert_eq!(encrypted(&mut world, bea, talk), 0);
    assert_eq!(world.texts(bea, talk)[..3], ["first", "lost on the way", "day 0"], "in its own place");
    assert_eq!(world.unread(bea, talk), unread);
    assert!(world.messages(ann, talk).iter().all(|m| m.state == SendState::Delivered));
}

// R13
#[test]
fn more_messages_than_are_asked_for_in_a_day_heal_later() {
    let (mut world, ann, bea, talk) = held_back(78);
    let a_day = limits::UNDECRYPTABLE;
    for n in 0..2 * a_day + 5 {
        world.send(ann, talk, &format!("late {n}"));
        world.run(SECOND);
    }
    world.tap = None;
    let held = std::mem::take(&mut world.held);
    assert_eq!(held.len(), 2 * a_day + 5);
    outlive_keys(&mut world, ann, talk);
    for packet in held {
        let Body::Down(ToDevice::Deliver(delivery)) = packet.body else { panic!("a delivery") };
        world.call(bea, |engine, now| engine.receive(&delivery, now)).unwrap();
    }
    let late = |world: &mut World| world.texts(bea, talk).iter().filter(|text| text.starts_with("late")).count();
    for healed in [a_day, 2 * a_day, 2 * a_day + 5] {
        world.settle();
        assert_eq!((late(&mut world), encrypted(&mut world, bea, talk)), (healed, 0));
        // What waits is not forgotten by a process that ends.
        world.crash(bea, usize::MAX);
        world.restart(bea);
        world.run(DAY + MINUTE);
    }
    world.check();
}

// R24 R13
#[test]
fn a_receipt_too_late_for_its_keys_is_sent_again() {
    let mut world = World::new(76);
    world.update_after = DAY;
    world.period = -1;
    let (ann, bea, talk) = world.acquaint();
    hold(&mut world, ann, EnvelopeKind::Receipt);
    world.send(ann, talk, "did you get this?");
    let late = the_one_held(&mut world);
    for n in 0..8 {
        world.run(2 * DAY);
        world.send(bea, talk, &format!("day {n}"));
        world.settle();
    }
    let state = |world: &mut World| world.messages(ann, talk)[1].state;
    assert_eq!(state(&mut world), SendState::Sent);
    world.call(ann, |engine, now| engine.receive(&late, now)).unwrap();
    world.settle();
    world.check();
    assert_eq!(state(&mut world), SendState::Delivered);
}

// R12 R27: what is no message is asked for as well
#[test]
fn a_deletion_under_an_unknown_tag_arrives_in_another_session() {
    let (mut world, ann, bea, talk) = crate::sending::forgotten(77);
    let reference = MessageRef { author: world.user(ann), id: world.messages(ann, talk)[0].key.id };
    // The session that takes the place of the forgotten one never comes to bea.
    hold(&mut world, bea, EnvelopeKind::Welcome);
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &reference, now)).unwrap();
    world.run(MINUTE);
    assert!(!world.held.is_empty());
    world.held.clear();
    world.tap = None;
    assert_eq!(world.texts(bea, talk), ["first"]);
    world.run(2 * HOUR);
    world.check();
    assert_eq!(world.texts(bea, talk).len(), 0);
}

// R10 R12: a commit without its session is enough to say so
#[test]
fn a_device_that_refused_its_welcome_is_drawn_in_by_the_next_commit() {
    let mut world = World::new(78);
    let (ann, phone, talk) = world.acquaint();
    let tablet = world.another(phone);
    hold(&mut world, tablet, EnvelopeKind::Welcome);
    world.run(20 * SECOND);
    assert!(!world.held.is_empty(), "the phone has added the tablet");
    // The phone is stolen before the tablet has taken its welcome in.
    world.disconnect(phone);
    let list = world.platform.revoke(&world.devices[phone].certificate.clone().unwrap(), world.now);
    world.revoke(&list);
    world.run(SECOND);
    world.release();
    world.run(HOUR);
    world.check();
    // Nobody has written since; ann's engine has only removed the phone.
    let now = world.now;
    assert!(world.devices[tablet].engine().conversations().get(talk, now).is_ok());
    world.send(ann, talk, "is it you?");
    world.settle();
    assert_eq!(world.texts(tablet, talk), ["is it you?"]);
}

/// Ann has started with Bea, whose store was put back to before that: she has no keys, and never sent anything.
fn without_keys(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let before = world.devices[bea].disk.copy();
    world.devices[bea].wants_link = false;
    let talk = world.start(ann, bea);
    world.send(ann, talk, "first");
    world.run(30);
    world.crash(bea, 0);
    world.devices[bea].disk = before;
    world.devices[bea].wants_link = true;
    world.restart(bea);
    (world, ann, bea, talk)
}

// R12: who has no keys says so, and the session is replaced
#[test]
fn a_device_that_missed_its_welcome_says_so_and_gets_a_new_session() {
    let (mut world, ann, bea, talk) = without_keys(73);
    world.send(ann, talk, "second");
    world.run(2 * HOUR);
    world.check();
    world.send(ann, talk, "third");
    world.run(100);
    world.send(bea, talk, "I hear you");
    world.settle();
    world.check();
    let heard = world.texts(bea, talk);
    assert_eq!(heard[heard.len() - 2..], ["third", "I hear you"], "{heard:?}");
    assert_eq!(world.texts(ann, talk).last().unwrap(), "I hear you");
}

// R12 R14
#[test]
fn only_a_device_itself_says_that_it_has_no_keys() {
    let (mut world, ann, _, talk) = without_keys(74);
    hold(&mut world, ann, EnvelopeKind::NoSession);
    world.send(ann, talk, "second");
    world.run(2 * MINUTE);
    let said = the_one_held(&mut world);
    let mut forged = Envelope::decode(&said.envelope).unwrap();
    *forged.body.last_mut().unwrap() ^= 1;
    let refused = world.smuggle(ann, forged.encode().unwrap());
    assert_eq!(refused, Err(Error::Peer(PeerFault::Forged)));
    assert_eq!(world.smuggle(ann, said.envelope), Ok(()));
}

// R12 R14: garbage in a commit's slot
#[test]
fn garbage_in_a_slot_is_passed_over() {
    let mut world = World::new(74);
    let (ann, bea, talk) = world.acquaint();
    // Ann's next commit is on its way; a doctored bea, who can name the slot, is faster.
    world.tap = Some(Box::new(move |packet| match &packet.body {
        Body::Up(ToRelay::Submit(_, bundle))
            if packet.device == ann && Envelope::decode(&bundle[0]).unwrap().kind == EnvelopeKind::Commit =>
        {
            Fate::Hold
        }
        _ => Fate::Pass,
    }));
    let tablet = world.another(ann);
    world.run(2_000);
    let Body::Up(ToRelay::Submit(_, bundle)) = world.held[0].body.clone() else { panic!("a commit") };
    let commit = Envelope::decode(&bundle[0]).unwrap();
    let garbage = Envelope {
        id: EnvelopeId::from_bytes([5; 16]),
        sender: world.devices[bea].id,
        recipients: vec![world.devices[ann].id],
        sequence: 10_000,
        body: vec![0xaa; 300],
        ..commit
    };
    let (id, now) = (world.devices[bea].id, world.now);
    let taken = world.relay.submit(id, &[garbage.encode().unwrap()], now);
    assert!(matches!(taken, undertone::input::TransmitResult::Accepted { .. }));
    world.release();
    world.run(10 * MINUTE);
    world.send(ann, talk, "and on");
    world.send(bea, talk, "we go");
    world.settle();
    world.check();
    assert_eq!(world.texts(ann, talk), ["first", "and on", "we go"]);
    assert_eq!(world.texts(bea, talk), ["first", "and on", "we go"]);
    assert_eq!(world.texts(tablet, talk), ["and on", "we go"]);
    assert!(world.devices[ann].events.iter().any(|e| matches!(e, Event::Refused(_))));
}

// R19: an offline queue older than the past epochs kept
#[test]
fn an_offline_queue_outlives_the_epochs() {
    let mut world = World::new(75);
    world.update_after = DAY;
    world.period = -1;
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    let tablet = world.another(ann);
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "first");
    world.settle();
    world.disconnect(ann);
    world.send(ann, talk, "written long ago");
    for n in 0..8 {
        world.run(2 * DAY);
        world.send(bea, talk, &format!("day {n}"));
        world.run(1_000);
        world.send(tablet, talk, &format!("yes {n}"));
    }
    world.settle();
    world.connect(ann);
    world.settle();
    world.check();
    assert!(world.texts(bea, talk).contains(&"written long ago".to_owned()));
    assert_eq!(encrypted(&mut world, bea, talk) + encrypted(&mut world, tablet, talk), 0);
    assert_eq!(world.texts(ann, talk), world.texts(bea, talk));
}

// R12, R17
#[test]
fn what_the_other_phone_had_sent_is_asked_for_though_those_it_was_for_at_first_are_gone() {
    let mut world = World::new(420);
    world.period = -1;
    let ann = world.device("ann", "client");
    let tablet = world.another(ann);
    let bea = world.device("bea", "escort");
    world.settle();
    world.disconnect(tablet);
    let talk = world.start(ann, bea);
    world.send(ann, talk, "one");
    world.settle();
    let spare = world.another(bea);
    world.settle();
    world.send(ann, talk, "two");
    world.settle();
    // The welcome that waits for the tablet names a device that is nobody's any more.
    let certificate = world.devices[bea].certificate.clone().unwrap();
    let list = world.platform.revoke(&certificate, world.now);
    world.revoke(&list);
    world.disconnect(bea);
    world.settle();
    world.connect(tablet);
    world.send(spare, talk, "three");
    world.run(4 * HOUR);
    world.settle();
    for ix in [ann, tablet] {
        assert_eq!(world.texts(ix, talk), ["one", "two", "three"]);
    }
    world.check();
}

// R12, R17
#[test]
fn what_the_other_phone_had_sent_to_nobody_known_here_is_asked_for() {
    let mut world = World::new(421);
    world.period = -1;
    let ann = world.device("ann", "client");
    let tablet = world.another(ann);
    let bea = world.device("bea", "escort");
    world.settle();
    world.disconnect(tablet);
    let talk = world.start(ann, bea);
    world.send(ann, talk, "one");
    world.settle();
    // The tablet hears that the only device it was for is revoked before it hears of any of it.
    let certificate = world.devices[bea].certificate.clone().unwrap();
    let list = world.platform.revoke(&certificate, world.now);
    world.revoke(&list);
    world.disconnect(bea);
    world.connect(tablet);
    world.run(2 * MINUTE);
    assert!(world.devices[tablet].events.contains(&Event::Refused(PeerFault::Certificate)));
    // It has said that it has no keys: whoever comes now is of another session.
    world.another(bea);
    world.run(4 * HOUR);
    world.send(ann, talk, "two");
    world.settle();
    for ix in [ann, tablet] {
        assert_eq!(world.texts(ix, talk), ["one", "two"]);
    }
    world.check();
}

/// Whether a packet is a commit of a device, on its way to the relay.
fn is_commit_of(packet: &Packet, device: DeviceIx) -> bool {
    matches!(&packet.body, Body::Up(ToRelay::Submit(_, bundle))
        if packet.device == device && Envelope::decode(&bundle[0]).unwrap().kind == EnvelopeKind::Commit)
}

/// The transmit of the one commit that is held.
fn commit_held(world: &World) -> TransmitId {
    let Body::Up(ToRelay::Submit(id, _)) = &world.held[0].body else { panic!("a commit") };
    *id
}

/// How many sessions were begun with a device.
fn welcomes_to(world: &World, ix: DeviceIx) -> usize {
    let to = world.devices[ix].id;
    let envelopes = world.wire.iter().filter_map(|(_, bytes)| Envelope::decode(bytes).ok());
    let welcomes = envelopes.filter(|e| e.kind == EnvelopeKind::Welcome && e.recipients.contains(&to));
    welcomes.map(|e| e.tag).collect::<std::collections::BTreeSet<_>>().len()
}

fn refuse(world: &mut World, ix: DeviceIx, transmit: TransmitId, refusal: Refusal) {
    let refused = TransmitResult::Refused(refusal);
    world.call(ix, |engine, now| engine.transmit_done(transmit, refused, now)).unwrap();
}

// R12 R14
#[test]
fn what_is_said_of_a_commit_that_was_given_up_does_not_touch_the_next_one() {
    given_up_and_refused(76, Refusal::Malformed);
    // It names a device that has left: that says nothing of whether this one is a member.
    given_up_and_refused(79, Refusal::NotMember);
}

fn given_up_and_refused(seed: u64, refusal: Refusal) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    world.tap = Some(Box::new(move |packet| if is_commit_of(packet, ann) { Fate::Hold } else { Fate::Pass }));
    // Bea is faster in letting the tablet in: ann's commit is given up, but its transmit is still under way.
    let tablet = world.another(ann);
    world.run(10 * MINUTE);
    assert_eq!(welcomes_to(&world, tablet), 1);
    let given_up = commit_held(&world);
    world.held.clear();
    // The relay gets ann's next commit, and its answer is lost.
    world.tap = Some(Box::new(move |packet| match &packet.body {
        Body::Down(ToDevice::Done(..)) if packet.device == ann => Fate::Drop,
        Body::Up(_) if packet.device == tablet => Fate::Hold,
        _ => Fate::Pass,
    }));
    let phone = world.another(ann);
    world.run(SECOND);
    assert_eq!(welcomes_to(&world, phone), 1);
    refuse(&mut world, ann, given_up, refusal);
    world.release();
    world.run(10 * MINUTE);
    world.send(ann, talk, "and on");
    world.run(SECOND);
    world.send(bea, talk, "we go");
    world.settle();
    world.check();
    for ix in [tablet, phone] {
        assert_eq!(world.texts(ix, talk), ["and on", "we go"]);
        assert_eq!(welcomes_to(&world, ix), 1);
    }
    assert_eq!(welcomes_to(&world, bea), 1, "the first session is still the one");
}

// R12 R14
#[test]
fn a_commit_that_holds_its_slot_though_the_relay_refused_it_parts_nobody() {
    let mut world = World::new(77);
    let (ann, bea, talk) = world.acquaint();
    world.tap = Some(Box::new(move |packet| match &packet.body {
        Body::Down(ToDevice::Done(..)) if packet.device == ann => Fate::Drop,
        _ if is_commit_of(packet, ann) => Fate::Hold,
        _ => Fate::Pass,
    }));
    let tablet = world.another(ann);
    while world.held.is_empty() {
        world.run(1);
    }
    let refused = commit_held(&world);
    let Body::Up(ToRelay::Submit(_, bundle)) = world.held[0].body.clone() else { panic!("a commit") };
    let (id, now) = (world.devices[ann].id, world.now);
    let taken = world.relay.submit(id, &bundle, now);
    assert!(matches!(taken, TransmitResult::Accepted { .. }));
    world.held.clear();
    world.tap = None;
    refuse(&mut world, ann, refused, Refusal::Malformed);
    world.run(10 * MINUTE);
    world.send(ann, talk, "and on");
    world.run(SECOND);
    world.send(bea, talk, "we go");
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk), ["first", "and on", "we go"]);
    assert_eq!(world.texts(ann, talk), ["first", "and on", "we go"]);
    assert_eq!(world.texts(tablet, talk), ["and on", "we go"]);
}
