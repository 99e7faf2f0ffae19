//! The view of messages.

use super::Engine;
use crate::attachment;
use crate::change::{Change, Reader};
use crate::conversation::{self, ConversationRow, State};
use crate::ctx::Ctx;
use crate::envelope::{Clock, MessageRef};
use crate::error::{Error, Misuse, Result};
use crate::id::{ConversationId, MessageId};
use crate::limits;
use crate::member;
use crate::message::{self, Body, Cursor, FailedReason, Message, MessageKey, MessageRow, Page, SendState};
use crate::outbox::{self, Item};
use crate::person;
use crate::policy::{Action, Decision};
use crate::receipt::{self, Mark};
use crate::search::{self, Scope, SearchCursor, SearchPage, SearchQuery};
use crate::store::{Direction, KeyRange, Table};
use crate::text;
use crate::time::Time;

/// What a user wants to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// The text, at most [`limits::TEXT`] bytes.
    pub text: String,
    /// Auto-delete period in minutes; 0 goes when read, −1 never; `None` as the conversation has it.
    pub period: Option<i32>,
    /// When the period starts; `None` as the conversation has it.
    pub clock: Option<Clock>,
    /// What it answers.
    pub target: Option<MessageRef>,
}

crate::redact::redacted_debug!(Draft);

impl Draft {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Draft {
        Draft { text: text.into(), period: None, clock: None, target: None }
    }

    pub(super) fn check_period(&self) -> Result<()> {
        match self.period {
            Some(period) if period < -1 => {
                Err(Error::Misuse(Misuse::Config("a period is -1, 0 or a number of minutes")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The messages of this user's conversations.
pub struct Messages<'e>(pub(super) &'e mut Engine);

/// Messages that one mutation marks as read.
const READ_STEP: usize = limits::NOTICE;

impl Messages<'_> {
    /// Sends a message. It is in the conversation at once, and goes out as soon as it can.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`], [`Misuse::Empty`], [`Misuse::TooLarge`]; [`Error::Denied`] when the rules forbid
    /// it. Nothing is stored then.
    pub fn send(&mut self, conversation: ConversationId, draft: Draft, now: Time) -> Result<MessageId> {
        let text = checked(&draft)?;
        self.0.mutate(now, |ctx| {
            let mut row = conversation::require(&ctx.tx, conversation)?;
            allowed(ctx, &row, None)?;
            let (place, _) = place_own(ctx, &mut row, draft, Body::Text(text))?;
            outbox::push(ctx, &mut row, Item::Message(place.id))?;
            conversation::store(&mut ctx.tx, &row)?;
            outbox::pump_at_once(ctx, conversation)?;
            Ok(place.id)
        })
    }

    /// A page of messages. [`limits::PAGE`] is a good limit.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`]; [`Misuse::TooLarge`] for a limit of 0 or over [`limits::PAGE_MAX`].
    pub fn page(&self, conversation: ConversationId, cursor: Cursor, limit: usize, now: Time) -> Result<Page> {
        let tx = self.0.read()?;
        conversation::require(&tx, conversation)?;
        #[cfg(feature = "sabotage")]
        let cursor = self.sabotage(conversation, cursor)?;
        message::page(&tx, conversation, cursor, limit, self.0.hidden(now))
    }

    /// One message.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`].
    pub fn get(&self, conversation: ConversationId, reference: &MessageRef, now: Time) -> Result<Message> {
        let tx = self.0.read()?;
        let (key, row) = message::require(&tx, conversation, &reference.author, reference.id)?;
        if row.went_by(key, self.0.hidden(now)) {
            return Err(Error::Misuse(Misuse::UnknownMessage));
        }
        Ok(Message::new(conversation, key, row))
    }

    /// Searches for messages, newest first, from the start or behind a cursor. [`limits::PAGE`] is a good limit.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`]; [`Misuse::TooLarge`] for a limit of 0 or over [`limits::PAGE_MAX`].
    pub fn search(
        &self,
        query: &SearchQuery,
        scope: Scope,
        cursor: Option<&SearchCursor>,
        limit: usize,
        now: Time,
    ) -> Result<SearchPage> {
        let tx = self.0.read()?;
        if let Scope::Conversation(id) = scope {
            conversation::require(&tx, id)?;
        }
        search::search(&tx, query, scope, cursor, limit, self.0.hidden(now))
    }

    /// Marks everything up to a message, it included, as read; what arrives later above it stays unread. What goes when
    /// read goes by this, and messages that had gone unseen are no longer counted.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`].
    pub fn mark_read(&mut self, conversation: ConversationId, up_to: MessageKey, now: Time) -> Result<()> {
        while self.0.mutate(now, |ctx| mark_some_read(ctx, conversation, up_to))? {}
        Ok(())
    }

    /// Takes a message back that was not encrypted yet.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`]; [`Misuse::State`] when it is too late.
    pub fn cancel(&mut self, conversation: ConversationId, id: MessageId, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| {
            let (key, mut row) = message::require(&ctx.tx, conversation, &ctx.account.user, id)?;
            if attachment::awaits_upload(&row) {
                let message = MessageRef { author: row.author, id };
                return attachment::cancel(ctx, conversation, &message);
            }
            if row.state != SendState::Queued || !outbox::cancel(ctx, conversation, id)? {
                return Err(Error::Misuse(Misuse::State));
            }
            row.state = SendState::Failed(FailedReason::Cancelled);
            conversation::changed(ctx, conversation, key, &row)
        })
    }

    /// Sends a failed message again.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`]; [`Misuse::State`] when it has not failed; [`Error::Denied`].
    pub fn retry(&mut self, conversation: ConversationId, id: MessageId, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| {
            let mut conversation_row = conversation::require(&ctx.tx, conversation)?;
            let (key, mut row) = message::require(&ctx.tx, conversation, &ctx.account.user, id)?;
            if !matches!(row.state, SendState::Failed(_)) {
                return Err(Error::Misuse(Misuse::State));
            }
            allowed(ctx, &conversation_row, attachment::action(&row.body))?;
            row.state = SendState::Queued;
            conversation::changed(ctx, conversation, key, &row)?;
            if attachment::awaits_upload(&row) {
                return attachment::upload_again(ctx, conversation, key, &row);
            }
            outbox::push(ctx, &mut conversation_row, Item::Message(id))?;
            conversation::store(&mut ctx.tx, &conversation_row)
        })
    }

    /// Gives a text of this user another wording: here at once, elsewhere as soon as this can be told. It keeps its place
    /// and its period.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`] when it is not here, or another's; [`Misuse::State`] when it is no text;
    /// [`Misuse::Empty`], [`Misuse::TooLarge`].
    pub fn edit(
        &mut self,
        conversation: ConversationId,
        id: MessageId,
        text: impl Into<String>,
        now: Time,
    ) -> Result<()> {
        let text = checked(&Draft::text(text))?;
        self.0.mutate(now, |ctx| message::edit(ctx, conversation, id, text))
    }

    /// Deletes a message for everyone, here at once, elsewhere as soon as this can be told: one of this user, or another's
    /// where the rules give that right.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`]; [`Error::Denied`] for another's.
    pub fn delete_for_everyone(
        &mut self,
        conversation: ConversationId,
        reference: &MessageRef,
        now: Time,
    ) -> Result<()> {
        self.0.mutate(now, |ctx| message::delete_for_everyone(ctx, conversation, reference))
    }

    /// Deletes a message on this device only.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`].
    pub fn delete_here(&mut self, conversation: ConversationId, reference: &MessageRef, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| message::delete_here(ctx, conversation, reference))
    }

    #[cfg(feature = "sabotage")]
    fn sabotage(&self, conversation: ConversationId, cursor: Cursor) -> Result<Cursor> {
        let off = self.0.config().sabotaged(crate::sabotage::Sabotage::CursorOffByOne);
        let Cursor::Before(key) = cursor else { return Ok(cursor) };
        let tx = self.0.read()?;
        let next = message::page(&tx, conversation, cursor, 1, Time::ZERO)?.messages.first().map(|m| m.key);
        Ok(if off { Cursor::Before(next.unwrap_or(key)) } else { cursor })
    }
}

/// Puts a new message of this user into its conversation. The caller stores the conversation's row.
pub(super) fn place_own(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    draft: Draft,
    body: Body,
) -> Result<(MessageKey, MessageRow)> {
    conversation::write(ctx, row, body, |message| {
        message.period = draft.period.unwrap_or(message.period);
        message.clock = draft.clock.unwrap_or(message.clock);
        message.target = draft.target;
    })
}

fn checked(draft: &Draft) -> Result<String> {
    let text = text::clean(&draft.text);
    if text.trim().is_empty() {
        return Err(Error::Misuse(Misuse::Empty));
    }
    if text.len() > limits::TEXT {
        return Err(Error::Misuse(Misuse::TooLarge { what: "a text", limit: limits::TEXT }));
    }
    draft.check_period()?;
    Ok(text)
}

/// Whether the rules let this user write here, and do what else it takes, as far as the roles are known.
pub(super) fn allowed(ctx: &Ctx<'_>, row: &ConversationRow, also: Option<Action>) -> Result<()> {
    if let [other] = row.others.as_slice()
        && person::is_blocked(ctx, &other.user)?
    {
        return Err(Error::Misuse(Misuse::Blocked));
    }
    let own = ctx.account.role()?;
    let starting = row.state == State::Denied || row.token.is_empty();
    let write = if starting { Action::Start } else { Action::Reply };
    for other in &row.others {
        let Some(role) = member::role_of(ctx, &other.user)? else { continue };
        for action in [Some(write), also].into_iter().flatten() {
            if let Decision::Deny(reason) = ctx.config.policy.decide(own, action, &role) {
                return Err(Error::Denied(reason));
            }
        }
    }
    Ok(())
}

/// Marks a bounded number; says whether there are more.
fn mark_some_read(ctx: &mut Ctx<'_>, id: ConversationId, up_to: MessageKey) -> Result<bool> {
    let mut row = conversation::require(&ctx.tx, id)?;
    let mut to = up_to.row(id);
    to.push(0);
    let range = KeyRange { from: id.as_bytes(), to: &to };
    let unread = ctx.tx.scan(Table::Unread, range, Direction::Forward, READ_STEP + 1)?;
    let more = unread.len() > READ_STEP;
    for (key, _) in unread.iter().take(READ_STEP) {
        let Some(place) = MessageKey::from_row(key) else { continue };
        ctx.tx.delete(Table::Unread, key);
        let Some(mut message) = message::load(&ctx.tx, id, place)? else { continue };
        message.unread = false;
        row.unread = row.unread.saturating_sub(1);
        conversation::changed(ctx, id, place, &message)?;
        ctx.tx.change(Change::Read(id, place, Box::new(message.clone()), Reader::Here));
        if !matches!(message.body, Body::Encrypted(_)) {
            receipt::owe(ctx, id, Mark::Read, &message.author, place.id)?;
        }
    }
    if !unread.is_empty() || row.missed > 0 {
        row.missed = 0;
        conversation::store(&mut ctx.tx, &row)?;
    }
    Ok(more)
}
