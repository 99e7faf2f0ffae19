//! Values larger than a store's row, in pages.
//!
//! The MLS library keeps the message keys of a whole group in one value, of which a message changes one or two
//! hundred bytes. So a value is cut along its own structure (see [`structure`](super::structure)), where neither
//! secrets nor their lengths move the cuts, and of a changed value only the changed pages are written. A page that
//! stays keeps its number, a changed one takes the number of one that vanished: so the list of numbers hardly ever
//! changes.
//!
//! ```text
//! row 0:  0 · value                       a value that fits in one row
//! row 0:  1 · page number (4) …           the pages of a value, in order
//! row 0:  2 · page number (4) …           the pages of that list, when it does not fit itself
//! row n:  a piece of the value, or of the list
//! ```

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::structure;
use crate::error::{Error, StoreError};

/// Length of what the names of a group's values begin with: the store checks such rows together.
pub(crate) const SCOPE: usize = 8;
/// Name of a value: what belongs to it, a hash of its label and key.
pub(crate) type Name = [u8; SCOPE + 16];
/// Length of a row's key: a name and a page number.
pub(crate) const ROW_KEY: usize = SCOPE + 16 + 4;

/// The rows of the MLS library in the engine's transaction ([`Table::Mls`](crate::store::Table::Mls)).
///
/// Writes go to the transaction's overlay and cannot fail; a read sees the writes before it.
pub(crate) trait MlsRows {
    /// The value of a row.
    fn get(&self, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;
    /// Writes a row.
    fn put(&self, key: &[u8], value: Zeroizing<Vec<u8>>);
    /// Deletes a row, if it is there.
    fn delete(&self, key: &[u8]);
}

/// Largest row; below [`limits::STORE_VALUE`](crate::limits::STORE_VALUE), to leave room for the store's seal.
pub(super) const ROW_MAX: usize = 3_900;
/// Page numbers of one page of the list.
const LIST_PAGE: usize = 900;

/// How a value is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Written now and then: in one row if it fits, else in pages.
    Coarse,
    /// Written with every message, and little of it changes: in pages from a few hundred bytes on.
    Fine,
}

impl Grain {
    const fn whole_max(self) -> usize {
        match self {
            Grain::Coarse => ROW_MAX - 1,
            Grain::Fine => 256,
        }
    }
}

/// A value and the pages that it is kept in.
pub(crate) struct Stored {
    value: Zeroizing<Vec<u8>>,
    /// Number and end of each page; none when the value is in row 0.
    pages: Vec<(u32, usize)>,
    /// Numbers of the pages that the list of pages is kept in; none when it is in row 0.
    list: Vec<u32>,
}

const CORRUPT: Error = Error::Store(StoreError::Corrupt("mls page"));

impl Stored {
    /// Reads a value.
    pub(crate) fn load(rows: &dyn MlsRows, name: &Name) -> Result<Option<Stored>, Error> {
        let Some(root) = rows.get(&row_key(name, 0))? else { return Ok(None) };
        let (&kind, body) = root.split_first().ok_or(CORRUPT)?;
        let (list, numbers) = match kind {
            0 => return Ok(Some(Stored { value: body.to_vec().into(), pages: Vec::new(), list: Vec::new() })),
            1 => (Vec::new(), parse_numbers(body)?),
            2 => {
                let list = parse_numbers(body)?;
                let (numbers, _) = join(rows, name, &list)?;
                (list, parse_numbers(&numbers)?)
            }
            _ => return Err(CORRUPT),
        };
        let (value, ends) = join(rows, name, &numbers)?;
        Ok(Some(Stored { value, pages: numbers.into_iter().zip(ends).collect(), list }))
    }

    /// Writes a value over what is stored, and gives what is stored then.
    pub(crate) fn replace(
        old: Option<Stored>,
        rows: &dyn MlsRows,
        name: &Name,
        value: Zeroizing<Vec<u8>>,
        grain: Grain,
    ) -> Stored {
        let ends = if value.len() <= grain.whole_max() { Vec::new() } else { structure::cut(&value, ROW_MAX) };
        let mut next = old.as_ref().map_or(1, Stored::next_page);
        let no_pages = Stored { value: Zeroizing::default(), pages: Vec::new(), list: Vec::new() };
        let before = old.as_ref().unwrap_or(&no_pages);
        let pages = replace_pages(before, rows, name, &value, &ends, &mut next);
        let list = replace_list(before, rows, name, &pages, &mut next);
        let new = Stored { value, pages, list };
        let root = new.root();
        if old.is_none_or(|old| *old.root() != *root) {
            rows.put(&row_key(name, 0), root);
        }
        new
    }

    /// Deletes a value with all its pages.
    pub(crate) fn delete(self, rows: &dyn MlsRows, name: &Name) {
        let pages = self.pages.iter().map(|(page, _)| page);
        pages.chain(&self.list).chain([&0]).for_each(|page| rows.delete(&row_key(name, *page)));
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &Zeroizing<Vec<u8>> {
        &self.value
    }

    /// Row 0.
    fn root(&self) -> Zeroizing<Vec<u8>> {
        let (kind, body) = match (self.pages.is_empty(), self.list.is_empty()) {
            (true, _) => (0, self.value.clone()),
            (false, true) => (1, numbers(self.pages.iter().map(|(page, _)| *page))),
            (false, false) => (2, numbers(self.list.iter().copied())),
        };
        let mut root = Zeroizing::new(Vec::with_capacity(1 + body.len()));
        root.push(kind);
        root.extend_from_slice(&body);
        root
    }

    fn next_page(&self) -> u32 {
        self.pages.iter().map(|(page, _)| *page).chain(self.list.iter().copied()).max().unwrap_or(0) + 1
    }

    /// The pieces that the pages hold, with their numbers.
    fn pieces(&self) -> Vec<(u32, &[u8])> {
        let mut start = 0;
        self.pages.iter().map(|(page, end)| (*page, &self.value[core::mem::replace(&mut start, *end)..*end])).collect()
    }
}

/// Writes the pieces of a value that are new and deletes those that vanished.
fn replace_pages(
    old: &Stored,
    rows: &dyn MlsRows,
    name: &Name,
    value: &[u8],
    ends: &[usize],
    next: &mut u32,
) -> Vec<(u32, usize)> {
    let mut start = 0;
    let new: Vec<&[u8]> = ends.iter().map(|end| &value[core::mem::replace(&mut start, *end)..*end]).collect();
    let old = old.pieces();
    let same_front = new.iter().zip(&old).take_while(|(new, (_, old))| *new == old).count();
    let (old_rest, new_rest) = (&old[same_front..], &new[same_front..]);
    let same_back = new_rest.iter().rev().zip(old_rest.iter().rev()).take_while(|(new, (_, old))| *new == old).count();
    let old_middle = &old_rest[..old_rest.len() - same_back];
    let new_middle = &new_rest[..new_rest.len() - same_back];

    let kept = match_pieces(old_middle, new_middle);
    let taken: Vec<u32> = kept.iter().flatten().copied().collect();
    let mut free = old_middle.iter().map(|(page, _)| *page).filter(|page| !taken.contains(page));
    let mut numbers: Vec<u32> = old[..same_front].iter().map(|(page, _)| *page).collect();
    for (piece, kept) in new_middle.iter().zip(kept) {
        numbers.push(kept.unwrap_or_else(|| {
            let page = free.next().unwrap_or_else(|| core::mem::replace(next, *next + 1));
            rows.put(&row_key(name, page), piece.to_vec().into());
            page
        }));
    }
    free.for_each(|page| rows.delete(&row_key(name, page)));
    numbers.extend(old_rest[old_rest.len() - same_back..].iter().map(|(page, _)| *page));
    numbers.into_iter().zip(ends.iter().copied()).collect()
}

/// For each new piece the page that holds the very same bytes, if any.
fn match_pieces(old: &[(u32, &[u8])], new: &[&[u8]]) -> Vec<Option<u32>> {
    let mut known = BTreeMap::<&[u8], Vec<u32>>::new();
    old.iter().rev().for_each(|(page, piece)| known.entry(piece).or_default().push(*page));
    new.iter().map(|piece| known.get_mut(piece).and_then(Vec::pop)).collect()
}

/// Writes the list of pages, if it needs pages itself.
fn replace_list(old: &Stored, rows: &dyn MlsRows, name: &Name, pages: &[(u32, usize)], next: &mut u32) -> Vec<u32> {
    let chunk = |pages: &[(u32, usize)]| numbers(pages.iter().map(|(page, _)| *page));
    let chunks = if pages.len() <= LIST_PAGE { 0 } else { pages.len().div_ceil(LIST_PAGE) };
    let mut list = Vec::with_capacity(chunks);
    for (at, part) in pages.chunks(LIST_PAGE).take(chunks).enumerate() {
        let kept = old.list.get(at).copied();
        let page = kept.unwrap_or_else(|| core::mem::replace(next, *next + 1));
        let part = chunk(part);
        if kept.is_none() || old.pages.chunks(LIST_PAGE).nth(at).is_none_or(|old| *chunk(old) != *part) {
            rows.put(&row_key(name, page), part);
        }
        list.push(page);
    }
    old.list.iter().skip(chunks).for_each(|page| rows.delete(&row_key(name, *page)));
    list
}

/// The bytes of pages in a row, and where each ends.
fn join(rows: &dyn MlsRows, name: &Name, numbers: &[u32]) -> Result<(Zeroizing<Vec<u8>>, Vec<usize>), Error> {
    let mut pages = Vec::with_capacity(numbers.len());
    for page in numbers {
        pages.push(rows.get(&row_key(name, *page))?.ok_or(CORRUPT)?);
    }
    // Reserved in one piece: a growing vector would leave copies of secrets behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(pages.iter().map(|page| page.len()).sum()));
    let mut ends = Vec::with_capacity(pages.len());
    for page in pages {
        bytes.extend_from_slice(&page);
        ends.push(bytes.len());
    }
    Ok((bytes, ends))
}

fn numbers(pages: impl Iterator<Item = u32>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(pages.flat_map(u32::to_be_bytes).collect())
}

fn parse_numbers(bytes: &[u8]) -> Result<Vec<u32>, Error> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if rest.is_empty() { Ok(numbers.iter().map(|n| u32::from_be_bytes(*n)).collect()) } else { Err(CORRUPT) }
}

fn row_key(name: &Name, page: u32) -> [u8; ROW_KEY] {
    let mut key = [0; ROW_KEY];
    let (start, end) = key.split_at_mut(SCOPE + 16);
    start.copy_from_slice(name);
    end.copy_from_slice(&page.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::rng::Rng;
    use crate::session::testing::Rows;

    const NAME: Name = [9; SCOPE + 16];

    #[derive(Clone, Serialize)]
    struct Record {
        number: u32,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    }

    fn records(rng: &mut Rng, count: usize, size: u64) -> Vec<Record> {
        let record = |number| {
            let mut bytes = vec![0; rng.below(size) as usize];
            rng.fill(&mut bytes);
            Record { number, bytes }
        };
        (0..count as u32).map(record).collect()
    }

    fn encoded(records: &[Record]) -> Zeroizing<Vec<u8>> {
        rmp_serde::to_vec_named(records).unwrap().into()
    }

    fn replace(rows: &Rows, value: &[u8], grain: Grain) -> Stored {
        let old = Stored::load(rows, &NAME).unwrap();
        Stored::replace(old, rows, &NAME, value.to_vec().into(), grain)
    }

    fn loaded(rows: &Rows) -> Vec<u8> {
        Stored::load(rows, &NAME).unwrap().unwrap().value().to_vec()
    }

    /// What was read and what was kept in memory must lead to the same writes, and no row may be left behind.
    fn check(rows: &Rows, stored: &Stored, value: &[u8]) {
        assert_eq!(loaded(rows), value);
        let read = Stored::load(rows, &NAME).unwrap().unwrap();
        assert!(read.pages == stored.pages && read.list == stored.list && read.value == stored.value);
        assert_eq!(rows.snapshot().len(), 1 + stored.pages.len() + stored.list.len());
    }

    #[test]
    fn values_of_every_size_come_back_and_go_without_a_trace() {
        let (rows, mut rng) = (Rows::default(), Rng::from_seed([1; 32]));
        for grain in [Grain::Coarse, Grain::Fine] {
            for size in [0, 1, 255, 256, 257, 3_898, 3_899, 3_900, 3_901, 10_000, 100_000] {
                let mut value = vec![0; size];
                rng.fill(&mut value);
                let stored = replace(&rows, &value, grain);
                check(&rows, &stored, &value);
                let before = rows.snapshot();
                rows.take_writes();
                replace(&rows, &value, grain);
                assert_eq!(rows.take_writes(), (0, 0), "the same again");
                assert!(rows.snapshot() == before);
            }
        }
        Stored::load(&rows, &NAME).unwrap().unwrap().delete(&rows, &NAME);
        assert!(rows.snapshot().is_empty());
    }

    #[test]
    fn random_edits_in_a_row_never_lose_a_byte() {
        let (rows, mut rng) = (Rows::default(), Rng::from_seed([2; 32]));
        let mut records = records(&mut rng, 40, 300);
        let mut held = None;
        for round in 0..2_000 {
            let at = rng.below(records.len() as u64) as usize;
            match rng.below(8) {
                0 if records.len() > 1 => drop(records.remove(at)),
                1 if records.len() < 90 => records.insert(at, self::records(&mut rng, 1, 5_000).remove(0)),
                2 => records[at].bytes.clear(),
                3 => records.swap(0, at),
                _ => records[at] = self::records(&mut rng, 1, 300).remove(0),
            }
            let value = encoded(&records);
            let grain = if round % 100 < 50 { Grain::Fine } else { Grain::Coarse };
            let stored = Stored::replace(held.take(), &rows, &NAME, value.clone(), grain);
            check(&rows, &stored, &value);
            held = Some(stored);
        }
    }

    #[test]
    fn a_changed_element_rewrites_its_own_page_only() {
        let (rows, mut rng) = (Rows::default(), Rng::from_seed([3; 32]));
        for count in [4, 16, 60, 400] {
            let mut records = records(&mut rng, count, 250);
            replace(&rows, &encoded(&records), Grain::Fine);
            for at in 0..count {
                rng.fill(&mut records[at].bytes);
                let grown = at % 3 == 0;
                records[at].bytes.extend_from_slice(if grown { b"longer" } else { b"" });
                rows.take_writes();
                replace(&rows, &encoded(&records), Grain::Fine);
                let (bytes, writes) = rows.take_writes();
                // A growing element can push the border of its neighbours' small pages.
                assert!(writes <= if grown { 4 } else { 1 }, "{count} elements, {at}: {writes} rows");
                assert!(bytes < 2_500, "{count} elements, {at}: {bytes} bytes");
            }
        }
    }

    #[test]
    fn elements_that_move_up_keep_their_pages() {
        // As past epochs do: the oldest goes, a new one comes.
        let (rows, mut rng) = (Rows::default(), Rng::from_seed([4; 32]));
        let mut records = records(&mut rng, 5, 9_000);
        replace(&rows, &encoded(&records), Grain::Coarse);
        records.remove(0);
        records.extend(self::records(&mut rng, 1, 9_000));
        let new = records[4].bytes.len();
        rows.take_writes();
        let stored = replace(&rows, &encoded(&records), Grain::Coarse);
        check(&rows, &stored, &encoded(&records));
        let (bytes, _) = rows.take_writes();
        // Besides the new element, the first page is written, as it begins with the head of the list.
        assert!(bytes < new + ROW_MAX + 500, "{bytes} bytes for a new element of {new}");
    }

    #[test]
    fn a_list_of_pages_that_is_too_long_has_pages_itself() {
        let (rows, mut rng) = (Rows::default(), Rng::from_seed([5; 32]));
        let mut records = records(&mut rng, 12_000, 200);
        let stored = replace(&rows, &encoded(&records), Grain::Fine);
        assert!(stored.pages.len() > 2 * LIST_PAGE && stored.list.len() > 2);
        check(&rows, &stored, &encoded(&records));
        records[7_000].bytes.fill(0);
        rows.take_writes();
        replace(&rows, &encoded(&records), Grain::Fine);
        assert_eq!(rows.take_writes().1, 1);
        records.truncate(10);
        let stored = replace(&rows, &encoded(&records), Grain::Fine);
        check(&rows, &stored, &encoded(&records));
    }

    #[test]
    fn damaged_rows_are_an_error_and_no_panic() {
        let mut rng = Rng::from_seed([6; 32]);
        for count in [30, 12_000] {
            let rows = Rows::default();
            replace(&rows, &encoded(&records(&mut rng, count, 200)), Grain::Fine);
            let good = rows.snapshot();
            let damage = |key: &[u8], value: Option<Vec<u8>>| {
                let mut bad = good.clone();
                match value {
                    Some(value) => bad.insert(key.to_vec(), value),
                    None => bad.remove(key),
                };
                rows.restore(bad);
                Stored::load(&rows, &NAME).map(|stored| stored.is_some())
            };
            let (root, last) = (row_key(&NAME, 0), good.keys().next_back().unwrap().clone());
            assert_eq!(damage(&last, None), Err(CORRUPT), "a page is missing");
            assert_eq!(damage(&root, Some(vec![])), Err(CORRUPT), "an empty row 0");
            assert_eq!(damage(&root, Some(vec![3, 0, 0, 0, 1])), Err(CORRUPT), "an unknown kind");
            let mut short = good[&root[..]].clone();
            short.pop();
            assert_eq!(damage(&root, Some(short)), Err(CORRUPT), "a list cut off");
            assert_eq!(damage(&root, None), Ok(false), "no value at all");
        }
    }
}
