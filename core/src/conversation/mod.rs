//! Conversations: rows, the list by activity, counters.

mod list;
mod row;

pub use list::{Conversation, ConversationCursor, ConversationPage, ConversationState, Member};

pub(crate) use list::page;
pub(crate) use row::{
    ConversationRow, MemberRow, State, added, load, moved, moved_in, new, removed, require, store, touch,
};
