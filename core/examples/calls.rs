//! What a call from Rust costs: nanoseconds for each of three calls, a line each, for `cargo xtask bindings bench`. The other
//! languages have the same program.
#![allow(clippy::disallowed_methods, reason = "a program that measures has a clock")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use undertone::authority::Authority;
use undertone::engine::Draft;
use undertone::id::{ConversationId, UserId};
use undertone::message::Cursor;
use undertone::policy::Role;
use undertone::store::{HostKey, MemoryDisk, MemoryStore};
use undertone::time::{DAY, MINUTE};
use undertone::{Config, Engine, Output, Time};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const MESSAGES: usize = 1_000;
const ROUNDS: usize = 15;

fn main() -> Result<()> {
    let now = Time::from_ms(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?);
    let (mut engine, talk) = opened(now)?;
    write(&mut engine, talk, now)?;
    println!("trivial {:.1}", nanoseconds(20_000, || Ok(black_box(black_box(&engine).device())))?);
    println!("page {:.1}", nanoseconds(100, || Ok(engine.messages().page(talk, Cursor::Newest, 50, now)?))?);
    println!("drain {:.1}", drained(now)?);
    Ok(())
}

/// A client's engine, in memory, with a conversation.
fn opened(now: Time) -> Result<(Engine, ConversationId)> {
    let authority = Authority::from_seed([1; 32]);
    let ann = UserId::new("ann").ok_or("a user id")?;
    let store = Box::new(MemoryStore::open(&MemoryDisk::new())?);
    let config = Config::new(ann, authority.public_key());
    let mut engine = Engine::open(config, store, &HostKey::from_bytes([0; 32]), [2; 32], now)?;
    let request = engine.identity().enrolment_request()?;
    let role = Role::new("client").ok_or("a role's name")?;
    let begin = Time::from_ms(now.as_ms() - MINUTE);
    let certificate = authority.issue(&request, role, 1, begin, now.plus(90 * DAY))?;
    engine.identity().enrol(certificate.as_bytes(), now)?;
    let talk = engine.conversations().start(&UserId::new("bea").ok_or("a user id")?, now)?;
    drain(&mut engine, usize::MAX)?;
    Ok((engine, talk))
}

fn write(engine: &mut Engine, talk: ConversationId, now: Time) -> Result<()> {
    for number in 0..MESSAGES {
        engine.messages().send(talk, Draft::text(format!("message {number}")), now)?;
    }
    Ok(())
}

/// Takes outputs until there are none, or so many.
fn drain(engine: &mut Engine, limit: usize) -> Result<Vec<Output>> {
    let mut outputs = Vec::new();
    while outputs.len() < limit {
        match engine.poll_output()? {
            Output::Timeout { .. } => break,
            output => outputs.push(output),
        }
    }
    Ok(outputs)
}

/// A thousand events at once.
fn drained(now: Time) -> Result<f64> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (mut engine, talk) = opened(now)?;
        write(&mut engine, talk, now)?;
        let start = Instant::now();
        let outputs = drain(&mut engine, MESSAGES)?;
        rounds.push(start.elapsed().as_secs_f64() * 1e9);
        if outputs.len() != MESSAGES {
            return Err(format!("{} events", outputs.len()).into());
        }
    }
    Ok(median(rounds))
}

/// The median of some rounds, of one call.
fn nanoseconds<T>(times: usize, mut call: impl FnMut() -> Result<T>) -> Result<f64> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..times {
            black_box(call()?);
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e9 / times as f64);
    }
    Ok(median(rounds))
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
