//! Engines of different versions talk: what the older one does not understand it keeps, obeys as far as it can, and
//! understands once it is the newer one.
//!
//! There is only one version yet. An *older* engine is played by one that does not understand a part of what this
//! version does ([`Older`]); what a *newer* one says is made by hand.

use undertone::engine::Engine;
use undertone::envelope::{Clock, Content, Envelope, EnvelopeKind, Head, Kind};
use undertone::error::{Error, PeerFault};
use undertone::id::{ConversationId, Hash32, MessageId};
use undertone::message::{Cause, Message, MessageContent, SendState};
use undertone::output::Wake;
use undertone::sabotage::Older;
use undertone::search::{Scope, SearchQuery};
use undertone::time::{DAY, HOUR, MINUTE};
use undertone_tests::sim::net::{Body, ToDevice};
use undertone_tests::sim::{DeviceIx, Fate, World};

/// Bea's device gets another version.
fn update(world: &mut World, bea: DeviceIx, older: Option<Older>) {
    world.crash(bea, 0);
    world.devices[bea].profile.older = older;
    world.restart(bea);
    world.settle();
}

/// Ann and Bea know each other; Bea's engine does not understand something.
fn acquainted(seed: u64, older: Older) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    update(&mut world, bea, Some(older));
    (world, ann, bea, talk)
}

fn unreadable(world: &mut World, ix: DeviceIx) -> (u64, u64, u64) {
    let now = world.devices[ix].clock(world.now);
    let told = world.devices[ix].engine().diagnose(now).unwrap().stored.unwrap().unreadable;
    (told.newer_version, told.unsupported, told.kept)
}

/// How many messages a search for a word finds.
fn found(world: &mut World, ix: DeviceIx, word: &str) -> usize {
    let now = world.devices[ix].clock(world.now);
    let query = SearchQuery::parse(word).unwrap();
    world.devices[ix].engine().messages().search(&query, Scope::All, None, 10, now).unwrap().hits.len()
}

fn content(kind: Kind, id: u8, period: i32, body: Vec<u8>, world: &World) -> Content {
    let head = Head {
        id: MessageId::from_bytes([id; 16]),
        stamp: world.now,
        period,
        clock: Clock::FromSend,
        target: None,
        counts: kind.0 < 32,
        notifies: kind.0 < 32,
    };
    Content { head, kind, body, opening: Hash32::of(&[id]) }
}

/// Says something as a newer engine would.
fn say(world: &mut World, ix: DeviceIx, talk: ConversationId, content: &Content) {
    let encoded = content.encode().unwrap();
    let (kind, commitment) = if content.kind.is_shown() {
        (EnvelopeKind::Message, Some(content.commitment(&encoded)))
    } else {
        (EnvelopeKind::Receipt, None)
    };
    world.call(ix, |engine, now| engine.say_as(talk, kind, content, commitment, now)).unwrap();
    world.settle();
}

/// The process ends and is opened again, as another version; nothing else happens yet.
fn reopen(world: &mut World, ix: DeviceIx, older: Option<Older>) {
    world.crash(ix, usize::MAX);
    world.devices[ix].profile.older = older;
    world.open(ix).unwrap();
}

/// Whether something that was kept is still to be judged again.
fn is_judging(world: &mut World, ix: DeviceIx) -> bool {
    let now = world.devices[ix].clock(world.now);
    world.devices[ix].engine().diagnose(now).unwrap().stored.unwrap().wake.1 == Wake::Upgrade
}

fn contents(messages: Vec<Message>) -> Vec<MessageContent> {
    messages.into_iter().map(|message| message.content).collect()
}

// R46
#[test]
fn r46_envelopes_of_a_kind_that_is_not_known_are_kept_until_it_is() {
    let (mut world, ann, bea, talk) = acquainted(500, Older::Envelope(EnvelopeKind::Message));
    for n in 0..3 {
        world.send(ann, talk, &format!("new {n}"));
        world.run(1_000);
    }
    world.settle();
    assert_eq!(world.texts(bea, talk), ["first"]);
    assert_eq!(unreadable(&mut world, bea), (0, 0, 3));
    assert!(world.devices[bea].refusals.is_empty(), "{:?}", world.devices[bea].refusals);
    let last = world.messages(ann, talk).pop().unwrap();
    assert_eq!(last.state, SendState::Sent, "nobody has seen it");
    // What the relay delivers once more is kept once.
    let messages = world
        .wire
        .iter()
        .map(|(_, bytes)| bytes.clone())
        .filter(|bytes| Envelope::decode(bytes).is_ok_and(|envelope| envelope.kind == EnvelopeKind::Message));
    let again: Vec<Vec<u8>> = messages.skip(1).collect();
    again.into_iter().for_each(|bytes| world.smuggle(bea, bytes).unwrap());
    update(&mut world, bea, Some(Older::Envelope(EnvelopeKind::Message)));
    assert_eq!(unreadable(&mut world, bea), (0, 0, 3));

    update(&mut world, bea, None);
    world.check();
    assert_eq!(world.texts(bea, talk), ["first", "new 0", "new 1", "new 2"]);
    assert_eq!(unreadable(&mut world, bea), (0, 0, 0));
    assert_eq!(world.messages(ann, talk).pop().unwrap().state, SendState::Delivered);
    world.send(bea, talk, "understood");
    world.settle();
    assert_eq!(world.texts(ann, talk).last().unwrap(), "understood");
    world.check();
}

// R46
#[test]
fn r46_envelopes_of_a_newer_version_are_kept_within_bounds() {
    let mut world = World::new(501);
    let (ann, bea, talk) = world.acquaint();
    world.send(ann, talk, "second");
    world.settle();
    let mut newer = world.wire.iter().rfind(|(ix, _)| *ix == ann).unwrap().1.clone();
    newer[0] = 2;
    // Fields that this version does not know, and another kind.
    newer.extend_from_slice(b"something new");
    let rows = world.devices[bea].disk.rows().len();
    world.smuggle(bea, newer.clone()).unwrap();
    world.smuggle(bea, newer.clone()).unwrap();
    assert_eq!(unreadable(&mut world, bea), (0, 0, 1));
    assert!(world.devices[bea].disk.rows().len() > rows);
    for n in 0..300_u32 {
        newer.extend_from_slice(&n.to_be_bytes());
        world.smuggle(bea, newer.clone()).unwrap();
    }
    let (_, _, kept) = unreadable(&mut world, bea);
    assert!((100..=256).contains(&kept), "{kept}");
    newer.resize(300 * 1024, 0);
    assert_eq!(world.smuggle(bea, newer), Err(Error::Peer(PeerFault::NewerVersion)), "too long to keep");
    assert_eq!(world.texts(bea, talk), ["first", "second"]);
    world.disconnect(ann);
    world.disconnect(bea);
    world.run(91 * DAY);
    assert_eq!(unreadable(&mut world, bea), (0, 0, 0), "given up at last");
    world.check();
}

// R46
#[test]
fn r46_a_content_of_a_newer_version_is_a_message_whose_head_is_obeyed() {
    let (mut world, ann, bea, talk) = acquainted(502, Older::Contents);
    let kept = world.send(ann, talk, "zyzzyva of a newer version");
    world.settle();
    let short = content(Kind::TEXT, 7, 60, Engine::text("goes in an hour").unwrap(), &world);
    say(&mut world, ann, talk, &short);
    let quiet =
        Content { head: Head { counts: false, ..content(Kind::TEXT, 8, -1, Vec::new(), &world).head }, ..short };
    let quiet = Content { body: Engine::text("counts for nobody").unwrap(), ..quiet };
    say(&mut world, ann, talk, &quiet);
    let shown = world.messages(bea, talk);
    assert_eq!(contents(shown.clone())[1..], vec![MessageContent::Encrypted(Cause::NewerVersion); 3]);
    assert_eq!((shown[1].key.id, shown[1].author.clone()), (kept, world.user(ann)));
    assert!(shown[1].unread && shown[2].unread && !shown[3].unread);
    let goes_at = shown[2].goes_at.unwrap();
    assert!(shown[2].period == 60 && goes_at.since(shown[2].sent_at) >= HOUR && goes_at <= world.now.plus(HOUR));
    // Receipts that ann's engine sends are contents as well.
    world.send(bea, talk, "do you read me?");
    world.settle();
    world.read_all(ann, talk);
    world.settle();
    assert!(unreadable(&mut world, bea).2 > 0);
    assert_eq!(world.messages(bea, talk).pop().unwrap().state, SendState::Sent);
    assert_eq!(found(&mut world, bea, "zyzzyva"), 0);
    world.run(2 * HOUR);
    assert_eq!(world.texts(bea, talk).len(), 4, "one has gone in time, unread by any version");

    // Bea has seen what there was to see of the first one.
    let first = world.messages(bea, talk)[1].key;
    world.call(bea, |engine, now| engine.messages().mark_read(talk, first, now)).unwrap();
    let unread = world.unread(bea, talk);
    update(&mut world, bea, None);
    world.check();
    let texts = ["first", "zyzzyva of a newer version", "counts for nobody", "do you read me?"];
    assert_eq!(world.texts(bea, talk), texts);
    assert_eq!(world.unread(bea, talk), unread);
    assert!(!world.messages(bea, talk)[1].unread, "what was read stays read");
    assert_eq!(unreadable(&mut world, bea), (0, 0, 0));
    assert_eq!(found(&mut world, bea, "zyzzyva"), 1);
    assert_eq!(world.messages(bea, talk).pop().unwrap().state, SendState::Read);
    world.run(MINUTE);
    world.check();
}

// R46
#[test]
fn r46_a_kind_of_message_that_is_not_known_is_unsupported_until_it_is() {
    let (mut world, ann, bea, talk) = acquainted(503, Older::Kind(Kind::TEXT));
    world.send(ann, talk, "quokka parade");
    world.settle();
    assert_eq!(contents(world.messages(bea, talk))[1], MessageContent::Unsupported(Kind::TEXT));
    assert_eq!(world.unread(bea, talk), 2);
    assert_eq!(unreadable(&mut world, bea), (0, 1, 0));
    assert_eq!(found(&mut world, bea, "quokka"), 0);
    update(&mut world, bea, None);
    assert_eq!(world.texts(bea, talk), ["first", "quokka parade"]);
    assert_eq!(world.unread(bea, talk), 2);
    assert_eq!(unreadable(&mut world, bea), (0, 0, 0));
    assert_eq!(found(&mut world, bea, "quokka"), 1);
    // It is a message like any other.
    world.read_all(bea, talk);
    world.settle();
    assert_eq!(world.messages(ann, talk)[1].state, SendState::Read);
    world.check();
}

// R46
#[test]
fn r46_acts_that_are_not_known_are_done_when_they_are() {
    for (seed, kind) in [(504, Kind::EDIT), (505, Kind::DELETE)] {
        let (mut world, ann, bea, talk) = acquainted(seed, Older::Kind(kind));
        let id = world.send(ann, talk, "as it was");
        world.settle();
        if kind == Kind::EDIT {
            world.call(ann, |engine, now| engine.messages().edit(talk, id, "as it is", now)).unwrap();
        } else {
            let target = undertone::envelope::MessageRef { author: world.user(ann), id };
            world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
        }
        world.settle();
        assert_eq!(world.texts(bea, talk)[..2], ["first", "as it was"]);
        let waits = if kind == Kind::EDIT { (0, 1, 0) } else { (0, 0, 1) };
        assert_eq!(unreadable(&mut world, bea), waits, "{kind:?}");
        update(&mut world, bea, None);
        world.check();
        let expected: &[&str] = if kind == Kind::EDIT { &["first", "as it is"] } else { &["first"] };
        assert_eq!(world.texts(bea, talk), expected, "{kind:?}");
        assert_eq!(world.texts(ann, talk), expected, "{kind:?}");
        assert_eq!(unreadable(&mut world, bea), (0, 0, 0), "{kind:?}");
    }
}

// R46
#[test]
fn r46_kinds_of_a_later_version_obey_their_heads_and_are_kept() {
    let mut world = World::new(506);
    let (ann, bea, talk) = world.acquaint();
    let body = b"\x93\x01\x02\xc3".to_vec();
    let (message, act, engines) = (Kind(20), Kind(50), Kind(200));
    for (id, kind) in [(1, message), (2, act), (3, engines)] {
        let said = content(kind, id, 60, body.clone(), &world);
        say(&mut world, ann, talk, &said);
    }
    let shown = world.messages(bea, talk);
    let kinds = [MessageContent::Unsupported(message), MessageContent::Unsupported(act)];
    assert_eq!(contents(shown.clone())[1..], kinds, "what is between engines is not shown");
    assert!(shown[1].unread && !shown[2].unread, "each as its head says");
    assert_eq!(unreadable(&mut world, bea), (0, 2, 1));
    assert!(world.devices[bea].refusals.is_empty(), "{:?}", world.devices[bea].refusals);
    // No version of these kinds has come: they stay as they are.
    update(&mut world, bea, Some(Older::Contents));
    update(&mut world, bea, None);
    assert_eq!(unreadable(&mut world, bea), (0, 2, 1));
    assert_eq!(contents(world.messages(bea, talk))[1..], kinds);
    world.run(2 * HOUR);
    assert_eq!(world.texts(bea, talk), ["first"]);
    assert_eq!(unreadable(&mut world, bea), (0, 0, 1));
    world.check();
}

// R13 R46
#[test]
fn r46_a_message_sent_again_by_a_newer_version_takes_its_place() {
    let mut world = World::new(507);
    world.update_after = DAY;
    let (ann, bea, talk) = world.acquaint();
    // A message comes when its keys are gone, to a device that cannot ask for it.
    world.tap = Some(Box::new(move |packet| {
        let mail = matches!(packet.body, Body::Down(ToDevice::Deliver(_)));
        if packet.device == bea && mail { Fate::Hold } else { Fate::Pass }
    }));
    world.send(ann, talk, "too late for its keys");
    world.run(1_000);
    world.tap = None;
    let Body::Down(ToDevice::Deliver(late)) = world.held.remove(0).body else { panic!("a delivery") };
    for n in 0..8 {
        world.run(2 * DAY);
        world.send(ann, talk, &format!("day {n}"));
        world.settle();
    }
    world.disconnect(bea);
    world.call(bea, |engine, now| engine.receive(&late, now)).unwrap();
    let stands = |cause| move |message: &Message| message.content == MessageContent::Encrypted(cause);
    assert!(world.messages(bea, talk).iter().any(stands(Cause::TooOld)));

    // The same message in a version that bea's engine cannot read, committed to as it is.
    let inner = content(Kind::TEXT, 9, -1, Engine::text("as a newer version says it").unwrap(), &world);
    let lost = Envelope::decode(&late.envelope).unwrap().id;
    let (mut body, mut newer) = (Engine::again(lost, &inner, world.now).unwrap(), inner.encode().unwrap());
    let at = body.windows(newer.len()).position(|window| window == newer).unwrap();
    (body[at], newer[0]) = (2, 2);
    let again = content(Kind::AGAIN, 10, -1, body, &world);
    let commitment = Some(inner.commitment(&newer));
    world.call(ann, |e, now| e.say_as(talk, EnvelopeKind::Receipt, &again, commitment, now)).unwrap();
    let bytes = world.wire.iter().rfind(|(ix, _)| *ix == ann).unwrap().1.clone();
    world.smuggle(bea, bytes).unwrap();
    let shown = world.messages(bea, talk);
    assert!(!shown.iter().any(stands(Cause::TooOld)), "nothing stands for it any more");
    assert_eq!(shown.iter().find(|m| stands(Cause::NewerVersion)(m)).unwrap().key.id, inner.head.id);
    update(&mut world, bea, Some(Older::Contents));
    update(&mut world, bea, None);
    assert_eq!(unreadable(&mut world, bea).0, 1, "no version of this kind has come");
    world.check();
}

// R14 R46
#[test]
fn r46_fields_that_are_not_known_make_a_record_malformed() {
    let mut world = World::new(508);
    let (ann, bea, talk) = world.acquaint();
    let bytes = world.wire.iter().rfind(|(ix, _)| *ix == ann).unwrap().1.clone();
    // An array of 13 where there are 12.
    let mut envelope = bytes.clone();
    assert_eq!(envelope[1], 0x9c);
    envelope[1] = 0x9d;
    envelope.push(0xc0);
    let before = world.devices[bea].disk.rows();
    assert_eq!(world.smuggle(bea, envelope), Err(Error::Peer(PeerFault::Malformed("envelope"))));
    assert!(world.devices[bea].disk.rows() == before);
    // A receipt, and a certificate's renewal, with a field too many.
    for (kind, mut body) in [
        (Kind::RECEIPT, Engine::receipt_for(&world.user(ann), &[MessageId::from_bytes([1; 16])]).unwrap()),
        (Kind::CERTIFICATE, world.devices[ann].certificate.as_ref().unwrap().as_bytes().to_vec()),
    ] {
        let array = usize::from(kind == Kind::CERTIFICATE);
        assert_eq!(body[array], 0x92);
        body[array] = 0x93;
        body.push(0xc0);
        let before = world.devices[bea].refusals.len();
        world.call(ann, |engine, now| engine.say(talk, kind, body, now)).unwrap();
        world.settle();
        assert!(matches!(world.devices[bea].refusals[before..], [Error::Peer(PeerFault::Malformed(_))]), "{kind:?}");
    }
    // The renewal in a newer version is kept instead.
    let mut renewed = world.devices[ann].certificate.as_ref().unwrap().as_bytes().to_vec();
    renewed[0] = 2;
    world.call(ann, |engine, now| engine.say(talk, Kind::CERTIFICATE, renewed, now)).unwrap();
    world.settle();
    assert_eq!(unreadable(&mut world, bea), (0, 0, 1));
    world.check();
}

// R46
#[test]
fn r46_much_that_was_kept_is_judged_in_steps_of_which_opening_takes_one() {
    const KEPT: u64 = 100;
    let (mut world, ann, bea, talk) = acquainted(509, Older::Contents);
    for n in 0..KEPT {
        world.send(ann, talk, &format!("kept {n}"));
        world.run(1_000);
    }
    world.settle();
    assert_eq!(unreadable(&mut world, bea), (KEPT, 0, 0));
    world.disconnect(bea);
    reopen(&mut world, bea, None);
    let mut left = unreadable(&mut world, bea).0;
    assert_eq!(left, KEPT - 1, "opening ends soon, however much there is");
    while is_judging(&mut world, bea) {
        world.call(bea, Engine::handle_timeout).unwrap();
        let before = std::mem::replace(&mut left, unreadable(&mut world, bea).0);
        assert!(before - left <= 16, "{before} {left}");
    }
    assert_eq!(unreadable(&mut world, bea), (0, 0, 0));
    world.connect(bea);
    world.settle();
    assert_eq!(world.texts(bea, talk), world.texts(ann, talk));
    assert_eq!(world.unread(bea, talk), 1 + KEPT as u32);
    // It was judged once: the next start has nothing to do.
    reopen(&mut world, bea, None);
    assert!(!is_judging(&mut world, bea));
    world.check();
}

// R46, R19
#[test]
fn r46_after_a_crash_judging_goes_on_where_it_was() {
    const KEPT: u8 = 60;
    let mut world = World::new(510);
    let (ann, bea, talk) = world.acquaint();
    // No version knows these: they are looked at twice, as messages and as acts, and stay.
    for id in 1..=KEPT {
        let said = content(Kind(20), id, -1, b"\x93\x01\x02\xc3".to_vec(), &world);
        say(&mut world, ann, talk, &said);
    }
    update(&mut world, bea, Some(Older::Kind(Kind::TEXT)));
    world.send(ann, talk, "the last one");
    world.settle();
    assert_eq!(unreadable(&mut world, bea), (0, u64::from(KEPT) + 1, 0));
    reopen(&mut world, bea, None);
    let mut opened = 1;
    while is_judging(&mut world, bea) {
        world.call(bea, Engine::handle_timeout).unwrap();
        reopen(&mut world, bea, None);
        opened += 1;
        assert!(opened < 20, "it begins anew every time");
    }
    assert!(opened > 4, "{opened}");
    assert_eq!(unreadable(&mut world, bea), (0, u64::from(KEPT), 0));
    assert_eq!(world.texts(bea, talk).last().unwrap(), "the last one");
    world.check();
}

// R46
#[test]
fn r46_another_version_in_between_begins_anew() {
    let (mut world, ann, bea, talk) = acquainted(511, Older::Kind(Kind::TEXT));
    for n in 0..40 {
        world.send(ann, talk, &n.to_string());
    }
    world.settle();
    world.disconnect(bea);
    reopen(&mut world, bea, None);
    world.call(bea, Engine::handle_timeout).unwrap();
    let mut left = unreadable(&mut world, bea).1;
    assert!(left > 0 && left < 40, "{left}");
    // The older one comes back, passes over some of what it cannot read, and is replaced once more before it is done; and
    // again when it is.
    reopen(&mut world, bea, Some(Older::Kind(Kind::TEXT)));
    world.call(bea, Engine::handle_timeout).unwrap();
    assert!(is_judging(&mut world, bea));
    reopen(&mut world, bea, None);
    world.call(bea, Engine::handle_timeout).unwrap();
    let before = std::mem::replace(&mut left, unreadable(&mut world, bea).1);
    assert!(left == before - 17, "{before} {left}");
    update(&mut world, bea, Some(Older::Kind(Kind::TEXT)));
    assert_eq!(unreadable(&mut world, bea).1, left);
    world.connect(bea);
    world.settle();
    update(&mut world, bea, None);
    assert_eq!(unreadable(&mut world, bea), (0, 0, 0));
    assert_eq!(world.texts(bea, talk), world.texts(ann, talk));
    world.check();
}

// R46, R27
#[test]
fn r46_what_comes_while_older_things_are_still_to_be_judged_finds_its_place() {
    let (mut world, ann, bea, talk) = acquainted(512, Older::Contents);
    let ids: Vec<MessageId> = (0..60).map(|n| world.send(ann, talk, &n.to_string())).collect();
    world.settle();
    world.disconnect(bea);
    for (n, id) in ids.iter().enumerate().skip(40) {
        world.call(ann, |engine, now| engine.messages().edit(talk, *id, format!("edited {n}"), now)).unwrap();
    }
    world.send(ann, talk, "new");
    world.settle();
    // All that has come meanwhile is taken in before the engine is woken.
    reopen(&mut world, bea, None);
    let mut mail = Vec::new();
    for (_, bytes) in world.wire.iter().filter(|(ix, _)| *ix == ann).rev().take(21) {
        mail.insert(0, bytes.clone());
    }
    mail.into_iter().for_each(|bytes| world.smuggle(bea, bytes).unwrap());
    assert!(is_judging(&mut world, bea));
    assert_eq!(world.texts(bea, talk).last().unwrap(), "new");
    world.connect(bea);
    world.settle();
    assert_eq!(world.texts(bea, talk), world.texts(ann, talk));
    assert_eq!(unreadable(&mut world, bea), (0, 0, 0));
    world.check();
}
