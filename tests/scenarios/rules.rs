//! The rules hold whatever a doctored client does: at its own engine, at the relay, and at the other engine.

use undertone::Trust;
use undertone::authority::IdentityKey;
use undertone::conversation::ConversationState;
use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::error::{Error, PeerFault};
use undertone::event::Event;
use undertone::id::{ConversationId, EnvelopeId, SessionId};
use undertone::input::{Refusal, TransmitResult};
use undertone::message::{Cursor, Message, MessageContent, SendState};
use undertone::policy::{Action, Policy};
use undertone::time::{DAY, HOUR};
use undertone_tests::sim::net::{Body, ToRelay};
use undertone_tests::sim::{DeviceIx, Fate, World};

/// The rules of a doctored client: everybody may start with everybody.
fn no_rules() -> Policy {
    let preset = include_str!("../../core/src/policy/companion.toml");
    let start = preset.find("[start]").unwrap();
    let open = "[start]\nclient = [\"client\", \"escort\", \"support\"]\n\
                escort = [\"client\", \"escort\", \"support\"]\nsupport = [\"client\", \"escort\", \"support\"]\n";
    Policy::from_toml(&format!("{}{open}", &preset[..start])).unwrap()
}

/// An escort whose engine keeps no rules.
fn doctored(world: &mut World, name: &str) -> DeviceIx {
    world.policy = no_rules;
    let ix = world.device(name, "escort");
    world.policy = Policy::companion;
    ix
}

fn is_empty(world: &mut World, ix: DeviceIx) -> bool {
    let now = world.now;
    world.devices[ix].engine().conversations().newest(now).unwrap().conversations.is_empty()
}

fn kind(bytes: &[u8]) -> EnvelopeKind {
    Envelope::decode(bytes).unwrap().kind
}

// R5 R7
#[test]
fn an_escort_is_told_why_it_cannot_start() {
    let mut world = World::new(50);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let user = world.user(ann);
    assert_eq!(world.devices[bea].engine().conversations().can(Action::Start, &user), Ok(None), "not known yet");
    world.call(bea, |engine, now| engine.identity().look_up(&user, now)).unwrap();
    world.settle();
    let decision = world.devices[bea].engine().conversations().can(Action::Start, &user).unwrap().unwrap();
    let reason = decision.reason().unwrap().to_string();
    assert_eq!(reason, "escorts cannot start a conversation with a client");
    let refused = world.call(bea, |engine, now| engine.conversations().start(&user, now));
    assert_eq!(refused, Err(Error::Denied(decision.reason().unwrap().clone())));
    assert!(is_empty(&mut world, bea) && is_empty(&mut world, ann));
}

// R5 R7: the role is not known when it starts
#[test]
fn a_start_that_turns_out_to_be_forbidden_fails_its_messages() {
    let mut world = World::new(51);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(bea, ann);
    world.send(bea, talk, "hello?");
    world.settle();
    world.check();
    assert_eq!(world.conversation(bea, talk).state, ConversationState::Denied);
    let states: Vec<_> = world.messages(bea, talk).iter().map(|m| m.state).collect();
    use undertone::message::{FailedReason, SendState};
    assert_eq!(states, [SendState::Failed(FailedReason::Denied)]);
    assert!(is_empty(&mut world, ann));
    // The client starts: now there is one, and the escort may answer in it.
    assert_eq!(world.start(ann, bea), talk);
    world.send(ann, talk, "hello");
    world.settle();
    world.send(bea, talk, "hi");
    world.settle();
    assert_eq!(world.texts(ann, talk), ["hello", "hi"]);
    world.check();
}

// R5 R9
#[test]
fn the_relay_gives_a_doctored_escort_no_key_package_of_a_client() {
    let mut world = World::new(52);
    let (ann, bea) = (world.device("ann", "client"), doctored(&mut world, "bea"));
    world.settle();
    let talk = world.start(bea, ann);
    world.send(bea, talk, "psst");
    world.settle();
    world.check();
    assert_eq!(world.conversation(bea, talk).state, ConversationState::Starting);
    assert!(is_empty(&mut world, ann));
    assert!(!world.wire.iter().any(|(ix, _)| *ix == bea), "there is nothing that it could send");
}

// R5 R9
#[test]
fn the_relay_refuses_the_welcome_of_a_doctored_escort() {
    // It got hold of a key package somehow: here from a relay without rules.
    let mut world = World::with_relay_policy(53, no_rules);
    let (ann, bea) = (world.device("ann", "client"), doctored(&mut world, "bea"));
    world.settle();
    world.tap = Some(Box::new(move |packet| {
        let submits = matches!(packet.body, Body::Up(ToRelay::Submit(..)));
        if packet.device == bea && submits { Fate::Drop } else { Fate::Pass }
    }));
    let talk = world.start(bea, ann);
    world.send(bea, talk, "psst");
    world.run(1_000);
    let (_, welcome) =
        world.wire.iter().find(|(ix, bytes)| *ix == bea && kind(bytes) == EnvelopeKind::Welcome).unwrap();
    let welcome = welcome.clone();
    world.set_relay_policy(Policy::companion);
    let (id, now) = (world.devices[bea].id, world.now);
    assert!(world.relay.submit(id, &[welcome], now) == TransmitResult::Refused(Refusal::Policy));
    world.release();
    world.settle();
    world.check();
    assert_eq!(world.conversation(bea, talk).state, ConversationState::Denied);
    assert!(is_empty(&mut world, ann));
}

// R5 R9
#[test]
fn the_clients_engine_refuses_a_doctored_escort_past_a_relay_without_rules() {
    let mut world = World::with_relay_policy(54, no_rules);
    let (ann, bea) = (world.device("ann", "client"), doctored(&mut world, "bea"));
    world.settle();
    let talk = world.start(bea, ann);
    world.send(bea, talk, "psst");
    world.run(60 * 60 * 1_000);
    world.check();
    assert!(is_empty(&mut world, ann), "nothing is shown");
    let reason = |event: &Event| match event {
        Event::Forbidden(user, reason) => Some((user.clone(), reason.code())),
        _ => None,
    };
    let told: Vec<_> = world.devices[ann].events.iter().filter_map(reason).collect();
    assert!(told.contains(&(world.user(bea), "denied.start")), "{told:?}");
    assert!(world.devices[ann].refusals.iter().any(|error| matches!(error, Error::Denied(_))));
}

// R9
#[test]
fn two_clients_are_not_brought_together_by_a_doctored_one() {
    let mut world = World::with_relay_policy(55, no_rules);
    let ann = world.device("ann", "client");
    world.policy = no_rules;
    let cid = world.device("cid", "client");
    world.settle();
    let talk = world.start(cid, ann);
    world.send(cid, talk, "psst");
    world.settle();
    world.check();
    assert!(is_empty(&mut world, ann));
}

// R14
#[test]
fn a_message_without_a_welcome_shows_nothing() {
    let mut world = World::new(56);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    let cid = world.device("cid", "client");
    world.settle();
    let talk = world.start(ann, bea);
    world.settle();
    world.send(bea, talk, "to ann");
    world.settle();
    let sent = world.wire.iter().rfind(|(ix, bytes)| *ix == bea && kind(bytes) == EnvelopeKind::Message);
    let message = Envelope::decode(&sent.unwrap().1).unwrap();
    // Of a session that cid has no keys for, and of one that does not exist.
    for (n, tag) in [message.tag, SessionId::from_bytes([9; 16])].into_iter().enumerate() {
        let id = EnvelopeId::from_bytes([n as u8; 16]);
        let astray = Envelope { id, tag, recipients: vec![world.devices[cid].id], ..message.clone() };
        world.smuggle(cid, astray.encode().unwrap()).unwrap();
    }
    world.settle();
    world.check();
    assert!(is_empty(&mut world, cid));
}

// R14
#[test]
fn someone_elses_tag_is_of_no_use() {
    let mut world = World::new(57);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    let eve = world.device("eve", "escort");
    let sue = world.device("sue", "support");
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "between us");
    let other = world.start(sue, eve);
    world.send(sue, other, "how are you?");
    world.settle();
    world.send(eve, other, "fine");
    world.settle();
    let before = world.texts(bea, talk);
    let sent = |world: &World, from| {
        let message = world.wire.iter().rfind(|(ix, bytes)| *ix == from && kind(bytes) == EnvelopeKind::Message);
        Envelope::decode(&message.unwrap().1).unwrap()
    };
    let (ours, theirs) = (sent(&world, ann), sent(&world, eve));
    let forgeries = [
        // Eve's own ciphertext under our tag, as herself and as ann.
        Envelope { tag: ours.tag, recipients: vec![world.devices[bea].id], ..theirs.clone() },
        Envelope { tag: ours.tag, recipients: vec![world.devices[bea].id], sender: world.devices[ann].id, ..theirs },
        // Ann's ciphertext in eve's name.
        Envelope { sender: world.devices[eve].id, ..ours.clone() },
    ];
    for forged in forgeries {
        let result = world.smuggle(bea, forged.encode().unwrap());
        assert!(matches!(result, Err(Error::Peer(PeerFault::Forged)) | Ok(())), "{result:?}");
    }
    assert_eq!(world.texts(bea, talk), before);
    let (id, now) = (world.devices[eve].id, world.now);
    let stolen = Envelope { id: EnvelopeId::from_bytes([3; 16]), sender: id, sequence: 1_000, ..ours };
    assert!(world.relay.submit(id, &[stolen.encode().unwrap()], now) == TransmitResult::Refused(Refusal::NotMember));
    world.check();
}

// R16 R17: what an identity key is worth
#[test]
fn a_device_that_the_identity_key_did_not_sign_for_is_another_person() {
    let mut world = World::new(58);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "hello");
    world.settle();
    // A stolen authority certifies a device of its own as ann's.
    let ghost = world.unconnected("ann", "client", None);
    world.connect(ghost);
    world.settle();
    world.check();
    assert!(world.devices[bea].events.contains(&Event::IdentityChanged(world.user(ann))), "it is seen");
    assert!(world.devices[ann].events.contains(&Event::IdentityChanged(world.user(ann))), "by both");
    let key = |world: &mut World, ix: DeviceIx| -> IdentityKey {
        world.devices[ix].engine().identity().identity_key().unwrap()
    };
    assert_ne!(key(&mut world, ann).public(), key(&mut world, ghost).public());
}

/// Ann has verified Bea; and the authority has certified a device of its own as Bea's, which has not shown itself yet: the
/// serial number of its certificate is above that of Bea's.
fn with_a_ghost_of_a_verified_one(seed: u64) -> (World, DeviceIx, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    world.send(bea, talk, "good evening");
    world.settle();
    let (ann_user, bea_user) = (world.user(ann), world.user(bea));
    let number = world.devices[bea].engine().identity().safety_number(&ann_user).unwrap().unwrap();
    let scanned = number.qr_payload().to_vec();
    assert_eq!(world.call(ann, |engine, now| engine.identity().verify_scanned(&bea_user, &scanned, now)), Ok(true));
    assert_eq!(world.conversation(ann, talk).others[0].trust, Trust::Verified);
    let ghost = world.unconnected("bea", "escort", None);
    (world, ann, bea, ghost, talk)
}

/// Bea's device gets another certificate, with the highest serial number there is, and tells of it.
fn renew_and_tell(world: &mut World, bea: DeviceIx, talk: ConversationId) {
    world.renew(bea, "escort", 400 * DAY).unwrap();
    world.send(bea, talk, "still me");
    world.run(HOUR);
}

/// Ann says something that must wait, as long as the ghost is there and she has decided nothing.
fn waits(world: &mut World, (ann, ghost): (DeviceIx, DeviceIx), talk: ConversationId, text: &str) {
    assert_eq!(world.conversation(ann, talk).others[0].trust, Trust::Changed, "{text}");
    world.send(ann, talk, text);
    world.run(HOUR);
    still_waits(world, (ann, ghost), talk, text);
}

fn still_waits(world: &mut World, (ann, ghost): (DeviceIx, DeviceIx), talk: ConversationId, text: &str) {
    assert_eq!(world.conversation(ann, talk).others[0].trust, Trust::Changed, "{text}");
    assert_eq!(world.messages(ann, talk).iter().rfind(|m| m.own).map(|m| m.state), Some(SendState::Queued), "{text}");
    assert!(!reads(world, ghost, talk, text), "{text}");
}

fn reads(world: &mut World, ix: DeviceIx, talk: ConversationId, text: &str) -> bool {
    let page = world.devices[ix].engine().messages().page(talk, Cursor::Newest, 50, world.now);
    let is_it = |message: &Message| matches!(&message.content, MessageContent::Text(shown) if shown == text);
    page.is_ok_and(|page| page.messages.iter().any(is_it))
}

// R16
#[test]
fn r16_a_ghost_with_a_low_serial_number_is_told_nothing_before_it_is_accepted() {
    let (mut world, ann, bea, ghost, talk) = with_a_ghost_of_a_verified_one(59);
    renew_and_tell(&mut world, bea, talk);
    assert_eq!(world.conversation(ann, talk).others[0].trust, Trust::Verified, "the same key");
    world.connect(ghost);
    world.run(HOUR);
    let bea_user = world.user(bea);
    assert!(world.devices[ann].events.contains(&Event::IdentityChanged(bea_user.clone())));
    waits(&mut world, (ann, ghost), talk, "the door code is 1234");
    // What Bea shows is not what Ann is to compare: that is the alarm. Bea comes to no other number by her own devices.
    let ann_user = world.user(ann);
    let number = world.devices[bea].engine().identity().safety_number(&ann_user).unwrap().unwrap();
    let scanned = number.qr_payload().to_vec();
    assert_eq!(world.call(ann, |engine, now| engine.identity().verify_scanned(&bea_user, &scanned, now)), Ok(false));
    still_waits(&mut world, (ann, ghost), talk, "the door code is 1234");
    world.crash(ann, 0);
    world.restart(ann);
    world.run(HOUR);
    still_waits(&mut world, (ann, ghost), talk, "the door code is 1234");
    world.check();
    // The authority takes it back; the number is Bea's again.
    let list = world.platform.revoke(&world.devices[ghost].certificate.clone().unwrap(), world.now);
    world.revoke(&list);
    world.run(HOUR);
    still_waits(&mut world, (ann, ghost), talk, "the door code is 1234");
    assert_eq!(world.call(ann, |engine, now| engine.identity().verify_scanned(&bea_user, &scanned, now)), Ok(true));
    world.run(HOUR);
    assert_eq!(world.conversation(ann, talk).others[0].trust, Trust::Verified);
    assert!(
        reads(&mut world, bea, talk, "the door code is 1234")
            && !reads(&mut world, ghost, talk, "the door code is 1234")
    );
    world.check();
}

// R16
#[test]
fn r16_a_renewed_device_of_the_verified_key_does_not_end_the_wait_for_another_one() {
    let (mut world, ann, bea, ghost, talk) = with_a_ghost_of_a_verified_one(60);
    world.connect(ghost);
    world.run(HOUR);
    waits(&mut world, (ann, ghost), talk, "is it you?");
    renew_and_tell(&mut world, bea, talk);
    still_waits(&mut world, (ann, ghost), talk, "is it you?");
    let bea_user = world.user(bea);
    world.call(ann, |engine, now| engine.identity().accept_identity(&bea_user, now)).unwrap();
    world.run(HOUR);
    assert!(reads(&mut world, ghost, talk, "is it you?") && reads(&mut world, bea, talk, "is it you?"));
    // What was accepted does not hold anything back again.
    world.call(ann, |engine, now| engine.identity().set_verified(&bea_user, true, now)).unwrap();
    world.renew(ghost, "escort", 400 * DAY).unwrap();
    world.send(ghost, talk, "me too");
    world.run(HOUR);
    renew_and_tell(&mut world, bea, talk);
    assert_eq!(world.conversation(ann, talk).others[0].trust, Trust::Verified);
    world.send(ann, talk, "both of you");
    world.run(HOUR);
    assert!(reads(&mut world, bea, talk, "both of you"));
    world.check();
}
