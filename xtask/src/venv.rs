//! Environments of Python, with packages and nothing else in them.

use std::path::{Path, PathBuf};

use crate::needs::answers;
use crate::tool::{command, install, run};

/// Installs what makes them, where it is missing. Debian has it in a package of its own beside Python.
pub fn need() -> Result<(), String> {
    if answers("python3", &["-m", "ensurepip", "--version"]) { Ok(()) } else { install(&["python3", "python3-venv"]) }
}

/// A new environment in an empty folder, with these packages; its programs are in the folder that is returned.
pub fn make(folder: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    run(&mut command("python3", &["-m", "venv", "."], folder))?;
    let bin = folder.join("bin");
    let install = [&["install", "--quiet", "--disable-pip-version-check"], packages].concat();
    run(&mut command(bin.join("pip"), &install, folder))?;
    Ok(bin)
}
