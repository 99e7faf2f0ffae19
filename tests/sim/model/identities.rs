//! Whose identity was compared on which device. Who comes back without the old identity key has another one.

use super::{Model, UserIx};
use crate::sim::world::DeviceIx;

/// What was verified of a user on a device.
#[derive(Clone, Copy)]
pub struct Verified {
    /// Which of the user's identities it was, counted from the first.
    pub identity: usize,
    /// Whether no engine has died over it: else nobody knows.
    pub sure: bool,
}

impl Model {
    /// Whether a device may hold back what is said to a user: they have more than the identity that was verified. Where an
    /// older one than that is not revoked yet, as far as the device knows, it holds back for that one.
    pub fn may_hold_back(&self, ix: DeviceIx, other: UserIx) -> bool {
        let verified = self.verified.get(&(ix, other));
        verified.is_some_and(|verified| !verified.sure || self.people[other].identity > 0)
    }

    /// Whether a user has another identity since a device verified them, for sure.
    pub fn has_changed(&self, ix: DeviceIx, other: UserIx) -> bool {
        let verified = self.verified.get(&(ix, other));
        verified.is_some_and(|verified| verified.sure && verified.identity < self.people[other].identity)
    }
}
