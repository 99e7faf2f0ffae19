//! Generations: rows that are sealed with one key of the keyring, so that what is left of them in files can be made
//! unreadable by throwing the key away, once the rows that still count have gone over to other ones (`rotate`).
//!
//! A new row belongs to the *nursery*. What is still there when the nursery ends settles in a generation of its
//! [`Class`], among rows that will go when it goes. A generation becomes *stale* when one of its rows is changed or
//! deleted. The keys of its rows are listed in rows of [`Table::Generation`]:
//!
//! ```text
//! 0                            → stale generations: generation (4)…
//! 1 · generation (4) · number (4) → keys of its rows: table (1) · length shared with the key before (1) · length of the rest (1) · rest…
//! 2 · generation (4)           → nothing: all its rows are gone, its key is to be thrown away
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::INLINE;
use super::keyring::{FIRST, Generation};
use super::sums::Mark;
use crate::error::StoreError;
use crate::store::{Row, Table};
use crate::time::{DAY, HOUR, MINUTE, Time};

/// Rows after which a generation takes no more: what one deletion makes the rotation seal anew at most.
const FULL: u32 = 512;
/// Rows after which the nursery should end, even if nothing was deleted: rows changed often are listed again and again.
const GROWN: u32 = 4_096;
/// Settled generations that take rows at one time.
const GROWING: usize = 24;

/// The row of stale generations.
pub(super) const STALE: &[u8] = &[0];
/// First bytes of the other keys in [`Table::Generation`].
const LIST: u8 = 1;
const SPENT: u8 = 2;

/// What decides together with which other rows a row settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u64);

impl Class {
    /// Rows that are changed again and again.
    pub const STATE: Class = Class(0);
    /// Messages that stay.
    pub const LASTING: Class = Class(1);
    /// What was said, kept beside the messages.
    pub const EVIDENCE: Class = Class(2);
    /// Words.
    pub const SEARCH: Class = Class(3);

    /// Messages that go at about the same time: on one day, in one hour of the next day, in ten minutes of the next hour.
    pub fn until(goes: Time, now: Time) -> Class {
        let slot = match goes.since(now) {
            left if left > DAY => DAY,
            left if left > HOUR => HOUR,
            _ => 10 * MINUTE,
        };
        Class(goes.as_ms().div_ceil(slot).saturating_mul(slot).max(4))
    }
}

/// A generation that takes rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Growing {
    generation: Generation,
    /// Rows of [`Table::Generation`] that list its keys.
    lists: u32,
    /// Keys listed.
    rows: u32,
}

/// Which generations take rows; it is kept in the root row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generations {
    /// The next generation to begin.
    pub next: Generation,
    nursery: Growing,
    settled: Vec<(Class, Growing)>,
}

impl Growing {
    fn new(generation: Generation) -> Growing {
        Growing { generation, lists: 0, rows: 0 }
    }
}

impl Default for Generations {
    /// Those of an empty store.
    fn default() -> Generations {
        Generations { next: FIRST + 1, nursery: Growing::new(FIRST), settled: Vec::new() }
    }
}

impl Generations {
    /// Where new rows go.
    pub(super) fn nursery(&self) -> Generation {
        self.nursery.generation
    }

    /// Whether the nursery has rows.
    pub(super) fn has_young(&self) -> bool {
        self.nursery.rows > 0
    }

    /// Whether the nursery should end soon.
    pub(super) fn is_grown(&self) -> bool {
        self.nursery.rows >= GROWN
    }

    /// The nursery ends, and with it whatever is stale: rows settle elsewhere.
    pub(super) fn begin_nursery(&mut self, generation: Generation, stale: &BTreeSet<Generation>) {
        self.nursery = Growing::new(generation);
        self.settled.retain(|(_, growing)| !stale.contains(&growing.generation));
    }

    /// A generation takes no more rows.
    pub(super) fn close(&mut self, generation: Generation) {
        self.settled.retain(|(_, growing)| growing.generation != generation);
    }

    /// Where rows of a class settle; `None` when a generation must begin for them.
    pub(super) fn settling(&self, class: Class) -> Option<Generation> {
        let found = self.settled.iter().find(|(known, growing)| *known == class && growing.rows < FULL);
        found.map(|(_, growing)| growing.generation)
    }

    /// Rows of a class settle in this generation from now on.
    pub(super) fn settle(&mut self, class: Class, generation: Generation) {
        self.settled.retain(|(known, _)| *known != class);
        if self.settled.len() >= GROWING {
            self.settled.remove(0);
        }
        self.settled.push((class, Growing::new(generation)));
    }

    fn growing(&mut self, generation: Generation) -> Option<&mut Growing> {
        let settled = self.settled.iter_mut().map(|(_, growing)| growing);
        std::iter::once(&mut self.nursery).chain(settled).find(|growing| growing.generation == generation)
    }

    /// `next (4) · nursery (12) · (class (8) · growing (12))…`.
    pub(super) fn encode(&self) -> Vec<u8> {
        let growing = |g: &Growing| [g.generation, g.lists, g.rows].map(u32::to_be_bytes).concat();
        let mut out = [self.next.to_be_bytes().to_vec(), growing(&self.nursery)].concat();
        for (class, settled) in &self.settled {
            out.extend_from_slice(&class.0.to_be_bytes());
            out.extend_from_slice(&growing(settled));
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Generations> {
        let growing = |bytes: &[u8]| {
            let number = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
            Some(Growing { generation: number(0)?, lists: number(4)?, rows: number(8)? })
        };
        let (next, rest) = bytes.split_first_chunk::<4>()?;
        let (nursery, rest) = rest.split_first_chunk::<12>()?;
        let settled = |bytes: &[u8]| {
            let (class, rest) = bytes.split_first_chunk::<8>()?;
            Some((Class(u64::from_be_bytes(*class)), growing(rest)?))
        };
        let settled = rest.chunks(20).map(settled).collect::<Option<Vec<_>>>()?;
        Some(Generations { next: u32::from_be_bytes(*next), nursery: growing(nursery)?, settled })
    }
}

/// Generations of which a row was changed or deleted.
#[derive(Default)]
pub(super) struct Stale {
    pub generations: BTreeSet<Generation>,
    /// The row that names them, as the sums see it.
    pub stored: Option<Mark>,
    /// Whether that row is to be written.
    pub changed: bool,
}

impl Stale {
    pub(super) fn insert(&mut self, generation: Generation) {
        self.changed |= self.generations.insert(generation);
    }

    pub(super) fn remove(&mut self, generation: Generation) {
        self.changed |= self.generations.remove(&generation);
    }

    /// The row's value; `None` for no row.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let bytes: Vec<u8> = self.generations.iter().flat_map(|generation| generation.to_be_bytes()).collect();
        (!bytes.is_empty()).then_some(bytes)
    }

    pub(super) fn decode(bytes: &[u8], stored: Mark) -> Option<Stale> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        let generations = numbers.iter().map(|number| u32::from_be_bytes(*number)).collect();
        rest.is_empty().then_some(Stale { generations, stored: Some(stored), changed: false })
    }
}

/// Keys of rows that are being written, by generation.
#[derive(Default)]
pub(super) struct Lists(BTreeMap<Generation, List>);

#[derive(Default)]
struct List {
    rows: u32,
    full: Vec<Vec<u8>>,
    open: Vec<u8>,
    last: Vec<u8>,
}

impl Lists {
    /// Notes a row, in order of table and key.
    pub(super) fn add(&mut self, generation: Generation, table: Table, key: &[u8]) {
        let list = self.0.entry(generation).or_default();
        if list.open.len() + 3 + key.len() > INLINE {
            list.full.push(std::mem::take(&mut list.open));
            list.last.clear();
        }
        let shared = key.iter().zip(&list.last).take_while(|(a, b)| a == b).count();
        list.open.extend_from_slice(&[table.byte(), shared as u8, (key.len() - shared) as u8]);
        list.open.extend_from_slice(&key[shared..]);
        list.last.clear();
        list.last.extend_from_slice(key);
        list.rows += 1;
    }

    /// The rows of [`Table::Generation`] that they come to, counted in `generations`.
    pub(super) fn finish(self, generations: &mut Generations) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for (generation, list) in self.0 {
            let growing = generations.growing(generation).ok_or(StoreError::Corrupt("generation"))?;
            growing.rows = growing.rows.saturating_add(list.rows);
            for value in list.full.into_iter().chain([list.open]) {
                rows.push((list_key(generation, growing.lists), value));
                growing.lists += 1;
            }
        }
        Ok(rows)
    }
}

/// The tables and keys of rows in a list.
pub(super) fn listed(mut list: &[u8]) -> Option<Vec<(Table, Vec<u8>)>> {
    let mut out: Vec<(Table, Vec<u8>)> = Vec::new();
    while let Some(([table, shared, length], rest)) = list.split_first_chunk::<3>() {
        let table = Table::ALL.into_iter().find(|known| known.byte() == *table)?;
        let before = out.last().map_or(&[][..], |(_, key)| key);
        let (own, rest) = rest.split_at_checked(usize::from(*length))?;
        let key = [before.get(..usize::from(*shared))?, own].concat();
        out.push((table, key));
        list = rest;
    }
    list.is_empty().then_some(out)
}

/// What keys of a generation's lists begin with.
pub(super) fn lists_of(generation: Generation) -> Vec<u8> {
    [&[LIST], generation.to_be_bytes().as_slice()].concat()
}

fn list_key(generation: Generation, number: u32) -> Vec<u8> {
    [lists_of(generation).as_slice(), &number.to_be_bytes()].concat()
}

/// The key of the row that says that a generation's key is to be thrown away.
pub(super) fn spent_key(generation: Generation) -> Vec<u8> {
    [&[SPENT], generation.to_be_bytes().as_slice()].concat()
}

/// What keys of such rows begin with, and the generation that one names.
pub(super) const ALL_SPENT: &[u8] = &[SPENT];

pub(super) fn spent(key: &[u8]) -> Option<Generation> {
    Some(u32::from_be_bytes(*key.strip_prefix(ALL_SPENT)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    //! R25.

    use super::*;

    #[test]
    fn lists_give_back_what_was_noted_however_long_they_are() {
        let mut lists = Lists::default();
        let keys: Vec<(Table, Vec<u8>)> = (0..500_u16)
            .map(|n| {
                (if n < 300 { Table::Message } else { Table::Mls }, [n.to_be_bytes().as_slice(), &[7; 50]].concat())
            })
            .chain([(Table::Search, vec![]), (Table::Search, vec![9; 64])])
            .collect();
        keys.iter().for_each(|(table, key)| lists.add(FIRST, *table, key));
        let mut generations = Generations::default();
        let rows = lists.finish(&mut generations).unwrap();
        assert!(rows.len() > 1 && rows.iter().all(|(key, value)| key.len() == 9 && value.len() <= INLINE));
        let back: Vec<_> = rows.iter().flat_map(|(_, value)| listed(value).unwrap()).collect();
        assert_eq!(back, keys);
        assert_eq!((generations.nursery.rows, generations.nursery.lists), (502, rows.len() as u32));
    }

    #[test]
    fn a_damaged_list_is_no_list() {
        let mut lists = Lists::default();
        lists.add(FIRST, Table::Message, b"one key");
        lists.add(FIRST, Table::Message, b"one more");
        let (_, list) = lists.finish(&mut Generations::default()).unwrap().remove(0);
        for cut in 1..list.len() {
            assert!(listed(&list[..cut]).is_none_or(|keys| keys.len() == 1), "cut at {cut}");
        }
        assert_eq!(listed(&[250, 0, 0]), None);
        assert_eq!(listed(&[Table::Message.byte(), 3, 0]), None, "shares with nothing");
    }

    #[test]
    fn what_takes_rows_is_kept_as_it_is() {
        let mut generations = Generations::default();
        for n in 0..(GROWING as u32 + 3) {
            generations.settle(Class(u64::from(n) + 10), n + 5);
        }
        assert_eq!(generations.settled.len(), GROWING);
        assert_eq!(generations.settling(Class(12)), None, "the oldest take no more");
        assert_eq!(generations.settling(Class(13)), Some(8));
        let bytes = generations.encode();
        assert_eq!(Generations::decode(&bytes), Some(generations));
        for cut in (1..bytes.len()).filter(|cut| *cut < 16 || (cut - 16) % 20 != 0) {
            assert_eq!(Generations::decode(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_full_generation_takes_no_more() {
        let mut generations = Generations::default();
        generations.settle(Class::LASTING, 9);
        let mut lists = Lists::default();
        (0..FULL as u16).for_each(|n| lists.add(9, Table::Message, &n.to_be_bytes()));
        lists.finish(&mut generations).unwrap();
        assert_eq!(generations.settling(Class::LASTING), None);
        generations.settle(Class::LASTING, 10);
        assert_eq!(generations.settling(Class::LASTING), Some(10));
        generations.close(10);
        assert_eq!(generations.settling(Class::LASTING), None);
    }

    #[test]
    fn messages_settle_with_those_that_go_when_they_go() {
        let now = Time::from_ms(1_800_000_000_000);
        let class = |left: u64| Class::until(now.plus(left), now);
        assert_eq!(class(3 * DAY), class(3 * DAY + 1));
        assert_ne!(class(3 * DAY), class(4 * DAY));
        assert_ne!(class(5 * HOUR), class(6 * HOUR));
        assert_ne!(class(10 * MINUTE), class(20 * MINUTE));
        assert_eq!(Class::until(Time::ZERO, now), Class(4), "never that of another kind");
        assert_eq!(class(u64::MAX), class(u64::MAX), "the latest instant has a class too");
    }
}
