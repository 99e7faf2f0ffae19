//! The view of notifications.

use super::Engine;
use crate::call::Stage;
use crate::error::Result;
use crate::hint::{self, About, Hint, Sound};
use crate::id::ConversationId;
use crate::message::MessageKey;
use crate::person;
use crate::time::Time;

/// What the system's notifications may say. Read the [`hints`](Notifications::hints) whenever a conversation or call has
/// changed, show what is there, and take away what is not.
pub struct Notifications<'e>(pub(super) &'e mut Engine);

impl Notifications<'_> {
    /// What asks for attention now: calls that ring, then unread messages, one hint a conversation in the order of the
    /// list. Archived and muted conversations make none for messages, and neither do messages whose author says so. At most [`limits::HINTS`](crate::limits::HINTS), of
    /// the first [`limits::HINTS_SOUGHT`](crate::limits::HINTS_SOUGHT) conversations.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn hints(&mut self, now: Time) -> Result<Vec<Hint>> {
        let hidden = self.0.hidden(now);
        #[cfg(feature = "sabotage")]
        let unheeded = self.0.config().sabotaged(crate::sabotage::Sabotage::QuietUnheeded);
        #[cfg(feature = "sabotage")]
        let now = if unheeded { Time::NEVER } else { now };
        let mut hints = self.calls(now)?;
        let me = self.0.user().clone();
        hints.extend(hint::of_messages(&self.0.read()?, &me, now, hidden)?);
        Ok(hints)
    }

    fn calls(&mut self, now: Time) -> Result<Vec<Hint>> {
        let ringing = self.0.calls().active()?.into_iter().filter(|call| call.stage == Stage::RingingIn);
        let ringing: Vec<_> = ringing.collect();
        let tx = self.0.read()?;
        let quiet = hint::quiet_until(&tx)?.is_some_and(|until| until > now);
        ringing
            .into_iter()
            .map(|call| {
                Ok(Hint {
                    conversation: call.conversation,
                    name: person::load(&tx, &call.caller)?.name,
                    sender: call.caller,
                    about: About::Call(call.id),
                    sound: (!quiet).then_some(Sound::Ringtone),
                })
            })
            .collect()
    }

    /// The notification of a conversation is on screen, as of this message: it makes no sound again.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`](crate::error::Misuse::UnknownConversation).
    pub fn shown(&mut self, conversation: ConversationId, newest: MessageKey, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| hint::note(ctx, conversation, newest, false))
    }

    /// This user has swiped it away: it comes back with a newer message.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`](crate::error::Misuse::UnknownConversation).
    pub fn dismiss(&mut self, conversation: ConversationId, newest: MessageKey, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| hint::note(ctx, conversation, newest, true))
    }

    /// Until when this user is not to be disturbed on this device.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn do_not_disturb(&self) -> Result<Option<Time>> {
        hint::quiet_until(&self.0.read()?)
    }

    /// Hints make no sound until then; [`Time::NEVER`] for always, `None` to end it. For this device only.
    ///
    /// # Errors
    /// [`Misuse::Clock`](crate::error::Misuse::Clock).
    pub fn set_do_not_disturb(&mut self, until: Option<Time>, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| hint::set_quiet(ctx, until))
    }
}
