//! What a stage needs on the machine, and how to install it.

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
}

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
        };
        if there { Ok(()) } else { Err(how.into()) }
    }
}

/// Whether a program can be run and ends well.
fn answers(program: &str, args: &[&str]) -> bool {
    let quiet =
        Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}
