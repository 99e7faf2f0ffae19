//! What a stage needs on the machine, and how to install it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Something that must be installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `cargo fmt`.
    Rustfmt,
    /// `cargo clippy`.
    Clippy,
    /// A C compiler: SQLite is built from source, and the crash suite builds its recorder.
    CCompiler,
    /// A system whose calls the crash suite can record.
    Linux,
    /// NATS, PostgreSQL and Redis, which the tests of relays start themselves; installed where they can be.
    Servers,
    /// `cargo fuzz`.
    CargoFuzz,
    /// `cargo mutants`.
    CargoMutants,
    /// The system's Chromium, or a system that gives it to whoever may install.
    Chromium,
}

/// Names of the system's Chromium.
pub const CHROMIUM: [&str; 2] = ["chromium", "chromium-browser"];

impl Need {
    /// `Err` with what is missing and how to get it.
    pub fn check(self) -> Result<(), String> {
        let (there, how) = match self {
            Need::Servers => return crate::relay::servers(),
            Need::Rustfmt => {
                (answers("cargo", &["fmt", "--version"]), "rustfmt is missing: rustup component add rustfmt")
            }
            Need::Clippy => {
                (answers("cargo", &["clippy", "--version"]), "clippy is missing: rustup component add clippy")
            }
            Need::CCompiler => {
                (answers("cc", &["--version"]), "no C compiler `cc`: on Debian, apt-get install gcc libc6-dev")
            }
            Need::Linux => (cfg!(target_os = "linux"), "system calls are recorded on Linux only"),
            Need::CargoFuzz => {
                (answers("cargo", &["fuzz", "--version"]), "cargo-fuzz is missing: cargo install cargo-fuzz --locked")
            }
            Need::CargoMutants => (
                answers("cargo", &["mutants", "--version"]),
                "cargo-mutants is missing: cargo install cargo-mutants --locked",
            ),
            Need::Chromium => (
                program(&CHROMIUM).is_some() || (program(&["apt-get"]).is_some() && is_root()),
                "no Chromium, and it cannot be installed here: on Debian, apt-get install chromium",
            ),
        };
        if there { Ok(()) } else { Err(how.into()) }
    }
}

/// Where the first of these programs is that the search path leads to.
pub fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// Whether this may install packages.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stdin(Stdio::null()).stderr(Stdio::null()).output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// Whether a program can be run and ends well.
pub fn answers(program: &str, args: &[&str]) -> bool {
    let quiet =
        Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}
