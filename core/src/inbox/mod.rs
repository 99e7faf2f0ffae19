//! What arrives, in stages, one file each: decode → dedup → open → authorize → apply. What lacks something is parked.

mod act;
mod apply;
mod dedup;
mod ephemeral;
mod later;
mod missing;
mod open;
mod parked;
mod shelf;

pub(crate) use dedup::sweep as sweep_seen;
pub(crate) use later::{is_due as later_is_due, judge_next as judge_later, kept as kept_count};
pub(crate) use missing::due as missing_due;
pub(crate) use parked::{counts as parked_counts, retry, sessions as parked_sessions, sweep as sweep_parked};

use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind};
use crate::error::{PeerFault, Result};
use crate::id::UserId;
use crate::input::{Delivery, DeliveryId};
use crate::member;
use crate::memory::{Effect, Exact};
use crate::output::{Output, Request};
use crate::policy::Reason;
use crate::request::{self, Purpose};
use crate::session;

/// What became of an envelope.
pub(crate) enum Verdict {
    /// It was taken in.
    Done,
    /// It, or what it did, was here before.
    Repeat,
    /// It lacks something that may come.
    Park,
    /// It is bad: nothing of it stays.
    Refuse(PeerFault),
    /// It was meant for a moment that is over: nothing of it stays, and it is not worth telling.
    Late(PeerFault),
    /// The rules forbid what this user did: nothing of it stays.
    Forbid(UserId, Reason),
}

/// Takes a delivery in, all stages. On [`Verdict::Refuse`], [`Verdict::Late`] and [`Verdict::Forbid`] the caller drops
/// the mutation and then only acknowledges.
pub(crate) fn receive(ctx: &mut Ctx<'_>, delivery: &Delivery) -> Result<Verdict> {
    if delivery.accepted_at.check().is_err() {
        return Ok(Verdict::Refuse(PeerFault::Malformed("time of acceptance")));
    }
    let verdict = match later::envelope(ctx, &delivery.envelope) {
        Ok(envelope) => take_in(ctx, &envelope, delivery)?,
        Err(PeerFault::NewerVersion) => later::keep_envelope(ctx, delivery)?,
        Err(fault) => Verdict::Refuse(fault),
    };
    match &verdict {
        Verdict::Refuse(_) | Verdict::Late(_) | Verdict::Forbid(..) => {}
        Verdict::Park | Verdict::Done | Verdict::Repeat => acknowledge(ctx, delivery.id),
    }
    Ok(verdict)
}

/// The stages behind decoding.
fn take_in(ctx: &mut Ctx<'_>, envelope: &Envelope, delivery: &Delivery) -> Result<Verdict> {
    if !envelope.recipients.contains(&ctx.account.id) || envelope.sender == ctx.account.id {
        return Ok(Verdict::Refuse(PeerFault::NotForUs));
    }
    if envelope.kind == EnvelopeKind::Ephemeral {
        return ephemeral::receive(ctx, envelope, delivery);
    }
    let key = dedup::key(envelope);
    let verdict = if dedup::seen(ctx, &key)? { Verdict::Repeat } else { take(ctx, envelope, delivery)? };
    match &verdict {
        Verdict::Refuse(_) | Verdict::Late(_) | Verdict::Forbid(..) => return Ok(verdict),
        Verdict::Park => parked::park(ctx, envelope, delivery)?,
        Verdict::Done | Verdict::Repeat => {}
    }
    member::note_relay_clock(ctx, delivery.accepted_at)?;
    ctx.tx.effect(Effect::RelayAhead(delivery.accepted_at.ahead_of(ctx.now), Exact::AtLeast));
    dedup::note(ctx, key)?;
    Ok(verdict)
}

/// The stages behind dedup.
fn take(ctx: &mut Ctx<'_>, envelope: &Envelope, delivery: &Delivery) -> Result<Verdict> {
    match envelope.kind {
        EnvelopeKind::Welcome => session::join(ctx, envelope, delivery.accepted_at),
        EnvelopeKind::Commit if session::load(&ctx.tx, envelope.tag)?.is_none() => {
            missing::note_unknown(ctx, envelope)?;
            Ok(Verdict::Park)
        }
        EnvelopeKind::Commit => session::receive(ctx, envelope, &delivery.envelope),
        EnvelopeKind::Message | EnvelopeKind::Receipt => open::receive(ctx, envelope, delivery),
        EnvelopeKind::NoSession => missing::receive(ctx, envelope),
        // It was never parked.
        EnvelopeKind::Ephemeral => Ok(Verdict::Repeat),
    }
}

/// Lets the relay forget a delivery, once this mutation is durable.
pub(crate) fn acknowledge(ctx: &mut Ctx<'_>, id: DeliveryId) {
    ctx.tx.output(Output::Acknowledge(id));
}

/// Asks for what waits in the mailbox: all that was not acknowledged. Not what lies behind the last delivery received:
/// one before it may have been lost on the way.
pub(crate) fn fetch(ctx: &mut Ctx<'_>) -> Result<()> {
    request::make_anew(ctx, Purpose::Fetch, Request::Fetch { since: 0 })
}

/// The mailbox was read: to its end, or a page of it.
pub(crate) fn fetched(ctx: &mut Ctx<'_>, next: Option<DeliveryId>) -> Result<()> {
    match next {
        Some(next) => request::make(ctx, Purpose::Fetch, Request::Fetch { since: next.0 }),
        None if ctx.memory.caught_up => Ok(()),
        None => {
            ctx.tx.effect(Effect::CaughtUp);
            request::mailbox_read(ctx)
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
pub(crate) use missing::no_session;

#[cfg(test)]
mod tests {
    //! R19.

    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, certified, enrolled};

    fn fallbacks(engine: &mut Engine) -> usize {
        let mut requests = 0;
        loop {
            match engine.poll_output().unwrap() {
                Output::Request(_, Request::Fallback { .. }) => requests += 1,
                Output::Timeout { .. } => return requests,
                _ => {}
            }
        }
    }

    #[test]
    fn what_waits_for_the_end_of_the_mailbox_is_handed_out_once() {
        let mut engine = enrolled("ann");
        let bea = certified("bea", 1).user().clone();
        let conversation = engine.conversations().start(&bea, NOW).unwrap();
        let request = Request::Fallback { conversation, user: bea, since: NOW, count: 1 };
        engine.mutate(NOW, |ctx| request::make(ctx, Purpose::Fallback(conversation), request)).unwrap();
        assert_eq!(fallbacks(&mut engine), 0);
        for handed_out in [1, 0] {
            engine.mutate(NOW, |ctx| fetched(ctx, None)).unwrap();
            assert_eq!(fallbacks(&mut engine), handed_out);
        }
    }
}
