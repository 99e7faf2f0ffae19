//! Calls and what comes late: answers after the ring.

use undertone::call::{CallStatus, Outcome};
use undertone::error::{Error, Misuse};
use undertone::time::{DAY, SECOND};
use undertone_tests::sim::World;

use super::calls::{accept, agreed, get, hang_up, missed, ring};

// R33: the clock is set forward while it rings, and the answer is taken in before any deadline is looked at
#[test]
fn an_answer_that_comes_after_the_ring_is_too_late_whatever_is_looked_at_first() {
    for ahead in [61 * SECOND, 2 * DAY] {
        let mut world = World::new(780);
        let (ann, bea, talk) = world.acquaint();
        let call = ring(&mut world, ann, talk);
        world.devices[ann].skew = i64::try_from(ahead).unwrap();
        accept(&mut world, bea, call);
        assert_eq!(get(&mut world, ann, call).status, CallStatus::Missed);
        let over = world.call(ann, |engine, now| engine.calls().hang_up(call, now));
        assert_eq!(over, Err(Error::Misuse(Misuse::CallOver)));
        world.crash(ann, 0);
        world.restart(ann);
        world.set_clock(ann, 0);
        let calls = agreed(&mut world);
        assert_eq!((calls[0].outcome, calls[0].answered), (Some(Outcome::Missed), None));
        assert_eq!(missed(&world, bea, talk, call), 0, "she has answered");
    }
}
