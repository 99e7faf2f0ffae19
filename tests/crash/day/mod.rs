//! A device at work: a process with an engine and its host, which sends and receives over pipes. The relay and the other
//! person live in this process and are never killed.

pub mod device;
mod hex;
mod kill;
mod play;
mod promises;
mod remote;
mod turns;
mod world;

pub use turns::take_turns;
use undertone::rng::Rng;

use crate::runner::Runner;
use crate::stores::StoreKind;
use crate::verdict::Tally;

/// Kills a device and takes its power away.
pub fn crash(runner: &Runner, store: StoreKind, kills: u64, states: u64, rng: &mut Rng) -> Result<Tally, String> {
    let killed = kill::kill(runner, store, kills, rng)?;
    let lost = crate::power::lose(runner, &mut play::Day::new(runner, store), states, rng)?;
    Ok(killed.plus(lost))
}
