//! Forgets rows whose time is over, a bounded step at a time.

use crate::ctx::Ctx;
use crate::error::Result;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;

/// Rows that one step looks at.
const STEP: usize = 64;

/// One step through `table`: deletes the rows whose `until` is over. Where the step ended is kept under `cursor`, and the
/// next one goes on there. Says whether the table goes on behind it.
pub(crate) fn forget(
    ctx: &Ctx<'_>,
    table: Table,
    cursor: &[u8],
    until: impl Fn(&[u8]) -> Result<Time>,
) -> Result<bool> {
    let from: Vec<u8> = ctx.tx.row(Table::Meta, cursor, "sweep cursor")?.unwrap_or_default();
    let rows = ctx.tx.scan(table, KeyRange { from: &from, to: &[] }, Direction::Forward, STEP)?;
    for (key, row) in &rows {
        if until(row)? < ctx.now {
            ctx.tx.delete(table, key);
        }
    }
    let last = rows.last().filter(|_| rows.len() == STEP).map(|(key, _)| key.clone());
    ctx.tx.put_row(Table::Meta, cursor.to_vec(), last.as_ref().unwrap_or(&Vec::new()))?;
    Ok(last.is_some())
}
