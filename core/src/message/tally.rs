//! Messages that cannot be read or shown: how many, by cause, and where those are that a newer version may understand.
//! Noted as they come and go, so that nobody has to look through a history for it.

use serde::{Deserialize, Serialize};

use super::{Body, Cause, MessageKey, MessageRow};
use crate::diagnosis::Unreadable;
use crate::envelope::Kind;
use crate::error::Result;
use crate::id::{ConversationId, Hash32};
use crate::store::Table;
use crate::tx::Tx;

/// The row, in [`Table::Meta`].
const ROW: &[u8] = b"unreadable";

#[derive(Default, Serialize, Deserialize)]
struct Tally {
    too_old: u64,
    newer_version: u64,
    unsupported: u64,
}

impl Tally {
    /// The number that a message counts in, if any.
    fn of(&mut self, body: &Body) -> Option<&mut u64> {
        match body {
            Body::Encrypted(Cause::TooOld) => Some(&mut self.too_old),
            Body::Encrypted(Cause::NewerVersion) => Some(&mut self.newer_version),
            Body::Unknown(Kind::NEWER, _) => Some(&mut self.newer_version),
            body if is_unsupported(body) => Some(&mut self.unsupported),
            _ => None,
        }
    }
}

/// A message has come to a place.
pub(super) fn came(tx: &Tx<'_>, conversation: ConversationId, key: MessageKey, row: &MessageRow) -> Result<()> {
    if is_unsupported(&row.body) {
        tx.put_row(Table::MessageIndex, unsupported_key(conversation, key, row), &(conversation, key))?;
    }
    change(tx, &row.body, |count| count.saturating_add(1))
}

/// A message is gone from its place.
pub(super) fn went(tx: &Tx<'_>, conversation: ConversationId, key: MessageKey, row: &MessageRow) -> Result<()> {
    if is_unsupported(&row.body) {
        tx.delete(Table::MessageIndex, &unsupported_key(conversation, key, row));
    }
    change(tx, &row.body, |count| count.saturating_sub(1))
}

/// Whether a newer version may make more of it. Calls are kept as they came, and shown.
fn is_unsupported(body: &Body) -> bool {
    matches!(body, Body::Unknown(kind, _) if *kind != Kind::CALL)
}

/// What the keys of those rows of [`Table::MessageIndex`] begin with that name such messages: no conversation's id.
pub(crate) const fn unsupported_prefix() -> [u8; 16] {
    [0; 16]
}

/// prefix · message · hash of conversation and author (8).
fn unsupported_key(conversation: ConversationId, key: MessageKey, row: &MessageRow) -> Vec<u8> {
    let hash = Hash32::of(&[conversation.as_bytes(), row.author.as_str().as_bytes()].concat());
    [&unsupported_prefix()[..], key.id.as_bytes(), &hash.as_bytes()[..8]].concat()
}

fn change(tx: &Tx<'_>, body: &Body, change: impl Fn(u64) -> u64) -> Result<()> {
    if Tally::default().of(body).is_none() {
        return Ok(());
    }
    let mut tally = load(tx)?;
    if let Some(count) = tally.of(body) {
        *count = change(*count);
    }
    tx.put_row(Table::Meta, ROW.to_vec(), &tally)
}

fn load(tx: &Tx<'_>) -> Result<Tally> {
    Ok(tx.row(Table::Meta, ROW, "unreadable")?.unwrap_or_default())
}

/// How many there are; what is parked is not known here.
pub(crate) fn unreadable(tx: &Tx<'_>) -> Result<Unreadable> {
    let Tally { too_old, newer_version, unsupported } = load(tx)?;
    Ok(Unreadable { too_old, newer_version, unsupported, ..Unreadable::default() })
}
