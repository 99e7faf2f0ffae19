//! Loses power: rebuilds what may be on the disk at random moments of a recorded run, and looks at it.
//!
//! A run is recorded in rounds. A round begins with an empty folder, or with a state that an earlier loss left, so that
//! power is lost during recovery as well.

use std::collections::BTreeMap;
use std::path::Path;

use undertone::rng::Rng;

use crate::disk::{Disk, Image, Loss};
use crate::engines::Engine;
use crate::runner::{Runner, Subject, read_image, write_image};
use crate::trace::{self, Event};
use crate::verdict::{Tally, Verdict};

/// Steps of one round: enough for compactions, few enough for small files.
const STEPS: u64 = 60;
/// Moments of one round at which power is lost; each is lost in every way.
const MOMENTS: u64 = 24;

/// What a round begins with.
#[derive(Clone)]
struct Start {
    image: Image,
    /// Steps in it.
    steps: u64,
    /// What they are made from.
    seed: u64,
}

/// Rebuilds at least `states` states and looks at each.
pub fn lose(runner: &Runner, engine: Engine, states: u64, rng: &mut Rng) -> Result<Tally, String> {
    let mut losses = Losses { runner, engine, tally: Tally::default(), by_loss: BTreeMap::new() };
    let mut start = None;
    let mut round = 0;
    while losses.tally.states < states {
        round += 1;
        let mut rng = rng.fork("round");
        let fresh = Start { image: Image::new(), steps: 0, seed: rng.below(u64::MAX) };
        let left = losses.round(round, &start.unwrap_or(fresh), states - losses.tally.states, &mut rng)?;
        start = (rng.below(2) == 0).then_some(left);
    }
    let counts: Vec<String> = losses.by_loss.iter().map(|(loss, count)| format!("{loss:?} {count}")).collect();
    println!("{}: {round} rounds, {}", engine.name(), counts.join(", "));
    Ok(losses.tally)
}

struct Losses<'r> {
    runner: &'r Runner,
    engine: Engine,
    tally: Tally,
    by_loss: BTreeMap<Loss, u64>,
}

impl Losses<'_> {
    /// Records a round and takes the power away at random moments; returns one of the states.
    fn round(&mut self, round: u64, start: &Start, wanted: u64, rng: &mut Rng) -> Result<Start, String> {
        let folder = self.runner.folder("recorded")?;
        write_image(&start.image, &folder)?;
        let mut subject = Subject { engine: self.engine, seed: start.seed, acked: start.steps, tried: start.steps };
        let bytes = self.runner.record(&subject, &folder, STEPS)?;
        let events = trace::parse(&bytes, &folder.canonicalize().map_err(|e| e.to_string())?.to_string_lossy())?;
        let moments = MOMENTS.min(wanted.div_ceil(Loss::ALL.len() as u64));
        let mut moments: Vec<u64> = (0..moments).map(|_| rng.below(events.len() as u64 + 1)).collect();
        moments.sort_unstable();

        let mut disk = Disk::new(&start.image);
        let mut left = start.clone();
        let mut moments = moments.into_iter().peekable();
        for (at, event) in events.iter().enumerate() {
            while moments.next_if_eq(&(at as u64)).is_some() {
                left = self.moment(&disk, &subject, &format!("round {round}, event {at}"), rng)?.unwrap_or(left);
            }
            disk.apply(event)?;
            if let Event::Said(said) = event {
                subject.hear(&String::from_utf8_lossy(said));
            }
        }
        for _ in moments {
            left = self.moment(&disk, &subject, &format!("round {round}, its end"), rng)?.unwrap_or(left);
        }
        same(&disk.kept(), &read_image(&folder)?)?;
        Ok(left)
    }

    /// Loses the power in every way at one moment; returns a state that is whole.
    fn moment(
        &mut self,
        disk: &Disk<'_>,
        subject: &Subject,
        place: &str,
        rng: &mut Rng,
    ) -> Result<Option<Start>, String> {
        let mut left = None;
        for loss in Loss::ALL {
            let image = without_shared_memory(disk.lost(loss, rng));
            let folder = self.runner.folder("lost")?;
            write_image(&image, &folder)?;
            let verdict = self.runner.check(subject, &folder)?;
            self.tally.states += 1;
            self.tally.count(&verdict);
            *self.by_loss.entry(loss).or_default() += 1;
            match verdict {
                Verdict::Whole(steps) => left = Some(Start { image, steps, seed: subject.seed }),
                _ => report(subject, place, loss, &verdict, &image)?,
            }
        }
        Ok(left)
    }
}

/// Says what was found and keeps the state.
fn report(subject: &Subject, place: &str, loss: Loss, verdict: &Verdict, image: &Image) -> Result<(), String> {
    let name = format!("{}-{loss:?}-{}", subject.engine.name(), place.replace(", ", "-").replace(' ', "-"));
    let folder = Path::new("target/crash-failures").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
    }
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    write_image(image, &folder)?;
    let Subject { engine, seed, acked, tried } = subject;
    let kept = folder.display();
    println!(
        "{}, seed {seed}, {place}, {loss:?}: {verdict} (acked {acked}, tried {tried}; kept in {kept})",
        engine.name()
    );
    Ok(())
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
}
