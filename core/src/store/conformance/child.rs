//! Running a test again in processes of their own: to measure memory, or to be short of space.

#![allow(clippy::disallowed_methods, reason = "a child is told its task by environment variables")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const TASK: &str = "UNDERTONE_CHILD_TASK";
const DIR: &str = "UNDERTONE_CHILD_DIR";

/// Files of a few megabytes at most: writing more fails, and kills nobody. The limit's unit differs between shells.
pub const SMALL_FILES: &str = "ulimit -f 3000; trap '' XFSZ";

/// The task of this process, when it is such a child.
pub fn task() -> Option<String> {
    env::var(TASK).ok()
}

/// The directory that the parent gave to its child.
pub fn dir() -> PathBuf {
    env::var_os(DIR).map(PathBuf::from).unwrap()
}

/// Runs `script` with `shell`. In it, `task name "$@"` runs the test again, alone, with that task. `test` is its full
/// name. Gives what the children said, and panics unless all went well and the test ran `runs` times.
pub fn run(mut shell: Command, script: &str, test: &str, dir: &Path, runs: usize) -> String {
    let script = format!(r#"task() {{ export {TASK}="$1"; shift; "$@"; }}; {script}"#);
    let (_, test) = test.split_once("::").unwrap();
    let child = shell.args(["-c", &script, "sh"]).arg(env::current_exe().unwrap());
    let result = child.args(["--exact", test, "--nocapture"]).env(DIR, dir).output().unwrap();
    let words = String::from_utf8_lossy(&result.stdout).into_owned() + &String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success() && words.matches("1 passed").count() == runs, "{script}\n{words}");
    words
}
