//! Crashes: what a store still holds after its process was killed, and after the power was lost.
//!
//! The process under test is this program again (`child.rs`). It says what it tries and what it acknowledges; after its
//! death another one looks at what is left. It must hold a prefix of what was tried, whole, with at least all that was
//! acknowledged. A kill (`kill.rs`) is a real SIGKILL. A loss of power (`power.rs`) is computed: a library loaded into
//! the process (`recorder.c`) records every write and sync, and a model of a disk (`disk.rs`) says what may be left of
//! what was not synced.

mod args;
mod child;
mod disk;
mod engines;
mod kill;
mod log_store;
mod names;
mod power;
mod runner;
mod trace;
mod verdict;
mod workload;

use std::process::ExitCode;

use args::{Args, HELP};
use runner::Runner;
use verdict::Tally;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.first().map(String::as_str) {
        Some("write") => Args::parse(&words[1..]).and_then(|args| Ok(child::write(args.engine()?, &args))),
        Some("check") => Args::parse(&words[1..]).and_then(|args| Ok(child::check(args.engine()?, &args))),
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
    for engine in &args.engines {
        let mut rng = workload::rng(args.seed, 0).fork(engine.name());
        let killed = kill::kill(&runner, *engine, args.kills, &mut rng)?;
        let lost = power::lose(&runner, *engine, args.states, &mut rng)?;
        tallies.push((engine.name(), killed.plus(lost)));
    }
    for (name, tally) in &tallies {
        println!("crash: {name} {tally}");
    }
    Ok(if tallies.iter().all(|(_, tally)| Tally::is_clean(tally)) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
