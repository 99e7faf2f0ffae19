//! What sending and receiving costs.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Plan;
use crate::baseline::median;
use crate::pair::Pair;
use crate::stores::{Kind, bytes_of};

/// Time per message, and bytes per message on disk.
pub struct Traffic {
    pub send_single: Duration,
    pub send_drain: Duration,
    pub receive_single: Duration,
    pub receive_drain: Duration,
    pub written: u64,
    pub kept: u64,
}

pub fn measure(kind: Kind, plan: &Plan) -> Result<Traffic, Box<dyn Error>> {
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let (ann, bea) = (dir.path().join("ann"), dir.path().join("bea"));
    let mut sender = Pair::new(kind, &ann, Kind::Memory, &bea)?;
    let send_single = singles(plan.single, || {
        sender.write()?;
        sender.collect().map(drop)
    })?;
    let send_drain = drains(plan, |count| {
        (0..count).try_for_each(|_| sender.write())?;
        let sent = sender.collect()?.len();
        if sent < count { Err(format!("{sent} of {count} messages left").into()) } else { Ok(()) }
    })?;
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let (ann, bea) = (dir.path().join("ann"), dir.path().join("bea"));
    let mut receiver = Pair::new(Kind::Memory, &ann, kind, &bea)?;
    let before = (written()?, kept(kind, &bea)?);
    let (receive_single, one_by_one) = receive(&mut receiver, plan.single, 1)?;
    let (receive_drain, in_drains) = receive(&mut receiver, plan.drain * plan.drains, plan.drain)?;
    let messages = (one_by_one + in_drains) as u64;
    Ok(Traffic {
        send_single,
        send_drain,
        receive_single,
        receive_drain,
        written: (written()? - before.0) / messages,
        kept: kept(kind, &bea)?.saturating_sub(before.1) / messages,
    })
}

fn singles(count: usize, mut one: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        one()?;
        times.push(start.elapsed());
    }
    Ok(median(times))
}

fn drains(plan: &Plan, mut all: impl FnMut(usize) -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut times = Vec::with_capacity(plan.drains);
    for _ in 0..plan.drains {
        let start = Instant::now();
        all(plan.drain)?;
        times.push(start.elapsed() / plan.drain as u32);
    }
    Ok(median(times))
}

/// Bea receives `count` messages, `drain` of them before each flush. Returns the time for each, and how many there were.
fn receive(pair: &mut Pair, count: usize, drain: usize) -> Result<(Duration, usize), Box<dyn Error>> {
    let mut waiting = Vec::with_capacity(count);
    while waiting.len() < count {
        (0..drain).try_for_each(|_| pair.write())?;
        waiting.extend(pair.collect()?);
    }
    let mut times = Vec::new();
    for chunk in waiting.chunks(drain) {
        let start = Instant::now();
        for delivery in chunk {
            pair.bea.receive(delivery, pair.now)?;
        }
        pair.settle()?;
        times.push(start.elapsed() / chunk.len() as u32);
    }
    Ok((median(times), waiting.len()))
}

/// Bytes that this process has given to the operating system to write.
fn written() -> Result<u64, Box<dyn Error>> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).ok_or("no wchar in /proc/self/io")?;
    Ok(line.trim().parse()?)
}

fn kept(kind: Kind, dir: &Path) -> Result<u64, Box<dyn Error>> {
    if kind.is_durable() { Ok(bytes_of(dir)?) } else { Ok(0) }
}
