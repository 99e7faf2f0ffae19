//! The day that `cargo run --release` plays: a relay and three phones live through a day, and show what each of them sees.
//!
//! [`play`] plays the built-in day, the lines of the standard input or those of a file. Each phone is a process of its own:
//! the program that plays starts itself again, with arguments for which [`phone`] is there.

mod cast;
mod deed;
mod forge;
mod phone;
mod script;
mod show;
mod stage;
mod wire;

pub use script::HELP;

use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use stage::Stage;

/// How long to wait for the first byte of a standard input that is no terminal and may never say anything.
const PATIENCE: Duration = Duration::from_secs(2);

/// Plays the lines of a file; without one, those of the standard input, or the built-in day where there are none.
///
/// # Errors
/// Which line makes no sense, or what failed.
pub fn play(file: Option<&Path>) -> Result<(), String> {
    match file {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
            play_text(&text)
        }
        None => play_text(lines_of_stdin().as_deref().unwrap_or(script::BUILT_IN)),
    }
}

/// Runs as one of the day's phones, if the arguments of the program say so: call it first, and end with what it returns.
pub fn phone(arguments: &[String]) -> Option<Result<(), String>> {
    match arguments {
        [flag, rest @ ..] if flag == phone::FLAG => Some(phone::run(rest)),
        _ => None,
    }
}

fn play_text(text: &str) -> Result<(), String> {
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
