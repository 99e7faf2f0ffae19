//! Deletes what is due, a bounded step at a time.

use std::collections::BTreeMap;

use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::ConversationId;
use crate::limits;
use crate::message::{self, MessageKey};
use crate::store::{Direction, KeyRange, Table, Vault};
use crate::time::Time;
use crate::tx::Tx;

/// Messages that one step deletes: each takes some ten rows, more with what is made of it.
const STEP: usize = 12;

/// One step: deletes what went by `until`; says whether there may be more.
pub(crate) fn sweep(ctx: &mut Ctx<'_>, until: Time) -> Result<bool> {
    let due = ctx.tx.scan(Table::Expiry, up_to(until).range(), Direction::Forward, STEP)?;
    let mut conversations: BTreeMap<ConversationId, ConversationRow> = BTreeMap::new();
    let mut weight = 0;
    for (key, bytes) in &due {
        let (id, place): (ConversationId, MessageKey) = crate::codec::decode_row(bytes, "expiry")?;
        ctx.tx.delete(Table::Expiry, key);
        if message::load(&ctx.tx, id, place)?.is_none() {
            continue;
        }
        let mut row = match conversations.remove(&id) {
            Some(row) => row,
            None => conversation::require(&ctx.tx, id)?,
        };
        let message = conversation::removed(ctx, &mut row, place)?;
        message::withdraw_edit(ctx, &message);
        if message.unread {
            row.missed = row.missed.saturating_add(1);
        }
        conversations.insert(id, row);
        weight += message.weight();
        if ctx.tx.rows() + weight > limits::BATCH / 2 {
            store_all(ctx, conversations)?;
            return Ok(true);
        }
    }
    store_all(ctx, conversations)?;
    Ok(due.len() == STEP)
}

fn store_all(ctx: &mut Ctx<'_>, rows: BTreeMap<ConversationId, ConversationRow>) -> Result<()> {
    rows.values().try_for_each(|row| conversation::store(&mut ctx.tx, row))
}

/// Whether something went by `until` and is not deleted yet.
pub(crate) fn waiting(tx: &Tx<'_>, until: Time) -> Result<bool> {
    Ok(!tx.scan(Table::Expiry, up_to(until).range(), Direction::Forward, 1)?.is_empty())
}

/// When something is next to be deleted or to become invisible: what may be deleted by now (`until`) is due at once, what
/// only waits for a relay's word has no deadline.
pub(crate) fn deadline(vault: &Vault, until: Time, hidden: Time) -> Result<Option<Time>> {
    let first = |range: KeyRange<'_>| -> Result<Option<Time>> {
        let rows = vault.scan(Table::Expiry, range, Direction::Forward, 1)?;
        Ok(rows.first().and_then(|(key, _)| instant_of(key)))
    };
    match first(KeyRange { from: &[], to: &[] })? {
        Some(at) if at > until && at <= hidden => first(KeyRange { from: &after(hidden), to: &[] }),
        first => Ok(first),
    }
}

fn instant_of(key: &[u8]) -> Option<Time> {
    Some(Time::from_ms(u64::from_be_bytes(key.get(..8)?.try_into().ok()?)))
}

fn after(time: Time) -> [u8; 8] {
    time.plus(1).as_ms().to_be_bytes()
}

/// The keys of all that went by a time.
struct UpTo([u8; 8]);

fn up_to(time: Time) -> UpTo {
    UpTo(after(time))
}

impl UpTo {
    fn range(&self) -> KeyRange<'_> {
        KeyRange { from: &[], to: &self.0 }
    }
}
