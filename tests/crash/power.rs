//! Loses power: rebuilds what may be on the disk at random moments of a recorded run, and looks at it.
//!
//! A run is recorded in rounds. A round begins with an empty folder, or with a state that an earlier loss left, so that
//! power is lost during recovery as well.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use undertone::rng::Rng;

use crate::disk::{Disk, Image, Loss};
use crate::runner::{Runner, read_image, write_image};
use crate::trace::{self, Event};
use crate::verdict::{Tally, Verdict};

/// Moments of one round at which power is lost; each is lost in every way.
const MOMENTS: u64 = 24;

/// What is recorded, and what it must keep.
pub trait Play {
    /// What was promised up to some moment.
    type Promises: Clone + Debug;

    /// The name in reports.
    fn name(&self) -> String;

    /// Nothing promised yet, and an empty folder.
    fn begin(&mut self, rng: &mut Rng) -> Result<Self::Promises, String>;

    /// Lets a recorded child play in a folder where these promises hold; returns the trace.
    fn perform(&mut self, folder: &Path, before: &Self::Promises, rng: &mut Rng) -> Result<Vec<u8>, String>;

    /// Takes in what the child said: complete lines.
    fn hear(&self, promises: &mut Self::Promises, said: &str);

    /// Looks at what is left in a folder. When it is whole, also says what holds there, if another round may begin so.
    fn look(&mut self, promises: &Self::Promises, folder: &Path) -> Result<(Verdict, Option<Self::Promises>), String>;
}

/// What a round begins with.
struct Start<P> {
    image: Image,
    promises: P,
}

/// Rebuilds at least `states` states and looks at each.
pub fn lose<P: Play>(runner: &Runner, play: &mut P, states: u64, rng: &mut Rng) -> Result<Tally, String> {
    let mut losses = Losses { runner, play, tally: Tally::default(), by_loss: BTreeMap::new(), round: 0 };
    let mut start = None;
    while losses.tally.states < states {
        losses.round += 1;
        let mut rng = rng.fork("round");
        let begin = match start {
            Some(start) => start,
            None => Start { image: Image::new(), promises: losses.play.begin(&mut rng)? },
        };
        let left = losses.round(&begin, states - losses.tally.states, &mut rng)?;
        start = left.filter(|_| rng.below(2) == 0);
    }
    let counts: Vec<String> = losses.by_loss.iter().map(|(loss, count)| format!("{loss:?} {count}")).collect();
    println!("{}: {} rounds, {}", losses.play.name(), losses.round, counts.join(", "));
    Ok(losses.tally)
}

struct Losses<'r, P> {
    runner: &'r Runner,
    play: &'r mut P,
    tally: Tally,
    by_loss: BTreeMap<Loss, u64>,
    round: u64,
}

impl<P: Play> Losses<'_, P> {
    /// Records a round and takes the power away at random moments; returns one of the states.
    fn round(
        &mut self,
        start: &Start<P::Promises>,
        wanted: u64,
        rng: &mut Rng,
    ) -> Result<Option<Start<P::Promises>>, String> {
        let folder = self.runner.folder("recorded")?;
        write_image(&start.image, &folder)?;
        let bytes = self.play.perform(&folder, &start.promises, rng)?;
        let root = folder.canonicalize().map_err(|e| e.to_string())?;
        let events = trace::parse(&bytes, &root.to_string_lossy())?;
        let mut moments = moments(events.len(), wanted, rng).into_iter().peekable();

        let mut disk = Disk::new(&start.image);
        let (mut promises, mut said, mut left) = (start.promises.clone(), Lines::default(), None);
        for at in 0..=events.len() {
            while moments.next_if_eq(&at).is_some() {
                left = self.moment(&disk, &promises, at, rng)?.or(left);
            }
            let Some(event) = events.get(at) else { break };
            disk.apply(event)?;
            if let Event::Said(bytes) = event {
                self.play.hear(&mut promises, &said.complete(bytes));
            }
        }
        same(&disk.kept(), &read_image(&folder)?)?;
        Ok(left)
    }

    /// Loses the power in every way at one moment; returns a state that is whole.
    fn moment(
        &mut self,
        disk: &Disk<'_>,
        promises: &P::Promises,
        event: usize,
        rng: &mut Rng,
    ) -> Result<Option<Start<P::Promises>>, String> {
        let mut left = None;
        for loss in Loss::ALL {
            let image = without_shared_memory(disk.lost(loss, rng));
            let folder = self.runner.folder("lost")?;
            write_image(&image, &folder)?;
            let (verdict, holds) = self.play.look(promises, &folder)?;
            self.tally.states += 1;
            self.tally.count(&verdict);
            *self.by_loss.entry(loss).or_default() += 1;
            if !matches!(verdict, Verdict::Whole(_)) {
                let name = format!("{}-{}-{event}-{loss:?}", self.play.name(), self.round).replace(' ', "-");
                let kept = keep(&image, &name)?;
                println!("{name}: {verdict}; kept in {kept}, where {promises:?} should hold");
            } else if let Some(promises) = holds {
                left = Some(Start { image, promises });
            }
        }
        Ok(left)
    }
}

/// The places in a trace at which power is lost, in order.
fn moments(events: usize, wanted: u64, rng: &mut Rng) -> Vec<usize> {
    let count = MOMENTS.min(wanted.div_ceil(Loss::ALL.len() as u64));
    let mut moments: Vec<usize> = (0..count).map(|_| rng.below(events as u64 + 1) as usize).collect();
    moments.sort_unstable();
    moments
}

/// Puts what comes in pieces together into lines.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// The lines that these bytes complete.
    fn complete(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let end = self.0.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.0.split_off(end);
        String::from_utf8_lossy(&std::mem::replace(&mut self.0, rest)).into_owned()
    }
}

/// Keeps a state for whoever looks into it; says where.
fn keep(image: &Image, name: &str) -> Result<String, String> {
    let folder = Path::new("target/crash-failures").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
    }
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    write_image(image, &folder)?;
    Ok(folder.display().to_string())
}

/// SQLite's shared memory is a map of the log that the first to open it makes anew; it is not on the disk.
fn without_shared_memory(mut image: Image) -> Image {
    image.retain(|path, _| !path.ends_with("-shm"));
    image
}

/// The recorder missed nothing when the folder can be rebuilt from what it recorded.
fn same(rebuilt: &Image, found: &Image) -> Result<(), String> {
    let (rebuilt, found) = (without_shared_memory(rebuilt.clone()), without_shared_memory(found.clone()));
    let paths: std::collections::BTreeSet<&String> = rebuilt.keys().chain(found.keys()).collect();
    match paths.into_iter().find(|path| rebuilt.get(*path) != found.get(*path)) {
        None => Ok(()),
        Some(path) => Err(format!("the recorder missed a change of {path}: what is rebuilt from the trace differs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_was_not_recorded_is_noticed() {
        let rebuilt: Image = [("x".to_string(), Some(b"one".to_vec())), ("x-shm".to_string(), Some(Vec::new()))].into();
        let mut found: Image = [("x".to_string(), Some(b"one".to_vec()))].into();
        assert_eq!(same(&rebuilt, &found), Ok(()));
        found.insert("y".into(), Some(Vec::new()));
        assert!(same(&rebuilt, &found).is_err());
        found.remove("y");
        found.insert("x".into(), Some(b"two".to_vec()));
        assert!(same(&rebuilt, &found).is_err());
    }

    #[test]
    fn a_line_counts_when_it_is_complete() {
        let mut lines = Lines::default();
        assert_eq!(lines.complete(b"ack 1\nac"), "ack 1\n");
        assert_eq!(lines.complete(b"k "), "");
        assert_eq!(lines.complete(b"2\n"), "ack 2\n");
    }
}
