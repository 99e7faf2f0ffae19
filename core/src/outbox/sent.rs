//! What an envelope carried, for as long as somebody may ask for it again.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::{ConversationId, DeviceId, EnvelopeId, MessageId};
use crate::limits;
use crate::store::Table;
use crate::sweep;
use crate::time::Time;

const SWEEP_CURSOR: &[u8] = b"sent sweep";
const HALF: usize = 8;

/// What is sent again to whoever could not read it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Carried {
    /// A message or an act.
    Content(MessageId),
    /// The body of a receipt.
    Receipt(ByteBuf),
}

/// What is known of an envelope of this device.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub conversation: ConversationId,
    pub carried: Carried,
    /// Until then somebody may find that it cannot be read.
    pub until: Time,
    /// How often it was sent again.
    pub again: u8,
    /// The first half of the id of each device that it went to.
    #[serde(with = "serde_bytes")]
    recipients: Vec<u8>,
}

impl Sent {
    /// For an envelope that goes out now.
    pub fn now(ctx: &Ctx<'_>, conversation: ConversationId, carried: Carried, to: &[DeviceId]) -> Sent {
        let until = ctx.now.plus(limits::MAILBOX_AGE + limits::PARKED_AGE);
        let recipients = to.iter().take(limits::SENT_TO).flat_map(half).collect();
        Sent { conversation, carried, until, again: 0, recipients }
    }

    /// Whether it went to a device.
    pub fn went_to(&self, device: DeviceId) -> bool {
        self.recipients.chunks_exact(HALF).any(|known| known == half(&device))
    }
}

/// Device ids are hashes: half of one names a device as well.
fn half(device: &DeviceId) -> [u8; HALF] {
    let mut half = [0; HALF];
    half.copy_from_slice(&device.as_bytes()[..HALF]);
    half
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
