//! Judges every commit and every welcome before it is merged or joined. MLS itself admits anybody.
//!
//! Two questions are never mixed. Whether a commit is *valid* is a pure function of its bytes and of the state before
//! it: no clock, no revocation list, no local file, so that all members decide alike and nobody forks. Whether a
//! member is *acceptable now* never blocks a merge; see [`crate::member`]. Only a welcome may be judged by local facts,
//! because joining concerns nobody else.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::{Leaf, StagedCommit};
use crate::authority::{Certificate, ProvenStart};
use crate::error::PeerFault;
use crate::id::{ConversationId, DeviceId, UserId};
use crate::limits;
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

/// Proves all leaves of a session; each device once, each of a member, of no user too many.
pub(crate) fn prove_all(leaves: &[Leaf], facts: &Facts, trusted: &[[u8; 32]]) -> Result<Vec<Proven>, PeerFault> {
    // Signatures are dear: more leaves than there may be are not looked at.
    if leaves.len() > facts.members.len() * limits::DEVICES {
        return Err(PeerFault::TooLarge("session"));
    }
    let mut roster = Roster::default();
    leaves
        .iter()
        .map(|leaf| {
            let proven = prove(&leaf.certificate, &leaf.key, trusted)?;
            if roster.enter(&proven.certificate, facts) { Ok(proven) } else { Err(PeerFault::Commit) }
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
    let mut roster = Roster::default();
    for leaf in before.iter().filter(|leaf| !staged.removes.contains(leaf)) {
        roster.enter(&certificate_of(leaf)?, facts);
    }
    staged
        .adds
        .iter()
        .map(|leaf| {
            let proven = prove(&leaf.certificate, &leaf.key, trusted)?;
            let fits = roster.knows_identity(&proven.certificate) && roster.enter(&proven.certificate, facts);
            if fits { Ok(proven) } else { Err(PeerFault::Commit) }
        })
        .collect()
}

/// The certificate of a leaf that was proven when it came.
pub(crate) fn certificate_of(leaf: &Leaf) -> Result<Certificate, PeerFault> {
    Certificate::decode(&leaf.certificate)
}

/// Who is in a session: what it may hold, and who may be added to it.
#[derive(Default)]
pub(crate) struct Roster {
    devices: BTreeSet<DeviceId>,
    users: BTreeMap<UserId, Vec<[u8; 32]>>,
}

impl Roster {
    /// Enters a device; `false` when it is there already, of no member, or of a user who has too many.
    pub(crate) fn enter(&mut self, certificate: &Certificate, facts: &Facts) -> bool {
        facts.members.binary_search(certificate.user()).is_ok() && self.enter_device(certificate)
    }

    /// The same for a device that is known to be a member's.
    pub(crate) fn enter_device(&mut self, certificate: &Certificate) -> bool {
        let identities = self.users.entry(certificate.user().clone()).or_default();
        let fits = identities.len() < limits::DEVICES && self.devices.insert(certificate.device());
        if fits {
            identities.push(*certificate.identity_key());
        }
        fits
    }

    /// Whether a newcomer is signed for by the identity key that its user has here. Who has stolen the authority's key
    /// cannot put a device beside those of a user; who has lost the identity key comes back when the old devices are
    /// gone, or in a new session, which is seen.
    pub(crate) fn knows_identity(&self, newcomer: &Certificate) -> bool {
        self.users.get(newcomer.user()).is_none_or(|keys| keys.is_empty() || keys.contains(newcomer.identity_key()))
    }
}

/// A committer renews its own leaf, and only that: the same user and the same device, under no older certificate.
fn path(staged: &StagedCommit, sender: &Proven, trusted: &[[u8; 32]]) -> Result<(), PeerFault> {
    let Some(leaf) = &staged.path else { return Err(PeerFault::Commit) };
    let renewed = prove(&leaf.certificate, &leaf.key, trusted)?;
    let same_user = renewed.certificate.user() == sender.certificate.user();
    let same_identity = renewed.certificate.identity_key() == sender.certificate.identity_key();
    let same_device = renewed.certificate.device() == sender.certificate.device();
    let newer = renewed.certificate.serial() >= sender.certificate.serial();
    if same_user && same_identity && same_device && newer { Ok(()) } else { Err(PeerFault::Commit) }
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
    /// Whether a certificate is known to be revoked.
    pub is_revoked: &'a dyn Fn(&Certificate) -> bool,
}

/// Whether the sender of a welcome may take this device into a direct conversation: as its start, or as a
/// continuation of one that somebody was allowed to start.
pub(crate) fn invitation(invitation: &Invitation<'_>) -> Result<(), JoinFault> {
    let facts = invitation.facts;
    let [one, other] = facts.members.as_slice() else { return Err(PeerFault::Malformed("conversation facts").into()) };
    if !facts.admins.is_empty() || !facts.name.is_empty() {
        return Err(PeerFault::Malformed("conversation facts").into());
    }
    let is_member = one == invitation.me || other == invitation.me;
    let named = ConversationId::direct(invitation.authority, one, other) == facts.conversation;
    if !is_member || !named || facts.members.binary_search(invitation.sender.user()).is_err() {
        return Err(PeerFault::Forbidden.into());
    }
    // Every session of a direct conversation carries its start token; who started is never taken on trust.
    let start = ProvenStart::verify(&facts.token, invitation.trusted)?;
    let started = start.started();
    let named = ConversationId::direct(start.certificate().authority(), &started.initiator, &started.responder);
    if named != facts.conversation || started.initiator != facts.initiator {
        return Err(PeerFault::Forged.into());
    }
    let role = match (invitation.role_of)(&started.initiator) {
        // What counts is the role that the initiator has now. The device that signed may be lost and revoked since.
        Some(role) => role,
        // While no device of theirs is known, it is the role that they had then, unless nobody vouches for it any more.
        None if (invitation.is_revoked)(start.certificate()) => return Err(PeerFault::Revoked.into()),
        None => start.certificate().role().clone(),
    };
    decide(invitation, &started.initiator, &role, &started.responder)
}

fn decide(invitation: &Invitation<'_>, actor: &UserId, actor_role: &Role, target: &UserId) -> Result<(), JoinFault> {
    let Some(target_role) = (invitation.role_of)(target) else { return Err(PeerFault::Certificate.into()) };
    match invitation.policy.decide(actor_role, Action::Start, &target_role) {
        Decision::Allow => Ok(()),
        Decision::Deny(reason) => Err(JoinFault::Denied(actor.clone(), reason)),
    }
}

#[cfg(test)]
mod tests;
