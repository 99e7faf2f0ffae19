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

/// Whether the envelope with this [`key`] was taken in before.
pub(super) fn seen(ctx: &Ctx<'_>, key: &[u8]) -> Result<bool> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::DedupOff) {
        return Ok(false);
    }
    Ok(ctx.tx.get(Table::Seen, key)?.is_some())
}

/// Remembers it for as long as a relay may keep it.
pub(super) fn note(ctx: &Ctx<'_>, key: Vec<u8>) -> Result<()> {
    let until = ctx.now.plus(limits::MAILBOX_AGE);
    ctx.tx.put_row(Table::Seen, key, &until)
}

/// Until when something said of a device under a label counts, if it was said.
pub(super) fn said(ctx: &Ctx<'_>, label: &[u8], device: DeviceId, tag: SessionId) -> Result<Option<Time>> {
    ctx.tx.row(Table::Seen, &note_key(device, &[label, tag.as_bytes()]), "seen")
}

/// Remembers that it was said, until it counts no more.
pub(super) fn note_said(ctx: &Ctx<'_>, label: &[u8], device: DeviceId, tag: SessionId, until: Time) -> Result<()> {
    ctx.tx.put_row(Table::Seen, note_key(device, &[label, tag.as_bytes()]), &until)
}

/// Remembers that what an envelope of a device carried came in another one.
pub(super) fn note_again(ctx: &Ctx<'_>, device: DeviceId, envelope: EnvelopeId) -> Result<()> {
    let until = ctx.now.plus(limits::PARKED_AGE);
    ctx.tx.put_row(Table::Seen, note_key(device, &[b"again", envelope.as_bytes()]), &until)
}

/// Whether it did.
pub(super) fn came_again(ctx: &Ctx<'_>, device: DeviceId, envelope: EnvelopeId) -> Result<bool> {
    Ok(ctx.tx.get(Table::Seen, &note_key(device, &[b"again", envelope.as_bytes()]))?.is_some())
}

/// Remembers that a device is asked in a session for what an envelope carried; `false` when it was before.
pub(super) fn note_asked(ctx: &Ctx<'_>, device: DeviceId, envelope: EnvelopeId, session: SessionId) -> Result<bool> {
    let key = note_key(device, &[b"asked", envelope.as_bytes(), session.as_bytes()]);
    if ctx.tx.get(Table::Seen, &key)?.is_some() {
        return Ok(false);
    }
    ctx.tx.put_row(Table::Seen, key, &ctx.now.plus(limits::PARKED_AGE))?;
    Ok(true)
}

/// Remembers that this device wants what an envelope of `device` carried, for as long as that one may answer.
pub(super) fn note_wanted(ctx: &Ctx<'_>, device: DeviceId, envelope: EnvelopeId) -> Result<()> {
    let until = ctx.now.plus(limits::MAILBOX_AGE + limits::PARKED_AGE);
    ctx.tx.put_row(Table::Seen, note_key(device, &[b"wanted", envelope.as_bytes()]), &until)
}

/// Whether it was asked for, and has not come.
pub(super) fn wanted(ctx: &Ctx<'_>, device: DeviceId, envelope: EnvelopeId) -> Result<bool> {
    Ok(ctx.tx.get(Table::Seen, &note_key(device, &[b"wanted", envelope.as_bytes()]))?.is_some())
}

/// It has come.
pub(super) fn forget_wanted(ctx: &Ctx<'_>, device: DeviceId, envelope: EnvelopeId) {
    ctx.tx.delete(Table::Seen, &note_key(device, &[b"wanted", envelope.as_bytes()]));
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
pub(super) fn key(envelope: &Envelope) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(envelope.tag.as_bytes());
    hash.update([u8::from(envelope.kind)]);
    hash.update(&envelope.body);
    let digest: [u8; 32] = hash.finalize().into();
    [&envelope.sender.as_bytes()[..], &digest[..16]].concat()
}

#[cfg(test)]
mod tests {
    //! R13, R19.

    use super::*;
    use crate::engine::testing::{NOW, enrolled};

    const DEVICE: DeviceId = DeviceId::from_bytes([1; 16]);
    const ENVELOPE: EnvelopeId = EnvelopeId::from_bytes([2; 16]);
    const SESSION: SessionId = SessionId::from_bytes([3; 16]);

    #[test]
    fn what_is_noted_lasts_as_long_as_it_may_matter() {
        let lasts = |note: fn(&Ctx<'_>) -> Result<()>| {
            let mut engine = enrolled("ann");
            engine.mutate(NOW, |ctx| note(ctx)).unwrap();
            let rows = engine.read().unwrap().scan_prefix(Table::Seen, &[], 2).unwrap();
            let [(_, row)] = rows.as_slice() else { panic!("{} rows", rows.len()) };
            crate::codec::decode_row::<Time>(row, "seen").unwrap().since(NOW)
        };
        assert_eq!(lasts(|ctx| note(ctx, vec![1])), limits::MAILBOX_AGE);
        assert_eq!(lasts(|ctx| note_again(ctx, DEVICE, ENVELOPE)), limits::PARKED_AGE);
        assert_eq!(lasts(|ctx| note_asked(ctx, DEVICE, ENVELOPE, SESSION).map(drop)), limits::PARKED_AGE);
        let wanted = limits::MAILBOX_AGE + limits::PARKED_AGE;
        assert_eq!(lasts(|ctx| note_wanted(ctx, DEVICE, ENVELOPE)), wanted, "for as long as it may be asked, and come");
    }

    #[test]
    fn what_was_wanted_is_wanted_until_it_comes() {
        let mut engine = enrolled("ann");
        let mut wanted = |step: fn(&Ctx<'_>) -> Result<()>| {
            engine.mutate(NOW, |ctx| step(ctx).and_then(|()| wanted(ctx, DEVICE, ENVELOPE))).unwrap()
        };
        assert!(!wanted(|_| Ok(())));
        assert!(wanted(|ctx| note_wanted(ctx, DEVICE, ENVELOPE)));
        assert!(!wanted(|ctx| {
            forget_wanted(ctx, DEVICE, ENVELOPE);
            Ok(())
        }));
    }
}
