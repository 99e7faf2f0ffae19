//! What it costs to make a deleted message unreadable: it must not grow with what is kept.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use undertone::time::MINUTE;

use crate::chores::Chore;
use crate::pair::Pair;
use crate::stores::Kind;

/// Figures of the round after one deletion.
pub struct Rotation {
    /// Rows that the store was given.
    pub rows: u64,
    pub time: Duration,
    pub longest: Duration,
}

/// Deletes one message of `kept`, after all of them have settled.
pub fn measure(kind: Kind, kept: usize) -> Result<Rotation, Box<dyn Error>> {
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let rows = Arc::new(AtomicU64::new(0));
    let mut pair = Pair::counted(kind, &dir.path().join("bea"), Arc::clone(&rows))?;
    // Messages that stay: else they would be of the class that goes in a day.
    pair.fill(kept, Some(-1))?;
    // The round for what came until now: after it, everything has settled.
    pair.delete_one()?;
    pair.pass(11 * MINUTE)?;
    pair.delete_one()?;
    let before = rows.load(Ordering::Relaxed);
    let mut round = Chore::default();
    pair.pass(11 * MINUTE)?.into_iter().for_each(|call| round.add(call));
    Ok(Rotation { rows: rows.load(Ordering::Relaxed) - before, time: round.time, longest: round.longest })
}
