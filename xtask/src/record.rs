//! What a step printed, kept for whoever counts afterwards what ran.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Below cargo's own folder, so that `cargo clean` takes it along.
const FOLDER: &str = "target/requirements";

/// Forgets all records: those of an earlier run count for nothing.
pub fn clear() -> Result<(), String> {
    match fs::remove_dir_all(FOLDER) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("{FOLDER}: {error}")),
        _ => Ok(()),
    }
}

/// What the step of that name printed in this run, if it was run to its end.
pub fn read(name: &str) -> Option<String> {
    fs::read_to_string(path(name)).ok()
}

/// Runs a command, with its output shown and written down. The record is there when the command has ended, however.
pub fn run(command: &mut Command, name: &str) -> io::Result<ExitStatus> {
    fs::create_dir_all(FOLDER)?;
    let unfinished = path(name).with_extension("unfinished");
    // One pipe for both, as cargo says on one what the other is about.
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer).stdin(Stdio::null()).env("CARGO_TERM_COLOR", "never");
    let mut child = command.spawn()?;
    // Our ends of the pipe must go, or it never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    copy(BufReader::new(reader), File::create(&unfinished)?)?;
    let status = child.wait()?;
    fs::rename(unfinished, path(name))?;
    Ok(status)
}

/// Writes down what was not printed by one command.
pub fn write(name: &str, text: &str) -> Result<(), String> {
    fs::create_dir_all(FOLDER).and_then(|()| fs::write(path(name), text)).map_err(|error| format!("{FOLDER}: {error}"))
}

fn copy(mut from: impl BufRead, mut record: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        io::stdout().write_all(&line)?;
        record.write_all(&line)?;
        line.clear();
    }
    Ok(())
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name).with_extension("txt")
}
