//! Rows at hand: those that were taken in and wait to be written, and those that were read or written lately.
//!
//! Several batches wait together and reach the store as one: whatever many of them change, like a conversation, a
//! session's keys and the root row, is sealed and written once. A batch is never split, so that it still happens whole or
//! not at all, and all that waits is written before a barrier.

use std::cell::Cell;
use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::keyring::Generation;
use super::parts::Part;
use super::seal;
use super::sums::Mark;
use crate::store::Table;
use crate::store::overlay::Overlay;

/// Turns for which a row is kept that nobody uses.
const IDLE_TURNS: u64 = 8;
/// Rows kept over a turn's end, if it can be helped.
const KEPT: usize = 512;

/// Rows at hand, under their keys in the store.
#[derive(Default)]
pub(super) struct Hand {
    rows: Overlay<Held>,
    /// Rows of the store that the waiting ones come to.
    waiting: usize,
    /// The parts that they belong to, whose sums change.
    parts: BTreeSet<Part>,
    /// Counts how often rows were written.
    turn: u64,
}

/// A row at hand.
pub(super) struct Held {
    /// The row in the store, as the sums see it; `None` when there is none.
    pub stored: Option<Mark>,
    /// What it says; `None` when it is, or is to be, deleted.
    pub value: Option<Zeroizing<Vec<u8>>>,
    /// Whether the store has yet to get it.
    waits: bool,
    /// Where it settles, if it was sealed before.
    pub settles: Option<Generation>,
    /// The turn in which it was used last.
    used: Cell<u64>,
}

impl Held {
    /// Rows of the store that it comes to, with those that it leaves behind.
    fn weight(&self) -> usize {
        weight(self.stored.as_ref(), self.value.as_ref().map(|value| value.len()))
    }
}

/// Rows of the store that a change comes to.
pub(super) fn weight(stored: Option<&Mark>, length: Option<usize>) -> usize {
    let before = stored.map_or(0, |mark| mark.pieces.into());
    1 + length.map_or(0, seal::further_rows).max(before)
}

impl Hand {
    /// A row that is at hand; it counts as used.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<&Held> {
        let held = self.rows.get(table, key)?;
        held.used.set(self.turn);
        Some(held)
    }

    /// Rows of the store that those which wait come to, with the sums of their parts.
    pub(super) fn waiting(&self) -> usize {
        self.waiting + self.parts.len()
    }

    /// The parts of rows that wait.
    pub(super) fn parts(&self) -> BTreeSet<Part> {
        self.parts.clone()
    }

    /// A change that waits from now on.
    pub(super) fn put(
        &mut self,
        table: Table,
        key: Vec<u8>,
        part: Option<Part>,
        stored: Option<Mark>,
        value: Option<Zeroizing<Vec<u8>>>,
    ) {
        if let Some(before) = self.rows.remove(table, &key).filter(|held| held.waits) {
            self.waiting -= before.weight();
        }
        // What never was in the store need not be deleted from it.
        if stored.is_some() || value.is_some() {
            let held = Held { stored, value, waits: true, settles: None, used: Cell::new(self.turn) };
            self.waiting += held.weight();
            self.parts.extend(part);
            self.rows.insert(table, key, held);
        }
    }

    /// A row that is to be sealed anew, and says what it said.
    pub(super) fn settle(
        &mut self,
        table: Table,
        key: Vec<u8>,
        part: Option<Part>,
        stored: Mark,
        value: Zeroizing<Vec<u8>>,
        generation: Generation,
    ) {
        self.put(table, key.clone(), part, Some(stored), Some(value));
        if let Some(held) = self.rows.get_mut(table, &key) {
            held.settles = Some(generation);
        }
    }

    /// Keeps a row that was read.
    pub(super) fn keep(&mut self, table: Table, key: Vec<u8>, stored: Mark, value: Zeroizing<Vec<u8>>) {
        if self.rows.len() < KEPT {
            let held = Held {
                stored: Some(stored),
                value: Some(value),
                waits: false,
                settles: None,
                used: Cell::new(self.turn),
            };
            self.rows.insert(table, key, held);
        }
    }

    /// The changes of a range that wait.
    pub(super) fn changes(
        &self,
        table: Table,
        range: crate::store::KeyRange<'_>,
    ) -> impl Iterator<Item = (&[u8], Option<&Zeroizing<Vec<u8>>>)> {
        self.rows.range(table, range).filter(|(_, held)| held.waits).map(|(key, held)| (key, held.value.as_ref()))
    }

    /// All rows that wait.
    pub(super) fn waiting_mut(&mut self) -> impl Iterator<Item = (Table, &Vec<u8>, &mut Held)> {
        self.rows.iter_mut().filter(|(_, _, held)| held.waits)
    }

    /// All that waited is in the store. What is gone, or was not used for long, is let go.
    pub(super) fn written(&mut self) {
        self.waiting = 0;
        self.parts.clear();
        self.rows.iter_mut().for_each(|(_, _, held)| held.waits = false);
        let since = if self.rows.len() > KEPT { self.turn } else { self.turn.saturating_sub(IDLE_TURNS) };
        self.rows.retain(|held| held.value.is_some() && held.used.get() >= since);
        self.turn += 1;
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.parts.clear();
        self.waiting = 0;
    }
}
