//! A stage of the tests: a name and the steps that make it up.

use std::ffi::OsStr;
use std::fmt;
use std::process::{Command, Stdio};

use crate::needs::Need;
use crate::record;

/// One stage of `cargo xtask test`.
pub struct Stage {
    /// The name in the table and on the command line.
    pub name: &'static str,
    /// What must be installed for it.
    pub needs: Vec<Need>,
    /// What is run, in order; the first failure ends the stage.
    pub steps: Vec<Step>,
}

/// A command, or a check that xtask does itself.
pub enum Step {
    /// A program with arguments and additions to its environment.
    Run {
        /// The program.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables set for it.
        env: Vec<(&'static str, String)>,
        /// The name under which its output is kept for whoever counts what ran.
        record: Option<&'static str>,
    },
    /// A function, with a word on what it does.
    Check(&'static str, fn() -> Result<(), String>),
}

impl Step {
    /// `cargo` with these arguments, split at spaces.
    pub fn cargo(args: &str) -> Step {
        // The cargo that runs xtask, so that a chosen toolchain stays chosen.
        let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        Step::Run { program, args: args.split_whitespace().map(Into::into).collect(), env: Vec::new(), record: None }
    }

    /// A program of the `tests` crate, with overflow checks and debug assertions.
    pub fn program(name: &str) -> Step {
        Step::cargo(&format!("run --locked --quiet --package undertone-tests --bin {name} --"))
    }

    /// A program that an earlier step has built.
    pub fn built(profile: &str, name: &str) -> Step {
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
        let program = format!("{target}/{profile}/{name}");
        Step::Run { program, args: Vec::new(), env: Vec::new(), record: None }
    }

    /// This step with further arguments.
    pub fn args<S: AsRef<str>>(mut self, more: &[S]) -> Step {
        if let Step::Run { args, .. } = &mut self {
            args.extend(more.iter().map(|argument| argument.as_ref().to_string()));
        }
        self
    }

    /// This step with a variable set.
    pub fn env(mut self, name: &'static str, value: &str) -> Step {
        if let Step::Run { env, .. } = &mut self {
            env.push((name, value.into()));
        }
        self
    }

    /// This step with its output kept.
    pub fn recorded(mut self, name: &'static str) -> Step {
        if let Step::Run { record, .. } = &mut self {
            *record = Some(name);
        }
        self
    }

    /// Runs it and waits; the error is a line that says what failed.
    pub fn run(&self) -> Result<(), String> {
        match self {
            Step::Check(_, check) => check(),
            Step::Run { .. } => match self.code()? {
                Some(0) => Ok(()),
                Some(code) => Err(format!("`{self}` ended with status {code}")),
                None => Err(format!("`{self}` was ended by a signal")),
            },
        }
    }

    /// Runs a command and waits; what it ended with is for the caller to judge. `None` when a signal ended it.
    pub fn code(&self) -> Result<Option<i32>, String> {
        let Step::Run { program, args, env, record } = self else { return Err(format!("{self} is no command")) };
        let mut command = Command::new(program);
        command.args(args).envs(env.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        let status = match record {
            Some(name) => record::run(&mut command, name),
            None => command.status(),
        };
        status.map(|status| status.code()).map_err(|e| format!("{program} cannot be run: {e}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Check(what, _) => f.write_str(what),
            Step::Run { program, args, env, .. } => {
                for (name, value) in env {
                    write!(f, "{name}='{value}' ")?;
                }
                let name = std::path::Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or(program);
                write!(f, "{name} {}", args.join(" "))
            }
        }
    }
}
