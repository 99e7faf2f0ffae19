//! What a relay sees of its users (R40): for the demonstration, and for the test that fails when it grows.

use std::fmt;

use undertone::envelope::{Envelope, EnvelopeKind, PushHint};
use undertone::id::{DeviceId, EnvelopeId, Hash32, SessionId, SlotName, UserId};
use undertone::policy::Role;
use undertone::time::Time;

use super::row::DeviceRow;
use super::submit::Piece;
use super::{Desk, Relay};
use crate::answer::RefusedReason;
use crate::store::RelayStore;

/// Something that the relay saw.
#[derive(Clone, PartialEq, Eq)]
pub struct Sight {
    /// When.
    pub at: Time,
    /// What.
    pub event: SightEvent,
}

/// Every kind of thing that a relay sees, with all that it sees of it.
#[derive(Clone, PartialEq, Eq)]
pub enum SightEvent {
    /// A device logged in with its certificate.
    Login {
        /// Which.
        device: DeviceId,
        /// Whose.
        user: UserId,
        /// As what.
        role: Role,
        /// Number and end of its certificate.
        serial: u64,
        /// When the certificate ends.
        not_after: Time,
    },
    /// A device published key packages.
    Publish {
        /// Which.
        device: DeviceId,
        /// How many.
        packages: usize,
        /// Whether there was a last-resort one.
        last_resort: bool,
    },
    /// A device asked for the devices of users.
    LookUp {
        /// Which.
        device: DeviceId,
        /// Whose devices.
        users: Vec<UserId>,
        /// Whether it wanted to start with them.
        key_packages: bool,
    },
    /// An envelope was accepted.
    Envelope(EnvelopeView),
    /// A device began to store an encrypted file. Which message it belongs to is not said; who fetches it is not seen.
    Upload {
        /// Which.
        device: DeviceId,
        /// Bytes of the encrypted file, which is padded.
        size: u64,
    },
    /// A device that is not connected is to be woken: this is all that a push service is told.
    Push {
        /// Which.
        device: DeviceId,
        /// What for.
        hint: PushHint,
    },
    /// A bundle was refused.
    Refused {
        /// From whom.
        device: DeviceId,
        /// Why.
        reason: RefusedReason,
    },
}

/// All that a relay sees of an envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvelopeView {
    /// Its random id.
    pub id: EnvelopeId,
    /// What it is for.
    pub kind: EnvelopeKind,
    /// The session's random tag.
    pub tag: SessionId,
    /// The sending device.
    pub sender: DeviceId,
    /// The sender's count.
    pub sequence: u64,
    /// The receiving devices.
    pub recipients: Vec<DeviceId>,
    /// When it may be dropped.
    pub expires_at: Time,
    /// What a push service may be told.
    pub push: PushHint,
    /// The slot that a commit wins.
    pub slot: Option<SlotName>,
    /// Bytes of the start token; with a token the relay sees who started with whom.
    pub token: Option<usize>,
    /// The sender's blind commitment to the content.
    pub commitment: Option<Hash32>,
    /// Bytes of the encrypted body.
    pub body: usize,
}

impl Sight {
    pub(super) fn login(device: DeviceId, row: &DeviceRow) -> SightEvent {
        let (user, role) = (row.user.clone(), row.role.clone());
        SightEvent::Login { device, user, role, serial: row.serial, not_after: row.not_after }
    }

    pub(super) fn publish(device: DeviceId, packages: usize, last_resort: bool) -> SightEvent {
        SightEvent::Publish { device, packages, last_resort }
    }

    pub(super) fn look_up(device: DeviceId, users: &[UserId], key_packages: bool) -> SightEvent {
        SightEvent::LookUp { device, users: users.to_vec(), key_packages }
    }
}

impl From<&Envelope> for EnvelopeView {
    /// Names every field: what is added to the envelope must be added here, and is seen by the test.
    fn from(envelope: &Envelope) -> EnvelopeView {
        let Envelope { id, kind, tag, sender, sequence, recipients, expires_at, push, slot, token, commitment, body } =
            envelope;
        EnvelopeView {
            id: *id,
            kind: *kind,
            tag: *tag,
            sender: *sender,
            sequence: *sequence,
            recipients: recipients.clone(),
            expires_at: *expires_at,
            push: *push,
            slot: *slot,
            token: token.as_ref().map(Vec::len),
            commitment: *commitment,
            body: body.len(),
        }
    }
}

impl<S: RelayStore> Relay<S> {
    /// What the relay saw lately, oldest first: as much as [`Config::sights`](super::Config::sights) lets it remember.
    pub fn view(&self) -> impl ExactSizeIterator<Item = &Sight> {
        self.desk.sights.iter()
    }

    /// The same, without the first `seen` of all that it ever saw.
    pub fn view_since(&self, seen: u64) -> impl ExactSizeIterator<Item = &Sight> {
        let fresh = usize::try_from(self.desk.seen.saturating_sub(seen)).unwrap_or(usize::MAX);
        let known = self.desk.sights.len().saturating_sub(fresh);
        self.desk.sights.range(known..)
    }

    /// How many sights there ever were since it was opened.
    pub fn seen(&self) -> u64 {
        self.desk.seen
    }
}

impl Desk {
    /// Remembers a sight, if the configuration wants any.
    pub(super) fn see(&mut self, at: Time, event: impl FnOnce() -> SightEvent) {
        if self.config.sights == 0 {
            return;
        }
        while self.sights.len() >= self.config.sights {
            self.sights.pop_front();
        }
        self.sights.push_back(Sight { at, event: event() });
        self.seen += 1;
    }

    pub(super) fn see_accepted(&mut self, pieces: &[Piece<'_>], at: Time) {
        for piece in pieces {
            self.see(at, || SightEvent::Envelope(EnvelopeView::from(&piece.envelope)));
        }
    }
}

impl fmt::Debug for Sight {
    /// Only the kind: user ids are not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.event {
            SightEvent::Login { .. } => "Login",
            SightEvent::Publish { .. } => "Publish",
            SightEvent::LookUp { .. } => "LookUp",
            SightEvent::Envelope(_) => "Envelope",
            SightEvent::Upload { .. } => "Upload",
            SightEvent::Push { .. } => "Push",
            SightEvent::Refused { .. } => "Refused",
        })
    }
}
