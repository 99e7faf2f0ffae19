//! What a user tells others of oneself: the same from all of the user's devices.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::decided::Decided;
use crate::error::Result;
use crate::id::UserId;
use crate::store::Table;
use crate::tx::Tx;
use crate::{call, conversation, fallback, own_state, typing};

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

impl Privacy {
    /// What both tell.
    fn and(self, other: Privacy) -> Privacy {
        Privacy { read_receipts: self.read_receipts && other.read_receipts, typing: self.typing && other.typing }
    }
}

/// What this user decided, and how often.
#[derive(Clone, Copy, Serialize, Deserialize)]
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

/// This user decides on this device.
pub(crate) fn set(ctx: &mut Ctx<'_>, settings: Privacy) -> Result<()> {
    let before = row(&ctx.tx)?;
    if before.settings == settings { Ok(()) } else { decide(ctx, settings, before.decided) }
}

/// Decides, after what is known. The other devices are told in one conversation: all of them are in each.
fn decide(ctx: &mut Ctx<'_>, settings: Privacy, known: Decided) -> Result<()> {
    let decided = own_state::next(ctx, known);
    store(ctx, settings, decided)?;
    let Some(mut row) = conversation::first_live(&ctx.tx)? else { return Ok(()) };
    own_state::tell_privacy(ctx, &mut row, settings, decided)?;
    conversation::store(&mut ctx.tx, &row)
}

/// What goes on of a user who was blocked just now ends here.
pub(crate) fn silence(ctx: &mut Ctx<'_>, user: &UserId) -> Result<()> {
    typing::conceal(ctx, Some(user));
    fallback::forget(ctx, user)?;
    call::block(ctx, user)
}

/// Another device of this user has decided; says whether that changes something. The later decision holds; of two that
/// were made apart, only what both tell is told: a new device turns one switch off, and knows nothing of the others yet.
pub(crate) fn take_over(ctx: &mut Ctx<'_>, settings: Privacy, decided: Decided) -> Result<bool> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::DiscretionNotShared) {
        return Ok(false);
    }
    let before = row(&ctx.tx)?;
    let (holds, other) = if own_state::newer(ctx, decided, before.decided) {
        (PrivacyRow { settings, decided }, &before)
    } else if decided.is_absurd_after(before.decided) {
        return Ok(false);
    } else {
        (PrivacyRow { ..before }, &PrivacyRow { settings, decided })
    };
    let told =
        if holds.decided.made_apart_from(other.decided) { holds.settings.and(other.settings) } else { holds.settings };
    // What comes next counts up from both.
    let counted = holds.decided.counting(other.decided);
    if told != holds.settings {
        decide(ctx, told, counted)?;
    } else if counted != before.decided {
        store(ctx, told, counted)?;
    }
    Ok(told != before.settings)
}

fn store(ctx: &mut Ctx<'_>, settings: Privacy, decided: Decided) -> Result<()> {
    if !settings.typing {
        typing::conceal(ctx, None);
    }
    ctx.tx.put_row(Table::Meta, ROW.to_vec(), &PrivacyRow { settings, decided })
}
