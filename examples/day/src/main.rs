//! `cargo run --release`: a relay and three phones live through a day, and show what each of them sees.
//!
//! Without arguments and without lines on the standard input it plays the built-in day and ends. A text file as an
//! argument, or lines on the standard input, are played instead; `--help` says how they are read.

mod cast;
mod deed;
mod forge;
mod phone;
mod script;
mod show;
mod stage;
mod wire;

use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use stage::Stage;

/// How long to wait for the first byte of a standard input that is no terminal and may never say anything.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [flag, rest @ ..] if flag == phone::FLAG => phone::run(rest),
        [flag] if flag == "--help" || flag == "-h" => {
            println!(
                "undertone-day [FILE]\n\nPlays the lines of a file, of the standard input, or a day of its own.\n"
            );
            println!("{}", script::HELP);
            return ExitCode::SUCCESS;
        }
        [] => play(lines_of_stdin().as_deref().unwrap_or(script::BUILT_IN)),
        [file] => std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}")).and_then(|text| play(&text)),
        _ => Err("one file at most; try --help".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("undertone-day: {why}");
            ExitCode::FAILURE
        }
    }
}

fn play(text: &str) -> Result<(), String> {
    let text = if text.trim().is_empty() { script::BUILT_IN } else { text };
    let steps = script::parse(text)?;
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut stage = Stage::set(folder.path()).map_err(|e| e.to_string())?;
    stage.play(&steps).and_then(|()| stage.clear()).map_err(|e| e.to_string())
}

/// What is piped in; `None` for a terminal, for nothing, and for a pipe that says nothing for a while.
fn lines_of_stdin() -> Option<String> {
    if io::stdin().is_terminal() {
        return None;
    }
    let (bytes, read) = mpsc::channel();
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = input.read(&mut chunk) {
            if bytes.send(chunk[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut text = read.recv_timeout(PATIENCE).ok()?;
    text.extend(read.iter().flatten());
    let text = String::from_utf8_lossy(&text).into_owned();
    (!text.trim().is_empty()).then_some(text)
}
