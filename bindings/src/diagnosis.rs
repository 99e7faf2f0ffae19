//! How an engine does, in numbers and codes; `docs/troubleshooting.md` says what to read out of them.

use undertone::diagnosis as core;
use undertone::diagnosis::{
    ConnectionHealth as CoreConnectionHealth, Diagnosis as CoreDiagnosis, LastError as CoreLastError,
    Queue as CoreQueue, Unreadable as CoreUnreadable,
};
use undertone::time::Time;

use crate::mirror::{Mirror, mirror};
use crate::output::Wake;
use crate::store::Usage;

mirror!(
    /// How an engine does. Nothing in it is content, a key or an id: it may be shown, logged and sent to support.
    pub struct Diagnosis of CoreDiagnosis {
        /// When this was asked, by the device's clock.
        at: Time,
        /// Whether the engine serves calls. Not after a failure of the store, or a bug.
        open: bool,
        /// The connection, as the host has told of it.
        connection: ConnectionHealth,
        /// The device's own certificate.
        certificate: CertificateState,
        /// What the host has not drained yet.
        undrained: u64,
        /// Transmits that the relay has not answered.
        transmits: u64,
        /// Requests that the relay has not answered.
        requests: u64,
        /// What envelopes were refused for since the engine was opened, by code, and how many.
        refused: Vec<RefusedCount>,
        /// The last call that came to an error since the engine was opened, and what the relay last refused.
        last_error: Option<LastError>,
        /// When a login showed that this store is an older copy of what the device had.
        rolled_back: Option<Time>,
        /// Whether sessions of an older copy are still being closed; until then nothing is encrypted.
        freezing: bool,
        /// What the store tells; `None` while it is suspended or closed.
        stored: Option<Stored>,
    }
);

/// Envelopes that were refused for one reason.
#[derive(Clone, uniffi::Record)]
pub struct RefusedCount {
    /// The reason's code, like `peer.malformed`.
    pub code: String,
    /// How many.
    pub count: u64,
}

impl Mirror<(&'static str, u64)> for RefusedCount {
    fn of((code, count): (&'static str, u64)) -> RefusedCount {
        RefusedCount { code: code.to_owned(), count }
    }
}

/// What the store tells.
#[derive(Clone, uniffi::Record)]
pub struct Stored {
    /// The next instant at which the engine wants to be woken; it stays in the past when the host does not call
    /// `handle_timeout`.
    pub wake_at: Time,
    /// Why.
    pub wake: Wake,
    /// What cannot be read, by cause.
    pub unreadable: UnreadableCounts,
    /// What waits to be encrypted and sent.
    pub queue: Queue,
    /// Conversations, archived ones included.
    pub conversations: u64,
    /// Encrypted sessions; a conversation may have had several.
    pub sessions: u64,
    /// Bytes of files and rows.
    pub usage: Usage,
}

impl Mirror<core::Stored> for Stored {
    fn of(from: core::Stored) -> Stored {
        let core::Stored { wake: (wake_at, wake), unreadable, queue, conversations, sessions, usage } = from;
        Stored {
            wake_at,
            wake: Mirror::of(wake),
            unreadable: Mirror::of(unreadable),
            queue: Mirror::of(queue),
            conversations: Mirror::of(conversations),
            sessions: Mirror::of(sessions),
            usage: Mirror::of(usage),
        }
    }
}

mirror!(
    /// The connection, as the host has told of it.
    pub struct ConnectionHealth of CoreConnectionHealth {
        /// Whether it is up.
        up: bool,
        /// Since when it is so.
        since: Option<Time>,
        /// Whether the mailbox was read to its end over this connection. Until then nothing is encrypted.
        caught_up: bool,
        /// The last login since the engine was opened.
        last_login: Option<Time>,
        /// How many of this device's key packages the relay had at that login, if it said so.
        key_packages: Option<u32>,
        /// How far the relay's clock is ahead of the device's, in milliseconds, as far as this connection has shown.
        relay_ahead: Option<i64>,
    }
);

/// The device's own certificate.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum CertificateState {
    /// There is none yet.
    Unenrolled,
    /// It is valid only from then on: or the device's clock is behind.
    NotYet {
        /// From when.
        from: Time,
    },
    /// It is valid.
    Valid {
        /// Until when.
        until: Time,
    },
    /// It has run out.
    Expired {
        /// When.
        at: Time,
    },
    /// The authority has revoked it.
    Revoked,
}

impl Mirror<core::CertificateState> for CertificateState {
    fn of(from: core::CertificateState) -> CertificateState {
        match from {
            core::CertificateState::Unenrolled => CertificateState::Unenrolled,
            core::CertificateState::NotYet(from) => CertificateState::NotYet { from },
            core::CertificateState::Valid(until) => CertificateState::Valid { until },
            core::CertificateState::Expired(at) => CertificateState::Expired { at },
            core::CertificateState::Revoked => CertificateState::Revoked,
        }
    }
}

mirror!(
    /// What cannot be read, by cause.
    pub struct UnreadableCounts of CoreUnreadable {
        /// Messages that came too late for their keys.
        too_old: u64,
        /// Messages of a newer version.
        newer_version: u64,
        /// Messages of kinds that this version does not show.
        unsupported: u64,
        /// Envelopes, and what engines tell each other, that only a newer version understands.
        kept: u64,
        /// Envelopes that wait for keys or an epoch, commits included.
        parked: u64,
        /// Of these, commits that wait for those before them.
        parked_commits: u64,
    }
);

mirror!(
    /// What waits to be encrypted and sent.
    pub struct Queue of CoreQueue {
        /// Messages, those included that are sent once more.
        messages: u64,
        /// What people did to messages: edits, deletions, settings.
        acts: u64,
        /// What engines tell each other.
        controls: u64,
        /// Receipts.
        receipts: u64,
    }
);

/// An error and when it happened.
#[derive(Clone, uniffi::Record)]
pub struct LastError {
    /// Its stable code.
    pub code: String,
    /// When, by the device's clock.
    pub at: Time,
}

impl Mirror<CoreLastError> for LastError {
    fn of(CoreLastError { code, at }: CoreLastError) -> LastError {
        LastError { code: code.to_owned(), at }
    }
}
