//! For benches: messages by the million, without what sending them takes.

use super::added;
use crate::engine::Engine;
use crate::error::Result;
use crate::id::{ConversationId, UserId};
use crate::message::{self, Body, MessageKey, MessageRow};
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;

/// Puts texts of an author into conversations, in one mutation: at most 100.
///
/// # Errors
/// Any [`StoreError`](crate::error::StoreError).
pub fn insert(
    engine: &mut Engine,
    author: &UserId,
    texts: Vec<(ConversationId, MessageKey, String)>,
    now: Time,
) -> Result<()> {
    engine.mutate(now, |ctx| {
        for (conversation, key, text) in texts {
            let row = row(author, key.at, text);
            message::place(&ctx.tx, conversation, key, &row)?;
            added(ctx, conversation, key, &row)?;
        }
        Ok(())
    })
}

fn row(author: &UserId, at: Time, text: String) -> MessageRow {
    MessageRow { accepted: Some(at), counts: true, ..MessageRow::new(author.clone(), at, Body::Text(text)) }
}

/// Rows of the index and their bytes, keys and sealed values.
///
/// # Errors
/// Any [`StoreError`](crate::error::StoreError).
pub fn weigh(engine: &Engine) -> Result<(u64, u64)> {
    let tx = engine.read()?;
    let (mut rows, mut bytes) = (0, 0);
    for table in [Table::Search, Table::SearchSegment] {
        let mut from = Vec::new();
        loop {
            let some = tx.scan(table, KeyRange { from: &from, to: &[] }, Direction::Forward, 500)?;
            let Some((last, _)) = some.last() else { break };
            from = [last.as_slice(), &[0]].concat();
            rows += some.len() as u64;
            // The table's byte, and what sealing adds.
            bytes += some.iter().map(|(key, value)| (1 + key.len() + value.len() + 47) as u64).sum::<u64>();
        }
    }
    Ok((rows, bytes))
}
