//! Calls: who called, and what was done to them.

use std::collections::BTreeSet;

use undertone::id::CallId;
use undertone::policy::CallKind;
use undertone::time::Time;

use super::{Model, NEEDLE, Pair, UserIx};
use crate::sim::world::DeviceIx;

/// A call that somebody has made.
pub struct Dial {
    pub pair: Pair,
    pub caller: UserIx,
    pub device: DeviceIx,
    pub kind: CallKind,
    pub at: Time,
    /// Whether its engine has not died over it.
    pub sure: bool,
    pub deeds: Vec<(Deed, UserIx, Time)>,
    /// The devices that may have answered.
    pub answered: BTreeSet<DeviceIx>,
}

/// Something that a host had told to the host at the other end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub call: CallId,
    pub by: DeviceIx,
}

/// What was done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Accept,
    Reject,
    HangUp,
    Lose,
}

impl Dial {
    /// Whether a user may have done one of these.
    pub fn was(&self, deeds: &[Deed], user: UserIx) -> bool {
        self.deeds.iter().any(|(deed, by, _)| deeds.contains(deed) && *by == user)
    }

    /// When something was done first, and last.
    pub fn when(&self, deed: Deed) -> Option<(Time, Time)> {
        let times = self.deeds.iter().filter(|(done, ..)| *done == deed).map(|(.., at)| *at);
        times.fold(None, |span: Option<(Time, Time)>, at| Some(span.map_or((at, at), |s| (s.0.min(at), s.1.max(at)))))
    }
}

impl Model {
    /// Something for the other host, which was never told before.
    pub fn new_candidate(&mut self, call: CallId, by: DeviceIx) -> Vec<u8> {
        self.candidates.push(Candidate { call, by });
        format!("{NEEDLE} candidate {}", self.candidates.len() - 1).into_bytes()
    }

    /// Its number.
    pub fn candidate(&self, payload: &[u8]) -> Option<usize> {
        let number = core::str::from_utf8(payload).ok()?.rsplit(' ').next()?.parse().ok()?;
        self.candidates.get(number).map(|_| number)
    }
}
