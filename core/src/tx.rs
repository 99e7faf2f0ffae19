//! One mutation: a read-through overlay over the store, which stages rows, outputs and changes of memory.
//!
//! A [`Tx`] knows rows and outputs and no feature. It commits atomically or is dropped; dropped, it leaves no trace.

use core::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::change::Change;
use crate::codec;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::memory::Effect;
use crate::output::Output;
use crate::session::MlsRows;
use crate::store::overlay::{Overlay, lay_over};
use crate::store::vault::INLINE;
use crate::store::{Direction, KeyRange, RowChange, Table, Vault};

/// A mutation under way.
pub(crate) struct Tx<'e> {
    vault: &'e Vault,
    rows: RefCell<Overlay<Option<Zeroizing<Vec<u8>>>>>,
    changes: VecDeque<Change>,
    outputs: Vec<Output>,
    effects: Vec<Effect>,
}

/// What a finished mutation asks for.
pub(crate) struct Staged {
    pub batch: Vec<RowChange>,
    pub outputs: Vec<Output>,
    pub effects: Vec<Effect>,
}

/// Rows of the store that a value of so many bytes comes to.
pub(crate) const fn weight(bytes: usize) -> usize {
    1 + bytes / INLINE
}

impl<'e> Tx<'e> {
    pub fn new(vault: &'e Vault) -> Tx<'e> {
        Tx { vault, rows: RefCell::default(), changes: VecDeque::new(), outputs: Vec::new(), effects: Vec::new() }
    }

    /// The bytes of a row, as this mutation sees it.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if let Some(staged) = self.rows.borrow().get(table, key) {
            return Ok(staged.clone());
        }
        Ok(self.vault.get(table, key)?)
    }

    /// A decoded row.
    pub fn row<T: DeserializeOwned>(&self, table: Table, key: &[u8], what: &'static str) -> Result<Option<T>> {
        self.get(table, key)?.map(|bytes| codec::decode_row(&bytes, what)).transpose()
    }

    /// At most `limit` rows of a range, as this mutation sees them.
    pub fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, limit: usize) -> Result<Vec<Row>> {
        let overlay = self.rows.borrow();
        let staged = overlay.range(table, range).filter(|(key, _)| within(table, range, key));
        let staged: BTreeMap<&[u8], _> = staged.map(|(key, value)| (key, value.clone())).collect();
        Ok(lay_over(staged, direction, limit, |limit| self.vault.scan(table, range, direction, limit))?)
    }

    /// All rows whose key starts with `prefix`, at most `limit`.
    pub fn scan_prefix(&self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Row>> {
        let mut rows =
            self.scan(table, KeyRange { from: prefix, to: &successor(table, prefix) }, Direction::Forward, limit)?;
        rows.retain(|(key, _)| key.starts_with(prefix));
        Ok(rows)
    }

    /// Stages a row.
    pub fn put(&self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.rows.borrow_mut().insert(table, key, Some(Zeroizing::new(value)));
    }

    /// Stages an encoded row.
    pub fn put_row<T: Serialize>(&self, table: Table, key: Vec<u8>, value: &T) -> Result<()> {
        self.put(table, key, codec::encode(value)?);
        Ok(())
    }

    /// Stages the removal of a row.
    pub fn delete(&self, table: Table, key: &[u8]) {
        self.rows.borrow_mut().insert(table, key.to_vec(), None);
    }

    /// A keyed hash for what a key must not tell.
    pub fn blind(&self, bytes: &[u8]) -> [u8; 16] {
        self.vault.blind(bytes)
    }

    /// Stages what happened to a message, for whoever reacts to it.
    pub fn change(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// The first change that nobody has reacted to yet.
    pub fn next_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Stages an output: released after the commit is durable.
    pub fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// Stages an event; a second one that says the same adds nothing.
    pub fn event(&mut self, event: Event) {
        let said = self.outputs.iter().any(|output| matches!(output, Output::Event(said) if *said == event));
        if !said {
            self.outputs.push(Output::Event(event));
        }
    }

    /// Stages a change of memory: made after the commit.
    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Rows of the store that are staged so far: a long value takes several.
    pub fn rows(&self) -> usize {
        let weighs = |value: &Option<Zeroizing<Vec<u8>>>| weight(value.as_ref().map_or(0, |v| v.len()));
        self.rows.borrow().values().map(weighs).sum()
    }

    /// Ends the mutation: what is to be written and released.
    pub fn finish(self) -> Staged {
        let rows = self.rows.into_inner().into_iter();
        let batch = rows.map(|(table, key, value)| RowChange { table, key, value }).collect();
        Staged { batch, outputs: self.outputs, effects: self.effects }
    }
}

impl MlsRows for Tx<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Tx::get(self, Table::Mls, key)
    }

    fn put(&self, key: &[u8], value: Zeroizing<Vec<u8>>) {
        self.rows.borrow_mut().insert(Table::Mls, key.to_vec(), Some(value));
    }

    fn delete(&self, key: &[u8]) {
        Tx::delete(self, Table::Mls, key);
    }
}

/// A row: key and plaintext.
pub(crate) type Row = (Vec<u8>, Zeroizing<Vec<u8>>);

/// The first key behind all that start with `prefix`; empty for “up to the end”, which tables with a blinded
/// prefix take as the end of that prefix.
fn successor(table: Table, prefix: &[u8]) -> Vec<u8> {
    if table.has_hidden_prefix() && prefix.len() <= 16 {
        return Vec::new();
    }
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < 0xff {
            next.push(last + 1);
            return next;
        }
    }
    next
}

fn within(table: Table, range: KeyRange<'_>, key: &[u8]) -> bool {
    if key < range.from {
        return false;
    }
    if !range.to.is_empty() {
        return key < range.to;
    }
    !table.has_hidden_prefix() || range.from.len() < 16 || key.starts_with(&range.from[..16])
}
