//! Kills a device at random and without warning, and looks at what is left.

use std::thread;
use std::time::Duration;

use undertone::rng::Rng;

use super::promises::is_acknowledge;
use super::remote::{Remote, Trouble};
use super::world::World;
use crate::runner::{Runner, STORE};
use crate::stores::StoreKind;
use crate::verdict::{Tally, Verdict};

/// Kills after which the two compare what they have, and begin afresh.
const LIVES: u64 = 25;
/// Steps of one life, at most.
const STEPS: u64 = 8;
/// A device dies within this time of its last orders.
const WITHIN: Duration = Duration::from_millis(4);

/// Kills of which at least half must fall on an unanswered transmit.
const ENOUGH: u64 = 10;

/// How the kills fell.
#[derive(Default)]
struct Falls {
    /// With a transmit that had no answer.
    unanswered: u64,
    /// Between `receive` and `Acknowledge`.
    unacknowledged: u64,
    /// Messages that both have in the end.
    messages: u64,
}

/// Kills as often as asked.
pub fn kill(runner: &Runner, store: StoreKind, kills: u64, rng: &mut Rng) -> Result<Tally, String> {
    let (mut tally, mut falls) = (Tally::default(), Falls::default());
    while tally.kills < kills {
        let lives = LIVES.min(kills - tally.kills);
        let before = tally.kills;
        if let Some(verdict) = live(runner, store, lives, &mut tally, &mut falls, rng)? {
            tally.count(&verdict);
            println!("device on {}, after kill {}: {verdict}", store.name(), tally.kills);
        }
        if tally.kills == before {
            return Err("a device could not even be killed".into());
        }
    }
    let Falls { unanswered, unacknowledged, messages } = falls;
    println!(
        "device on {}: {kills} kills, {unanswered} with an unanswered transmit, {unacknowledged} between receive and \
         acknowledge, {messages} messages",
        store.name()
    );
    if 2 * unanswered < kills && kills >= ENOUGH {
        return Err("fewer than half of the kills fell on an unanswered transmit".into());
    }
    Ok(tally)
}

/// A device lives and dies a few times. Returns what is wrong with it, if something is.
fn live(
    runner: &Runner,
    store: StoreKind,
    lives: u64,
    tally: &mut Tally,
    falls: &mut Falls,
    rng: &mut Rng,
) -> Result<Option<Verdict>, String> {
    let folder = runner.folder("device")?.join(STORE);
    let mut world = World::new(rng)?;
    let mut remote = Remote::start(&mut runner.command("device", store, &folder))?;
    world.meet(&mut remote)?;
    for _ in 0..lives {
        for _ in 0..rng.below(STEPS) {
            world.step(&mut remote)?;
        }
        die(&mut world, remote, falls, rng)?;
        tally.kills += 1;
        remote = Remote::start(&mut runner.command("device", store, &folder))?;
        match world.revive(&mut remote) {
            Ok(Verdict::Whole(_)) => {}
            Ok(verdict) => return Ok(Some(verdict)),
            Err(Trouble::Said(what)) => return Ok(Some(Verdict::Unopened(what))),
            Err(Trouble::Gone) => return Ok(Some(Verdict::Unopened("no answer".into()))),
        }
    }
    let verdict = world.compare(&mut remote)?;
    match verdict {
        Verdict::Whole(messages) => {
            falls.messages += messages;
            Ok(None)
        }
        verdict => Ok(Some(verdict)),
    }
}

/// The device dies in the middle of a burst of orders.
fn die(world: &mut World, remote: Remote, falls: &mut Falls, rng: &mut Rng) -> Result<(), String> {
    let (last_words, deliveries) = slay(world, remote, rng)?;
    let acknowledged = last_words.iter().filter(|line| is_acknowledge(line)).count();
    falls.unacknowledged += u64::from(acknowledged < deliveries);
    falls.unanswered += u64::from(world.promises.unanswered() > 0);
    Ok(())
}

/// Kills a device in the middle of a burst of orders. Returns its last words, and how many deliveries it was given.
pub fn slay(world: &mut World, mut remote: Remote, rng: &mut Rng) -> Result<(Vec<String>, usize), String> {
    let (orders, deliveries) = world.burst();
    orders.iter().for_each(|order| remote.shout(order));
    thread::sleep(Duration::from_micros(rng.below(WITHIN.as_micros() as u64)));
    let last_words = remote.kill()?;
    world.bury(&last_words);
    Ok((last_words, deliveries))
}
