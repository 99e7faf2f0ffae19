//! What users tell others of themselves.

use undertone::privacy::Privacy;
use undertone::time::Time;

use super::{Line, Model, Reading, UserIx};
use crate::sim::world::DeviceIx;

/// What a user decided of that.
pub struct Discretion {
    /// The device that decides it: so one decision follows the other, and this device knows the last one.
    pub device: DeviceIx,
    pub settings: Privacy,
    /// Whether its engine has not died over it.
    pub sure: bool,
    /// When it was last decided that reading be told, if ever: what has been read by then and is not yet told is told as
    /// well.
    pub told_from: Option<Time>,
}

impl Model {
    /// What a device was told to tell others, if that is sure: other devices of the user may not have heard of it yet.
    pub fn discretion(&self, user: UserIx, ix: DeviceIx) -> Option<Privacy> {
        let decided = self.discretions.get(&user)?;
        (decided.sure && decided.device == ix).then_some(decided.settings)
    }

    /// Whether its author must not learn that a line was read: whoever read it kept that to oneself, and does so still.
    pub fn is_kept_quiet(&self, line: &Line) -> bool {
        let reader = Model::other(line.pair, line.author);
        let told_from = self.discretions.get(&reader).and_then(|decided| decided.told_from);
        let quiet = |read: &Reading| read.quiet && told_from.is_none_or(|at| at < read.world);
        !line.terms.by_reading() && !line.reads.is_empty() && line.reads.iter().all(quiet)
    }
}
