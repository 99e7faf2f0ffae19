//! Errors, by who must act. Every one has a stable code that all languages share.

use crate::policy::Reason;

/// What a call to the engine can come to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Error {
    /// The caller did something that the documentation forbids: fix the host.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The rules forbid it: show the reason.
    #[error("not allowed: {0}")]
    Denied(Reason),
    /// Bytes from outside are bad: nothing to do here, the sender is at fault.
    #[error(transparent)]
    Peer(#[from] PeerFault),
    /// The store failed: see the kind for what to do.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A broken invariant of the engine: please report the code. The engine is closed until reopened, unless an envelope
    /// given to [`Engine::receive`](crate::Engine::receive) brought it about: that is dropped, and the engine goes on.
    #[error("internal error {0}: reopen the engine and report this code")]
    Bug(&'static str),
}

impl Error {
    /// A stable name for logs, tests and other languages, like `misuse.clock`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Misuse(e) => e.code(),
            Error::Denied(_) => "denied",
            Error::Peer(e) => e.code(),
            Error::Store(e) => e.code(),
            Error::Bug(_) => "bug",
        }
    }
}

/// The caller's mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Misuse {
    /// `now` lies before 1970 or after 2099.
    #[error("the clock shows a time before 1970 or after 2099: correct the device's date")]
    Clock,
    /// The engine has no certificate yet.
    #[error("not enrolled: give the certificate for enrolment_request() to enrol() first")]
    NotEnrolled,
    /// The engine has a certificate of another kind than the call needs.
    #[error("already enrolled as another user or device")]
    AlreadyEnrolled,
    /// The engine's own certificate has run out.
    #[error("the certificate has expired: renew it")]
    Expired,
    /// The engine was wiped, or closed by a failure.
    #[error("the engine is closed: open it again")]
    Closed,
    /// The engine is suspended: its files are released. Nothing was changed.
    #[error("the engine is suspended: resume it first")]
    Suspended,
    /// No such user: no certificate was seen yet.
    #[error("unknown user: look them up first")]
    UnknownUser,
    /// No such conversation on this device.
    #[error("unknown conversation")]
    UnknownConversation,
    /// No such message on this device.
    #[error("unknown message")]
    UnknownMessage,
    /// No such call on this device.
    #[error("unknown call")]
    UnknownCall,
    /// The verified identity of that person is another one now.
    #[error("the identity of this person has changed: verify or accept it first")]
    IdentityChanged,
    /// The call is over.
    #[error("the call is over")]
    CallOver,
    /// This device is in a call.
    #[error("this device is in a call: end that one first")]
    InCall,
    /// No such request or transmit: never made, or answered long ago with something else.
    #[error("unknown request")]
    UnknownRequest,
    /// A conversation with oneself.
    #[error("a conversation needs another user")]
    Oneself,
    /// Nothing to send, or nothing of it can be seen.
    #[error("the message is empty")]
    Empty,
    /// Over a limit.
    #[error("too large: {what} may have at most {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A search without a word.
    #[error("there is nothing to search for")]
    NothingToSearch,
    /// A search with too many words.
    #[error("a search may have at most {limit} words")]
    TooManyWords {
        /// The limit.
        limit: usize,
    },
    /// A user id that is empty or too long.
    #[error("a user id has 1 to 128 bytes")]
    UserId,
    /// A page cursor that belongs elsewhere.
    #[error("the cursor is not of this list")]
    Cursor,
    /// The message is in a state that does not permit this, like cancelling what was sent.
    #[error("too late: the message is in another state")]
    State,
    /// The answer given does not fit the request.
    #[error("the answer does not fit the request")]
    Answer,
    /// This user has blocked the other one.
    #[error("blocked: unblock the user first")]
    Blocked,
    /// Something waits to be sent, and the caller did not say that it may be lost.
    #[error("something was not sent yet: send it first, or say that it may be lost")]
    Unsent,
    /// A value of the configuration is out of bounds.
    #[error("configuration: {0}")]
    Config(&'static str),
    /// What is said of an attachment, or handed over for it, does not fit.
    #[error("attachment: {0}")]
    Attachment(&'static str),
    /// A structured message that does not fit.
    #[error("structured message: {0}")]
    Structured(&'static str),
    /// A mention that does not fit.
    #[error("mention: {0}")]
    Mention(&'static str),
    /// A report that nobody could verify.
    #[error("a report is {0}")]
    Report(&'static str),
    /// No such subscription: closed, or of an engine that was closed.
    #[error("unknown subscription")]
    UnknownSubscription,
    /// More subscriptions than an engine keeps.
    #[error("too many subscriptions: close some first")]
    TooManySubscriptions,
    /// A reaction that is none.
    #[error("a reaction is one visible character")]
    Reaction,
    /// The file is not the one whose upload began: start the upload anew.
    #[error("the file has changed since its upload began: start the upload anew")]
    OtherBytes,
}

impl Misuse {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Misuse::Clock => "misuse.clock",
            Misuse::NotEnrolled => "misuse.not_enrolled",
            Misuse::AlreadyEnrolled => "misuse.already_enrolled",
            Misuse::Expired => "misuse.expired",
            Misuse::Closed => "misuse.closed",
            Misuse::Suspended => "misuse.suspended",
            Misuse::UnknownUser => "misuse.unknown_user",
            Misuse::UnknownConversation => "misuse.unknown_conversation",
            Misuse::UnknownMessage => "misuse.unknown_message",
            Misuse::UnknownCall => "misuse.unknown_call",
            Misuse::IdentityChanged => "misuse.identity_changed",
            Misuse::CallOver => "misuse.call_over",
            Misuse::InCall => "misuse.in_call",
            Misuse::UnknownRequest => "misuse.unknown_request",
            Misuse::Oneself => "misuse.oneself",
            Misuse::Empty => "misuse.empty",
            Misuse::TooLarge { .. } => "misuse.too_large",
            Misuse::NothingToSearch => "misuse.nothing_to_search",
            Misuse::TooManyWords { .. } => "misuse.too_many_words",
            Misuse::UserId => "misuse.user_id",
            Misuse::Cursor => "misuse.cursor",
            Misuse::State => "misuse.state",
            Misuse::Answer => "misuse.answer",
            Misuse::Blocked => "misuse.blocked",
            Misuse::Unsent => "misuse.unsent",
            Misuse::Config(_) => "misuse.config",
            Misuse::Attachment(_) => "misuse.attachment",
            Misuse::Structured(_) => "misuse.structured",
            Misuse::Mention(_) => "misuse.mention",
            Misuse::Report(_) => "misuse.report",
            Misuse::UnknownSubscription => "misuse.unknown_subscription",
            Misuse::TooManySubscriptions => "misuse.too_many_subscriptions",
            Misuse::Reaction => "misuse.reaction",
            Misuse::OtherBytes => "misuse.other_bytes",
        }
    }
}

/// What is wrong with bytes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum PeerFault {
    /// Bytes that are not what they should be.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// Over a limit.
    #[error("{0} is too large")]
    TooLarge(&'static str),
    /// A version that this engine does not know.
    #[error("made by a newer version: update this app")]
    NewerVersion,
    /// Not for this device.
    #[error("addressed to another device")]
    NotForUs,
    /// Well formed, and yet this engine cannot take it in.
    #[error("it cannot be taken in: please report this")]
    Unprocessable,
    /// Seen before.
    #[error("a repeat of what was received before")]
    Replay,
    /// An envelope that does not commit to what it carries, so that nobody could report it.
    #[error("the envelope does not commit to its content")]
    Commitment,
    /// A signature or authentication tag that does not verify.
    #[error("forged or damaged")]
    Forged,
    /// A certificate that is not valid: forged, of a foreign authority, or for another key.
    #[error("the certificate is not valid")]
    Certificate,
    /// A certificate that is not valid now.
    #[error("the certificate has expired or is not yet valid")]
    CertificateTime,
    /// A revoked certificate.
    #[error("the certificate was revoked")]
    Revoked,
    /// The rules do not allow the sender to do this.
    #[error("the rules forbid what the sender did")]
    Forbidden,
    /// A commit that changes what its sender may not change.
    #[error("the commit is not allowed")]
    Commit,
    /// A key package that was used before or is not ours.
    #[error("no matching key package")]
    KeyPackage,
    /// Too old to read: its keys are gone.
    #[error("too old to read")]
    TooOld,
    /// A file that is shorter than its message says.
    #[error("the file was cut short")]
    CutShort,
    /// A word of the moment whose moment is over, or not near.
    #[error("meant for another moment")]
    Expired,
}

impl PeerFault {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            PeerFault::Malformed(_) => "peer.malformed",
            PeerFault::TooLarge(_) => "peer.too_large",
            PeerFault::NewerVersion => "peer.newer_version",
            PeerFault::NotForUs => "peer.not_for_us",
            PeerFault::Unprocessable => "peer.unprocessable",
            PeerFault::Replay => "peer.replay",
            PeerFault::Commitment => "peer.commitment",
            PeerFault::Forged => "peer.forged",
            PeerFault::Certificate => "peer.certificate",
            PeerFault::CertificateTime => "peer.certificate_time",
            PeerFault::Revoked => "peer.revoked",
            PeerFault::Forbidden => "peer.forbidden",
            PeerFault::Commit => "peer.commit",
            PeerFault::KeyPackage => "peer.key_package",
            PeerFault::TooOld => "peer.too_old",
            PeerFault::CutShort => "peer.cut_short",
            PeerFault::Expired => "peer.expired",
        }
    }
}

/// What can go wrong in a store. Any but [`StoreError::Locked`] closes the handle until it is opened again. A batch over a
/// limit closes no engine, for it never gets to the store: see [`StoreError::Limit`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum StoreError {
    /// Another process or handle has it open.
    #[error("the store is open elsewhere: close it there first")]
    Locked,
    /// The path is a file, or cannot be made or read.
    #[error("the store's path cannot be used: {0}")]
    Path(&'static str),
    /// The key does not open this store.
    #[error("wrong key for this store")]
    WrongKey,
    /// Written by a newer version.
    #[error("the store has schema {found}, this version knows {known}: update the app")]
    NewerSchema {
        /// The schema of the store.
        found: u32,
        /// The newest schema that this version knows.
        known: u32,
    },
    /// Its rows were moved into another store.
    #[error("the store was moved elsewhere: open it there")]
    Moved,
    /// Bytes on disk are damaged.
    #[error("the store is damaged ({0}): restore a backup or start afresh")]
    Corrupt(&'static str),
    /// No space left.
    #[error("the disk is full: free some space and open the store again")]
    Full,
    /// Another failure of the operating system.
    #[error("input/output failed: {0}")]
    Io(String),
    /// The handle is dead after an earlier failure, or suspended.
    #[error("the store is closed: open it again")]
    Closed,
    /// A row or batch over the limits: a fault of the engine, which refuses it before the store is asked. Nothing was
    /// changed, and the engine stays open.
    #[error("row or batch over the limit ({0})")]
    Limit(&'static str),
}

impl StoreError {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Locked => "store.locked",
            StoreError::Path(_) => "store.path",
            StoreError::WrongKey => "store.wrong_key",
            StoreError::NewerSchema { .. } => "store.newer_schema",
            StoreError::Moved => "store.moved",
            StoreError::Corrupt(_) => "store.corrupt",
            StoreError::Full => "store.full",
            StoreError::Io(_) => "store.io",
            StoreError::Closed => "store.closed",
            StoreError::Limit(_) => "store.limit",
        }
    }
}

/// The engine's result.
pub type Result<T, E = Error> = core::result::Result<T, E>;
