//! Two engines and the real relay logic, in memory: the smallest conversation.

#![allow(clippy::unwrap_used, reason = "a test")]

use undertone::engine::Draft;
use undertone::id::UserId;
use undertone::message::{Cursor, MessageContent};
use undertone::store::{HostKey, MemoryDisk, MemoryStore};
use undertone::{Config, Engine, Time};
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;

fn member(name: &str, role: &str, platform: &mut Platform, now: Time) -> Connected {
    let config = Config::new(UserId::new(name).unwrap(), platform.authority());
    let store = Box::new(MemoryStore::open(&MemoryDisk::new()).unwrap());
    let seed = [name.len() as u8; 32];
    let engine = Engine::open(config, store, &HostKey::from_bytes([1; 32]), seed, now).unwrap();
    let mut host = Host::new(engine);
    host.enrol(platform, role, now).unwrap();
    Connected::new(host, platform, now).unwrap()
}

#[test]
fn a_client_writes_and_an_escort_reads() {
    let now = Time::from_unix_ms(1_800_000_000_000).unwrap();
    let mut platform = Platform::new([7; 32]);
    let mut ann = member("ann", "client", &mut platform, now);
    let mut eve = member("eve-2", "escort", &mut platform, now);
    let conversation = ann.host.engine.conversations().start(&UserId::new("eve-2").unwrap(), now).unwrap();
    ann.host.engine.messages().send(conversation, Draft::text("hello"), now).unwrap();
    ann.run(&mut platform, now).unwrap();
    eve.run(&mut platform, now).unwrap();
    let page = eve.host.engine.messages().page(conversation, Cursor::Newest, 50, now).unwrap();
    let texts: Vec<_> = page.messages.iter().map(|m| m.content.clone()).collect();
    assert_eq!(texts, [MessageContent::Text("hello".into())], "{:?} {:?}", ann.events, eve.events);
}
