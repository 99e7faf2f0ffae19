//! R24: who types is told for the moment, shown for the moment, and written down nowhere.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::error::{Error, Misuse, PeerFault};
use undertone::event::Event;
use undertone::id::{ConversationId, DeviceId, EnvelopeId, UserId};
use undertone::input::{Refusal, TransmitId, TransmitResult};
use undertone::privacy::Privacy;
use undertone::time::{DAY, HOUR, MINUTE, SECOND, Time};
use undertone_tests::sim::net::{Body, Packet, ToDevice};
use undertone_tests::sim::{DeviceIx, Fate, World};

fn acquainted(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    (world, ann, bea, talk)
}

/// The same, and another device of Bea's.
fn with_tablet(seed: u64) -> (World, DeviceIx, DeviceIx, DeviceIx, ConversationId) {
    let (mut world, ann, bea, talk) = acquainted(seed);
    let tablet = world.another(bea);
    world.run(10 * MINUTE);
    world.send(ann, talk, "to all of us");
    world.settle();
    assert_eq!(world.texts(tablet, talk), ["to all of us"]);
    (world, ann, bea, tablet, talk)
}

fn says(world: &mut World, ix: DeviceIx, talk: ConversationId, typing: bool) -> Result<(), Error> {
    world.call(ix, |engine, now| engine.conversations().set_typing(talk, typing, now))
}

/// Somebody hits a key, and it has time to be seen.
fn types(world: &mut World, ix: DeviceIx, talk: ConversationId) {
    says(world, ix, talk, true).unwrap();
    world.run(50);
}

fn typing(world: &mut World, ix: DeviceIx, talk: ConversationId) -> Vec<UserId> {
    let now = world.devices[ix].clock(world.now);
    world.devices[ix].engine().conversations().typing(talk, now).unwrap()
}

#[track_caller]
fn shows(world: &mut World, ix: DeviceIx, talk: ConversationId, whom: &[DeviceIx]) {
    let whom: Vec<UserId> = whom.iter().map(|ix| world.user(*ix)).collect();
    assert_eq!(typing(world, ix, talk), whom);
}

/// What a device has told of typing: whether it began.
fn told(world: &World, ix: DeviceIx) -> Vec<bool> {
    let of = |event: &Event| match event {
        Event::TypingStart(..) => Some(true),
        Event::TypingStop(..) => Some(false),
        _ => None,
    };
    world.devices[ix].events.iter().filter_map(of).collect()
}

/// The words that a device has put on the wire.
fn words(world: &World, from: DeviceIx) -> Vec<Envelope> {
    let sent = world.wire.iter().filter(|(ix, _)| *ix == from).filter_map(|(_, bytes)| Envelope::decode(bytes).ok());
    sent.filter(|envelope| envelope.kind == EnvelopeKind::Ephemeral).collect()
}

/// The kind of an envelope that is delivered to a device.
fn delivered(packet: &Packet, to: DeviceIx) -> Option<EnvelopeKind> {
    match &packet.body {
        Body::Down(ToDevice::Deliver(delivery)) if packet.device == to => {
            Envelope::decode(&delivery.envelope).ok().map(|envelope| envelope.kind)
        }
        _ => None,
    }
}

/// Lets nothing of a kind reach a device by itself.
fn keep_from(world: &mut World, to: DeviceIx, kind: EnvelopeKind) {
    let of_kind = move |packet: &mut Packet| if delivered(packet, to) == Some(kind) { Fate::Hold } else { Fate::Pass };
    world.tap = Some(Box::new(of_kind));
}

/// A word of Ann's that has not reached Bea.
fn unheard(world: &mut World, ann: DeviceIx, bea: DeviceIx, talk: ConversationId) -> Envelope {
    world.run(5 * SECOND);
    keep_from(world, bea, EnvelopeKind::Ephemeral);
    types(world, ann, talk);
    (world.tap, world.held) = (None, Vec::new());
    words(world, ann).pop().unwrap()
}

fn smuggle(world: &mut World, to: DeviceIx, envelope: &Envelope) -> Result<(), Error> {
    world.smuggle(to, envelope.encode().unwrap())
}

fn refused(fault: PeerFault) -> Result<(), Error> {
    Err(Error::Peer(fault))
}

#[test]
fn r24_typing_is_told_every_three_seconds_and_gone_after_six() {
    let (mut world, ann, bea, talk) = acquainted(500);
    let begun = world.now;
    for _ in 0..50 {
        says(&mut world, ann, talk, true).unwrap();
        world.run(200);
        shows(&mut world, bea, talk, &[ann]);
    }
    let ends: Vec<u64> = words(&world, ann).iter().map(|word| word.expires_at.since(begun)).collect();
    assert_eq!(ends.len(), 4, "of fifty keys in ten seconds");
    assert!(ends.windows(2).all(|two| two[1] - two[0] >= 3 * SECOND), "{ends:?}");
    // The last was told after 9 s, and Bea's engine wakes by itself.
    world.run(4_900);
    shows(&mut world, bea, talk, &[ann]);
    assert_eq!(told(&world, bea), [true], "told once, however often it is heard");
    world.run(200);
    shows(&mut world, bea, talk, &[]);
    assert_eq!(told(&world, bea), [true, false]);
    shows(&mut world, ann, talk, &[]);
    assert!(told(&world, ann).is_empty());
    world.check();
}

#[test]
fn r24_typing_ends_when_the_message_comes() {
    let (mut world, ann, bea, talk) = acquainted(501);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    world.send(ann, talk, "here it is");
    world.run(50);
    assert_eq!(world.texts(bea, talk).last().unwrap(), "here it is");
    shows(&mut world, bea, talk, &[]);
    assert_eq!(told(&world, bea), [true, false]);
    // She writes on.
    world.run(3 * SECOND);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    world.check();
}

#[test]
fn r24_who_stops_is_shown_no_more_and_is_told_no_more_often() {
    let (mut world, ann, bea, talk) = acquainted(502);
    says(&mut world, ann, talk, false).unwrap();
    assert!(words(&world, ann).is_empty(), "nobody thinks that she types");
    types(&mut world, ann, talk);
    says(&mut world, ann, talk, false).unwrap();
    world.run(2 * SECOND);
    assert_eq!(words(&world, ann).len(), 1, "within three seconds nothing more is told");
    world.run(SECOND);
    says(&mut world, ann, talk, false).unwrap();
    world.run(50);
    shows(&mut world, bea, talk, &[]);
    assert_eq!(told(&world, bea), [true, false]);
    says(&mut world, ann, talk, true).unwrap();
    says(&mut world, ann, talk, false).unwrap();
    assert_eq!(words(&world, ann).len(), 2);
    world.check();
}

#[test]
fn r24_nothing_of_typing_is_written_down_or_counted() {
    let (mut world, ann, bea, tablet, talk) = with_tablet(503);
    let devices = [ann, bea, tablet];
    let rows = |world: &World| devices.map(|ix| world.devices[ix].disk.rows());
    // What the clock showed is noted every ten minutes, whenever an engine wakes: not because of what is said.
    for ix in devices {
        world.call(ix, undertone::engine::Engine::handle_timeout).unwrap();
    }
    let before = rows(&world);
    for n in 0..8 {
        types(&mut world, [ann, bea][n % 2], talk);
        shows(&mut world, [tablet, ann][n % 2], talk, &[[ann, bea][n % 2]]);
        world.run(3 * SECOND);
    }
    world.run(10 * SECOND);
    assert_eq!(words(&world, ann).len() + words(&world, bea).len(), 8);
    assert!(rows(&world) == before, "not a byte of any store has changed");
    assert!(words(&world, ann).iter().all(|word| word.sequence == 0));
    // The next message has the number behind the last one's, and the relay knows of no more.
    let sequences = |world: &World| {
        let of = world.wire.iter().filter(|(ix, _)| *ix == ann).filter_map(|(_, bytes)| Envelope::decode(bytes).ok());
        of.map(|envelope| envelope.sequence).filter(|sequence| *sequence > 0).max().unwrap()
    };
    let last = sequences(&world);
    world.send(ann, talk, "a message");
    assert_eq!(sequences(&world), last + 1);
    world.disconnect(ann);
    world.connect(ann);
    world.settle();
    assert!(!world.devices[ann].events.contains(&Event::RolledBack));
    world.check();
}

#[test]
fn r24_what_cannot_be_told_now_is_told_never() {
    let (mut world, ann, bea, talk) = acquainted(504);
    world.disconnect(ann);
    says(&mut world, ann, talk, true).unwrap();
    // Connecting, but not there yet; and there, but with mail still to be read.
    world.connect(ann);
    says(&mut world, ann, talk, true).unwrap();
    while world.devices[ann].link != undertone_tests::sim::Link::Up {
        world.run(1);
    }
    says(&mut world, ann, talk, true).unwrap();
    world.settle();
    assert!(words(&world, ann).is_empty() && told(&world, bea).is_empty());
    // And what is under way when the connection is lost is not sent again.
    world.tap = Some(Box::new(move |packet| match packet.body {
        Body::Up(_) if packet.device == ann => Fate::Drop,
        _ => Fate::Pass,
    }));
    says(&mut world, ann, talk, true).unwrap();
    world.run(20 * SECOND);
    world.tap = None;
    world.disconnect(ann);
    world.connect(ann);
    world.settle();
    assert_eq!(words(&world, ann).len(), 1);
    assert!(told(&world, bea).is_empty());
    // No session yet: nobody is told.
    let cid = world.device("cid", "client");
    let early = world.start(cid, bea);
    says(&mut world, cid, early, true).unwrap();
    assert!(words(&world, cid).is_empty());
    world.check();
}

#[test]
fn r24_no_answer_to_a_word_means_anything() {
    let (mut world, ann, _, talk) = acquainted(520);
    types(&mut world, ann, talk);
    let (rows, wire) = (world.devices[ann].disk.rows(), world.wire.len());
    let at = world.now;
    for answer in [
        TransmitResult::Failed,
        TransmitResult::Refused(Refusal::NotMember),
        TransmitResult::Refused(Refusal::RateLimited),
        TransmitResult::Conflict { winner: vec![1], at },
        TransmitResult::Accepted { at },
    ] {
        world.call(ann, |engine, now| engine.transmit_done(TransmitId::UNANSWERED, answer, now)).unwrap();
    }
    world.run(10 * SECOND);
    assert!(world.devices[ann].disk.rows() == rows);
    assert_eq!(world.wire.len(), wire, "it is not sent again");
    world.check();
}

#[test]
fn r24_a_late_word_is_not_shown() {
    let (mut world, ann, bea, talk) = acquainted(505);
    keep_from(&mut world, bea, EnvelopeKind::Ephemeral);
    types(&mut world, ann, talk);
    world.run(3 * SECOND);
    let events = world.devices[bea].events.len();
    // Half its time is over: it is shown for the other half.
    world.release();
    world.run(50);
    shows(&mut world, bea, talk, &[ann]);
    world.run(3 * SECOND);
    shows(&mut world, bea, talk, &[]);
    keep_from(&mut world, bea, EnvelopeKind::Ephemeral);
    types(&mut world, ann, talk);
    world.run(6 * SECOND);
    world.release();
    world.run(50);
    shows(&mut world, bea, talk, &[]);
    assert_eq!(world.devices[bea].refusals, [Error::Peer(PeerFault::Expired)]);
    let start = Event::TypingStart(talk, world.user(ann));
    let stop = Event::TypingStop(talk, world.user(ann));
    assert_eq!(world.devices[bea].events[events..], [start, stop], "and nobody is bothered with the late one");
    world.check();
}

#[test]
fn r24_a_word_from_before_what_came_since_means_nothing() {
    let (mut world, ann, bea, talk) = acquainted(506);
    types(&mut world, ann, talk);
    keep_from(&mut world, bea, EnvelopeKind::Ephemeral);
    world.run(3 * SECOND);
    types(&mut world, ann, talk);
    world.send(ann, talk, "I am done");
    world.run(50);
    shows(&mut world, bea, talk, &[]);
    world.release();
    world.run(50);
    shows(&mut world, bea, talk, &[]);
    assert_eq!(told(&world, bea), [true, false]);
    world.check();
}

#[test]
fn r24_forged_words_are_refused_and_change_nothing() {
    let (mut world, ann, bea, tablet, talk) = with_tablet(507);
    world.run(5 * SECOND);
    types(&mut world, bea, talk);
    let (good, of_bea) = (unheard(&mut world, ann, bea, talk), words(&world, bea).pop().unwrap());
    let (to_bea, id_of) = (vec![world.devices[bea].id], |ix: DeviceIx| world.devices[ix].id);
    let mut flipped = good.clone();
    *flipped.body.last_mut().unwrap() ^= 1;
    let (nobody, later) = (DeviceId::from_bytes([9; 16]), good.expires_at.plus(SECOND));
    let cut = Envelope { body: good.body[..80].to_vec(), ..good.clone() };
    let cases = [
        (flipped, PeerFault::Forged),
        (cut, PeerFault::Malformed("ephemeral")),
        (Envelope { expires_at: later, ..good.clone() }, PeerFault::Forged),
        (Envelope { id: EnvelopeId::from_bytes([9; 16]), ..good.clone() }, PeerFault::Forged),
        (Envelope { sender: nobody, ..good.clone() }, PeerFault::Forged),
        // Reflected: passed off as another's, and given back to whose it is.
        (Envelope { sender: id_of(tablet), ..good.clone() }, PeerFault::Forged),
        (Envelope { sender: id_of(ann), recipients: to_bea.clone(), ..of_bea.clone() }, PeerFault::Forged),
        (Envelope { recipients: to_bea, ..of_bea }, PeerFault::NotForUs),
    ];
    let (rows, events) = (world.devices[bea].disk.rows(), world.devices[bea].events.len());
    for (bad, fault) in cases {
        assert_eq!(smuggle(&mut world, bea, &bad), refused(fault));
        assert_eq!(world.devices[bea].events.last(), Some(&Event::Refused(fault)));
        shows(&mut world, bea, talk, &[]);
    }
    assert_eq!(world.devices[bea].events.len(), events + 8);
    assert!(world.devices[bea].disk.rows() == rows);
    assert_eq!(smuggle(&mut world, bea, &good), Ok(()), "and none of them has used it up");
    shows(&mut world, bea, talk, &[ann]);
    world.check();
}

#[test]
fn r24_a_word_of_one_session_is_none_of_another() {
    let (mut world, ann, bea, talk) = acquainted(508);
    let cid = world.device("cid", "client");
    world.settle();
    let other = world.start(cid, bea);
    world.send(cid, other, "hello");
    world.settle();
    let of_cid = Envelope::decode(&world.wire.iter().rfind(|(ix, _)| *ix == cid).unwrap().1).unwrap();
    let good = unheard(&mut world, ann, bea, talk);
    let elsewhere = Envelope { tag: of_cid.tag, ..good.clone() };
    assert!(matches!(smuggle(&mut world, bea, &elsewhere), Err(Error::Peer(PeerFault::Forged | PeerFault::TooOld))));
    // In a session that nobody here knows, it says nothing to anybody.
    let nowhere = Envelope { tag: undertone::id::SessionId::from_bytes([9; 16]), ..good };
    let rows = world.devices[bea].disk.rows();
    assert_eq!(smuggle(&mut world, bea, &nowhere), Ok(()));
    assert!(world.devices[bea].disk.rows() == rows, "it is not parked");
    shows(&mut world, bea, talk, &[]);
    shows(&mut world, bea, other, &[]);
    world.check();
}

#[test]
fn r24_a_repeat_is_refused() {
    let (mut world, ann, bea, talk) = acquainted(509);
    types(&mut world, ann, talk);
    world.send(ann, talk, "done");
    world.run(50);
    shows(&mut world, bea, talk, &[]);
    let word = words(&world, ann).pop().unwrap();
    let events = world.devices[bea].events.len();
    assert_eq!(smuggle(&mut world, bea, &word), refused(PeerFault::Replay));
    shows(&mut world, bea, talk, &[]);
    assert_eq!(world.devices[bea].events.len(), events);
    world.run(6 * SECOND);
    assert_eq!(smuggle(&mut world, bea, &word), refused(PeerFault::Expired));
    world.check();
}

#[test]
fn r24_a_restart_forgets_who_types_and_takes_no_repeat() {
    let (mut world, ann, bea, talk) = acquainted(510);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    let word = words(&world, ann).pop().unwrap();
    world.crash(bea, 0);
    world.restart(bea);
    world.run(50);
    shows(&mut world, bea, talk, &[]);
    assert_eq!(smuggle(&mut world, bea, &word), refused(PeerFault::Expired));
    world.run(3 * SECOND);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    // The one who types restarts: nothing of it is sent again.
    let count = words(&world, ann).len();
    world.crash(ann, 0);
    world.restart(ann);
    world.settle();
    assert_eq!(words(&world, ann).len(), count);
    world.check();
}

#[test]
fn r24_a_word_that_ends_too_late_is_refused() {
    let (mut world, ann, bea, talk) = acquainted(511);
    let skew = 2 * MINUTE;
    world.set_clock(ann, skew as i64);
    says(&mut world, ann, talk, true).unwrap();
    world.run(50);
    shows(&mut world, bea, talk, &[]);
    let word = words(&world, ann).pop().unwrap();
    assert!(word.expires_at > world.now.plus(MINUTE));
    assert_eq!(smuggle(&mut world, bea, &word), refused(PeerFault::Expired));
    shows(&mut world, bea, talk, &[]);
    // A new login tells the clock of the relay, and by that it is reckoned.
    world.disconnect(ann);
    world.connect(ann);
    world.run(4 * SECOND);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    world.check();
}

#[test]
fn r24_words_of_the_epoch_before_count_for_a_minute() {
    let mut world = World::new(512);
    world.update_after_messages = 3;
    let (ann, bea, talk) = world.acquaint();
    keep_from(&mut world, ann, EnvelopeKind::Commit);
    let commits = |world: &World| {
        let of = world.wire.iter().filter(|(ix, _)| *ix == bea).filter_map(|(_, bytes)| Envelope::decode(bytes).ok());
        of.filter(|envelope| envelope.kind == EnvelopeKind::Commit).count()
    };
    let before = commits(&world);
    while commits(&world) == before {
        world.send(bea, talk, "on and on");
        world.run(50);
    }
    assert_eq!(world.held.len(), 1, "Bea has gone on, and Ann does not know");
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    assert!(world.devices[bea].refusals.is_empty());
    // To Ann, what Bea says now is of an epoch to come: it says nothing, and is no fault.
    types(&mut world, bea, talk);
    shows(&mut world, ann, talk, &[]);
    assert!(world.devices[ann].refusals.is_empty());
    world.run(58 * SECOND);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    world.run(10 * SECOND);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[]);
    assert_eq!(world.devices[bea].refusals, [Error::Peer(PeerFault::TooOld)]);
    world.release();
    world.run(4 * SECOND);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    world.check();
}

#[test]
fn r24_typing_of_the_blocked_is_not_shown_and_they_cannot_tell() {
    let (mut world, ann, bea, tablet, talk) = with_tablet(513);
    let user = world.user(ann);
    world.run(5 * SECOND);
    types(&mut world, ann, talk);
    shows(&mut world, tablet, talk, &[ann]);
    world.call(bea, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    shows(&mut world, bea, talk, &[]);
    assert_eq!(told(&world, bea), [true, false], "she disappears at once");
    world.run(SECOND);
    shows(&mut world, tablet, talk, &[]);
    assert_eq!(told(&world, tablet), [true, false], "and on the other device");
    world.settle();
    let wire = world.wire.len();
    let refusals = world.devices[ann].refusals.len();
    types(&mut world, ann, talk);
    assert_eq!((told(&world, bea).len(), told(&world, tablet).len()), (2, 2));
    assert_eq!(world.wire.len(), wire + 1, "nobody says anything to that");
    assert_eq!(world.devices[ann].refusals.len(), refusals);
    // Nor is somebody told who is blocked.
    assert_eq!(says(&mut world, bea, talk, true), Err(Error::Misuse(Misuse::Blocked)));
    assert_eq!(words(&world, bea), []);
    world.check();
}

#[test]
fn r24_with_the_switch_off_it_is_neither_told_nor_shown() {
    let (mut world, ann, bea, talk) = acquainted(514);
    types(&mut world, ann, talk);
    let off = Privacy { typing: false, ..Privacy::default() };
    world.call(bea, |engine, now| engine.privacy().set(off, now)).unwrap();
    shows(&mut world, bea, talk, &[]);
    assert_eq!(told(&world, bea), [true, false]);
    world.run(5 * SECOND);
    types(&mut world, ann, talk);
    types(&mut world, bea, talk);
    shows(&mut world, bea, talk, &[]);
    shows(&mut world, ann, talk, &[]);
    assert!(words(&world, bea).is_empty());
    assert_eq!(told(&world, bea), [true, false]);
    world.call(bea, |engine, now| engine.privacy().set(Privacy::default(), now)).unwrap();
    world.run(5 * SECOND);
    types(&mut world, ann, talk);
    types(&mut world, bea, talk);
    shows(&mut world, bea, talk, &[ann]);
    shows(&mut world, ann, talk, &[bea]);
    world.check();
}

#[test]
fn r24_own_devices_are_not_told_and_show_nothing() {
    let (mut world, ann, bea, tablet, talk) = with_tablet(515);
    world.run(5 * SECOND);
    types(&mut world, bea, talk);
    let word = words(&world, bea).pop().unwrap();
    assert_eq!(word.recipients, [world.devices[ann].id]);
    let returned = Envelope { recipients: vec![world.devices[tablet].id], ..word };
    assert_eq!(smuggle(&mut world, tablet, &returned), Ok(()));
    shows(&mut world, tablet, talk, &[]);
    // Somebody who types on two devices is one who types, until both have stopped.
    types(&mut world, tablet, talk);
    shows(&mut world, ann, talk, &[bea]);
    world.run(3 * SECOND);
    says(&mut world, bea, talk, false).unwrap();
    world.run(50);
    shows(&mut world, ann, talk, &[bea]);
    says(&mut world, tablet, talk, false).unwrap();
    world.run(50);
    shows(&mut world, ann, talk, &[]);
    assert_eq!(told(&world, ann), [true, false]);
    world.check();
}

#[test]
fn r24_who_may_not_write_may_not_type() {
    let (mut world, ann, bea, talk) = acquainted(516);
    // A client now, whom clients may not write to; Ann's engine and the relay do not know yet.
    world.renew(bea, "client", 30 * DAY).unwrap();
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[]);
    assert!(matches!(world.devices[bea].refusals.as_slice(), [Error::Denied(_)]));
    assert!(matches!(says(&mut world, bea, talk, true), Err(Error::Denied(_))));
    assert!(words(&world, bea).is_empty());
    let nowhere = ConversationId::from_bytes([9; 16]);
    assert_eq!(says(&mut world, ann, nowhere, true), Err(Error::Misuse(Misuse::UnknownConversation)));
    world.check();
}

#[test]
fn r24_a_clock_that_is_put_back_shows_nobody_for_longer() {
    let (mut world, ann, bea, talk) = acquainted(517);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    world.set_clock(bea, -(HOUR as i64));
    shows(&mut world, bea, talk, &[]);
    assert_eq!(told(&world, bea), [true, false]);
    // Nor does it keep one from telling for as long.
    world.set_clock(ann, -(HOUR as i64));
    let count = words(&world, ann).len();
    says(&mut world, ann, talk, true).unwrap();
    world.run(3 * SECOND);
    says(&mut world, ann, talk, true).unwrap();
    assert_eq!(words(&world, ann).len(), count + 1);
    world.check();
}

#[test]
fn r24_a_relay_that_restarts_loses_no_message_for_all_the_typing() {
    let (mut world, ann, bea, talk) = acquainted(518);
    for n in 0..5 {
        types(&mut world, ann, talk);
        world.send(ann, talk, &format!("line {n}"));
        world.relay_dies_after = Some(1 + n);
        world.run(MINUTE);
    }
    assert!(world.relay_crashes > 0);
    world.relay_dies_after = None;
    world.settle();
    assert_eq!(world.texts(bea, talk), ["first", "line 0", "line 1", "line 2", "line 3", "line 4"]);
    types(&mut world, ann, talk);
    shows(&mut world, bea, talk, &[ann]);
    world.check();
}

#[test]
fn r24_a_word_says_nothing_by_its_length() {
    let (mut world, ann, bea, tablet, talk) = with_tablet(519);
    world.run(5 * SECOND);
    types(&mut world, ann, talk);
    world.run(3 * SECOND);
    says(&mut world, ann, talk, false).unwrap();
    types(&mut world, bea, talk);
    types(&mut world, tablet, talk);
    let all: Vec<Envelope> = [ann, bea, tablet].into_iter().flat_map(|ix| words(&world, ix)).collect();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|word| word.body.len() == 88));
    assert!(all.iter().all(|word| word.push == undertone::envelope::PushHint::None && word.commitment.is_none()));
    assert!(all.iter().all(|word| word.expires_at <= world.now.plus(6 * SECOND) && word.expires_at > Time::ZERO));
    world.check();
}
