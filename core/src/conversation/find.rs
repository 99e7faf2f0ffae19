//! Finding conversations by the names of who is in them. They are few: a look at each, in the order of the list, a bounded
//! number per call.

use super::list::{Conversation, ConversationCursor, ConversationPage};
use super::row::ConversationRow;
use crate::codec;
use crate::error::{Error, Result, StoreError};
use crate::id::ConversationId;
use crate::limits;
use crate::page;
use crate::person;
use crate::policy::{Policy, Role};
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// Entries of the list that are read together.
const TOGETHER: usize = 64;

/// Reads a page of at most `limit` conversations behind `cursor` whose names are `wanted`.
pub(crate) fn find(
    tx: &Tx<'_>,
    own_role: Option<&Role>,
    policy: &Policy,
    cursor: Option<&ConversationCursor>,
    limit: usize,
    hidden: Time,
    wanted: impl Fn(&str) -> bool,
) -> Result<ConversationPage> {
    page::check(limit)?;
    let mut page = ConversationPage { conversations: Vec::new(), next: cursor.cloned() };
    for looked_at in 0.. {
        let from = ConversationCursor::first_key(page.next.as_ref());
        let rows = tx.scan(Table::Activity, KeyRange { from: &from, to: &[] }, Direction::Forward, TOGETHER)?;
        for (_, id) in &rows {
            if page.conversations.len() == limit || looked_at * TOGETHER >= limits::CONVERSATIONS_SEARCHED {
                return Ok(page);
            }
            let id: ConversationId = codec::decode_row(id, "activity")?;
            let row = super::load(tx, id)?.ok_or(Error::Store(StoreError::Corrupt("activity")))?;
            page.next = Some(ConversationCursor::behind(&row));
            if !row.concealed && wanted(&names(tx, &row)?) {
                page.conversations.push(Conversation::new(tx, own_role, policy, row, hidden)?);
            }
        }
        if rows.len() < TOGETHER {
            break;
        }
    }
    page.next = None;
    Ok(page)
}

/// The names by which a conversation is found, one a line: what its members are called here, and their ids.
fn names(tx: &Tx<'_>, row: &ConversationRow) -> Result<String> {
    let mut names = String::new();
    for member in &row.others {
        for name in person::load(tx, &member.user)?.name.iter().map(String::as_str).chain([member.user.as_str()]) {
            names.push_str(name);
            names.push('\n');
        }
    }
    Ok(names)
}
