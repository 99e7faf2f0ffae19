//! What a gateway counts, and what it notes for the log: numbers and reasons, nothing of users.

use std::collections::{BTreeMap, VecDeque};

use crate::answer::{RefusedReason, TransmitResult};
use crate::frame::CloseReason;
use crate::gateway::ConnectionId;
use crate::logic::LoginRefused;

/// Notes that wait to be taken at most; beyond that the oldest are forgotten.
const NOTES: usize = 256;

/// How often each reason was given.
pub type Reasons = BTreeMap<&'static str, u64>;

/// Counters since the gateway was opened; they only grow, apart from the first two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections there are.
    pub connections: u64,
    /// Of them, those that are logged in.
    pub logged_in: u64,
    /// Logins that were let in.
    pub logins: u64,
    /// Logins that were not.
    pub logins_refused: Reasons,
    /// Connections that the relay ended.
    pub closed: Reasons,
    /// Frames that came.
    pub frames_in: u64,
    /// Frames that went out.
    pub frames_out: u64,
    /// Bundles that were accepted, repeats included.
    pub accepted: u64,
    /// Commits that lost their slot to another.
    pub conflicts: u64,
    /// Bundles and requests that were refused.
    pub refused: Reasons,
    /// Envelopes that were delivered by themselves.
    pub delivered: u64,
    /// Acknowledgements of what a device was not given since it logged in.
    pub not_given: u64,
    /// Devices that were to be woken by a push.
    pub pushes: u64,
}

/// Something that a log should hold: which connection, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// On which connection.
    pub connection: ConnectionId,
    /// What happened there.
    pub event: NoteEvent,
}

/// What is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteEvent {
    /// A login was refused.
    LoginRefused(LoginRefused),
    /// The relay ended the connection.
    Closed(CloseReason),
    /// A bundle or a request was refused.
    Refused(RefusedReason),
    /// So many deliveries were acknowledged that the device was not given.
    NotGiven(usize),
}

/// Counters and notes.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) counts: Counts,
    notes: VecDeque<Note>,
}

impl Book {
    pub(crate) fn login_refused(&mut self, connection: ConnectionId, why: LoginRefused) {
        one_more(&mut self.counts.logins_refused, why.name());
        self.note(connection, NoteEvent::LoginRefused(why));
    }

    pub(crate) fn closed(&mut self, connection: ConnectionId, why: CloseReason) {
        one_more(&mut self.counts.closed, why.name());
        self.note(connection, NoteEvent::Closed(why));
    }

    pub(crate) fn refused(&mut self, connection: ConnectionId, why: RefusedReason) {
        one_more(&mut self.counts.refused, why.name());
        self.note(connection, NoteEvent::Refused(why));
    }

    pub(crate) fn not_given(&mut self, connection: ConnectionId, count: usize) {
        if count > 0 {
            self.counts.not_given += count as u64;
            self.note(connection, NoteEvent::NotGiven(count));
        }
    }

    pub(crate) fn transmitted(&mut self, connection: ConnectionId, result: &TransmitResult) {
        match result {
            TransmitResult::Accepted { .. } => self.counts.accepted += 1,
            TransmitResult::Conflict { .. } => self.counts.conflicts += 1,
            TransmitResult::Refused(why) => self.refused(connection, *why),
        }
    }

    /// What another book says, behind what this one does.
    pub(crate) fn add(&mut self, other: Book) {
        let Counts {
            connections: _,
            logged_in: _,
            logins,
            logins_refused,
            closed,
            frames_in,
            frames_out,
            accepted,
            conflicts,
            refused,
            delivered,
            not_given,
            pushes,
        } = other.counts;
        let counts = &mut self.counts;
        counts.logins += logins;
        counts.frames_in += frames_in;
        counts.frames_out += frames_out;
        counts.accepted += accepted;
        counts.conflicts += conflicts;
        counts.delivered += delivered;
        counts.not_given += not_given;
        counts.pushes += pushes;
        let reasons = [
            (&mut counts.logins_refused, logins_refused),
            (&mut counts.closed, closed),
            (&mut counts.refused, refused),
        ];
        for (here, there) in reasons {
            there.into_iter().for_each(|(why, often)| *here.entry(why).or_default() += often);
        }
        other.notes.into_iter().for_each(|note| self.note(note.connection, note.event));
    }

    pub(crate) fn take(&mut self) -> VecDeque<Note> {
        std::mem::take(&mut self.notes)
    }

    fn note(&mut self, connection: ConnectionId, event: NoteEvent) {
        if self.notes.len() >= NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(Note { connection, event });
    }
}

fn one_more(reasons: &mut Reasons, why: &'static str) {
    *reasons.entry(why).or_default() += 1;
}
