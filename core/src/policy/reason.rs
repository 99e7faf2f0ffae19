//! Yes, or no and why.

use core::fmt;

use super::{Action, CallKind, Role};

/// What the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a decision that nobody looks at protects nobody"]
pub enum Decision {
    /// It may be done.
    Allow,
    /// It may not be done: this is why.
    Deny(Reason),
}

impl Decision {
    /// Whether it may be done.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Decision::Allow)
    }

    /// The reason of a denial.
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Decision::Allow => None,
            Decision::Deny(reason) => Some(reason),
        }
    }

    /// As a result, for `?`.
    ///
    /// # Errors
    /// The reason of a denial.
    pub fn into_result(self) -> Result<(), Reason> {
        match self {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => Err(reason),
        }
    }
}

/// Why something is denied, in a form that a button can show.
///
/// `Display` gives an English sentence without capital and full stop, made with the policy's own names for its
/// roles: “escorts cannot start a conversation with a client”. A host that speaks another language makes its own
/// from [`Reason::code`], [`Reason::actor`], [`Reason::action`] and [`Reason::target`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    code: &'static str,
    actor: Role,
    action: Action,
    target: Role,
    sentence: String,
}

impl Reason {
    /// A stable name: `denied.start`, `denied.continue`, `denied.reply`, `denied.attach`, `denied.call`,
    /// `denied.remove_member`, `denied.delete_others`; `denied.rank` for a right that does not reach so high;
    /// `denied.unknown_role` for a role that the policy does not have.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The role that wanted to do it.
    pub const fn actor(&self) -> &Role {
        &self.actor
    }

    /// What it wanted to do.
    pub const fn action(&self) -> Action {
        self.action
    }

    /// The role towards which it wanted to do it.
    pub const fn target(&self) -> &Role {
        &self.target
    }

    /// No rule allows this.
    pub(super) fn no_rule(actor: Named<'_>, action: Action, target: Named<'_>) -> Reason {
        let sentence = format!("{} cannot {}", actor.plural, phrase(action, target.singular));
        Reason::new(code(action), actor.role, action, target.role, sentence)
    }

    /// The right is there, but the target stands above the actor.
    pub(super) fn rank(actor: Named<'_>, action: Action, target: Named<'_>) -> Reason {
        let phrase = phrase(action, target.singular);
        let sentence = format!("{} cannot {phrase}, who ranks higher", actor.plural);
        Reason::new("denied.rank", actor.role, action, target.role, sentence)
    }

    /// The policy does not have the role `unknown`, which is the actor's or the target's.
    pub(super) fn unknown_role(actor: &Role, action: Action, target: &Role, unknown: &Role) -> Reason {
        let sentence = format!("the rules do not know the role “{unknown}”");
        Reason::new("denied.unknown_role", actor, action, target, sentence)
    }

    fn new(code: &'static str, actor: &Role, action: Action, target: &Role, sentence: String) -> Reason {
        Reason { code, actor: actor.clone(), action, target: target.clone(), sentence }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// A role with what people call it.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) role: &'a Role,
    pub(super) singular: &'a str,
    pub(super) plural: &'a str,
}

const fn code(action: Action) -> &'static str {
    match action {
        Action::Start => "denied.start",
        Action::Continue => "denied.continue",
        Action::Reply => "denied.reply",
        Action::Attach(_) => "denied.attach",
        Action::Call(_) => "denied.call",
        Action::RemoveMember => "denied.remove_member",
        Action::DeleteOthers => "denied.delete_others",
    }
}

/// What follows “cannot”.
fn phrase(action: Action, target: &str) -> String {
    match action {
        Action::Start => format!("start a conversation with {target}"),
        Action::Continue => format!("be in a conversation with {target}"),
        Action::Reply => format!("write to {target}"),
        Action::Attach(kind) => format!("send {} to {target}", kind.plural()),
        Action::Call(CallKind::Voice) => format!("call {target}"),
        Action::Call(CallKind::Video) => format!("make a video call to {target}"),
        Action::RemoveMember => format!("remove {target} from a conversation"),
        Action::DeleteOthers => format!("delete messages of {target}"),
    }
}
