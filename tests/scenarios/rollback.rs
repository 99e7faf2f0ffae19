//! Stores that are copied, and old copies that are put back.

use std::collections::BTreeSet;

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::event::Event;
use undertone::id::{ConversationId, SessionId};
use undertone::time::HOUR;
use undertone_tests::sim::{DeviceIx, World};

fn acquainted(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    (world, ann, bea, talk)
}

/// What a device has sent, without repeats of the same bytes.
fn sent(world: &World, from: DeviceIx, kind: EnvelopeKind, since: usize) -> Vec<Envelope> {
    let of = |(ix, bytes): &(DeviceIx, Vec<u8>)| (*ix == from).then(|| Envelope::decode(bytes).unwrap());
    world.wire[since..].iter().filter_map(of).filter(|e| e.kind == kind).collect()
}

// R12
#[test]
fn a_restored_copy_says_so_and_never_reuses_a_key() {
    let (mut world, ann, bea, talk) = acquainted(80);
    let old = world.devices[ann].disk.copy();
    for n in 0..5 {
        world.send(ann, talk, &format!("after the copy {n}"));
    }
    world.settle();
    let tags: BTreeSet<SessionId> = world.wire.iter().map(|(_, bytes)| Envelope::decode(bytes).unwrap().tag).collect();
    let before = world.wire.len();
    world.crash(ann, 0);
    world.devices[ann].disk = old;
    world.restart(ann);
    world.send(ann, talk, "from the past");
    world.run(HOUR);
    world.check();
    assert!(world.devices[ann].events.contains(&Event::RolledBack));
    for kind in [EnvelopeKind::Message, EnvelopeKind::Receipt, EnvelopeKind::Commit] {
        let reused: Vec<_> = sent(&world, ann, kind, before).into_iter().filter(|e| tags.contains(&e.tag)).collect();
        assert!(reused.is_empty(), "{kind:?} under an old session's keys: {reused:?}");
    }
    world.send(bea, talk, "I am still here");
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk).last().unwrap(), "I am still here");
    assert!(world.texts(bea, talk).contains(&"from the past".to_owned()));
    assert_eq!(world.texts(ann, talk), ["first", "from the past", "I am still here"]);
}

/// Gives the thief what goes to a device.
fn eavesdrop(world: &mut World, thief: DeviceIx, since: usize) {
    let overheard: Vec<_> = world.wire[since..].iter().map(|(_, bytes)| bytes.clone()).collect();
    for bytes in overheard {
        let _ = world.smuggle(thief, bytes);
    }
}

// R12
#[test]
fn a_copied_store_reads_on_before_its_owners_next_update_and_nothing_after_it() {
    let (mut world, ann, bea, talk) = acquainted(81);
    let stolen = world.devices[ann].disk.copy();
    let profile = world.profile(ann);
    let thief = world.add(profile, stolen);
    let at = world.wire.len();
    world.send(bea, talk, "before the update");
    world.settle();
    eavesdrop(&mut world, thief, at);
    assert_eq!(world.texts(thief, talk), ["first", "before the update"], "it has every key");
    // After a week, ann's engine renews its leaf with the next thing that happens.
    let at = world.wire.len();
    world.run(8 * 24 * HOUR);
    world.send(ann, talk, "a week later");
    world.settle();
    assert!(!sent(&world, ann, EnvelopeKind::Commit, at).is_empty());
    eavesdrop(&mut world, thief, at);
    let at = world.wire.len();
    world.send(bea, talk, "after the update");
    world.settle();
    world.send(ann, talk, "mine as well");
    world.settle();
    eavesdrop(&mut world, thief, at);
    world.check();
    assert_eq!(world.texts(thief, talk), ["first", "before the update"], "what it has is worth nothing now");
    let all = ["first", "before the update", "a week later", "after the update", "mine as well"];
    assert_eq!(world.texts(ann, talk), all);
}

// R12: the keys of what was read are gone
#[test]
fn a_copied_store_has_no_keys_of_messages_read_before() {
    let (mut world, _, bea, talk) = acquainted(82);
    let stolen = world.devices[bea].disk.copy();
    let mut profile = world.profile(bea);
    // The thief's engine has no memory for repeats, and takes any message as new.
    profile.sabotage = Some(undertone::sabotage::Sabotage::DedupOff);
    let thief = world.add(profile, stolen);
    let events = world.devices[thief].events.len();
    eavesdrop(&mut world, thief, 0);
    let told = &world.devices[thief].events[events..];
    assert!(!told.iter().any(|e| matches!(e, Event::MessageAdded(..) | Event::MessageChanged(..))), "{told:?}");
    assert_eq!(world.texts(thief, talk), ["first"]);
    world.check();
}
