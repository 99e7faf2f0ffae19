//! The processes that are killed, and those that look at what is left. They are this program again.

use std::path::Path;
use std::process::ExitCode;

use undertone::error::StoreError;
use undertone::store::{Progress, Store};

use super::workload;
use crate::args::Args;
use crate::stores::StoreKind;
use crate::verdict::Verdict;

/// Bytes that one step of a compaction may copy: small, so that there are many steps to die in.
const COMPACTION_STEP: u64 = 64 * 1024;

/// Writes batches until it is killed or has written enough. Says `try N` before a batch and `ack N` after the barrier
/// that made it durable. Ends without closing the store.
pub fn write(store: StoreKind, args: &Args) -> ExitCode {
    match write_batches(store, &args.folder, args.seed, args.batches) {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("write: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says in one line, as [`Verdict::parse`] reads it, what the store in a folder holds.
pub fn check(store: StoreKind, args: &Args) -> ExitCode {
    println!("{}", verdict(store, args));
    ExitCode::SUCCESS
}

fn write_batches(kind: StoreKind, folder: &Path, seed: u64, batches: u64) -> Result<(), StoreError> {
    let mut store = kind.open(folder)?;
    let mut number = workload::last_batch(store.as_ref())?;
    let end = number + batches;
    let mut compacting = false;
    while number < end {
        // Forked from the batch's number, so that a run goes on as it would have without the kill.
        let mut rng = workload::rng(seed, number).fork("barrier");
        for _ in 0..=rng.below(4) {
            number += 1;
            println!("try {number}");
            store.apply(&workload::batch(seed, number))?;
        }
        store.barrier()?;
        println!("ack {number}");
        match rng.below(16) {
            0 => compacting = true,
            1 => {
                store.suspend()?;
                store.resume()?;
            }
            _ => {}
        }
        if compacting {
            compacting = store.compact(COMPACTION_STEP)? == Progress::More;
        }
    }
    Ok(())
}

fn verdict(kind: StoreKind, args: &Args) -> Verdict {
    let mut store = match kind.open(&args.folder) {
        Ok(store) => store,
        Err(error) => return Verdict::Unopened(error.to_string()),
    };
    let number = match content(store.as_ref(), args) {
        Ok(number) => number,
        Err(verdict) => return verdict,
    };
    // What can be read but not written to is not whole.
    let next = number + 1;
    let written = store.apply(&workload::batch(args.seed, next)).and_then(|()| store.barrier());
    drop(store);
    let again = written.and_then(|()| kind.open(&args.folder)).map_err(|error| error.to_string());
    match again.and_then(|store| workload::compare(store.as_ref(), args.seed, next)) {
        Ok(()) => Verdict::Whole(number),
        Err(why) => Verdict::Torn(format!("after one more batch: {why}")),
    }
}

/// The last batch in a store that holds just the batches up to it, and those that it must hold.
fn content(store: &dyn Store, args: &Args) -> Result<u64, Verdict> {
    let torn = |error: StoreError| Verdict::Torn(error.to_string());
    let number = workload::last_batch(store).map_err(torn)?;
    if number < args.acked {
        return Err(Verdict::Lost(format!("all behind batch {number}, where {} were acknowledged", args.acked)));
    }
    if number > args.tried {
        return Err(Verdict::Torn(format!("batch {number} was never written")));
    }
    workload::compare(store, args.seed, number).map_err(Verdict::Torn)?;
    store.verify().map_err(torn)?;
    Ok(number)
}
