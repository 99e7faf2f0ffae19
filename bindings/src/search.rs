//! Pages of what was found.

use std::sync::Arc;

use undertone::id::ConversationId;
use undertone::search as core;
use undertone::search::{Hit as CoreHit, SearchPage as CoreSearchPage};

use crate::message::Message;
use crate::mirror::{Mirror, mirror};
use crate::text::TextRange;

/// Where to search.
#[derive(Clone, uniffi::Enum)]
pub enum Scope {
    /// In all conversations.
    All,
    /// In one.
    Conversation {
        /// Which.
        conversation: ConversationId,
    },
}

impl From<Scope> for core::Scope {
    fn from(from: Scope) -> core::Scope {
        match from {
            Scope::All => core::Scope::All,
            Scope::Conversation { conversation } => core::Scope::Conversation(conversation),
        }
    }
}

/// Where a page goes on.
#[derive(uniffi::Object)]
pub struct SearchCursor(pub(crate) core::SearchCursor);

impl Mirror<core::SearchCursor> for Arc<SearchCursor> {
    fn of(from: core::SearchCursor) -> Self {
        Arc::new(SearchCursor(from))
    }
}

mirror!(
    /// A page of what was found.
    pub struct SearchPage of CoreSearchPage {
        /// Newest first.
        hits: Vec<Hit>,
        /// Where it goes on; `None` at the end.
        next: Option<Arc<SearchCursor>>,
    }
);

mirror!(
    /// A message that was found.
    pub struct Hit of CoreHit {
        /// The message.
        message: Message,
        /// What to highlight in its text, caption, or words on its card.
        highlights: Vec<TextRange>,
        /// What to highlight in the name of its file.
        name_highlights: Vec<TextRange>,
    }
);
