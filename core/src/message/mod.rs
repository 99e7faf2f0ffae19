//! Messages: rows, order, states, pages.

mod delete;
mod edit;
mod key;
mod page;
mod row;
mod state;
mod system;
mod tally;

pub use key::MessageKey;
pub use page::{Cursor, Message, MessageContent, Page};
pub use state::{Cause, FailedReason, Recipient, SendState};
pub use system::SystemNote;

pub(crate) use delete::{delete_for_everyone, delete_here, deleted};
pub(crate) use edit::{edit, edited};
pub(crate) use page::{count_unread, page};
pub(crate) use row::{Body, MessageRow, find, index_key, load, newest, place, remove, require, reschedule, store};
pub(crate) use tally::{unreadable, unsupported_prefix};
