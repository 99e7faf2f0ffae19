//! What many conversations cost at a start.

use std::error::Error;

use undertone::Engine;
use undertone::engine::Draft;
use undertone::id::UserId;
use undertone::time::SECOND;
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;

use crate::history::{self, Opening};
use crate::pair::{START, config, host_key};
use crate::stores::Kind;

/// Opens the store of a user to whom `people` others have written.
pub fn measure(kind: Kind, people: usize) -> Result<Opening, Box<dyn Error>> {
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let path = dir.path().join("bea");
    let mut platform = Platform::new([7; 32]);
    let authority = platform.authority();
    let mut now = START;
    let bea = Engine::open(config("bea", authority)?, kind.open(&path)?, &host_key(), [2; 32], now)?;
    let mut bea = Host::new(bea);
    bea.enrol(&mut platform, "escort", now)?;
    let mut bea = Connected::new(bea, &mut platform, now)?;
    for number in 0..people {
        let mut config = config(&format!("client {number}"), authority)?;
        config.key_packages = 1;
        let mut seed = [3; 32];
        seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let client = Engine::open(config, Kind::Memory.open(&path)?, &host_key(), seed, now)?;
        let mut client = Host::new(client);
        client.enrol(&mut platform, "client", now)?;
        let mut client = Connected::new(client, &mut platform, now)?;
        let conversation = client.host.engine.conversations().start(&UserId::new("bea").ok_or("a user id")?, now)?;
        client.host.engine.messages().send(conversation, Draft::text("hello"), now)?;
        for _ in 0..2 {
            client.run(&mut platform, now)?;
            bea.run(&mut platform, now)?;
            now = now.plus(SECOND);
        }
    }
    let there = bea.host.engine.conversations().newest(START)?.conversations;
    if there.iter().any(|conversation| conversation.last_message.is_none()) {
        return Err("a message did not arrive".into());
    }
    drop(bea);
    history::reopen(kind, &path)
}
