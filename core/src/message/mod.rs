//! Messages: rows, order, states, pages.

mod key;
mod page;
mod row;
mod state;

pub use key::MessageKey;
pub use page::{Cursor, Message, MessageContent, Page};
pub use state::{Cause, FailedReason, Recipient, SendState};

pub(crate) use page::page;
pub(crate) use row::{Body, MessageRow, find, load, newest, place, remove, store};
