//! What scenarios say and ask in a world.

use undertone::conversation::Conversation;
use undertone::engine::{Draft, Engine};
use undertone::id::{ConversationId, MessageId, UserId};
use undertone::limits;
use undertone::message::{Cursor, Message, MessageContent};

use super::world::{DeviceIx, World};

impl World {
    pub fn user_named(&self, name: &str) -> UserId {
        UserId::new(name).expect("a user id")
    }

    /// A device's clock is set, so many milliseconds ahead of the world's.
    pub fn set_clock(&mut self, ix: DeviceIx, skew: i64) {
        self.devices[ix].skew = skew;
        if self.devices[ix].engine.is_some() {
            let _ = self.call(ix, Engine::handle_timeout);
        }
    }

    pub fn user(&self, ix: DeviceIx) -> UserId {
        self.devices[ix].profile.user.clone()
    }

    /// Starts a conversation with the user of another device.
    pub fn start(&mut self, ix: DeviceIx, with: DeviceIx) -> ConversationId {
        let user = self.user(with);
        self.call(ix, |engine, now| engine.conversations().start(&user, now)).expect("may start")
    }

    /// A client and an escort who know each other: `ann` has started, and said “first” to `bea`.
    pub fn acquaint(&mut self) -> (DeviceIx, DeviceIx, ConversationId) {
        let (ann, bea) = (self.device("ann", "client"), self.device("bea", "escort"));
        self.settle();
        let talk = self.start(ann, bea);
        self.send(ann, talk, "first");
        self.settle();
        (ann, bea, talk)
    }

    pub fn send(&mut self, ix: DeviceIx, conversation: ConversationId, text: &str) -> MessageId {
        self.call(ix, |engine, now| engine.messages().send(conversation, Draft::text(text), now)).expect("may send")
    }

    /// The newest messages of a conversation, oldest first.
    pub fn messages(&mut self, ix: DeviceIx, conversation: ConversationId) -> Vec<Message> {
        let now = self.devices[ix].clock(self.now);
        let page = self.devices[ix].engine().messages().page(conversation, Cursor::Newest, limits::PAGE_MAX, now);
        let mut messages = page.expect("a known conversation").messages;
        messages.reverse();
        messages
    }

    /// Their texts, oldest first; what cannot be read as `[Encrypted Message]`.
    pub fn texts(&mut self, ix: DeviceIx, conversation: ConversationId) -> Vec<String> {
        let text = |m: Message| match m.content {
            MessageContent::Text(text) => text,
            MessageContent::Encrypted(_) => "[Encrypted Message]".to_owned(),
            _ => "[Unsupported]".to_owned(),
        };
        self.messages(ix, conversation).into_iter().map(text).collect()
    }

    pub fn conversation(&mut self, ix: DeviceIx, conversation: ConversationId) -> Conversation {
        let now = self.devices[ix].clock(self.now);
        self.devices[ix].engine().conversations().get(conversation, now).expect("a known conversation")
    }

    pub fn unread(&mut self, ix: DeviceIx, conversation: ConversationId) -> u32 {
        self.conversation(ix, conversation).unread
    }

    /// Reads everything that is there.
    pub fn read_all(&mut self, ix: DeviceIx, conversation: ConversationId) {
        let Some(last) = self.messages(ix, conversation).last().map(|m| m.key) else { return };
        self.call(ix, |engine, now| engine.messages().mark_read(conversation, last, now))
            .expect("a known conversation");
    }

    /// Fails on the first broken invariant.
    pub fn check(&self) {
        assert!(self.bugs.is_empty(), "{:#?}", self.bugs);
    }
}
