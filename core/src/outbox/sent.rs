//! Which message an envelope carried, for as long as somebody may ask for it again.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::{ConversationId, EnvelopeId, MessageId};
use crate::limits;
use crate::store::Table;
use crate::sweep;
use crate::time::Time;

const SWEEP_CURSOR: &[u8] = b"sent sweep";

/// What an envelope of this device carried.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub conversation: ConversationId,
    pub message: MessageId,
    /// Until then somebody may find that it cannot be read.
    pub until: Time,
    /// How often it was sent again.
    pub again: u8,
}

impl Sent {
    /// For an envelope that goes out now.
    pub fn now(ctx: &Ctx<'_>, conversation: ConversationId, message: MessageId) -> Sent {
        let until = ctx.now.plus(limits::MAILBOX_AGE + limits::PARKED_AGE);
        Sent { conversation, message, until, again: 0 }
    }
}

/// What this device sent in an envelope, as long as it is known.
pub(crate) fn sent(ctx: &Ctx<'_>, envelope: EnvelopeId) -> Result<Option<Sent>> {
    ctx.tx.row(Table::Sent, envelope.as_bytes(), "sent")
}

/// Keeps what is known of an envelope.
pub(crate) fn note_sent(ctx: &Ctx<'_>, envelope: EnvelopeId, sent: &Sent) -> Result<()> {
    ctx.tx.put_row(Table::Sent, envelope.as_bytes().to_vec(), sent)
}

/// Forgets what nobody can ask for any more, a bounded step per call; says whether there is more to look at.
pub(crate) fn sweep(ctx: &Ctx<'_>) -> Result<bool> {
    sweep::forget(ctx, Table::Sent, SWEEP_CURSOR, |row| Ok(crate::codec::decode_row::<Sent>(row, "sent")?.until))
}
