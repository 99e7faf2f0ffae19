//! R25: what was deleted leaves nothing readable in the store's files. The disk remembers every version of every row that
//! was ever written to it, which is more than any file can still hold, and all keys that are left are tried on them.

use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::id::{ConversationId, MessageId};
use undertone::search::{Scope, SearchQuery};
use undertone::store::Table;
use undertone::time::{MINUTE, SECOND};
use undertone_tests::sim::device::readable;
use undertone_tests::sim::{DeviceIx, World};

/// Two who have talked, and disks that remember.
fn acquainted(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    [ann, bea].iter().for_each(|ix| world.devices[*ix].disk.remember());
    (world, ann, bea, talk)
}

fn is_shown(world: &mut World, ix: DeviceIx, talk: ConversationId, word: &str) -> bool {
    world.texts(ix, talk).iter().any(|text| text.contains(word))
}

/// Where words can be read while an engine is suspended.
fn readable_asleep<const N: usize>(world: &mut World, ix: DeviceIx, words: [&str; N]) -> [Vec<Table>; N] {
    let disk = world.devices[ix].disk.clone();
    let asleep = world.call(ix, |engine, _| {
        engine.suspend()?;
        let readable = words.map(|word| readable(&disk, word));
        engine.resume()?;
        Ok(readable)
    });
    asleep.unwrap()
}

fn found(world: &mut World, ix: DeviceIx, word: &str) -> usize {
    let query = SearchQuery::parse(word).unwrap();
    world.call(ix, |engine, now| engine.messages().search(&query, Scope::All, None, 9, now)).unwrap().hits.len()
}

fn send_for(world: &mut World, ix: DeviceIx, talk: ConversationId, text: &str, minutes: i32) -> MessageId {
    let draft = Draft { period: Some(minutes), ..Draft::text(text) };
    world.call(ix, |engine, now| engine.messages().send(talk, draft, now)).unwrap()
}

/// Messages that stay, so that there is something to be kept, in segments of the search index as well.
fn chat(world: &mut World, from: DeviceIx, talk: ConversationId, count: usize) {
    for number in 0..count {
        send_for(world, from, talk, &format!("this one stays, number {number}"), -1);
        world.run(SECOND);
    }
}

// R25
#[test]
fn r25_ten_minutes_after_a_message_was_deleted_nothing_of_it_can_be_read_on_either_side() {
    let (mut world, ann, bea, talk) = acquainted(1);
    chat(&mut world, ann, talk, 40);
    let id = send_for(&mut world, ann, talk, "the quokkas are hidden in the shed", -1);
    chat(&mut world, bea, talk, 40);
    world.run(10 * SECOND);
    assert_eq!([found(&mut world, ann, "quokkas"), found(&mut world, bea, "quokkas")], [1, 1]);
    for ix in [ann, bea] {
        let tables = readable(&world.devices[ix].disk, "quokkas");
        assert!(tables.contains(&Table::Message) && tables.contains(&Table::SearchSegment), "{tables:?}");
    }
    let target = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
    world.run(11 * MINUTE);
    for ix in [ann, bea] {
        assert!(!is_shown(&mut world, ix, talk, "quokkas"));
        assert_eq!(readable(&world.devices[ix].disk, "quokkas"), [], "on device {ix}");
        assert!(is_shown(&mut world, ix, talk, "number 39"));
        assert!(!readable(&world.devices[ix].disk, "number 39").is_empty(), "what stays can be read");
    }
    world.check();
}

// R25
#[test]
fn r25_what_expired_cannot_be_read_after_it_went() {
    let (mut world, ann, bea, talk) = acquainted(2);
    chat(&mut world, bea, talk, 70);
    send_for(&mut world, ann, talk, "quokkas, but only for five minutes", 5);
    chat(&mut world, bea, talk, 3);
    assert!(is_shown(&mut world, bea, talk, "quokkas"));
    world.run(5 * MINUTE + 11 * MINUTE);
    for ix in [ann, bea] {
        assert_eq!(readable(&world.devices[ix].disk, "quokkas"), [], "on device {ix}");
    }
    world.check();
}

// R25
#[test]
fn r25_neither_text_of_a_message_that_was_edited_and_deleted_can_be_read() {
    let (mut world, ann, bea, talk) = acquainted(3);
    let id = send_for(&mut world, ann, talk, "quokkas before", -1);
    world.run(10 * SECOND);
    for text in ["quokkas between", "quokkas after"] {
        world.call(ann, |engine, now| engine.messages().edit(talk, id, text, now)).unwrap();
        world.run(10 * SECOND);
    }
    assert!(is_shown(&mut world, bea, talk, "quokkas after"));
    world.run(11 * MINUTE);
    assert_eq!(readable(&world.devices[ann].disk, "quokkas before"), [], "what was edited is gone with the edit");
    assert!(!readable(&world.devices[ann].disk, "quokkas after").is_empty());
    let target = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
    world.run(11 * MINUTE);
    for ix in [ann, bea] {
        assert_eq!(readable(&world.devices[ix].disk, "quokkas"), [], "on device {ix}");
    }
    world.check();
}

// R25
#[test]
fn r25_what_was_deleted_offline_and_never_sent_cannot_be_read() {
    let (mut world, ann, _, talk) = acquainted(4);
    world.disconnect(ann);
    let id = send_for(&mut world, ann, talk, "quokkas never sent", -1);
    let target = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_here(talk, &target, now)).unwrap();
    world
        .call(ann, |engine, now| engine.conversations().set_draft(talk, Some("quokkas in a draft".to_owned()), now))
        .unwrap();
    world.call(ann, |engine, now| engine.conversations().set_draft(talk, None, now)).unwrap();
    assert!(!readable(&world.devices[ann].disk, "quokkas").is_empty());
    world.run(11 * MINUTE);
    assert_eq!(readable(&world.devices[ann].disk, "quokkas"), []);
}

// R25
#[test]
fn r25_before_it_sleeps_an_engine_makes_unreadable_what_was_deleted() {
    let (mut world, ann, bea, talk) = acquainted(5);
    chat(&mut world, bea, talk, 70);
    let id = send_for(&mut world, ann, talk, "quokkas asleep", -1);
    chat(&mut world, bea, talk, 70);
    let target = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
    world.run(10 * SECOND);
    assert!(!readable(&world.devices[ann].disk, "quokkas").is_empty());
    assert_eq!(readable_asleep(&mut world, ann, ["quokkas"]), [[]]);
    chat(&mut world, ann, talk, 3);
    world.run(10 * SECOND);
    assert!(is_shown(&mut world, bea, talk, "number 2"));
    world.check();
}

// R25
#[test]
fn r25_a_crash_in_the_midst_puts_it_off_by_minutes_only() {
    for crash_after in 0..12 {
        let (mut world, ann, bea, talk) = acquainted(6 + crash_after);
        chat(&mut world, bea, talk, 80);
        let id = send_for(&mut world, ann, talk, "quokkas crash", -1);
        world.run(10 * SECOND);
        let target = MessageRef { author: world.user(ann), id };
        world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
        world.run(5 * MINUTE + crash_after * 150);
        world.crash(ann, 3);
        world.restart(ann);
        world.run(11 * MINUTE);
        assert_eq!(readable(&world.devices[ann].disk, "quokkas"), [], "crash {crash_after}");
        assert!(is_shown(&mut world, ann, talk, "number 79"));
        world.check();
    }
}

// R25
#[test]
fn r25_what_is_deleted_every_minute_puts_off_no_round_for_ever() {
    let (mut world, ann, bea, talk) = acquainted(40);
    chat(&mut world, bea, talk, 80);
    send_for(&mut world, ann, talk, "quokkas first", 1);
    for number in 0..40 {
        send_for(&mut world, ann, talk, &format!("wombat {number}"), 1);
        send_for(&mut world, ann, talk, &format!("this one stays {number}"), -1);
        world.run(20 * SECOND);
    }
    for ix in [ann, bea] {
        assert_eq!(readable(&world.devices[ix].disk, "quokkas"), [], "on device {ix}");
    }
    world.check();
}

// R25
#[test]
fn r25_what_is_deleted_in_the_midst_of_a_round_is_unreadable_when_the_engine_sleeps() {
    let (mut world, ann, bea, talk) = acquainted(41);
    chat(&mut world, bea, talk, 150);
    let delete = |world: &mut World, id| {
        let target = MessageRef { author: world.user(ann), id };
        world.call(ann, |engine, now| engine.messages().delete_here(talk, &target, now)).unwrap();
    };
    let [first, second] = ["quokkas", "wombats"].map(|text| send_for(&mut world, ann, talk, text, -1));
    world.run(10 * SECOND);
    delete(&mut world, first);
    world.run(5 * MINUTE + 50);
    delete(&mut world, second);
    assert_eq!(readable_asleep(&mut world, ann, ["quokkas", "wombats"]), [[], []]);
    world.check();
}

// R25, R27
#[test]
fn r25_an_edit_that_was_not_sent_yet_reaches_the_others_and_stays_nowhere_else() {
    let (mut world, ann, bea, talk) = acquainted(42);
    let id = send_for(&mut world, ann, talk, "the address is known", -1);
    world.run(10 * SECOND);
    world.disconnect(ann);
    world.call(ann, |engine, now| engine.messages().edit(talk, id, "quokkas", now)).unwrap();
    let target = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_here(talk, &target, now)).unwrap();
    world.connect(ann);
    world.run(10 * SECOND);
    assert!(is_shown(&mut world, bea, talk, "quokkas") && !is_shown(&mut world, bea, talk, "the address"));
    world.run(11 * MINUTE);
    assert_eq!(readable(&world.devices[ann].disk, "quokkas"), []);
    world.check();
}

// R25, R21
#[test]
fn r25_words_of_what_was_deleted_shortly_before_a_round_are_made_unreadable_as_well() {
    let (mut world, ann, bea, talk) = acquainted(43);
    chat(&mut world, bea, talk, 40);
    let id = send_for(&mut world, ann, talk, "quokkas in a segment", -1);
    chat(&mut world, bea, talk, 40);
    assert!(readable(&world.devices[ann].disk, "quokkas").contains(&Table::SearchSegment));
    // A round is due five minutes after this, and the words of the message are written anew only after that.
    for draft in [Some("on second thoughts".to_owned()), None] {
        world.call(ann, |engine, now| engine.conversations().set_draft(talk, draft, now)).unwrap();
    }
    world.run(4 * MINUTE);
    let target = MessageRef { author: world.user(ann), id };
    world.call(ann, |engine, now| engine.messages().delete_here(talk, &target, now)).unwrap();
    world.run(11 * MINUTE);
    assert_eq!(readable(&world.devices[ann].disk, "quokkas"), []);
    world.check();
}
