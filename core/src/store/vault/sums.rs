//! What sealing cannot show: that a row is missing, or is an older one that was put back.
//!
//! The root row holds sums over all rows, and every batch that changes rows changes it too. A sum is the multiset hash
//! MSet-Add-Hash of Clarke, Devadas, van Dijk, Gassend and Suh, “Incremental Multiset Hash Functions and Their
//! Application to Memory Integrity Checking” (ASIACRYPT 2003): the sum modulo 2^256 of a keyed hash of every row, and the
//! number of rows. A row goes in by adding its hash and out by subtracting it, so that a batch costs as much as it has
//! rows, however many there are. Their construction adds a random term to hide the sum from whoever may choose rows;
//! ours is sealed instead, and never leaves the root row.
//!
//! What is hashed is a row's nonce and tag: the tag binds table, key and value, and both stand in its first 47 bytes.
//!
//! A whole store put back as it was some time ago is consistent in itself. That, a device learns from its relay.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::key::Key;
use super::keyring::Generation;
use super::seal;
use crate::error::StoreError;
use crate::limits;
use crate::store::Table;

/// A sum over rows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    high: u128,
    low: u128,
    rows: u64,
}

/// Bytes of a [`Root`].
pub(super) const ROOT: usize = 96;

/// What the root row says of all rows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Root {
    /// Rows of tables that are checked whenever the store is opened.
    pub watched: Sum,
    /// Rows of all other tables but those that are summed in parts.
    pub rest: Sum,
    /// Bytes of all rows, keys and sealed values, a row's further pieces counted as full.
    pub live: u64,
    /// The generation of the key row, so that an older one is noticed.
    pub keys: u64,
}

/// A stored row, as a sum sees it.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    hash: [u8; 32],
    /// Bytes of key and value.
    size: u64,
    /// Further rows that belong to it.
    pub pieces: u16,
    /// The key that it is sealed with.
    pub generation: Generation,
}

/// Hashes rows.
pub(super) struct Marker(Hmac<Sha256>);

impl Marker {
    pub(super) fn new(key: &Key) -> Result<Marker, StoreError> {
        Hmac::new_from_slice(&key[..]).map(Marker).map_err(|_| StoreError::Corrupt("key row"))
    }

    pub(super) fn mark(&self, key: &[u8], stored: &[u8]) -> Result<Mark, StoreError> {
        let mut mac = self.0.clone();
        mac.update(seal::identity(stored)?);
        let pieces = seal::pieces(stored)?;
        let size = key.len() + stored.len() + usize::from(pieces) * limits::STORE_VALUE;
        Ok(Mark {
            hash: mac.finalize().into_bytes().into(),
            size: size as u64,
            pieces,
            generation: seal::generation(stored)?,
        })
    }
}

impl Sum {
    /// Takes in that a row was `old` and becomes `new`.
    pub(super) fn change(&mut self, old: Option<&Mark>, new: Option<&Mark>) {
        old.into_iter().for_each(|mark| self.remove(mark));
        new.into_iter().for_each(|mark| self.add(mark));
    }

    /// Whether it is that of no rows.
    pub(super) fn is_empty(&self) -> bool {
        *self == Sum::default()
    }

    /// `high (16) · low (16) · rows (8)`.
    pub(super) fn encode(&self) -> [u8; 40] {
        let mut out = [0; 40];
        out[..16].copy_from_slice(&self.high.to_be_bytes());
        out[16..32].copy_from_slice(&self.low.to_be_bytes());
        out[32..].copy_from_slice(&self.rows.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Sum> {
        let half = |at: usize| Some(u128::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let sum = Sum { high: half(0)?, low: half(16)?, rows: u64::from_be_bytes(*bytes.get(32..)?.first_chunk()?) };
        (bytes.len() == 40).then_some(sum)
    }

    fn add(&mut self, mark: &Mark) {
        let (high, low) = halves(&mark.hash);
        let (sum, carry) = self.low.overflowing_add(low);
        self.low = sum;
        self.high = self.high.wrapping_add(high).wrapping_add(carry.into());
        self.rows = self.rows.wrapping_add(1);
    }

    fn remove(&mut self, mark: &Mark) {
        let (high, low) = halves(&mark.hash);
        let (difference, borrow) = self.low.overflowing_sub(low);
        self.low = difference;
        self.high = self.high.wrapping_sub(high).wrapping_sub(borrow.into());
        self.rows = self.rows.wrapping_sub(1);
    }
}

impl Root {
    /// Takes in that a row was `old` and becomes `new`.
    pub(super) fn change(&mut self, table: Table, old: Option<&Mark>, new: Option<&Mark>) {
        let size = |mark: Option<&Mark>| mark.map_or(0, |mark| mark.size);
        self.live = self.live.wrapping_sub(size(old)).wrapping_add(size(new));
        if table.is_watched() {
            self.watched.change(old, new);
        } else if !table.is_summed_in_parts() {
            self.rest.change(old, new);
        }
    }

    /// `watched (40) · rest (40) · live (8) · keys (8)`.
    pub(super) fn encode(&self) -> [u8; ROOT] {
        let mut out = [0; ROOT];
        out[..40].copy_from_slice(&self.watched.encode());
        out[40..80].copy_from_slice(&self.rest.encode());
        out[80..88].copy_from_slice(&self.live.to_be_bytes());
        out[88..].copy_from_slice(&self.keys.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Root> {
        let number = |at: usize| Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let sum = |at: usize| Sum::decode(bytes.get(at..at + 40)?);
        let root = Root { watched: sum(0)?, rest: sum(40)?, live: number(80)?, keys: number(88)? };
        (bytes.len() == ROOT).then_some(root)
    }
}

fn halves(hash: &[u8; 32]) -> (u128, u128) {
    let half = |from: usize| hash[from..].first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
    (half(0), half(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(hash: [u8; 32]) -> Mark {
        Mark { hash, size: 1, pieces: 0, generation: 1 }
    }

    #[test]
    fn a_sum_is_that_of_its_rows_in_any_order() {
        let (a, b, c) = (mark([0xff; 32]), mark([0x80; 32]), mark([7; 32]));
        let mut one = Sum::default();
        [&a, &b, &c].into_iter().for_each(|mark| one.add(mark));
        let mut other = Sum::default();
        [&c, &a, &a, &b].into_iter().for_each(|mark| other.add(mark));
        assert!(one != other);
        other.remove(&a);
        assert!(one == other);
        [&a, &b, &c].into_iter().for_each(|mark| one.remove(mark));
        assert!(one == Sum::default());
    }

    #[test]
    fn carries_and_borrows_cross_the_halves() {
        let mut low = [0; 32];
        low[16..].fill(0xff);
        let mut sum = Sum::default();
        sum.add(&mark(low));
        sum.add(&mark(low));
        assert_eq!((sum.high, sum.low), (1, u128::MAX - 1));
        sum.remove(&mark(low));
        assert_eq!((sum.high, sum.low), (0, u128::MAX));
    }

    #[test]
    fn the_root_row_holds_everything() {
        let sum = |n: u64| Sum { high: u128::MAX - u128::from(n), low: u128::from(n), rows: n };
        let root = Root { watched: sum(3), rest: sum(5), live: 7, keys: 9 };
        assert!(Root::decode(&root.encode()) == Some(root));
        assert!(Root::decode(&root.encode()[1..]).is_none());
    }
}
