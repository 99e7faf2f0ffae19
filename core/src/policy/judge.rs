//! Who may bring together whom.
//!
//! A welcome or a commit with an add puts people into one room who were not in it before. Every such *pair* is
//! judged by itself (R9), so that an existing conversation is no detour.

use std::collections::BTreeSet;

use super::{Action, Decision, Policy, Role};
use crate::id::UserId;

/// A user with the role that a verified certificate proves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member<'a> {
    /// Who.
    pub user: &'a UserId,
    /// As what.
    pub role: &'a Role,
}

/// Who started with whom, as a verified start token proves: see [`ProvenStart`](crate::authority::ProvenStart).
///
/// It says nothing of roles: what counts is the role that the initiator holds *now*. A client who has become an escort
/// is no longer one who may have started.
#[derive(Clone, PartialEq, Eq)]
pub struct Started {
    /// Who started.
    pub initiator: UserId,
    /// With whom.
    pub responder: UserId,
}

/// A pair that is newly brought together, and what the rules say to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Link<'a> {
    /// Who comes in.
    pub newcomer: Member<'a>,
    /// Who is there already, or comes in at the same time.
    pub existing: Member<'a>,
    /// Whether the two may be brought together.
    pub decision: Decision,
}

crate::redact::redacted_debug!(Started);

impl core::fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Member({})", self.role)
    }
}

impl core::fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Link({:?}, {:?}, {:?})", self.newcomer, self.existing, self.decision)
    }
}

/// Judges one newly linked pair by roles: `actor` brings `newcomer` together with `existing`, who may be the actor.
///
/// The pair is allowed if either
///
/// - **it was rightly started**: a start token proves that one of the two started with the other, and the policy lets
///   the one start with the other still. This is how an escort adds a client's new phone, how a broken session is
///   replaced, and how one who lost everything is taken back (R43); or
/// - **the actor starts it now**: the policy lets the actor start with the newcomer, and lets newcomer and existing
///   member be in a conversation at all, that is, one of these two may start with the other.
///
/// In the second case the policy need not let the actor start with the existing member: these two are together
/// already, and their pair was judged when it came about. So the preset allows that an escort calls support into its
/// conversation with a client, and that support brings client and escort together; it does not allow that an escort
/// adds a client anywhere, nor that anybody puts two clients into one room.
///
/// `started_by` is the present role of the one of the two whom a **verified** start token for exactly these two users
/// names as its initiator; `None` without such a token. A role that is neither the newcomer's nor the existing
/// member's proves nothing.
///
/// The reason of a denial names the actor and the newcomer when the actor may not start with the newcomer, else the
/// newcomer and the existing member.
pub fn judge_link(
    policy: &Policy,
    actor: &Role,
    started_by: Option<&Role>,
    newcomer: &Role,
    existing: &Role,
) -> Decision {
    if let Some(initiator) = started_by
        && rightly_started(policy, initiator, newcomer, existing)
    {
        return Decision::Allow;
    }
    match policy.decide(actor, Action::Start, newcomer) {
        Decision::Allow => policy.decide(newcomer, Action::Continue, existing),
        denied @ Decision::Deny(_) => denied,
    }
}

/// Judges every pair that is newly brought together when `actor` adds `added` to `existing`.
///
/// `existing` are the users in the session before, and for a new session the actor alone; `added` are the users of
/// the leaves that come in. A user may be in either list several times, once for each device: another device of a
/// user brings no new pair together, unless it comes in another role. `started` is the conversation's verified start
/// token; it speaks only for the two users that it names. All users and roles, the actor's as well, must come from
/// verified certificates.
///
/// The welcome or commit is allowed when every link is; an empty list means that nobody new comes in.
///
/// ```
/// use undertone::id::UserId;
/// use undertone::policy::{Member, Policy, Role, Started, judge_links};
///
/// let policy = Policy::companion();
/// let [client, escort] = ["client", "escort"].map(|name| Role::new(name).expect("a plain name"));
/// let [ann, bea] = ["ann", "bea"].map(|name| UserId::new(name).expect("a short id"));
/// let ann_is_client = Member { user: &ann, role: &client };
/// let bea_is_escort = Member { user: &bea, role: &escort };
///
/// // An escort may not begin with a client …
/// let links = judge_links(&policy, &bea_is_escort, None, &[bea_is_escort], &[ann_is_client]);
/// assert!(links.iter().any(|link| !link.decision.is_allowed()));
///
/// // … but may take her back into what she began herself.
/// let token = Started { initiator: ann.clone(), responder: bea.clone() };
/// let links = judge_links(&policy, &bea_is_escort, Some(&token), &[bea_is_escort], &[ann_is_client]);
/// assert!(links.iter().all(|link| link.decision.is_allowed()));
/// ```
pub fn judge_links<'a>(
    policy: &Policy,
    actor: &Member<'a>,
    started: Option<&Started>,
    existing: &[Member<'a>],
    added: &[Member<'a>],
) -> Vec<Link<'a>> {
    let mut room: BTreeSet<Member<'a>> = existing.iter().copied().collect();
    let mut links = Vec::new();
    for &newcomer in added {
        if room.contains(&newcomer) {
            continue;
        }
        for &member in room.iter().filter(|member| member.user != newcomer.user) {
            let initiator = started.and_then(|token| token.initiator_of(newcomer, member)).map(|one| one.role);
            let decision = judge_link(policy, actor.role, initiator, newcomer.role, member.role);
            links.push(Link { newcomer, existing: member, decision });
        }
        room.insert(newcomer);
    }
    links
}

impl Started {
    /// Which of these two started with the other; `None` when this is about others.
    fn initiator_of<'a>(&self, one: Member<'a>, other: Member<'a>) -> Option<Member<'a>> {
        if &self.initiator == one.user && &self.responder == other.user {
            Some(one)
        } else if &self.initiator == other.user && &self.responder == one.user {
            Some(other)
        } else {
            None
        }
    }
}

/// Whether the policy lets `initiator`, which is one of the two, start with the other.
fn rightly_started(policy: &Policy, initiator: &Role, one: &Role, other: &Role) -> bool {
    let starts = |from: &Role, to: &Role| initiator == from && policy.decide(from, Action::Start, to).is_allowed();
    starts(one, other) || starts(other, one)
}
