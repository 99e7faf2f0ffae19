//! Opening a session: a start, or the replacement of a broken one. Everybody's devices are taken in at once.

use std::collections::BTreeSet;

use super::authorize::{self, Proven, Roster};
use super::facts::Facts;
use super::key_package;
use super::row::{self, NO_PARENT, Phase, SessionRow};
use super::{Changes, Group, Provider};
use crate::authority::{Certificate, ProvenStart};
use crate::conversation::{self, ConversationRow, State};
use crate::ctx::Ctx;
use crate::envelope::{EnvelopeKind, StartToken};
use crate::error::{Error, PeerFault, Result};
use crate::event::Event;
use crate::id::{ConversationId, DeviceId, SessionId, UserId};
use crate::input::{DirectoryUser, Refusal};
use crate::intent::{self, Intent};
use crate::member;
use crate::outbox::{self, Purpose};
use crate::policy::{Action, Reason};
use crate::time::{MINUTE, Time};

/// How long to wait before looking again for a user who has no device.
const NOBODY_THERE: u64 = 5 * MINUTE;

/// A device that the directory lists, whose certificate is proven and not revoked.
pub(super) struct Listed {
    pub certificate: Certificate,
    pub key_package: Option<Vec<u8>>,
}

/// The directory's answer for a session that is to be opened.
pub(crate) fn opened(ctx: &mut Ctx<'_>, id: ConversationId, users: &[DirectoryUser]) -> Result<()> {
    let Some(mut conversation) = conversation::load(&ctx.tx, id)? else { return Ok(()) };
    if intent::get(&ctx.tx, id, Intent::Open)?.is_none() {
        return Ok(());
    }
    let listed = take_listing(ctx, &mut conversation, users)?;
    let adds = key_packages(ctx, &listed)?;
    let reached = |user: &UserId| adds.iter().any(|add| add.user == *user);
    if !conversation.others.iter().all(|member| reached(&member.user)) && known_denial(ctx, &conversation)?.is_none() {
        let at = ctx.now.plus(NOBODY_THERE);
        conversation::store(&mut ctx.tx, &conversation)?;
        return intent::postpone(ctx, id, Intent::Open, at);
    }
    if !may_open(ctx, &mut conversation)? {
        intent::drop_intent(&ctx.tx, id, Intent::Open);
        // What was queued fails with the conversation.
        ctx.busy(id);
        return conversation::store(&mut ctx.tx, &conversation);
    }
    if !open(ctx, &mut conversation, adds)? {
        intent::postpone(ctx, id, Intent::Open, ctx.now.plus(NOBODY_THERE))?;
    }
    conversation::store(&mut ctx.tx, &conversation)
}

/// Proves what the directory lists and learns from it; what does not prove, or was revoked, is left out. Only a device
/// whose certificate is valid now is one to be reached.
pub(super) fn take_listing(
    ctx: &mut Ctx<'_>,
    conversation: &mut ConversationRow,
    users: &[DirectoryUser],
) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for entry in users {
        let concerned = entry.user == ctx.account.user || conversation.others.iter().any(|m| m.user == entry.user);
        if !concerned {
            continue;
        }
        for device in &entry.devices {
            let Ok(certificate) = proven(ctx, &device.certificate, &entry.user) else { continue };
            member::learn(ctx, &certificate)?;
            listed.push(Listed { certificate, key_package: device.key_package.clone() });
        }
    }
    let acceptable = listed.iter().filter(|l| member::acceptable(ctx, &l.certificate).is_ok());
    let mut devices: BTreeSet<DeviceId> = acceptable.map(|l| l.certificate.device()).collect();
    devices.insert(ctx.account.id);
    conversation.devices = devices.into_iter().collect();
    for other in &mut conversation.others {
        other.role = member::user_row(&ctx.tx, &other.user)?.map(|row| row.role);
    }
    Ok(listed)
}

pub(super) fn proven(ctx: &Ctx<'_>, bytes: &[u8], user: &UserId) -> Result<Certificate, PeerFault> {
    let certificate = Certificate::decode(bytes)?;
    certificate.verify(&ctx.config.authorities)?;
    if member::is_revoked(ctx, &certificate) {
        return Err(PeerFault::Revoked);
    }
    if certificate.user() == user { Ok(certificate) } else { Err(PeerFault::Certificate) }
}

/// Whether the rules let this device open a session here; if not, the conversation says so.
fn may_open(ctx: &mut Ctx<'_>, conversation: &mut ConversationRow) -> Result<bool> {
    let Some(reason) = known_denial(ctx, conversation)? else { return Ok(true) };
    conversation.state = State::Denied;
    let user = ctx.account.user.clone();
    ctx.tx.event(Event::Forbidden(user, reason));
    // What is queued fails.
    ctx.busy(conversation.id);
    Ok(false)
}

/// Why the rules forbid the conversation, as far as the roles are known.
fn known_denial(ctx: &Ctx<'_>, conversation: &ConversationRow) -> Result<Option<Reason>> {
    let own = ctx.account.role()?;
    let action = if conversation.token.is_empty() { Action::Start } else { Action::Continue };
    let roles = conversation.others.iter().filter_map(|member| member.role.as_ref());
    Ok(roles.map(|role| ctx.config.policy.decide(own, action, role)).find_map(|d| d.reason().cloned()))
}

/// Opens a session with these devices; `false` when the library refuses the key packages of the other members. What is
/// wrong with one of our own user's devices keeps nobody from talking: it comes later.
fn open(ctx: &mut Ctx<'_>, conversation: &mut ConversationRow, adds: Vec<Add>) -> Result<bool> {
    if conversation.token.is_empty() || is_worthless(ctx, conversation) {
        conversation.token = sign_token(ctx, conversation)?.into();
    }
    let known = row::of_conversation(&ctx.tx, conversation.id)?.iter().map(|s| s.generation).max();
    let generation = known.map_or(0, |known| known.saturating_add(1));
    let id = SessionId::fresh(ctx.rng);
    let facts = facts(ctx, conversation, generation).encode()?;
    let (others, own): (Vec<Add>, Vec<Add>) = adds.into_iter().partition(|add| add.user != ctx.account.user);
    let all: Vec<&Add> = others.iter().chain(&own).collect();
    for adds in [all, others.iter().collect()] {
        if let Some(welcome) = create(ctx, id, &facts, &adds)? {
            let recipients = adds.iter().map(|add| add.device).collect();
            return launch(ctx, conversation, (id, generation), recipients, welcome).map(|()| true);
        }
    }
    Ok(false)
}

/// Hands the welcome of a session out that was made.
fn launch(
    ctx: &mut Ctx<'_>,
    conversation: &ConversationRow,
    (id, generation): (SessionId, u64),
    recipients: Vec<DeviceId>,
    welcome: Vec<u8>,
) -> Result<()> {
    let session = SessionRow {
        id,
        conversation: conversation.id,
        generation,
        phase: Phase::Opening,
        pending: None,
        parent: NO_PARENT,
        refused: 0,
        epoch_at: ctx.now,
        updated_at: ctx.now,
        updated_next: conversation.next,
        reconciled: (0, Time::ZERO),
        marks: Vec::new(),
        doubts: Vec::new(),
    };
    let mut envelope = outbox::new_envelope(ctx, EnvelopeKind::Welcome, session.id, recipients)?;
    envelope.token = Some(conversation.token.to_vec());
    envelope.body = welcome;
    let transmit = outbox::launch(ctx, Purpose::Open(conversation.id, session.id), &[envelope])?;
    row::create(&ctx.tx, &SessionRow { pending: Some(transmit), ..session })
}

/// Makes the group with everybody in it; the commit stays pending until the relay has the welcome. `None` when a key
/// package is not valid: then there is no group.
fn create(ctx: &mut Ctx<'_>, id: SessionId, facts: &[u8], adds: &[&Add]) -> Result<Option<Vec<u8>>> {
    let certificate = ctx.account.certificate()?.as_bytes().to_vec();
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    let mut group = Group::create(&provider, &ctx.account.device, &certificate, id, facts)?;
    let adds = adds.iter().map(|add| add.key_package.clone()).collect();
    let pending = match group.commit(&provider, &ctx.account.device, Changes { adds, ..Changes::default() }) {
        Err(Error::Peer(_)) => return Group::delete(&provider, id).map(|()| None),
        made => made?,
    };
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::CommitMergedBeforeAccepted) {
        group.merge_pending(&provider)?;
    }
    ctx.groups.put_back(id, group);
    pending.welcome.map(Some).ok_or(Error::Bug("open.no_welcome"))
}

/// A device that can be added.
pub(super) struct Add {
    pub device: DeviceId,
    pub user: UserId,
    pub key_package: Vec<u8>,
}

/// The key packages of listed devices that fit their certificates, each device once, of no user too many.
pub(super) fn key_packages(ctx: &Ctx<'_>, listed: &[Listed]) -> Result<Vec<Add>> {
    let mut roster = Roster::default();
    roster.enter_device(ctx.account.certificate()?);
    let mut adds = Vec::new();
    for listed in listed {
        if let Some(add) = key_package_of(ctx, listed)?.filter(|_| roster.enter_device(&listed.certificate)) {
            adds.push(add);
        }
    }
    Ok(adds)
}

/// A listed device's key package. It may be older than the certificate that the directory lists: as for leaves, the
/// newest certificate known of the device says whether it is welcome.
fn key_package_of(ctx: &Ctx<'_>, listed: &Listed) -> Result<Option<Add>> {
    let Some(package) = &listed.key_package else { return Ok(None) };
    let checked = key_package::check(ctx.crypto, package)
        .and_then(|checked| authorize::prove(&checked.certificate, &checked.key, &ctx.config.authorities));
    let Ok(Proven { certificate }) = checked else { return Ok(None) };
    let same = certificate.device() == listed.certificate.device()
        && certificate.user() == listed.certificate.user()
        && certificate.identity_key() == listed.certificate.identity_key();
    let counting = member::counting(ctx, &certificate)?;
    let welcome =
        same && member::acceptable(ctx, &listed.certificate).is_ok() && member::acceptable(ctx, &counting).is_ok();
    let (device, user) = (certificate.device(), certificate.user().clone());
    Ok(welcome.then(|| Add { device, user, key_package: package.clone() }))
}

/// Whether the start token is this user's, and was signed by a device that is revoked now: another one signs anew.
fn is_worthless(ctx: &Ctx<'_>, conversation: &ConversationRow) -> bool {
    let signed = ProvenStart::verify(&conversation.token, &ctx.config.authorities);
    conversation.initiator == ctx.account.user && signed.is_ok_and(|s| member::is_revoked(ctx, s.certificate()))
}

fn sign_token(ctx: &Ctx<'_>, conversation: &ConversationRow) -> Result<Vec<u8>> {
    let responder = conversation.others.first().ok_or(Error::Bug("open.nobody"))?.user.clone();
    let token = StartToken {
        initiator: ctx.account.user.clone(),
        responder,
        authority: *ctx.config.authority(),
        at: ctx.now,
        certificate: ctx.account.certificate()?.as_bytes().to_vec(),
    };
    token.sign(&ctx.account.device)
}

fn facts(ctx: &Ctx<'_>, conversation: &ConversationRow, generation: u64) -> Facts {
    let mut members: Vec<UserId> = conversation.others.iter().map(|m| m.user.clone()).collect();
    members.push(ctx.account.user.clone());
    members.sort();
    Facts {
        conversation: conversation.id,
        members,
        admins: Vec::new(),
        name: String::new(),
        initiator: conversation.initiator.clone(),
        created: conversation.created,
        period: conversation.period,
        policy: ctx.config.policy.id(),
        generation,
        token: conversation.token.to_vec(),
    }
}

/// The relay refused a session's welcome: it never was.
pub(crate) fn refused(ctx: &mut Ctx<'_>, id: SessionId, refusal: Refusal) -> Result<()> {
    let Some(session) = row::load(&ctx.tx, id)? else { return Ok(()) };
    super::choose::forget(ctx, &session)?;
    intent::drop_intent(&ctx.tx, session.conversation, Intent::Open);
    let Some(mut conversation) = conversation::load(&ctx.tx, session.conversation)? else { return Ok(()) };
    match refusal {
        Refusal::Policy => {
            conversation.state = State::Denied;
            ctx.busy(conversation.id);
            conversation::store(&mut ctx.tx, &conversation)
        }
        Refusal::Certificate => {
            ctx.tx.event(Event::CertificateNeeded);
            intent::want(ctx, session.conversation, Intent::Open, ctx.now.plus(NOBODY_THERE))
        }
        Refusal::NotMember | Refusal::Malformed | Refusal::RateLimited => {
            intent::want(ctx, session.conversation, Intent::Open, ctx.now.plus(NOBODY_THERE))
        }
    }
}
