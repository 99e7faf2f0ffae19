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
use std::borrow::Cow;

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
    /// Which bytes of its text, its caption or the [`words`](crate::structured::Structured::words) of its card to mark:
    /// whole characters, in order, not overlapping; with those of the name at most
    /// [`limits::HIGHLIGHTS`](crate::limits::HIGHLIGHTS).
    pub highlights: Vec<Range<usize>>,
    /// The same in the name of its file.
    pub name_highlights: Vec<Range<usize>>,
}

crate::redact::redacted_debug!(Hit);

/// What a message is found by: its text, the texts of a card a line each, or the caption and the file's name in a line of
/// its own.
struct Said<'b> {
    text: Cow<'b, str>,
    /// Where the name begins, if there is one.
    name: Option<usize>,
}

impl Said<'_> {
    /// What a message says that can be found; `None` for nothing.
    fn by(body: &Body) -> Option<Said<'_>> {
        let said = match body {
            Body::Text(text) => Said { text: text.into(), name: None },
            Body::Attachment(body) => {
                let caption = &body.attachment.caption;
                match &body.attachment.name {
                    Some(name) => {
                        let text = format!("{caption}\n{}", name.as_str());
                        Said { text: text.into(), name: Some(caption.len() + 1) }
                    }
                    None => Said { text: caption.into(), name: None },
                }
            }
            Body::Structured(body) => Said { text: body.words().into(), name: None },
            Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => return None,
        };
        (!said.text.is_empty()).then_some(said)
    }

    /// Marks in the text or caption, and those in the name.
    fn split(&self, marks: Vec<Range<usize>>) -> [Vec<Range<usize>>; 2] {
        let Some(name) = self.name else { return [marks, Vec::new()] };
        let caption = name.saturating_sub(1);
        let before = |mark: &Range<usize>| mark.start..mark.end.min(caption);
        let behind = |mark: &Range<usize>| mark.start.max(name) - name..mark.end.saturating_sub(name);
        let some = |mark: &Range<usize>| mark.start < mark.end;
        [marks.iter().map(before).filter(some).collect(), marks.iter().map(behind).filter(some).collect()]
    }
}

#[cfg(test)]
mod tests;
