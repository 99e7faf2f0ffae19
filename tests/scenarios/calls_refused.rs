//! Calls that are no calls: forbidden, forged, thrown back, said twice, or too late.

use undertone::call::{CallStatus, Outcome, Stage};
use undertone::engine::Engine;
use undertone::envelope::{Clock, Content, Envelope, EnvelopeKind, Head, Kind, PushHint};
use undertone::error::{Error, Misuse, PeerFault};
use undertone::event::Event;
use undertone::id::{CallId, ConversationId, DeviceId, Hash32, MessageId};
use undertone::limits;
use undertone::message::MessageContent;
use undertone::policy::{Action, CallKind, Policy};
use undertone::time::SECOND;
use undertone_tests::sim::{DeviceIx, World};

use super::calls::{accept, agreed, get, hang_up, history, missed, ring, rings, stage, start};
use super::keeping::three_devices;

/// The preset without video calls for clients.
fn no_video() -> Policy {
    let preset = Policy::COMPANION_TOML.replacen("calls = [\"voice\", \"video\"]", "calls = [\"voice\"]", 1);
    Policy::from_toml(&preset).expect("a policy")
}

fn say(world: &mut World, ix: DeviceIx, talk: ConversationId, body: Vec<u8>) {
    world.call(ix, |engine, now| engine.say(talk, Kind::CALL_SIGNAL, body, now)).expect("a conversation");
    world.run(SECOND);
}

fn signal(call: CallId, number: u8, payload: &impl serde::Serialize) -> Vec<u8> {
    Engine::call_signal(call, number, payload).expect("encodes")
}

/// An offer as a doctored engine makes it.
fn offer(call: CallId) -> Vec<u8> {
    let (description, share) = (serde_bytes::ByteBuf::from(b"sdp".to_vec()), serde_bytes::ByteArray::new([1; 32]));
    signal(call, 1, &(1, description, share))
}

fn answer(call: CallId) -> Vec<u8> {
    let (description, share) = (serde_bytes::ByteBuf::from(b"sdp".to_vec()), serde_bytes::ByteArray::new([1; 32]));
    signal(call, 2, &(description, share))
}

fn refused(world: &World, ix: DeviceIx) -> usize {
    world.devices[ix].events.iter().filter(|event| **event == Event::Refused(PeerFault::Forged)).count()
}

// R8 R7
#[test]
fn a_call_that_the_rules_forbid_is_not_made() {
    let mut world = World::new(760);
    world.policy = no_video;
    let (ann, bea, talk) = world.acquaint();
    let can = |world: &mut World, ix: DeviceIx, kind| {
        world.call(ix, |engine, now| engine.calls().can(talk, kind, now)).unwrap()
    };
    assert!(can(&mut world, ann, CallKind::Voice).is_allowed());
    let denied = can(&mut world, ann, CallKind::Video);
    let reason = denied.reason().unwrap().clone();
    assert_eq!(reason.to_string(), "clients cannot make a video call to an escort");
    assert_eq!(reason.action(), Action::Call(CallKind::Video));
    let made = world.call(ann, |engine, now| engine.calls().start(talk, CallKind::Video, b"sdp", now));
    assert_eq!(made, Err(Error::Denied(reason)));
    assert!(history(&mut world, ann).is_empty());
    let call = start(&mut world, bea, talk, CallKind::Video);
    world.run(SECOND);
    accept(&mut world, ann, call);
    assert_eq!(stage(&mut world, bea, call), Stage::Active, "to be called by video is allowed");
    hang_up(&mut world, bea, call);
    agreed(&mut world);
}

// R8 R9: a doctored client gains nothing
#[test]
fn a_forbidden_call_of_a_doctored_client_never_rings() {
    let mut world = World::new(761);
    let ann = world.device("ann", "client");
    world.policy = no_video;
    let bea = world.device("bea", "escort");
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "first");
    world.settle();
    let call = start(&mut world, ann, talk, CallKind::Video);
    world.run(SECOND);
    assert_eq!(rings(&world, bea, call), (0, 0));
    let told = world.devices[bea].events.iter().filter(|event| matches!(event, Event::Forbidden(..))).count();
    assert_eq!(told, 1);
    let unknown = world.call(bea, |engine, now| engine.calls().get(call, now));
    assert_eq!(unknown, Err(Error::Misuse(Misuse::UnknownCall)), "nothing of it stays");
    world.settle();
    world.check();
    assert_eq!(missed(&world, bea, talk, call), 0, "nor is it a missed call");
}

// R26 R33: whom one has blocked calls into the void
#[test]
fn a_blocked_caller_runs_into_missed_and_cannot_tell() {
    let mut world = World::new(769);
    let (ann, bea, talk) = world.acquaint();
    let user = world.user(ann);
    world.call(bea, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    world.settle();
    let sent = world.wire.len();
    let call = ring(&mut world, ann, talk);
    world.run(30 * SECOND);
    assert_eq!(stage(&mut world, ann, call), Stage::RingingOut, "as if nobody was there");
    world.settle();
    assert_eq!(get(&mut world, ann, call).status, CallStatus::Missed);
    assert_eq!((rings(&world, bea, call), missed(&world, bea, talk, call)), ((0, 0), 0));
    assert!(history(&mut world, bea).is_empty(), "what they do never shows");
    let said = world.wire[sent..].iter().filter(|(ix, _)| *ix == bea).count();
    assert_eq!(said, 1, "the receipt for the history message, as for any message");
    let refused = world.call(bea, |engine, now| engine.calls().start(talk, CallKind::Voice, b"", now));
    assert_eq!(refused, Err(Error::Misuse(Misuse::Blocked)));
    world.call(bea, |engine, now| engine.privacy().block(&user, false, now)).unwrap();
    world.settle();
    let call = ring(&mut world, ann, talk);
    assert_eq!(rings(&world, bea, call), (1, 0));
    world.check();
}

// R26 R33
#[test]
fn who_is_blocked_while_they_ring_is_silent_on_all_devices_and_cannot_tell() {
    let (mut world, ann, bea, tablet, talk) = three_devices(770);
    let user = world.user(ann);
    let call = ring(&mut world, ann, talk);
    assert_eq!([bea, tablet].map(|ix| rings(&world, ix, call)), [(1, 0); 2]);
    world.call(bea, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    assert_eq!(rings(&world, bea, call), (1, 1), "at once");
    world.run(SECOND);
    assert_eq!(rings(&world, tablet, call), (1, 1));
    let answered = world.call(bea, |engine, now| engine.calls().accept(call, b"sdp", now));
    assert_eq!(answered, Err(Error::Misuse(Misuse::Blocked)));
    assert_eq!(stage(&mut world, ann, call), Stage::RingingOut, "as if nobody was there");
    world.settle();
    assert_eq!(get(&mut world, ann, call).status, CallStatus::Missed);
    assert_eq!([bea, tablet].map(|ix| (rings(&world, ix, call), missed(&world, ix, talk, call))), [((1, 1), 0); 2]);
    world.check();
}

// R33
#[test]
fn a_call_to_oneself_and_unknown_calls_are_refused() {
    let mut world = World::new(762);
    let (ann, _, talk) = world.acquaint();
    let user = world.user(ann);
    let oneself = ConversationId::direct(&world.platform.authority.public_key(), &user, &user);
    let mut call = |to| world.call(ann, |engine, now| engine.calls().start(to, CallKind::Voice, b"", now));
    assert_eq!(call(oneself), Err(Error::Misuse(Misuse::Oneself)));
    assert_eq!(call(ConversationId::from_bytes([1; 16])), Err(Error::Misuse(Misuse::UnknownConversation)));
    let large = vec![0; limits::CALL_DESCRIPTION + 1];
    let refused = world.call(ann, |engine, now| engine.calls().start(talk, CallKind::Voice, &large, now));
    assert!(matches!(refused, Err(Error::Misuse(Misuse::TooLarge { .. }))));
    let unknown = CallId::from_bytes([9; 16]);
    let refused = world.call(ann, |engine, now| engine.calls().hang_up(unknown, now));
    assert_eq!(refused, Err(Error::Misuse(Misuse::UnknownCall)));
    assert!(history(&mut world, ann).is_empty());
}

// R33: signalling after the end
#[test]
fn a_call_that_is_over_takes_no_commands() {
    let mut world = World::new(763);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    let unfit = world.call(ann, |engine, now| engine.calls().accept(call, b"", now));
    assert_eq!(unfit, Err(Error::Misuse(Misuse::State)), "one's own call");
    accept(&mut world, bea, call);
    accept(&mut world, bea, call);
    hang_up(&mut world, ann, call);
    world.settle();
    let over = Err(Error::Misuse(Misuse::CallOver));
    for ix in [ann, bea] {
        assert_eq!(world.call(ix, |engine, now| engine.calls().hang_up(call, now)), over);
        assert_eq!(world.call(ix, |engine, now| engine.calls().accept(call, b"", now)), over);
        assert_eq!(world.call(ix, |engine, now| engine.calls().reject(call, now)), over);
        assert_eq!(world.call(ix, |engine, now| engine.calls().connection_lost(call, now)), over);
        assert_eq!(world.call(ix, |engine, now| engine.calls().signal(call, &[vec![1]], now)), over);
    }
    let calls = agreed(&mut world);
    // Nor does anything that comes from the other side change it.
    for body in [answer(call), offer(call), signal(call, 7, &(1, 9_000_000, None::<CallId>)), signal(call, 4, &())] {
        say(&mut world, bea, talk, body);
    }
    assert!(agreed(&mut world) == calls);
}

// R14 R33: the same ring twice rings once
#[test]
fn a_ring_that_comes_twice_rings_once() {
    let mut world = World::new(764);
    let (ann, bea, talk) = world.acquaint();
    let before = world.wire.len();
    let call = ring(&mut world, ann, talk);
    let (_, sent) = world.wire[before..].iter().find(|(ix, _)| *ix == ann).unwrap().clone();
    assert_eq!(Envelope::decode(&sent).unwrap().push, PushHint::Call);
    // The relay brings it again, and again under another id.
    let _ = world.smuggle(bea, sent.clone());
    let mut other = Envelope::decode(&sent).unwrap();
    other.id = undertone::id::EnvelopeId::from_bytes([7; 16]);
    let _ = world.smuggle(bea, other.encode().unwrap());
    // Its caller says it anew.
    say(&mut world, ann, talk, offer(call));
    assert_eq!(rings(&world, bea, call), (1, 0));
    hang_up(&mut world, ann, call);
    let calls = agreed(&mut world);
    let _ = world.smuggle(bea, sent);
    assert_eq!(rings(&world, bea, call), (1, 1));
    assert!(agreed(&mut world) == calls);
}

// R14 R33: forged and thrown back
#[test]
fn forged_and_reflected_signals_are_refused() {
    let mut world = World::new(765);
    let (ann, bea, talk) = world.acquaint();
    world.disconnect(bea);
    let before = world.wire.len();
    let call = ring(&mut world, ann, talk);
    let (_, sent) = world.wire[before..].iter().find(|(ix, _)| *ix == ann).unwrap().clone();
    // Thrown back by the relay, and with a changed body.
    assert_eq!(world.smuggle(ann, sent.clone()), Err(Error::Peer(PeerFault::NotForUs)));
    let mut back = Envelope::decode(&sent).unwrap();
    (back.sender, back.recipients) = (world.devices[bea].id, vec![world.devices[ann].id]);
    back.id = undertone::id::EnvelopeId::from_bytes([8; 16]);
    assert_eq!(world.smuggle(ann, back.encode().unwrap()), Err(Error::Peer(PeerFault::Forged)));
    assert_eq!(
        (rings(&world, ann, call), world.texts(ann, talk).len()),
        ((0, 0), 1),
        "it rings nowhere, and shows nothing"
    );
    assert_eq!(stage(&mut world, ann, call), Stage::RingingOut, "nor has anybody answered");
    let mut bent = Envelope::decode(&sent).unwrap();
    bent.id = undertone::id::EnvelopeId::from_bytes([9; 16]);
    *bent.body.last_mut().unwrap() ^= 1;
    assert_eq!(world.smuggle(bea, bent.encode().unwrap()), Err(Error::Peer(PeerFault::Forged)));
    assert_eq!(rings(&world, bea, call), (0, 0));
    world.connect(bea);
    world.run(SECOND);
    assert_eq!(rings(&world, bea, call), (1, 0), "the true one does no worse for it");
    // Thrown back by the other side: her call offered, and taken, as if it were theirs.
    let before = refused(&world, ann);
    say(&mut world, bea, talk, offer(call));
    assert_eq!(refused(&world, ann), before + 1, "nobody offers another's call");
    let itself = world.devices[bea].id;
    say(&mut world, bea, talk, signal(call, 6, &itself));
    assert_eq!(refused(&world, ann), before + 2, "only the caller says with whom it talks");
    let before = refused(&world, bea);
    for body in [answer(call), signal(call, 6, &DeviceId::from_bytes([1; 16]))] {
        say(&mut world, ann, talk, body);
    }
    assert_eq!(refused(&world, bea), before + 1, "the caller does not answer itself");
    assert_eq!(stage(&mut world, ann, call), Stage::RingingOut, "nothing of it changed her call");
    hang_up(&mut world, ann, call);
    agreed(&mut world);
}

// R14 R33: a history message of somebody else's call, or one that contradicts itself
#[test]
fn a_forged_history_is_refused() {
    let mut world = World::new(766);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    let now = world.now;
    let bad = [
        // As if it had been bea's call.
        Engine::call_record(call, 1, 6, (now, None, now)),
        // Longer than a call can be, and one that ended before it began.
        Engine::call_record(CallId::from_bytes([5; 16]), 1, 1, (now, Some(now), now.plus(2 * limits::CALL_LONGEST))),
        Engine::call_record(CallId::from_bytes([5; 16]), 1, 1, (now, Some(now), now.minus(SECOND))),
        // Missed, and yet answered.
        Engine::call_record(CallId::from_bytes([5; 16]), 1, 6, (now, Some(now), now)),
    ];
    for (id, body) in bad.into_iter().enumerate() {
        say_history(&mut world, bea, talk, u8::try_from(id).unwrap(), body.unwrap());
        let faults = world.devices[ann].events.iter().filter(|event| matches!(event, Event::Refused(_))).count();
        assert_eq!(faults, id + 1, "message {id}");
    }
    assert_eq!(get(&mut world, ann, call).status, CallStatus::Pending);
    assert_eq!(world.texts(ann, talk), ["first"]);
    hang_up(&mut world, ann, call);
    assert_eq!(agreed(&mut world)[0].outcome, Some(Outcome::Cancelled));
}

/// Says the history of a call as a doctored engine does, in a message of this id.
fn say_history(world: &mut World, ix: DeviceIx, talk: ConversationId, id: u8, body: Vec<u8>) {
    let head = Head {
        id: MessageId::from_bytes([id; 16]),
        stamp: world.now,
        period: -1,
        clock: Clock::FromSend,
        target: None,
        counts: false,
        notifies: false,
    };
    let content = Content { head, kind: Kind::CALL, body, opening: Hash32::of(&[1]) };
    let commitment = Some(content.commitment(&content.encode().unwrap()));
    let said = |engine: &mut Engine, now| engine.say_as(talk, EnvelopeKind::Message, &content, commitment, now);
    world.call(ix, said).unwrap();
    world.run(SECOND);
}

/// Says that a call was this user's own, and completed.
fn claim(world: &mut World, ix: DeviceIx, talk: ConversationId, call: CallId) {
    let now = world.now;
    let body = Engine::call_record(call, 1, 1, (now.minus(9 * SECOND), Some(now.minus(8 * SECOND)), now)).unwrap();
    say_history(world, ix, talk, 7, body);
}

// R33 R17: what a peer claims of a call does not hold against what an own device says of it
#[test]
fn a_claim_of_the_other_side_to_a_call_gives_way_to_the_word_of_an_own_device() {
    for by_offer in [false, true] {
        let mut world = World::new(771);
        let (phone, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
        let tablet = world.another(phone);
        world.settle();
        let talk = world.start(phone, bea);
        world.send(phone, talk, "first");
        world.settle();
        world.disconnect(tablet);
        let call = ring(&mut world, phone, talk);
        accept(&mut world, bea, call);
        world.run(70 * SECOND);
        let before = refused(&world, phone);
        match by_offer {
            true => say(&mut world, bea, talk, offer(call)),
            false => claim(&mut world, bea, talk, call),
        }
        assert_eq!(refused(&world, phone), before + 1, "where the call is known, it is forged");
        world.connect(tablet);
        world.run(SECOND);
        let shown = get(&mut world, tablet, call);
        assert_eq!((shown.caller, shown.own), (world.user(bea), false), "what the tablet has heard so far");
        hang_up(&mut world, phone, call);
        let calls = agreed(&mut world);
        assert_eq!((calls.len(), &calls[0].caller, calls[0].duration), (1, &world.user(phone), 72));
        assert!(get(&mut world, tablet, call).own);
        for ix in [phone, tablet] {
            let told = world.messages(ix, talk).into_iter().filter(|m| matches!(m.content, MessageContent::Call(_)));
            let authors: Vec<_> = told.map(|message| message.author).collect();
            assert_eq!(authors, [world.user(phone)], "nothing of the claim stays");
        }
        // What is known is not claimed again.
        let before = refused(&world, tablet);
        claim(&mut world, bea, talk, call);
        assert_eq!(refused(&world, tablet), before + usize::from(by_offer), "the same message twice is one");
        assert!(agreed(&mut world) == calls);
    }
}

// R14: what is no signal at all
#[test]
fn malformed_signals_change_nothing_and_newer_ones_are_passed_over() {
    let mut world = World::new(767);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    let faults =
        |world: &World| world.devices[ann].events.iter().filter(|event| matches!(event, Event::Refused(_))).count();
    let large: Vec<serde_bytes::ByteBuf> = vec![vec![0; limits::CALL_PAYLOAD + 1].into()];
    for (at, body) in
        [vec![], vec![0xc1], signal(call, 2, &"no answer"), signal(call, 3, &large)].into_iter().enumerate()
    {
        say(&mut world, bea, talk, body);
        assert_eq!(faults(&world), at + 1);
    }
    say(&mut world, bea, talk, signal(call, 99, &"of a newer version"));
    assert_eq!(faults(&world), 4);
    assert_eq!(stage(&mut world, ann, call), Stage::RingingOut);
    world.check();
}

// R33: whoever floods another with calls that it never makes fills no store
#[test]
fn what_is_heard_before_an_offer_is_bounded_and_goes() {
    let mut world = World::new(768);
    let (ann, bea, talk) = world.acquaint();
    let rows = |world: &World| {
        let of_calls = |(table, _, _): &&(undertone::store::Table, Vec<u8>, Vec<u8>)| {
            matches!(table, undertone::store::Table::Call | undertone::store::Table::CallIndex)
        };
        world.devices[ann].disk.rows().iter().filter(of_calls).count()
    };
    for id in 0..3 * u8::try_from(limits::CALLS_EARLY).unwrap() {
        say(&mut world, bea, talk, signal(CallId::from_bytes([id; 16]), 7, &(1, 0, None::<CallId>)));
    }
    assert!(rows(&world) <= 2 * limits::CALLS_EARLY);
    assert!(rows(&world) > 0);
    world.run(limits::CALL_EARLY + SECOND);
    assert_eq!(rows(&world), 0);
    assert!(history(&mut world, ann).is_empty());
    world.check();
}
