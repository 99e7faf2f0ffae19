//! Search: an index of what messages say, kept beside them.
//!
//! Everything it holds is sealed as all rows are, and its keys tell times and no words. A search takes from the index
//! which messages may match, newest first, and holds each against the message itself: an entry that is behind can show
//! nothing that is gone. How the index is built, and what it costs: `docs/decisions/0015-search-in-segments.md`.

mod analysis;
mod bits;
mod build;
mod find;
mod fold;
mod keep;
mod merge;
mod query;
mod segment;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod varint;

use core::ops::Range;

pub use query::SearchQuery;

pub(crate) use find::search;
pub(crate) use keep::{added, is_due, moved, recall, removed, step};

use crate::id::ConversationId;
use crate::message::{Body, Message};
use segment::Place;

/// Where to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In all conversations.
    All,
    /// In one.
    Conversation(ConversationId),
}

/// Where a search goes on. It stays right while messages come and go: it is a place, not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchCursor(Place);

/// A page of found messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// Newest first. There may be fewer than asked for, or none, and still more to come: see `next`.
    pub hits: Vec<Hit>,
    /// Where the search goes on; `None` when it has seen everything. One call does a bounded amount of work, so that a
    /// search for what is rare may take several.
    pub next: Option<SearchCursor>,
}

/// A found message.
#[derive(Clone, PartialEq, Eq)]
pub struct Hit {
    /// The message.
    pub message: Message,
    /// Which bytes of its text to mark: whole characters, in order, not overlapping, at most
    /// [`limits::HIGHLIGHTS`](crate::limits::HIGHLIGHTS).
    pub highlights: Vec<Range<usize>>,
}

crate::redact::redacted_debug!(Hit);

/// The text by which a message is found.
fn searchable(body: &Body) -> Option<&str> {
    match body {
        Body::Text(text) => Some(text),
        Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => None,
    }
}

#[cfg(test)]
mod tests;
