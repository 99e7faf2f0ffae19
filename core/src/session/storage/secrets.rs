//! The message keys of a group, the one value that every message changes.
//!
//! OpenMLS hands over the keys of all epochs at once. A message of the current epoch changes none of the past, so
//! those are a value of their own which is then neither encoded nor written.

use core::cell::{Cell, RefCell};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::encode;
use super::fields::fields;
use crate::error::{Error, StoreError};
use crate::session::pages::{Grain, MlsRows, Name, Stored};
use crate::session::structure;

/// The field that holds the past epochs. Should OpenMLS rename it, all is kept in one value again.
const PAST: &str = "past_epoch_trees";
/// The system's time at which an epoch began, which we leave out.
const TIME: &str = "added_at";

/// Which keys an operation can have changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of the current epoch only.
    Current,
    /// Any.
    All,
}

/// The rows of a group's current keys as they were last read or written, so that a write need not read them.
///
/// It lives and dies with the group in memory, which must itself not outlive a dropped transaction.
#[derive(Default)]
pub(crate) struct Held {
    stored: RefCell<Option<Stored>>,
    /// The names of the group's values, once they were asked for.
    pub(super) names: Cell<Option<Names>>,
}

/// Names of the two values.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) current: Name,
    pub(super) past: Name,
}

pub(super) fn write<T: Serialize>(
    rows: &dyn MlsRows,
    names: &Names,
    held: &Held,
    scope: Scope,
    secrets: &T,
) -> Result<(), Error> {
    let skip = (scope == Scope::Current).then_some(PAST);
    let (mut current, mut past) = (Fields::default(), Fields::default());
    for (name, field) in fields(secrets, skip)? {
        if name == PAST { past.push(field) } else { current.push(field) }
    }
    if scope == Scope::All {
        let old = Stored::load(rows, &names.past)?;
        Stored::replace(old, rows, &names.past, past.value(), Grain::Coarse);
    }
    let old = match held.stored.take() {
        Some(old) => Some(old),
        None => Stored::load(rows, &names.current)?,
    };
    *held.stored.borrow_mut() = Some(Stored::replace(old, rows, &names.current, current.value(), Grain::Fine));
    Ok(())
}

pub(super) fn read<T: DeserializeOwned>(
    rows: &dyn MlsRows,
    names: &Names,
    held: Option<&Held>,
) -> Result<Option<T>, Error> {
    let Some(current) = Stored::load(rows, &names.current)? else { return Ok(None) };
    let past = Stored::load(rows, &names.past)?.ok_or(CORRUPT)?;
    let fields = [current.value(), past.value()];
    let counts = fields.map(|value| value.first().copied().unwrap_or(0));
    let mut whole = Zeroizing::new(Vec::with_capacity(1 + fields.iter().map(|value| value.len()).sum::<usize>()));
    whole.push(FIX_MAP | counts[0].checked_add(counts[1]).filter(|count| *count < 16).ok_or(CORRUPT)?);
    fields.iter().for_each(|value| whole.extend_from_slice(value.get(1..).unwrap_or_default()));
    if let Some(held) = held {
        *held.stored.borrow_mut() = Some(current);
    }
    encode::decode(&whole).map(Some)
}

pub(super) fn delete(rows: &dyn MlsRows, names: &Names, held: Option<&Held>) -> Result<(), Error> {
    if let Some(held) = held {
        held.stored.take();
    }
    for name in [&names.current, &names.past] {
        if let Some(stored) = Stored::load(rows, name)? {
            stored.delete(rows, name);
        }
    }
    Ok(())
}

const FIX_MAP: u8 = 0x80;
const CORRUPT: Error = Error::Store(StoreError::Corrupt("mls secrets"));

/// Some fields of a map: their number (itself MessagePack, as all numbers below 128), then name and value of each.
#[derive(Default)]
struct Fields(Vec<Zeroizing<Vec<u8>>>);

impl Fields {
    fn push(&mut self, mut field: Zeroizing<Vec<u8>>) {
        structure::blank(&mut field, TIME);
        self.0.push(field);
    }

    fn value(self) -> Zeroizing<Vec<u8>> {
        let mut value = Zeroizing::new(Vec::with_capacity(1 + self.0.iter().map(|field| field.len()).sum::<usize>()));
        value.push(self.0.len() as u8);
        self.0.iter().for_each(|field| value.extend_from_slice(field));
        value
    }
}
