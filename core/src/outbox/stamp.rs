//! Stamps, and whether they count.
//!
//! A message stands at its stamp, but no later than [`limits::STAMP_AHEAD`] after the relay accepted it. While the clock
//! here runs ahead by more than that, the relay's order of acceptance is the order that everybody sees, and the network
//! may change that one: an envelope gets lost, and what was sent after it is there before. So what may be stamped beyond
//! what the relay's clock allows goes alone, and the next follows when the relay has answered. What the relay's clock is
//! known to allow stands at its stamp whenever it arrives, and goes with others.

use crate::ctx::Ctx;
use crate::limits;
use crate::time::{SECOND, Time};

/// A queued message whose stamp is younger than this keeps it when it is encrypted.
const KEPT: u64 = 5 * SECOND;

/// The stamp of what is encrypted now, and was queued as from `queued`: later than the one before it, so that the order
/// stays.
pub(super) fn next(now: Time, queued: Time, before: Time) -> Time {
    let fresh = now.since(queued) <= KEPT && queued.since(now) <= limits::STAMP_AHEAD && queued > before;
    if fresh { queued } else { now.max(before.plus(1)) }
}

/// Whether a stamp counts as it is, whenever the relay accepts what bears it: its clock is known to be late enough.
pub(super) fn counts(ctx: &Ctx<'_>, stamp: Time) -> bool {
    stamp.plus(limits::RELAYS_APART) <= ctx.memory.relay_clock.plus(limits::STAMP_AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_queued_long_ago_is_stamped_when_it_is_encrypted() {
        let (queued, now) = (Time::from_ms(1_000), Time::from_ms(100_000));
        assert_eq!(next(now, queued, Time::ZERO), now);
    }

    #[test]
    fn stamps_keep_the_order_of_the_queue() {
        let now = Time::from_ms(102_000);
        let first = next(now, Time::from_ms(1_000), Time::ZERO);
        let second = next(now, Time::from_ms(100_000), first);
        assert!(second > first);
    }

    #[test]
    fn a_clock_that_jumped_back_does_not_undo_the_order() {
        let sent = Time::from_ms(900_000);
        assert!(next(Time::from_ms(1_000), Time::from_ms(901_000), sent) > sent);
    }
}
