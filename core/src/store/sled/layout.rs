//! Which of the directories in a store holds its rows.
//!
//! ```text
//! lock       held by whoever has the store open
//! current    "rows.2", or "rows.1 new" until the first database is durable
//! rows.2/    a sled database
//! rows.3/    a rewritten one in the making, worthless until `current` names it
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::store::files::{self, Syncs, io_error};

const POINTER: &str = "current";
const NEXT_POINTER: &str = "current.next";
const PREFIX: &str = "rows.";
const NEW: &str = " new";
const DAMAGED: StoreError = StoreError::Corrupt("pointer");

/// What `current` says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Pointer {
    pub number: u64,
    /// Whether nothing in it was ever durable, so that it may be made afresh.
    pub new: bool,
}

/// The directory of a database.
pub(super) fn rows_dir(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{number}"))
}

/// Reads which database counts; in an empty store it names the first, as a new one. Removes all others but `keep`.
pub(super) fn current(dir: &Path, keep: Option<u64>, syncs: &dyn Syncs) -> Result<Pointer, StoreError> {
    let numbers = databases(dir)?;
    let pointer = match fs::read(dir.join(POINTER)) {
        Ok(text) => parse(&text).ok_or(DAMAGED)?,
        Err(error) if error.kind() == ErrorKind::NotFound && numbers.is_empty() => {
            let first = Pointer { number: 1, new: true };
            point_to(dir, first, syncs)?;
            first
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(DAMAGED),
        Err(error) => return Err(io_error(&error)),
    };
    if !pointer.new && !numbers.contains(&pointer.number) {
        return Err(DAMAGED);
    }
    for number in numbers {
        if number != pointer.number && Some(number) != keep || pointer.new {
            remove(dir, number)?;
        }
    }
    Ok(pointer)
}

/// Makes a database the one that counts: at once, and durably when this returns.
pub(super) fn point_to(dir: &Path, pointer: Pointer, syncs: &dyn Syncs) -> Result<(), StoreError> {
    let text = format!("{PREFIX}{}{}", pointer.number, if pointer.new { NEW } else { "" });
    files::replace(dir, POINTER, NEXT_POINTER, text.as_bytes(), syncs)
}

/// Removes a database that does not count.
pub(super) fn remove(dir: &Path, number: u64) -> Result<(), StoreError> {
    match fs::remove_dir_all(rows_dir(dir, number)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(&error)),
        _ => Ok(()),
    }
}

/// The numbers of all databases in a store.
fn databases(dir: &Path) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| io_error(&error))? {
        let name = entry.map_err(|error| io_error(&error))?.file_name();
        numbers.extend(name.to_str().and_then(number));
    }
    Ok(numbers)
}

fn parse(text: &[u8]) -> Option<Pointer> {
    let text = str::from_utf8(text).ok()?;
    let (name, new) = text.strip_suffix(NEW).map_or((text, false), |name| (name, true));
    Some(Pointer { number: number(name)?, new })
}

/// The number in the name of a database's directory, written as we write it.
fn number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(PREFIX)?.parse().ok()?;
    (name == format!("{PREFIX}{number}")).then_some(number)
}
