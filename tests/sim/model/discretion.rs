//! What users tell others of themselves.

use undertone::privacy::Privacy;

use super::{Line, Model, UserIx};
use crate::sim::world::DeviceIx;

/// What a user decided of that.
pub struct Discretion {
    /// The device that decides it: so one decision follows the other, and this device knows the last one.
    pub device: DeviceIx,
    pub settings: Privacy,
    /// Whether its engine has not died over it.
    pub sure: bool,
}

impl Model {
    /// What a device was told to tell others, if that is sure: other devices of the user may not have heard of it yet.
    pub fn discretion(&self, user: UserIx, ix: DeviceIx) -> Option<Privacy> {
        let decided = self.discretions.get(&user)?;
        (decided.sure && decided.device == ix).then_some(decided.settings)
    }

    /// Whether its author must not learn that a line was read: whoever read it kept that to oneself.
    pub fn is_kept_quiet(line: &Line) -> bool {
        !line.terms.by_reading() && !line.reads.is_empty() && line.reads.iter().all(|read| read.quiet)
    }
}
