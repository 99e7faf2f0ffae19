//! What many conversations cost at a start.

use std::error::Error;
use std::time::{Duration, Instant};

use undertone::engine::Draft;
use undertone::id::UserId;
use undertone::time::SECOND;
use undertone::{Engine, limits};
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;

use crate::baseline::median;
use crate::history::{self, Opening};
use crate::pair::{START, config, host_key};
use crate::stores::Kind;

/// Figures of a long list.
pub struct Crowd {
    pub opening: Opening,
    /// The first page of the list, and all of its pages.
    pub first: Duration,
    pub whole: Duration,
}

/// Opens the store of a user to whom `people` others have written.
pub fn measure(kind: Kind, people: usize) -> Result<Crowd, Box<dyn Error>> {
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
    let view = bea.host.engine.conversations();
    let first = timed(|| Ok(view.newest(now)?.conversations.len().min(1)), 1)?;
    let whole = timed(
        || {
            let (mut seen, mut page) = (0, view.newest(now)?);
            loop {
                seen += page.conversations.len();
                let Some(cursor) = page.next else { return Ok(seen) };
                page = view.page(Some(&cursor), limits::PAGE, now)?;
            }
        },
        people,
    )?;
    drop(bea);
    Ok(Crowd { opening: history::reopen(kind, &path)?, first, whole })
}

/// The median of some runs of a reading, which must see so many conversations.
fn timed(read: impl Fn() -> Result<usize, Box<dyn Error>>, expected: usize) -> Result<Duration, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        let seen = read()?;
        times.push(start.elapsed());
        if seen != expected {
            return Err(format!("{seen} of {expected} conversations are in the list").into());
        }
    }
    Ok(median(times))
}
