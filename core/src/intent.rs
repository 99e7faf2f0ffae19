//! What this device wants of a conversation's session. An intent is a wish, not bytes: after a conflict it is
//! fulfilled anew, and dropped when somebody else has fulfilled it.

use crate::ctx::Ctx;
use crate::error::{Error, Result, StoreError};
use crate::id::ConversationId;
use crate::store::Table;
use crate::time::Time;
use crate::tx::Tx;

/// A wish. The order is that in which they are fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Intent {
    /// A session: there is none, or it must be replaced.
    Open = 1,
    /// Leaves that agree with the directory and the revocation lists.
    Reconcile = 2,
    /// A fresh leaf key of this device.
    Update = 3,
}

/// Wants `intent` from `at` on; an earlier wish of the same kind keeps its time if it is earlier.
pub(crate) fn want(ctx: &mut Ctx<'_>, conversation: ConversationId, intent: Intent, at: Time) -> Result<()> {
    let at = match get(&ctx.tx, conversation, intent)? {
        Some(earlier) if earlier <= at => return Ok(()),
        _ => at,
    };
    ctx.tx.put_row(Table::Intent, key(conversation, intent), &(at, conversation))?;
    ctx.busy(conversation);
    Ok(())
}

/// Moves a wish that cannot be fulfilled now to a later time.
pub(crate) fn postpone(ctx: &mut Ctx<'_>, conversation: ConversationId, intent: Intent, at: Time) -> Result<()> {
    drop_intent(&ctx.tx, conversation, intent);
    want(ctx, conversation, intent, at)
}

/// The wish is fulfilled, or void.
pub(crate) fn drop_intent(tx: &Tx<'_>, conversation: ConversationId, intent: Intent) {
    tx.delete(Table::Intent, &key(conversation, intent));
}

/// When the wish is due, if there is one.
pub(crate) fn get(tx: &Tx<'_>, conversation: ConversationId, intent: Intent) -> Result<Option<Time>> {
    let row: Option<(Time, ConversationId)> = tx.row(Table::Intent, &key(conversation, intent), "intent")?;
    Ok(row.map(|(at, _)| at))
}

/// The wishes of a conversation with their times, in order.
pub(crate) fn all(tx: &Tx<'_>, conversation: ConversationId) -> Result<Vec<(Intent, Time)>> {
    let rows = tx.scan_prefix(Table::Intent, conversation.as_bytes(), 8)?;
    rows.into_iter()
        .map(|(key, value)| {
            let (at, _): (Time, ConversationId) = crate::codec::decode_row(&value, "intent")?;
            let intent = match key.get(16) {
                Some(1) => Intent::Open,
                Some(2) => Intent::Reconcile,
                Some(3) => Intent::Update,
                _ => return Err(Error::Store(StoreError::Corrupt("intent"))),
            };
            Ok((intent, at))
        })
        .collect()
}

/// Whose wish a row is.
pub(crate) fn conversation_of(bytes: &[u8]) -> Result<ConversationId> {
    crate::codec::decode_row::<(Time, ConversationId)>(bytes, "intent").map(|(_, id)| id)
}

fn key(conversation: ConversationId, intent: Intent) -> Vec<u8> {
    let mut key = conversation.as_bytes().to_vec();
    key.push(intent as u8);
    key
}
