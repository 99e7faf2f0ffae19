//! Commits by a member that must not count, or that not all can take in.

use super::{Stage, identity};
use crate::envelope::EnvelopeKind;
use crate::error::PeerFault;
use crate::event::Event;
use crate::intent::{self, Intent};
use crate::session::group::{Changes, ReceiveError};
use crate::session::row::{NO_PARENT, Phase};
use crate::session::testing::{Device, join_all};

fn passed_over(stage: &mut Stage) -> bool {
    let session = stage.session().unwrap();
    session.phase == Phase::Live && session.parent != NO_PARENT && stage.epoch() == 1
}

#[test]
fn a_commit_that_decrypts_for_some_is_no_invalid_commit() {
    let mut devices = ["ann", "bob", "cas"].map(Device::new);
    join_all(&mut devices);
    let [ann, bob, cas] = &mut devices;
    // The first key that the path is encrypted to is bob's.
    ann.crypto.spoil_next_seal();
    let commit = ann.commit(Changes::default()).commit;
    assert!(cas.receive(&commit).is_ok(), "a valid commit for one of them");
    assert!(matches!(bob.receive(&commit), Err(ReceiveError::Unprocessable)));
}

#[test]
fn a_session_that_may_have_forked_is_replaced() {
    let mut stage = Stage::new();
    let mut eve = stage.together();
    eve.crypto.spoil_next_seal();
    stage.commit(&mut eve, Changes::default()).unwrap();
    let session = stage.session().unwrap();
    assert_eq!((session.phase, session.parent), (Phase::Frozen, NO_PARENT), "frozen, and not passed over");
    let conversation = stage.conversation();
    let wanted = intent::get(&stage.engine.read().unwrap(), conversation, Intent::Open).unwrap();
    assert!(wanted.is_some(), "another session is wanted");
    assert!(stage.events.contains(&Event::Refused(PeerFault::Commit)));
}

#[test]
fn a_device_under_another_identity_key_is_not_put_beside_those_of_a_user() {
    let mut stage = Stage::new();
    let mut eve = stage.together();
    let ghost = stage.device("ghost", "bea", &identity("a thief"), "escort");
    let adds = vec![ghost.key_package()];
    stage.commit(&mut eve, Changes { adds, ..Changes::default() }).unwrap();
    assert!(passed_over(&mut stage));
}

#[test]
fn a_device_under_the_users_identity_key_is_taken_in() {
    let mut stage = Stage::new();
    let mut eve = stage.together();
    let key = stage.engine.identity().identity_key().unwrap();
    let tablet = stage.device("tablet", "bea", &key, "escort");
    let adds = vec![tablet.key_package()];
    stage.commit(&mut eve, Changes { adds, ..Changes::default() }).unwrap();
    assert_eq!(stage.epoch(), 2);
}

#[test]
fn nobody_goes_back_to_an_older_certificate() {
    let mut stage = Stage::new();
    let older = stage.eve().certificate;
    let mut eve = stage.together();
    stage.commit(&mut eve, Changes { certificate: Some(older), ..Changes::default() }).unwrap();
    assert!(passed_over(&mut stage));
}

#[test]
fn a_commit_that_does_not_come_is_asked_for() {
    use crate::input::Answer;
    use crate::output::Request;
    use crate::time::MINUTE;
    let mut stage = Stage::new();
    let mut eve = stage.together();
    let slot = Stage::slot(&mut eve);
    let commit = eve.committed(Changes::default()).commit;
    let lost = stage.envelope(&eve, EnvelopeKind::Commit, Some(slot), commit);
    let text = eve.send(b"of the next epoch");
    stage.deliver(&eve, EnvelopeKind::Receipt, None, text).unwrap();
    let asked = |stage: &Stage| {
        stage.requests.iter().find(|(_, r)| matches!(r, Request::Slot { name } if *name == slot)).map(|(id, _)| *id)
    };
    stage.pass(MINUTE - 1);
    assert_eq!(asked(&stage), None, "it may come by itself");
    stage.pass(MINUTE + 1);
    let request = asked(&stage).unwrap();
    let now = stage.now;
    stage.engine.request_done(request, Answer::Slot(Some(lost.encode().unwrap())), now).unwrap();
    assert_eq!(stage.epoch(), 2);
}
