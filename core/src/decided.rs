//! Which of several decisions about one thing counts, wherever and in whatever order they become known.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::id::MessageId;
use crate::limits;

/// How often something was decided, and what names the last decision. Each counts one up from the highest known, so that
/// no clock matters; of two with the same count, the one with the greater id counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Decided(pub u64, pub MessageId);

impl Decided {
    /// Before the first decision.
    pub const NEVER: Decided = Decided(0, MessageId::from_bytes([0; 16]));

    /// The count of the decision after this one.
    pub fn next(self) -> u64 {
        self.0.saturating_add(1)
    }

    /// Whether it holds instead of the one that is known.
    pub fn replaces(self, known: Decided, config: &Config) -> bool {
        #[cfg(feature = "sabotage")]
        if config.sabotaged(crate::sabotage::Sabotage::LastToArriveHolds) {
            return self != known;
        }
        let _ = config;
        self > known
    }

    /// Whether it counts further ahead of what is known here than decisions under way explain.
    pub fn is_absurd_after(self, known: Decided) -> bool {
        self.0 > known.0.saturating_add(limits::COUNT_AHEAD)
    }
}

#[cfg(test)]
mod tests {
    //! R25, R26, R27.

    use super::*;

    #[test]
    fn the_higher_count_holds_and_then_the_greater_id() {
        let (low, high) = (MessageId::from_bytes([1; 16]), MessageId::from_bytes([2; 16]));
        assert!(Decided(2, low) > Decided(1, high) && Decided(1, high) > Decided(1, low));
        assert!(Decided(1, low) > Decided::NEVER);
        assert_eq!(Decided(u64::MAX, low).next(), u64::MAX);
    }

    #[test]
    fn a_count_is_absurd_only_beyond_what_may_be_under_way() {
        let id = MessageId::from_bytes([1; 16]);
        assert!(!Decided(limits::COUNT_AHEAD, id).is_absurd_after(Decided::NEVER));
        assert!(Decided(limits::COUNT_AHEAD + 1, id).is_absurd_after(Decided::NEVER));
        assert!(!Decided(u64::MAX, id).is_absurd_after(Decided(u64::MAX, id)));
    }
}
