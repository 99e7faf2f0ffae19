//! Calls: who called, and what was done to them.

use undertone::policy::CallKind;
use undertone::time::Time;

use super::{Pair, UserIx};
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
