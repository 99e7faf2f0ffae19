//! One device's view of a conversation, by itself.

use std::collections::BTreeSet;

use undertone::conversation::Conversation;
use undertone::id::ConversationId;
use undertone::message::{Cursor, Message, MessageContent, SendState};
use undertone::structured::Structured;

use super::{blocks, cards, edits, expiry, marks};
use crate::sim::model::{Fate, Model, Pair};
use crate::sim::run::{PAGE, Sim};
use crate::sim::world::DeviceIx;

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

/// A page, newest first; `None` when the device does not know the conversation, or its store fails.
pub fn page(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, cursor: Cursor, size: usize) -> Option<Vec<Message>> {
    let found = sim.ask(ix, |engine, now| engine.messages().page(talk, cursor, size, now))?;
    if found.more && found.messages.len() < size {
        sim.violation(format!("device {ix}: a page of {size} is not full, and says that there is more"));
    }
    Some(found.messages)
}

/// The list of conversations, as a device shows it.
pub fn list(sim: &mut Sim, ix: DeviceIx) -> Option<Vec<Conversation>> {
    let (mut list, mut cursor) = (Vec::new(), None);
    loop {
        let page = sim.ask(ix, |engine, now| engine.conversations().page(cursor.as_ref(), 3, now))?;
        list.extend(page.conversations);
        cursor = page.next;
        if cursor.is_none() {
            return Some(list);
        }
    }
}

/// The text of a message that can be read.
pub fn text(message: &Message) -> Option<&str> {
    match &message.content {
        MessageContent::Text(text) => Some(text),
        MessageContent::Structured(card) => match &**card {
            Structured::Place(place) => Some(&place.name),
            Structured::Contact(contact) => Some(&contact.name),
            Structured::Event(event) => Some(&event.title),
            Structured::Payment(request) => Some(&request.note),
            #[allow(unreachable_patterns, reason = "a later engine has more")]
            _ => None,
        },
        MessageContent::Attachment(attachment) => Some(&attachment.caption),
        _ => None,
    }
}

/// The line that a message is, if it is one.
pub fn line(sim: &Sim, message: &Message) -> Option<usize> {
    let text = text(message)?;
    let forwarded = || {
        let pair = sim.model.conversations.iter().find(|(_, talk)| **talk == message.conversation)?.0;
        sim.model.forwarded(text, *pair, sim.model.person_named(message.author.as_str())?)
    };
    message.forwarded.then(forwarded).flatten().or_else(|| sim.model.line_of(text))
}

/// The same, also of what a device does not understand.
pub fn line_of_any(sim: &Sim, message: &Message) -> Option<usize> {
    let unknown = matches!(message.content, MessageContent::Unsupported(_));
    let by_id = || sim.model.lines.iter().position(|line| unknown && line.id == Some(message.key.id));
    line(sim, message).or_else(by_id)
}

/// Lines of a look at the newest ones.
const RECENT: usize = 30;

/// The newest messages that a device shows, oldest first.
pub fn recent(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) -> Option<Vec<Message>> {
    let mut messages = page(sim, ix, talk, Cursor::Newest, RECENT)?;
    messages.reverse();
    Some(messages)
}

/// As many are unread as the conversation says.
pub(super) fn unread_count(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, messages: &[Message]) {
    let unread = messages.iter().filter(|m| m.unread).count();
    let Some(conversation) = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)) else { return };
    if conversation.unread as usize != unread {
        sim.violation(format!("device {ix} counts {} unread and shows {unread}", conversation.unread));
    }
}

/// One device's view of a conversation by itself: known lines, each once, in order, and the right number of unread.
pub(super) fn one_view(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId, messages: &[Message]) {
    let mut seen = BTreeSet::new();
    for message in messages {
        let Some(text) = text(message) else {
            sim.tally.seen("not understood", u64::from(matches!(message.content, MessageContent::Unsupported(_))));
            continue;
        };
        let Some(at) = line(sim, message) else {
            sim.violation(format!("device {ix} shows what nobody wrote: {text}"));
            continue;
        };
        if !seen.insert(at) {
            sim.violation(format!("device {ix} shows twice: {text}"));
        }
        expiry::of_one(sim, ix, at, message);
        edits::of_one(sim, ix, at);
        blocks::of_one(sim, ix, at);
        marks::of_one(sim, ix, at, message);
        cards::of_one(sim, ix, at, message);
        let line = &sim.model.lines[at];
        let author = sim.model.people[line.author].name.clone();
        let (right_pair, right_author) = (line.pair == pair, message.author.as_str() == author);
        let leaked = line.fate == Fate::Cancelled && line.device != ix;
        if !right_pair || !right_author {
            sim.violation(format!("device {ix} shows in the wrong place, or as another's: {text}"));
        }
        if leaked {
            sim.violation(format!("device {ix} shows what was taken back: {text}"));
        }
    }
    if messages.windows(2).any(|two| two[0].key >= two[1].key) {
        sim.violation(format!("device {ix} shows messages out of order"));
    }
    let Some(conversation) = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)) else { return };
    let (preview, newest) = (conversation.last_message.map(|m| m.key), messages.last().map(|m| m.key));
    if preview != newest {
        sim.violation(format!("device {ix} previews {preview:?}, and its newest message is {newest:?}"));
    }
    allowed(sim, ix, pair, &conversation.initiator);
}

/// Nobody is shown a conversation that the rules deny: its initiator may start it.
fn allowed(sim: &mut Sim, ix: DeviceIx, pair: Pair, initiator: &undertone::id::UserId) {
    let user = sim.user(ix);
    let Some(by) = sim.model.person_named(initiator.as_str()) else { return };
    // One's own attempt is shown, with the reason why it is denied.
    if by != user && !sim.model.may_start(by, Model::other(pair, by)) {
        sim.violation(format!("device {ix} shows a conversation that the rules deny"));
    }
}

/// States only move forward, but for what failed and is tried again, and what a relay did not take.
pub(super) fn monotonic(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    for message in messages.iter().filter(|m| m.own) {
        let Some(line) = line(sim, message) else { continue };
        let before = sim.watch.states.insert((ix, line), message.state);
        let untaken = |before| matches!(before, SendState::Failed(_) | SendState::Sending);
        let back = before.is_some_and(|b| b > message.state && !untaken(b));
        if back {
            sim.violation(format!("device {ix}: from {before:?} back to {:?}", message.state));
        }
    }
}
