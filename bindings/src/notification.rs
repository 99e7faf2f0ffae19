//! What a system's notifications may say: who, what kind, where to go, what to play; never what was said.

use std::sync::Arc;

use undertone::hint as core;
use undertone::hint::{Hint as CoreHint, Sound as CoreSound};
use undertone::id::{CallId, ConversationId, UserId};
use undertone::message::MessageKey;
use undertone::time::Time;

use crate::error::Result;
use crate::mirror::{Mirror, mirror};
use crate::shared::Shared;

mirror!(
    /// A notification for the messages that are unread in a conversation, or for a call that rings.
    pub struct Hint of CoreHint {
        /// The conversation to focus when it is tapped; one hint for each, so that they are grouped.
        conversation: ConversationId,
        /// Whose newest unread message it is, or who calls.
        sender: UserId,
        /// What this user calls them.
        name: Option<String>,
        /// About what.
        about: About,
        /// What to play now; `None` when it was shown before, and while this user is not to be disturbed.
        sound: Option<Sound>,
    }
);

/// What a hint is about.
#[derive(Clone, uniffi::Enum)]
pub enum About {
    /// Unread messages.
    Messages {
        /// The newest one.
        newest: MessageKey,
        /// The number of its kind (1 text, 2 image, 3 file, 4 voice, 5 video, 6 location, 7 contact, 8 event, 9 payment
        /// request, 10 call); `None` for what is not readable.
        kind: Option<u16>,
        /// How many are unread in the conversation.
        count: u32,
        /// Whether the newest one names this user.
        names_me: bool,
    },
    /// A call that rings.
    Call {
        /// Which.
        call: CallId,
    },
}

impl Mirror<core::About> for About {
    fn of(from: core::About) -> About {
        match from {
            core::About::Messages { newest, kind, count, names_me } => {
                About::Messages { newest, kind: kind.map(|kind| kind.0), count, names_me }
            }
            core::About::Call(call) => About::Call { call },
        }
    }
}

mirror!(
    /// What to play.
    pub enum Sound of CoreSound {
        /// The short one for a message.
        Message,
        /// The ringtone.
        Ringtone,
    }
);

/// What a system's notifications may say.
#[derive(uniffi::Object)]
pub struct Notifications(Arc<Shared>);

impl Notifications {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Notifications> {
        Arc::new(Notifications(shared.clone()))
    }
}

#[uniffi::export]
impl Notifications {
    /// What notifications there should be now, a call first.
    pub fn hints(&self) -> Result<Vec<Hint>> {
        self.0.read(|engine, now| engine.notifications().hints(now)).map(Mirror::of)
    }

    /// The notification of a conversation is shown, as of its newest message: it makes no sound again.
    pub fn shown(&self, conversation: ConversationId, newest: MessageKey) -> Result<()> {
        self.0.change(|engine, now| engine.notifications().shown(conversation, newest, now))
    }

    /// The notification of a conversation was dismissed: it comes back only with a newer message.
    pub fn dismiss(&self, conversation: ConversationId, newest: MessageKey) -> Result<()> {
        self.0.change(|engine, now| engine.notifications().dismiss(conversation, newest, now))
    }

    /// Until when hints make no sound.
    pub fn do_not_disturb(&self) -> Result<Option<Time>> {
        self.0.read(|engine, _| engine.notifications().do_not_disturb())
    }

    /// Hints make no sound until then; `None` to end it. For this device only.
    pub fn set_do_not_disturb(&self, until: Option<Time>) -> Result<()> {
        self.0.change(|engine, now| engine.notifications().set_do_not_disturb(until, now))
    }
}
