//! What one member may want to do to another.

/// Something that one user wants to do, towards another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Begin a conversation, or bring the other into one.
    Start,
    /// Keep alive a conversation that was rightly started: add a device, replace a session. Allowed to both as soon as
    /// one of them may start; the start token proves that this one did.
    Continue,
    /// Write in a conversation that both take part in.
    Reply,
    /// Send a file of this kind in a conversation that both take part in.
    Attach(AttachmentKind),
    /// Call in a conversation that both take part in.
    Call(CallKind),
    /// Remove the other from a conversation.
    RemoveMember,
    /// Delete the other's messages, for everyone.
    DeleteOthers,
}

impl Action {
    /// A stable name, like `start` or `attach`.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Start => "start",
            Action::Continue => "continue",
            Action::Reply => "reply",
            Action::Attach(_) => "attach",
            Action::Call(_) => "call",
            Action::RemoveMember => "remove_member",
            Action::DeleteOthers => "delete_others",
        }
    }
}

/// Kinds of attachments that a policy tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttachmentKind {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// A voice message.
    Voice,
    /// Any other file.
    File,
}

impl AttachmentKind {
    /// All kinds.
    pub const ALL: [AttachmentKind; 4] =
        [AttachmentKind::Image, AttachmentKind::Video, AttachmentKind::Voice, AttachmentKind::File];

    /// Its name in a policy file.
    pub const fn name(self) -> &'static str {
        match self {
            AttachmentKind::Image => "image",
            AttachmentKind::Video => "video",
            AttachmentKind::Voice => "voice",
            AttachmentKind::File => "file",
        }
    }

    /// Several of it, as in “cannot send …”.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            AttachmentKind::Image => "images",
            AttachmentKind::Video => "videos",
            AttachmentKind::Voice => "voice messages",
            AttachmentKind::File => "files",
        }
    }
}

/// Kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// Sound only.
    Voice,
    /// Sound and picture.
    Video,
}

impl CallKind {
    /// All kinds.
    pub const ALL: [CallKind; 2] = [CallKind::Voice, CallKind::Video];

    /// Its name in a policy file.
    pub const fn name(self) -> &'static str {
        match self {
            CallKind::Voice => "voice",
            CallKind::Video => "video",
        }
    }
}

/// A right over other members, given to a role by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Right {
    RemoveMember,
    DeleteOthers,
}

impl Right {
    pub(super) const ALL: [Right; 2] = [Right::RemoveMember, Right::DeleteOthers];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Right::RemoveMember => "remove_member",
            Right::DeleteOthers => "delete_others",
        }
    }
}
