//! The crash suite finds what it is there to find: stores that are broken on purpose fail, and a sound one passes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Command, Output};

fn crash(store: &str) -> (Output, String) {
    let program = env!("CARGO_BIN_EXE_crash");
    let scratch = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(["--store", store, "--kills", "2", "--states", "50"])
        .current_dir(scratch.path())
        .output()
        .unwrap();
    let last = String::from_utf8_lossy(&output.stdout).lines().next_back().unwrap_or_default().to_string();
    (output, last)
}

/// The number behind a word of the last line.
fn count(last: &str, word: &str) -> u64 {
    let (_, rest) = last.split_once(word).unwrap_or_else(|| panic!("no `{word}` in `{last}`"));
    rest.trim_start().split(',').next().unwrap().parse().unwrap()
}

#[test]
fn a_store_that_syncs_what_it_promises_passes() {
    let (output, last) = crash("log");
    assert_eq!(last, "crash: log kills 2, power states 100, lost 0, torn 0, failed opens 0", "{output:?}");
    assert!(output.status.success());
}

#[test]
fn a_store_that_acknowledges_before_it_syncs_is_caught() {
    let (output, last) = crash("log-unsynced");
    assert!(count(&last, "lost") > 0, "{last}");
    assert!(!output.status.success());
}

#[test]
fn a_store_that_never_syncs_its_folder_is_caught() {
    let (output, last) = crash("log-unnamed");
    assert!(count(&last, "lost") > 0, "{last}");
    assert!(!output.status.success());
}

#[test]
fn a_store_that_takes_half_a_batch_is_caught() {
    let (output, last) = crash("log-unchecked");
    assert!(count(&last, "torn") > 0, "{last}");
    assert!(!output.status.success());
}

#[test]
fn a_store_that_does_not_open_after_a_torn_write_is_caught() {
    let (output, last) = crash("log-unforgiving");
    assert!(count(&last, "failed opens") > 0, "{last}");
    assert!(!output.status.success());
}
