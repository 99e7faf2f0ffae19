//! Which of several decisions about one thing counts, wherever and in whatever order they become known.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::id::MessageId;
use crate::limits;
use crate::rng::Rng;
use crate::time::Time;

/// How often something was decided, and what names the last decision. Each counts one up from the highest known, so that
/// no clock matters; of two with the same count, the one with the greater id counts. What a user decides for all of the
/// user's devices is told apart by when it was decided instead, which the id begins with ([`Decided::follows`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Decided(pub u64, pub MessageId);

impl Decided {
    /// Before the first decision.
    pub const NEVER: Decided = Decided(0, MessageId::from_bytes([0; 16]));

    /// The count of the decision after this one.
    pub fn next(self) -> u64 {
        self.0.saturating_add(1)
    }

    /// What a user decides on one of several devices at `now`, by the relay's clock as far as that is known: later than
    /// what is known there, whatever the clock shows.
    pub fn after(self, rng: &mut Rng, now: Time) -> Decided {
        let instant = now.max(self.1.instant().plus(1)).min(MessageId::LATEST);
        Decided(self.next(), MessageId::fresh(rng, instant))
    }

    /// Whether a decision of the same user holds instead of the one that is known: the later one, for a new device
    /// has not heard how often was decided before. Of two at one instant, the higher count and then the greater id.
    pub fn follows(self, known: Decided, config: &Config) -> bool {
        #[cfg(feature = "sabotage")]
        if config.sabotaged(crate::sabotage::Sabotage::LastToArriveHolds) {
            return self != known;
        }
        let _ = config;
        (self.1.instant(), self) > (known.1.instant(), known)
    }

    /// Whether it was made where an earlier one was not known: what is decided after another counts more.
    pub fn made_apart_from(self, earlier: Decided) -> bool {
        self.0 <= earlier.0 && self.1 != earlier.1
    }

    /// The same, where another is known as well.
    pub fn counting(self, other: Decided) -> Decided {
        Decided(self.0.max(other.0), self.1)
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
    use crate::engine::testing::{NOW, enrolled};

    #[test]
    fn the_higher_count_holds_and_then_the_greater_id() {
        let (low, high) = (MessageId::from_bytes([1; 16]), MessageId::from_bytes([2; 16]));
        assert!(Decided(2, low) > Decided(1, high) && Decided(1, high) > Decided(1, low));
        assert!(Decided(1, low) > Decided::NEVER);
        assert_eq!(Decided(u64::MAX, low).next(), u64::MAX);
    }

    #[test]
    fn r26_a_users_later_decision_follows_whatever_the_counts_are() {
        let engine = enrolled("ann");
        let config = engine.config();
        let (mut rng, second) = (Rng::from_seed([1; 32]), NOW.plus(1_000));
        let often = (0..5).fold(Decided::NEVER, |known, _| known.after(&mut rng, NOW));
        let later = Decided::NEVER.after(&mut rng, second);
        assert!(often.0 > later.0 && later.follows(often, config) && !often.follows(later, config));
        let behind = later.after(&mut rng, NOW);
        assert!(behind.follows(later, config), "though the clock of that device is behind");
        assert!(!behind.follows(behind, config));
        let end = Decided(1, MessageId::from_bytes([0xff; 16])).after(&mut rng, NOW);
        assert_eq!(end.1.instant(), MessageId::LATEST);
        assert!(end.after(&mut rng, NOW).follows(end, config), "where instants end, the count holds");
    }

    #[test]
    fn a_count_is_absurd_only_beyond_what_may_be_under_way() {
        let id = MessageId::from_bytes([1; 16]);
        assert!(!Decided(limits::COUNT_AHEAD, id).is_absurd_after(Decided::NEVER));
        assert!(Decided(limits::COUNT_AHEAD + 1, id).is_absurd_after(Decided::NEVER));
        assert!(!Decided(u64::MAX, id).is_absurd_after(Decided(u64::MAX, id)));
    }
}
