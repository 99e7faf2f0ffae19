//! The order of a conversation: what one device wrote stays in the order in which it was written, and an answer stands
//! below what it answers, whatever clocks and the network do.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::id::ConversationId;
use undertone::time::{DAY, HOUR, MINUTE, SECOND};
use undertone_tests::sim::net::{Body, Packet, ToRelay};
use undertone_tests::sim::{DeviceIx, Fate, World};

/// Whether a packet brings a message of a device to the relay.
fn brings_message(packet: &Packet, from: DeviceIx) -> bool {
    let Body::Up(ToRelay::Submit(_, bundle)) = &packet.body else { return false };
    let message = |bytes: &Vec<u8>| Envelope::decode(bytes).unwrap().kind == EnvelopeKind::Message;
    packet.device == from && bundle.iter().any(message)
}

/// The next message that a device sends gets lost on its way to the relay, once.
fn lose_next(world: &mut World, from: DeviceIx) {
    let mut lost = false;
    world.tap = Some(Box::new(move |packet| {
        if lost || !brings_message(packet, from) {
            return Fate::Pass;
        }
        lost = true;
        Fate::Drop
    }));
}

fn send_all<S: AsRef<str>>(world: &mut World, from: DeviceIx, talk: ConversationId, texts: &[S]) {
    for text in texts {
        world.send(from, talk, text.as_ref());
    }
}

/// How far behind the world's clock the newest message of a conversation stands, in milliseconds.
fn age_of_newest(world: &mut World, ix: DeviceIx, talk: ConversationId) -> i64 {
    let at = world.messages(ix, talk).last().unwrap().key.at;
    world.now.as_ms() as i64 - at.as_ms() as i64
}

// R19
#[test]
fn the_messages_of_a_device_whose_clock_is_ahead_stay_in_order_when_one_gets_lost() {
    for (seed, ahead) in [(600, MINUTE + 55 * SECOND), (601, 40 * MINUTE), (602, 3 * DAY)] {
        let mut world = World::new(seed);
        let (ann, bea, talk) = world.acquaint();
        world.set_clock(ann, ahead as i64);
        lose_next(&mut world, ann);
        let texts = ["one", "two", "three", "four"];
        send_all(&mut world, ann, talk, &texts);
        world.settle();
        assert_eq!(world.texts(bea, talk)[1..], texts, "{ahead} ms ahead");
        assert_eq!(world.texts(ann, talk)[1..], texts, "{ahead} ms ahead");
        world.check();
    }
}

// R19
#[test]
fn a_clock_that_jumps_ahead_and_back_while_messages_are_under_way_changes_no_order() {
    let mut world = World::new(603);
    let (ann, bea, talk) = world.acquaint();
    world.send(ann, talk, "in time");
    lose_next(&mut world, ann);
    world.set_clock(ann, 3 * DAY as i64);
    world.send(ann, talk, "three days ahead");
    world.set_clock(ann, 0);
    world.send(ann, talk, "in time again");
    world.set_clock(ann, -(HOUR as i64) / 2);
    world.send(ann, talk, "half an hour back");
    world.settle();
    let seen = world.texts(bea, talk);
    assert_eq!(seen[1..], ["in time", "three days ahead", "in time again", "half an hour back"]);
    assert_eq!(world.texts(ann, talk), seen);
    world.check();
}

// R19
#[test]
fn a_lost_message_of_a_device_whose_clock_is_right_holds_nothing_up() {
    let mut world = World::new(604);
    let (ann, bea, talk) = world.acquaint();
    world.send(ann, talk, "just now");
    world.settle();
    world.send(bea, talk, "and I");
    world.run(30 * SECOND);
    lose_next(&mut world, ann);
    let texts: Vec<String> = (0..10).map(|n| format!("line {n}")).collect();
    send_all(&mut world, ann, talk, &texts);
    world.run(SECOND);
    assert_eq!(world.texts(bea, talk)[3..], texts[1..], "all but the first are there");
    world.settle();
    assert_eq!(world.texts(bea, talk)[3..], texts);
    assert_eq!(world.texts(ann, talk), world.texts(bea, talk));
    world.check();
}

// R19 R20
#[test]
fn an_answer_stands_below_what_it_answers_though_the_clock_of_its_author_is_behind() {
    for (seed, ahead) in [(605, 90 * SECOND), (606, 3 * DAY)] {
        let mut world = World::new(seed);
        let (ann, bea, talk) = world.acquaint();
        world.set_clock(ann, ahead as i64);
        world.send(ann, talk, "where are you?");
        world.run(SECOND);
        world.send(bea, talk, "here");
        world.run(SECOND);
        world.send(ann, talk, "where?");
        world.run(SECOND);
        world.send(bea, talk, "behind you");
        world.settle();
        let seen = world.texts(bea, talk);
        assert_eq!(seen[1..], ["where are you?", "here", "where?", "behind you"], "{ahead} ms ahead");
        assert_eq!(world.texts(ann, talk), seen);
        world.check();
    }
}

// R19 R20
#[test]
fn a_clock_that_was_ahead_for_a_moment_does_not_put_later_messages_in_the_future() {
    let mut world = World::new(607);
    let (ann, bea, talk) = world.acquaint();
    world.set_clock(ann, 3 * DAY as i64);
    world.send(ann, talk, "from the future");
    world.settle();
    world.set_clock(ann, 0);
    world.run(3 * MINUTE);
    world.send(ann, talk, "from now");
    world.run(SECOND);
    let now = 0..2 * SECOND as i64;
    assert!(now.contains(&age_of_newest(&mut world, bea, talk)), "{}", age_of_newest(&mut world, bea, talk));
    assert_eq!(world.texts(bea, talk)[1..], ["from the future", "from now"]);
    world.check();
}

// R18 R20
#[test]
fn what_is_written_offline_after_the_clock_was_put_right_does_not_stand_in_the_future() {
    let mut world = World::new(608);
    let (ann, bea, talk) = world.acquaint();
    world.disconnect(ann);
    world.set_clock(ann, 3 * DAY as i64);
    world.send(ann, talk, "written with a wrong clock");
    world.set_clock(ann, 0);
    world.connect(ann);
    world.settle();
    world.disconnect(ann);
    world.send(ann, talk, "written with the right one");
    assert_eq!(age_of_newest(&mut world, ann, talk), 0);
    world.connect(ann);
    world.settle();
    let seen = world.texts(bea, talk);
    assert_eq!(seen[1..], ["written with a wrong clock", "written with the right one"]);
    assert_eq!(world.texts(ann, talk), seen);
    world.check();
}
