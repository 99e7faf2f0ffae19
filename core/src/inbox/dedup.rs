//! Repeats. An envelope's header is not authenticated, so what counts is the hash of tag and body: a relay that gives
//! an old body a new id gains nothing.

use sha2::{Digest, Sha256};

use crate::ctx::Ctx;
use crate::envelope::Envelope;
use crate::error::Result;
use crate::id::{DeviceId, EnvelopeId, SessionId};
use crate::limits;
use crate::store::Table;
use crate::sweep;
use crate::time::Time;

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

/// Until when something said of a device under a label counts, if it was said.
pub(super) fn said(ctx: &Ctx<'_>, label: &[u8], device: DeviceId, tag: SessionId) -> Result<Option<Time>> {
    ctx.tx.row(Table::Seen, &said_key(label, device, tag), "seen")
}

/// Remembers that it was said, until it counts no more.
pub(super) fn note_said(ctx: &Ctx<'_>, label: &[u8], device: DeviceId, tag: SessionId, until: Time) -> Result<()> {
    ctx.tx.put_row(Table::Seen, said_key(label, device, tag), &until)
}

/// Remembers that what an envelope of a device carried came in another one.
pub(super) fn note_again(ctx: &Ctx<'_>, device: DeviceId, envelope: EnvelopeId) -> Result<()> {
    ctx.tx.put_row(Table::Seen, again_key(device, envelope), &ctx.now.plus(limits::PARKED_AGE))
}

/// Whether it did.
pub(super) fn came_again(ctx: &Ctx<'_>, device: DeviceId, envelope: EnvelopeId) -> Result<bool> {
    Ok(ctx.tx.get(Table::Seen, &again_key(device, envelope))?.is_some())
}

/// Forgets what no relay can repeat any more, a bounded step per call; says whether there is more to look at.
pub(crate) fn sweep(ctx: &Ctx<'_>) -> Result<bool> {
    sweep::forget(ctx, Table::Seen, SWEEP_CURSOR, |row| crate::codec::decode_row(row, "seen"))
}

/// device · first half of the hash of label and tag.
fn said_key(label: &[u8], device: DeviceId, tag: SessionId) -> Vec<u8> {
    let digest: [u8; 32] = Sha256::new().chain_update(label).chain_update(tag.as_bytes()).finalize().into();
    [&device.as_bytes()[..], &digest[..16]].concat()
}

/// device · first half of the hash of the envelope's id.
fn again_key(device: DeviceId, envelope: EnvelopeId) -> Vec<u8> {
    let digest: [u8; 32] = Sha256::new().chain_update(b"again").chain_update(envelope.as_bytes()).finalize().into();
    [&device.as_bytes()[..], &digest[..16]].concat()
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
