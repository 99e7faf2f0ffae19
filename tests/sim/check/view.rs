//! What a device shows.

use undertone::id::ConversationId;
use undertone::message::{Cursor, Message, MessageContent};

use crate::sim::run::{PAGE, Sim};
use crate::sim::world::DeviceIx;

/// Lines of a look at the newest ones.
const RECENT: usize = 30;

/// The messages that a device shows, oldest first; `None` when it does not know the conversation, or its store fails.
pub fn shown(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) -> Option<Vec<Message>> {
    let mut messages = Vec::new();
    let mut cursor = Cursor::Newest;
    loop {
        let page = page(sim, ix, talk, cursor, PAGE)?;
        let more = page.len() == PAGE;
        if let Some(last) = page.last() {
            cursor = Cursor::Before(last.key);
        }
        messages.extend(page);
        if !more {
            messages.reverse();
            return Some(messages);
        }
    }
}

/// The newest messages that a device shows, oldest first.
pub fn recent(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) -> Option<Vec<Message>> {
    let mut messages = page(sim, ix, talk, Cursor::Newest, RECENT)?;
    messages.reverse();
    Some(messages)
}

/// A page, newest first; `None` when the device does not know the conversation, or its store fails.
pub fn page(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, cursor: Cursor, size: usize) -> Option<Vec<Message>> {
    let found = sim.ask(ix, |engine| engine.messages().page(talk, cursor, size))?;
    if found.more && found.messages.len() < size {
        sim.violation(format!("device {ix}: a page of {size} is not full, and says that there is more"));
    }
    Some(found.messages)
}

/// The text of a message that can be read.
pub fn text(message: &Message) -> Option<&str> {
    match &message.content {
        MessageContent::Text(text) => Some(text),
        _ => None,
    }
}
