//! Kills a process that writes, at random and without warning, and looks at what is left.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use undertone::rng::Rng;

use super::Subject;
use super::play::{check, write};
use crate::runner::Runner;
use crate::stores::StoreKind;
use crate::verdict::{Tally, Verdict};

/// A store is made afresh after this many kills, so that looking at it stays quick.
const LIVES: u64 = 20;
/// A child is killed after some number of lines below this.
const LINES: u64 = 60;
/// And after some further time below this, which lands anywhere between two lines.
const LATER: Duration = Duration::from_millis(4);
/// A child that is killed before its first line dies while opening.
const OPENING: Duration = Duration::from_millis(60);

/// Kills as often as asked.
pub fn kill(runner: &Runner, store: StoreKind, kills: u64, rng: &mut Rng) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut between = 0;
    while tally.kills < kills {
        let folder = runner.folder("killed")?;
        let mut subject = Subject::new(store, rng);
        for _ in 0..LIVES.min(kills - tally.kills) {
            between += u64::from(live_and_die(runner, &mut subject, &folder, rng)?);
            tally.kills += 1;
            let verdict = check(runner, &subject, &folder)?;
            tally.count(&verdict);
            match verdict {
                // The look added a step of its own and made it durable.
                Verdict::Whole(steps) => (subject.acked, subject.tried) = (steps + 1, steps + 1),
                _ => {
                    println!("store {}, kill {}: {verdict} ({subject:?})", store.name(), tally.kills);
                    break;
                }
            }
        }
    }
    println!("store {}: {between} of {kills} kills between a try and its ack", store.name());
    Ok(tally)
}

/// One life of a writer. Returns whether it died with a step not yet acknowledged.
fn live_and_die(runner: &Runner, subject: &mut Subject, folder: &Path, rng: &mut Rng) -> Result<bool, String> {
    let mut command = write(runner, subject, folder, u64::MAX / 2);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let mut said = BufReader::new(child.stdout.take().ok_or("no pipe")?);
    let (lines, mut heard) = (rng.below(LINES), String::new());
    for _ in 0..lines {
        said.read_line(&mut heard).map_err(|e| e.to_string())?;
    }
    let longest = if lines == 0 { OPENING } else { LATER };
    thread::sleep(Duration::from_micros(rng.below(longest.as_micros() as u64)));
    child.kill().map_err(|e| e.to_string())?;
    said.read_to_string(&mut heard).map_err(|e| e.to_string())?;
    let status = child.wait().map_err(|e| e.to_string())?;
    if status.code().is_some() {
        return Err(format!("a writer ended by itself: {status}"));
    }
    subject.hear(&heard);
    Ok(heard.lines().next_back().is_some_and(|line| line.starts_with("try")))
}
