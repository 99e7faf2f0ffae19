//! Pursues the wishes of a conversation, one commit at a time.

use std::collections::BTreeSet;

use super::authorize::{self, Roster};
use super::open::{self, Add};
use super::patience::{self, Again};
use super::row::{self, Phase, SessionRow};
use super::{Changes, Leaf, commit};
use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::id::{ConversationId, DeviceId, SessionId, UserId};
use crate::input::DirectoryUser;
use crate::intent::{self, Intent};
use crate::limits;
use crate::member;
use crate::output::Request;
use crate::request::{self, Purpose};
use crate::time::Time;

/// How long to wait for key packages that the directory does not have.
const NO_PACKAGES: u64 = limits::INTENT_WAIT;

/// Fulfils what is due, and says when to look again: [`Time::NEVER`] after an answer, `None` for no wish at all.
pub(crate) fn pursue(ctx: &mut Ctx<'_>, conversation: &mut ConversationRow) -> Result<Option<Time>> {
    if own_revoked(ctx) {
        // What is encrypted under a certificate that was taken back is refused everywhere.
        return Ok(Some(Time::NEVER));
    }
    renew_in_time(ctx, conversation)?;
    heed_revocations(ctx, conversation)?;
    let wishes = intent::all(&ctx.tx, conversation.id)?;
    let mut next = None;
    for (wish, at) in wishes {
        // A wish put off for longer than any is was put off by a clock that has been put back since.
        let waits = at > ctx.now && at.since(ctx.now) <= limits::INTENT_WAIT;
        let at = if waits { at } else { fulfil(ctx, conversation, wish)?.unwrap_or(Time::NEVER) };
        next = Some(next.map_or(at, |other: Time| other.min(at)));
    }
    Ok(next)
}

/// The session to encrypt for, if messages may flow now.
pub(crate) fn sendable(ctx: &mut Ctx<'_>, conversation: &ConversationRow) -> Result<Option<SessionId>> {
    let Some(id) = conversation.session.filter(|_| !own_revoked(ctx)) else { return Ok(None) };
    match row::load(&ctx.tx, id)? {
        Some(session) if session.phase == Phase::Live && conversation.reached => {}
        _ => return Ok(None),
    }
    Ok(if holds_revoked(ctx, id)? { None } else { Some(id) })
}

/// Whether the authority has taken this device's certificate back.
fn own_revoked(ctx: &Ctx<'_>) -> bool {
    ctx.account.certificate.as_ref().is_some_and(|own| member::is_revoked(ctx, own))
}

/// A device that is known to be revoked must not read what is sent from now on.
fn holds_revoked(ctx: &mut Ctx<'_>, session: SessionId) -> Result<bool> {
    if ctx.memory.revoked.is_empty() {
        return Ok(false);
    }
    let leaves = ctx.with_group(session, |group, _, _| group.members())?.unwrap_or_default();
    Ok(!revoked(ctx, &leaves)?.is_empty())
}

/// Wants revoked devices out of the session in use, and the own leaf renewed when its certificate was revoked and this
/// device has a newer one, before anything is pursued.
fn heed_revocations(ctx: &mut Ctx<'_>, conversation: &ConversationRow) -> Result<()> {
    let Some(id) = conversation.session.filter(|_| !ctx.memory.revoked.is_empty()) else { return Ok(()) };
    let leaves = ctx.with_group(id, |group, _, _| group.members())?.unwrap_or_default();
    if !revoked(ctx, &leaves)?.is_empty() {
        want_unless_wanted(ctx, conversation.id, Intent::Reconcile)?;
    }
    let own = leaves.iter().find(|leaf| DeviceId::of_key(&leaf.key) == ctx.account.id);
    let outdated =
        own.and_then(|leaf| authorize::certificate_of(leaf).ok()).is_some_and(|c| member::is_revoked(ctx, &c));
    if outdated { want_unless_wanted(ctx, conversation.id, Intent::Update) } else { Ok(()) }
}

/// Wants something now, unless it is wanted already: what was put off stays put off.
fn want_unless_wanted(ctx: &mut Ctx<'_>, conversation: ConversationId, wish: Intent) -> Result<()> {
    match intent::get(&ctx.tx, conversation, wish)? {
        Some(_) => Ok(()),
        None => intent::want(ctx, conversation, wish, ctx.now),
    }
}

/// Wants a fresh leaf key when the old one has served long enough (RFC 9420, section 16.6).
fn renew_in_time(ctx: &mut Ctx<'_>, conversation: &ConversationRow) -> Result<()> {
    let Some(id) = conversation.session else { return Ok(()) };
    let Some(session) = row::load(&ctx.tx, id)? else { return Ok(()) };
    let worn = conversation.next.saturating_sub(session.updated_next) >= ctx.config.update_after_messages;
    if worn || ctx.now.since(session.updated_at) >= ctx.config.update_after {
        want_unless_wanted(ctx, conversation.id, Intent::Update)?;
    }
    Ok(())
}

fn fulfil(ctx: &mut Ctx<'_>, conversation: &mut ConversationRow, wish: Intent) -> Result<Option<Time>> {
    match wish {
        Intent::Open => {
            let opening = row::of_conversation(&ctx.tx, conversation.id)?.iter().any(|s| s.phase == Phase::Opening);
            if !opening {
                look_up(ctx, conversation, Purpose::Open(conversation.id), true)?;
            }
            Ok(None)
        }
        Intent::Reconcile => {
            let session = free_session(ctx, conversation)?;
            session.map_or(Ok(None), |session| reconcile(ctx, conversation, session))
        }
        Intent::Update => {
            if let Some(mut session) = free_session(ctx, conversation)? {
                session.updated_next = conversation.next;
                commit::propose(ctx, &mut session, Changes::default(), Vec::new())?;
            }
            Ok(None)
        }
    }
}

/// The session in use, if no commit of ours is under way in it.
fn free_session(ctx: &Ctx<'_>, conversation: &ConversationRow) -> Result<Option<SessionRow>> {
    let Some(id) = conversation.session else { return Ok(None) };
    Ok(row::load(&ctx.tx, id)?.filter(|s| s.phase == Phase::Live && s.pending.is_none()))
}

/// Asks the directory whether the leaves are the devices, or says when it may. For a leaf whose certificate is revoked it
/// asks at once; not before the answer is it removed, for the device may have a newer certificate that is not known here.
fn reconcile(ctx: &mut Ctx<'_>, conversation: &ConversationRow, session: SessionRow) -> Result<Option<Time>> {
    let at = patience::may_reconcile_at(&session);
    let waits = at > ctx.now && at.since(ctx.now) <= limits::INTENT_WAIT;
    if waits && !holds_revoked(ctx, session.id)? {
        return Ok(Some(at));
    }
    look_up(ctx, conversation, Purpose::Compare(conversation.id), false)?;
    Ok(None)
}

fn look_up(ctx: &mut Ctx<'_>, conversation: &ConversationRow, purpose: Purpose, key_packages: bool) -> Result<()> {
    let mut users: Vec<UserId> = conversation.others.iter().map(|m| m.user.clone()).collect();
    users.push(ctx.account.user.clone());
    request::make(ctx, purpose, Request::LookUp { users, key_packages })
}

/// The directory's answer: which devices are to come and which to go.
pub(crate) fn compared(ctx: &mut Ctx<'_>, id: ConversationId, users: &[DirectoryUser]) -> Result<()> {
    let Some(mut conversation) = conversation::load(&ctx.tx, id)? else { return Ok(()) };
    open::take_listing(ctx, &mut conversation, users)?;
    super::choose::choose(ctx, &mut conversation)?;
    conversation::store(&mut ctx.tx, &conversation)?;
    // While a commit is under way, or no session is there, the wish stays.
    let Some(session) = free_session(ctx, &conversation)? else { return Ok(()) };
    let Some(changes) = difference(ctx, &conversation, &session)? else {
        intent::drop_intent(&ctx.tx, id, Intent::Reconcile);
        return Ok(());
    };
    if changes.missing.is_empty() && changes.dead.is_empty() {
        // Who may not come into this session may come into a new one, where everybody sees the new identity key.
        intent::drop_intent(&ctx.tx, id, Intent::Reconcile);
        let at = patience::again(ctx, id, Again::Open)?;
        return intent::want(ctx, id, Intent::Open, at);
    }
    if changes.missing.is_empty() {
        return change(ctx, session, &[], &changes.dead);
    }
    let users: BTreeSet<UserId> = changes.missing.into_iter().map(|(_, user)| user).collect();
    let request = Request::LookUp { users: users.into_iter().collect(), key_packages: true };
    request::make(ctx, Purpose::Add(id), request)
}

/// The directory's answer to a question of the host: who somebody is.
pub(crate) fn looked_up(ctx: &mut Ctx<'_>, users: &[DirectoryUser]) -> Result<()> {
    for entry in users {
        for device in &entry.devices {
            if let Ok(certificate) = open::proven(ctx, &device.certificate, &entry.user) {
                member::learn(ctx, &certificate)?;
            }
        }
    }
    Ok(())
}

/// Key packages for devices that are missing: they come, and dead ones go, in one commit.
pub(crate) fn add(ctx: &mut Ctx<'_>, id: ConversationId, users: &[DirectoryUser]) -> Result<()> {
    let Some(conversation) = conversation::load(&ctx.tx, id)? else { return Ok(()) };
    let Some(session) = free_session(ctx, &conversation)? else { return Ok(()) };
    let Some(changes) = difference(ctx, &conversation, &session)? else {
        intent::drop_intent(&ctx.tx, id, Intent::Reconcile);
        return Ok(());
    };
    let mut scratch = conversation.clone();
    let listed = open::take_listing(ctx, &mut scratch, users)?;
    let missing: BTreeSet<DeviceId> = changes.missing.iter().map(|(device, _)| *device).collect();
    let adds = open::key_packages(ctx, &listed)?.into_iter().filter(|add| missing.contains(&add.device));
    let adds: Vec<Add> = adds.collect();
    change(ctx, session, &adds, &changes.dead)
}

/// Commits a change of members. What the library refuses of a user's key packages keeps nobody else out: it is tried
/// without them, and again later.
pub(super) fn change(ctx: &mut Ctx<'_>, mut session: SessionRow, adds: &[Add], dead: &[u32]) -> Result<()> {
    let users: BTreeSet<&UserId> = adds.iter().map(|add| &add.user).collect();
    let without = users.iter().map(|user| adds.iter().filter(|add| add.user != **user).collect::<Vec<&Add>>());
    let attempts = [adds.iter().collect::<Vec<&Add>>()].into_iter().chain(without).chain([Vec::new()]);
    for adds in attempts.filter(|adds| !adds.is_empty() || !dead.is_empty()) {
        let mut noted = session.clone();
        patience::note_reconciled(ctx, &mut noted);
        let newcomers = adds.iter().map(|add| add.device).collect();
        let adds = adds.iter().map(|add| add.key_package.clone()).collect();
        let changes = Changes { adds, removes: dead.to_vec(), ..Changes::default() };
        match commit::propose(ctx, &mut noted, changes, newcomers) {
            Err(Error::Peer(_)) => {}
            done => return done,
        }
    }
    patience::note_reconciled(ctx, &mut session);
    row::store(&ctx.tx, &session)?;
    let at = ctx.now.plus(NO_PACKAGES);
    intent::postpone(ctx, session.conversation, Intent::Reconcile, at)
}

/// How a session's leaves differ from the devices that the directory lists.
struct Difference {
    missing: Vec<(DeviceId, UserId)>,
    dead: Vec<u32>,
}

/// How a session differs from what the directory lists; `None` when it does not. Empty when all that differs is a device
/// under an identity key that its user does not have in this session: no commit may add it.
fn difference(ctx: &mut Ctx<'_>, conversation: &ConversationRow, session: &SessionRow) -> Result<Option<Difference>> {
    let leaves = ctx.with_group(session.id, |group, _, _| group.members())?.unwrap_or_default();
    let held: BTreeSet<DeviceId> = leaves.iter().map(|l| DeviceId::of_key(&l.key)).collect();
    let listed: BTreeSet<DeviceId> = conversation.devices.iter().copied().collect();
    let mut dead: BTreeSet<u32> = replaced(ctx, &leaves, &listed)?.into_iter().collect();
    dead.extend(revoked(ctx, &leaves)?);
    let mut roster = Roster::default();
    for leaf in leaves.iter().filter(|leaf| !dead.contains(&leaf.index)) {
        roster.enter_device(&authorize::certificate_of(leaf)?);
    }
    let (mut missing, mut stranger) = (Vec::new(), false);
    for device in listed.difference(&held) {
        let Some(certificate) = member::newest(&ctx.tx, *device)? else { continue };
        if member::acceptable(ctx, &certificate).is_err() {
            continue;
        }
        if !roster.knows_identity(&certificate) {
            stranger = true;
        } else if roster.enter_device(&certificate) {
            missing.push((*device, certificate.user().clone()));
        }
    }
    let differs = stranger || !missing.is_empty() || !dead.is_empty();
    Ok(differs.then(|| Difference { missing, dead: dead.into_iter().collect() }))
}

/// Leaves that the directory does not list any more, of users of whom it lists another device: nobody is shut out
/// by a directory that has forgotten everything. A certificate that has run out suspends its device, and no more.
fn replaced(ctx: &Ctx<'_>, leaves: &[Leaf], listed: &BTreeSet<DeviceId>) -> Result<Vec<u32>> {
    let mut reachable = BTreeSet::new();
    for device in listed.iter().filter(|device| **device != ctx.account.id) {
        if let Some(certificate) = member::newest(&ctx.tx, *device)? {
            reachable.insert(certificate.user().clone());
        }
    }
    let mut dead = Vec::new();
    for leaf in leaves.iter().filter(|l| !listed.contains(&DeviceId::of_key(&l.key))) {
        let Ok(certificate) = authorize::certificate_of(leaf) else { continue };
        let suspended = member::counting(ctx, &certificate)?.valid_at(ctx.now).is_err();
        if !suspended && reachable.contains(certificate.user()) {
            dead.push(leaf.index);
        }
    }
    Ok(dead)
}

/// Whether this device is the first to act on a revocation: the lowest leaf that is not revoked itself.
pub(crate) fn acts_first(ctx: &mut Ctx<'_>, session: SessionId) -> Result<bool> {
    let found = ctx.with_group(session, |group, _, _| Ok((group.own_leaf(), group.members()?)))?;
    let Some((own, leaves)) = found.filter(|_| !own_revoked(ctx)) else { return Ok(false) };
    let revoked = revoked(ctx, &leaves)?;
    Ok(leaves.iter().map(|leaf| leaf.index).find(|index| !revoked.contains(index)) == Some(own))
}

/// Leaves of other devices that are revoked, judged by the newest certificate known of each, as for adding: a device
/// that has renewed in time keeps its place, although the certificate in its leaf may have been taken back. Never our
/// own: nobody removes itself.
fn revoked(ctx: &Ctx<'_>, leaves: &[Leaf]) -> Result<Vec<u32>> {
    let mut revoked = Vec::new();
    for leaf in leaves.iter().filter(|leaf| DeviceId::of_key(&leaf.key) != ctx.account.id) {
        // Leaves were proven when they came.
        let Ok(certificate) = authorize::certificate_of(leaf) else { continue };
        if member::is_revoked(ctx, &member::counting(ctx, &certificate)?) {
            revoked.push(leaf.index);
        }
    }
    Ok(revoked)
}
