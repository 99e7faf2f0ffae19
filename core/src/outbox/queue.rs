//! The queue of a conversation: numbered, in order.

use serde::{Deserialize, Serialize};

use crate::act;
use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::diagnosis::Queue;
use crate::envelope::Kind;
use crate::error::{Error, Result, StoreError};
use crate::id::{ConversationId, EnvelopeId, MessageId};
use crate::input::TransmitId;
use crate::limits;
use crate::message::{self, FailedReason, SendState};
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// Something to encrypt for the members of a conversation.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Item {
    /// A message of this device, in the message table.
    Message(MessageId),
    /// A message once more, for whoever could not read the envelope that the relay accepted at that time.
    Again(MessageId, EnvelopeId, Time),
    /// An act of this device, in the table of acts.
    Act(MessageId),
    /// Something between engines: lost, it is made again when it is missed.
    Control(Kind, serde_bytes::ByteBuf),
}

/// Where the numbers of what is queued begin. Those before are for what comes back.
const NEW: u64 = 1 << 63;

#[derive(Serialize, Deserialize)]
struct QueueRow {
    conversation: ConversationId,
    item: Item,
}

/// Puts an item at the end of the queue. The caller stores the conversation's row.
pub(crate) fn push(ctx: &mut Ctx<'_>, conversation: &mut ConversationRow, item: Item) -> Result<()> {
    let row = QueueRow { conversation: conversation.id, item };
    ctx.tx.put_row(Table::Outbox, key(conversation.id, NEW + conversation.next), &row)?;
    conversation.next += 1;
    ctx.busy(conversation.id);
    Ok(())
}

/// Puts something back whose transmit came to nothing: before all that was never sent, and among its like in the order of
/// their transmits.
pub(super) fn put_back(ctx: &mut Ctx<'_>, id: ConversationId, item: Item, transmit: TransmitId) -> Result<()> {
    if let Item::Message(message) = item {
        set_state(ctx, id, message, SendState::Queued)?;
    }
    ctx.tx.put_row(Table::Outbox, key(id, transmit.0 % NEW), &QueueRow { conversation: id, item })?;
    ctx.busy(id);
    Ok(())
}

/// The first items of a queue with their keys, oldest first.
pub(super) fn first(tx: &Tx<'_>, conversation: ConversationId, limit: usize) -> Result<Vec<(Vec<u8>, Item)>> {
    let rows = tx.scan_prefix(Table::Outbox, conversation.as_bytes(), limit)?;
    rows.into_iter()
        .map(|(key, bytes)| crate::codec::decode_row::<QueueRow>(&bytes, "outbox").map(|row| (key, row.item)))
        .collect()
}

/// Whose queue a row belongs to.
pub(crate) fn conversation_of(bytes: &[u8]) -> Result<ConversationId> {
    crate::codec::decode_row::<QueueRow>(bytes, "outbox").map(|row| row.conversation)
}

/// What waits to be encrypted, up to a limit of rows; receipts that were not gathered yet are not known here.
pub(crate) fn depth(tx: &Tx<'_>, limit: usize) -> Result<Queue> {
    let mut queue = Queue::default();
    for (_, bytes) in tx.scan(Table::Outbox, KeyRange { from: &[], to: &[] }, Direction::Forward, limit)? {
        match crate::codec::decode_row::<QueueRow>(&bytes, "outbox")?.item {
            Item::Message(_) | Item::Again(..) => queue.messages += 1,
            Item::Act(_) => queue.acts += 1,
            Item::Control(..) => queue.controls += 1,
        }
    }
    Ok(queue)
}

/// Whether something that a person did waits to be encrypted: a message, or an act.
pub(crate) fn has_unsent(tx: &Tx<'_>) -> Result<bool> {
    let rows = tx.scan(Table::Outbox, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)?;
    for (_, bytes) in rows {
        let row: QueueRow = crate::codec::decode_row(&bytes, "outbox")?;
        if matches!(row.item, Item::Message(_) | Item::Act(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes a message out of the queue; `false` when it is not there any more.
pub(crate) fn cancel(ctx: &mut Ctx<'_>, conversation: ConversationId, id: MessageId) -> Result<bool> {
    for (key, item) in first(&ctx.tx, conversation, usize::MAX)? {
        if matches!(item, Item::Message(queued) if queued == id) {
            ctx.tx.delete(Table::Outbox, &key);
            return Ok(true);
        }
    }
    Ok(false)
}

/// Empties a queue whose conversation the rules forbid: its messages fail, a bounded number per call.
pub(crate) fn fail_all(ctx: &mut Ctx<'_>, conversation: ConversationId, reason: FailedReason) -> Result<()> {
    const STEP: usize = 64;
    for (key, item) in first(&ctx.tx, conversation, STEP)? {
        // What long messages leave comes with the next call.
        if ctx.tx.rows() > limits::BATCH / 2 {
            break;
        }
        ctx.tx.delete(Table::Outbox, &key);
        match item {
            Item::Message(id) => fail(ctx, conversation, id, reason)?,
            Item::Act(id) => act::withdraw(ctx, id),
            Item::Again(..) | Item::Control(..) => {}
        }
    }
    Ok(())
}

/// Marks a message of this user as failed.
pub(super) fn fail(ctx: &mut Ctx<'_>, conversation: ConversationId, id: MessageId, reason: FailedReason) -> Result<()> {
    set_state(ctx, conversation, id, SendState::Failed(reason))
}

fn set_state(ctx: &mut Ctx<'_>, conversation: ConversationId, id: MessageId, state: SendState) -> Result<()> {
    let Some(place) = message::find(&ctx.tx, conversation, &ctx.account.user, id)? else { return Ok(()) };
    let mut row =
        message::load(&ctx.tx, conversation, place)?.ok_or(Error::Store(StoreError::Corrupt("message index")))?;
    row.state = state;
    conversation::changed(ctx, conversation, place, &row)
}

fn key(conversation: ConversationId, number: u64) -> Vec<u8> {
    [&conversation.as_bytes()[..], &number.to_be_bytes()].concat()
}
