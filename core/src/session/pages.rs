//! Values larger than a store's row, as pages cut by content.
//!
//! The MLS library keeps all message keys of a group in one value of up to 900 kB, of which a message changes
//! some 200 bytes. So a value is cut where a rolling hash of its bytes says so: an insertion moves the cuts with it,
//! and all pages but those that it touches keep their bytes. A *manifest* lists the number and digest of every page
//! in order; a page with a known digest keeps its number and is not written again. A manifest that is itself too
//! large is cut into pages in the same way, as often as needed.
//!
//! ```text
//! row 0:    0 · value                             a value that fits in one row
//! row 0:    depth ≥ 1 · entry …                   a manifest; depth 1 lists pages of the value,
//! row n:    piece of the value, or entries        depth 2 lists pages of a manifest of depth 1, …
//! entry:    page number (4, big-endian) · first 16 bytes of SHA-256 of the page
//! ```
//!
//! Where a cut falls depends on some ten bits of the bytes before it, so the lengths of pages tell a reader of a
//! sealed store about as much: nothing of use against keys of 256 bits.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, StoreError};

/// Name of a value: a hash of its label and key.
pub(crate) type Name = [u8; 16];
/// Length of a row's key: a name and a page number.
pub(crate) const ROW_KEY: usize = 20;

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

/// Largest page; below [`limits::STORE_VALUE`](crate::limits::STORE_VALUE), to leave room for the store's seal.
const PAGE_MAX: usize = 3_900;
/// Smallest page, but for the last one.
const PAGE_MIN: usize = 256;
/// A cut falls where these bits of the rolling hash are zero: every 1,024 bytes on average, after [`PAGE_MIN`].
const CUT_MASK: u64 = 0x3ff << 54;
/// Up to this size a value is one row: cheaper than a page and a manifest.
const WHOLE_MAX: usize = 1_024;

const ENTRY: usize = 20;
/// Entries of one page of a manifest at most.
const ENTRIES_MAX: usize = (PAGE_MAX - 1) / ENTRY;
/// A page of a manifest ends after an entry whose digest has these bits zero: every 32 entries on average.
const ENTRY_CUT_MASK: u8 = 0x1f;
/// Deeper manifests are not ours: 195 entries a page make four levels enough for terabytes.
const DEPTH_MAX: u8 = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    page: u32,
    digest: [u8; 16],
}

/// Reads a value.
pub(crate) fn read(rows: &dyn MlsRows, name: &Name) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let Some(root) = rows.get(&row_key(name, 0))? else { return Ok(None) };
    let (&depth, body) = root.split_first().ok_or(CORRUPT)?;
    if depth == 0 {
        return Ok(Some(Zeroizing::new(body.to_vec())));
    }
    let mut data = Zeroizing::new(body.to_vec());
    for _ in 0..check_depth(depth)? {
        data = join(rows, name, &parse_entries(&data)?)?;
    }
    Ok(Some(data))
}

/// Writes a value; only pages that are new are written.
pub(crate) fn write(rows: &dyn MlsRows, name: &Name, value: Zeroizing<Vec<u8>>) -> Result<(), Error> {
    let mut old = Old::load(rows, name)?;
    let mut depth = 0u8;
    let mut data = value;
    while data.len() > if depth == 0 { WHOLE_MAX } else { PAGE_MAX - 1 } {
        let cuts = if depth == 0 { cut(&data) } else { cut_entries(&data) };
        data = old.replace_level(rows, name, usize::from(depth), cuts);
        depth += 1;
    }
    old.delete_rest(rows, name, usize::from(depth));
    let mut root = Zeroizing::new(Vec::with_capacity(1 + data.len()));
    root.push(depth);
    root.extend_from_slice(&data);
    if old.root.as_ref() != Some(&root) {
        rows.put(&row_key(name, 0), root);
    }
    Ok(())
}

/// Deletes a value with all its pages.
pub(crate) fn delete(rows: &dyn MlsRows, name: &Name) -> Result<(), Error> {
    let mut old = Old::load(rows, name)?;
    old.delete_rest(rows, name, 0);
    if old.root.is_some() {
        rows.delete(&row_key(name, 0));
    }
    Ok(())
}

/// What is stored under a name before a write.
struct Old {
    root: Option<Zeroizing<Vec<u8>>>,
    /// Entries that list the pages of the value, then those of its manifest, then of the manifest's manifest, ….
    levels: Vec<Vec<Entry>>,
    next_page: u32,
}

impl Old {
    fn load(rows: &dyn MlsRows, name: &Name) -> Result<Old, Error> {
        let Some(root) = rows.get(&row_key(name, 0))? else {
            return Ok(Old { root: None, levels: Vec::new(), next_page: 1 });
        };
        let (&depth, body) = root.split_first().ok_or(CORRUPT)?;
        let mut levels = Vec::new();
        if depth > 0 {
            let mut entries = parse_entries(body)?;
            for _ in 1..check_depth(depth)? {
                let below = parse_entries(&join(rows, name, &entries)?)?;
                levels.push(core::mem::replace(&mut entries, below));
            }
            levels.push(entries);
            levels.reverse();
        }
        let last_page = levels.iter().flatten().map(|e| e.page).max().unwrap_or(0);
        Ok(Old { root: Some(root), levels, next_page: last_page.checked_add(1).ok_or(CORRUPT)? })
    }

    /// Writes the pieces that are new on a level, deletes those that vanished, and gives the entries of all.
    fn replace_level(
        &mut self,
        rows: &dyn MlsRows,
        name: &Name,
        level: usize,
        pieces: Vec<&[u8]>,
    ) -> Zeroizing<Vec<u8>> {
        let digests: Vec<[u8; 16]> = pieces.iter().map(|piece| digest(piece)).collect();
        let mut spare = BTreeMap::<[u8; 16], Vec<u32>>::new();
        for entry in self.levels.get(level).into_iter().flatten() {
            spare.entry(entry.digest).or_default().push(entry.page);
        }
        let kept: Vec<Option<u32>> = digests.iter().map(|digest| spare.get_mut(digest).and_then(Vec::pop)).collect();
        let mut free: Vec<u32> = spare.into_values().flatten().collect();
        free.sort_unstable_by(|a, b| b.cmp(a));
        let mut manifest = Zeroizing::new(Vec::with_capacity(pieces.len() * ENTRY));
        for ((piece, digest), kept) in pieces.iter().zip(&digests).zip(kept) {
            let page = kept.unwrap_or_else(|| {
                let page = free.pop().unwrap_or_else(|| self.fresh_page());
                rows.put(&row_key(name, page), Zeroizing::new(piece.to_vec()));
                page
            });
            manifest.extend_from_slice(&page.to_be_bytes());
            manifest.extend_from_slice(digest);
        }
        free.iter().for_each(|page| rows.delete(&row_key(name, *page)));
        manifest
    }

    fn fresh_page(&mut self) -> u32 {
        let page = self.next_page;
        self.next_page += 1;
        page
    }

    fn delete_rest(&mut self, rows: &dyn MlsRows, name: &Name, from_level: usize) {
        for entry in self.levels.iter().skip(from_level).flatten() {
            rows.delete(&row_key(name, entry.page));
        }
    }
}

const CORRUPT: Error = Error::Store(StoreError::Corrupt("mls page"));

fn check_depth(depth: u8) -> Result<u8, Error> {
    if depth <= DEPTH_MAX { Ok(depth) } else { Err(CORRUPT) }
}

fn join(rows: &dyn MlsRows, name: &Name, entries: &[Entry]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut pages = Vec::with_capacity(entries.len());
    for entry in entries {
        pages.push(rows.get(&row_key(name, entry.page))?.ok_or(CORRUPT)?);
    }
    // Reserved in one piece: a growing vector would leave copies of secrets behind.
    let mut data = Zeroizing::new(Vec::with_capacity(pages.iter().map(|page| page.len()).sum()));
    pages.iter().for_each(|page| data.extend_from_slice(page));
    Ok(data)
}

fn parse_entries(bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    let (entries, rest) = bytes.as_chunks::<ENTRY>();
    if !rest.is_empty() {
        return Err(CORRUPT);
    }
    Ok(entries
        .iter()
        .map(|entry| {
            let (page, digest) = entry.split_at(4);
            let (mut number, mut hash) = ([0; 4], [0; 16]);
            number.copy_from_slice(page);
            hash.copy_from_slice(digest);
            Entry { page: u32::from_be_bytes(number), digest: hash }
        })
        .collect())
}

fn row_key(name: &Name, page: u32) -> [u8; ROW_KEY] {
    let mut key = [0; ROW_KEY];
    key[..16].copy_from_slice(name);
    key[16..].copy_from_slice(&page.to_be_bytes());
    key
}

fn digest(page: &[u8]) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(page).into();
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash[..16]);
    digest
}

/// Cuts a value by a gear hash (Xia et al., “FastCDC”, USENIX ATC 2016).
fn cut(mut data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::with_capacity(data.len() / PAGE_MIN + 1);
    while !data.is_empty() {
        let (piece, rest) = data.split_at(cut_point(data));
        pieces.push(piece);
        data = rest;
    }
    pieces
}

fn cut_point(data: &[u8]) -> usize {
    let end = data.len().min(PAGE_MAX);
    let mut hash = 0u64;
    for (at, byte) in data.iter().enumerate().take(end).skip(PAGE_MIN.saturating_sub(64)) {
        hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
        if at + 1 >= PAGE_MIN && hash & CUT_MASK == 0 {
            return at + 1;
        }
    }
    end
}

/// Cuts a manifest between entries, where a digest says so.
fn cut_entries(data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let entries = data.len() / ENTRY;
    for at in 1..=entries {
        let ends = data[at * ENTRY - 1] & ENTRY_CUT_MASK == 0;
        if ends || at - start == ENTRIES_MAX || at == entries {
            pieces.push(&data[start * ENTRY..at * ENTRY]);
            start = at;
        }
    }
    pieces
}

/// Random-looking constants (SplitMix64). They decide where pages end, so changing them rewrites every value once.
const GEAR: [u64; 256] = {
    let mut table = [0; 256];
    let mut state = 0u64;
    let mut at = 0;
    while at < table.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[at] = z ^ (z >> 31);
        at += 1;
    }
    table
};
