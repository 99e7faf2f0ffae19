//! The stages of `cargo xtask test`, and the loop that runs them.
//!
//! Tier one is what every change must pass, in some 20 minutes on two cores from a cold cache. `--full` runs the same
//! stages with the figures of a release: more messages, kills, turns and lost power.

use std::process::ExitCode;
use std::time::Instant;

use crate::house;
use crate::licences;
use crate::needs::Need;
use crate::page;
use crate::record;
use crate::relay;
use crate::report::{Outcome, Report};
use crate::requirements;
use crate::stage::{Stage, Step};

/// How long the random runs are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tier {
    /// On every change.
    One,
    /// Before a release.
    Full,
}

/// Programs of the `tests` crate that are commands of their own.
pub const PROGRAMS: [&str; 3] = ["crash", "interop", "sim"];

/// `cargo xtask test`: runs the stages in order and stops at the first failure.
pub fn test(args: &[String]) -> ExitCode {
    let stages = match choose(args) {
        Ok(stages) => stages,
        Err(why) => {
            eprintln!("xtask test: {why}");
            return ExitCode::from(2);
        }
    };
    let must_run_all = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    if let Err(why) = record::clear() {
        eprintln!("xtask test: {why}");
        return ExitCode::FAILURE;
    }
    let mut report = Report::default();
    let mut good = true;
    for (place, stage) in stages.iter().enumerate() {
        println!("\n── {} ({}/{})", stage.name, place + 1, stages.len());
        let start = Instant::now();
        let outcome = run(stage, must_run_all);
        good = !matches!(outcome, Outcome::Failed);
        report.add(stage.name, outcome, start.elapsed());
        if !good {
            break;
        }
    }
    report.print();
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `cargo xtask stages`: prints what `test` would run.
pub fn list(args: &[String]) -> ExitCode {
    match choose(args) {
        Ok(stages) => {
            for stage in stages {
                println!("{}", stage.name);
                stage.steps.iter().for_each(|step| println!("    {step}"));
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("xtask stages: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(stage: &Stage, must_run: bool) -> Outcome {
    for need in &stage.needs {
        match need.check() {
            Ok(()) => {}
            Err(why) if must_run => {
                println!("FAILED {}: {why}", stage.name);
                return Outcome::Failed;
            }
            Err(why) => {
                println!("SKIPPED {}: {why}", stage.name);
                return Outcome::Skipped;
            }
        }
    }
    for step in &stage.steps {
        println!("$ {step}");
        if let Err(why) = step.run() {
            println!("FAILED {}: {why}", stage.name);
            return Outcome::Failed;
        }
    }
    Outcome::Passed
}

/// The stages that the arguments ask for.
fn choose(args: &[String]) -> Result<Vec<Stage>, String> {
    let (switches, names): (Vec<&str>, Vec<&str>) = args.iter().map(String::as_str).partition(|a| a.starts_with("--"));
    let tier = match switches[..] {
        [] => Tier::One,
        ["--full"] => Tier::Full,
        _ => return Err(format!("unknown {}; there is --full", switches.join(" "))),
    };
    let all = stages(tier);
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|stage| stage.name != **name)) {
        let known: Vec<&str> = all.iter().map(|stage| stage.name).collect();
        return Err(format!("no stage `{unknown}`; there are {}", known.join(", ")));
    }
    Ok(all.into_iter().filter(|stage| names.is_empty() || names.contains(&stage.name)).collect())
}

fn stages(tier: Tier) -> Vec<Stage> {
    vec![
        Stage { name: "fmt", needs: vec![Need::Rustfmt], steps: vec![Step::cargo("fmt --all --check")] },
        Stage { name: "house", needs: vec![], steps: house() },
        Stage {
            name: "licences",
            needs: vec![],
            steps: vec![Step::Check("licences of all dependencies", licences::check)],
        },
        Stage { name: "clippy", needs: vec![Need::Clippy, Need::CCompiler], steps: clippy() },
        Stage { name: "docs", needs: vec![Need::CCompiler], steps: vec![docs()] },
        Stage { name: "tests", needs: vec![Need::CCompiler], steps: vec![tests().recorded(requirements::TESTS)] },
        Stage { name: "doctests", needs: vec![Need::CCompiler], steps: vec![cargo_test("--doc")] },
        Stage { name: "sim", needs: vec![Need::CCompiler], steps: vec![sim(tier)] },
        Stage { name: "interop", needs: vec![Need::CCompiler], steps: vec![interop(tier)] },
        Stage {
            name: "crash",
            needs: vec![Need::CCompiler, Need::Linux],
            steps: vec![crash(tier).recorded(requirements::CRASH)],
        },
        Stage {
            name: "page",
            needs: vec![Need::CCompiler, Need::Chromium],
            steps: vec![Step::Check("a day on the page with three phones, in the system's browser", page::check)],
        },
        Stage {
            name: "relay",
            needs: vec![Need::CCompiler, Need::Linux, Need::Servers],
            steps: vec![relay::build(), relay::on_nats(), relays(tier)],
        },
        Stage { name: "requirements", needs: vec![Need::CCompiler, Need::Linux], steps: vec![count()] },
    ]
}

/// What reads files only.
fn house() -> Vec<Step> {
    vec![Step::Check("rules of the house", house::check), Step::Check("docs/REQUIREMENTS.md", requirements::check)]
}

/// Runs what no stage before it has run.
fn count() -> Step {
    Step::Check("what ran for each requirement", || requirements::count(&recorded()))
}

/// `cargo xtask requirements`: runs what shows them, and counts it.
pub fn requirements() -> Result<(), String> {
    record::clear()?;
    requirements::count(&recorded())
}

/// The steps whose output is counted, each under the name of its record.
fn recorded() -> [(&'static str, Step); 2] {
    // A test that fails shows nothing; the others are counted all the same.
    let tests = tests().args(&["--no-fail-fast"]);
    [(requirements::TESTS, tests), (requirements::CRASH, crash(Tier::One))]
        .map(|(name, step)| (name, step.recorded(name)))
}

/// Everything at once, then each combination of the engine's features alone: what is behind a feature must not be
/// needed without it.
fn clippy() -> Vec<Step> {
    let lint = |what: &str| Step::cargo(&format!("clippy --locked --quiet {what} -- -D warnings"));
    vec![
        lint("--workspace --all-targets --all-features"),
        lint("--package undertone --no-default-features"),
        lint("--package undertone --no-default-features --features sqlite"),
        lint("--package undertone --no-default-features --features sled"),
    ]
}

fn docs() -> Step {
    Step::cargo("doc --locked --quiet --workspace --no-deps --all-features").env("RUSTDOCFLAGS", "-D warnings")
}

fn tests() -> Step {
    cargo_test("--lib --bins --tests --examples")
}

fn cargo_test(targets: &str) -> Step {
    Step::cargo(&format!("test --locked --workspace --all-features {targets}"))
}

/// Whole platforms under faults, one per seed.
fn sim(tier: Tier) -> Step {
    let seeds = match tier {
        Tier::One => "10",
        Tier::Full => "500",
    };
    Step::program("sim").args(&["--seeds", seeds])
}

/// Relays on NATS, and the commit slot elsewhere. On every change one relay and one server are killed under load, before a
/// release all of them.
fn relays(tier: Tier) -> Step {
    match tier {
        Tier::One => relay::suite().args(&["slot", "contract", "ready", "one_relay"]),
        Tier::Full => relay::suite(),
    }
}

/// Members on another implementation of MLS; messages each way.
fn interop(tier: Tier) -> Step {
    let messages = match tier {
        Tier::One => "250",
        Tier::Full => "1000",
    };
    Step::program("interop").args(&["--messages", messages])
}

/// The seed is fixed in tier one, so that what is red once is red again.
fn crash(tier: Tier) -> Step {
    let figures: &[&str] = match tier {
        Tier::One => &["--kills", "20", "--states", "60", "--turns", "40"],
        Tier::Full => &["--kills", "200", "--states", "1000", "--turns", "1000"],
    };
    Step::program("crash").args(figures)
}
