//! A full disk, simulated in a child process: the test runs itself again, once to fill the disk and once, when there is
//! space again, to look at what is left.
//!
//! Two ways to be short of space: a limit on the size of files, which needs no privileges (the write fails with
//! `EFBIG`), and a small tmpfs in a mount namespace of our own (`ENOSPC`), where the system allows one.

#![allow(clippy::disallowed_methods, reason = "the child is told its task by environment variables")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Model, Open, change, day, dump};
use crate::error::StoreError;
use crate::store::Progress;

const TASK: &str = "UNDERTONE_FULL_DISK";
const DIR: &str = "UNDERTONE_FULL_DISK_DIR";

/// Limits files to a few megabytes while the child fills them; the limit's unit differs between shells.
const LIMITED: &str =
    r#"(ulimit -f 3000; trap '' XFSZ; UNDERTONE_FULL_DISK=fill "$@") && UNDERTONE_FULL_DISK=check "$@""#;
const SMALL: &str = r#"mount -t tmpfs -o size=2m tmpfs "$UNDERTONE_FULL_DISK_DIR/small" &&
    UNDERTONE_FULL_DISK=fill "$@" &&
    mount -o remount,size=400m "$UNDERTONE_FULL_DISK_DIR/small" && UNDERTONE_FULL_DISK=check "$@""#;

/// `test` is the full name of the test that calls this, so that it can be run alone.
pub fn a_full_disk_is_told_and_loses_nothing(open: Open<'_>, test: &str) {
    if let (Some(task), Some(dir)) = (env::var_os(TASK), env::var_os(DIR)) {
        let dir = PathBuf::from(dir);
        return if task == "fill" { fill(open, &dir) } else { check(open, &dir) };
    }
    run(Command::new("sh"), LIMITED, test);
    let mut namespace = Command::new("unshare");
    namespace.args(["--map-root-user", "--mount"]);
    if namespace.arg("true").status().is_ok_and(|status| status.success()) {
        let mut shell = Command::new("unshare");
        shell.args(["--map-root-user", "--mount", "sh"]);
        run(shell, SMALL, test);
    } else {
        println!("no mount namespaces here: only the limit on files was tried");
    }
}

fn run(mut shell: Command, script: &str, test: &str) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("small")).unwrap();
    let (_, test) = test.split_once("::").unwrap();
    let child = shell.args(["-c", script, "sh"]).arg(env::current_exe().unwrap());
    let result = child.args(["--exact", test, "--nocapture"]).env(DIR, dir.path()).output().unwrap();
    let words = String::from_utf8_lossy(&result.stdout).into_owned() + &String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success() && words.matches("1 passed").count() == 2, "{script}\n{words}");
}

const BATCHES: usize = 4_000;

fn fill(open: Open<'_>, dir: &Path) {
    let mut store = open(&dir.join("small").join("store")).unwrap();
    let mut barred = 0;
    let error = day(21, BATCHES).iter().find_map(|batch| {
        let result = store.apply(batch).and_then(|()| store.barrier());
        barred += usize::from(result.is_ok());
        result.err()
    });
    let error = error.expect("the disk is too small for all batches");
    // SQLite does not tell a file that may not grow from other failures.
    let known = [StoreError::Full, StoreError::Io("sqlite code 778".into())];
    assert!(known.contains(&error), "{error:?} is no answer to a full disk");
    assert_eq!(store.apply(&[]), Err(StoreError::Closed));
    assert_eq!(store.barrier(), Err(StoreError::Closed));
    assert!(barred > 20, "{barred} batches fit");
    drop(store);
    fs::write(dir.join("barred"), barred.to_string()).unwrap();
}

fn check(open: Open<'_>, dir: &Path) {
    let barred: usize = fs::read_to_string(dir.join("barred")).unwrap().parse().unwrap();
    let path = dir.join("small").join("store");
    let mut store = open(&path).unwrap();
    let batches = day(21, BATCHES);
    let rows = dump(&*store).unwrap();
    let mut expected = Model::new();
    batches[..barred].iter().for_each(|batch| change(&mut expected, batch));
    let mut kept = barred;
    if rows != expected {
        change(&mut expected, &batches[barred]);
        kept += 1;
    }
    assert!(rows == expected, "everything barred is left, and perhaps the batch under way");
    store.apply(&batches[kept]).unwrap();
    change(&mut expected, &batches[kept]);
    while store.compact(1 << 20).unwrap() == Progress::More {}
    store.barrier().unwrap();
    store.verify().unwrap();
    drop(store);
    assert!(dump(&*open(&path).unwrap()).unwrap() == expected);
}
