//! Words of the moment: opened, judged and shown, or dropped. None is written down, parked or asked for again.

use super::{Verdict, open};
use crate::ctx::Ctx;
use crate::envelope::Envelope;
use crate::error::{PeerFault, Result};
use crate::input::Delivery;
use crate::limits;
use crate::member;
use crate::memory::Effect;
use crate::session::{self, Said};
use crate::typing;

/// Takes in an ephemeral envelope.
pub(super) fn receive(ctx: &mut Ctx<'_>, envelope: &Envelope, delivery: &Delivery) -> Result<Verdict> {
    // The relay's clock shows no less than when it took this.
    let clock = ctx.memory.relay_now(ctx.now).max(delivery.accepted_at);
    let lasts = envelope.expires_at.since(clock);
    if lasts == 0 || lasts > limits::EPHEMERAL_AHEAD {
        return Ok(Verdict::Late(PeerFault::Expired));
    }
    if let Err(fault) = ctx.memory.lesser.check(envelope.sender, envelope.id, envelope.expires_at) {
        return Ok(Verdict::Late(fault));
    }
    let (certificate, word) = match session::open_ephemeral(ctx, envelope)? {
        Said::Word(certificate, word) => (certificate, word),
        // By the time that its commit or welcome has come, it says nothing.
        Said::Unknown | Said::Bad(PeerFault::NewerVersion) => return Ok(Verdict::Done),
        Said::TooOld => return Ok(Verdict::Late(PeerFault::TooOld)),
        Said::Bad(fault) => return Ok(Verdict::Refuse(fault)),
    };
    let Some(session) = session::load(&ctx.tx, envelope.tag)? else { return Ok(Verdict::Done) };
    let sender = match ctx.certificates.decode(&certificate) {
        Ok(certificate) => member::counting(ctx, &certificate)?,
        Err(fault) => return Ok(Verdict::Refuse(fault)),
    };
    if let Err(fault) = member::was_acceptable(ctx, &sender, delivery.accepted_at) {
        return Ok(Verdict::Refuse(fault));
    }
    if let Some(denied) = open::forbidden(ctx, &sender)? {
        return Ok(denied);
    }
    ctx.tx.effect(Effect::Heard(envelope.sender, envelope.id, envelope.expires_at));
    if let Some(word) = word.filter(|_| *sender.user() != ctx.account.user) {
        let from = (sender.user(), sender.device());
        typing::heard(ctx, session.conversation, from, word, (delivery.accepted_at, lasts))?;
    }
    Ok(Verdict::Done)
}

#[cfg(test)]
mod tests {
    //! R24.

    use super::*;
    use crate::engine::testing::NOW;
    use crate::envelope::EnvelopeKind;
    use crate::inbox::testing::{begun, envelope};

    #[test]
    fn a_word_is_taken_in_until_it_expires_and_lasts_for_a_moment_only() {
        let expired = |lasts| {
            let (mut engine, ..) = begun();
            let (envelope, delivery) = envelope();
            let envelope = Envelope { kind: EnvelopeKind::Ephemeral, expires_at: NOW.plus(lasts), ..envelope };
            let verdict = engine.mutate(NOW, |ctx| receive(ctx, &envelope, &delivery)).unwrap();
            matches!(verdict, Verdict::Late(PeerFault::Expired))
        };
        let longest = limits::EPHEMERAL_AHEAD;
        assert_eq!([0, 1, longest, longest + 1].map(expired), [true, false, false, true]);
    }
}
