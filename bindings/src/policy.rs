//! The rules of who may do what.

use std::sync::Arc;

use undertone::policy as core;
use undertone::policy::{
    Action as CoreAction, AttachmentKind as CoreAttachmentKind, CallKind as CoreCallKind, Decision as CoreDecision,
    Role,
};

use crate::error::Result;
use crate::mirror::{Mirror, mirror};

/// The rules of who may do what, as a file of TOML says them; `docs/policy.md` has the format.
#[derive(uniffi::Object)]
pub struct Policy(core::Policy);

#[uniffi::export]
impl Policy {
    /// The preset rules: clients, escorts and support.
    #[uniffi::constructor]
    pub fn companion() -> Result<Arc<Policy>> {
        Ok(Arc::new(Policy(core::Policy::companion())))
    }

    /// Rules from a text of TOML. An error says the line and what is wrong there.
    #[uniffi::constructor]
    pub fn from_toml(text: String) -> Result<Arc<Policy>> {
        Ok(Arc::new(Policy(core::Policy::from_toml(&text)?)))
    }

    /// Whether one in the role `actor` may do something towards one in the role `target`.
    pub fn decide(&self, actor: Role, action: Action, target: Role) -> Result<Decision> {
        Ok(Decision::of(self.0.decide(&actor, action.into(), &target)))
    }

    /// The roles that it knows.
    pub fn roles(&self) -> Result<Vec<Role>> {
        Ok(self.0.roles().cloned().collect())
    }
}

impl Policy {
    pub(crate) fn rules(&self) -> &core::Policy {
        &self.0
    }
}

/// Something that one user wants to do, towards another user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, uniffi::Enum)]
pub enum Action {
    /// Begin a conversation, or bring the other into one.
    Start,
    /// Keep alive a conversation that was rightly started.
    Continue,
    /// Write in a conversation that both take part in.
    Reply,
    /// Send a file of this kind in a conversation that both take part in.
    Attach {
        /// Which kind.
        kind: AttachmentKind,
    },
    /// Call in a conversation that both take part in.
    Call {
        /// Which kind.
        kind: CallKind,
    },
    /// Remove the other from a conversation.
    RemoveMember,
    /// Delete the other's messages, for everyone.
    DeleteOthers,
}

impl Mirror<CoreAction> for Action {
    fn of(from: CoreAction) -> Action {
        match from {
            CoreAction::Start => Action::Start,
            CoreAction::Continue => Action::Continue,
            CoreAction::Reply => Action::Reply,
            CoreAction::Attach(kind) => Action::Attach { kind: Mirror::of(kind) },
            CoreAction::Call(kind) => Action::Call { kind: Mirror::of(kind) },
            CoreAction::RemoveMember => Action::RemoveMember,
            CoreAction::DeleteOthers => Action::DeleteOthers,
        }
    }
}

impl From<Action> for CoreAction {
    fn from(from: Action) -> CoreAction {
        match from {
            Action::Start => CoreAction::Start,
            Action::Continue => CoreAction::Continue,
            Action::Reply => CoreAction::Reply,
            Action::Attach { kind } => CoreAction::Attach(kind.into()),
            Action::Call { kind } => CoreAction::Call(kind.into()),
            Action::RemoveMember => CoreAction::RemoveMember,
            Action::DeleteOthers => CoreAction::DeleteOthers,
        }
    }
}

mirror!(
    /// Kinds of attachments that a policy tells apart.
    #[derive(Debug)]
    pub enum AttachmentKind of CoreAttachmentKind {
        /// A picture.
        Image,
        /// A video.
        Video,
        /// A voice message.
        Voice,
        /// Any other file.
        File,
    }
);

mirror!(
    /// Kinds of calls.
    #[derive(Debug)]
    pub enum CallKind of CoreCallKind {
        /// Sound.
        Voice,
        /// Sound and pictures.
        Video,
    }
);

/// Yes, or no and why.
#[derive(uniffi::Enum)]
pub enum Decision {
    /// It may be done.
    Allow,
    /// It may not be done.
    Deny {
        /// Why.
        reason: Reason,
    },
}

impl Mirror<CoreDecision> for Decision {
    fn of(from: CoreDecision) -> Decision {
        match from {
            CoreDecision::Allow => Decision::Allow,
            CoreDecision::Deny(reason) => Decision::Deny { reason: Reason::of(reason) },
        }
    }
}

/// Why something is denied.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Reason {
    /// A stable name, like `denied.start`.
    pub code: String,
    /// Who wanted it.
    pub actor: Role,
    /// What.
    pub action: Action,
    /// Towards whom.
    pub target: Role,
    /// An English sentence without capital and full stop, with the policy's own names: “escorts cannot start a conversation
    /// with a client”. A host that speaks another language makes its own from the other fields.
    pub sentence: String,
}

impl Mirror<core::Reason> for Reason {
    fn of(from: core::Reason) -> Reason {
        Reason {
            code: from.code().to_owned(),
            actor: from.actor().clone(),
            action: Action::of(from.action()),
            target: from.target().clone(),
            sentence: from.to_string(),
        }
    }
}
