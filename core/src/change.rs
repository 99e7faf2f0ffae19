//! What a mutation did to messages, for the features that follow from it.
//!
//! Features do not call each other: whoever changes a message stages a [`Change`], and `engine/reactions.rs` names, in one
//! ordered list, who reacts. All of it is one mutation.

use crate::id::ConversationId;
use crate::message::{MessageKey, MessageRow};
use crate::time::Time;

/// Who has read a message, and where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// This user, on this device.
    Here,
    /// This user, on another device, which has told so.
    Elsewhere,
    /// Another member, a message of this user.
    Member,
}

/// Something happened to a message. Each names its conversation and place, and holds the row as it is now; what was
/// removed, as it was.
#[derive(Clone)]
pub(crate) enum Change {
    /// It is new here.
    Added(ConversationId, MessageKey, Box<MessageRow>),
    /// Its stamp or its time of acceptance is known now: it went from the first place to the second, which may be the same.
    Moved(ConversationId, MessageKey, MessageKey, Box<MessageRow>),
    /// The relay has it: a message of this device.
    Sent(ConversationId, MessageKey, Box<MessageRow>),
    /// It was read.
    Read(ConversationId, MessageKey, Box<MessageRow>, Reader),
    /// What it says is no longer what it said: the first row is as it was.
    Edited(ConversationId, MessageKey, Box<MessageRow>, Box<MessageRow>),
    /// It is gone.
    Removed(ConversationId, MessageKey, Box<MessageRow>),
    /// Another member did something to one, or to the conversation: what the relay had accepted by then is not news to them.
    Touched(ConversationId, Time),
}
