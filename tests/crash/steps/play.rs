//! A writer whose power is taken away.

use std::path::Path;
use std::process::{Command, Stdio};

use undertone::rng::Rng;

use super::Subject;
use crate::power::Play;
use crate::runner::{Runner, STORE};
use crate::stores::StoreKind;
use crate::verdict::Verdict;

/// Batches of one round: enough for compactions, few enough for small files.
const BATCHES: u64 = 60;

/// A writer of numbered batches.
pub struct Steps<'r> {
    /// Starts it.
    pub runner: &'r Runner,
    /// Where it writes to.
    pub store: StoreKind,
}

impl Play for Steps<'_> {
    type Promises = Subject;

    fn name(&self) -> String {
        format!("store {}", self.store.name())
    }

    fn begin(&mut self, rng: &mut Rng) -> Result<Subject, String> {
        Ok(Subject::new(self.store, rng))
    }

    fn perform(&mut self, folder: &Path, before: &Subject, _: &mut Rng) -> Result<Vec<u8>, String> {
        let mut command = write(self.runner, before, folder, BATCHES);
        let trace = self.runner.record(&mut command, folder);
        let status = command.stdout(Stdio::null()).status().map_err(|e| e.to_string())?;
        if !status.success() {
            return Err(format!("the recorded writer ended with {status}"));
        }
        std::fs::read(trace).map_err(|e| e.to_string())
    }

    fn hear(&self, promises: &mut Subject, said: &str) {
        promises.hear(said);
    }

    fn look(&mut self, promises: &Subject, folder: &Path) -> Result<(Verdict, Option<Subject>), String> {
        let verdict = check(self.runner, promises, folder)?;
        let holds = match verdict {
            Verdict::Whole(batch) => Some(Subject { acked: batch, tried: batch, ..*promises }),
            _ => None,
        };
        Ok((verdict, holds))
    }
}

/// A child that writes batches.
pub fn write(runner: &Runner, subject: &Subject, folder: &Path, batches: u64) -> Command {
    let mut command = runner.command("write", subject.store, &folder.join(STORE));
    command.args(["--seed", &subject.seed.to_string(), "--batches", &batches.to_string()]);
    command
}

/// Lets a child look at the store.
pub fn check(runner: &Runner, subject: &Subject, folder: &Path) -> Result<Verdict, String> {
    let mut command = runner.command("check", subject.store, &folder.join(STORE));
    command.args(["--seed", &subject.seed.to_string()]);
    command.args(["--acked", &subject.acked.to_string(), "--tried", &subject.tried.to_string()]);
    runner.ask(&mut command)
}
