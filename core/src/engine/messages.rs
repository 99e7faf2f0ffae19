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
use crate::message::{
    self, Body, Cursor, FailedReason, Marks, Mention, Message, MessageKey, MessageRow, Page, SendState,
};
use crate::outbox::{self, Item};
use crate::person;
use crate::policy::{Action, Decision};
use crate::receipt::{self, Mark};
use crate::report::{self, Report};
use crate::search::{self, Scope, SearchCursor, SearchPage, SearchQuery};
use crate::store::{KeyRange, Table};
use crate::structured::{self, PaymentState, Structured};
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
    /// Whom the text names, members of the conversation; at most [`limits::MENTIONS`].
    pub mentions: Vec<Mention>,
}

crate::redact::redacted_debug!(Draft);

impl Draft {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Draft {
        Draft { text: text.into(), period: None, clock: None, target: None, mentions: Vec::new() }
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
    /// [`Misuse::UnknownConversation`], [`Misuse::Empty`], [`Misuse::TooLarge`]; [`Misuse::UnknownMessage`] when what it
    /// answers is gone; [`Misuse::Mention`]; [`Error::Denied`] when the rules forbid it. Nothing is stored then.
    pub fn send(&mut self, conversation: ConversationId, draft: Draft, now: Time) -> Result<MessageId> {
        let (text, mentions) = checked(&draft)?;
        let draft = Draft { mentions, ..draft };
        self.0.mutate(now, |ctx| launch(ctx, conversation, draft, (Body::Text(text), false), None))
    }

    /// Sends a place, an address card, a calendar event or a payment request. The draft says what it answers and when it
    /// goes; its text must be empty.
    ///
    /// # Errors
    /// What [`Structured::checked`] says, and what [`send`](Messages::send) does.
    pub fn send_structured(
        &mut self,
        conversation: ConversationId,
        structured: Structured,
        draft: Draft,
        now: Time,
    ) -> Result<MessageId> {
        if !draft.text.is_empty() {
            return Err(Error::Misuse(Misuse::Structured("it has no text beside its own: send that as a message")));
        }
        draft.check_period()?;
        let body = Body::Structured(Box::new(structured.checked()?));
        self.0.mutate(now, |ctx| launch(ctx, conversation, draft, (body, false), None))
    }

    /// Sends what a message says once more, into another conversation or the same one, marked as forwarded. It goes as
    /// messages of that conversation do; reactions, mentions and what it answers stay behind.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`]; [`Misuse::State`] for what cannot be forwarded: what goes when read, what is not
    /// readable, not yet uploaded, or of a kind that belongs where it is (calls, payment requests);
    /// [`Misuse::UnknownConversation`]; [`Error::Denied`] when the rules forbid it there.
    pub fn forward(
        &mut self,
        from: ConversationId,
        message: &MessageRef,
        to: ConversationId,
        now: Time,
    ) -> Result<MessageId> {
        self.0.mutate(now, |ctx| {
            let row = still_there(ctx, from, message)?;
            if row.period == 0 || !may_be_forwarded(&row) {
                return Err(Error::Misuse(Misuse::State));
            }
            let action = attachment::action(&row.body);
            launch(ctx, to, Draft::text(""), (row.body, true), action)
        })
    }

    /// Reacts to a message with one visible character, in the place of an earlier reaction of this user; `None` takes it
    /// back.
    ///
    /// # Errors
    /// [`Misuse::Reaction`]; [`Misuse::UnknownMessage`]; [`Misuse::State`] when there is nothing to react to, or the
    /// message has not gone out; [`Error::Denied`].
    pub fn react(
        &mut self,
        conversation: ConversationId,
        message: &MessageRef,
        emoji: Option<&str>,
        now: Time,
    ) -> Result<()> {
        self.0.mutate(now, |ctx| {
            allowed(ctx, &conversation::require(&ctx.tx, conversation)?, None)?;
            still_there(ctx, conversation, message)?;
            message::react(ctx, conversation, message, emoji)
        })
    }

    /// Says what became of a payment request. Who asked can cancel it, or confirm that the payment has come; who was asked
    /// can decline, or say that it is paid. The furthest of these holds, in the order of [`PaymentState`].
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`]; [`Misuse::State`] when it is no payment request, not for this user to say, or one that
    /// is further already.
    pub fn set_payment(
        &mut self,
        conversation: ConversationId,
        request: &MessageRef,
        state: PaymentState,
        now: Time,
    ) -> Result<()> {
        self.0.mutate(now, |ctx| {
            allowed(ctx, &conversation::require(&ctx.tx, conversation)?, None)?;
            still_there(ctx, conversation, request)?;
            structured::set_payment(ctx, conversation, request, state)
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
        let hidden = self.0.hidden(now);
        #[cfg(feature = "sabotage")]
        let found = self.0.config().sabotaged(crate::sabotage::Sabotage::HiddenFound);
        #[cfg(feature = "sabotage")]
        let hidden = if found { Time::ZERO } else { hidden };
        search::search(&tx, query, scope, cursor, limit, hidden)
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
    /// [`Misuse::UnknownConversation`]; [`Misuse::UnknownMessage`] when it is not here, or another's; [`Misuse::State`] when
    /// it is no text; [`Misuse::Empty`], [`Misuse::TooLarge`]; once others may have seen it, [`Misuse::Blocked`] and
    /// [`Error::Denied`].
    pub fn edit(
        &mut self,
        conversation: ConversationId,
        id: MessageId,
        text: impl Into<String>,
        now: Time,
    ) -> Result<()> {
        self.edit_naming(conversation, id, text, Vec::new(), now)
    }

    /// The same, with a text that names users.
    ///
    /// # Errors
    /// Those of [`edit`](Messages::edit); [`Misuse::Mention`].
    pub fn edit_naming(
        &mut self,
        conversation: ConversationId,
        id: MessageId,
        text: impl Into<String>,
        mentions: Vec<Mention>,
        now: Time,
    ) -> Result<()> {
        let wording = checked(&Draft { mentions, ..Draft::text(text) })?;
        self.0.mutate(now, |ctx| {
            let row = conversation::require(&ctx.tx, conversation)?;
            let before = still_there(ctx, conversation, &MessageRef { author: ctx.account.user.clone(), id })?;
            // What nobody has seen just says something else.
            if before.is_known_to_others() {
                allowed(ctx, &row, None)?;
            }
            check_named(ctx, &row, &wording.1)?;
            message::edit(ctx, conversation, id, wording)
        })
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

    /// A report of messages of another member, for the platform: the host sends [`Report::encode`] to whoever moderates it.
    /// It reveals these messages, their sender, tag and time, and nothing else; of an edited one, what it said first and
    /// what it says now. Nobody is told.
    ///
    /// # Errors
    /// [`Misuse::Report`] for none, more than [`limits::REPORTED`], own ones, or ones that nobody can verify;
    /// [`Misuse::UnknownMessage`].
    pub fn report(&self, conversation: ConversationId, messages: &[MessageRef], now: Time) -> Result<Report> {
        report::report(&self.0.read()?, conversation, messages, self.0.hidden(now))
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

/// Puts a new message of this user into its conversation and has it sent. `forwarded` is its mark, `also` what the rules
/// must allow beside writing.
fn launch(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    draft: Draft,
    (body, forwarded): (Body, bool),
    also: Option<Action>,
) -> Result<MessageId> {
    let mut row = conversation::require(&ctx.tx, conversation)?;
    allowed(ctx, &row, also)?;
    let (place, _) = place_own(ctx, &mut row, draft, (body, forwarded))?;
    outbox::push(ctx, &mut row, Item::Message(place.id))?;
    conversation::store(&mut ctx.tx, &row)?;
    outbox::pump_at_once(ctx, conversation)?;
    Ok(place.id)
}

/// Puts a new message of this user into its conversation. The caller stores the conversation's row.
pub(super) fn place_own(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    draft: Draft,
    (body, forwarded): (Body, bool),
) -> Result<(MessageKey, MessageRow)> {
    if let Some(target) = &draft.target
        && !may_be_answered(&still_there(ctx, row.id, target)?)
    {
        return Err(Error::Misuse(Misuse::State));
    }
    check_named(ctx, row, &draft.mentions)?;
    conversation::write(ctx, row, body, |message| {
        message.period = draft.period.unwrap_or(message.period);
        message.clock = draft.clock.unwrap_or(message.clock);
        message.target = draft.target;
        message.marks = Marks { forwarded, mentions: draft.mentions };
    })
}

/// A message that this user sees.
fn still_there(ctx: &Ctx<'_>, conversation: ConversationId, message: &MessageRef) -> Result<MessageRow> {
    let (place, row) = message::require(&ctx.tx, conversation, &message.author, message.id)?;
    if row.went_by(place, ctx.hidden()) { Err(Error::Misuse(Misuse::UnknownMessage)) } else { Ok(row) }
}

/// Whether others know a message under its name: what stands for one that cannot be read has another, and what engines
/// note for themselves is here alone.
fn may_be_answered(row: &MessageRow) -> bool {
    !matches!(row.body, Body::Encrypted(_) | Body::System(_))
}

fn may_be_forwarded(row: &MessageRow) -> bool {
    match &row.body {
        Body::Text(_) => true,
        Body::Attachment(_) => !attachment::awaits_upload(row),
        Body::Structured(body) => !matches!(**body, Structured::Payment(_)),
        Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => false,
    }
}

/// Whether all whom a text names are in the conversation.
fn check_named(ctx: &Ctx<'_>, row: &ConversationRow, mentions: &[Mention]) -> Result<()> {
    if mentions.iter().all(|mention| row.is_of(&mention.user, &ctx.account.user)) {
        return Ok(());
    }
    Err(Error::Misuse(Misuse::Mention("a text names members of its conversation")))
}

/// The text of a draft, cleaned, with whom it names.
fn checked(draft: &Draft) -> Result<(String, Vec<Mention>)> {
    let (text, mentions) = message::clean_with_mentions(&draft.text, &draft.mentions)?;
    if text::shows_nothing(&text) {
        return Err(Error::Misuse(Misuse::Empty));
    }
    if text.len() > limits::TEXT {
        return Err(Error::Misuse(Misuse::TooLarge { what: "a text", limit: limits::TEXT }));
    }
    draft.check_period()?;
    Ok((text, mentions))
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
    let unread = message::unread(&ctx.tx, range, READ_STEP + 1, ctx.hidden())?;
    let mut more = unread.len() > READ_STEP;
    for (key, _) in unread.iter().take(READ_STEP) {
        if ctx.tx.rows() > limits::BATCH / 2 {
            more = true;
            break;
        }
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
