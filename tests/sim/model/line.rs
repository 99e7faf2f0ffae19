//! A message, and what was done to it.

use std::collections::BTreeSet;

use undertone::id::MessageId;
use undertone::structured::{PaymentState, Structured};
use undertone::time::Time;

use super::expiry::{Reading, Sent, Terms};
use super::marks::Marks;
use super::wording::Wording;
use super::{Pair, UserIx};
use crate::sim::world::DeviceIx;

/// What became of a message as far as its author knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The engine took it.
    Sent,
    /// The engine died while it took it: it may be there or not.
    Maybe,
    /// The author took it back.
    Cancelled,
    /// It died with the device that wrote it, or was deleted there before it had left.
    Lost,
}

/// A message.
pub struct Line {
    /// What it said first.
    pub text: String,
    pub id: Option<MessageId>,
    pub pair: Pair,
    pub author: UserIx,
    pub device: DeviceIx,
    pub fate: Fate,
    /// Whether somebody who may had started the conversation when it was written.
    pub allowed: bool,
    /// Whether it was written after the faults had ended.
    pub healed: bool,
    /// Whether it failed and was sent again: it has left its place among its author's.
    pub retried: bool,
    /// When it was written: the world's time, and that of its author's device.
    pub written: (Time, Time),
    pub terms: Terms,
    pub marks: Marks,
    /// When it was sent, once any device has shown it, and whether its author's device knows.
    pub sent: Option<Sent>,
    pub author_knows: bool,
    /// When devices of its reader have read it.
    pub reads: Vec<Reading>,
    /// What it was made to say since, in the order of the commands.
    pub wordings: Vec<Wording>,
    /// Devices that have deleted it for everyone, and for themselves.
    pub deleted: BTreeSet<DeviceIx>,
    pub hidden: BTreeSet<DeviceIx>,
    /// Whether a device that failed may have deleted it for everyone.
    pub maybe_deleted: bool,
    /// What it is drawn as, if it is a card.
    pub card: Option<Structured>,
    /// If it asks for a payment: what the two sides have said of that, each with whether it is sure.
    pub payment: Option<Vec<(PaymentState, bool)>>,
    /// Its file, if it has one.
    pub file: Option<Vec<u8>>,
}

impl Line {
    /// Whether somebody deleted it, here or everywhere, as far as a device is concerned.
    pub fn is_taken_from(&self, ix: DeviceIx) -> bool {
        self.maybe_deleted || !self.deleted.is_empty() || self.hidden.contains(&ix)
    }

    /// Whether it is nothing but a text.
    pub fn is_plain(&self) -> bool {
        self.card.is_none() && self.file.is_none()
    }

    /// Whether a device that deleted it must never show it again.
    pub fn was_deleted_at(&self, ix: DeviceIx) -> bool {
        self.deleted.contains(&ix) || self.hidden.contains(&ix)
    }

    /// The furthest state that was said of a payment, as far as that is sure.
    pub fn payment_state(&self) -> Option<PaymentState> {
        let said = self.payment.as_ref()?;
        Some(said.iter().filter(|(_, sure)| *sure).map(|(state, _)| *state).max().unwrap_or_default())
    }
}
