//! The list of conversations, newest activity first.

use super::row::{ConversationRow, State, activity_key};
use crate::codec;
use crate::envelope::Clock;
use crate::error::{Error, Result, StoreError};
use crate::expiry;
use crate::id::{ConversationId, UserId};
use crate::member;
use crate::message::{self, Cursor, Message};
use crate::page;
use crate::person::{self, Trust};
use crate::policy::{Policy, Role};
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// A conversation as a host shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The other members.
    pub others: Vec<Member>,
    /// Who started it.
    pub initiator: UserId,
    /// Its type by the policy, like `client_escort`; `None` until the roles are known.
    pub kind: Option<String>,
    /// Whether messages flow.
    pub state: ConversationState,
    /// When it was started, by the initiator's clock.
    pub created_at: Time,
    /// Time of the last activity.
    pub last_activity: Time,
    /// The newest message.
    pub last_message: Option<Message>,
    /// Unread messages.
    pub unread: u32,
    /// Messages that were auto-deleted before this user had read them, since the last time that something was read here.
    pub expired_unseen: u32,
    /// Whether it is archived.
    pub archived: bool,
    /// Until when it makes no notifications; [`Time::NEVER`] for always.
    pub muted_until: Option<Time>,
    /// Whether it stays at the top of the list.
    pub pinned: bool,
    /// What this user has begun to write, on this device.
    pub draft: Option<String>,
    /// Auto-delete period of new messages in minutes; 0 goes when read, −1 never.
    pub period: i32,
    /// When that period starts.
    pub clock: Clock,
}

crate::redact::redacted_debug!(Conversation, Member);

/// Another member of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// The role by the newest certificate; `None` until one was seen.
    pub role: Option<Role>,
    /// What this user calls them.
    pub name: Option<String>,
    /// Whether this user has blocked them.
    pub blocked: bool,
    /// How far their identity is to be trusted. While it is [`Trust::Changed`], messages wait.
    pub trust: Trust,
}

/// Whether messages flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationState {
    /// Waits for the directory or the relay; messages are queued.
    Starting,
    /// They do.
    Live,
    /// The rules forbid it.
    Denied,
}

/// Where a page of the list goes on: behind this conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationCursor {
    pinned: bool,
    activity: Time,
    id: ConversationId,
}

impl ConversationCursor {
    /// Behind a conversation. A cursor is made of what the row says: the keys of the list come back with the conversation
    /// hidden.
    pub(super) fn behind(row: &ConversationRow) -> ConversationCursor {
        ConversationCursor { pinned: row.pinned, activity: row.activity, id: row.id }
    }

    /// The first key of the list from which a page goes on.
    pub(super) fn first_key(cursor: Option<&ConversationCursor>) -> Vec<u8> {
        cursor.map_or_else(Vec::new, |c| [activity_key(c.pinned, c.activity, c.id), vec![0]].concat())
    }
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationPage {
    /// Pinned ones first, then by newest activity.
    pub conversations: Vec<Conversation>,
    /// Where it goes on; `None` at the end.
    pub next: Option<ConversationCursor>,
}

/// Reads a page of at most `limit` conversations behind `cursor`. What went by `hidden` is not there.
pub(crate) fn page(
    tx: &Tx<'_>,
    own_role: Option<&Role>,
    policy: &Policy,
    cursor: Option<&ConversationCursor>,
    limit: usize,
    hidden: Time,
) -> Result<ConversationPage> {
    page::check(limit)?;
    let from = ConversationCursor::first_key(cursor);
    let mut rows = tx.scan(Table::Activity, KeyRange { from: &from, to: &[] }, Direction::Forward, limit + 1)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let mut conversations: Vec<Conversation> = Vec::with_capacity(rows.len());
    let mut last = None;
    for (_, id) in rows {
        let id: ConversationId = codec::decode_row(&id, "activity")?;
        let row = super::load(tx, id)?.ok_or(Error::Store(StoreError::Corrupt("activity")))?;
        last = Some(ConversationCursor::behind(&row));
        if row.concealed {
            continue;
        }
        conversations.push(Conversation::new(tx, own_role, policy, row, hidden)?);
    }
    Ok(ConversationPage { conversations, next: last.filter(|_| more) })
}

impl Conversation {
    pub(crate) fn new(
        tx: &Tx<'_>,
        own_role: Option<&Role>,
        policy: &Policy,
        row: ConversationRow,
        hidden: Time,
    ) -> Result<Conversation> {
        let last = match row.last {
            Some(key) => message::load(tx, row.id, key)?.map(|m| (key, m)),
            None => None,
        };
        let gone = last.as_ref().is_some_and(|(key, m)| m.went_by(*key, hidden));
        let last_message = if gone {
            message::page(tx, row.id, Cursor::Newest, 1, hidden)?.messages.into_iter().next()
        } else {
            last.map(|(key, m)| Message::new(row.id, key, m))
        };
        let unread = if row.unread > 0 && expiry::waiting(tx, hidden)? {
            message::count_unread(tx, row.id, hidden)?
        } else {
            row.unread
        };
        // The role that counts is that of the newest certificate, which may have come after the row was written.
        let mut others = Vec::with_capacity(row.others.len());
        for other in row.others {
            let (known, person) = (member::user_row(tx, &other.user)?, person::load(tx, &other.user)?);
            let trust = person.trust(known.as_ref());
            let role = known.map(|known| known.role).or(other.role);
            others.push(Member { user: other.user, role, name: person.name, blocked: person.blocked, trust });
        }
        let roles: Option<Vec<Role>> =
            core::iter::once(own_role.cloned()).chain(others.iter().map(|m| m.role.clone())).collect();
        Ok(Conversation {
            id: row.id,
            others,
            initiator: row.initiator,
            kind: roles.map(|roles| policy.conversation_type(&roles)),
            state: match row.state {
                State::Starting => ConversationState::Starting,
                State::Live => ConversationState::Live,
                State::Denied => ConversationState::Denied,
            },
            created_at: row.created,
            last_activity: row.activity,
            last_message,
            unread,
            expired_unseen: row.missed,
            archived: row.archived,
            muted_until: row.muted_until,
            pinned: row.pinned,
            draft: row.draft,
            period: row.period,
            clock: row.clock,
        })
    }
}
