//! The messages of a user's conversations.

use std::sync::Arc;

use undertone::call::CallSummary as CoreCallSummary;
use undertone::engine::Draft as CoreDraft;
use undertone::envelope::Clock as CoreClock;
use undertone::id::{CallId, ConversationId, MessageId, UserId};
use undertone::message as core;
use undertone::message::{
    Cause as CoreCause, FailedReason as CoreFailedReason, Mention as CoreMention, Message as CoreMessage, MessageKey,
    Page as CorePage, Reaction as CoreReaction, Recipient as CoreRecipient,
};
use undertone::time::Time;

use crate::attachment::Attachment;
use crate::call::Outcome;
use crate::error::Result;
use crate::id::MessageRef;
use crate::mirror::{Mirror, mirror};
use crate::policy::CallKind;
use crate::search::{Scope, SearchCursor, SearchPage};
use crate::shared::Shared;
use crate::structured::{PaymentState, Structured};
use crate::text::TextRange;

/// A message as a host shows it.
#[derive(Clone, uniffi::Record)]
pub struct Message {
    /// Where it stands.
    pub key: MessageKey,
    /// What its author named it: with the author, it is the message wherever it stands.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Who wrote it.
    pub author: UserId,
    /// Whether this user wrote it.
    pub own: bool,
    /// When it was sent, by the sender's clock.
    pub sent_at: Time,
    /// When the relay accepted it.
    pub accepted_at: Option<Time>,
    /// Auto-delete period in minutes; 0 goes when read, −1 never.
    pub period: i32,
    /// When the period starts.
    pub clock: Clock,
    /// When it goes, as far as is known now; `None` for never, and while it was not sent.
    pub goes_at: Option<Time>,
    /// What it answers.
    pub target: Option<MessageRef>,
    /// What it says.
    pub content: MessageContent,
    /// Whether it was forwarded from elsewhere.
    pub forwarded: bool,
    /// Whom its text or caption names.
    pub mentions: Vec<Mention>,
    /// Who reacted to it, in the order in which they first did.
    pub reactions: Vec<Reaction>,
    /// What became of it, if it is a payment request.
    pub payment: Option<PaymentState>,
    /// Whether its author has changed the text since.
    pub edited: bool,
    /// For messages of this user: how far it has come.
    pub state: SendState,
    /// For messages of this user: what is known of each recipient.
    pub recipients: Vec<Recipient>,
    /// For messages of others: whether it is unread.
    pub unread: bool,
    /// Whether it leaves its author's device in no other way than end-to-end encrypted. So does every message of a
    /// conversation, one that still waits to be sent included; what an engine notes by itself never leaves the device.
    pub is_encrypted: bool,
}

impl Mirror<CoreMessage> for Message {
    fn of(from: CoreMessage) -> Message {
        let is_encrypted = from.is_encrypted();
        let CoreMessage {
            key,
            conversation,
            author,
            own,
            sent_at,
            accepted_at,
            period,
            clock,
            goes_at,
            target,
            content,
            forwarded,
            mentions,
            reactions,
            payment,
            edited,
            state,
            recipients,
            unread,
        } = from;
        Message {
            key,
            id: key.id,
            conversation,
            author,
            own,
            sent_at,
            accepted_at,
            period,
            clock: Mirror::of(clock),
            goes_at,
            target: Mirror::of(target),
            content: Mirror::of(content),
            forwarded,
            mentions: Mirror::of(mentions),
            reactions: Mirror::of(reactions),
            payment: Mirror::of(payment),
            edited,
            state: Mirror::of(state),
            recipients: Mirror::of(recipients),
            unread,
            is_encrypted,
        }
    }
}

mirror!(
    /// When a message's auto-delete period starts.
    pub enum Clock of CoreClock {
        /// When it was sent: one instant for all.
        FromSend,
        /// When its recipient has read it.
        FromRead,
    }
);

/// What a message says.
#[derive(Clone, uniffi::Enum)]
pub enum MessageContent {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// An image, file, voice message or video.
    Attachment {
        /// What is known of its file.
        attachment: Attachment,
    },
    /// What a host draws as a card.
    Structured {
        /// What is on it.
        structured: Structured,
    },
    /// How a call went.
    Call {
        /// How.
        summary: CallSummary,
    },
    /// Of a kind that this version does not know.
    Unsupported {
        /// The kind's number.
        kind: u16,
    },
    /// What this engine notes of something that happened; the message's author is who did it.
    System {
        /// What happened.
        note: SystemNote,
    },
    /// Not readable; show “[Encrypted Message]” and why.
    Encrypted {
        /// Why.
        cause: Unreadable,
    },
}

impl Mirror<core::MessageContent> for MessageContent {
    fn of(from: core::MessageContent) -> MessageContent {
        match from {
            core::MessageContent::Text(text) => MessageContent::Text { text },
            core::MessageContent::Attachment(attachment) => {
                MessageContent::Attachment { attachment: Attachment::of(*attachment) }
            }
            core::MessageContent::Structured(structured) => {
                MessageContent::Structured { structured: Structured::of(*structured) }
            }
            core::MessageContent::Call(summary) => MessageContent::Call { summary: CallSummary::of(summary) },
            core::MessageContent::Unsupported(kind) => MessageContent::Unsupported { kind: kind.0 },
            core::MessageContent::System(note) => MessageContent::System { note: SystemNote::of(note) },
            core::MessageContent::Encrypted(cause) => MessageContent::Encrypted { cause: Unreadable::of(cause) },
        }
    }
}

mirror!(
    /// Why a message cannot be read.
    pub enum Unreadable of CoreCause {
        /// Its keys are gone; the sender was asked to send it again.
        TooOld,
        /// Made by a newer version: update the app.
        NewerVersion,
    }
);

/// What happened.
#[derive(Clone, uniffi::Enum)]
pub enum SystemNote {
    /// The auto-delete period of new messages is another one.
    PeriodChanged {
        /// In minutes; 0 goes when read, −1 never.
        period: i32,
        /// When it starts.
        clock: Clock,
    },
}

impl Mirror<core::SystemNote> for SystemNote {
    fn of(from: core::SystemNote) -> SystemNote {
        match from {
            core::SystemNote::PeriodChanged { period, clock } => {
                SystemNote::PeriodChanged { period, clock: Clock::of(clock) }
            }
        }
    }
}

mirror!(
    /// What the history message of a call says.
    pub struct CallSummary of CoreCallSummary {
        /// Which call.
        call: CallId,
        /// Sound, or pictures as well.
        kind: CallKind,
        /// How it ended.
        outcome: Outcome,
        /// When it began to ring.
        started: Time,
        /// When it ended.
        ended: Time,
        /// How long they talked, in whole seconds.
        duration: u64,
    }
);

mirror!(
    /// A part of a text, or of a caption, that names a user.
    pub struct Mention of CoreMention {
        /// Which part: whole characters, at least one.
        range: TextRange,
        /// Whom it names.
        user: UserId,
    }
);

impl From<Mention> for CoreMention {
    fn from(Mention { range, user }: Mention) -> CoreMention {
        CoreMention { range: range.into(), user }
    }
}

mirror!(
    /// A reaction to a message.
    pub struct Reaction of CoreReaction {
        /// Who reacted.
        user: UserId,
        /// With what: one visible character.
        emoji: String,
    }
);

/// How far a message of this user has come.
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SendState {
    /// Waits for a connection, a session or its turn.
    Queued,
    /// Encrypted and handed out.
    Sending,
    /// The relay has it.
    Sent,
    /// A device of every recipient has it.
    Delivered,
    /// Every recipient has read it.
    Read,
    /// It will not be sent: the rules forbid it.
    Denied,
    /// It will not be sent: the relay refused it.
    Refused,
    /// It was cancelled before it was sent.
    Cancelled,
}

impl Mirror<core::SendState> for SendState {
    fn of(from: core::SendState) -> SendState {
        match from {
            core::SendState::Queued => SendState::Queued,
            core::SendState::Sending => SendState::Sending,
            core::SendState::Sent => SendState::Sent,
            core::SendState::Delivered => SendState::Delivered,
            core::SendState::Read => SendState::Read,
            core::SendState::Failed(CoreFailedReason::Denied) => SendState::Denied,
            core::SendState::Failed(CoreFailedReason::Refused) => SendState::Refused,
            core::SendState::Failed(CoreFailedReason::Cancelled) => SendState::Cancelled,
        }
    }
}

mirror!(
    /// What is known of one recipient.
    pub struct Recipient of CoreRecipient {
        /// Who.
        user: UserId,
        /// When a device of theirs had it, by their clock.
        delivered: Option<Time>,
        /// When they had read it, by their clock.
        read: Option<Time>,
    }
);

/// Where a page starts.
#[derive(Clone, uniffi::Enum)]
pub enum Cursor {
    /// At the newest message.
    Newest,
    /// Right before this one, towards older ones.
    Before {
        /// Which.
        key: MessageKey,
    },
    /// Right after this one, towards newer ones.
    After {
        /// Which.
        key: MessageKey,
    },
}

impl From<Cursor> for core::Cursor {
    fn from(from: Cursor) -> core::Cursor {
        match from {
            Cursor::Newest => core::Cursor::Newest,
            Cursor::Before { key } => core::Cursor::Before(key),
            Cursor::After { key } => core::Cursor::After(key),
        }
    }
}

mirror!(
    /// A page of messages. It stays right while messages come and go: a cursor is a place, not a number.
    pub struct Page of CorePage {
        /// Newest first, whichever way the page was asked for.
        messages: Vec<Message>,
        /// Whether there are more in the direction that was asked for.
        more: bool,
        /// The oldest unread message of the whole conversation.
        first_unread: Option<MessageKey>,
    }
);

/// What a user wants to send.
#[derive(Clone, uniffi::Record)]
pub struct Draft {
    /// The text.
    #[uniffi(default = "")]
    pub text: String,
    /// Auto-delete period in minutes; 0 goes when read, −1 never; `None` as the conversation has it.
    #[uniffi(default = None)]
    pub period: Option<i32>,
    /// When the period starts; `None` as the conversation has it.
    #[uniffi(default = None)]
    pub clock: Option<Clock>,
    /// What it answers.
    #[uniffi(default = None)]
    pub target: Option<MessageRef>,
    /// Whom the text names, members of the conversation.
    #[uniffi(default = [])]
    pub mentions: Vec<Mention>,
}

impl From<Draft> for CoreDraft {
    fn from(Draft { text, period, clock, target, mentions }: Draft) -> CoreDraft {
        CoreDraft {
            text,
            period,
            clock: clock.map(Into::into),
            target: target.map(Into::into),
            mentions: mentions.into_iter().map(Into::into).collect(),
        }
    }
}

/// The messages of this user's conversations.
#[derive(uniffi::Object)]
pub struct Messages(Arc<Shared>);

impl Messages {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Messages> {
        Arc::new(Messages(shared.clone()))
    }
}

#[uniffi::export]
impl Messages {
    /// Sends a message. It is in the conversation at once, and goes out as soon as it can.
    pub fn send(&self, conversation: ConversationId, draft: Draft) -> Result<MessageId> {
        self.0.change(|engine, now| engine.messages().send(conversation, draft.into(), now))
    }

    /// Sends a place, an address card, a calendar event or a payment request. The draft says what it answers and when it
    /// goes; its text must be empty.
    pub fn send_structured(
        &self,
        conversation: ConversationId,
        structured: Structured,
        draft: Draft,
    ) -> Result<MessageId> {
        let structured = structured.engine()?;
        self.0.change(|engine, now| engine.messages().send_structured(conversation, structured, draft.into(), now))
    }

    /// Sends what a message says once more, into another conversation or the same one, marked as forwarded.
    pub fn forward(&self, conversation: ConversationId, message: MessageRef, to: ConversationId) -> Result<MessageId> {
        self.0.change(|engine, now| engine.messages().forward(conversation, &message.into(), to, now))
    }

    /// Reacts to a message with one visible character, in the place of an earlier reaction of this user; `None` takes it
    /// back.
    pub fn react(&self, conversation: ConversationId, message: MessageRef, emoji: Option<String>) -> Result<()> {
        self.0.change(|engine, now| engine.messages().react(conversation, &message.into(), emoji.as_deref(), now))
    }

    /// Says what became of a payment request.
    pub fn set_payment(&self, conversation: ConversationId, message: MessageRef, state: PaymentState) -> Result<()> {
        self.0.change(|engine, now| engine.messages().set_payment(conversation, &message.into(), state.into(), now))
    }

    /// A page of at most `limit` messages.
    pub fn page(&self, conversation: ConversationId, cursor: Cursor, limit: u32) -> Result<Page> {
        self.0
            .read(|engine, now| engine.messages().page(conversation, cursor.into(), limit as usize, now))
            .map(Mirror::of)
    }

    /// One message.
    pub fn get(&self, conversation: ConversationId, message: MessageRef) -> Result<Message> {
        self.0.read(|engine, now| engine.messages().get(conversation, &message.into(), now)).map(Mirror::of)
    }

    /// A page of messages that hold what is looked for, newest first: words, “phrases in quotes”, a last word that is only
    /// begun; case and accents do not matter.
    #[uniffi::method(default(cursor = None, limit = 50))]
    pub fn search(
        &self,
        text: String,
        scope: Scope,
        cursor: Option<Arc<SearchCursor>>,
        limit: u32,
    ) -> Result<SearchPage> {
        let query = undertone::search::SearchQuery::parse(&text)?;
        let cursor = cursor.as_deref().map(|cursor| &cursor.0);
        self.0
            .read(|engine, now| engine.messages().search(&query, scope.into(), cursor, limit as usize, now))
            .map(Mirror::of)
    }

    /// Everything up to a message was read.
    pub fn mark_read(&self, conversation: ConversationId, up_to: MessageKey) -> Result<()> {
        self.0.change(|engine, now| engine.messages().mark_read(conversation, up_to, now))
    }

    /// Takes a message back that was not sent yet; it stays, as cancelled.
    pub fn cancel(&self, conversation: ConversationId, id: MessageId) -> Result<()> {
        self.0.change(|engine, now| engine.messages().cancel(conversation, id, now))
    }

    /// Sends a message once more that was cancelled or refused.
    pub fn retry(&self, conversation: ConversationId, id: MessageId) -> Result<()> {
        self.0.change(|engine, now| engine.messages().retry(conversation, id, now))
    }

    /// Gives another text to an own message.
    #[uniffi::method(default(mentions = []))]
    pub fn edit(
        &self,
        conversation: ConversationId,
        id: MessageId,
        text: String,
        mentions: Vec<Mention>,
    ) -> Result<()> {
        let mentions: Vec<CoreMention> = mentions.into_iter().map(Into::into).collect();
        self.0.change(|engine, now| engine.messages().edit_naming(conversation, id, text, mentions, now))
    }

    /// Deletes a message for everyone: an own one, or another's by a right that the rules give.
    pub fn delete_for_everyone(&self, conversation: ConversationId, message: MessageRef) -> Result<()> {
        self.0.change(|engine, now| engine.messages().delete_for_everyone(conversation, &message.into(), now))
    }

    /// Deletes a message on this device only.
    pub fn delete_here(&self, conversation: ConversationId, message: MessageRef) -> Result<()> {
        self.0.change(|engine, now| engine.messages().delete_here(conversation, &message.into(), now))
    }

    /// A report of messages, for the platform: it, and only it, can verify that they came from their senders.
    pub fn report(&self, conversation: ConversationId, messages: Vec<MessageRef>) -> Result<Vec<u8>> {
        let messages: Vec<_> = messages.into_iter().map(Into::into).collect();
        self.0.read(|engine, now| engine.messages().report(conversation, &messages, now)?.encode())
    }
}
