//! The project's chores: `cargo xtask` lists them.
//!
//! Each command is a thin wrapper around cargo and the programs of the `tests` crate, so that a person and the
//! continuous integration run the same thing. No dependencies, so that it is built in a second.

mod bindings;
mod fuzz;
mod house;
mod licences;
mod mutants;
mod needs;
mod page;
mod record;
mod relay;
mod report;
mod requirements;
mod stage;
mod tiers;
mod tool;
mod venv;

use std::process::ExitCode;

use stage::Step;

/// What `cargo xtask` can do, one line each.
const HELP: &str = "\
cargo xtask test [--full] [STAGE…]        everything that must pass, or only the stages named; --full: at release length
cargo xtask stages [--full]               the stages of `test`, with the commands behind them
cargo xtask requirements                  which tests ran for each requirement; fails when one has none
cargo xtask sim [--seeds N]               platforms of many devices under faults, which must heal (--help for more)
cargo xtask crash …                       kill a process, take its power away, look at what is left (--help for more)
cargo xtask interop [--messages N]        hold conversations with members on another implementation of MLS
cargo xtask relay [TEST…]                 relays on a NATS cluster: the transport contract, kills under load; the commit
                                          slot in PostgreSQL and Redis; installs and starts the servers itself
cargo xtask relay-load [--devices N] …    measure relays with thousands of devices; without arguments, write
                                          docs/benchmarks.md (--help for more)
cargo xtask bindings [--dev] [LANGUAGE…]  build, package and test the bindings: python, kotlin, swift; installs what is
                                          missing; --dev: with the library as tests have it, which is built much sooner
cargo xtask bindings sizes                weigh the library of each set of features; fails when one is too large
cargo xtask bindings bench [LANGUAGE…]    after `bindings`: what a call costs from each language, beside Rust
cargo xtask bindings xcframework          on macOS: what Apple's platforms take of the library
cargo xtask bindings aar                  with Android's NDK: what Android takes of the library
cargo xtask page [--pictures] [PYTEST…]   play a day on the page with three phones, in the system's Chromium; installs what
                                          is missing; --pictures: take those of the README anew
cargo xtask bench [--quick] [--only …]    measure what a message costs; without arguments, write docs/benchmarks.md
cargo xtask fuzz [TARGET…] [--seconds N]  feed bytes from nowhere to everything that reads bytes from outside
cargo xtask mutants [--shard 1/8] [--file PATH] [--since COMMIT] [--list]
                                          break the rules one place at a time: a test must notice; takes hours, so no
                                          stage of `test`
cargo xtask vectors [--seeds]             write the test vectors anew, or the fuzz seeds made of them
cargo xtask help                          this list";

fn main() -> ExitCode {
    // All paths here are those of the repository, wherever `cargo xtask` is called.
    if let Err(error) = std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")) {
        eprintln!("xtask: the repository has moved since xtask was built: {error}");
        return ExitCode::FAILURE;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = args.split_first().map_or(("help", &[][..]), |(c, r)| (c.as_str(), r));
    match command {
        "test" => tiers::test(rest),
        "stages" => tiers::list(rest),
        "bench" => done(bench(rest).run()),
        "bindings" => done(bindings::run(rest)),
        "page" => done(page::run(rest)),
        "relay" => done(relay::run(rest)),
        "relay-load" => done(relay::load(rest)),
        "requirements" => done(tiers::requirements()),
        "fuzz" => done(fuzz::run(rest)),
        "mutants" => done(mutants::run(rest)),
        "vectors" => {
            done(Step::cargo("run --locked --quiet --package undertone --example vectors --").args(rest).run())
        }
        program if tiers::PROGRAMS.contains(&program) => done(Step::program(program).args(rest).run()),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        other => {
            eprintln!("xtask: no command `{other}`\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

/// Optimised as a product is, without the checks that tests have.
fn bench(args: &[String]) -> Step {
    let bench = Step::cargo("run --locked --quiet --release --package undertone-tests --bin bench --");
    if args.is_empty() { bench.args(&["--write", "docs/benchmarks.md"]) } else { bench.args(args) }
}

fn done(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
