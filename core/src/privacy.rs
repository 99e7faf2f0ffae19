//! What a user tells others of oneself: the same from all of the user's devices.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::decided::Decided;
use crate::error::Result;
use crate::store::Table;
use crate::tx::Tx;
use crate::{conversation, own_state, typing};

const ROW: &[u8] = b"privacy";

/// What others are told of this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privacy {
    /// Whether authors are told that their messages were read: both when they are read and when the receipt goes out,
    /// which may be later. Delivery is told in any case, and so is what both sides must know for a message to go when it
    /// was read.
    pub read_receipts: bool,
    /// Whether others see that this user is typing, and this user that they are.
    pub typing: bool,
}

impl Default for Privacy {
    fn default() -> Privacy {
        Privacy { read_receipts: true, typing: true }
    }
}

/// What this user decided, and how often.
#[derive(Serialize, Deserialize)]
struct PrivacyRow {
    settings: Privacy,
    decided: Decided,
}

fn row(tx: &Tx<'_>) -> Result<PrivacyRow> {
    let row = tx.row(Table::Meta, ROW, "privacy")?;
    Ok(row.unwrap_or(PrivacyRow { settings: Privacy::default(), decided: Decided::NEVER }))
}

pub(crate) fn load(tx: &Tx<'_>) -> Result<Privacy> {
    Ok(row(tx)?.settings)
}

/// What was decided, and by what last; `None` before the first time.
pub(crate) fn decided(tx: &Tx<'_>) -> Result<Option<(Privacy, Decided)>> {
    let row = row(tx)?;
    Ok((row.decided != Decided::NEVER).then_some((row.settings, row.decided)))
}

/// This user decides on this device. The others are told in one conversation: all of them are in each.
pub(crate) fn set(ctx: &mut Ctx<'_>, settings: Privacy) -> Result<()> {
    let before = row(&ctx.tx)?;
    if before.settings == settings {
        return Ok(());
    }
    let decided = own_state::next(ctx, before.decided);
    store(ctx, settings, decided)?;
    let Some(mut row) = conversation::first_live(&ctx.tx)? else { return Ok(()) };
    own_state::tell_privacy(ctx, &mut row, settings, decided)?;
    conversation::store(&mut ctx.tx, &row)
}

/// Another device of this user has decided; says whether that counts and changes something.
pub(crate) fn take_over(ctx: &mut Ctx<'_>, settings: Privacy, decided: Decided) -> Result<bool> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::DiscretionNotShared) {
        return Ok(false);
    }
    let before = row(&ctx.tx)?;
    if decided <= before.decided || decided.is_absurd_after(before.decided) {
        return Ok(false);
    }
    store(ctx, settings, decided)?;
    Ok(settings != before.settings)
}

fn store(ctx: &mut Ctx<'_>, settings: Privacy, decided: Decided) -> Result<()> {
    if !settings.typing {
        typing::conceal(ctx, None);
    }
    ctx.tx.put_row(Table::Meta, ROW.to_vec(), &PrivacyRow { settings, decided })
}
