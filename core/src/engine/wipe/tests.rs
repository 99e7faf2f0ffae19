//! R38.

use super::*;
use crate::config::Config;
use crate::engine::Draft;
use crate::engine::testing::{NOW, authority, enrol};
use crate::envelope::Clock;
use crate::id::{CallId, ConversationId, MessageId, UserId};
use crate::input::{Connection, Delivery, DeliveryId, Login, RequestId, TransmitId, TransmitResult};
use crate::message::Cursor;
use crate::policy::Action;
use crate::privacy::Privacy;
use crate::store::{Effect, FaultPlan, HostKey, MemoryDisk, MemoryStore};

fn open(disk: &MemoryDisk) -> Result<Engine> {
    let store = MemoryStore::open(disk).map_err(Error::Store)?;
    let config = Config::new(UserId::new("ann").unwrap(), authority().public_key());
    Engine::open(config, Box::new(store), &HostKey::from_bytes([2; 32]), [3; 32], NOW)
}

/// A client with a conversation in which something waits to be sent.
fn with_history(disk: &MemoryDisk) -> (Engine, ConversationId) {
    let mut engine = open(disk).unwrap();
    enrol(&mut engine);
    let talk = engine.conversations().start(&UserId::new("bea").unwrap(), NOW).unwrap();
    engine.messages().send(talk, Draft::text("hello"), NOW).unwrap();
    engine.poll_output().unwrap();
    (engine, talk)
}

fn closed<T>(answer: Result<T>) {
    assert_eq!(answer.err(), Some(Error::Misuse(Misuse::Closed)));
}

fn is_unenrolled(engine: &mut Engine) -> bool {
    let chats = engine.conversations().newest(NOW).unwrap().conversations;
    engine.identity().certificate().err() == Some(Error::Misuse(Misuse::NotEnrolled)) && chats.is_empty()
}

#[test]
fn what_waits_is_lost_only_if_the_caller_says_so() {
    let disk = MemoryDisk::new();
    let (mut engine, talk) = with_history(&disk);
    let before = disk.rows();
    assert_eq!(engine.wipe(Unsent::Refuse), Err(Error::Misuse(Misuse::Unsent)));
    assert!(disk.rows() == before);
    assert_eq!(engine.messages().page(talk, Cursor::Newest, 9, NOW).unwrap().messages.len(), 1);
    engine.wipe(Unsent::Lose).unwrap();
    assert!(disk.rows().is_empty());

    // Nothing waits any more.
    let (mut engine, talk) = with_history(&disk);
    let queued = engine.messages().page(talk, Cursor::Newest, 9, NOW).unwrap().messages.remove(0);
    engine.messages().cancel(talk, queued.key.id, NOW).unwrap();
    engine.wipe(Unsent::Refuse).unwrap();
    assert!(disk.rows().is_empty());
}

#[test]
fn every_call_to_a_wiped_engine_says_that_it_is_closed() {
    let disk = MemoryDisk::new();
    let (mut engine, talk) = with_history(&disk);
    let (user, device, bea) = (engine.user().clone(), engine.device(), UserId::new("bea").unwrap());
    engine.wipe(Unsent::Lose).unwrap();
    closed(engine.wipe(Unsent::Lose));
    closed(engine.wipe(Unsent::Refuse));
    closed(engine.poll_output());
    closed(engine.connection(Connection::Up(Login::default()), NOW));
    let delivery = Delivery { id: DeliveryId(1), accepted_at: NOW, frank: None, envelope: vec![1] };
    closed(engine.receive(&delivery, NOW));
    closed(engine.transmit_done(TransmitId(1), TransmitResult::Failed, NOW));
    closed(engine.request_done(RequestId(1), crate::input::Answer::Failed, NOW));
    closed(engine.mail_waiting(NOW));
    closed(engine.directory_changed(&user, NOW));
    closed(engine.handle_timeout(NOW));
    closed(engine.compact(1));
    closed(engine.usage());
    closed(engine.suspend());
    closed(engine.resume());
    closed(engine.messages().send(talk, Draft::text("x"), NOW));
    closed(engine.messages().page(talk, Cursor::Newest, 9, NOW));
    closed(engine.messages().cancel(talk, MessageId::from_bytes([1; 16]), NOW));
    closed(engine.conversations().start(&bea, NOW));
    closed(engine.conversations().newest(NOW));
    closed(engine.conversations().get(talk, NOW));
    closed(engine.conversations().can(Action::Start, &user));
    closed(engine.conversations().set_period(talk, 5, Clock::FromSend, NOW));
    closed(engine.attachments().transfers());
    closed(engine.calls().active());
    closed(engine.calls().media_key(CallId::from_bytes([1; 16])));
    closed(engine.privacy().settings());
    closed(engine.privacy().set(Privacy::default(), NOW));
    closed(engine.privacy().display_name(&user));
    closed(engine.identity().enrolment_request());
    closed(engine.identity().certificate());
    closed(engine.identity().identity_key());
    closed(engine.identity().answer_challenge(&[1; 32]));
    closed(engine.identity().role(&user));
    closed(engine.identity().safety_number(&user));
    closed(engine.identity().trust(&user));
    closed(engine.identity().look_up(&user, NOW));
    assert_eq!((engine.user(), engine.device()), (&user, device), "whose it was is still said");

    let secrets = [engine.account.identity.to_bytes(), engine.account.device.to_bytes()];
    assert!(secrets.iter().all(|key| **key == [0; 32]));
    assert!(engine.outputs.is_empty() && engine.memory.work.is_empty() && engine.config.identity.is_none());
    drop(engine);
    assert!(disk.rows().is_empty(), "letting it fall writes nothing");
}

#[test]
fn the_store_opens_again_as_that_of_a_new_device() {
    let disk = MemoryDisk::new();
    let (mut engine, _) = with_history(&disk);
    engine.wipe(Unsent::Lose).unwrap();
    let store = MemoryStore::open(&disk).unwrap();
    let config = Config::new(UserId::new("another").unwrap(), authority().public_key());
    let mut next = Engine::open(config, Box::new(store), &HostKey::from_bytes([9; 32]), [4; 32], NOW).unwrap();
    assert!(is_unenrolled(&mut next));
    assert_ne!(next.device(), engine.device());
}

#[test]
fn an_engine_that_an_error_closed_and_one_that_sleeps_are_wiped_as_well() {
    let disk = MemoryDisk::new();
    let (mut engine, talk) = with_history(&disk);
    disk.plan(Some(FaultPlan { at: disk.operations(), error: StoreError::Full, effect: Effect::None }));
    let page = engine.messages().page(talk, Cursor::Newest, 9, NOW);
    assert_eq!(page.err(), Some(Error::Store(StoreError::Full)));
    engine.wipe(Unsent::Lose).unwrap();
    assert!(disk.rows().is_empty());

    let (mut engine, _) = with_history(&disk);
    engine.suspend().unwrap();
    let other = open(&disk).unwrap();
    assert_eq!(engine.wipe(Unsent::Lose), Err(Error::Store(StoreError::Locked)));
    drop(other);
    engine.resume().unwrap();
    engine.suspend().unwrap();
    engine.wipe(Unsent::Lose).unwrap();
    assert!(disk.rows().is_empty());
}

#[test]
fn whichever_store_operation_fails_a_user_is_there_whole_or_not_at_all() {
    let quiet = MemoryDisk::new();
    let (mut engine, _) = with_history(&quiet);
    let begin = quiet.operations();
    engine.wipe(Unsent::Lose).unwrap();
    let operations = quiet.operations() - begin;
    assert!(operations > 0);
    for at in 0..operations {
        for effect in [Effect::None, Effect::Done] {
            let disk = MemoryDisk::new();
            let (mut engine, talk) = with_history(&disk);
            let error = StoreError::Io("injected".into());
            disk.plan(Some(FaultPlan { at: disk.operations() + at, error: error.clone(), effect }));
            assert_eq!(engine.wipe(Unsent::Lose), Err(Error::Store(error)));
            closed(engine.poll_output());
            assert_eq!(*engine.account.device.to_bytes(), [0; 32], "memory is wiped all the same");

            let mut after = open(&disk.crash(0)).unwrap();
            let whole = after.messages().page(talk, Cursor::Newest, 9, NOW).is_ok_and(|page| page.messages.len() == 1);
            assert!(whole != is_unenrolled(&mut after), "operation {at}, {effect:?}");
            assert_eq!(whole, effect == Effect::None, "operation {at}, {effect:?}");

            engine.wipe(Unsent::Lose).unwrap();
            assert!(disk.rows().is_empty());
        }
    }
}
