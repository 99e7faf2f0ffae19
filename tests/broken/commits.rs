//! Faults around commits, each led to where it matters.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::id::{ConversationId, EnvelopeId};
use undertone::input::TransmitResult;
use undertone::sabotage::Sabotage;
use undertone::time::{DAY, MINUTE, SECOND};
use undertone_tests::sim::net::{Body, Packet, ToRelay};
use undertone_tests::sim::{DeviceIx, Fate, World};

/// A client and an escort who talk.
fn acquainted(seed: u64, fault: Option<Sabotage>, validity: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    world.sabotage = fault;
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    world.renew(ann, "client", validity).unwrap();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "first");
    world.settle();
    (world, ann, bea, talk)
}

fn commits(packet: &Packet) -> bool {
    match &packet.body {
        Body::Up(ToRelay::Submit(_, bundle)) => Envelope::decode(&bundle[0]).unwrap().kind == EnvelopeKind::Commit,
        _ => false,
    }
}

/// Holds the commits that a device submits.
fn hold_commits(world: &mut World, of: DeviceIx) {
    world.tap =
        Some(Box::new(move |packet| if packet.device == of && commits(packet) { Fate::Hold } else { Fate::Pass }));
}

/// Ann's commit is late, and bea's takes the slot. Returns what ann shows of what bea says then.
fn a_race_that_ann_loses(fault: Option<Sabotage>) -> Vec<String> {
    let (mut world, ann, bea, talk) = acquainted(400, fault, 300 * DAY);
    hold_commits(&mut world, ann);
    world.another(ann);
    world.run(2 * SECOND);
    assert!(!world.held.is_empty(), "ann has committed");
    world.another(bea);
    world.run(20 * SECOND);
    assert!(world.wire.iter().any(|(ix, e)| *ix == bea && Envelope::decode(e).unwrap().kind == EnvelopeKind::Commit));
    world.release();
    world.run(MINUTE);
    world.send(bea, talk, "after the race");
    world.run(10 * SECOND);
    world.texts(ann, talk)
}

#[test]
fn a_commit_merged_before_the_relay_accepted_it() {
    assert_eq!(a_race_that_ann_loses(None), ["first", "after the race"]);
    let broken = a_race_that_ann_loses(Some(Sabotage::CommitMergedBeforeAccepted));
    assert_eq!(broken, ["first"], "she is in an epoch that nobody else is in");
}

/// Bea's clock runs ahead of the end of ann's certificate while ann commits. Returns what bea shows.
fn a_clock_beyond_a_certificate(fault: Option<Sabotage>) -> Vec<String> {
    let (mut world, ann, bea, talk) = acquainted(401, fault, 2 * DAY);
    world.set_clock(bea, 3 * DAY as i64);
    world.another(ann);
    world.run(20 * SECOND);
    assert!(world.wire.iter().any(|(ix, e)| *ix == ann && Envelope::decode(e).unwrap().kind == EnvelopeKind::Commit));
    world.send(ann, talk, "in the next epoch");
    world.settle();
    world.texts(bea, talk)
}

#[test]
fn authorize_that_reads_the_clock() {
    assert_eq!(a_clock_beyond_a_certificate(None), ["first", "in the next epoch"]);
    let broken = a_clock_beyond_a_certificate(Some(Sabotage::AuthorizeReadsClock));
    assert!(!broken.contains(&"in the next epoch".to_owned()), "it has refused what all others took: {broken:?}");
}

/// Garbage is in the slot that ann wants. Returns whether her second device has got in.
fn garbage_in_the_slot(fault: Option<Sabotage>) -> bool {
    let (mut world, ann, bea, talk) = acquainted(402, fault, 300 * DAY);
    hold_commits(&mut world, ann);
    let tablet = world.another(ann);
    world.run(2 * SECOND);
    let Body::Up(ToRelay::Submit(_, bundle)) = world.held[0].body.clone() else { panic!("a commit") };
    let garbage = Envelope {
        id: EnvelopeId::from_bytes([5; 16]),
        sender: world.devices[bea].id,
        recipients: vec![world.devices[ann].id],
        sequence: 10_000,
        body: vec![0xaa; 300],
        ..Envelope::decode(&bundle[0]).unwrap()
    };
    let (id, now) = (world.devices[bea].id, world.now);
    let taken = world.relay.submit(id, &[garbage.encode().unwrap()], now);
    assert!(matches!(taken, TransmitResult::Accepted { .. }));
    world.release();
    world.run(10 * MINUTE);
    let now = world.now;
    world.devices[tablet].engine().conversations().get(talk, now).is_ok()
}

#[test]
fn garbage_in_the_slot_blocks() {
    assert!(garbage_in_the_slot(None), "it is passed over");
    assert!(!garbage_in_the_slot(Some(Sabotage::GarbageInSlotBlocks)), "the slot is waited for, and never comes free");
}
