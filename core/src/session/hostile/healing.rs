//! What the engine does about sessions by itself: it must come to an end, and never work against itself.

use super::Stage;
use crate::authority::EnrolmentRequest;
use crate::envelope::EnvelopeKind;
use crate::event::Event;
use crate::id::DeviceId;
use crate::input::{Answer, DirectoryDevice, DirectoryUser, Refusal, TransmitResult};
use crate::intent::{self, Intent};
use crate::output::Request;
use crate::session::group::Changes;
use crate::session::open::Add;
use crate::session::pursue;
use crate::session::row::{Phase, SessionRow};
use crate::session::testing::SESSION;
use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// Eve and bea in one session, after everything that follows a welcome, and then bea's certificate renewed.
fn renewed() -> (Stage, super::Device, u64) {
    let mut stage = Stage::new();
    let old = stage.serial;
    let mut eve = stage.together();
    settle(&mut stage, &mut eve);
    stage.enrol("escort");
    (stage, eve, old)
}

/// The relay accepts every commit of bea's engine, and eve follows.
fn settle(stage: &mut Stage, eve: &mut super::Device) {
    stage.pass(MINUTE);
    for transmit in std::mem::take(&mut stage.transmits) {
        let envelope = crate::envelope::Envelope::decode(&transmit.envelopes[0]).unwrap();
        if envelope.kind == EnvelopeKind::Commit {
            eve.follow(&envelope.body);
        }
        let at = stage.now;
        stage.engine.transmit_done(transmit.id, TransmitResult::Accepted { at }, at).unwrap();
    }
    stage.drain();
}

// R10
#[test]
fn a_device_that_renewed_in_time_renews_its_leaf_and_does_not_remove_itself() {
    let (mut stage, mut eve, old) = renewed();
    let renewed = stage.serial;
    stage.revoke(&[old]);
    stage.pass(SECOND);
    let commits = stage.sent(EnvelopeKind::Commit);
    assert_eq!(commits.len(), 1);
    let staged = eve.stage(&commits[0].1.body);
    assert!(staged.removes.is_empty());
    let path = crate::authority::Certificate::decode(&staged.path.as_ref().unwrap().certificate).unwrap();
    assert_eq!(path.serial(), renewed, "the leaf takes the new certificate on");
    assert!(!stage.events.contains(&Event::CertificateNeeded));
}

// R10
#[test]
fn a_device_whose_certificate_is_revoked_encrypts_nothing_and_says_so() {
    let (mut stage, _, old) = renewed();
    let talk = stage.conversation();
    let now = stage.now;
    let current = stage.serial;
    stage.pass(SECOND);
    stage.transmits.clear();
    stage.revoke(&[old, current]);
    assert!(stage.events.contains(&Event::CertificateNeeded));
    stage.engine.messages().send(talk, crate::engine::Draft::text("hello?"), now.plus(SECOND)).unwrap();
    stage.pass(10 * MINUTE);
    assert!(stage.transmits.is_empty());
    stage.enrol("escort");
    stage.pass(SECOND);
    assert!(!stage.transmits.is_empty(), "with a new one it goes on");
}

// R12
#[test]
fn a_commit_that_the_relay_refuses_is_not_made_again_at_once() {
    let (mut stage, _, old) = renewed();
    stage.revoke(&[old]);
    for minute in 1..=3 {
        let commits = stage.sent(EnvelopeKind::Commit);
        assert_eq!(commits.len(), minute, "one a minute");
        let refused = TransmitResult::Refused(Refusal::Malformed);
        let now = stage.now;
        stage.engine.transmit_done(commits[minute - 1].0, refused, now).unwrap();
        stage.pass(59 * SECOND);
        assert_eq!(stage.sent(EnvelopeKind::Commit).len(), minute);
        stage.pass(2 * SECOND);
    }
}

// R12
#[test]
fn a_late_answer_moves_no_session_that_waits_for_another_one() {
    let mut stage = Stage::new();
    let mut eve = stage.together();
    stage.pass(MINUTE);
    let first = stage.sent(EnvelopeKind::Commit)[0].0;
    // Eve's commit was faster; bea's engine takes it in and wants a fresh leaf still.
    stage.commit(&mut eve, Changes::default()).unwrap();
    stage.pass(10 * MINUTE);
    let commits = stage.sent(EnvelopeKind::Commit);
    assert_eq!((stage.epoch(), commits.len()), (2, 2));
    let at = stage.now;
    stage.engine.transmit_done(first, TransmitResult::Accepted { at }, at).unwrap();
    assert_eq!(stage.epoch(), 2, "that was not the one it waits for");
    assert_eq!(stage.session().unwrap().pending, Some(commits[1].0));
    stage.engine.transmit_done(commits[1].0, TransmitResult::Accepted { at }, at).unwrap();
    assert_eq!(stage.epoch(), 3);
}

// R10 R17: a directory may list what it should not
#[test]
fn a_device_whose_certificate_has_run_out_is_neither_reached_nor_waited_for() {
    let mut stage = Stage::new();
    let eve = stage.together();
    let key = stage.engine.identity().identity_key();
    let mut tablet = stage.device("tablet", "bea", &key, "escort");
    let request = EnrolmentRequest::new(&super::user("bea"), &key, &tablet.signer).unwrap();
    let (from, to) = (stage.now.minus(DAY), stage.now.minus(HOUR));
    let role = crate::policy::Role::new("escort").unwrap();
    let expired = stage.authority.issue(&request, role, stage.serial + 1, from, to).unwrap();
    tablet.certificate = expired.as_bytes().to_vec();
    let (talk, session, now) = (stage.conversation(), stage.session().unwrap(), stage.now);
    stage.engine.mutate(now, |ctx| crate::session::shut_out(ctx, session.id)).unwrap();
    stage.pass(MINUTE);
    let asks = |(_, r): &&(_, Request)| matches!(r, Request::LookUp { key_packages: true, .. });
    let request = stage.requests.iter().rev().find(asks).unwrap().0;
    let entry = |name: &str, device: &super::Device| DirectoryUser {
        user: super::user(name),
        devices: vec![DirectoryDevice {
            certificate: device.certificate.clone(),
            key_package: Some(device.key_package()),
        }],
    };
    let found = vec![entry("eve", &eve), entry("bea", &tablet)];
    stage.engine.request_done(request, Answer::Directory(found), stage.now).unwrap();
    stage.drain();
    let eve_id = DeviceId::of_key(&eve.signer.public());
    let welcomes = stage.sent(EnvelopeKind::Welcome);
    assert_eq!(welcomes[0].1.recipients, [eve_id]);
    let row = crate::conversation::load(&stage.engine.read().unwrap(), talk).unwrap().unwrap();
    assert!(!row.devices.contains(&DeviceId::of_key(&tablet.signer.public())), "it is not waited for");
}

// R12
#[test]
fn a_session_of_which_the_relay_knows_nothing_is_replaced() {
    let (mut stage, _, old) = renewed();
    stage.revoke(&[old]);
    let id = stage.sent(EnvelopeKind::Commit)[0].0;
    let now = stage.now;
    stage.engine.transmit_done(id, TransmitResult::Refused(Refusal::NotMember), now).unwrap();
    assert_eq!(stage.session().unwrap().phase, Phase::Frozen);
    let conversation = stage.conversation();
    assert!(intent::get(&stage.engine.read().unwrap(), conversation, Intent::Open).unwrap().is_some());
}

// R12 R17: a directory that says now this, now that
#[test]
fn a_device_that_changed_members_again_and_again_waits_before_it_looks() {
    let mut stage = Stage::new();
    stage.together();
    stage.pass(MINUTE);
    let (talk, now) = (stage.conversation(), stage.now);
    let want = |stage: &mut Stage, times: u32| {
        let (mut session, now) = (stage.session().unwrap(), stage.now);
        session.reconciled = (times, now);
        stage.requests.clear();
        let wanted = |ctx: &mut crate::ctx::Ctx<'_>| {
            crate::session::row::store(&ctx.tx, &SessionRow { pending: None, ..session })?;
            intent::want(ctx, talk, Intent::Reconcile, now)
        };
        stage.engine.mutate(now, wanted).unwrap();
        stage.drain();
    };
    let looks = |stage: &Stage| stage.requests.iter().any(|(_, r)| matches!(r, Request::LookUp { .. }));
    want(&mut stage, 3);
    assert!(!looks(&stage), "three times in a row is enough");
    stage.pass(3 * MINUTE);
    assert!(looks(&stage), "not for ever");
    let mut stage = Stage::new();
    stage.together();
    stage.pass(now.since(super::BEGIN));
    want(&mut stage, 2);
    assert!(looks(&stage));
}

// R14
#[test]
fn one_bad_key_package_keeps_nobody_else_out() {
    let mut stage = Stage::new();
    stage.together();
    let key = stage.engine.identity().identity_key();
    let tablet = stage.device("tablet", "bea", &key, "escort");
    let add = |device: &super::Device, user: &str, key_package: Vec<u8>| Add {
        device: crate::id::DeviceId::of_key(&device.signer.public()),
        user: super::user(user),
        key_package,
    };
    let phone = stage.device("phone", "eve", &super::identity("eve"), "client");
    let bad = add(&phone, "eve", b"garbage".to_vec());
    let good = add(&tablet, "bea", tablet.key_package());
    let (now, session, talk) = (stage.now, stage.session().unwrap(), stage.conversation());
    stage
        .engine
        .mutate(now, |ctx| {
            intent::want(ctx, talk, Intent::Reconcile, ctx.now.plus(MINUTE))?;
            pursue::change(ctx, session.clone(), &[add(&phone, "eve", b"garbage".to_vec())], &[])
        })
        .unwrap();
    assert!(stage.session().unwrap().pending.is_none());
    let later = intent::get(&stage.engine.read().unwrap(), talk, Intent::Reconcile).unwrap();
    assert_eq!(later, Some(now.plus(crate::limits::INTENT_WAIT)), "it is tried again");
    stage.engine.mutate(now, |ctx| pursue::change(ctx, session, &[bad, good], &[])).unwrap();
    assert!(stage.session().unwrap().pending.is_some());
    stage.drain();
    let welcome = stage.transmits.iter().find(|t| t.envelopes.len() == 2).unwrap();
    let welcome = crate::envelope::Envelope::decode(&welcome.envelopes[1]).unwrap();
    assert_eq!(welcome.recipients, [crate::id::DeviceId::of_key(&tablet.signer.public())]);
    assert_eq!(welcome.tag, SESSION);
}
