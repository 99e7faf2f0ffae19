//! R19. Crashes: what a store still holds after its process was killed, and after the power was lost.
//!
//! The process under test is this program again . It says what it tries and what it acknowledges; after its
//! death another one looks at what is left. It must hold a prefix of what was tried, whole, with at least all that was
//! acknowledged. A kill is a real SIGKILL. A loss of power (`power.rs`) is computed: a library loaded into
//! the process (`recorder.c`) records every write and sync, and a model of a disk (`disk.rs`) says what may be left of
//! what was not synced.

mod args;
mod day;
mod disk;
mod log_store;
mod names;
mod power;
mod runner;
mod steps;
mod stores;
mod trace;
mod verdict;

use std::process::ExitCode;

use args::{Args, HELP};
use runner::Runner;
use undertone::rng::Rng;
use verdict::Tally;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.first().map(String::as_str) {
        Some("write") => Args::parse(&words[1..]).and_then(|args| Ok(steps::child::write(args.store()?, &args))),
        Some("device") => {
            Args::parse(&words[1..]).and_then(|args| Ok(day::device::run(args.store()?, args.folder.clone())))
        }
        Some("check") => Args::parse(&words[1..]).and_then(|args| Ok(steps::child::check(args.store()?, &args))),
        Some("--help" | "-h" | "help") => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Args::parse(&words).and_then(|args| run(&args)),
    };
    outcome.unwrap_or_else(|why| {
        eprintln!("crash: {why}");
        ExitCode::from(2)
    })
}

/// All engines, one after the other; the last lines say what was found.
fn run(args: &Args) -> Result<ExitCode, String> {
    let runner = Runner::new()?;
    println!("crash: seed {}", args.seed);
    let mut tallies = Vec::new();
    for store in &args.stores {
        let mut rng = seeded(args.seed).fork(store.name());
        let alone = steps::crash(&runner, *store, args.kills, args.states, &mut rng)?;
        let device = day::crash(&runner, *store, args.kills, args.states, &mut rng)?;
        let turns = match store.is_shared() {
            true => day::take_turns(&runner, *store, args.turns, &mut rng)?,
            false => Tally::default(),
        };
        // Kills are those of a device at work; whatever went wrong anywhere counts.
        tallies.push((store.name(), Tally { kills: device.kills, ..alone.plus(device).plus(turns) }));
    }
    for (name, tally) in &tallies {
        println!("crash: {name} {tally}");
    }
    Ok(if tallies.iter().all(|(_, tally)| Tally::is_clean(tally)) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn seeded(seed: u64) -> Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Rng::from_seed(bytes)
}
