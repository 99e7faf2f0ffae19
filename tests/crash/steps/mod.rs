//! A store alone: a process writes numbered batches to it.

pub mod child;
mod kill;
mod play;
mod workload;

use undertone::rng::Rng;

use crate::runner::Runner;
use crate::stores::StoreKind;
use crate::verdict::Tally;

/// Kills a writer and takes its power away.
pub fn crash(runner: &Runner, store: StoreKind, kills: u64, states: u64, rng: &mut Rng) -> Result<Tally, String> {
    let killed = kill::kill(runner, store, kills, rng)?;
    let lost = crate::power::lose(runner, &mut play::Steps { runner, store }, states, rng)?;
    Ok(killed.plus(lost))
}

/// What was promised of a store.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    store: StoreKind,
    /// What the batches are made from.
    seed: u64,
    /// The last batch that was acknowledged.
    acked: u64,
    /// The last batch that was tried.
    tried: u64,
}

impl Subject {
    /// An empty store.
    fn new(store: StoreKind, rng: &mut Rng) -> Subject {
        Subject { store, seed: rng.below(u64::MAX), acked: 0, tried: 0 }
    }

    /// Takes in what a writer said.
    fn hear(&mut self, said: &str) {
        for line in said.lines() {
            match line.split_once(' ').map(|(word, number)| (word, number.parse::<u64>())) {
                Some(("try", Ok(number))) => self.tried = self.tried.max(number),
                Some(("ack", Ok(number))) => self.acked = self.acked.max(number),
                _ => {}
            }
        }
    }
}
