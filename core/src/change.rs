//! What a mutation did to messages, for the features that follow from it.
//!
//! Features do not call each other: whoever changes a message stages a [`Change`], and `engine/reactions.rs` names, in one
//! ordered list, who reacts. All of it is one mutation.

use crate::id::ConversationId;
use crate::message::{MessageKey, MessageRow};

/// Where this user has read a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// On this device.
    Here,
    /// On another one, which has told so.
    Elsewhere,
}

/// Something happened to a message. Each names its conversation and place, and holds the row as it is now; what was
/// removed, as it was.
#[derive(Clone)]
pub(crate) enum Change {
    /// It is new here.
    Added(ConversationId, MessageKey, Box<MessageRow>),
    /// Its stamp or its time of acceptance is known now: it went from the first place to the second, which may be the same.
    Moved(ConversationId, MessageKey, MessageKey, Box<MessageRow>),
    /// This user has read it.
    Read(ConversationId, MessageKey, Box<MessageRow>, Reader),
    /// What it says is no longer what it said: the first row is as it was.
    Edited(ConversationId, MessageKey, Box<MessageRow>, Box<MessageRow>),
    /// It is gone.
    Removed(ConversationId, MessageKey, Box<MessageRow>),
}
