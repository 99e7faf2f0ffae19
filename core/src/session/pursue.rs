//! Pursues the wishes of a conversation, one commit at a time.

use std::collections::BTreeSet;

use super::open;
use super::row::{self, Phase, SessionRow};
use super::{Changes, Leaf, commit};
use crate::authority::Certificate;
use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::{ConversationId, DeviceId, SessionId, UserId};
use crate::input::DirectoryUser;
use crate::intent::{self, Intent};
use crate::limits;
use crate::member;
use crate::output::Request;
use crate::request::{self, Purpose};
use crate::time::{HOUR, Time};

/// How long to wait for key packages that the directory does not have.
const NO_PACKAGES: u64 = limits::INTENT_WAIT;
/// Changes of members that are made without a pause.
const RECONCILE_FREELY: u32 = 3;
/// How long earlier changes of members make the next one wait.
const RECONCILE_MEMORY: u64 = HOUR;

/// Fulfils what is due, and says when to look again: [`Time::NEVER`] after an answer, `None` for no wish at all.
pub(crate) fn pursue(ctx: &mut Ctx<'_>, conversation: &mut ConversationRow) -> Result<Option<Time>> {
    renew_in_time(ctx, conversation)?;
    remove_revoked(ctx, conversation)?;
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
    let Some(id) = conversation.session else { return Ok(None) };
    match row::load(&ctx.tx, id)? {
        Some(session) if session.phase == Phase::Live && conversation.reached => {}
        _ => return Ok(None),
    }
    Ok(if holds_revoked(ctx, id)? { None } else { Some(id) })
}

/// A device that is known to be revoked must not read what is sent from now on.
fn holds_revoked(ctx: &mut Ctx<'_>, session: SessionId) -> Result<bool> {
    if ctx.memory.revoked.is_empty() {
        return Ok(false);
    }
    let leaves = ctx.with_group(session, |group, _, _| group.members())?.unwrap_or_default();
    Ok(!revoked(ctx, &leaves)?.is_empty())
}

/// Wants revoked devices out of the session in use, before anything is pursued.
fn remove_revoked(ctx: &mut Ctx<'_>, conversation: &ConversationRow) -> Result<()> {
    match conversation.session {
        Some(id) if holds_revoked(ctx, id)? => intent::want(ctx, conversation.id, Intent::Reconcile, ctx.now),
        _ => Ok(()),
    }
}

/// Wants a fresh leaf key when the old one has served long enough (RFC 9420, section 16.6).
fn renew_in_time(ctx: &mut Ctx<'_>, conversation: &ConversationRow) -> Result<()> {
    let Some(id) = conversation.session else { return Ok(()) };
    let Some(session) = row::load(&ctx.tx, id)? else { return Ok(()) };
    let worn = conversation.next.saturating_sub(session.updated_next) >= ctx.config.update_after_messages;
    if worn || ctx.now.since(session.updated_at) >= ctx.config.update_after {
        intent::want(ctx, conversation.id, Intent::Update, ctx.now)?;
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
                let certificate = Some(ctx.account.certificate()?.as_bytes().to_vec());
                commit::propose(ctx, &mut session, Changes { certificate, ..Changes::default() }, Vec::new())?;
            }
            Ok(None)
        }
    }
}

/// When this device may change a session's members again. Two that disagree on who belongs, each sure of itself, would
/// else answer each other's commits for ever.
fn may_reconcile_at(session: &SessionRow) -> Time {
    let (times, last) = session.reconciled;
    let wait = limits::RECONCILE_AFTER.saturating_mul(1 << times.min(16)).min(limits::INTENT_WAIT);
    if times < RECONCILE_FREELY { Time::ZERO } else { last.plus(wait) }
}

/// Notes that this device is about to change a session's members.
fn note_reconciled(ctx: &Ctx<'_>, session: &mut SessionRow) {
    let (times, last) = session.reconciled;
    let times = if ctx.now.since(last) > RECONCILE_MEMORY { 0 } else { times };
    session.reconciled = (times.saturating_add(1), ctx.now);
}

/// The session in use, if no commit of ours is under way in it.
fn free_session(ctx: &Ctx<'_>, conversation: &ConversationRow) -> Result<Option<SessionRow>> {
    let Some(id) = conversation.session else { return Ok(None) };
    Ok(row::load(&ctx.tx, id)?.filter(|s| s.phase == Phase::Live && s.pending.is_none()))
}

/// Removes revoked leaves at once; else asks the directory whether the leaves are the devices, or says when it may.
fn reconcile(ctx: &mut Ctx<'_>, conversation: &ConversationRow, mut session: SessionRow) -> Result<Option<Time>> {
    let leaves = ctx.with_group(session.id, |group, _, _| group.members())?.unwrap_or_default();
    let removes = revoked(ctx, &leaves)?;
    if removes.is_empty() {
        let at = may_reconcile_at(&session);
        if at > ctx.now && at.since(ctx.now) <= limits::INTENT_WAIT {
            return Ok(Some(at));
        }
        look_up(ctx, conversation, Purpose::Compare(conversation.id), false)?;
    } else {
        commit::propose(ctx, &mut session, Changes { removes, ..Changes::default() }, Vec::new())?;
    }
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
    if changes.missing.is_empty() {
        let mut session = session;
        note_reconciled(ctx, &mut session);
        return commit::propose(ctx, &mut session, Changes { removes: changes.dead, ..Changes::default() }, Vec::new());
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
    let Some(mut session) = free_session(ctx, &conversation)? else { return Ok(()) };
    let Some(changes) = difference(ctx, &conversation, &session)? else {
        intent::drop_intent(&ctx.tx, id, Intent::Reconcile);
        return Ok(());
    };
    let mut scratch = conversation.clone();
    let listed = open::take_listing(ctx, &mut scratch, users)?;
    let missing: BTreeSet<DeviceId> = changes.missing.iter().map(|(device, _)| *device).collect();
    let adds = open::key_packages(ctx, &listed).into_iter().filter(|add| missing.contains(&add.device));
    let adds: Vec<(DeviceId, Vec<u8>)> = adds.map(|add| (add.device, add.key_package)).collect();
    if adds.is_empty() && changes.dead.is_empty() {
        let at = ctx.now.plus(NO_PACKAGES);
        return intent::postpone(ctx, id, Intent::Reconcile, at);
    }
    note_reconciled(ctx, &mut session);
    let (newcomers, adds) = adds.into_iter().unzip();
    commit::propose(ctx, &mut session, Changes { adds, removes: changes.dead, ..Changes::default() }, newcomers)
}

/// How a session's leaves differ from the devices that the directory lists.
struct Difference {
    missing: Vec<(DeviceId, UserId)>,
    dead: Vec<u32>,
}

/// How a session differs from what the directory lists; `None` when it does not.
fn difference(ctx: &mut Ctx<'_>, conversation: &ConversationRow, session: &SessionRow) -> Result<Option<Difference>> {
    let leaves = ctx.with_group(session.id, |group, _, _| group.members())?.unwrap_or_default();
    let held: BTreeSet<DeviceId> = leaves.iter().map(|l| DeviceId::of_key(&l.key)).collect();
    let listed: BTreeSet<DeviceId> = conversation.devices.iter().copied().collect();
    let mut missing = Vec::new();
    for device in listed.difference(&held) {
        if let Some(certificate) = member::newest(&ctx.tx, *device)? {
            missing.push((*device, certificate.user().clone()));
        }
    }
    let dead = replaced(ctx, &leaves, &listed)?;
    if missing.is_empty() && dead.is_empty() { Ok(None) } else { Ok(Some(Difference { missing, dead })) }
}

/// Leaves that the directory does not list any more, of users of whom it lists another device: nobody is shut out
/// by a directory that has forgotten everything.
fn replaced(ctx: &Ctx<'_>, leaves: &[Leaf], listed: &BTreeSet<DeviceId>) -> Result<Vec<u32>> {
    let mut reachable = BTreeSet::from([ctx.account.user.clone()]);
    for device in listed {
        if let Some(certificate) = member::newest(&ctx.tx, *device)? {
            reachable.insert(certificate.user().clone());
        }
    }
    let mut dead = Vec::new();
    for leaf in leaves.iter().filter(|l| !listed.contains(&DeviceId::of_key(&l.key))) {
        let Ok(certificate) = Certificate::decode(&leaf.certificate) else { continue };
        if reachable.contains(certificate.user()) {
            dead.push(leaf.index);
        }
    }
    Ok(dead)
}

/// Whether this device is the first to act on a revocation: the lowest leaf that is not revoked itself.
pub(crate) fn acts_first(ctx: &mut Ctx<'_>, session: SessionId) -> Result<bool> {
    let found = ctx.with_group(session, |group, _, _| Ok((group.own_leaf(), group.members()?)))?;
    let Some((own, leaves)) = found else { return Ok(false) };
    let revoked = revoked(ctx, &leaves)?;
    Ok(leaves.iter().map(|leaf| leaf.index).find(|index| !revoked.contains(index)) == Some(own))
}

/// Leaves whose certificate was revoked.
fn revoked(ctx: &Ctx<'_>, leaves: &[Leaf]) -> Result<Vec<u32>> {
    let mut revoked = Vec::new();
    for leaf in leaves {
        // Leaves were proven when they came.
        let Ok(certificate) = Certificate::decode(&leaf.certificate) else { continue };
        if member::is_revoked(ctx, &certificate) || member::is_revoked(ctx, &member::counting(ctx, &certificate)?) {
            revoked.push(leaf.index);
        }
    }
    Ok(revoked)
}
