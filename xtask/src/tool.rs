//! Programs that are run, and folders that they work in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::needs::answers;

/// Where everything is built. Within `target`, so that `cargo clean` removes it.
pub fn folder(name: &str) -> Result<PathBuf, String> {
    let folder = root()?.join("target/bindings").join(name);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// The same, with nothing in it.
pub fn empty(name: &str) -> Result<PathBuf, String> {
    let folder = folder(name)?;
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    self::folder(name)
}

/// The repository.
pub fn root() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the repository cannot be found: {error}"))
}

/// A program with arguments, to be run in a folder.
pub fn command(program: impl AsRef<std::ffi::OsStr>, args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    // Cargo's search path leads to a library that was built for something else.
    command.env_remove("LD_LIBRARY_PATH").env_remove("DYLD_FALLBACK_LIBRARY_PATH");
    command
}

/// Runs a program; the error says which failed.
pub fn run(command: &mut Command) -> Result<(), String> {
    let line = show(command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` cannot be run: {error}")),
    }
}

/// Runs a program and returns what it printed, which is printed as well.
pub fn output(command: &mut Command) -> Result<String, String> {
    let line = show(command);
    println!("$ {line}");
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("`{line}` cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    if output.status.success() { Ok(text) } else { Err(format!("`{line}` ended with {}", output.status)) }
}

/// Installs packages of Debian where a program is missing.
pub fn need(program: &str, packages: &[&str]) -> Result<(), String> {
    if answers(program, &["--version"]) { Ok(()) } else { install(packages) }
}

/// Installs packages of Debian.
pub fn install(packages: &[&str]) -> Result<(), String> {
    if !answers("apt-get", &["--version"]) {
        return Err(format!("something is missing: install {}, and run this again", packages.join(", ")));
    }
    println!("installing {}", packages.join(", "));
    let root = root()?;
    run(&mut command("apt-get", &["update", "-qq"], &root))?;
    let install = [&["install", "-y", "-qq", "--no-install-recommends"], packages].concat();
    run(command("apt-get", &install, &root).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn show(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy();
    let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
    format!("{name} {}", args.join(" "))
}
