//! How a user keeps conversations, whom a user lets in, and what a user tells others: on all devices of that user, and on no
//! others.

use undertone::Trust;
use undertone::attachment::{Attachment, MediaType};
use undertone::call::Stage;
use undertone::engine::Draft;
use undertone::envelope::{Clock, Envelope, EnvelopeKind, MessageRef};
use undertone::error::{Error, Misuse};
use undertone::event::Event;
use undertone::id::{ConversationId, MessageId};
use undertone::limits;
use undertone::message::SendState;
use undertone::policy::CallKind;
use undertone::privacy::Privacy;
use undertone::time::{HOUR, MINUTE, SECOND, Time};
use undertone_tests::sim::{DeviceIx, World};

use crate::{attachments, calls};

/// Ann with a phone, Bea with a phone and a tablet, who have talked.
pub fn three_devices(seed: u64) -> (World, DeviceIx, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    world.send(ann, talk, "hello, both of you");
    world.settle();
    (world, ann, bea, tablet, talk)
}

fn has(world: &mut World, ix: DeviceIx, talk: ConversationId, text: &str) -> bool {
    world.texts(ix, talk).iter().any(|shown| shown == text)
}

fn states(world: &mut World, ix: DeviceIx, talk: ConversationId) -> Vec<SendState> {
    world.messages(ix, talk).into_iter().filter(|m| m.own).map(|m| m.state).collect()
}

// R26
#[test]
fn all_devices_of_a_user_keep_a_conversation_alike_and_nobody_else_does() {
    let (mut world, ann, bea, tablet, talk) = three_devices(1);
    let until = world.now.plus(HOUR);
    world.call(bea, |engine, now| engine.conversations().archive(talk, true, now)).unwrap();
    world.call(bea, |engine, now| engine.conversations().mute(talk, Some(until), now)).unwrap();
    world.call(bea, |engine, now| engine.conversations().pin(talk, true, now)).unwrap();
    world.call(bea, |engine, now| engine.conversations().set_draft(talk, Some("not sent yet".into()), now)).unwrap();
    world.settle();
    for ix in [bea, tablet] {
        let kept = world.conversation(ix, talk);
        assert_eq!((kept.archived, kept.muted_until, kept.pinned), (true, Some(until), true));
    }
    let others = world.conversation(ann, talk);
    assert_eq!((others.archived, others.muted_until, others.pinned), (false, None, false));
    assert_eq!(world.conversation(bea, talk).draft.as_deref(), Some("not sent yet"));
    assert_eq!(world.conversation(tablet, talk).draft, None, "a draft stays where it is written");
    // Decided on both at once: they end alike.
    world.disconnect(bea);
    world.disconnect(tablet);
    world.call(bea, |engine, now| engine.conversations().mute(talk, None, now)).unwrap();
    world.call(tablet, |engine, now| engine.conversations().mute(talk, Some(Time::NEVER), now)).unwrap();
    world.connect(bea);
    world.connect(tablet);
    world.settle();
    assert_eq!(world.conversation(bea, talk).muted_until, world.conversation(tablet, talk).muted_until);
    world.check();
}

// R26
#[test]
fn pinned_conversations_come_first_whatever_happens_in_others() {
    let mut world = World::new(2);
    let ann = world.device("ann", "client");
    let escorts: Vec<_> = (0..3).map(|n| world.device(&format!("escort {n}"), "escort")).collect();
    world.settle();
    let talks: Vec<_> = escorts.iter().map(|escort| world.start(ann, *escort)).collect();
    for talk in &talks {
        world.send(ann, *talk, "hello");
        world.run(MINUTE);
    }
    world.call(ann, |engine, now| engine.conversations().pin(talks[0], true, now)).unwrap();
    world.send(ann, talks[1], "again");
    world.settle();
    let listed = |world: &mut World, limit: usize| -> Vec<ConversationId> {
        let now = world.now;
        let conversations = world.devices[ann].engine().conversations();
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let page = conversations.page(cursor.as_ref(), limit, now).unwrap();
            listed.extend(page.conversations.iter().map(|c| c.id));
            cursor = page.next;
            if cursor.is_none() {
                return listed;
            }
        }
    };
    assert_eq!(listed(&mut world, 50), [talks[0], talks[1], talks[2]]);
    assert_eq!(listed(&mut world, 1), [talks[0], talks[1], talks[2]], "page by page as well");
    world.send(ann, talks[0], "moves up, and stays there once");
    world.call(ann, |engine, now| engine.conversations().pin(talks[0], false, now)).unwrap();
    world.send(ann, talks[2], "newest");
    world.settle();
    assert_eq!(listed(&mut world, 50), [talks[2], talks[0], talks[1]]);
    world.check();
}

// R26
#[test]
fn what_comes_later_does_not_take_a_conversation_out_of_the_archive() {
    let (mut world, ann, bea, tablet, talk) = three_devices(9);
    world.call(bea, |engine, now| engine.conversations().archive(talk, true, now)).unwrap();
    world.settle();
    world.send(ann, talk, "are you there?");
    world.settle();
    for ix in [bea, tablet] {
        let kept = world.conversation(ix, talk);
        assert!(kept.archived && kept.unread > 0);
    }
    world.check();
}

// R26
#[test]
fn what_a_blocked_user_sends_never_shows_and_they_cannot_tell() {
    let (mut world, ann, bea, tablet, talk) = three_devices(3);
    let user = world.user(ann);
    world.send(bea, talk, "hello to you");
    world.settle();
    world.call(bea, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    world.settle();
    world.send(ann, talk, "can you see me?");
    world.settle();
    for ix in [bea, tablet] {
        assert!(!has(&mut world, ix, talk, "can you see me?"), "nor on the other device of who blocks");
        assert!(world.conversation(ix, talk).others[0].blocked);
    }
    assert_eq!(states(&mut world, ann, talk).last(), Some(&SendState::Delivered), "as if nobody had blocked");
    world.read_all(bea, talk);
    world.settle();
    assert!(!states(&mut world, ann, talk).contains(&SendState::Read), "reading is not told");
    let refused = world.call(bea, |engine, now| engine.messages().send(talk, Draft::text("and you?"), now));
    assert_eq!(refused, Err(Error::Misuse(Misuse::Blocked)));
    let said = world.messages(bea, talk).iter().find(|m| m.own).unwrap().key.id;
    let edited = world.call(bea, |engine, now| engine.messages().edit(talk, said, "and now", now));
    let set = world.call(bea, |engine, now| engine.conversations().set_period(talk, 60, Clock::FromSend, now));
    assert_eq!([edited, set], [const { Err(Error::Misuse(Misuse::Blocked)) }; 2]);
    world.call(tablet, |engine, now| engine.privacy().block(&user, false, now)).unwrap();
    world.settle();
    world.send(ann, talk, "and now?");
    world.settle();
    assert!(has(&mut world, bea, talk, "and now?") && !has(&mut world, bea, talk, "can you see me?"));
    world.check();
}

// R25, R26
#[test]
fn reading_what_goes_when_it_was_read_is_not_told_to_who_is_blocked() {
    let (mut world, ann, bea, tablet, talk) = three_devices(31);
    let draft = |text, clock| Draft { period: Some(60), clock: Some(clock), ..Draft::text(text) };
    for (text, period) in [("when read", 0), ("an hour from reading", 60)] {
        let draft = Draft { period: Some(period), ..draft(text, Clock::FromRead) };
        world.call(ann, |engine, now| engine.messages().send(talk, draft, now)).unwrap();
    }
    world.settle();
    let user = world.user(ann);
    world.call(bea, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    world.settle();
    world.read_all(bea, talk);
    world.run(2 * HOUR);
    for ix in [bea, tablet] {
        for text in ["when read", "an hour from reading"] {
            assert!(!has(&mut world, ix, talk, text), "it was read here, and has gone from device {ix}");
        }
    }
    for text in ["when read", "an hour from reading"] {
        assert!(has(&mut world, ann, talk, text), "it could tell that it was read");
    }
    world.run(limits::UNREAD_KEPT);
    assert!(!has(&mut world, ann, talk, "when read") && !has(&mut world, ann, talk, "an hour from reading"));
    world.check();
}

// R25, R26
#[test]
fn a_period_that_a_blocked_user_sets_counts_and_shows_nothing() {
    let (mut world, ann, bea, tablet, talk) = three_devices(32);
    let user = world.user(ann);
    world.call(bea, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    world.settle();
    let before = [bea, tablet].map(|ix| world.messages(ix, talk).len());
    let last = world.conversation(bea, talk).last_message.map(|message| message.key);
    world.call(ann, |engine, now| engine.conversations().set_period(talk, 5, Clock::FromSend, now)).unwrap();
    world.settle();
    for ix in [ann, bea, tablet] {
        assert_eq!(world.conversation(ix, talk).period, 5, "both sides have the same");
    }
    assert_eq!([bea, tablet].map(|ix| world.messages(ix, talk).len()), before);
    assert_eq!(world.conversation(bea, talk).last_message.map(|message| message.key), last);
    world.check();
}

// R26
#[test]
fn nobody_blocks_oneself() {
    let (mut world, ann, _, _, _) = three_devices(4);
    let user = world.user(ann);
    let refused = world.call(ann, |engine, now| engine.privacy().block(&user, true, now));
    assert_eq!(refused, Err(Error::Misuse(Misuse::Oneself)));
}

// R23
#[test]
fn with_receipts_off_reading_is_told_to_own_devices_only() {
    let (mut world, ann, bea, tablet, talk) = three_devices(5);
    let off = Privacy { read_receipts: false, ..Privacy::default() };
    world.call(bea, |engine, now| engine.privacy().set(off, now)).unwrap();
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(world.unread(tablet, talk), 0, "this user has read it");
    assert!(states(&mut world, ann, talk).iter().all(|state| *state == SendState::Delivered));
    let now = world.now;
    assert_eq!(world.devices[bea].engine().privacy().settings(), Ok(off));
    world.call(bea, |engine, _| engine.privacy().set(Privacy::default(), now)).unwrap();
    world.send(ann, talk, "and this one?");
    world.settle();
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(states(&mut world, ann, talk).last(), Some(&SendState::Read));
    world.check();
}

// R23
#[test]
fn what_was_read_with_receipts_off_or_from_somebody_blocked_is_not_told_later() {
    for blocked in [false, true] {
        let (mut world, ann, bea, tablet, talk) = three_devices(7);
        let user = world.user(ann);
        let keep_quiet = |world: &mut World, quiet: bool| {
            let settings = Privacy { read_receipts: !quiet, ..Privacy::default() };
            world
                .call(bea, |engine, now| match blocked {
                    true => engine.privacy().block(&user, quiet, now),
                    false => engine.privacy().set(settings, now),
                })
                .unwrap();
        };
        world.disconnect(bea);
        keep_quiet(&mut world, true);
        world.read_all(bea, talk);
        keep_quiet(&mut world, false);
        world.connect(bea);
        world.settle();
        assert_eq!(world.unread(tablet, talk), 0, "this user has read it");
        assert!(states(&mut world, ann, talk).iter().all(|state| *state == SendState::Delivered), "{blocked}");
        world.check();
    }
}

// R44
#[test]
fn a_display_name_is_cleaned_shown_and_never_sent() {
    let (mut world, ann, bea, tablet, talk) = three_devices(6);
    let user = world.user(ann);
    let before = world.wire.len();
    world
        .call(bea, |engine, now| engine.privacy().set_display_name(&user, Some(" Ann\u{202e} from work\n"), now))
        .unwrap();
    world.settle();
    assert_eq!(world.conversation(bea, talk).others[0].name.as_deref(), Some("Ann from work"));
    assert_eq!(world.conversation(tablet, talk).others[0].name, None);
    assert_eq!(world.wire.len(), before, "nothing was sent");
    let long = "é".repeat(200);
    world.call(bea, |engine, now| engine.privacy().set_display_name(&user, Some(&long), now)).unwrap();
    assert_eq!(world.conversation(bea, talk).others[0].name.as_deref(), Some(&*"é".repeat(64)));
    world.call(bea, |engine, now| engine.privacy().set_display_name(&user, Some("  "), now)).unwrap();
    assert_eq!(world.conversation(bea, talk).others[0].name, None);
}

/// Bea has verified Ann, who comes back with another identity: she, or somebody else. Bea, Ann's new device, and what Bea had
/// said before.
fn with_a_changed_identity(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId, MessageId) {
    let mut world = World::new(seed);
    let (phone, bea, talk) = world.acquaint();
    let before = world.send(bea, talk, "good evening");
    world.settle();
    let (user, bea_user) = (world.user(phone), world.user(bea));
    let number = world.devices[phone].engine().identity().safety_number(&bea_user).unwrap().unwrap();
    let code = number.qr_payload().to_vec();
    let mut wrong = code.clone();
    wrong[40] ^= 1;
    assert_eq!(world.call(bea, |engine, now| engine.identity().verify_scanned(&user, &wrong, now)), Ok(false));
    assert_eq!(world.devices[bea].engine().identity().trust(&user), Ok(Trust::Unverified));
    assert_eq!(world.call(bea, |engine, now| engine.identity().verify_scanned(&user, &code, now)), Ok(true));
    assert_eq!(world.devices[bea].engine().identity().trust(&user), Ok(Trust::Verified));
    world.crash(phone, 0);
    world.devices[phone].wants_link = false;
    let list = world.platform.revoke(&world.devices[phone].certificate.clone().unwrap(), world.now);
    world.revoke(&list);
    let fresh = world.unconnected("ann", "client", None);
    world.connect(fresh);
    world.run(HOUR);
    assert!(world.devices[bea].events.contains(&Event::IdentityChanged(user)));
    assert_eq!(world.conversation(bea, talk).others[0].trust, Trust::Changed);
    (world, bea, fresh, talk, before)
}

fn accept_identity(world: &mut World, bea: DeviceIx, fresh: DeviceIx) {
    let user = world.user(fresh);
    world.call(bea, |engine, now| engine.identity().accept_identity(&user, now)).unwrap();
    world.settle();
}

// R16
#[test]
fn a_verified_identity_that_changes_holds_back_what_is_said_until_it_is_accepted() {
    let (mut world, bea, fresh, talk, _) = with_a_changed_identity(7);
    world.send(bea, talk, "is it you?");
    world.settle();
    assert_eq!(states(&mut world, bea, talk).last(), Some(&SendState::Queued), "it waits");
    assert!(!has(&mut world, fresh, talk, "is it you?"));
    accept_identity(&mut world, bea, fresh);
    assert!(has(&mut world, fresh, talk, "is it you?"));
    assert_eq!(world.conversation(bea, talk).others[0].trust, Trust::Unverified);
    world.check();
}

/// Envelopes of a device in which something is said, on the wire so far.
fn said(world: &World, ix: DeviceIx) -> usize {
    let says =
        |bytes: &[u8]| !matches!(Envelope::decode(bytes).unwrap().kind, EnvelopeKind::Commit | EnvelopeKind::Welcome);
    world.wire.iter().filter(|(from, bytes)| *from == ix && says(bytes)).count()
}

// R16 R27
#[test]
fn edits_reactions_deletions_and_typing_wait_as_well_for_a_changed_identity() {
    let (mut world, bea, fresh, talk, before) = with_a_changed_identity(70);
    let sent = said(&world, bea);
    let (user, own) = (world.user(fresh), world.user(bea));
    let first = world.messages(bea, talk)[0].key.id;
    let waiting = world.send(bea, talk, "the door code is 1234");
    world.call(bea, |engine, now| engine.messages().edit(talk, waiting, "call me", now)).unwrap();
    world.call(bea, |engine, now| engine.messages().edit(talk, before, "good evening, Ann", now)).unwrap();
    let theirs = MessageRef { author: user, id: first };
    world.call(bea, |engine, now| engine.messages().react(talk, &theirs, Some("👍"), now)).unwrap();
    let taken_back = world.send(bea, talk, "never mind");
    let taken_back = MessageRef { author: own, id: taken_back };
    world.call(bea, |engine, now| engine.messages().delete_for_everyone(talk, &taken_back, now)).unwrap();
    world.call(bea, |engine, now| engine.conversations().set_typing(talk, true, now)).unwrap();
    world.settle();
    assert_eq!(said(&world, bea), sent, "nothing was said to whoever this is");
    let knows = |world: &mut World, text: &str| world.texts(fresh, talk).iter().any(|shown| shown.contains(text));
    assert!(!knows(&mut world, "1234") && !knows(&mut world, "call me"));
    accept_identity(&mut world, bea, fresh);
    assert!(said(&world, bea) > sent);
    assert!(knows(&mut world, "call me"), "what was said last");
    assert!(!knows(&mut world, "1234") && !knows(&mut world, "never mind"), "and nothing of what was taken back");
    world.check();
}

// R16 R35
#[test]
fn a_file_is_uploaded_and_told_of_only_when_a_changed_identity_is_accepted() {
    let (mut world, bea, fresh, talk, _) = with_a_changed_identity(71);
    let sent = said(&world, bea);
    let file = vec![7; 5_000];
    let note = Attachment::file("note.txt", MediaType::new("text/plain").unwrap(), file.len() as u64);
    let id =
        world.call(bea, |engine, now| engine.attachments().send(talk, note, Draft::text("the plan"), now)).unwrap();
    let mut stored = Vec::new();
    assert!(
        attachments::upload(&mut world, bea, talk, id, &file, &mut stored, usize::MAX),
        "it may be stored meanwhile"
    );
    attachments::finish(&mut world, bea, talk, id, "files/0").unwrap();
    world.run(HOUR);
    let message = attachments::reference(&world, bea, id);
    assert_eq!(states(&mut world, bea, talk).last(), Some(&SendState::Queued));
    assert_eq!(said(&world, bea), sent, "whoever this is gets no key");
    assert!(world.call(fresh, |engine, now| engine.attachments().reader(talk, &message, now)).is_err());
    accept_identity(&mut world, bea, fresh);
    let storage = attachments::Storage([("files/0".to_owned(), stored)].into());
    assert!(attachments::download(&mut world, fresh, talk, &message, &storage).unwrap() == file);
    world.check();
}

// R16 R33
#[test]
fn nobody_calls_or_answers_a_changed_identity_before_it_is_accepted() {
    let (mut world, bea, fresh, talk, _) = with_a_changed_identity(72);
    let changed = Error::Misuse(Misuse::IdentityChanged);
    let sent = said(&world, bea);
    let start =
        |world: &mut World| world.call(bea, |engine, now| engine.calls().start(talk, CallKind::Voice, b"offer", now));
    assert_eq!(start(&mut world), Err(changed.clone()));
    let call = calls::ring(&mut world, fresh, talk);
    assert_eq!(calls::stage(&mut world, bea, call), Stage::RingingIn, "it is shown who calls");
    let answered = world.call(bea, |engine, now| engine.calls().accept(call, b"answer", now));
    assert_eq!(answered, Err(changed));
    world.run(SECOND);
    assert_eq!(calls::stage(&mut world, fresh, call), Stage::RingingOut);
    assert_eq!(said(&world, bea), sent, "not even that it rings");
    // It still rings.
    let user = world.user(fresh);
    world.call(bea, |engine, now| engine.identity().accept_identity(&user, now)).unwrap();
    calls::accept(&mut world, bea, call);
    assert_eq!(calls::stage(&mut world, fresh, call), Stage::Active);
    calls::hang_up(&mut world, bea, call);
    world.settle();
    assert!(start(&mut world).is_ok());
    world.check();
}

// R23, R24
#[test]
fn what_others_are_told_is_the_same_from_all_devices_of_a_user() {
    let (mut world, ann, bea, tablet, talk) = three_devices(30);
    let secretive = Privacy { read_receipts: false, typing: false };
    world.call(bea, |engine, now| engine.privacy().set(secretive, now)).unwrap();
    world.settle();
    let settings = |world: &mut World, ix| world.call(ix, |engine, _| engine.privacy().settings()).unwrap();
    assert_eq!(settings(&mut world, tablet), secretive);
    assert_eq!(settings(&mut world, ann), Privacy::default(), "nobody else's");
    world.send(ann, talk, "do you read this?");
    world.settle();
    world.read_all(tablet, talk);
    world.settle();
    assert_eq!(states(&mut world, ann, talk).first(), Some(&SendState::Delivered), "nor does the tablet tell");

    // Set on both at once, they end alike.
    world.disconnect(bea);
    world.disconnect(tablet);
    world.call(bea, |engine, now| engine.privacy().set(Privacy::default(), now)).unwrap();
    let half = Privacy { typing: true, ..secretive };
    world.call(tablet, |engine, now| engine.privacy().set(half, now)).unwrap();
    world.connect(bea);
    world.connect(tablet);
    world.settle();
    assert_eq!(settings(&mut world, bea), settings(&mut world, tablet));
    world.check();
}

// R23, R26
#[test]
fn a_device_that_comes_later_is_told_what_its_user_has_decided() {
    let (mut world, ann, bea, _, talk) = three_devices(31);
    let ann_user = world.user(ann);
    let settings = Privacy { read_receipts: false, typing: true };
    world.call(bea, |engine, now| engine.privacy().set(settings, now)).unwrap();
    world.call(bea, |engine, now| engine.privacy().block(&ann_user, true, now)).unwrap();
    world.call(bea, |engine, now| engine.conversations().mute(talk, Some(Time::NEVER), now)).unwrap();
    world.settle();
    let phone = world.another(bea);
    world.settle();
    assert!(world.call(phone, |engine, _| engine.privacy().is_blocked(&ann_user)).unwrap());
    assert_eq!(world.call(phone, |engine, _| engine.privacy().settings()).unwrap(), settings);
    assert_eq!(world.conversation(phone, talk).muted_until, Some(Time::NEVER));
    world.send(ann, talk, "can you hear me?");
    world.settle();
    assert!(!has(&mut world, phone, talk, "can you hear me?"));
    world.check();
}

// R26
#[test]
fn a_device_that_the_other_side_let_in_is_told_as_well() {
    let mut world = World::new(32);
    let (ann, bea, talk) = world.acquaint();
    let ann_user = world.user(ann);
    world.call(bea, |engine, now| engine.privacy().block(&ann_user, true, now)).unwrap();
    world.settle();
    world.disconnect(bea);
    let phone = world.another(bea);
    world.run(2 * HOUR);
    assert!(world.call(phone, |engine, now| engine.conversations().get(talk, now)).is_ok(), "ann has let it in");
    world.connect(bea);
    world.settle();
    assert!(world.call(phone, |engine, _| engine.privacy().is_blocked(&ann_user)).unwrap());
    world.check();
}

// R23
#[test]
fn what_was_decided_before_the_first_conversation_is_told_in_it() {
    let mut world = World::new(33);
    let (phone, ann) = (world.device("bea", "escort"), world.device("ann", "client"));
    let tablet = world.another(phone);
    world.settle();
    let secretive = Privacy { read_receipts: false, typing: false };
    world.call(phone, |engine, now| engine.privacy().set(secretive, now)).unwrap();
    world.settle();
    let talk = world.start(ann, phone);
    world.send(ann, talk, "hello");
    world.settle();
    assert_eq!(world.call(tablet, |engine, _| engine.privacy().settings()).unwrap(), secretive);
    world.check();
}

/// Ann, Bea with a phone that is off and on which she has decided `often`, and her new tablet, which has heard of nothing.
fn a_new_device(
    seed: u64,
    decide: impl Fn(&mut World, DeviceIx, ConversationId),
) -> (World, DeviceIx, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    world.send(ann, talk, "hello");
    world.settle();
    decide(&mut world, bea, talk);
    world.run(MINUTE);
    world.disconnect(bea);
    let tablet = world.another(bea);
    world.settle();
    assert!(world.devices[tablet].engine().conversations().get(talk, world.now).is_ok(), "Ann has let it in");
    (world, ann, bea, tablet, talk)
}

// R23, R26
#[test]
fn what_is_decided_on_a_new_device_is_not_undone_by_what_older_ones_decided_before() {
    let (mut world, ann, bea, tablet, talk) = a_new_device(33, |world, bea, talk| {
        let ann = world.user(0);
        for on in [true, false, true, false] {
            world.call(bea, |engine, now| engine.privacy().block(&ann, on, now)).unwrap();
            world.call(bea, |engine, now| engine.conversations().archive(talk, on, now)).unwrap();
            let settings = Privacy { typing: !on, ..Privacy::default() };
            world.call(bea, |engine, now| engine.privacy().set(settings, now)).unwrap();
        }
    });
    let user = world.user(ann);
    let secretive = Privacy { read_receipts: false, typing: false };
    world.call(tablet, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    world.call(tablet, |engine, now| engine.conversations().archive(talk, true, now)).unwrap();
    world.call(tablet, |engine, now| engine.privacy().set(secretive, now)).unwrap();
    world.settle();
    world.connect(bea);
    world.settle();
    for ix in [tablet, bea] {
        assert_eq!(world.devices[ix].engine().privacy().is_blocked(&user), Ok(true), "device {ix}");
        assert!(world.conversation(ix, talk).archived, "device {ix}");
        assert_eq!(world.devices[ix].engine().privacy().settings(), Ok(secretive), "device {ix}");
    }
    // What is decided from then on holds as before, though a clock is behind.
    world.set_clock(bea, -(HOUR as i64));
    world.call(bea, |engine, now| engine.privacy().block(&user, false, now)).unwrap();
    world.call(bea, |engine, now| engine.privacy().set(Privacy::default(), now)).unwrap();
    world.settle();
    for ix in [tablet, bea] {
        assert_eq!(world.devices[ix].engine().privacy().is_blocked(&user), Ok(false), "device {ix}");
        assert_eq!(world.devices[ix].engine().privacy().settings(), Ok(Privacy::default()), "device {ix}");
    }
    world.check();
}

// R23, R24
#[test]
fn a_new_device_that_turns_one_switch_off_turns_no_other_on() {
    let (mut world, _, bea, tablet, _) = a_new_device(34, |world, bea, _| {
        let settings = Privacy { read_receipts: false, ..Privacy::default() };
        world.call(bea, |engine, now| engine.privacy().set(settings, now)).unwrap();
    });
    let settings = Privacy { typing: false, ..Privacy::default() };
    world.call(tablet, |engine, now| engine.privacy().set(settings, now)).unwrap();
    world.settle();
    world.connect(bea);
    world.settle();
    let both = Privacy { read_receipts: false, typing: false };
    let told = [tablet, bea].map(|ix| world.devices[ix].engine().privacy().settings());
    assert_eq!(told, [Ok(both), Ok(both)]);
    // Turned on again by who knows of both.
    world.call(tablet, |engine, now| engine.privacy().set(Privacy::default(), now)).unwrap();
    world.settle();
    let told = [tablet, bea].map(|ix| world.devices[ix].engine().privacy().settings());
    assert_eq!(told, [Ok(Privacy::default()), Ok(Privacy::default())]);
    world.check();
}
