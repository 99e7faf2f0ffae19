//! What waits to be sent. The outbox holds *content*; it is encrypted only when the link is up, a window at a time,
//! so that no ciphertext ages and a removed device reads nothing sent after its removal.

mod pump;
mod queue;
mod sent;
mod stamp;
mod transmit;

pub(crate) use pump::{may_be_told, pump, pump_at_once, wants_encryption};
pub(crate) use queue::{Item, cancel, conversation_of, depth, has_unsent, push};
#[cfg(test)]
pub(crate) use sent::Sent;
pub(crate) use sent::{Carried, note_sent, sent, sweep as sweep_sent};
pub(crate) use transmit::{
    Purpose, backoff, done, ephemeral_envelope, flights, hand_out_once, launch, new_envelope, relaunch, retry_due,
    sequence, set_sequence,
};
