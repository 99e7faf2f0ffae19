//! Several devices of a user, devices that come later, and users who come back.

use undertone::event::Event;
use undertone::message::SendState;
use undertone::policy::Policy;
use undertone::time::{HOUR, MINUTE};
use undertone_tests::sim::net::{Body, ToDevice};
use undertone_tests::sim::{Fate, World};

// R17 R23
#[test]
fn two_devices_of_a_user_show_the_same() {
    let mut world = World::new(30);
    let phone = world.device("ann", "client");
    let tablet = world.another(phone);
    let bea = world.device("bea", "escort");
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "from the phone");
    world.settle();
    world.send(bea, talk, "to both");
    world.settle();
    world.send(tablet, talk, "from the tablet");
    world.settle();
    let expected = ["from the phone", "to both", "from the tablet"];
    for ix in [phone, tablet, bea] {
        assert_eq!(world.texts(ix, talk), expected, "device {ix}");
    }
    assert_eq!((world.unread(phone, talk), world.unread(tablet, talk)), (1, 1));
    world.read_all(phone, talk);
    world.settle();
    assert_eq!(world.unread(tablet, talk), 0, "read on one is read on all");
    world.read_all(bea, talk);
    world.settle();
    for ix in [phone, tablet] {
        let states: Vec<_> = world.messages(ix, talk).iter().filter(|m| m.own).map(|m| m.state).collect();
        assert_eq!(states, [SendState::Read, SendState::Read], "device {ix}");
    }
    world.check();
}

// R17
#[test]
fn a_device_certified_later_is_added_by_its_own_users_engine() {
    let mut world = World::new(31);
    let (phone, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "before");
    world.settle();
    let before = world.wire.len();
    let tablet = world.another(phone);
    world.settle();
    world.send(bea, talk, "after");
    world.settle();
    world.send(tablet, talk, "I am here");
    world.settle();
    world.check();
    assert_eq!(world.texts(tablet, talk), ["after", "I am here"], "no history");
    assert_eq!(world.texts(bea, talk), ["before", "after", "I am here"]);
    let welcomes: Vec<_> = world.wire[before..]
        .iter()
        .filter(|(_, bytes)| {
            undertone::envelope::Envelope::decode(bytes).unwrap().kind == undertone::envelope::EnvelopeKind::Welcome
        })
        .map(|(ix, _)| *ix)
        .collect();
    assert_eq!(welcomes, [phone], "its own user's engine took it in, and nobody else had to");
    let added = Event::DeviceAdded(world.user(phone), world.devices[tablet].id);
    assert!(world.devices[bea].events.contains(&added), "a notice");
}

// R17
#[test]
fn the_other_side_takes_a_device_in_when_its_own_user_is_away() {
    let mut world = World::new(32);
    let (phone, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "before");
    world.settle();
    world.disconnect(phone);
    let tablet = world.another(phone);
    world.settle();
    world.send(tablet, talk, "the phone is off");
    world.settle();
    assert_eq!(world.texts(bea, talk), ["before", "the phone is off"], "an escort may: this is no start");
    world.connect(phone);
    world.settle();
    assert_eq!(world.texts(phone, talk), ["before", "the phone is off"]);
    world.check();
}

// R43 R5 R16
#[test]
fn a_client_who_comes_back_on_a_fresh_device_is_taken_back_by_the_escort() {
    let mut world = World::new(33);
    let (phone, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "before");
    world.settle();
    // The store is lost, and with it the identity key. The authority revokes the old device.
    world.crash(phone, 0);
    world.devices[phone].wants_link = false;
    let list = world.platform.revoke(&world.devices[phone].certificate.clone().unwrap(), world.now);
    world.revoke(&list);
    let fresh = world.unconnected("ann", "client", None);
    world.connect(fresh);
    world.run(HOUR);
    world.send(bea, talk, "welcome back");
    world.settle();
    world.check();
    assert_eq!(world.texts(fresh, talk), ["welcome back"], "without history");
    assert!(world.devices[bea].events.contains(&Event::IdentityChanged(world.user(fresh))));
    world.send(fresh, talk, "thank you");
    world.settle();
    assert_eq!(world.texts(bea, talk), ["before", "welcome back", "thank you"]);
    assert_eq!(world.conversation(fresh, talk).initiator, world.user(fresh), "ann had started it");
}

// R43
#[test]
fn who_comes_back_with_the_identity_key_is_a_new_device_and_no_new_person() {
    let mut world = World::new(34);
    let (phone, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "before");
    world.settle();
    let identity = *world.devices[phone].engine().identity().identity_key().unwrap().to_bytes();
    world.crash(phone, 0);
    world.devices[phone].wants_link = false;
    let fresh = world.unconnected("ann", "client", Some(identity));
    world.connect(fresh);
    world.run(HOUR);
    world.send(fresh, talk, "lost my phone");
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk), ["before", "lost my phone"]);
    assert!(!world.devices[bea].events.contains(&Event::IdentityChanged(world.user(fresh))));
}

// R12: both start at once
#[test]
fn two_who_start_at_once_end_in_one_conversation() {
    for seed in 0..8 {
        let mut world = World::new(100 + seed);
        let (ann, sue) = (world.device("ann", "client"), world.device("sue", "support"));
        world.settle();
        let talk = world.start(ann, sue);
        world.send(ann, talk, "hello");
        assert_eq!(world.start(sue, ann), talk);
        world.send(sue, talk, "hi");
        world.settle();
        world.check();
        world.send(ann, talk, "and now");
        world.send(sue, talk, "one talk");
        world.run(10 * MINUTE);
        world.check();
        let mut seen = world.texts(ann, talk);
        assert_eq!(world.texts(sue, talk), seen);
        seen.sort();
        assert_eq!(seen, ["and now", "hello", "hi", "one talk"]);
    }
}

// R5: the preset is what these scenarios run under
#[test]
fn the_rules_in_force_are_the_preset() {
    assert!((World::new(1).policy)().id() == Policy::companion().id());
}

// R17
#[test]
fn a_device_that_appears_while_a_conversation_begins_is_taken_in_whenever_that_is() {
    // The look-up may not know it yet, while the relay tells only who shares a session with its user.
    for head_start in (0..1_000).step_by(50) {
        let mut world = World::new(33);
        let (phone, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
        world.settle();
        let tablet = world.another(bea);
        world.run(head_start);
        let talk = world.start(phone, bea);
        world.send(phone, talk, "hello");
        world.settle();
        world.send(phone, talk, "to both");
        world.settle();
        let shown = world.texts(tablet, talk);
        assert_eq!(shown.last().map(String::as_str), Some("to both"), "started after {head_start} ms: {shown:?}");
    }
}

// R17
#[test]
fn a_device_that_nothing_but_a_commit_tells_of_is_taken_into_every_conversation() {
    // In the other conversation it may have opened a session of its own, which must not leave the older device behind.
    for (seed, alone) in [(43, false), (44, true), (45, true), (46, true)] {
        let mut world = World::new(seed);
        let phone = world.device("ann", "client");
        let (bea, cid) = (world.device("bea", "escort"), world.device("cid", "escort"));
        world.settle();
        let (with_bea, with_cid) = (world.start(phone, bea), world.start(phone, cid));
        for talk in [with_bea, with_cid] {
            world.send(phone, talk, "hello");
        }
        world.settle();
        [phone, cid].into_iter().for_each(|ix| world.disconnect(ix));
        let tablet = world.another(phone);
        world.run(HOUR);
        if alone {
            world.start(tablet, cid);
            world.settle();
        }
        // The relay's word gets lost, and any look-up is an answer to it.
        world.tap = Some(Box::new(move |packet| match packet.body {
            Body::Down(ToDevice::DirectoryChanged(_)) if packet.device == phone => Fate::Drop,
            _ => Fate::Pass,
        }));
        world.connect(phone);
        world.run(HOUR);
        world.connect(cid);
        world.run(HOUR);
        world.send(phone, with_cid, "to both of you");
        world.settle();
        for ix in [phone, tablet, cid] {
            assert_eq!(world.texts(ix, with_cid).last().map(String::as_str), Some("to both of you"), "{seed}: {ix}");
        }
        world.check();
    }
}

// R17 R26
#[test]
fn what_was_decided_before_a_session_changes_is_told_to_who_was_not_in_the_one_before() {
    // Whether the phone says it in the old session or in the new one hangs on their ids.
    for seed in 34..42 {
        let mut world = World::new(seed);
        let (phone, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
        let tablet = world.another(phone);
        world.settle();
        let talk = world.start(phone, bea);
        world.send(phone, talk, "hello");
        world.settle();
        let user = world.user(bea);
        world.call(phone, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
        world.settle();
        [phone, tablet, bea].into_iter().for_each(|ix| world.disconnect(ix));
        // With nobody there to let it in, the laptop opens a session of its own. In that it hears of the block.
        let laptop = world.another_unconnected(tablet);
        world.start(laptop, bea);
        world.connect(laptop);
        world.settle();
        [tablet, bea].into_iter().for_each(|ix| world.connect(ix));
        world.settle();
        let blocked = |world: &mut World, ix: usize| world.devices[ix].engine().privacy().is_blocked(&user);
        assert_eq!(blocked(&mut world, laptop), Ok(true), "seed {seed}");
        world.call(phone, |engine, now| engine.privacy().block(&user, false, now)).unwrap();
        world.connect(phone);
        world.run(HOUR);
        let all = [phone, tablet, laptop].map(|ix| blocked(&mut world, ix));
        assert_eq!(all, [Ok(false), Ok(false), Ok(false)], "seed {seed}");
        world.check();
    }
}
