//! What has changed, for whoever shows just that.

use std::sync::Arc;

use undertone::id::{CallId, ConversationId, UserId};
use undertone::message::MessageKey;
use undertone::subscription as core;
use undertone::subscription::SubscriptionId;

use crate::call::Call;
use crate::conversation::Conversation;
use crate::error::Result;
use crate::message::Message;
use crate::mirror::{Mirror, same};
use crate::shared::Shared;

uniffi::custom_type!(
    /// Names a subscription of an engine.
    SubscriptionId, u64, { remote, lower: |id| id.number(), try_lift: |number| Ok(SubscriptionId::from_number(number)) }
);

same!(SubscriptionId);

/// What a subscription is about.
#[derive(Clone, uniffi::Enum)]
pub enum Topic {
    /// The messages of one conversation: new, changed, removed, receipts included; and who types there.
    Conversation {
        /// Which.
        conversation: ConversationId,
    },
    /// The list of all conversations: new ones, last messages, unread counts, settings.
    Conversations,
    /// Calls and the ringtone.
    Calls,
}

impl From<Topic> for core::Topic {
    fn from(from: Topic) -> core::Topic {
        match from {
            Topic::Conversation { conversation } => core::Topic::Conversation(conversation),
            Topic::Conversations => core::Topic::Conversations,
            Topic::Calls => core::Topic::Calls,
        }
    }
}

/// Something that has changed, as it is now.
#[derive(Clone, uniffi::Enum)]
pub enum Update {
    /// A message is new at its place.
    MessageAdded {
        /// The message.
        message: Message,
    },
    /// A message is another than before, or how far it has come is.
    MessageChanged {
        /// The message.
        message: Message,
    },
    /// There is no message at this place any more.
    MessageRemoved {
        /// The place.
        key: MessageKey,
    },
    /// Who types in the conversation now.
    Typing {
        /// They.
        users: Vec<UserId>,
    },
    /// A conversation is new, or changed.
    Conversation {
        /// The conversation.
        conversation: Conversation,
    },
    /// A call is new, or has come further.
    Call {
        /// The call.
        call: Call,
    },
    /// Play the ringtone for this call.
    RingtoneStart {
        /// Which.
        call: CallId,
    },
    /// Stop the ringtone for this call.
    RingtoneStop {
        /// Which.
        call: CallId,
    },
    /// Read everything anew: more has changed than is kept, or what, is not known.
    Resync,
}

impl Mirror<core::Update> for Update {
    fn of(from: core::Update) -> Update {
        match from {
            core::Update::MessageAdded(message) => Update::MessageAdded { message: Mirror::of(*message) },
            core::Update::MessageChanged(message) => Update::MessageChanged { message: Mirror::of(*message) },
            core::Update::MessageRemoved(key) => Update::MessageRemoved { key },
            core::Update::Typing(users) => Update::Typing { users },
            core::Update::Conversation(conversation) => {
                Update::Conversation { conversation: Mirror::of(*conversation) }
            }
            core::Update::Call(call) => Update::Call { call: Mirror::of(*call) },
            core::Update::RingtoneStart(call) => Update::RingtoneStart { call },
            core::Update::RingtoneStop(call) => Update::RingtoneStop { call },
            core::Update::Resync => Update::Resync,
        }
    }
}

/// What has changed, for whoever shows just that. A subscription remembers what changed and not how: who falls behind loses
/// nothing, and gets everything as it is then.
#[derive(uniffi::Object)]
pub struct Subscriptions(Arc<Shared>);

impl Subscriptions {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Subscriptions> {
        Arc::new(Subscriptions(shared.clone()))
    }
}

#[uniffi::export]
impl Subscriptions {
    /// Begins one. It tells of what changes from now on.
    pub fn open(&self, topic: Topic) -> Result<SubscriptionId> {
        self.0.read(|engine, _| engine.subscriptions().open(topic.into()))
    }

    /// Ends one; `false` when there is no such.
    pub fn end(&self, id: SubscriptionId) -> Result<bool> {
        self.0.read(|engine, _| Ok(engine.subscriptions().close(id)))
    }

    /// Those that have something to take.
    pub fn ready(&self) -> Result<Vec<SubscriptionId>> {
        self.0.read(|engine, _| Ok(engine.subscriptions().ready()))
    }

    /// What has changed since it was last taken.
    pub fn take(&self, id: SubscriptionId) -> Result<Vec<Update>> {
        self.0.read(|engine, now| engine.subscriptions().take(id, now)).map(Mirror::of)
    }
}
