//! A device whose power is taken away.

use std::fs;
use std::path::Path;

use undertone::rng::Rng;

use super::promises::Promises;
use super::remote::{Remote, Trouble};
use super::world::World;
use crate::power::Play;
use crate::runner::{Runner, STORE};
use crate::stores::StoreKind;
use crate::verdict::Verdict;

/// Steps of one round.
const STEPS: u64 = 40;

/// A device that sends and receives. Each round has a new device, and a world of its own.
pub struct Day<'r> {
    runner: &'r Runner,
    store: StoreKind,
    world: Option<World>,
}

impl<'r> Day<'r> {
    /// A device on this kind of store.
    pub fn new(runner: &'r Runner, store: StoreKind) -> Day<'r> {
        Day { runner, store, world: None }
    }
}

impl Play for Day<'_> {
    type Promises = Promises;

    fn name(&self) -> String {
        format!("device on {}", self.store.name())
    }

    fn begin(&mut self, rng: &mut Rng) -> Result<Promises, String> {
        self.world = Some(World::new(rng)?);
        Ok(Promises::default())
    }

    fn perform(&mut self, folder: &Path, _: &Promises, _: &mut Rng) -> Result<Vec<u8>, String> {
        let world = self.world.as_mut().ok_or("no world")?;
        let mut command = self.runner.command("device", self.store, &folder.join(STORE));
        let trace = self.runner.record(&mut command, folder);
        let mut remote = Remote::start(&mut command)?;
        world.meet(&mut remote)?;
        for _ in 0..STEPS {
            world.step(&mut remote)?;
        }
        drop(remote);
        fs::read(trace).map_err(|e| e.to_string())
    }

    fn hear(&self, promises: &mut Promises, said: &str) {
        said.lines().for_each(|line| promises.hear(line));
    }

    fn look(&mut self, promises: &Promises, folder: &Path) -> Result<(Verdict, Option<Promises>), String> {
        let world = self.world.as_mut().ok_or("no world")?;
        let mut remote = Remote::start(&mut self.runner.command("device", self.store, &folder.join(STORE)))?;
        let verdict = match world.inspect(&mut remote, promises) {
            Ok(verdict) => verdict,
            Err(Trouble::Said(what)) => Verdict::Unopened(what),
            Err(Trouble::Gone) => Verdict::Unopened("no answer".into()),
        };
        // The world has gone on since that moment: no round can begin there.
        Ok((verdict, None))
    }
}
