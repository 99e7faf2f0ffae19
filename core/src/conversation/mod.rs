//! Conversations: rows, the list by activity, counters.

mod find;
mod list;
mod row;
mod settings;

pub use list::{Conversation, ConversationCursor, ConversationPage, ConversationState, Member};

pub(crate) use find::find;
pub(crate) use list::page;
pub(crate) use row::{
    ConversationRow, MemberRow, State, added, changed, first_few, first_live, known_better, load, moved, new,
    not_missed, pin, read_elsewhere, removed, require, reveal, store, touch, write,
};
#[cfg(feature = "interop")]
pub(crate) use settings::Settings;
pub(crate) use settings::{received as settings_received, set as set_period, tell_again as tell_settings_again};
