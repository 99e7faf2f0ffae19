//! Welcomes that must not be accepted, and what is left of them.

use super::{BEGIN, Stage, identity, user};
use crate::error::{Error, PeerFault};
use crate::limits;
use crate::session::facts::Facts;

const FACTS: Error = Error::Peer(PeerFault::Malformed("conversation facts"));

/// A welcome with changed facts is refused, and an honest one is taken after it.
#[track_caller]
fn refused(change: impl FnOnce(&Facts) -> Facts) -> Error {
    let mut stage = Stage::new();
    let mut eve = stage.eve();
    let honest = stage.facts(&eve);
    let package = stage.packages.pop().unwrap();
    let error = stage.welcome(&mut eve, &change(&honest), vec![package]).expect_err("refused");
    assert!(stage.session().is_none(), "nothing of it stays");
    let package = stage.packages.pop().unwrap();
    stage.welcome(&mut eve, &honest, vec![package]).unwrap();
    assert!(stage.session().is_some());
    error
}

#[test]
fn facts_that_repeat_an_admin_do_not_close_the_engine() {
    let error = refused(|facts| Facts { admins: vec![user("eve"); 150_000], ..facts.clone() });
    assert_eq!(error, Error::Peer(PeerFault::TooLarge("welcome")));
    let error = refused(|facts| Facts { admins: vec![user("eve"); 10_000], ..facts.clone() });
    assert_eq!(error, Error::Peer(PeerFault::TooLarge("conversation facts")));
    assert_eq!(refused(|facts| Facts { admins: vec![user("eve"); 2], ..facts.clone() }), FACTS);
}

#[test]
fn a_direct_conversation_has_no_admins_and_no_name() {
    assert_eq!(refused(|facts| Facts { admins: vec![user("eve")], ..facts.clone() }), FACTS);
    assert_eq!(refused(|facts| Facts { name: "us".into(), ..facts.clone() }), FACTS);
}

#[test]
fn a_generation_that_nobody_reaches_is_refused() {
    let fault = Error::Peer(PeerFault::Malformed("generation"));
    assert_eq!(refused(|facts| Facts { generation: u64::MAX, ..facts.clone() }), fault);
    assert_eq!(refused(|facts| Facts { generation: highest_generation() + 1, ..facts.clone() }), fault);
}

/// The highest generation of a session that a relay accepts at the beginning.
fn highest_generation() -> u64 {
    BEGIN.as_ms() / limits::GENERATION_EVERY
}

#[test]
fn who_claims_the_highest_generation_keeps_nobody_out() {
    for more in [0, 1] {
        let mut stage = Stage::new();
        let mut eve = stage.eve();
        let facts = Facts { generation: highest_generation() + more, ..stage.facts(&eve) };
        stage.now = BEGIN.plus(more * limits::GENERATION_EVERY);
        let package = stage.packages.pop().unwrap();
        stage.welcome(&mut eve, &facts, vec![package]).unwrap();
        assert_eq!(stage.session().unwrap().generation, facts.generation);
    }
}

#[test]
fn a_session_without_a_start_token_is_refused() {
    let error = refused(|facts| Facts { token: Vec::new(), ..facts.clone() });
    assert!(matches!(error, Error::Peer(_)), "{error:?}");
    // Who started is what the token says.
    let error = refused(|facts| Facts { initiator: user("bea"), ..facts.clone() });
    assert_eq!(error, Error::Peer(PeerFault::Forged));
}

#[test]
fn more_devices_than_a_user_may_have_are_refused() {
    let mut stage = Stage::new();
    let key = identity("eve");
    let mut eve = stage.eve();
    let facts = stage.facts(&eve);
    let others: Vec<_> =
        (0..limits::DEVICES).map(|n| stage.device(&format!("eve {n}"), "eve", &key, "client")).collect();
    let mut adds: Vec<Vec<u8>> = others.iter().map(|device| device.key_package()).collect();
    adds.push(stage.packages.pop().unwrap());
    assert_eq!(stage.welcome(&mut eve, &facts, adds.clone()), Err(Error::Peer(PeerFault::Commit)));
    adds.truncate(limits::DEVICES - 1);
    adds.push(stage.packages.pop().unwrap());
    assert_eq!(stage.welcome(&mut eve, &facts, adds), Ok(()), "so many are good");
}

#[test]
fn who_lost_a_role_does_not_keep_it_by_an_old_leaf() {
    let mut stage = Stage::new();
    let mut old = stage.eve();
    let new = stage.device("eve again", "eve", &identity("eve"), "escort");
    let facts = stage.facts(&old);
    let adds = vec![new.key_package(), stage.packages.pop().unwrap()];
    let error = stage.welcome(&mut old, &facts, adds).expect_err("escorts start nothing");
    assert!(matches!(error, Error::Denied(_)), "{error:?}");
}

#[test]
fn a_revoked_leaf_gives_nobody_a_role() {
    let mut stage = Stage::new();
    let mut escort = stage.device("eve again", "eve", &identity("eve"), "escort");
    let client = stage.eve();
    let facts = stage.facts(&client);
    let revoked = stage.serial;
    stage.revoke(&[revoked]);
    let adds = vec![client.key_package(), stage.packages.pop().unwrap()];
    let error = stage.welcome(&mut escort, &facts, adds).expect_err("escorts start nothing");
    assert!(matches!(error, Error::Denied(_)), "{error:?}");
}

#[test]
fn the_role_that_is_known_already_counts() {
    let mut stage = Stage::new();
    let eve = stage.together();
    let now = stage.now;
    // Another device has made itself known as an escort's since.
    let newer = stage.device("eve again", "eve", &identity("eve"), "escort");
    let newer = crate::authority::Certificate::decode(&newer.certificate).unwrap();
    stage.engine.mutate(now, |ctx| crate::member::learn(ctx, &newer)).unwrap();
    stage.forget();
    let mut eve = eve;
    let (facts, package) = (stage.facts(&eve), stage.packages.pop().unwrap());
    let error = stage.welcome(&mut eve, &facts, vec![package]).expect_err("escorts start nothing");
    assert!(matches!(error, Error::Denied(_)), "{error:?}");
}

#[test]
fn the_key_package_of_a_refused_welcome_opens_no_other() {
    let mut stage = Stage::new();
    let mut eve = stage.eve();
    let honest = stage.facts(&eve);
    let bad = Facts { name: "us".into(), ..honest.clone() };
    let (package, last) = (stage.packages.pop().unwrap(), stage.last_resort.clone());
    assert_eq!(stage.welcome(&mut eve, &bad, vec![package.clone()]), Err(FACTS));
    assert_eq!(stage.welcome(&mut eve, &honest, vec![package]), Err(Error::Peer(PeerFault::KeyPackage)));
    // The last resort serves everybody, and so it stays.
    assert_eq!(stage.welcome(&mut eve, &bad, vec![last.clone()]), Err(FACTS));
    assert_eq!(stage.welcome(&mut eve, &honest, vec![last]), Ok(()));
}
