//! A bundle that was taken in: first with all that is to be done for it, then as what a repeat is recognised by.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use undertone::envelope::PushHint;
use undertone::id::DeviceId;

use super::cell::{Merge, Write};
use crate::store::StoreError;

/// What is kept under a bundle's first envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Record {
    /// All of it is done: the row by which a repeat is recognised.
    Done(ByteBuf),
    /// To be finished by whoever comes upon it.
    Open(Box<Redo>),
    /// It lost to another bundle, and nothing of it was kept.
    Void,
}

/// All that accepting a bundle does. Doing any of it again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Redo {
    /// Names this attempt.
    pub(super) by: ByteBuf,
    /// The next version of its session's cell, when it changes who is in it.
    pub(super) session: Option<Write>,
    /// The slot that it wins: with this one it is decided.
    pub(super) slots: Vec<Write>,
    /// What else changes.
    pub(super) merges: Vec<Merge>,
    /// Envelopes with their times and marks, as the logic's rows.
    pub(super) mails: Vec<ByteBuf>,
    /// Into which mailboxes they go.
    pub(super) copies: Vec<Copy>,
    /// The sender and its counters.
    pub(super) counter: (DeviceId, ByteBuf),
    /// Rows by which its envelopes are recognised, under their names; the first is the record's own.
    pub(super) seen: Vec<(String, ByteBuf)>,
}

/// One copy for one mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copy {
    pub(super) to: DeviceId,
    /// Which of the mails.
    pub(super) mail: usize,
    /// In milliseconds.
    pub(super) expires_at: u64,
    /// What a push service may be told.
    pub(super) hint: PushHint,
    /// Makes the copy known to the stream, should it be appended again.
    pub(super) id: String,
}

/// A message in a mailbox's stream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    /// In milliseconds.
    pub(super) expires_at: u64,
    /// The key of the record that put it there.
    pub(super) record: String,
    /// The logic's row.
    pub(super) mail: ByteBuf,
}

impl Record {
    pub(super) fn decode(bytes: &[u8]) -> Result<Record, StoreError> {
        rmp_serde::from_slice(bytes).map_err(|_| StoreError::Corrupt("record"))
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        rmp_serde::to_vec(self).map_err(|_| StoreError::Corrupt("encode"))
    }
}

impl Stored {
    pub(super) fn decode(bytes: &[u8]) -> Result<Stored, StoreError> {
        rmp_serde::from_slice(bytes).map_err(|_| StoreError::Corrupt("mail"))
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        rmp_serde::to_vec(self).map_err(|_| StoreError::Corrupt("encode"))
    }
}
