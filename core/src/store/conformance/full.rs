//! A full disk, simulated in child processes: one fills the disk, and another looks, when there is space again, at what
//! is left.
//!
//! Two ways to be short of space: a limit on the size of files, which needs no privileges (the write fails with
//! `EFBIG`), and a small tmpfs in a mount namespace of our own (`ENOSPC`), where the system allows one.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Model, Open, change, child, day, dump};
use crate::error::StoreError;
use crate::store::Progress;

const SMALL_DISK: &str = r#"
    mount -t tmpfs -o size=2m tmpfs "$UNDERTONE_CHILD_DIR/disk" && task fill "$@" &&
    mount -o remount,size=400m "$UNDERTONE_CHILD_DIR/disk" && task check "$@""#;

/// `test` is the full name of the test that calls this, so that it can be run alone.
pub fn a_full_disk_is_told_and_loses_nothing(open: Open<'_>, test: &str) {
    match child::task().as_deref() {
        None => {}
        Some("fill") => return fill(open, &child::dir()),
        Some(_) => return check(open, &child::dir()),
    }
    let run = |shell, script: &str| {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("disk")).unwrap();
        child::run(shell, script, test, dir.path(), 2);
    };
    run(Command::new("sh"), &format!(r#"({}; task fill "$@") && task check "$@""#, child::SMALL_FILES));
    let namespace = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount"]);
        unshare
    };
    if namespace().arg("true").status().is_ok_and(|status| status.success()) {
        let mut shell = namespace();
        shell.arg("sh");
        run(shell, SMALL_DISK);
    } else {
        println!("no mount namespaces here: only the limit on files was tried");
    }
}

const BATCHES: usize = 4_000;

fn fill(open: Open<'_>, dir: &Path) {
    let mut store = open(&dir.join("disk").join("store")).unwrap();
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
    let path = dir.join("disk").join("store");
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
