//! The project's chores: `cargo xtask` lists them.
//!
//! Each command is a thin wrapper around cargo and the programs of the `tests` crate, so that a person and the
//! continuous integration run the same thing. No dependencies, so that it is built in a second.

mod house;
mod licences;
mod needs;
mod report;
mod requirements;
mod stage;
mod tiers;

use std::process::ExitCode;

use stage::Step;

/// What `cargo xtask` can do, one line each.
const HELP: &str = "\
cargo xtask test [STAGE…]   everything that must pass, or only the stages named
cargo xtask stages          the stages of `test`, with the commands behind them
cargo xtask crash …         kill a process that writes, take the power away, look at what is left (--help for more)
cargo xtask help            this list";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = args.split_first().map_or(("help", &[][..]), |(c, r)| (c.as_str(), r));
    match command {
        "test" => tiers::test(rest),
        "stages" => tiers::list(rest),
        program if tiers::PROGRAMS.contains(&program) => run(&Step::program(program).args(rest)),
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

fn run(step: &Step) -> ExitCode {
    match step.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
