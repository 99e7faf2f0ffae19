//! How an engine does, in numbers and codes: for whoever helps a person whose chat does not work.
//!
//! Nothing in it is content, a key, or an id of a user, device, conversation or message: it may be shown, logged and
//! sent to support. `docs/troubleshooting.md` says what to read out of it.

use crate::output::Wake;
use crate::store::Usage;
use crate::time::Time;

/// What [`Engine::diagnose`](crate::Engine::diagnose) tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub struct Diagnosis {
    /// When this was asked, by the device's clock.
    pub at: Time,
    /// Whether the engine serves calls. Not after a failure of the store, or a bug: `last_error` names it, and the
    /// engine must be opened again.
    pub open: bool,
    /// The connection, as the host has told of it.
    pub connection: ConnectionHealth,
    /// The device's own certificate.
    pub certificate: CertificateState,
    /// What the host has not fetched with [`poll_output`](crate::Engine::poll_output) yet. It stays above 0 when the
    /// host does not drain.
    pub undrained: usize,
    /// Transmits that the relay has not answered.
    pub transmits: usize,
    /// Requests that the relay has not answered.
    pub requests: usize,
    /// What envelopes were refused for since the engine was opened, by code, and how many.
    pub refused: Vec<(&'static str, u64)>,
    /// The last call that came to an error since the engine was opened, and what the relay last refused.
    pub last_error: Option<LastError>,
    /// When a login showed that this store is an older copy of what the device had, since the engine was opened.
    pub rolled_back: Option<Time>,
    /// Whether sessions of an older copy are still being closed; until then nothing is encrypted.
    pub freezing: bool,
    /// What the store tells; `None` while it is suspended or closed.
    pub stored: Option<Stored>,
}

/// What the store tells. Counts of rows that have no counter end at
/// [`limits::COUNTED`](crate::limits::COUNTED): that many means as many or more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub struct Stored {
    /// The next instant at which the engine wants to be woken, and why. It stays in the past when the host does not
    /// call [`handle_timeout`](crate::Engine::handle_timeout).
    pub wake: (Time, Wake),
    /// What cannot be read, by cause.
    pub unreadable: Unreadable,
    /// What waits to be encrypted and sent.
    pub queue: Queue,
    /// Conversations, archived ones included.
    pub conversations: usize,
    /// Encrypted sessions; a conversation may have had several.
    pub sessions: usize,
    /// Bytes of files and rows.
    pub usage: Usage,
}

/// The connection, as the host has told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub struct ConnectionHealth {
    /// Whether it is up.
    pub up: bool,
    /// Since when it is so; `None` when the host has told nothing since the engine was opened.
    pub since: Option<Time>,
    /// Whether the mailbox was read to its end over this connection. Until then nothing is encrypted.
    pub caught_up: bool,
    /// The last login since the engine was opened.
    pub last_login: Option<Time>,
    /// How many of this device's key packages the relay had at that login, if it said so. Without any, nobody can begin
    /// a conversation with this device but over the last resort.
    pub key_packages: Option<u32>,
    /// How far the relay's clock is ahead of the device's, in milliseconds, as far as this connection has shown.
    pub relay_ahead: Option<i64>,
}

/// The device's own certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum CertificateState {
    /// There is none yet.
    Unenrolled,
    /// It is valid only from then on: or the device's clock is behind.
    NotYet(Time),
    /// It is valid until then.
    Valid(Time),
    /// It has run out at that time.
    Expired(Time),
    /// The authority has revoked it.
    Revoked,
}

/// What cannot be read, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub struct Unreadable {
    /// Messages that came too late for their keys ([`Cause::TooOld`](crate::message::Cause::TooOld)).
    pub too_old: u64,
    /// Messages of a newer version ([`Cause::NewerVersion`](crate::message::Cause::NewerVersion)).
    pub newer_version: u64,
    /// Messages of kinds that this version does not show.
    pub unsupported: u64,
    /// Envelopes, and what engines tell each other, that only a newer version understands.
    pub kept: u64,
    /// Envelopes that wait for keys or an epoch, commits included.
    pub parked: u64,
    /// Of these, commits that wait for those before them.
    pub parked_commits: u64,
}

/// What waits to be encrypted and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub struct Queue {
    /// Messages, those included that are sent once more.
    pub messages: usize,
    /// What people did to messages: edits, deletions, settings.
    pub acts: usize,
    /// What engines tell each other.
    pub controls: usize,
    /// Receipts.
    pub receipts: usize,
}

/// An error and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub struct LastError {
    /// Its stable code, like `store.full`, `denied.start` or `relay.policy`.
    pub code: &'static str,
    /// When, by the device's clock.
    pub at: Time,
}
