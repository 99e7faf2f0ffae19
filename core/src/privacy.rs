//! What a user tells others of oneself.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::store::Table;
use crate::tx::Tx;

const ROW: &[u8] = b"privacy";

/// What this device tells others of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privacy {
    /// Whether authors are told that their messages were read. Delivery is told in any case, and so is what both sides
    /// must know for a message to go when it was read.
    pub read_receipts: bool,
    /// Whether others see that this user is typing, and this device shows that they are.
    pub typing: bool,
}

impl Default for Privacy {
    fn default() -> Privacy {
        Privacy { read_receipts: true, typing: true }
    }
}

pub(crate) fn load(tx: &Tx<'_>) -> Result<Privacy> {
    Ok(tx.row(Table::Meta, ROW, "privacy")?.unwrap_or_default())
}

pub(crate) fn set(ctx: &Ctx<'_>, privacy: Privacy) -> Result<()> {
    ctx.tx.put_row(Table::Meta, ROW.to_vec(), &privacy)
}
