//! Hiding parts of keys that can be guessed behind a keyed hash.

use std::cell::RefCell;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::key::Key;
use crate::error::StoreError;
use crate::store::table::Blinding;
use crate::store::{KeyRange, Table};

/// Length of a conversation id and of what stands for it.
const ID: usize = 16;
/// Length of the time before the conversation in [`Blinding::Tail`].
const TIME: usize = 8;
/// Conversations remembered: an open one is asked for with every row.
const REMEMBERED: usize = 256;

type Id = [u8; ID];

/// Replaces parts of keys by HMAC-SHA-256 truncated to 16 bytes.
pub(super) struct Blinder {
    keyed: Hmac<Sha256>,
    /// Hidden conversations, each in the one slot that its last byte names (ids are hashes, so this spreads).
    remembered: RefCell<Vec<Option<(Id, Id)>>>,
}

impl Blinder {
    pub(super) fn new(key: &Key) -> Result<Blinder, StoreError> {
        let keyed = Hmac::new_from_slice(&key[..]).map_err(|_| StoreError::Corrupt("key row"))?;
        Ok(Blinder { keyed, remembered: RefCell::new(vec![None; REMEMBERED]) })
    }

    /// The key as it is stored.
    pub(super) fn key(&self, table: Table, key: &[u8]) -> Result<Vec<u8>, StoreError> {
        match table.blinding() {
            Blinding::None => Ok(key.to_vec()),
            Blinding::Whole => Ok(self.hash(table.byte(), key).to_vec()),
            Blinding::Prefix => self.replaced(key, 0),
            Blinding::Conversation if key.len() == ID => self.replaced(key, 0),
            Blinding::Tail if key.len() == TIME + ID => self.replaced(key, TIME),
            Blinding::Conversation | Blinding::Tail => Err(StoreError::Limit("key")),
        }
    }

    /// The range as it is stored.
    pub(super) fn range(&self, table: Table, range: KeyRange<'_>) -> Result<Range, StoreError> {
        let (from, to) = (range.from, range.to);
        let whole = from.is_empty() && to.is_empty();
        match table.blinding() {
            _ if whole => Ok(Range::default()),
            Blinding::Prefix => self.within_prefix(from, to),
            Blinding::Tail => Ok(Range { from: self.tail_bound(from)?, to: self.tail_bound(to)?, prefix: None }),
            // Neighbours before hiding are none after it: bounds are keys as an earlier scan gave them.
            Blinding::None | Blinding::Conversation | Blinding::Whole => {
                Ok(Range { from: from.to_vec(), to: to.to_vec(), prefix: None })
            }
        }
    }

    /// A range of rows that begin with one conversation.
    fn within_prefix(&self, from: &[u8], to: &[u8]) -> Result<Range, StoreError> {
        let (id, _) = from.split_first_chunk::<ID>().ok_or(StoreError::Limit("scan"))?;
        let hidden = self.conversation(id);
        let to = if to.is_empty() || next(id).as_slice() == to {
            next(&hidden)
        } else if to.starts_with(id) {
            self.replaced(to, 0)?
        } else {
            return Err(StoreError::Limit("scan"));
        };
        Ok(Range { from: self.replaced(from, 0)?, to, prefix: Some(*id) })
    }

    /// A bound among times: a time or its beginning, or one with a conversation and anything behind it.
    fn tail_bound(&self, bound: &[u8]) -> Result<Vec<u8>, StoreError> {
        if bound.len() <= TIME { Ok(bound.to_vec()) } else { self.replaced(bound, TIME) }
    }

    /// `key` with the conversation at `at` hidden.
    fn replaced(&self, key: &[u8], at: usize) -> Result<Vec<u8>, StoreError> {
        let id = key.get(at..).and_then(|rest| rest.first_chunk::<ID>()).ok_or(StoreError::Limit("key"))?;
        let mut out = key.to_vec();
        out[at..at + ID].copy_from_slice(&self.conversation(id));
        Ok(out)
    }

    /// What stands for a conversation, the same in all tables.
    fn conversation(&self, id: &Id) -> Id {
        let slot = usize::from(id[ID - 1]) % REMEMBERED;
        let mut remembered = self.remembered.borrow_mut();
        match remembered[slot] {
            Some((known, hidden)) if known == *id => hidden,
            _ => {
                let hidden = self.hash(0, id);
                remembered[slot] = Some((*id, hidden));
                hidden
            }
        }
    }

    /// What stands for something that a key refers to.
    pub(super) fn reference(&self, bytes: &[u8]) -> Id {
        self.hash(REFERENCES, bytes)
    }

    /// `domain` is a table's byte, or 0 for conversations: nothing is hidden alike in two domains.
    fn hash(&self, domain: u8, bytes: &[u8]) -> Id {
        let mut mac = self.keyed.clone();
        mac.update(&[domain]);
        mac.update(bytes);
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let mut out = [0; ID];
        out.copy_from_slice(&digest[..ID]);
        out
    }
}

/// The domain of references; no table has this byte.
const REFERENCES: u8 = 0xff;

/// A range as it is stored.
#[derive(Default)]
pub(super) struct Range {
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    /// What the first bytes of every key in it stand for, when they are hidden.
    prefix: Option<Id>,
}

impl Range {
    pub(super) fn bounds(&self) -> KeyRange<'_> {
        KeyRange { from: &self.from, to: &self.to }
    }

    /// Turns a stored key of this range back into the one that was asked for.
    pub(super) fn restore(&self, key: &mut [u8]) {
        if let (Some(id), Some(start)) = (&self.prefix, key.first_chunk_mut::<ID>()) {
            *start = *id;
        }
    }
}

/// The smallest key behind all keys that begin with `prefix`; empty, for the table's end, when there is none.
fn next(prefix: &Id) -> Vec<u8> {
    let mut out = prefix.to_vec();
    while let Some(last) = out.last_mut() {
        if *last < 0xff {
            *last += 1;
            break;
        }
        out.pop();
    }
    out
}
