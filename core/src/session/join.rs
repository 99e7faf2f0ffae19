//! Joining by a welcome.

use std::collections::BTreeMap;

use super::authorize::{self, Invitation, JoinFault, Proven};
use super::facts::Facts;
use super::row::{self, NO_PARENT, Phase, SessionRow};
use super::{Group, Provider, choose, key_package};
use crate::authority::Certificate;
use crate::conversation::{self, ConversationRow, MemberRow, State};
use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind};
use crate::error::{Error, PeerFault, Result};
use crate::event::Event;
use crate::id::UserId;
use crate::inbox::Verdict;
use crate::intent::{self, Intent};
use crate::limits;
use crate::member;
use crate::memory::Effect;
use crate::own_state;
use crate::person;
use crate::policy::{Reason, Role};
use crate::time::{SECOND, Time};

/// A device that joined renews its leaf within this time, so that what is known of its key package is worth nothing.
const FIRST_UPDATE: u64 = 10 * SECOND;

/// Takes in a welcome. A refused one leaves nothing behind: the caller drops the mutation.
pub(crate) fn receive(ctx: &mut Ctx<'_>, envelope: &Envelope, accepted_at: Time) -> Result<Verdict> {
    if row::load(&ctx.tx, envelope.tag)?.is_some() {
        return Ok(Verdict::Repeat);
    }
    if envelope.body.len() > limits::WELCOME {
        return Ok(Verdict::Refuse(PeerFault::TooLarge("welcome")));
    }
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    let staged = match Group::stage_welcome(&provider, &envelope.body) {
        Ok(staged) => staged,
        Err(Error::Peer(PeerFault::Replay)) => return Ok(Verdict::Repeat),
        Err(Error::Peer(fault)) => return Ok(Verdict::Refuse(fault)),
        Err(error) => return Err(error),
    };
    if staged.session() != envelope.tag {
        return Ok(Verdict::Refuse(PeerFault::Malformed("welcome")));
    }
    let leaves = staged.members().to_vec();
    let facts = match Facts::decode(staged.facts()) {
        Ok(facts) => facts,
        Err(fault) => return Ok(Verdict::Refuse(fault)),
    };
    let sender = staged.sender();
    let last_resort = staged.last_resort();
    let group = staged.accept(&provider)?;
    let admitted = admit(ctx, &facts, &leaves, sender, accepted_at);
    #[cfg(feature = "sabotage")]
    let admitted = sabotage(ctx, admitted);
    match admitted {
        Ok(()) => {}
        Err(Refused::Fault(fault)) => return Ok(Verdict::Refuse(fault)),
        Err(Refused::Denied(user, reason)) => return Ok(Verdict::Forbid(user, reason)),
        Err(Refused::Engine(error)) => return Err(error),
    }
    ctx.groups.put_back(envelope.tag, group);
    enter(ctx, envelope, &facts, last_resort)?;
    Ok(Verdict::Done)
}

enum Refused {
    Fault(PeerFault),
    Denied(UserId, Reason),
    Engine(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Engine(error)
    }
}

impl From<PeerFault> for Refused {
    fn from(fault: PeerFault) -> Refused {
        Refused::Fault(fault)
    }
}

/// Judges who is in the session, and whether its sender may take us in.
fn admit(
    ctx: &mut Ctx<'_>,
    facts: &Facts,
    leaves: &[super::Leaf],
    sender: u32,
    accepted_at: Time,
) -> Result<(), Refused> {
    let proven = authorize::prove_all(leaves, facts, &ctx.config.authorities)?;
    let inviter = leaves.iter().position(|l| l.index == sender).and_then(|at| proven.get(at));
    let inviter = member::counting(ctx, &inviter.ok_or(PeerFault::Malformed("welcome"))?.certificate)?;
    member::was_acceptable(ctx, &inviter, accepted_at)?;
    let good = not_revoked(ctx, &proven)?;
    let roles = roles(ctx, facts, &good)?;
    let role_of = |user: &UserId| roles.get(user).map(|(_, role)| role.clone());
    // One that nobody reaches by replacing sessions would only pin the choice to itself.
    if facts.generation > accepted_at.as_ms() / limits::GENERATION_EVERY {
        return Err(PeerFault::Malformed("generation").into());
    }
    let judged = authorize::invitation(&Invitation {
        facts,
        sender: &inviter,
        me: &ctx.account.user,
        authority: ctx.config.authority(),
        trusted: &ctx.config.authorities,
        policy: &ctx.config.policy,
        role_of: &role_of,
        is_revoked: &|certificate| member::is_revoked(ctx, certificate),
    });
    #[cfg(feature = "sabotage")]
    let judged = if ctx.config.sabotaged(crate::sabotage::Sabotage::PolicySkippedOnReceive) { Ok(()) } else { judged };
    match judged {
        Ok(()) => {}
        Err(JoinFault::Peer(fault)) => return Err(fault.into()),
        Err(JoinFault::Denied(user, reason)) => return Err(Refused::Denied(user, reason)),
    }
    for leaf in &proven {
        if !member::is_revoked(ctx, &member::counting(ctx, &leaf.certificate)?) {
            member::learn(ctx, &leaf.certificate)?;
        }
    }
    Ok(())
}

#[cfg(feature = "sabotage")]
fn sabotage(ctx: &Ctx<'_>, admitted: Result<(), Refused>) -> Result<(), Refused> {
    let skipped = ctx.config.sabotaged(crate::sabotage::Sabotage::AuthorizeSkipped);
    match admitted {
        Err(Refused::Fault(_) | Refused::Denied(..)) if skipped => Ok(()),
        other => other,
    }
}

/// The certificates that count for leaves, without those that were revoked: they say nothing about anybody.
fn not_revoked(ctx: &Ctx<'_>, proven: &[Proven]) -> Result<Vec<Certificate>> {
    let mut good = Vec::with_capacity(proven.len());
    for leaf in proven {
        let counting = member::counting(ctx, &leaf.certificate)?;
        if !member::is_revoked(ctx, &counting) {
            good.push(counting);
        }
    }
    Ok(good)
}

/// The role of each member by the certificate with the highest serial number, here or known before: whoever got another
/// role does not keep the old one by an old leaf.
fn roles(ctx: &Ctx<'_>, facts: &Facts, good: &[Certificate]) -> Result<BTreeMap<UserId, (u64, Role)>> {
    let mut roles: BTreeMap<UserId, (u64, Role)> = BTreeMap::new();
    for user in &facts.members {
        if let Some(row) = member::user_row(&ctx.tx, user)? {
            roles.insert(user.clone(), (row.serial, row.role));
        }
    }
    for certificate in good {
        let newer = roles.get(certificate.user()).is_none_or(|(serial, _)| *serial < certificate.serial());
        if newer {
            roles.insert(certificate.user().clone(), (certificate.serial(), certificate.role().clone()));
        }
    }
    Ok(roles)
}

/// Deletes the key package of a welcome that was refused: its private keys must not open another one. The last resort
/// stays, for others may use it still. What does not even open names no key package for certain.
pub(crate) fn discard_key_package(ctx: &Ctx<'_>, envelope: &[u8]) -> Result<()> {
    let Ok(envelope) = Envelope::decode(envelope) else { return Ok(()) };
    if envelope.kind != EnvelopeKind::Welcome || envelope.body.len() > limits::WELCOME {
        return Ok(());
    }
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    match Group::stage_welcome(&provider, &envelope.body) {
        Ok(staged) if !staged.last_resort() => key_package::delete(&provider, &staged.key_package()),
        Ok(_) | Err(Error::Peer(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The session is ours: the conversation exists, and what waited for its keys is tried again.
fn enter(ctx: &mut Ctx<'_>, envelope: &Envelope, facts: &Facts, last_resort: bool) -> Result<()> {
    let mut conversation = match conversation::load(&ctx.tx, facts.conversation)? {
        Some(row) => row,
        None => new_conversation(ctx, facts)?,
    };
    if conversation.token.is_empty() {
        conversation.token = facts.token.clone().into();
        conversation.initiator = facts.initiator.clone();
    }
    row::create(
        &ctx.tx,
        &SessionRow {
            id: envelope.tag,
            conversation: conversation.id,
            generation: facts.generation,
            phase: Phase::Live,
            pending: None,
            parent: NO_PARENT,
            refused: 0,
            epoch_at: ctx.now,
            updated_at: ctx.now,
            updated_next: conversation.next,
            reconciled: (0, Time::ZERO),
        },
    )?;
    choose::choose(ctx, &mut conversation)?;
    if conversation.session == Some(envelope.tag) {
        intent::drop_intent(&ctx.tx, conversation.id, Intent::Open);
    }
    let was_denied = core::mem::replace(&mut conversation.state, State::Live) == State::Denied;
    for other in &mut conversation.others {
        other.role = member::user_row(&ctx.tx, &other.user)?.map(|row| row.role);
    }
    // Where this user's devices meet for the first time, one may know what the others do not.
    own_state::tell_again(ctx, &mut conversation)?;
    if was_denied {
        // What was set in the meantime, nobody could be told.
        conversation::tell_settings_again(ctx, &mut conversation)?;
    }
    conversation::store(&mut ctx.tx, &conversation)?;
    // A last-resort key package may have served others before: its keys are replaced first of all.
    let jitter = if last_resort { 0 } else { ctx.rng.below(FIRST_UPDATE) };
    intent::want(ctx, conversation.id, Intent::Update, ctx.now.plus(jitter))?;
    ctx.tx.effect(Effect::Unpark(envelope.tag));
    Ok(())
}

fn new_conversation(ctx: &mut Ctx<'_>, facts: &Facts) -> Result<ConversationRow> {
    let others = facts.members.iter().filter(|user| **user != ctx.account.user);
    let row = ConversationRow {
        others: others.map(|user| MemberRow { user: user.clone(), role: None }).collect(),
        token: facts.token.clone().into(),
        concealed: person::is_blocked(ctx, &facts.initiator)?,
        ..conversation::new(facts.conversation, facts.initiator.clone(), facts.created.min(ctx.now), facts.period)
    };
    conversation::touch(&ctx.tx, &row, None)?;
    if !row.concealed {
        ctx.tx.event(Event::ConversationAdded(row.id));
    }
    Ok(row)
}
