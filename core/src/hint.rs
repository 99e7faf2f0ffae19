//! Notification hints: what a system's notification may say of what waits unread. Who, what kind, where to go, what to
//! play; never what was said.
//!
//! Hints are not a stream that can be missed: they are read from what is unread now, so a crash or another process of the
//! same app (an iOS extension, an Android service) gives the same ones. What was shown makes no sound again, and what was
//! dismissed comes back only with a newer message.

use serde::{Deserialize, Serialize};

use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::envelope::Kind;
use crate::error::{Error, Result, StoreError};
use crate::expiry;
use crate::id::{CallId, ConversationId, UserId};
use crate::limits;
use crate::message::{self, MessageKey};
use crate::person;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

const QUIET: &[u8] = b"do not disturb";

/// A notification for the messages that are unread in a conversation, or for a call that rings.
#[derive(Clone, PartialEq, Eq)]
pub struct Hint {
    /// The conversation to focus when it is tapped; one hint for each, so that they are grouped.
    pub conversation: ConversationId,
    /// Whose newest unread message it is, or who calls.
    pub sender: UserId,
    /// What this user calls them.
    pub name: Option<String>,
    /// About what.
    pub about: About,
    /// What to play now; `None` when it was shown before, and while this user is not to be disturbed.
    pub sound: Option<Sound>,
}

/// What a hint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Unread messages.
    Messages {
        /// The newest one that its author lets make a notification.
        newest: MessageKey,
        /// Its kind; `None` for what is not readable.
        kind: Option<Kind>,
        /// How many are unread in the conversation.
        count: u32,
        /// Whether the newest one names this user.
        names_me: bool,
    },
    /// A call that rings.
    Call(CallId),
}

/// What to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// The short one for a message.
    Message,
    /// The ringtone.
    Ringtone,
}

crate::redact::redacted_debug!(Hint);

/// How far a conversation's notifications have come.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Hinted {
    shown: Option<MessageKey>,
    dismissed: Option<MessageKey>,
}

/// Until when this user is not to be disturbed on this device.
pub(crate) fn quiet_until(tx: &Tx<'_>) -> Result<Option<Time>> {
    tx.row(Table::Meta, QUIET, "do not disturb")
}

pub(crate) fn set_quiet(ctx: &Ctx<'_>, until: Option<Time>) -> Result<()> {
    match until {
        Some(until) => ctx.tx.put_row(Table::Meta, QUIET.to_vec(), &until),
        None => {
            ctx.tx.delete(Table::Meta, QUIET);
            Ok(())
        }
    }
}

/// The notification of a conversation was shown, or dismissed, as of a message.
pub(crate) fn note(ctx: &mut Ctx<'_>, id: ConversationId, newest: MessageKey, dismissed: bool) -> Result<()> {
    let mut row = conversation::require(&ctx.tx, id)?;
    let (before, hinted) = (row.hinted, &mut row.hinted);
    hinted.shown = hinted.shown.max(Some(newest));
    if dismissed {
        hinted.dismissed = hinted.dismissed.max(Some(newest));
    }
    if (before.shown, before.dismissed) == (hinted.shown, hinted.dismissed) {
        return Ok(());
    }
    ctx.tx.put_row(Table::Conversation, id.as_bytes().to_vec(), &row)
}

/// The hints of unread messages, in the order of the list. What went by `hidden` is not there.
pub(crate) fn of_messages(tx: &Tx<'_>, me: &UserId, now: Time, hidden: Time) -> Result<Vec<Hint>> {
    let quiet = quiet_until(tx)?.is_some_and(|until| until > now);
    let counted = expiry::waiting(tx, hidden)?;
    let list = tx.scan(Table::Activity, KeyRange { from: &[], to: &[] }, Direction::Forward, limits::HINTS_SOUGHT)?;
    let mut hints = Vec::new();
    for (_, id) in list {
        let id: ConversationId = crate::codec::decode_row(&id, "activity")?;
        let row = conversation::load(tx, id)?.ok_or(Error::Store(StoreError::Corrupt("activity")))?;
        if row.unread == 0 || row.archived || row.muted_until.is_some_and(|until| until > now) {
            continue;
        }
        let count = if counted { message::count_unread(tx, id, hidden)? } else { row.unread };
        hints.extend(of_conversation(tx, &row, (count, quiet), me, hidden)?);
        if hints.len() == limits::HINTS {
            break;
        }
    }
    Ok(hints)
}

fn of_conversation(
    tx: &Tx<'_>,
    row: &ConversationRow,
    (count, quiet): (u32, bool),
    me: &UserId,
    hidden: Time,
) -> Result<Option<Hint>> {
    let Some((newest, message)) = message::newest_unread(tx, row.id, hidden)? else { return Ok(None) };
    if row.hinted.dismissed >= Some(newest) {
        return Ok(None);
    }
    let fresh = row.hinted.shown < Some(newest);
    Ok(Some(Hint {
        conversation: row.id,
        name: person::load(tx, &message.author)?.name,
        about: About::Messages {
            newest,
            kind: message.kind(),
            count,
            names_me: message.marks.mentions.iter().any(|mention| mention.user == *me),
        },
        sender: message.author,
        sound: (fresh && !quiet).then_some(Sound::Message),
    }))
}
