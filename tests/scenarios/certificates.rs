//! Certificates that run out, are revoked, or come in another role.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::error::{Error, Misuse, PeerFault};
use undertone::event::Event;
use undertone::message::SendState;
use undertone::time::{DAY, HOUR, MINUTE, SECOND};
use undertone_tests::sim::net::{Body, ToRelay};
use undertone_tests::sim::platform::Platform;
use undertone_tests::sim::{Fate, World};

// R10
#[test]
fn an_expired_certificate_suspends_until_it_is_renewed() {
    let mut world = World::new(60);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "before");
    world.settle();
    world.renew(ann, "client", HOUR).unwrap();
    world.run(2 * HOUR);
    world.send(ann, talk, "nobody lets me");
    world.run(100);
    world.send(bea, talk, "are you there?");
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk), ["before", "are you there?"], "it sends nothing");
    assert_eq!(world.texts(ann, talk), ["before", "nobody lets me", "are you there?"], "it reads");
    assert_eq!(world.messages(ann, talk)[1].state, SendState::Queued);
    assert!(world.devices[ann].events.contains(&Event::CertificateNeeded));
    world.renew(ann, "client", 90 * DAY).unwrap();
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk), ["before", "are you there?", "nobody lets me"]);
}

// R10 R12: what was sent while the certificate ran is shown, however late it arrives
#[test]
fn a_message_that_was_sent_in_time_is_shown_after_the_certificate_ran_out() {
    let mut world = World::new(61);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "hello");
    world.settle();
    world.renew(ann, "client", HOUR).unwrap();
    world.settle();
    world.disconnect(bea);
    world.send(ann, talk, "in time");
    world.run(3 * HOUR);
    world.connect(bea);
    world.settle();
    world.check();
    assert_eq!(world.texts(bea, talk), ["hello", "in time"]);
}

// R10 R17
#[test]
fn a_revoked_device_reads_nothing_that_is_sent_later() {
    let mut world = World::new(62);
    let phone = world.device("ann", "client");
    let tablet = world.another(phone);
    let bea = world.device("bea", "escort");
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "to all");
    world.settle();
    assert_eq!(world.texts(tablet, talk), ["to all"]);
    let list = world.platform.revoke(&world.devices[tablet].certificate.clone().unwrap(), world.now);
    world.revoke(&list);
    world.run(30);
    let before = world.wire.len();
    world.send(bea, talk, "it was stolen");
    world.send(phone, talk, "yes");
    world.settle();
    world.check();
    assert_eq!(world.texts(phone, talk), ["to all", "it was stolen", "yes"]);
    assert_eq!(world.texts(bea, talk), ["to all", "it was stolen", "yes"]);
    // Whatever goes over the wire from now on: the thief has it, and reads none of it.
    let tablet_id = world.devices[tablet].id;
    let overheard = world.wire.split_off(before);
    for (_, bytes) in overheard {
        let mut envelope = Envelope::decode(&bytes).unwrap();
        envelope.recipients = vec![tablet_id];
        let _ = world.smuggle(tablet, envelope.encode().unwrap());
    }
    assert_eq!(world.texts(tablet, talk), ["to all"]);
    world.check();
}

// R10 R17: what is written before a revoked device is out waits until it is
#[test]
fn nothing_is_sent_while_a_revoked_device_is_a_member() {
    let mut world = World::new(67);
    let phone = world.device("ann", "client");
    let tablet = world.another(phone);
    let bea = world.device("bea", "escort");
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "to all");
    world.settle();
    world.tap = Some(Box::new(|packet| match &packet.body {
        Body::Up(ToRelay::Submit(_, bundle)) if Envelope::decode(&bundle[0]).unwrap().kind == EnvelopeKind::Commit => {
            Fate::Hold
        }
        _ => Fate::Pass,
    }));
    let list = world.platform.revoke(&world.devices[tablet].certificate.clone().unwrap(), world.now);
    world.revoke(&list);
    world.run(5 * SECOND);
    world.send(bea, talk, "it was stolen");
    world.run(5 * SECOND);
    assert!(!world.held.is_empty(), "a removal is on its way");
    assert_eq!(world.messages(bea, talk)[1].state, SendState::Queued);
    world.release();
    world.settle();
    world.check();
    assert_eq!(world.texts(phone, talk), ["to all", "it was stolen"]);
}

// R10 R17: a certificate that has run out suspends its device, and no more
#[test]
fn a_device_whose_certificate_has_run_out_keeps_its_place() {
    let mut world = World::new(68);
    world.period = -1;
    let phone = world.device("ann", "client");
    let tablet = world.another(phone);
    let bea = world.device("bea", "escort");
    world.settle();
    let talk = world.start(phone, bea);
    world.send(phone, talk, "to all");
    world.settle();
    world.renew(tablet, "client", HOUR).unwrap();
    world.disconnect(tablet);
    world.run(2 * HOUR);
    // The directory lists it no more, and is compared with the leaves.
    let second = world.another(bea);
    world.run(10 * MINUTE);
    world.send(second, talk, "still with us");
    world.settle();
    world.renew(tablet, "client", 90 * DAY).unwrap();
    world.connect(tablet);
    world.settle();
    world.check();
    assert_eq!(world.texts(tablet, talk), ["to all", "still with us"]);
}

// R10 R43
#[test]
fn what_is_written_to_somebody_without_any_device_waits() {
    let mut world = World::new(63);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "before");
    world.settle();
    let list = world.platform.revoke(&world.devices[bea].certificate.clone().unwrap(), world.now);
    world.revoke(&list);
    world.run(MINUTE);
    world.disconnect(bea);
    world.send(ann, talk, "come back");
    world.run(HOUR);
    world.check();
    assert_eq!(world.messages(ann, talk)[1].state, SendState::Queued, "to nobody it is not sent");
    let fresh = world.unconnected("bea", "escort", None);
    world.connect(fresh);
    world.run(HOUR);
    world.check();
    assert_eq!(world.texts(fresh, talk), ["come back"]);
}

// R10
#[test]
fn a_changed_role_counts_in_open_conversations() {
    let mut world = World::new(64);
    let (ann, sue) = (world.device("ann", "client"), world.device("sue", "support"));
    world.settle();
    let talk = world.start(ann, sue);
    world.send(ann, talk, "hello");
    world.settle();
    assert_eq!(world.conversation(sue, talk).kind.as_deref(), Some("client_support"));
    world.renew(ann, "escort", 90 * DAY).unwrap();
    world.send(ann, talk, "I work here now");
    world.settle();
    world.check();
    assert_eq!(world.conversation(sue, talk).kind.as_deref(), Some("escort_support"));
    let user = world.user(ann);
    assert_eq!(world.devices[sue].engine().identity().role(&user).unwrap().unwrap().as_str(), "escort");
}

// R10
#[test]
fn certificates_that_are_not_ones_are_refused() {
    let mut world = World::new(65);
    let ann = world.unconnected("ann", "client", None);
    let other = world.unconnected("bea", "escort", None);
    let enrol = |world: &mut World, bytes: &[u8]| world.call(ann, |engine, now| engine.identity().enrol(bytes, now));
    let own = world.devices[ann].certificate.clone().unwrap();
    let mut damaged = own.as_bytes().to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    assert!(matches!(enrol(&mut world, &damaged), Err(Error::Peer(_))));
    assert!(matches!(enrol(&mut world, b"\x01not a certificate"), Err(Error::Peer(PeerFault::Malformed(_)))));
    let theirs = world.devices[other].certificate.clone().unwrap();
    assert_eq!(enrol(&mut world, theirs.as_bytes()), Err(Error::Misuse(Misuse::AlreadyEnrolled)));
    let request = world.devices[ann].engine().identity().enrolment_request().unwrap();
    let foreign = Platform::new([1; 32]).certify(&request, own.role(), world.now, DAY);
    assert_eq!(enrol(&mut world, foreign.as_bytes()), Err(Error::Peer(PeerFault::Certificate)));
    let now = world.now;
    let expired = world.platform.authority.issue(&request, own.role().clone(), 90, now.minus(DAY), now.minus(HOUR));
    assert_eq!(enrol(&mut world, expired.unwrap().as_bytes()), Err(Error::Peer(PeerFault::CertificateTime)));
    assert_eq!(world.devices[ann].engine().identity().certificate().unwrap().serial(), own.serial(), "nothing changed");
    world.check();
}

// R10
#[test]
fn a_forged_revocation_list_changes_nothing() {
    let mut world = World::new(66);
    let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
    world.settle();
    let talk = world.start(ann, bea);
    world.settle();
    let certificate = world.devices[bea].certificate.clone().unwrap();
    let mut forger = Platform::new([1; 32]);
    let forged = forger.revoke(&certificate, world.now);
    let refused = world.call(ann, |engine, now| engine.identity().revoke(forged.as_bytes(), now));
    assert!(matches!(refused, Err(Error::Peer(_))), "{refused:?}");
    world.send(ann, talk, "still with you");
    world.settle();
    assert_eq!(world.texts(bea, talk), ["still with you"]);
}
