//! What the engine does about sessions by itself: it must come to an end, and never work against itself.

use super::Stage;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::EnvelopeKind;
use crate::event::Event;
use crate::id::SessionId;
use crate::inbox::no_session;
use crate::input::{Refusal, TransmitResult};
use crate::intent::{self, Intent};
use crate::session::open::Add;
use crate::session::pursue;
use crate::session::row::Phase;
use crate::session::testing::SESSION;
use crate::time::{HOUR, MINUTE, SECOND};

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

// R14
#[test]
fn one_bad_key_package_keeps_nobody_else_out() {
    let mut stage = Stage::new();
    stage.together();
    let key = stage.engine.identity().identity_key().unwrap();
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

// R12
#[test]
fn a_session_that_is_used_is_replaced_once_an_hour_when_a_member_says_that_it_has_no_keys() {
    let mut stage = Stage::new();
    let eve = stage.together();
    let talk = stage.conversation();
    let is_replaced = |stage: &mut Stage, later| {
        stage.now = stage.now.plus(later);
        let said = no_session(&eve.signer, SESSION, stage.now);
        stage.deliver(&eve, EnvelopeKind::NoSession, None, said).unwrap();
        let wanted = |ctx: &mut Ctx<'_>| {
            let wanted = intent::get(&ctx.tx, talk, Intent::Open)?.is_some();
            intent::drop_intent(&ctx.tx, talk, Intent::Open);
            Ok(wanted)
        };
        stage.engine.mutate(stage.now, wanted).unwrap()
    };
    assert!(is_replaced(&mut stage, 0));
    assert!(!is_replaced(&mut stage, HOUR - 1));
    assert!(is_replaced(&mut stage, 1));
    let use_another = |ctx: &mut Ctx<'_>| {
        let mut row = conversation::require(&ctx.tx, talk)?;
        row.session = Some(SessionId::from_bytes([1; 16]));
        conversation::store(&mut ctx.tx, &row)
    };
    stage.engine.mutate(stage.now, use_another).unwrap();
    assert!(!is_replaced(&mut stage, HOUR));
}
