//! Decrypts an application message and judges its sender.

use super::{Verdict, apply, later, missing};
use crate::authority::Certificate;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Content, Envelope, EnvelopeKind};
use crate::error::{PeerFault, Result};
use crate::input::Delivery;
use crate::member;
use crate::message::Cause;
use crate::policy::{Action, Decision};
use crate::session::{self, ReceiveError, Received};

/// What was decrypted, from whom.
pub(super) struct Opened<'a> {
    pub content: Content,
    /// As it was decrypted.
    pub padded: &'a [u8],
    pub sender: Certificate,
    pub session: session::SessionRow,
}

/// Takes in an application message.
pub(super) fn receive(ctx: &mut Ctx<'_>, envelope: &Envelope, delivery: &Delivery) -> Result<Verdict> {
    let Some(session) = session::load(&ctx.tx, envelope.tag)? else {
        missing::note_unknown(ctx, envelope)?;
        return Ok(Verdict::Park);
    };
    let received = ctx.with_group(session.id, |group, provider, _| Ok(group.receive(provider, &envelope.body)))?;
    let (certificate, plaintext) = match received {
        Some(Ok(Received::Message { certificate, plaintext, .. })) => (certificate, plaintext),
        None => return Ok(Verdict::Park),
        Some(Err(ReceiveError::FutureEpoch)) => {
            session::note_behind(ctx, session.id);
            return Ok(Verdict::Park);
        }
        Some(Err(ReceiveError::PastEpoch | ReceiveError::TooOld | ReceiveError::TooFar)) => {
            return lost(ctx, &session, envelope, delivery);
        }
        Some(Err(ReceiveError::Replay)) => return Ok(Verdict::Repeat),
        Some(Err(ReceiveError::Inactive)) => return Ok(Verdict::Repeat),
        Some(Err(ReceiveError::Failed(error))) => return Err(error),
        Some(Ok(_) | Err(_)) => return Ok(Verdict::Refuse(PeerFault::Forged)),
    };
    // A leaf's certificate was proven when the leaf came; the envelope's word for its sender must agree.
    let sender = match ctx.certificates.decode(&certificate) {
        Ok(certificate) if certificate.device() == envelope.sender => member::counting(ctx, &certificate)?,
        _ => return Ok(Verdict::Refuse(PeerFault::Forged)),
    };
    if let Err(fault) = member::was_acceptable(ctx, &sender, delivery.accepted_at) {
        return Ok(Verdict::Refuse(fault));
    }
    if let Some(denied) = forbidden(ctx, &sender)? {
        return Ok(denied);
    }
    match judge(ctx, &session, &sender, envelope, delivery, &plaintext)? {
        Verdict::Refuse(PeerFault::NewerVersion) => {
            later::keep_content(ctx, session, sender, envelope, delivery, &plaintext)
        }
        verdict => Ok(verdict),
    }
}

/// Judges and applies what was decrypted. Bodies are read before anything is staged of them: what is refused as newer has
/// left no trace, and can be kept.
pub(super) fn judge(
    ctx: &mut Ctx<'_>,
    session: &session::SessionRow,
    sender: &Certificate,
    envelope: &Envelope,
    delivery: &Delivery,
    plaintext: &[u8],
) -> Result<Verdict> {
    let content =
        later::content(ctx, plaintext).and_then(|content| fits(envelope, &content, plaintext).map(|()| content));
    match content {
        Ok(content) => {
            let opened = Opened { content, padded: plaintext, sender: sender.clone(), session: session.clone() };
            apply::apply(ctx, opened, envelope, delivery)
        }
        Err(fault) => Ok(Verdict::Refuse(fault)),
    }
}

/// Whether the envelope says what its content is and commits to it. The relay's mark is on that commitment: without
/// this, a member could say what no report can prove.
fn fits(envelope: &Envelope, content: &Content, plaintext: &[u8]) -> Result<(), PeerFault> {
    let (kind, commitment) = match content.outside(plaintext) {
        // What it brings again is of a newer version, and checked when that can be read.
        Err(PeerFault::NewerVersion) if envelope.commitment.is_some() => (EnvelopeKind::Receipt, envelope.commitment),
        outside => outside?,
    };
    if envelope.kind != kind {
        return Err(PeerFault::Malformed("envelope kind"));
    }
    if envelope.commitment == commitment { Ok(()) } else { Err(PeerFault::Commitment) }
}

/// Whether the rules let the sender write to this user at all.
pub(super) fn forbidden(ctx: &Ctx<'_>, sender: &Certificate) -> Result<Option<Verdict>> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::PolicySkippedOnReceive) {
        return Ok(None);
    }
    if *sender.user() == ctx.account.user {
        return Ok(None);
    }
    Ok(match ctx.config.policy.decide(sender.role(), Action::Reply, ctx.account.role()?) {
        Decision::Allow => None,
        Decision::Deny(reason) => Some(Verdict::Forbid(sender.user().clone(), reason)),
    })
}

/// Its keys are gone. It is asked for again, and a message makes a row until it has come. Nothing of it can be verified any more, so that at least its sender must belong to the conversation.
fn lost(ctx: &mut Ctx<'_>, session: &session::SessionRow, envelope: &Envelope, delivery: &Delivery) -> Result<Verdict> {
    let Some(sender) = member::newest(&ctx.tx, envelope.sender)? else { return Ok(Verdict::Refuse(PeerFault::Forged)) };
    let members = conversation::require(&ctx.tx, session.conversation)?.others;
    if *sender.user() != ctx.account.user && !members.iter().any(|member| member.user == *sender.user()) {
        return Ok(Verdict::Refuse(PeerFault::Forged));
    }
    let verdict = if envelope.kind == EnvelopeKind::Message {
        apply::unreadable(ctx, session, &sender, envelope, delivery, Cause::TooOld)?
    } else {
        apply::unseen(ctx, session, &sender)?
    };
    if matches!(verdict, Verdict::Done) {
        missing::ask_again(ctx, session.conversation, sender.device(), envelope.id, delivery.accepted_at)?;
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    //! R46, R14.

    use super::*;
    use crate::codec;
    use crate::engine::testing::NOW;
    use crate::envelope::{Again, Kind};
    use crate::id::Hash32;
    use crate::inbox::testing::{envelope, newer, text};

    #[test]
    fn what_a_newer_version_sends_again_is_committed_to_though_that_cannot_be_checked_yet() {
        let fits = |commitment: Option<Hash32>| {
            let body = codec::encode(&Again(envelope().0.id, newer(500).into(), NOW)).unwrap();
            let content = Content { kind: Kind::AGAIN, body, ..text() };
            let envelope = Envelope { kind: EnvelopeKind::Receipt, commitment, ..envelope().0 };
            fits(&envelope, &content, &content.encode().unwrap())
        };
        assert_eq!(fits(Some(Hash32::from_bytes([1; 32]))), Ok(()));
        assert_eq!(fits(None), Err(PeerFault::NewerVersion));
    }
}
