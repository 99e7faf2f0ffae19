//! Making what was deleted unreadable: when the vault's rotation is due, and which rows settle together.
//!
//! A row that is deleted, and what a changed one said before, may stay in files for long. Some minutes after the first of
//! it, or when the engine is suspended, a round of the rotation begins (`store/vault/rotate.rs`), after which no key that
//! is left opens it.

use crate::codec;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::limits;
use crate::memory::Effect;
use crate::message::{MessageKey, MessageRow};
use crate::store::Table;
use crate::store::vault::Class;
use crate::time::Time;
use crate::tx::Tx;

/// When the next round is due; there is no such row while nothing was deleted.
const ROW: &[u8] = b"erase";

/// Something was deleted, or says something else.
pub(crate) fn soon(ctx: &mut Ctx<'_>) -> Result<()> {
    let at = ctx.now.plus(limits::ERASE_AFTER);
    // What is deleted while a round is under way waits for the next one.
    if ctx.memory.erasing_since.is_none() && due(&ctx.tx, ctx.now)?.is_some_and(|due| due < at) {
        return Ok(());
    }
    ctx.tx.put_row(Table::Meta, ROW.to_vec(), &at)?;
    if ctx.memory.erasing_since.is_none() {
        ctx.tx.effect(Effect::Erase(Some(at)));
    }
    Ok(())
}

/// When a round is due; a clock that was ahead when that was written down puts nothing off.
pub(crate) fn due(tx: &Tx<'_>, now: Time) -> Result<Option<Time>> {
    let at: Option<Time> = tx.row(Table::Meta, ROW, "erase")?;
    Ok(at.map(|at| at.min(now.plus(limits::ERASE_AFTER))))
}

/// A round has ended. What was deleted since it began has been put off until after it.
pub(crate) fn done(ctx: &mut Ctx<'_>, began: Time) -> Result<()> {
    match due(&ctx.tx, ctx.now)?.filter(|at| *at >= began.plus(limits::ERASE_AFTER)) {
        Some(next) => ctx.tx.effect(Effect::Erase(Some(next))),
        None => all_done(ctx),
    }
    Ok(())
}

/// Nothing is left to be made unreadable.
pub(crate) fn all_done(ctx: &mut Ctx<'_>) {
    ctx.tx.delete(Table::Meta, ROW);
    ctx.tx.effect(Effect::Erase(None));
}

/// Together with which rows a row settles at `now`.
pub(crate) fn class(now: Time, table: Table, key: &[u8], value: &[u8]) -> Class {
    match table {
        Table::Message => {
            let row = codec::decode_row::<MessageRow>(value, "message").ok().zip(MessageKey::from_row(key));
            let goes = row.and_then(|(row, place)| row.goes_at(place));
            goes.map_or(Class::LASTING, |goes| Class::until(goes, now))
        }
        Table::Evidence => Class::EVIDENCE,
        Table::SearchSegment => Class::SEARCH,
        _ => Class::STATE,
    }
}
