//! Judges every commit and every welcome before it is merged or joined. MLS itself admits anybody.
//!
//! Two questions are never mixed. Whether a commit is *valid* is a pure function of its bytes and of the state before
//! it: no clock, no revocation list, no local file, so that all members decide alike and nobody forks. Whether a
//! member is *acceptable now* never blocks a merge; see [`crate::member`]. Only a welcome may be judged by local facts,
//! because joining concerns nobody else.

use std::collections::BTreeSet;

use super::facts::Facts;
use super::{Leaf, StagedCommit};
use crate::authority::{Certificate, ProvenStart};
use crate::error::PeerFault;
use crate::id::{ConversationId, DeviceId, UserId};
use crate::policy::{Action, Decision, Policy, Reason, Role};

/// A leaf whose certificate is proven and fits its key.
pub(crate) struct Proven {
    pub certificate: Certificate,
}

/// Proves a leaf: a certificate of a trusted authority, for exactly this signing key. No clock.
pub(crate) fn prove(certificate: &[u8], key: &[u8; 32], trusted: &[[u8; 32]]) -> Result<Proven, PeerFault> {
    let certificate = Certificate::decode(certificate)?;
    certificate.verify(trusted)?;
    if certificate.device_key() != key {
        return Err(PeerFault::Certificate);
    }
    Ok(Proven { certificate })
}

/// Proves all leaves of a session; each device once, each of a member.
pub(crate) fn prove_all(leaves: &[Leaf], facts: &Facts, trusted: &[[u8; 32]]) -> Result<Vec<Proven>, PeerFault> {
    let mut devices = BTreeSet::new();
    leaves
        .iter()
        .map(|leaf| {
            let proven = prove(&leaf.certificate, &leaf.key, trusted)?;
            let known = facts.members.binary_search(proven.certificate.user()).is_ok();
            if known && devices.insert(proven.certificate.device()) { Ok(proven) } else { Err(PeerFault::Commit) }
        })
        .collect()
}

/// Whether a commit is valid. Pure: its bytes and the state before it decide.
pub(crate) fn commit(
    staged: &StagedCommit,
    before: &[Leaf],
    facts: &Facts,
    trusted: &[[u8; 32]],
) -> Result<Vec<Proven>, PeerFault> {
    if staged.foreign {
        return Err(PeerFault::Commit);
    }
    let sender = prove(&staged.sender.certificate, &staged.sender.key, trusted)?;
    path(staged, &sender, trusted)?;
    if let Some(changed) = &staged.facts {
        changed_facts(&Facts::decode(changed)?, facts)?;
    }
    let mut devices: BTreeSet<DeviceId> = before.iter().map(|leaf| DeviceId::of_key(&leaf.key)).collect();
    for leaf in &staged.removes {
        devices.remove(&DeviceId::of_key(&leaf.key));
    }
    staged
        .adds
        .iter()
        .map(|leaf| {
            let proven = prove(&leaf.certificate, &leaf.key, trusted)?;
            let known = facts.members.binary_search(proven.certificate.user()).is_ok();
            if known && devices.insert(proven.certificate.device()) { Ok(proven) } else { Err(PeerFault::Commit) }
        })
        .collect()
}

/// A committer renews its own leaf, and only that: the same user and the same device.
fn path(staged: &StagedCommit, sender: &Proven, trusted: &[[u8; 32]]) -> Result<(), PeerFault> {
    let Some(leaf) = &staged.path else { return Err(PeerFault::Commit) };
    let renewed = prove(&leaf.certificate, &leaf.key, trusted)?;
    let same_user = renewed.certificate.user() == sender.certificate.user();
    let same_identity = renewed.certificate.identity_key() == sender.certificate.identity_key();
    let same_device = renewed.certificate.device() == sender.certificate.device();
    if same_user && same_identity && same_device { Ok(()) } else { Err(PeerFault::Commit) }
}

/// In a direct conversation only the auto-delete period may change.
fn changed_facts(changed: &Facts, before: &Facts) -> Result<(), PeerFault> {
    let allowed = Facts { period: changed.period, ..before.clone() };
    if *changed == allowed { Ok(()) } else { Err(PeerFault::Commit) }
}

/// Why a welcome is not accepted.
pub(crate) enum JoinFault {
    /// It is not what it should be.
    Peer(PeerFault),
    /// The rules forbid it.
    Denied(UserId, Reason),
}

impl From<PeerFault> for JoinFault {
    fn from(fault: PeerFault) -> JoinFault {
        JoinFault::Peer(fault)
    }
}

/// Who takes this device into a session, and what the session is.
pub(crate) struct Invitation<'a> {
    pub facts: &'a Facts,
    pub sender: &'a Certificate,
    pub me: &'a UserId,
    pub authority: &'a [u8; 32],
    pub trusted: &'a [[u8; 32]],
    pub policy: &'a Policy,
    /// The role of a user by the newest certificate known.
    pub role_of: &'a dyn Fn(&UserId) -> Option<Role>,
}

/// Whether the sender of a welcome may take this device into a direct conversation: as its start, or as a
/// continuation of one that somebody was allowed to start.
pub(crate) fn invitation(invitation: &Invitation<'_>) -> Result<(), JoinFault> {
    let facts = invitation.facts;
    let [one, other] = facts.members.as_slice() else { return Err(PeerFault::Malformed("conversation facts").into()) };
    let is_member = one == invitation.me || other == invitation.me;
    let named = ConversationId::direct(invitation.authority, one, other) == facts.conversation;
    if !is_member || !named || facts.members.binary_search(invitation.sender.user()).is_err() {
        return Err(PeerFault::Forbidden.into());
    }
    let sender = invitation.sender;
    if facts.token.is_empty() {
        let target = if sender.user() == one { other } else { one };
        return decide(invitation, sender.user(), sender.role(), target);
    }
    let start = ProvenStart::verify(&facts.token, invitation.trusted)?;
    let started = start.started();
    let named = ConversationId::direct(start.certificate().authority(), &started.initiator, &started.responder);
    if named != facts.conversation || started.initiator != facts.initiator {
        return Err(PeerFault::Forged.into());
    }
    // What counts is the role that the initiator has now; while no device of theirs is known, the one they had then.
    let role = (invitation.role_of)(&started.initiator).unwrap_or_else(|| start.certificate().role().clone());
    decide(invitation, &started.initiator, &role, &started.responder)
}

fn decide(invitation: &Invitation<'_>, actor: &UserId, actor_role: &Role, target: &UserId) -> Result<(), JoinFault> {
    let Some(target_role) = (invitation.role_of)(target) else { return Err(PeerFault::Certificate.into()) };
    match invitation.policy.decide(actor_role, Action::Start, &target_role) {
        Decision::Allow => Ok(()),
        Decision::Deny(reason) => Err(JoinFault::Denied(actor.clone(), reason)),
    }
}
