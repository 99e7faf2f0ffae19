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

/// What is remembered of an envelope that could not be read.
#[derive(Clone, Copy)]
pub(super) enum Note {
    /// What it carried came in another one.
    CameAgain,
    /// Its device was asked for that in this session.
    Asked(SessionId),
    /// This device wants that, for as long as the other one may answer.
    Wanted,
}

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
    ctx.tx.row(Table::Seen, &note_key(device, &[label, tag.as_bytes()]), "seen")
}

/// Remembers that it was said, until it counts no more.
pub(super) fn note_said(ctx: &Ctx<'_>, label: &[u8], device: DeviceId, tag: SessionId, until: Time) -> Result<()> {
    ctx.tx.put_row(Table::Seen, note_key(device, &[label, tag.as_bytes()]), &until)
}

/// Remembers something of an envelope of a device, from now on for as long as it matters; `false` when it was remembered.
pub(super) fn remember(ctx: &Ctx<'_>, note: Note, device: DeviceId, envelope: EnvelopeId) -> Result<bool> {
    let new = !remembers(ctx, note, device, envelope)?;
    ctx.tx.put_row(Table::Seen, note.key(device, envelope), &ctx.now.plus(note.matters_for()))?;
    Ok(new)
}

/// Whether something is remembered of an envelope of a device.
pub(super) fn remembers(ctx: &Ctx<'_>, note: Note, device: DeviceId, envelope: EnvelopeId) -> Result<bool> {
    Ok(ctx.tx.get(Table::Seen, &note.key(device, envelope))?.is_some())
}

/// Forgets it.
pub(super) fn forget(ctx: &Ctx<'_>, note: Note, device: DeviceId, envelope: EnvelopeId) {
    ctx.tx.delete(Table::Seen, &note.key(device, envelope));
}

impl Note {
    fn key(self, device: DeviceId, envelope: EnvelopeId) -> Vec<u8> {
        match self {
            Note::CameAgain => note_key(device, &[b"again", envelope.as_bytes()]),
            Note::Asked(session) => note_key(device, &[b"asked", envelope.as_bytes(), session.as_bytes()]),
            Note::Wanted => note_key(device, &[b"wanted", envelope.as_bytes()]),
        }
    }

    fn matters_for(self) -> u64 {
        match self {
            Note::CameAgain | Note::Asked(_) => limits::PARKED_AGE,
            Note::Wanted => limits::MAILBOX_AGE + limits::PARKED_AGE,
        }
    }
}

/// Forgets what no relay can repeat any more, a bounded step per call; says whether there is more to look at.
pub(crate) fn sweep(ctx: &Ctx<'_>) -> Result<bool> {
    sweep::forget(ctx, Table::Seen, SWEEP_CURSOR, |row| crate::codec::decode_row(row, "seen"))
}

/// device · first half of the hash of what is noted of it.
fn note_key(device: DeviceId, parts: &[&[u8]]) -> Vec<u8> {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part));
    let digest: [u8; 32] = hash.finalize().into();
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
