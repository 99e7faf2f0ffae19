//! `undertone-day`: the day without anything after it.
//!
//! Without arguments and without lines on the standard input it plays the built-in day and ends. A text file as an
//! argument, or lines on the standard input, are played instead; `--help` says how they are read.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(ended) = undertone_day::phone(&arguments) {
        return done(ended);
    }
    match arguments.as_slice() {
        [flag] if flag == "--help" || flag == "-h" => {
            println!(
                "undertone-day [FILE]\n\nPlays the lines of a file, of the standard input, or a day of its own.\n"
            );
            println!("{}", undertone_day::HELP);
            ExitCode::SUCCESS
        }
        [] => done(undertone_day::play(None)),
        [file] => done(undertone_day::play(Some(Path::new(file)))),
        _ => done(Err("one file at most; try --help".into())),
    }
}

fn done(ended: Result<(), String>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("undertone-day: {why}");
            ExitCode::FAILURE
        }
    }
}
