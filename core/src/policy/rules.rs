//! The rules, and the one function that reads them.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::action::Right;
use super::reason::Named;
use super::{Action, AttachmentKind, CallKind, Decision, PolicyError, Reason, Role, parse};
use crate::id::Hash32;

/// The rules of a platform: which roles there are, and which may do what towards which.
///
/// Pure data; [`Policy::decide`] is a pure function of it. It allows what a rule names and denies everything else.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy {
    roles: Vec<RoleRules>,
    index: BTreeMap<Role, usize>,
    start: BTreeSet<Pair>,
    reply: BTreeSet<Pair>,
    id: Hash32,
}

/// Positions of an actor's and a target's role in the policy's order.
pub(super) type Pair = (usize, usize);

/// What holds of one role by itself.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct RoleRules {
    pub(super) role: Role,
    pub(super) singular: String,
    pub(super) plural: String,
    pub(super) rank: u32,
    pub(super) attachments: BTreeSet<AttachmentKind>,
    pub(super) calls: BTreeSet<CallKind>,
    pub(super) rights: BTreeSet<Right>,
}

/// Who may write to whom, beside those who may start with them.
pub(super) enum Replies {
    /// Whoever may be in a conversation together.
    Members,
    /// These.
    Pairs(BTreeSet<Pair>),
}

impl Policy {
    /// The built-in preset: a companion platform with the roles `client`, `escort` and `support`.
    ///
    /// ```
    /// use undertone::policy::{Action, Policy, Role};
    ///
    /// let policy = Policy::companion();
    /// let [client, escort] = ["client", "escort"].map(|name| Role::new(name).expect("a plain name"));
    /// assert!(policy.decide(&client, Action::Start, &escort).is_allowed());
    /// assert!(policy.decide(&escort, Action::Reply, &client).is_allowed());
    ///
    /// let no = policy.decide(&escort, Action::Start, &client);
    /// let reason = no.reason().expect("denied");
    /// assert_eq!(reason.to_string(), "escorts cannot start a conversation with a client");
    /// assert_eq!(reason.code(), "denied.start");
    /// ```
    pub fn companion() -> Policy {
        // The text is part of the program and a test reads it. Were it bad all the same, nothing would be allowed.
        Policy::from_toml(COMPANION).unwrap_or_else(|_| Policy::new(Vec::new(), BTreeSet::new(), Replies::Members))
    }

    /// The text of [`Policy::companion`], as a pattern for a platform's own rules.
    pub const COMPANION_TOML: &str = COMPANION;

    /// Reads rules from TOML 1.0; the format is in `docs/policy.md`, [`Policy::COMPANION_TOML`] is an example.
    ///
    /// # Errors
    /// [`PolicyError`] with the line, the column and the reason.
    pub fn from_toml(text: &str) -> Result<Policy, PolicyError> {
        parse::policy(text)
    }

    /// Reads rules from the bytes of a file.
    ///
    /// # Errors
    /// [`PolicyError`] with the line, the column and the reason; also when the bytes are not UTF-8.
    pub fn from_toml_bytes(bytes: &[u8]) -> Result<Policy, PolicyError> {
        parse::policy_bytes(bytes)
    }

    /// Whether someone of role `actor` may do `action` towards someone of role `target`.
    ///
    /// - `Start`: a start rule names the pair.
    /// - `Continue`: one of the two may start with the other.
    /// - `Reply`: the reply rule names the pair, or the actor may start with the target.
    /// - `Attach`, `Call`: the actor may write to the target, and the actor's role has the kind.
    /// - `RemoveMember`, `DeleteOthers`: the actor's role has the right, and the target does not rank higher.
    pub fn decide(&self, actor: &Role, action: Action, target: &Role) -> Decision {
        let Some(&from) = self.index.get(actor) else {
            return Decision::Deny(Reason::unknown_role(actor, action, target, actor));
        };
        let Some(&to) = self.index.get(target) else {
            return Decision::Deny(Reason::unknown_role(actor, action, target, target));
        };
        let (doer, other) = (&self.roles[from], &self.roles[to]);
        let allowed = match action {
            Action::Start => self.start.contains(&(from, to)),
            Action::Continue => self.linked(from, to),
            Action::Reply => self.reply.contains(&(from, to)),
            Action::Attach(kind) => self.reply.contains(&(from, to)) && doer.attachments.contains(&kind),
            Action::Call(kind) => self.reply.contains(&(from, to)) && doer.calls.contains(&kind),
            Action::RemoveMember => return doer.over(Right::RemoveMember, action, other),
            Action::DeleteOthers => return doer.over(Right::DeleteOthers, action, other),
        };
        if allowed { Decision::Allow } else { Decision::Deny(Reason::no_rule(doer.named(), action, other.named())) }
    }

    /// The type of a conversation of people with these roles: for two, both names in the policy's order, joined by
    /// `_`, like `client_escort`; for any other number `group`. Roles that the policy does not have come last.
    pub fn conversation_type(&self, roles: &[Role]) -> String {
        let [one, other] = roles else { return "group".to_owned() };
        let [one, other] = [one, other].map(|role| (self.index.get(role).copied().unwrap_or(usize::MAX), role));
        format!("{}_{}", one.min(other).1, one.max(other).1)
    }

    /// Whether the policy has this role.
    pub fn has_role(&self, role: &Role) -> bool {
        self.index.contains_key(role)
    }

    /// All roles, in the policy's order.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &Role> {
        self.roles.iter().map(|rules| &rules.role)
    }

    /// Names the rules: SHA-256 over what they mean. Two texts with the same roles in the same order, the same start and
    /// reply rules, the same kinds, rights and order of ranks have the same id, however they are written. How roles are
    /// called in sentences does not count: a translation is no other policy.
    pub const fn id(&self) -> Hash32 {
        self.id
    }

    /// From rules that the parser has checked: every pair lies within `roles`, no role is there twice.
    pub(super) fn new(roles: Vec<RoleRules>, start: BTreeSet<Pair>, replies: Replies) -> Policy {
        let both_ways = || start.iter().flat_map(|&(from, to)| [(from, to), (to, from)]);
        let reply = match replies {
            Replies::Members => both_ways().collect(),
            Replies::Pairs(pairs) => start.union(&pairs).copied().collect(),
        };
        let index = roles.iter().enumerate().map(|(at, rules)| (rules.role.clone(), at)).collect();
        let id = fingerprint(&roles, &start, &reply);
        Policy { roles, index, start, reply, id }
    }

    fn linked(&self, one: usize, other: usize) -> bool {
        self.start.contains(&(one, other)) || self.start.contains(&(other, one))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({:?})", self.id)
    }
}

const COMPANION: &str = include_str!("companion.toml");

impl RoleRules {
    /// Decides on a right over `other`.
    fn over(&self, right: Right, action: Action, other: &RoleRules) -> Decision {
        if !self.rights.contains(&right) {
            Decision::Deny(Reason::no_rule(self.named(), action, other.named()))
        } else if other.rank > self.rank {
            Decision::Deny(Reason::rank(self.named(), action, other.named()))
        } else {
            Decision::Allow
        }
    }

    fn named(&self) -> Named<'_> {
        Named { role: &self.role, singular: &self.singular, plural: &self.plural }
    }
}

/// SHA-256 over a canonical encoding: every list sorted and counted, every string behind its length. Kinds and rights
/// count by name, so that a version with more of them gives the same id; ranks count by their order only.
fn fingerprint(roles: &[RoleRules], start: &BTreeSet<Pair>, reply: &BTreeSet<Pair>) -> Hash32 {
    let ranks: BTreeSet<u32> = roles.iter().map(|rules| rules.rank).collect();
    let mut hash = Canonical(Sha256::new());
    hash.0.update(b"undertone policy v1");
    hash.number(roles.len());
    for rules in roles {
        hash.text(rules.role.as_str());
        hash.number(ranks.range(..rules.rank).count());
        hash.names(rules.attachments.iter().map(|kind| kind.name()));
        hash.names(rules.calls.iter().map(|kind| kind.name()));
        hash.names(rules.rights.iter().map(|right| right.name()));
    }
    for pairs in [start, reply] {
        hash.number(pairs.len());
        for &(from, to) in pairs {
            hash.number(from);
            hash.number(to);
        }
    }
    Hash32::from_bytes(hash.0.finalize().into())
}

struct Canonical(Sha256);

impl Canonical {
    fn number(&mut self, number: usize) {
        self.0.update((number as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.update(text.as_bytes());
    }

    fn names<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let sorted: BTreeSet<&str> = names.collect();
        self.number(sorted.len());
        sorted.into_iter().for_each(|name| self.text(name));
    }
}
