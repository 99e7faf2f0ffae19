//! The view of conversations.

use super::{Engine, messages};
use crate::conversation::{
    self, Conversation, ConversationCursor, ConversationPage, ConversationRow, MemberRow, State,
};
use crate::ctx::Ctx;
use crate::envelope::{Clock, Ephemeral};
use crate::erase;
use crate::error::{Error, Misuse, Result};
use crate::event::Event;
use crate::id::{ConversationId, UserId};
use crate::intent::{self, Intent};
use crate::limits;
use crate::member;
use crate::own_state;
use crate::policy::{Action, Decision};
use crate::search::SearchQuery;
use crate::time::Time;
use crate::typing;

/// The conversations of this user.
pub struct Conversations<'e>(pub(super) &'e mut Engine);

impl Conversations<'_> {
    /// Starts the conversation with another user, or finds it. It needs no connection: messages can be queued at once.
    ///
    /// # Errors
    /// [`Misuse::Oneself`]; [`Misuse::NotEnrolled`]; [`Error::Denied`] when the other's role is known and the rules
    /// forbid it. An unknown role is looked up, and the conversation says later if it is denied.
    pub fn start(&mut self, user: &UserId, now: Time) -> Result<ConversationId> {
        let engine = &mut *self.0;
        if user == engine.user() {
            return Err(Error::Misuse(Misuse::Oneself));
        }
        engine.certificate()?;
        let id = ConversationId::direct(engine.config().authority(), engine.user(), user);
        engine.mutate(now, |ctx| {
            let mut known = conversation::load(&ctx.tx, id)?;
            if let Some(row) = known.as_mut().filter(|row| row.concealed) {
                conversation::reveal(&mut ctx.tx, row);
                conversation::store(&mut ctx.tx, row)?;
            }
            if known.as_ref().is_some_and(|row| row.state != State::Denied) {
                return Ok(id);
            }
            let role = member::role_of(ctx, user)?;
            if let Some(role) = &role
                && let Decision::Deny(reason) = ctx.config.policy.decide(ctx.account.role()?, Action::Start, role)
            {
                return Err(Error::Denied(reason));
            }
            let mut row = match known {
                // It was denied; roles or rules have changed since. What was said in it stays.
                Some(row) => row,
                None => {
                    let row = conversation::new(id, ctx.account.user.clone(), ctx.now, ctx.config.period);
                    conversation::touch(&ctx.tx, &row, None)?;
                    ctx.tx.event(Event::ConversationAdded(id));
                    row
                }
            };
            row.begin_anew(ctx.account.user.clone(), MemberRow { user: user.clone(), role });
            conversation::store(&mut ctx.tx, &row)?;
            intent::want(ctx, id, Intent::Open, ctx.now)?;
            Ok(id)
        })
    }

    /// A page of at most `limit` conversations, newest activity first, from the start or behind a cursor.
    /// [`limits::PAGE`] is a good limit.
    ///
    /// # Errors
    /// [`Misuse::TooLarge`] for a limit of 0 or over [`limits::PAGE_MAX`].
    pub fn page(&self, cursor: Option<&ConversationCursor>, limit: usize, now: Time) -> Result<ConversationPage> {
        let tx = self.0.read()?;
        conversation::page(
            &tx,
            self.0.account().role().ok(),
            &self.0.config().policy,
            cursor,
            limit,
            self.0.hidden(now),
        )
    }

    /// The first page of the usual size.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn newest(&self, now: Time) -> Result<ConversationPage> {
        self.page(None, limits::PAGE, now)
    }

    /// Conversations by what this user calls those who are in them, and by their ids, in the order of the list, from the
    /// start or behind a cursor: words in any order, the last one may be only begun, case and accents do not matter.
    ///
    /// A page may have fewer than asked for, or none, and still more to come: one call looks at a bounded number.
    ///
    /// # Errors
    /// [`Misuse::TooLarge`] for a limit of 0 or over [`limits::PAGE_MAX`].
    pub fn search(
        &self,
        query: &SearchQuery,
        cursor: Option<&ConversationCursor>,
        limit: usize,
        now: Time,
    ) -> Result<ConversationPage> {
        let tx = self.0.read()?;
        let (role, policy) = (self.0.account().role().ok(), &self.0.config().policy);
        let wanted = |names: &str| {
            #[cfg(feature = "sabotage")]
            if self.0.config().sabotaged(crate::sabotage::Sabotage::NamesNotFound) {
                return names.lines().last().is_some_and(|id| query.find(id).is_some());
            }
            query.find(names).is_some()
        };
        conversation::find(&tx, role, policy, cursor, limit, self.0.hidden(now), wanted)
    }

    /// One conversation.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`].
    pub fn get(&self, id: ConversationId, now: Time) -> Result<Conversation> {
        let tx = self.0.read()?;
        let row = conversation::require(&tx, id)?;
        Conversation::new(&tx, self.0.account().role().ok(), &self.0.config().policy, row, self.0.hidden(now))
    }

    /// Whether this user may do something to another, by the newest role known of them: what a button shows.
    /// `None` while the role is unknown: call [`Identity::look_up`](super::Identity::look_up) and ask again when its
    /// request was answered; no event tells of it.
    ///
    /// # Errors
    /// [`Misuse::NotEnrolled`].
    pub fn can(&self, action: Action, user: &UserId) -> Result<Option<Decision>> {
        let tx = self.0.read()?;
        let own = self.0.account().role()?;
        let role = member::user_row(&tx, user)?.map(|row| row.role);
        Ok(role.map(|role| self.0.config().policy.decide(own, action, &role)))
    }

    /// Sets the auto-delete period of new messages for both sides, in minutes (0 goes when read, −1 never), and when it
    /// starts. A line in the conversation tells of it. Messages that are there keep theirs.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`]; [`Misuse::Config`] for a period below −1; [`Misuse::NotEnrolled`],
    /// [`Misuse::Blocked`], [`Error::Denied`] where nothing may be sent.
    pub fn set_period(&mut self, id: ConversationId, period: i32, clock: Clock, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| {
            messages::allowed(ctx, &conversation::require(&ctx.tx, id)?, None)?;
            conversation::set_period(ctx, id, period, clock)
        })
    }

    /// Archives a conversation, or takes it back. A new message does not take it back. This user's other devices follow.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`].
    pub fn archive(&mut self, id: ConversationId, archived: bool, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| {
            keep(ctx, id, |_, row| {
                row.archived = archived;
                Ok(())
            })
        })
    }

    /// Lets a conversation make no notifications until then ([`Time::NEVER`] for ever), or again with `None`. This user's
    /// other devices follow.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`].
    pub fn mute(&mut self, id: ConversationId, until: Option<Time>, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| {
            keep(ctx, id, |_, row| {
                row.muted_until = until;
                Ok(())
            })
        })
    }

    /// Pins a conversation to the top of the list, or lets it go. This user's other devices follow.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`].
    pub fn pin(&mut self, id: ConversationId, pinned: bool, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| keep(ctx, id, |ctx, row| conversation::pin(&ctx.tx, row, pinned)))
    }

    /// Says whether this user types. While it is so, say so at every key: the others are told every
    /// [`limits::TYPING_EVERY`], and show it for [`limits::TYPING_LASTS`] or until the message comes. That it is over is
    /// told only if that is news to them, and not within the first time after they were told.
    ///
    /// It is said for the moment: not kept, not repeated, and not at all without a connection or where this user does not
    /// want it known ([`Privacy::typing`](crate::privacy::Privacy::typing)).
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`], [`Misuse::Blocked`]; [`Error::Denied`] when the rules forbid to write here.
    pub fn set_typing(&mut self, id: ConversationId, typing: bool, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| {
            let row = conversation::require(&ctx.tx, id)?;
            messages::allowed(ctx, &row, None)?;
            typing::tell(ctx, &row, if typing { Ephemeral::Typing } else { Ephemeral::Stopped })
        })
    }

    /// Who types in a conversation now, this user left out.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`].
    pub fn typing(&self, id: ConversationId, now: Time) -> Result<Vec<UserId>> {
        conversation::require(&self.0.read()?, id)?;
        Ok(self.0.memory.typing.users(id, now))
    }

    /// Keeps what this user has begun to write, on this device; `None` or nothing forgets it.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`]; [`Misuse::TooLarge`] over [`limits::DRAFT`] bytes.
    pub fn set_draft(&mut self, id: ConversationId, draft: Option<String>, now: Time) -> Result<()> {
        if draft.as_ref().is_some_and(|draft| draft.len() > limits::DRAFT) {
            return Err(Error::Misuse(Misuse::TooLarge { what: "a draft", limit: limits::DRAFT }));
        }
        self.0.mutate(now, |ctx| {
            let mut row = conversation::require(&ctx.tx, id)?;
            #[cfg(feature = "sabotage")]
            let draft = draft.filter(|_| !ctx.config.sabotaged(crate::sabotage::Sabotage::DraftForgotten));
            let before = std::mem::replace(&mut row.draft, draft.filter(|draft| !draft.is_empty()));
            conversation::store(&mut ctx.tx, &row)?;
            if before.is_some() { erase::soon(ctx) } else { Ok(()) }
        })
    }
}

/// Changes how this user keeps a conversation, and tells the user's other devices.
fn keep(
    ctx: &mut Ctx<'_>,
    id: ConversationId,
    change: impl FnOnce(&mut Ctx<'_>, &mut ConversationRow) -> Result<()>,
) -> Result<()> {
    let mut row = conversation::require(&ctx.tx, id)?;
    change(ctx, &mut row)?;
    row.kept = own_state::next(ctx, row.kept);
    own_state::tell_kept(ctx, &mut row)?;
    conversation::store(&mut ctx.tx, &row)
}
