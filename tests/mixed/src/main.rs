//! Conducts scenarios that all languages share: each device is played by a program in some language, all of them over one
//! real relay, in every pairing.
//!
//! `mixed --relay PROGRAM --player NAME=COMMAND… [--only SCENARIO] FOLDER` plays the files of `FOLDER`. A player reads
//! commands and answers them, a line each (`player.rs`).

mod player;
mod relay;
mod scenario;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use relay::Relay;
use scenario::Scenario;

/// A language, and how its player is started.
#[derive(Clone)]
struct Language {
    name: String,
    command: String,
}

/// What the arguments ask for.
#[derive(Default)]
struct Ask {
    relay: String,
    languages: Vec<Language>,
    only: Option<String>,
    folder: PathBuf,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("mixed: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let ask = Ask::read()?;
    let scenarios = Scenario::all(&ask.folder, ask.only.as_deref())?;
    let relay = Relay::start(&ask.relay)?;
    let (mut passed, mut failed) = (0, Vec::new());
    for scenario in &scenarios {
        let casts = casts(&ask.languages, scenario.devices.len());
        passed += casts.len();
        let bad = play_all(scenario, &casts, relay.address());
        passed -= bad.len();
        failed.extend(bad);
        println!("{}: {}", scenario.name, scenario.about);
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() && passed > 0 { Ok(()) } else { Err(format!("failed: {}", failed.join("; "))) }
}

/// Plays a scenario with every cast, some at the same time; gives those that failed.
fn play_all(scenario: &Scenario, casts: &[Vec<Language>], relay: &str) -> Vec<String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let stages = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..stages {
            scope.spawn(|| {
                while let Some(cast) = casts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let names: Vec<&str> = cast.iter().map(|language| language.name.as_str()).collect();
                    let what = format!("{} by {}", scenario.name, names.join(", "));
                    if let Err(why) = scenario.play(cast, relay) {
                        println!("FAILED {what}: {why}");
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(what);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Every ordered pair of languages for the first two devices; further devices take the languages in turn, so that each pair
/// has a third of its own.
fn casts(languages: &[Language], devices: usize) -> Vec<Vec<Language>> {
    let count = languages.len();
    let pairs = (0..count).flat_map(|one| (0..count).map(move |other| (one, other)));
    let language = |(one, other): (usize, usize), device: usize| match device {
        0 => one,
        1 => other,
        further => (one + other + further - 1) % count,
    };
    pairs.map(|pair| (0..devices).map(|device| languages[language(pair, device)].clone()).collect()).collect()
}

impl Ask {
    fn read() -> Result<Ask, String> {
        let mut ask = Ask::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--relay" => ask.relay = value()?,
                "--only" => ask.only = Some(value()?),
                "--player" => {
                    let player = value()?;
                    let (name, command) = player.split_once('=').ok_or("--player needs NAME=COMMAND")?;
                    ask.languages.push(Language { name: name.into(), command: command.into() });
                }
                folder => ask.folder = folder.into(),
            }
        }
        if ask.relay.is_empty() || ask.languages.is_empty() || ask.folder.as_os_str().is_empty() {
            return Err("mixed --relay PROGRAM --player NAME=COMMAND… [--only SCENARIO] FOLDER".into());
        }
        Ok(ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(casts: &[Vec<Language>]) -> Vec<Vec<&str>> {
        casts.iter().map(|cast| cast.iter().map(|language| language.name.as_str()).collect()).collect()
    }

    #[test]
    fn a_client_in_kotlin_talks_with_an_escort_in_swift_and_support_in_python() {
        // In the order of `cargo xtask bindings`.
        let languages = ["python", "kotlin", "swift", "rust"];
        let languages = languages.map(|name| Language { name: name.into(), command: String::new() });
        let casts = casts(&languages, 3);
        let names = names(&casts);
        assert!(names.contains(&vec!["kotlin", "swift", "python"]));
        for (one, other) in languages.iter().flat_map(|one| languages.iter().map(move |other| (one, other))) {
            let pair = [one.name.as_str(), other.name.as_str()];
            assert_eq!(names.iter().filter(|cast| cast.starts_with(&pair)).count(), 1);
        }
    }
}
