//! What a device was told while its store failed. When it is open again, it shows whether that has happened.

use undertone::structured::PaymentState;

use super::{Pair, UserIx};

/// Something that has happened on a device, or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A line's wording, by its number.
    Wording(usize, usize),
    Deleted(usize),
    Hidden(usize),
    Payment(usize, PaymentState),
    Read(usize),
    /// A block by the device's user.
    Blocked(UserIx),
    /// What the device's user tells others.
    Discretion,
    /// What was begun to be written in a conversation.
    Draft(Pair),
    /// What a user is called there.
    Name(UserIx),
    /// Until when the device is to play nothing.
    Quiet,
}
