//! The simulator: many engines, the real relay's logic, everything going wrong that can, from one seed each.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use undertone::sabotage::Sabotage;
use undertone_tests::sim::action::{ACTIONS, FAULTS};
use undertone_tests::sim::run::{Options, Outcome, run};
use undertone_tests::sim::tally::Tally;

const HELP: &str = "\
sim [--seeds N] [--seed FIRST] [--actions A] [--sabotage NAME] [--show DEVICE]

Runs N seeds (200) from FIRST (1) on all cores, each with A actions (2000): faults first, then everything heals and must
be well. --show prints what happens at one device, by its number: for one seed.
Ends with `sim: seeds N, actions N, crashes N, delivered N, violations 0`.";

/// What the command line asks for.
struct Args {
    seeds: u64,
    first: u64,
    actions: u64,
    sabotage: Option<Sabotage>,
    shown: Option<usize>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match parse(&words) {
        Ok(args) => simulate(&args),
        Err(why) => {
            eprintln!("sim: {why}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn parse(words: &[String]) -> Result<Args, String> {
    let mut args = Args { seeds: 200, first: 1, actions: 2_000, sabotage: None, shown: None };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word}: `{value}` is no number"));
        match word.as_str() {
            "--seeds" => args.seeds = number()?,
            "--seed" => args.first = number()?,
            "--actions" => args.actions = number()?,
            "--show" => args.shown = Some(usize::try_from(number()?).map_err(|_| "no such device".to_owned())?),
            "--sabotage" => {
                let named = |fault: &Sabotage| format!("{fault:?}") == *value;
                let known = || Sabotage::ALL.map(|fault| format!("{fault:?}")).join(", ");
                let fault = Sabotage::ALL.into_iter().find(named);
                args.sabotage = Some(fault.ok_or_else(|| format!("no fault `{value}`; there are {}", known()))?);
            }
            _ => return Err(format!("unknown option `{word}`")),
        }
    }
    Ok(args)
}

fn simulate(args: &Args) -> ExitCode {
    let next = AtomicU64::new(args.first);
    let end = args.first.saturating_add(args.seeds);
    let sum = Mutex::new(Sum { total: Tally::of(&ACTIONS, &FAULTS), crashes: 0, violations: 0, done: 0 });
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let options =
                        Options { sabotage: args.sabotage, shown: args.shown, ..Options::new(seed, args.actions) };
                    let outcome = std::panic::catch_unwind(|| run(options));
                    sum.lock().expect("no panic while it is held").add(args, seed, outcome.ok());
                }
            });
        }
    });
    let Sum { total, crashes, violations, .. } = sum.into_inner().expect("no panic while it was held");
    println!("{total}");
    let (undone, unseen) = (total.missing(), total.unseen());
    let missing = [undone.as_slice(), &unseen].concat();
    if !missing.is_empty() {
        println!("never happened: {}", missing.join(", "));
    }
    let actions = total.total_actions();
    let delivered = total.delivered;
    println!(
        "sim: seeds {}, actions {actions}, crashes {crashes}, delivered {delivered}, violations {violations}",
        args.seeds
    );
    // What is rare need not be seen in a few seeds.
    let seen = unseen.is_empty() || args.seeds < MANY_SEEDS;
    if violations == 0 && undone.is_empty() && seen { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Seeds in which everything must be seen to happen.
const MANY_SEEDS: u64 = 40;

/// What all seeds together came to.
struct Sum {
    total: Tally,
    crashes: u64,
    violations: usize,
    done: u64,
}

impl Sum {
    fn add(&mut self, args: &Args, seed: u64, outcome: Option<Outcome>) {
        self.done += 1;
        let violations = match outcome {
            Some(outcome) => {
                self.total.add(&outcome.tally);
                self.crashes += outcome.crashes;
                outcome.violations
            }
            None => vec!["it panicked, see above".to_owned()],
        };
        self.violations += violations.len();
        if !violations.is_empty() {
            capsule(args, seed, &violations);
        } else if self.done.is_multiple_of(PROGRESS) {
            println!("{} of {} seeds", self.done, args.seeds);
        }
    }
}

/// A line for so many seeds.
const PROGRESS: u64 = 10;

/// Everything that is needed to see it again.
fn capsule(args: &Args, seed: u64, violations: &[String]) {
    let sabotage = args.sabotage.map(|fault| format!(" --sabotage {fault:?}")).unwrap_or_default();
    println!("seed {seed} fails:");
    violations.iter().for_each(|violation| println!("  {violation}"));
    println!(
        "  again: cargo run --release -p undertone-tests --bin sim -- --seeds 1 --seed {seed} --actions {}{sabotage}",
        args.actions
    );
}
