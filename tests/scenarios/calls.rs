//! Calls between people: they ring, are answered, declined, missed, and both sides remember the same.

use undertone::call::{Call, CallStatus, Outcome, Stage};
use undertone::envelope::{Envelope, PushHint};
use undertone::error::{Error, Misuse};
use undertone::event::Event;
use undertone::id::{CallId, ConversationId};
use undertone::limits;
use undertone::message::MessageContent;
use undertone::policy::CallKind;
use undertone::store::Table;
use undertone::time::{DAY, MINUTE, SECOND};
use undertone_tests::sim::net::{Body, ToDevice};
use undertone_tests::sim::{DeviceIx, Fate, World};

const OFFER: &[u8] = b"offer of the caller's host";
const ANSWER: &[u8] = b"answer of the other host";

pub fn start(world: &mut World, ix: DeviceIx, talk: ConversationId, kind: CallKind) -> CallId {
    world.call(ix, |engine, now| engine.calls().start(talk, kind, OFFER, now)).expect("may call")
}

/// Calls, and lets it ring for a second.
pub fn ring(world: &mut World, ix: DeviceIx, talk: ConversationId) -> CallId {
    let call = start(world, ix, talk, CallKind::Voice);
    world.run(SECOND);
    call
}

pub fn accept(world: &mut World, ix: DeviceIx, call: CallId) {
    world.call(ix, |engine, now| engine.calls().accept(call, ANSWER, now)).expect("may answer");
    world.run(SECOND);
}

fn reject(world: &mut World, ix: DeviceIx, call: CallId) {
    world.call(ix, |engine, now| engine.calls().reject(call, now)).expect("may decline");
}

pub fn hang_up(world: &mut World, ix: DeviceIx, call: CallId) {
    world.call(ix, |engine, now| engine.calls().hang_up(call, now)).expect("may hang up");
}

pub fn get(world: &mut World, ix: DeviceIx, call: CallId) -> Call {
    world.call(ix, |engine, now| engine.calls().get(call, now)).expect("a known call")
}

pub fn stage(world: &mut World, ix: DeviceIx, call: CallId) -> Stage {
    get(world, ix, call).stage
}

pub fn count(world: &World, ix: DeviceIx, event: &Event) -> usize {
    world.devices[ix].events.iter().filter(|said| *said == event).count()
}

/// How often the ringtone started and stopped.
pub fn rings(world: &World, ix: DeviceIx, call: CallId) -> (usize, usize) {
    (count(world, ix, &Event::RingtoneStart(call)), count(world, ix, &Event::RingtoneStop(call)))
}

pub fn missed(world: &World, ix: DeviceIx, talk: ConversationId, call: CallId) -> usize {
    count(world, ix, &Event::CallMissed(talk, call))
}

/// All calls of a device that are over, newest first, as all devices must have them: without what is its own business.
pub fn history(world: &mut World, ix: DeviceIx) -> Vec<Call> {
    let page = world.call(ix, |engine, now| engine.calls().page(None, None, limits::PAGE_MAX, now));
    page.expect("a page").calls.into_iter().map(|call| Call { own: false, recording: None, ..call }).collect()
}

/// Fails unless all devices show the same settled calls; returns them.
pub fn agreed(world: &mut World) -> Vec<Call> {
    world.settle();
    world.check();
    let all: Vec<Vec<Call>> = (0..world.devices.len()).map(|ix| history(world, ix)).collect();
    let told = |call: &Call| (call.id, call.stage, call.outcome, call.started, call.answered, call.ended, call.settled);
    for (ix, calls) in all.iter().enumerate() {
        let told = |calls: &[Call]| calls.iter().map(told).collect::<Vec<_>>();
        assert!(calls.iter().all(|call| call.settled), "device {ix} waits for the caller's word: {:#?}", told(calls));
        assert!(*calls == all[0], "device {ix} remembers other calls: {:#?}, {:#?}", told(calls), told(&all[0]));
    }
    all.into_iter().next().expect("a device")
}

/// Two people, the second of whom has two phones: caller, phones, conversation.
fn with_two_phones(seed: u64) -> (World, DeviceIx, [DeviceIx; 2], ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    let tablet = world.another(bea);
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "first");
    world.settle();
    (world, ann, [bea, tablet], talk)
}

// R33 R34 R29 R3
#[test]
fn a_call_rings_is_answered_and_both_sides_remember_the_same() {
    for (seed, kind) in [(700, CallKind::Voice), (701, CallKind::Video)] {
        let mut world = World::new(seed);
        let (ann, bea, talk) = world.acquaint();
        let call = start(&mut world, ann, talk, kind);
        assert_eq!(get(&mut world, ann, call).status, CallStatus::Pending);
        world.run(SECOND);
        assert_eq!(count(&world, bea, &Event::CallIncoming(talk, call)), 1);
        assert_eq!(rings(&world, bea, call), (1, 0));
        let shown = get(&mut world, bea, call);
        assert_eq!((shown.stage, shown.status, shown.kind), (Stage::RingingIn, CallStatus::Pending, kind));
        assert_eq!((shown.caller, shown.receiver, shown.own), (world.user(ann), world.user(bea), false));
        assert_eq!(world.devices[bea].engine().calls().description(call).unwrap(), OFFER);
        accept(&mut world, bea, call);
        assert_eq!(rings(&world, bea, call), (1, 1));
        assert_eq!(world.devices[ann].engine().calls().description(call).unwrap(), ANSWER);
        for ix in [ann, bea] {
            assert_eq!(get(&mut world, ix, call).status, CallStatus::Active);
        }
        let keys = [ann, bea].map(|ix| *world.devices[ix].engine().calls().media_key(call).unwrap().as_bytes());
        assert!(keys[0] == keys[1] && keys[0] != [0; 32], "both derive the same key");
        world.run(62 * SECOND);
        hang_up(&mut world, bea, call);
        let calls = agreed(&mut world);
        assert_eq!(calls.len(), 1);
        let over = &calls[0];
        assert_eq!((over.status, over.outcome, over.duration), (CallStatus::Ended, Some(Outcome::Completed), 63));
        assert_eq!(over.ended.unwrap().since(over.answered.unwrap()) / SECOND, over.duration);
        for ix in [ann, bea] {
            let last = world.messages(ix, talk).pop().unwrap();
            let MessageContent::Call(summary) = last.content else { panic!("the history message") };
            assert_eq!((summary.call, summary.kind, summary.duration, last.author), (call, kind, 63, world.user(ann)));
            assert!(world.devices[ix].engine().calls().media_key(call).is_err(), "the key is gone");
            assert!(world.devices[ix].engine().calls().description(call).is_err());
        }
        assert_eq!(world.unread(bea, talk), 1, "a call that was answered is not unread");
        assert_eq!(missed(&world, bea, talk, call), 0);
    }
}

// R33: candidates reach the other host, encrypted and in order
#[test]
fn what_the_hosts_tell_each_other_travels_with_the_call() {
    let mut world = World::new(702);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    let say = |world: &mut World, ix: DeviceIx, what: &[&[u8]]| {
        let payloads: Vec<Vec<u8>> = what.iter().map(|payload| payload.to_vec()).collect();
        world.call(ix, |engine, now| engine.calls().signal(call, &payloads, now)).unwrap();
        world.run(SECOND);
    };
    let take = |world: &mut World, ix: DeviceIx| {
        world.call(ix, |engine, now| engine.calls().take_payloads(call, now)).unwrap()
    };
    say(&mut world, ann, &[b"candidate-1", b"candidate-2"]);
    assert_eq!(count(&world, bea, &Event::CallSignals(call)), 1);
    accept(&mut world, bea, call);
    say(&mut world, ann, &[b"candidate-3"]);
    assert_eq!(take(&mut world, bea), [&b"candidate-1"[..], b"candidate-2", b"candidate-3"]);
    assert!(take(&mut world, bea).is_empty(), "they are taken once");
    say(&mut world, bea, &[b"candidate-4"]);
    assert_eq!(take(&mut world, ann), [b"candidate-4"]);
    for secret in [&b"candidate"[..], OFFER, ANSWER] {
        let shown = world.wire.iter().any(|(_, bytes)| bytes.windows(secret.len()).any(|part| part == secret));
        assert!(!shown, "signals are encrypted");
    }
    hang_up(&mut world, ann, call);
    agreed(&mut world);
}

// R33 R31: 60 s at the relay, and only an offer makes phones ring
#[test]
fn signals_are_kept_for_a_minute_and_only_an_offer_wakes_a_phone() {
    let mut world = World::new(703);
    let (ann, bea, talk) = world.acquaint();
    let before = world.wire.len();
    let call = ring(&mut world, ann, talk);
    accept(&mut world, bea, call);
    let said: Vec<Envelope> = world.wire[before..].iter().map(|(_, bytes)| Envelope::decode(bytes).unwrap()).collect();
    assert_eq!(said.len(), 3, "offer, answer, taken");
    let hints: Vec<PushHint> = said.iter().map(|envelope| envelope.push).collect();
    assert_eq!(hints, [PushHint::Call, PushHint::None, PushHint::None]);
    assert!(said.iter().all(|envelope| envelope.expires_at <= world.now.plus(limits::RING)));
    hang_up(&mut world, bea, call);
    agreed(&mut world);
}

// R33
#[test]
fn a_call_that_nobody_answers_is_missed_on_both_sides() {
    let mut world = World::new(704);
    let (ann, bea, talk) = world.acquaint();
    let call = start(&mut world, ann, talk, CallKind::Voice);
    world.run(59 * SECOND);
    assert_eq!(stage(&mut world, bea, call), Stage::RingingIn);
    assert_eq!(stage(&mut world, ann, call), Stage::RingingOut);
    world.run(2 * SECOND);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].status, calls[0].duration), (CallStatus::Missed, 0));
    assert_eq!(rings(&world, bea, call), (1, 1));
    assert_eq!((missed(&world, bea, talk, call), missed(&world, ann, talk, call)), (1, 0));
    assert_eq!(world.unread(bea, talk), 2, "a missed call is unread");
}

// R33
#[test]
fn a_caller_who_gives_up_and_a_receiver_who_declines() {
    let mut world = World::new(705);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    hang_up(&mut world, ann, call);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].status, calls[0].outcome), (CallStatus::Ended, Some(Outcome::Cancelled)));
    assert_eq!(rings(&world, bea, call), (1, 1));
    assert_eq!(missed(&world, bea, talk, call), 1);
    let call = ring(&mut world, bea, talk);
    reject(&mut world, ann, call);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].status, calls[0].outcome), (CallStatus::Rejected, Some(Outcome::Declined)));
    assert_eq!(missed(&world, ann, talk, call), 0);
    assert_eq!((calls[0].id, calls.len()), (call, 2), "newest first");
}

// R33
#[test]
fn whoever_is_in_a_call_is_busy() {
    let mut world = World::new(706);
    let (ann, bea, talk) = world.acquaint();
    let sue = world.device("sue", "support");
    world.settle();
    let other = world.start(sue, bea);
    world.send(sue, other, "first");
    world.settle();
    let call = ring(&mut world, ann, talk);
    accept(&mut world, bea, call);
    let second = ring(&mut world, sue, other);
    let shown = get(&mut world, sue, second);
    assert_eq!((shown.status, shown.outcome), (CallStatus::Rejected, Some(Outcome::Busy)));
    assert_eq!(rings(&world, bea, second), (0, 0));
    assert_eq!(missed(&world, bea, other, second), 1, "she hears of it afterwards");
    assert_eq!(stage(&mut world, bea, call), Stage::Active, "and talks on");
    let refused = world.call(bea, |engine, now| engine.calls().start(other, CallKind::Voice, OFFER, now));
    assert_eq!(refused, Err(Error::Misuse(Misuse::InCall)));
    hang_up(&mut world, ann, call);
    world.settle();
    world.check();
    assert!(get(&mut world, bea, second).settled && get(&mut world, bea, call).settled);
}

// R33
#[test]
fn two_who_call_at_once_end_up_in_one_call() {
    for seed in 0..6 {
        let mut world = World::new(710 + seed);
        let (ann, bea, talk) = world.acquaint();
        let calls = [
            (ann, start(&mut world, ann, talk, CallKind::Voice)),
            (bea, start(&mut world, bea, talk, CallKind::Voice)),
        ];
        world.run(SECOND);
        let (winner, call) = *calls.iter().min_by_key(|(_, call)| *call).unwrap();
        let (loser, lost) = *calls.iter().max_by_key(|(_, call)| *call).unwrap();
        assert_eq!(count(&world, loser, &Event::CallCrossed(talk, call)), 1);
        assert_eq!(stage(&mut world, loser, call), Stage::Accepting);
        assert_eq!(stage(&mut world, winner, call), Stage::RingingOut);
        assert_eq!(get(&mut world, loser, lost).id, call, "the one goes on as the other");
        accept(&mut world, loser, lost);
        for ix in [winner, loser] {
            assert_eq!(stage(&mut world, ix, call), Stage::Active);
        }
        for ix in [ann, bea] {
            assert_eq!(rings(&world, ix, call), (0, 0), "nobody is asked");
            assert_eq!(rings(&world, ix, lost), (0, 0));
        }
        world.run(28 * SECOND);
        world.call(winner, |engine, now| engine.calls().signal(call, &[b"candidate".to_vec()], now)).unwrap();
        world.run(2 * SECOND);
        let taken = world.call(loser, |engine, now| engine.calls().take_payloads(lost, now)).unwrap();
        assert_eq!(taken, [b"candidate"], "by whichever id the host knows the call");
        hang_up(&mut world, winner, call);
        let history = agreed(&mut world);
        assert_eq!(history.len(), 1, "one call");
        assert_eq!((history[0].id, history[0].outcome), (call, Some(Outcome::Completed)));
        let missed = [ann, bea].map(|ix| missed(&world, ix, talk, lost) + missed(&world, ix, talk, call));
        assert_eq!(missed, [0, 0]);
    }
}

// R33 R17
#[test]
fn a_call_rings_on_all_phones_and_is_answered_on_one() {
    let (mut world, ann, [phone, tablet], talk) = with_two_phones(720);
    let call = ring(&mut world, ann, talk);
    for ix in [phone, tablet] {
        assert_eq!(rings(&world, ix, call), (1, 0));
    }
    accept(&mut world, tablet, call);
    assert_eq!(rings(&world, phone, call), (1, 1));
    assert_eq!(stage(&mut world, phone, call), Stage::Elsewhere);
    assert!(world.devices[phone].engine().calls().media_key(call).is_err(), "only who talks has the key");
    let refused = world.call(phone, |engine, now| engine.calls().accept(call, ANSWER, now));
    assert_eq!(refused, Err(Error::Misuse(Misuse::State)));
    world.run(10 * SECOND);
    hang_up(&mut world, tablet, call);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].outcome, calls[0].duration), (Some(Outcome::Completed), 11));
    assert_eq!(missed(&world, phone, talk, call), 0);
}

// R33 R17
#[test]
fn a_call_declined_on_one_phone_rings_on_none() {
    let (mut world, ann, [phone, tablet], talk) = with_two_phones(721);
    let call = ring(&mut world, ann, talk);
    reject(&mut world, phone, call);
    world.run(SECOND);
    assert_eq!(rings(&world, tablet, call), (1, 1));
    assert_eq!(agreed(&mut world)[0].outcome, Some(Outcome::Declined));
    assert_eq!(missed(&world, tablet, talk, call), 0);
}

// R33 R17
#[test]
fn of_two_phones_that_answer_at_once_one_talks() {
    let (mut world, ann, [phone, tablet], talk) = with_two_phones(722);
    let call = ring(&mut world, ann, talk);
    for ix in [phone, tablet] {
        world.call(ix, |engine, now| engine.calls().accept(call, ANSWER, now)).unwrap();
    }
    world.run(SECOND);
    let stages = [phone, tablet].map(|ix| stage(&mut world, ix, call));
    assert!(stages.contains(&Stage::Active) && stages.contains(&Stage::Elsewhere), "{stages:?}");
    let talks = if stages[0] == Stage::Active { phone } else { tablet };
    let keys = [ann, talks].map(|ix| *world.devices[ix].engine().calls().media_key(call).unwrap().as_bytes());
    assert!(keys[0] == keys[1]);
    hang_up(&mut world, talks, call);
    assert_eq!(agreed(&mut world)[0].outcome, Some(Outcome::Completed));
}

// R33 R17: the caller's other devices show the call, and do not ring
#[test]
fn the_callers_other_devices_know_of_the_call() {
    let mut world = World::new(723);
    let (phone, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    let tablet = world.another(phone);
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "first");
    world.settle();
    let call = ring(&mut world, phone, talk);
    assert_eq!(stage(&mut world, tablet, call), Stage::Elsewhere);
    assert!(get(&mut world, tablet, call).own);
    assert_eq!(rings(&world, tablet, call), (0, 0));
    accept(&mut world, bea, call);
    hang_up(&mut world, phone, call);
    assert_eq!(agreed(&mut world)[0].outcome, Some(Outcome::Completed));
}

// R33
#[test]
fn a_connection_that_breaks_ends_the_call_on_both_sides() {
    let mut world = World::new(730);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    accept(&mut world, bea, call);
    world.run(19 * SECOND);
    world.call(bea, |engine, now| engine.calls().connection_lost(call, now)).unwrap();
    let calls = agreed(&mut world);
    assert_eq!((calls[0].status, calls[0].outcome), (CallStatus::Ended, Some(Outcome::ConnectionLost)));
    assert_eq!(calls[0].duration, 20);
}

// R33: the receiver hangs up while the caller is offline: what is told late adds nothing to the duration
#[test]
fn who_was_offline_at_the_end_learns_the_duration() {
    let mut world = World::new(731);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    accept(&mut world, bea, call);
    world.run(29 * SECOND);
    world.disconnect(ann);
    world.run(SECOND);
    hang_up(&mut world, bea, call);
    world.run(10 * MINUTE);
    let shown = get(&mut world, bea, call);
    assert_eq!((shown.settled, shown.outcome, shown.duration), (false, Some(Outcome::Completed), 31));
    world.connect(ann);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].outcome, calls[0].duration), (Some(Outcome::Completed), 31));
}

// R33: the other way round
#[test]
fn a_receiver_who_was_offline_at_the_end_learns_it_too() {
    let mut world = World::new(732);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    accept(&mut world, bea, call);
    world.disconnect(bea);
    world.run(20 * SECOND);
    hang_up(&mut world, ann, call);
    world.run(10 * MINUTE);
    assert_eq!(stage(&mut world, bea, call), Stage::Active);
    world.connect(bea);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].outcome, calls[0].duration), (Some(Outcome::Completed), 20));
}

// R33: a process that dies in a call
#[test]
fn a_crash_in_a_call_ends_it_at_the_last_moment_known() {
    for caller_dies in [true, false] {
        let mut world = World::new(733);
        let (ann, bea, talk) = world.acquaint();
        let call = ring(&mut world, ann, talk);
        accept(&mut world, bea, call);
        world.run(100 * SECOND);
        let dies = if caller_dies { ann } else { bea };
        world.crash(dies, 0);
        world.run(5 * MINUTE);
        world.restart(dies);
        let calls = agreed(&mut world);
        assert_eq!(calls[0].outcome, Some(Outcome::ConnectionLost));
        let noted = calls[0].duration * SECOND;
        assert!((100 * SECOND - limits::CALL_HEARTBEAT..=101 * SECOND).contains(&noted), "{noted} ms");
    }
}

// R33
#[test]
fn a_phone_that_crashes_while_it_rings_rings_on() {
    let mut world = World::new(734);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    world.crash(bea, 0);
    world.run(10 * SECOND);
    world.restart(bea);
    assert_eq!(rings(&world, bea, call), (2, 0), "a new process plays the ringtone anew");
    accept(&mut world, bea, call);
    assert_eq!(stage(&mut world, ann, call), Stage::Active);
    hang_up(&mut world, ann, call);
    agreed(&mut world);
    let call = ring(&mut world, ann, talk);
    world.crash(bea, 0);
    world.run(2 * MINUTE);
    world.restart(bea);
    assert_eq!((rings(&world, bea, call), missed(&world, bea, talk, call)), ((1, 1), 1), "its time was over");
    assert_eq!(agreed(&mut world)[0].status, CallStatus::Missed);
}

// R33: the caller's process dies while it rings at the other side, and comes back
#[test]
fn a_caller_that_crashes_while_it_rings_settles_the_call_afterwards() {
    let mut world = World::new(735);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    world.crash(ann, 0);
    world.run(2 * MINUTE);
    assert_eq!((stage(&mut world, bea, call), get(&mut world, bea, call).settled), (Stage::Over, false));
    world.restart(ann);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].id, calls[0].status), (call, CallStatus::Missed));
    assert_eq!(missed(&world, bea, talk, call), 1, "told once");
}

// R33
#[test]
fn a_phone_that_was_off_shows_a_missed_call_and_does_not_ring() {
    let mut world = World::new(740);
    let (ann, bea, talk) = world.acquaint();
    world.disconnect(bea);
    let call = ring(&mut world, ann, talk);
    world.run(5 * MINUTE);
    world.connect(bea);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].id, calls[0].status), (call, CallStatus::Missed));
    assert_eq!((rings(&world, bea, call), missed(&world, bea, talk, call)), ((0, 0), 1));
}

// R33: the relay has kept it no longer than it may, and the network brings it late all the same
#[test]
fn an_offer_that_comes_late_never_rings() {
    let mut world = World::new(741);
    let (ann, bea, talk) = world.acquaint();
    let call = start(&mut world, ann, talk, CallKind::Voice);
    world.tap = Some(Box::new(move |packet| {
        let mail = matches!(&packet.body, Body::Down(ToDevice::Deliver(_) | ToDevice::Answer(..)));
        if packet.device == bea && mail { Fate::Hold } else { Fate::Pass }
    }));
    world.run(30 * SECOND);
    hang_up(&mut world, ann, call);
    world.run(60 * SECOND);
    let held = std::mem::take(&mut world.held);
    // The offer alone: what was said after it comes later still.
    let offer = held.iter().position(|packet| matches!(packet.body, Body::Down(ToDevice::Deliver(_)))).unwrap();
    world.held = held[offer..=offer].to_vec();
    world.release();
    world.run(SECOND);
    assert_eq!(rings(&world, bea, call), (0, 0));
    assert_eq!((get(&mut world, bea, call).status, missed(&world, bea, talk, call)), (CallStatus::Missed, 1));
    world.held = held;
    world.release();
    let calls = agreed(&mut world);
    assert_eq!(calls[0].outcome, Some(Outcome::Cancelled), "the caller's word counts");
    assert_eq!(missed(&world, bea, talk, call), 1, "told once");
}

// R33
#[test]
fn a_caller_without_a_connection_waits_a_minute_for_one() {
    let mut world = World::new(742);
    let (ann, bea, talk) = world.acquaint();
    world.disconnect(ann);
    let call = start(&mut world, ann, talk, CallKind::Voice);
    world.run(30 * SECOND);
    world.connect(ann);
    world.run(SECOND);
    assert_eq!(rings(&world, bea, call), (1, 0));
    hang_up(&mut world, ann, call);
    agreed(&mut world);
    world.disconnect(ann);
    let call = start(&mut world, ann, talk, CallKind::Voice);
    world.run(5 * MINUTE);
    let sent = world.wire.len();
    world.connect(ann);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].id, calls[0].status), (call, CallStatus::Missed));
    assert_eq!((rings(&world, bea, call), missed(&world, bea, talk, call)), ((0, 0), 1));
    let ringing =
        world.wire[sent..].iter().filter(|(_, bytes)| Envelope::decode(bytes).unwrap().push == PushHint::Call);
    assert_eq!(ringing.count(), 0, "what has had its time is not sent");
}

// R33: an offer that was encrypted and not answered is not sent again after its time
#[test]
fn an_offer_that_got_lost_is_not_sent_again_after_its_time() {
    let mut world = World::new(743);
    let (ann, bea, talk) = world.acquaint();
    world.devices[ann].cut = true;
    let call = start(&mut world, ann, talk, CallKind::Voice);
    world.run(3 * MINUTE);
    world.devices[ann].cut = false;
    let sent = world.wire.len();
    world.run(5 * MINUTE);
    assert!(world.wire[sent..].iter().all(|(_, bytes)| Envelope::decode(bytes).unwrap().push != PushHint::Call));
    assert_eq!(agreed(&mut world)[0].status, CallStatus::Missed);
    assert_eq!(rings(&world, bea, call), (0, 0));
}

// R33: clocks that are minutes off
#[test]
fn a_call_rings_whatever_the_clocks_show() {
    for (seed, skew) in [(744, -5), (745, 5)] {
        for wrong_caller in [true, false] {
            let mut world = World::new(seed);
            let (ann, bea, talk) = world.acquaint();
            let minutes = i64::try_from(MINUTE).unwrap();
            world.set_clock(if wrong_caller { ann } else { bea }, skew * minutes);
            world.send(ann, talk, "are you there?");
            world.send(bea, talk, "yes");
            world.settle();
            let call = ring(&mut world, ann, talk);
            assert_eq!(rings(&world, bea, call), (1, 0), "{skew} min, caller {wrong_caller}");
            accept(&mut world, bea, call);
            world.run(9 * SECOND);
            hang_up(&mut world, bea, call);
            let calls = agreed(&mut world);
            assert_eq!((calls[0].outcome, calls[0].duration), (Some(Outcome::Completed), 10));
        }
    }
}

// R3
#[test]
fn pages_and_recordings() {
    let mut world = World::new(750);
    let (ann, bea, talk) = world.acquaint();
    let mut made = Vec::new();
    for _ in 0..7 {
        let call = ring(&mut world, ann, talk);
        hang_up(&mut world, ann, call);
        world.run(SECOND);
        made.insert(0, call);
    }
    world.settle();
    for conversation in [None, Some(talk)] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = world.call(bea, |engine, now| engine.calls().page(conversation, cursor, 3, now)).unwrap();
            seen.extend(page.calls.iter().map(|call| call.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, made);
    }
    let elsewhere = Some(ConversationId::from_bytes([1; 16]));
    let none = world.call(bea, |engine, now| engine.calls().page(elsewhere, None, 3, now)).unwrap();
    assert!(none.calls.is_empty());
    let place = Some("file:///recordings/1".to_owned());
    world.call(bea, |engine, now| engine.calls().set_recording(made[0], place.clone(), now)).unwrap();
    assert_eq!(get(&mut world, bea, made[0]).recording, place);
    assert_eq!(get(&mut world, ann, made[0]).recording, None, "it stays on the device");
    world.crash(bea, 0);
    world.restart(bea);
    assert_eq!(get(&mut world, bea, made[0]).recording, place);
}

// R25 R33: the history of calls expires with the messages that tell of them
#[test]
fn a_call_goes_with_its_message() {
    let mut world = World::new(751);
    world.period = 5;
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    accept(&mut world, bea, call);
    hang_up(&mut world, bea, call);
    assert_eq!(agreed(&mut world).len(), 1);
    world.run(10 * MINUTE);
    for ix in [ann, bea] {
        assert!(history(&mut world, ix).is_empty());
        let gone = world.call(ix, |engine, now| engine.calls().get(call, now));
        assert_eq!(gone, Err(Error::Misuse(Misuse::UnknownCall)));
        let rows = world.devices[ix].disk.rows();
        let left = rows.iter().filter(|(table, _, _)| matches!(table, Table::Call | Table::CallIndex)).count();
        assert_eq!(left, 0, "nothing of it is left");
    }
    world.check();
}

// R25 R33: a call of which the caller never told how it ended does not stay for ever
#[test]
fn a_call_that_nobody_settles_goes_when_its_message_would() {
    let mut world = World::new(752);
    world.period = 5;
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    world.crash(ann, 0);
    world.run(2 * MINUTE);
    assert_eq!(get(&mut world, bea, call).status, CallStatus::Missed);
    world.run(6 * MINUTE);
    assert!(history(&mut world, bea).is_empty());
    world.check();
}

// R33: a call that was made while the clock was wrong
#[test]
fn a_call_does_not_ring_for_as_long_as_a_clock_was_ahead() {
    for ahead in [true, false] {
        let mut world = World::new(753);
        let (ann, bea, talk) = world.acquaint();
        let wrong = if ahead { ann } else { bea };
        world.disconnect(wrong);
        world.set_clock(wrong, 3 * DAY as i64);
        world.connect(wrong);
        world.settle();
        let call = ring(&mut world, ann, talk);
        assert_eq!(stage(&mut world, bea, call), Stage::RingingIn);
        world.set_clock(wrong, 0);
        world.run(2 * MINUTE);
        for ix in [ann, bea] {
            assert_eq!(get(&mut world, ix, call).status, CallStatus::Missed);
        }
        assert_eq!((rings(&world, bea, call), missed(&world, bea, talk, call)), ((1, 1), 1));
        assert_eq!(agreed(&mut world).len(), 1);
    }
}
