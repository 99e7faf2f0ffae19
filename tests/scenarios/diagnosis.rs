//! How an engine says how it does.

use undertone::config::Config;
use undertone::diagnosis::{CertificateState, Diagnosis, LastError};
use undertone::engine::{Draft, Engine, Unsent};
use undertone::envelope::{Envelope, EnvelopeKind, MessageRef};
use undertone::error::{Error, Misuse, StoreError};
use undertone::id::{EnvelopeId, UserId};
use undertone::input::{Refusal, TransmitResult};
use undertone::store::{Effect, FaultPlan, HostKey, MemoryDisk, MemoryStore};
use undertone::time::{DAY, HOUR, MINUTE, Time};
use undertone_tests::sim::net::{Body, ToDevice, ToRelay};
use undertone_tests::sim::{DeviceIx, Fate, World};

fn diagnosis(world: &mut World, ix: DeviceIx) -> Diagnosis {
    let now = world.devices[ix].clock(world.now);
    world.devices[ix].engine().diagnose(now).unwrap()
}

fn error(world: &mut World, ix: DeviceIx) -> Option<(&'static str, Time)> {
    diagnosis(world, ix).last_error.map(|LastError { code, at, .. }| (code, at))
}

/// Holds envelopes of a kind on their way to a device.
fn hold(world: &mut World, to: DeviceIx, kind: EnvelopeKind) {
    world.tap = Some(Box::new(move |packet| {
        let of_kind = match &packet.body {
            Body::Down(ToDevice::Deliver(delivery)) => {
                Envelope::decode(&delivery.envelope).is_ok_and(|envelope| envelope.kind == kind)
            }
            _ => false,
        };
        if packet.device == to && of_kind { Fate::Hold } else { Fate::Pass }
    }));
}

// R45
#[test]
fn r45_a_connection_comes_and_goes() {
    let mut world = World::new(400);
    let ann = world.unconnected("ann", "client", None);
    let before = diagnosis(&mut world, ann);
    assert!(before.open && !before.connection.up);
    assert_eq!((before.connection.since, before.connection.last_login, before.at), (None, None, world.now));
    world.connect(ann);
    world.settle();
    let login = diagnosis(&mut world, ann).connection;
    assert!(login.up && login.caught_up);
    assert!(login.since.is_some() && login.since == login.last_login);
    assert_eq!(login.key_packages, Some(0), "it had published none then");
    assert!(login.relay_ahead.is_some_and(|ahead| ahead.abs() < 1_000));
    world.run(HOUR);
    world.disconnect(ann);
    let gone = diagnosis(&mut world, ann).connection;
    assert!(!gone.up && !gone.caught_up);
    assert_eq!((gone.since, gone.last_login), (Some(world.now), login.last_login));
    world.run(HOUR);
    world.connect(ann);
    world.settle();
    let again = diagnosis(&mut world, ann).connection;
    assert!(again.up && again.last_login > login.last_login);
    assert_eq!(again.key_packages, Some(world.key_packages as u32));
}

// R45
#[test]
fn r45_a_certificate_is_missing_good_run_out_or_revoked() {
    let mut world = World::new(401);
    let config = Config::new(UserId::new("eve").unwrap(), world.platform.authority.public_key());
    let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
    let eve = Engine::open(config, Box::new(store), &HostKey::from_bytes([1; 32]), [1; 32], world.now).unwrap();
    assert_eq!(eve.diagnose(world.now).unwrap().certificate, CertificateState::Unenrolled);

    let ann = world.device("ann", "client");
    world.settle();
    let ends = world.devices[ann].certificate.as_ref().unwrap().not_after();
    assert_eq!(diagnosis(&mut world, ann).certificate, CertificateState::Valid(ends));
    world.renew(ann, "client", HOUR).unwrap();
    let certificate = world.devices[ann].certificate.clone().unwrap();
    let (begins, ends) = (certificate.not_before(), certificate.not_after());
    assert_eq!(diagnosis(&mut world, ann).certificate, CertificateState::Valid(ends));
    let early = world.devices[ann].engine().diagnose(begins.minus(1)).unwrap();
    assert_eq!(early.certificate, CertificateState::NotYet(begins));
    world.run(2 * HOUR);
    assert_eq!(diagnosis(&mut world, ann).certificate, CertificateState::Expired(ends));
    world.renew(ann, "client", DAY).unwrap();
    let list = world.platform.revoke(&world.devices[ann].certificate.clone().unwrap(), world.now);
    world.call(ann, |engine, now| engine.identity().revoke(list.as_bytes(), now)).unwrap();
    assert_eq!(diagnosis(&mut world, ann).certificate, CertificateState::Revoked);
}

// R45
#[test]
fn r45_what_waits_is_counted() {
    let mut world = World::new(402);
    let (ann, bea, talk) = world.acquaint();
    let quiet = diagnosis(&mut world, ann);
    let stored = quiet.stored.unwrap();
    assert_eq!((quiet.transmits, quiet.requests, quiet.undrained), (0, 0, 0));
    assert_eq!(stored.queue, Default::default());
    assert_eq!((stored.conversations, stored.sessions), (1, 1));
    assert!(stored.usage.files > 0 && stored.usage.live > 0 && stored.wake.0 > world.now);

    world.disconnect(ann);
    for n in 0..3 {
        world.send(ann, talk, &format!("said offline {n}"));
    }
    let first = world.messages(ann, talk)[0].key.id;
    world.call(ann, |engine, now| engine.messages().edit(talk, first, "another", now)).unwrap();
    let waiting = diagnosis(&mut world, ann).stored.unwrap();
    assert_eq!((waiting.queue.messages, waiting.queue.acts), (3, 1));
    world.send(bea, talk, "owed a receipt");
    // Of what the host has not taken it hears as well.
    let now = world.now;
    world.devices[ann].engine().messages().send(talk, Draft::text("not drained"), now).unwrap();
    assert!(diagnosis(&mut world, ann).undrained > 0);
    world.drain(ann);
    world.connect(ann);
    world.settle();
    let after = diagnosis(&mut world, ann);
    assert_eq!((after.transmits, after.requests, after.undrained), (0, 0, 0));
    assert_eq!(after.stored.unwrap().queue, Default::default());
    world.check();

    // A relay that does not answer.
    world.tap = Some(Box::new(|packet| match &packet.body {
        Body::Down(ToDevice::Done(..)) => Fate::Drop,
        _ => Fate::Pass,
    }));
    world.send(ann, talk, "unanswered");
    world.run(1_000);
    assert_eq!(diagnosis(&mut world, ann).transmits, 1);
}

// R45
#[test]
fn r45_a_host_that_does_not_wake_the_engine_shows() {
    let mut world = World::new(403);
    let (ann, _, _) = world.acquaint();
    let late = world.now.plus(30 * DAY);
    let asked = world.devices[ann].engine().diagnose(late).unwrap();
    assert!(asked.stored.unwrap().wake.0 < late);
}

// R13 R45
#[test]
fn r45_what_cannot_be_read_is_counted_by_cause() {
    let mut world = World::new(404);
    world.update_after = DAY;
    let (ann, bea, talk) = world.acquaint();
    let unreadable = |world: &mut World| diagnosis(world, bea).stored.unwrap().unreadable;
    assert_eq!(unreadable(&mut world), Default::default());

    hold(&mut world, bea, EnvelopeKind::Message);
    world.send(ann, talk, "lost on the way");
    world.run(1_000);
    world.tap = None;
    let mut held = std::mem::take(&mut world.held);
    let Body::Down(ToDevice::Deliver(late)) = held.remove(0).body else { panic!("a delivery") };
    for n in 0..8 {
        world.run(2 * DAY);
        world.send(ann, talk, &format!("day {n}"));
        world.settle();
    }
    world.disconnect(ann);
    world.call(bea, |engine, now| engine.receive(&late, now)).unwrap();
    assert_eq!(unreadable(&mut world).too_old, 1);
    world.crash(bea, 0);
    world.restart(bea);
    assert_eq!(unreadable(&mut world).too_old, 1, "it is in the store");
    world.settle();
    world.connect(ann);
    world.settle();
    assert_eq!(unreadable(&mut world).too_old, 0, "it has healed");

    hold(&mut world, bea, EnvelopeKind::Commit);
    let tablet = world.another(ann);
    world.run(20_000);
    world.send(tablet, talk, "of the next epoch");
    world.run(20_000);
    let waiting = unreadable(&mut world);
    assert!(waiting.parked > 0 && waiting.parked_commits == 0, "{waiting:?}");
    world.release();
    world.settle();
    assert_eq!(unreadable(&mut world), Default::default());
    world.check();
}

// R14 R45
#[test]
fn r45_refusals_and_errors_are_named_by_their_codes() {
    let mut world = World::new(405);
    let (ann, bea, talk) = world.acquaint();
    assert_eq!((error(&mut world, ann), error(&mut world, bea)), (None, None));
    let theirs = MessageRef { author: world.user(ann), id: world.messages(bea, talk)[0].key.id };
    let elsewhere = UserId::new("cid").unwrap();
    world.call(ann, |engine, now| engine.identity().set_verified(&elsewhere, true, now)).unwrap_err();
    assert_eq!(error(&mut world, ann), Some(("misuse.unknown_user", world.now)));

    // A message on its way, which somebody changes.
    world.run(MINUTE);
    hold(&mut world, bea, EnvelopeKind::Message);
    world.send(ann, talk, "changed on the way");
    world.run(1_000);
    let mut message = Envelope::decode(&world.wire.iter().rfind(|(ix, _)| *ix == ann).unwrap().1).unwrap();
    message.id = EnvelopeId::from_bytes([7; 16]);
    *message.body.last_mut().unwrap() ^= 1;
    for _ in 0..2 {
        world.smuggle(bea, message.encode().unwrap()).unwrap_err();
    }
    let told = diagnosis(&mut world, bea);
    assert_eq!(told.refused, [("peer.forged", 2)]);
    assert_eq!(told.last_error.map(|e| (e.code, e.at)), Some(("peer.forged", world.now)));

    world.release();
    world.settle();

    // The rules of this device, and those of the relay.
    let denied = world.call(bea, |engine, now| engine.messages().delete_for_everyone(talk, &theirs, now));
    assert!(matches!(denied, Err(Error::Denied(_))));
    assert_eq!(error(&mut world, bea), Some(("denied.delete_others", world.now)));
    world.tap = Some(Box::new(|packet| match &packet.body {
        Body::Up(ToRelay::Submit(..)) => Fate::Drop,
        _ => Fate::Pass,
    }));
    world.send(ann, talk, "refused");
    let id = *world.devices[ann].waiting_transmits.first().unwrap();
    let refused = TransmitResult::Refused(Refusal::Policy);
    world.call(ann, |engine, now| engine.transmit_done(id, refused, now)).unwrap();
    assert_eq!(error(&mut world, ann), Some(("relay.policy", world.now)));
    world.check();
}

// R45
#[test]
fn r45_an_older_copy_of_a_store_shows() {
    let mut world = World::new(406);
    let (ann, _, talk) = world.acquaint();
    let old = world.devices[ann].disk.copy();
    world.send(ann, talk, "after the copy");
    world.settle();
    assert_eq!(diagnosis(&mut world, ann).rolled_back, None);
    world.crash(ann, 0);
    world.devices[ann].disk = old;
    world.restart(ann);
    world.settle();
    let told = diagnosis(&mut world, ann);
    assert!(told.rolled_back.is_some_and(|at| at <= world.now) && !told.freezing);
}

#[test]
fn what_is_asked_of_an_engine_that_sleeps_is_refused_and_it_wakes_unharmed() {
    let mut world = World::new(408);
    let (ann, bea, talk) = world.acquaint();
    let now = world.now;
    let engine = world.devices[ann].engine();
    engine.suspend().unwrap();
    engine.suspend().unwrap();
    let asleep = Error::Misuse(Misuse::Suspended);
    assert_eq!(engine.messages().send(talk, Draft::text("asleep"), now).err(), Some(asleep.clone()));
    assert_eq!(engine.conversations().newest(now).err(), Some(asleep.clone()));
    assert_eq!(engine.handle_timeout(now).err(), Some(asleep.clone()));
    assert_eq!(engine.poll_output().err(), Some(asleep));
    engine.resume().unwrap();
    engine.resume().unwrap();
    world.send(ann, talk, "awake");
    world.settle();
    assert_eq!(world.texts(bea, talk).last().map(String::as_str), Some("awake"));
    world.check();
}

// R45
#[test]
fn r45_it_answers_when_the_store_has_failed_and_while_it_sleeps() {
    let mut world = World::new(407);
    let (ann, _, talk) = world.acquaint();
    world.devices[ann].engine().suspend().unwrap();
    let asleep = diagnosis(&mut world, ann);
    assert!(asleep.open && asleep.stored.is_none() && asleep.last_error.is_none());
    world.devices[ann].engine().resume().unwrap();
    assert!(diagnosis(&mut world, ann).stored.is_some());

    let at = world.devices[ann].disk.operations();
    world.devices[ann].disk.plan(Some(FaultPlan { at, error: StoreError::Full, effect: Effect::None }));
    world.call(ann, |engine, now| engine.messages().send(talk, Draft::text("x"), now)).ok();
    world.drain(ann);
    let failed = diagnosis(&mut world, ann);
    assert!(!failed.open && failed.stored.is_none());
    assert_eq!(failed.last_error.map(|e| e.code), Some("store.full"));
    let now = world.now;
    world.devices[ann].engine().wipe(Unsent::Lose).unwrap();
    assert_eq!(world.devices[ann].engine().diagnose(now).err(), Some(Error::Misuse(Misuse::Closed)));
}

// R45
#[test]
fn r45_it_costs_the_same_however_long_the_history_is() {
    let mut world = World::new(408);
    let (ann, bea, talk) = world.acquaint();
    let cost = |world: &mut World| {
        let before = world.devices[bea].disk.operations();
        diagnosis(world, bea);
        world.devices[bea].disk.operations() - before
    };
    let short = cost(&mut world);
    for n in 0..300 {
        world.send(ann, talk, &format!("number {n}"));
    }
    world.settle();
    assert!(world.messages(bea, talk).len() > 300);
    assert!(cost(&mut world) <= short + 2, "{} operations, {short} before", cost(&mut world));
}
