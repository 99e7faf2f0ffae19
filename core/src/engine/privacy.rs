//! The view of privacy: what others are told, who is blocked, what people are called.

use super::Engine;
use crate::conversation;
use crate::decided::Decided;
use crate::error::{Error, Misuse, Result};
use crate::event::Event;
use crate::id::{ConversationId, UserId};
use crate::limits;
use crate::own_state;
use crate::person;
use crate::privacy::{self, Privacy};
use crate::text;
use crate::time::Time;

/// What others are told of this user, and what this user decided of them.
pub struct PrivacyView<'e>(pub(super) &'e mut Engine);

impl PrivacyView<'_> {
    /// What others are told of this user.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn settings(&self) -> Result<Privacy> {
        privacy::load(&self.0.read()?)
    }

    /// Sets what others are told of this user, from now on: on this device at once, on the user's other devices as soon as
    /// they are told.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn set(&mut self, settings: Privacy, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| privacy::set(ctx, settings))
    }

    /// Blocks a user, or takes it back; this user's other devices are told in the conversation with that user, or without
    /// one in another. What a blocked user says is dropped on arrival, and they cannot tell: delivery is confirmed as before,
    /// reading is not. A call of theirs stops ringing here, a conversation that they begin is not in the list. Nothing can be
    /// sent to them, but for a message that is deleted for everyone; what was sent before, and waits, still goes.
    ///
    /// # Errors
    /// [`Misuse::Oneself`].
    pub fn block(&mut self, user: &UserId, blocked: bool, now: Time) -> Result<()> {
        if user == self.0.user() {
            return Err(Error::Misuse(Misuse::Oneself));
        }
        let id = ConversationId::direct(self.0.config().authority(), self.0.user(), user);
        self.0.mutate(now, |ctx| {
            let mut person = person::load(&ctx.tx, user)?;
            if person.blocked == blocked {
                return Ok(());
            }
            let decided = own_state::next(ctx, person.blocking.unwrap_or(Decided::NEVER));
            person.blocking = Some(decided);
            person.blocked = blocked;
            person::store(&ctx.tx, user, &person)?;
            if blocked {
                privacy::silence(ctx, user)?;
            }
            // Whoever was never talked to is blocked on the other devices as well, told in whatever conversation there is.
            let row = conversation::load(&ctx.tx, id)?
                .map_or_else(|| conversation::first_live(&ctx.tx), |row| Ok(Some(row)))?;
            let Some(mut row) = row else { return Ok(()) };
            if row.id == id && !blocked {
                conversation::reveal(&mut ctx.tx, &mut row);
            }
            own_state::tell_blocked(ctx, &mut row, user, decided, blocked)?;
            conversation::store(&mut ctx.tx, &row)
        })
    }

    /// Whether a user is blocked.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn is_blocked(&self, user: &UserId) -> Result<bool> {
        Ok(person::load(&self.0.read()?, user)?.blocked)
    }

    /// Sets what this user calls another, for hints and search; `None` for nothing. It is cleaned, cut to
    /// [`limits::NAME`] bytes, and never sent.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn set_display_name(&mut self, user: &UserId, name: Option<&str>, now: Time) -> Result<()> {
        let name = name.map(|name| text::cut(text::clean(name).trim(), limits::NAME).to_owned());
        let id = ConversationId::direct(self.0.config().authority(), self.0.user(), user);
        self.0.mutate(now, |ctx| {
            let mut person = person::load(&ctx.tx, user)?;
            person.name = name.filter(|name| !name.is_empty());
            #[cfg(feature = "sabotage")]
            if ctx.config.sabotaged(crate::sabotage::Sabotage::NamesForgotten) {
                person.name = None;
            }
            person::store(&ctx.tx, user, &person)?;
            if conversation::load(&ctx.tx, id)?.is_some() {
                ctx.tx.event(Event::ConversationChanged(id));
            }
            Ok(())
        })
    }

    /// What this user calls another.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn display_name(&self, user: &UserId) -> Result<Option<String>> {
        Ok(person::load(&self.0.read()?, user)?.name)
    }
}
