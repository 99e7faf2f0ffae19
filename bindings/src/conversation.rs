//! The conversations of a user.

use std::sync::Arc;

use undertone::conversation as core;
use undertone::conversation::{
    Conversation as CoreConversation, ConversationPage as CoreConversationPage,
    ConversationState as CoreConversationState, Member as CoreMember,
};
use undertone::id::{ConversationId, UserId};
use undertone::policy::Role;
use undertone::search::SearchQuery;
use undertone::time::Time;

use crate::error::Result;
use crate::identity::Trust;
use crate::message::{Clock, Message};
use crate::mirror::{Mirror, mirror};
use crate::policy::{Action, Decision};
use crate::shared::Shared;

mirror!(
    /// A conversation as a host shows it.
    pub struct Conversation of CoreConversation {
        /// Its id.
        id: ConversationId,
        /// The other members.
        others: Vec<Member>,
        /// Who started it.
        initiator: UserId,
        /// Its type by the policy, like `client_escort`; `None` until the roles are known.
        kind: Option<String>,
        /// Whether messages flow.
        state: ConversationState,
        /// When it was started, by the initiator's clock.
        created_at: Time,
        /// Time of the last activity.
        last_activity: Time,
        /// The newest message.
        last_message: Option<Message>,
        /// Unread messages.
        unread: u32,
        /// Messages that were auto-deleted before this user had read them, since the last time that something was read
        /// here.
        expired_unseen: u32,
        /// Whether it is archived.
        archived: bool,
        /// Until when it makes no notifications.
        muted_until: Option<Time>,
        /// Whether it stays at the top of the list.
        pinned: bool,
        /// What this user has begun to write, on this device.
        draft: Option<String>,
        /// Auto-delete period of new messages in minutes; 0 goes when read, −1 never.
        period: i32,
        /// When that period starts.
        clock: Clock,
    }
);

mirror!(
    /// Another member of a conversation.
    pub struct Member of CoreMember {
        /// Who.
        user: UserId,
        /// The role by the newest certificate; `None` until one was seen.
        role: Option<Role>,
        /// What this user calls them.
        name: Option<String>,
        /// Whether this user has blocked them.
        blocked: bool,
        /// How far their identity is to be trusted. While it has changed, messages wait.
        trust: Trust,
    }
);

mirror!(
    /// Whether messages flow.
    pub enum ConversationState of CoreConversationState {
        /// Waits for the directory or the relay; messages are queued.
        Starting,
        /// They do.
        Live,
        /// The rules forbid it.
        Denied,
    }
);

/// Where a page of the list goes on.
#[derive(uniffi::Object)]
pub struct ConversationCursor(core::ConversationCursor);

impl Mirror<core::ConversationCursor> for Arc<ConversationCursor> {
    fn of(from: core::ConversationCursor) -> Self {
        Arc::new(ConversationCursor(from))
    }
}

mirror!(
    /// A page of the list.
    pub struct ConversationPage of CoreConversationPage {
        /// Pinned ones first, then by newest activity.
        conversations: Vec<Conversation>,
        /// Where it goes on; `None` at the end.
        next: Option<Arc<ConversationCursor>>,
    }
);

/// The conversations of this user.
#[derive(uniffi::Object)]
pub struct Conversations(Arc<Shared>);

impl Conversations {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Conversations> {
        Arc::new(Conversations(shared.clone()))
    }
}

#[uniffi::export]
impl Conversations {
    /// Starts the conversation with another user, or finds it. It needs no connection: messages can be queued at once.
    pub fn start(&self, user: UserId) -> Result<ConversationId> {
        self.0.change(|engine, now| engine.conversations().start(&user, now))
    }

    /// A page of at most `limit` conversations, newest activity first, from the start or behind a cursor.
    #[uniffi::method(default(cursor = None, limit = 50))]
    pub fn page(&self, cursor: Option<Arc<ConversationCursor>>, limit: u32) -> Result<ConversationPage> {
        let cursor = cursor.as_deref().map(|cursor| &cursor.0);
        self.0.read(|engine, now| engine.conversations().page(cursor, limit as usize, now)).map(Mirror::of)
    }

    /// Conversations by what this user calls those who are in them, and by their ids: words in any order, the last one may
    /// be only begun. A page may have fewer than asked for, or none, and still more to come.
    #[uniffi::method(default(cursor = None, limit = 50))]
    pub fn search(
        &self,
        text: String,
        cursor: Option<Arc<ConversationCursor>>,
        limit: u32,
    ) -> Result<ConversationPage> {
        let query = SearchQuery::parse(&text)?;
        let cursor = cursor.as_deref().map(|cursor| &cursor.0);
        self.0.read(|engine, now| engine.conversations().search(&query, cursor, limit as usize, now)).map(Mirror::of)
    }

    /// One conversation.
    pub fn get(&self, conversation: ConversationId) -> Result<Conversation> {
        self.0.read(|engine, now| engine.conversations().get(conversation, now)).map(Mirror::of)
    }

    /// Whether this user may do something to another, by the newest role known of them: what a button shows. `None` while
    /// the role is unknown.
    pub fn can(&self, action: Action, user: UserId) -> Result<Option<Decision>> {
        self.0.read(|engine, _| engine.conversations().can(action.into(), &user)).map(Mirror::of)
    }

    /// Sets the auto-delete period of new messages for both sides, in minutes (0 goes when read, −1 never), and when it
    /// starts.
    pub fn set_period(&self, conversation: ConversationId, period: i32, clock: Clock) -> Result<()> {
        self.0.change(|engine, now| engine.conversations().set_period(conversation, period, clock.into(), now))
    }

    /// Archives a conversation, or takes it back.
    pub fn archive(&self, conversation: ConversationId, archived: bool) -> Result<()> {
        self.0.change(|engine, now| engine.conversations().archive(conversation, archived, now))
    }

    /// Lets a conversation make no notifications until then, or again with `None`.
    pub fn mute(&self, conversation: ConversationId, until: Option<Time>) -> Result<()> {
        self.0.change(|engine, now| engine.conversations().mute(conversation, until, now))
    }

    /// Pins a conversation to the top of the list, or lets it go.
    pub fn pin(&self, conversation: ConversationId, pinned: bool) -> Result<()> {
        self.0.change(|engine, now| engine.conversations().pin(conversation, pinned, now))
    }

    /// Says whether this user types: say so at every key.
    pub fn set_typing(&self, conversation: ConversationId, typing: bool) -> Result<()> {
        self.0.change(|engine, now| engine.conversations().set_typing(conversation, typing, now))
    }

    /// Who types in a conversation now, this user left out.
    pub fn typing(&self, conversation: ConversationId) -> Result<Vec<UserId>> {
        self.0.read(|engine, now| engine.conversations().typing(conversation, now))
    }

    /// Keeps what this user has begun to write, on this device; `None` or nothing forgets it.
    pub fn set_draft(&self, conversation: ConversationId, draft: Option<String>) -> Result<()> {
        self.0.change(|engine, now| engine.conversations().set_draft(conversation, draft, now))
    }
}
