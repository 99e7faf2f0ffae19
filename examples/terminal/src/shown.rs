//! What was shown, by the numbers that stand in front of it.

use undertone::envelope::MessageRef;
use undertone::id::{ConversationId, MessageId};
use undertone::message::{Message, SendState};

/// The messages that were shown, in the order of their numbers. A number stays with its message, whichever conversation
/// is open.
#[derive(Default)]
pub struct Shown(Vec<Entry>);

struct Entry {
    conversation: ConversationId,
    reference: MessageRef,
    /// What was drawn of it last, without how far it has come.
    drawn: String,
    state: SendState,
}

/// What is different since a message was shown last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Everything: it was not shown before.
    New,
    /// What it says, or what belongs to it.
    Content,
    /// How far it has come.
    State,
    /// Nothing that is shown.
    Nothing,
}

impl Shown {
    /// The number of a message that has one.
    pub fn known(&self, conversation: ConversationId, reference: &MessageRef) -> Option<usize> {
        let is_it = |entry: &Entry| entry.conversation == conversation && entry.reference == *reference;
        self.0.iter().rposition(is_it).map(|at| at + 1)
    }

    /// The message of a number.
    pub fn message(&self, number: usize) -> Option<(ConversationId, MessageRef)> {
        let entry = self.0.get(number.checked_sub(1)?)?;
        Some((entry.conversation, entry.reference.clone()))
    }

    /// The message of a conversation that its author has named so, with its number.
    pub fn named(&self, conversation: ConversationId, id: MessageId) -> Option<(usize, MessageRef)> {
        let is_it = |entry: &Entry| entry.conversation == conversation && entry.reference.id == id;
        let at = self.0.iter().rposition(is_it)?;
        self.0.get(at).map(|entry| (at + 1, entry.reference.clone()))
    }

    /// Notes how a message is drawn now, without how far it has come. Gives its number, the next one if it has none
    /// yet, and what is different.
    pub fn note(&mut self, message: &Message, drawn: &str) -> (usize, News) {
        let (conversation, reference) = (message.conversation, reference(message));
        let known = self.known(conversation, &reference);
        let entry = Entry { conversation, reference, drawn: drawn.into(), state: message.state };
        let Some((number, before)) = known.and_then(|number| Some((number, self.0.get_mut(number - 1)?))) else {
            self.0.push(entry);
            return (self.0.len(), News::New);
        };
        let before = std::mem::replace(before, entry);
        let news = if before.drawn != drawn {
            News::Content
        } else if before.state != message.state {
            News::State
        } else {
            News::Nothing
        };
        (number, news)
    }
}

/// What names a message.
fn reference(message: &Message) -> MessageRef {
    MessageRef { author: message.author.clone(), id: message.key.id }
}
