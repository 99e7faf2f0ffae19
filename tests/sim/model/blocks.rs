//! Who has blocked whom.

use std::collections::BTreeSet;

use undertone::time::Time;

use super::{Line, Model, Pair, UserIx};
use crate::sim::world::DeviceIx;

/// What a user decided of another.
pub struct Block {
    /// The device that decides it: so one decision follows the other, and this device knows the last one.
    pub device: DeviceIx,
    pub blocked: bool,
    /// Whether its engine has not died over it.
    pub sure: bool,
    pub since: Time,
    /// What of the other it showed when it was decided.
    pub shown: BTreeSet<usize>,
}

impl Model {
    /// Whether one of two users ever blocked the other: then they need not see the same.
    pub fn ever_blocked(&self, pair: Pair) -> bool {
        self.blocks.contains_key(&pair) || self.blocks.contains_key(&(pair.1, pair.0))
    }

    /// Whether a user ever blocked another.
    pub fn has_blocked(&self, user: UserIx, other: UserIx) -> bool {
        self.blocks.contains_key(&(user, other))
    }

    /// Whether a user blocks another by now, if that is sure.
    pub fn blocks_now(&self, user: UserIx, other: UserIx) -> bool {
        self.blocks.get(&(user, other)).is_some_and(|block| block.blocked && block.sure)
    }

    /// Whether the reader's devices may have dropped a line, since its author was blocked when it came.
    pub fn may_have_dropped(&self, line: &Line) -> bool {
        let reader = Model::other(line.pair, line.author);
        let block = self.blocks.get(&(reader, line.author));
        // That it was taken back may be known to a device that is lost.
        block.is_some_and(|block| !line.healed || block.blocked || !block.sure || self.people[reader].lost)
    }
}
