//! Repeats. An envelope's header is not authenticated, so what counts is the hash of tag and body: a relay that gives
//! an old body a new id gains nothing.

use sha2::{Digest, Sha256};

use crate::ctx::Ctx;
use crate::envelope::Envelope;
use crate::error::Result;
use crate::limits;
use crate::store::Table;
use crate::sweep;

const SWEEP_CURSOR: &[u8] = b"seen sweep";

/// Whether this envelope was taken in before.
pub(super) fn seen(ctx: &Ctx<'_>, envelope: &Envelope) -> Result<bool> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::DedupOff) {
        return Ok(false);
    }
    Ok(ctx.tx.get(Table::Seen, &key(envelope))?.is_some())
}

/// Remembers it for as long as a relay may keep it.
pub(super) fn note(ctx: &Ctx<'_>, envelope: &Envelope) -> Result<()> {
    let until = ctx.now.plus(limits::MAILBOX_AGE);
    ctx.tx.put_row(Table::Seen, key(envelope), &until)
}

/// Forgets what no relay can repeat any more, a bounded step per call; says whether there is more to look at.
pub(crate) fn sweep(ctx: &Ctx<'_>) -> Result<bool> {
    sweep::forget(ctx, Table::Seen, SWEEP_CURSOR, |row| crate::codec::decode_row(row, "seen"))
}

/// device · first half of the hash of tag, kind and body.
fn key(envelope: &Envelope) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(envelope.tag.as_bytes());
    hash.update([u8::from(envelope.kind)]);
    hash.update(&envelope.body);
    let digest: [u8; 32] = hash.finalize().into();
    [&envelope.sender.as_bytes()[..], &digest[..16]].concat()
}
