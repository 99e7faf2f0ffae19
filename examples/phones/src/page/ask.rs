//! What a page may ask for. Whatever is not exactly one of these is refused, and changes nothing.

use serde::Deserialize;
use undertone::envelope::Clock;
use undertone::id::UserId;

use crate::view::{CallName, ConversationName, Place, Reference};

/// A message of a page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The page's own number, which the answer repeats.
    pub id: u64,
    /// Whose phone; `None` for what is no phone's.
    #[serde(default)]
    pub phone: Option<String>,
    /// What.
    pub ask: Wish,
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Wish {
    /// Everything that is no phone's: who is there, the clock, what the relay saw.
    Hello,
    /// Move the clock on, by so many milliseconds.
    Advance { ms: u64 },
    /// Cut the phone off, or connect it.
    Connect { online: bool },
    /// Kill the app.
    Kill,
    /// Open it again.
    Open,

    /// The list of conversations, the notifications, and calls that go on.
    List,
    /// The other people, and whether this user may start a conversation with each.
    People,
    /// Start a conversation, or find it.
    Start { user: UserId },
    /// The newest messages of a conversation; from then on its changes are told.
    Enter { conversation: ConversationName },
    /// No longer.
    Leave,
    /// A page of older or newer messages.
    Page { conversation: ConversationName, before: Option<Place>, after: Option<Place> },
    /// Messages around one.
    Around { conversation: ConversationName, place: Place },
    /// Search messages, in one conversation or in all, or go on with the last search.
    Search { words: String, conversation: Option<ConversationName>, more: bool },

    /// Send a text.
    Send { conversation: ConversationName, text: String, terms: Terms },
    /// Give an own text another wording.
    Edit { conversation: ConversationName, message: Reference, text: String },
    /// React, or take that back.
    React { conversation: ConversationName, message: Reference, emoji: Option<String> },
    /// Forward a message to a user.
    Forward { conversation: ConversationName, message: Reference, to: UserId },
    /// Delete a message, for everyone or only here.
    Delete { conversation: ConversationName, message: Reference, everyone: bool },
    /// Send a failed message again.
    Retry { conversation: ConversationName, message: Reference },
    /// Take a message back that waits.
    Cancel { conversation: ConversationName, message: Reference },
    /// Everything up to a message was read.
    Read { conversation: ConversationName, place: Place },
    /// The notification of a conversation was shown, or swiped away.
    Notified { conversation: ConversationName, place: Place, dismissed: bool },

    /// This user types, or stopped.
    Typing { conversation: ConversationName, typing: bool },
    /// What was begun to be written.
    Draft { conversation: ConversationName, text: String },
    /// The auto-delete period of new messages.
    Timer { conversation: ConversationName, period: Period },
    /// Archive, or take back.
    Archive { conversation: ConversationName, on: bool },
    /// Pin, or let go.
    Pin { conversation: ConversationName, on: bool },
    /// No notifications for so many milliseconds, for ever (`-1`), or again (`0`).
    Mute { conversation: ConversationName, ms: i64 },

    /// Block, or take that back.
    Block { user: UserId, on: bool },
    /// The safety number with a user.
    Safety { user: UserId },
    /// It was compared, or that is taken back.
    Verify { user: UserId, on: bool },
    /// Accept a changed identity.
    Accept { user: UserId },
    /// What others are told of this user, and whether this user is disturbed.
    Settings,
    /// Read receipts and typing.
    Privacy { receipts: bool, typing: bool },
    /// Not to be disturbed for so many milliseconds, for ever (`-1`), or again (`0`).
    Quiet { ms: i64 },

    /// Call.
    Call { conversation: ConversationName, video: bool },
    /// Answer.
    Answer { call: CallName },
    /// Decline.
    Decline { call: CallName },
    /// Hang up.
    HangUp { call: CallName },
    /// The calls of a conversation.
    Calls { conversation: ConversationName },
}

/// How a message is sent.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What it answers.
    #[serde(default)]
    pub answers: Option<Reference>,
    /// When it goes; as the conversation has it without.
    #[serde(default)]
    pub period: Option<Period>,
}

/// An auto-delete period.
#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Minutes; 0 goes when read, −1 never.
    pub minutes: i32,
    /// Whether it starts when the message was read.
    pub from_read: bool,
}

impl Period {
    /// When it starts.
    pub fn clock(self) -> Clock {
        if self.from_read { Clock::FromRead } else { Clock::FromSend }
    }
}

/// A file that comes in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Where it goes.
    pub conversation: ConversationName,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// As what it is sent.
    pub kind: Kind,
    /// What stands under it.
    pub caption: String,
    /// When it goes, and what it answers.
    #[serde(default)]
    pub terms: Terms,
}

/// As what a file is sent.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Whatever it is.
    File {},
    /// A picture: made smaller, and freed of what cameras write into it.
    Image {
        /// Shown blurred until tapped.
        blurred: bool,
    },
    /// A voice message.
    Voice {
        /// Milliseconds.
        duration: u64,
        /// How loud it is over its time, 0 to 255.
        wave: Vec<u8>,
    },
}
