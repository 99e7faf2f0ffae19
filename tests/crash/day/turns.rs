//! Two processes take turns on one store, as an app and its notification extension do, and die at times.

use undertone::rng::Rng;

use super::kill::slay;
use super::remote::{Remote, Trouble};
use super::world::World;
use crate::runner::{Runner, STORE};
use crate::stores::StoreKind;
use crate::verdict::{Tally, Verdict};

/// Turns after which the two persons compare what they have, and begin afresh.
const TURNS: u64 = 100;
/// Steps of one turn, at most.
const STEPS: u64 = 4;
/// One turn in so many ends with a kill.
const KILL: u64 = 4;

/// Lets two processes take turns. Returns what was found; kills are counted.
pub fn take_turns(runner: &Runner, store: StoreKind, turns: u64, rng: &mut Rng) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let (mut taken, mut messages) = (0, 0);
    while taken < turns {
        let some = TURNS.min(turns - taken);
        match share(runner, store, some, &mut tally, rng)? {
            Verdict::Whole(count) => messages += count,
            verdict => {
                println!("turns on {}, kill {}: {verdict}", store.name(), tally.kills);
                tally.count(&verdict);
            }
        }
        taken += some;
    }
    println!("turns on {}: {turns} turns, {} kills, {messages} messages", store.name(), tally.kills);
    Ok(tally)
}

/// Two processes share one store for some turns, then both persons compare what they have.
fn share(runner: &Runner, store: StoreKind, turns: u64, tally: &mut Tally, rng: &mut Rng) -> Result<Verdict, String> {
    let folder = runner.folder("shared")?.join(STORE);
    let start = || Remote::start(&mut runner.command("device", store, &folder));
    let mut world = World::new(rng)?;
    let mut first = start()?;
    world.meet(&mut first)?;
    world.suspend(&mut first)?;
    let mut processes = [Some(first), None];
    for turn in 0..turns {
        let place = &mut processes[turn as usize % 2];
        // A process that is still alive has caches from before the other's turn.
        let (mut remote, woken) = match place.take() {
            Some(mut remote) => {
                let woken = world.resume(&mut remote);
                (remote, woken)
            }
            None => {
                let mut remote = start()?;
                let woken = world.revive(&mut remote);
                (remote, woken)
            }
        };
        match woken {
            Ok(Verdict::Whole(_)) => {}
            Ok(verdict) => return Ok(verdict),
            Err(Trouble::Said(what)) => return Ok(Verdict::Unopened(what)),
            Err(Trouble::Gone) => return Ok(Verdict::Unopened("no answer".into())),
        }
        for _ in 0..rng.below(STEPS) {
            world.step(&mut remote)?;
        }
        if rng.below(KILL) == 0 {
            slay(&mut world, remote, rng)?;
            tally.kills += 1;
        } else {
            world.suspend(&mut remote)?;
            *place = Some(remote);
        }
    }
    let mut last = start()?;
    match world.revive(&mut last)? {
        Verdict::Whole(_) => Ok(world.compare(&mut last)?),
        verdict => Ok(verdict),
    }
}
