//! Messages: rows, order, states, pages.

mod delete;
mod edit;
mod key;
mod marks;
mod page;
mod reaction;
mod row;
mod state;
mod system;
mod tally;

pub use key::MessageKey;
pub use marks::Mention;
pub use page::{Cursor, Message, MessageContent, Page};
pub use reaction::Reaction;
pub use state::{Cause, FailedReason, Recipient, SendState};
pub use system::SystemNote;

pub(crate) use delete::{delete_for_everyone, delete_here, deleted};
#[cfg(feature = "interop")]
pub(crate) use edit::Edit;
pub(crate) use edit::{edit, edited, forget_edit, received_text, withdraw_edit};
#[cfg(feature = "interop")]
pub(crate) use marks::Marked;
pub(crate) use marks::{Marks, clean as clean_with_mentions};
pub(crate) use page::{count_unread, newest_unread, page, unread};
#[cfg(feature = "interop")]
pub(crate) use reaction::Reacted;
pub(crate) use reaction::{react, reacted};
pub(crate) use row::{Body, MessageRow, find, index_key, load, newest, place, remove, require, reschedule, store};
pub(crate) use tally::{unreadable, unsupported_prefix};
