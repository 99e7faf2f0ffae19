//! Where a device stands in a session, and what it could not read there: what shows a fork.
//!
//! Members that were given different commits for one epoch cannot read each other any more. Nothing in a message that
//! fails says so: a forged one fails alike. So whoever cannot read what a member seems to have sent says, signed, where
//! it stands: the marks of its last epochs. Who has another mark for one of them knows that the session has forked.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use super::commit;
use super::row::{self, Phase, SessionRow};
use crate::ctx::Ctx;
use crate::envelope::Envelope;
use crate::error::Result;
use crate::event::Event;
use crate::id::{DeviceId, EnvelopeId, SessionId};
use crate::limits;
use crate::time::Time;

/// What is the same for all members of an epoch, and differs after a fork.
pub(crate) type Mark = ByteArray<16>;

/// Epochs and their marks, the newest last.
pub(crate) type Standing = Vec<(u64, Mark)>;

/// An envelope of a member's device, by its header, that could not be read although its epoch is here.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Doubt {
    pub device: DeviceId,
    pub envelope: EnvelopeId,
    pub accepted_at: Time,
    pub noted_at: Time,
}

/// What another's standing says of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// It has no keys, or stands so far back that it will not come up.
    Lost,
    /// It went another way.
    Forked,
    /// Nothing against it.
    Agrees,
}

impl SessionRow {
    /// What this device says of where it stands: nothing, if it goes on here no more.
    pub fn standing(&self) -> Standing {
        if self.phase == Phase::Live { self.marks.clone() } else { Vec::new() }
    }

    /// Compares where another device stands with where this one does.
    pub fn compare(&self, theirs: &Standing) -> Compared {
        let differs =
            |(epoch, mark): &(u64, Mark)| self.marks.iter().any(|(ours, other)| ours == epoch && other != mark);
        let (newest, oldest) = (theirs.last().map(|(epoch, _)| *epoch), self.marks.first().map(|(epoch, _)| *epoch));
        if theirs.iter().any(differs) {
            Compared::Forked
        } else if newest.is_none() || newest < oldest {
            Compared::Lost
        } else {
            Compared::Agrees
        }
    }

    /// What a device sent that could not be read, and may be asked for still.
    pub fn doubts(&self, device: DeviceId, now: Time) -> impl Iterator<Item = &Doubt> {
        self.doubts.iter().filter(move |d| d.device == device && now.since(d.noted_at) <= limits::PARKED_AGE)
    }
}

/// The session is in a new epoch: notes its mark.
pub(super) fn note_epoch(ctx: &mut Ctx<'_>, session: &mut SessionRow) -> Result<()> {
    let Some((epoch, mark)) = ctx.with_group(session.id, |group, _, _| Ok((group.epoch(), group.mark())))? else {
        return Ok(());
    };
    session.marks.retain(|(known, _)| *known < epoch);
    session.marks.push((epoch, Mark::new(mark)));
    let surplus = session.marks.len().saturating_sub(limits::PAST_EPOCHS + 1);
    session.marks.drain(..surplus);
    Ok(())
}

/// An envelope was refused as forged, or could not be decrypted. If it looks like one of a member in an epoch that is
/// here, that is noted, a bounded number per session; says whether it was.
pub(crate) fn doubt(ctx: &mut Ctx<'_>, envelope: &Envelope, accepted_at: Time) -> Result<bool> {
    let Some(mut session) = row::load(&ctx.tx, envelope.tag)?.filter(|session| session.phase == Phase::Live) else {
        return Ok(false);
    };
    let plausible = ctx.with_group(session.id, |group, _, _| {
        Ok(group.place(&envelope.body).is_ok() && commit::key_of(group, envelope.sender)?.is_some())
    })?;
    session.doubts.retain(|doubt| ctx.now.since(doubt.noted_at) <= limits::PARKED_AGE);
    let known = session.doubts.iter().any(|doubt| doubt.envelope == envelope.id);
    if plausible != Some(true) || known || session.doubts.len() >= limits::DOUBTS {
        return Ok(plausible == Some(true));
    }
    session.doubts.push(Doubt { device: envelope.sender, envelope: envelope.id, accepted_at, noted_at: ctx.now });
    row::store(&ctx.tx, &session).map(|()| true)
}

/// A session has forked: it is replaced, and that is shown.
pub(crate) fn forked(ctx: &mut Ctx<'_>, id: SessionId) -> Result<()> {
    let Some(session) = row::load(&ctx.tx, id)?.filter(|session| session.phase == Phase::Live) else { return Ok(()) };
    ctx.tx.event(Event::Forked(session.conversation));
    commit::replace(ctx, session)
}
