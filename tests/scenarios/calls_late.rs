//! Calls and what comes late: answers after the ring, ends that a certificate holds up, callers who come back.

use undertone::call::{CallStatus, Outcome, Stage};
use undertone::error::{Error, Misuse};
use undertone::event::Event;
use undertone::input::{Refusal, TransmitResult};
use undertone::time::{DAY, MINUTE, SECOND};
use undertone_tests::sim::net::{Body, ToRelay};
use undertone_tests::sim::{DeviceIx, Fate, World};

use super::calls::{accept, agreed, get, hang_up, history, missed, ring, stage};

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

/// Hands the relay's refusal of its certificate to a device, for all that it has sent and that got lost.
fn refuse_certificate(world: &mut World, ix: DeviceIx) {
    let waiting: Vec<_> = world.devices[ix].waiting_transmits.iter().copied().collect();
    assert!(!waiting.is_empty(), "something was sent");
    for id in waiting {
        let refused = TransmitResult::Refused(Refusal::Certificate);
        world.call(ix, |engine, now| engine.transmit_done(id, refused, now)).unwrap();
        world.devices[ix].waiting_transmits.remove(&id);
    }
}

// R33 R10: that somebody has left must arrive; what is of use for a moment only is not worth a wait
#[test]
fn the_end_of_a_call_waits_for_another_certificate() {
    let mut world = World::new(781);
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    accept(&mut world, bea, call);
    world.run(9 * SECOND);
    world.tap = Some(Box::new(move |packet| match &packet.body {
        Body::Up(ToRelay::Submit(..)) if packet.device == bea => Fate::Drop,
        _ => Fate::Pass,
    }));
    world.call(bea, |engine, now| engine.calls().signal(call, &[b"candidate".to_vec()], now)).unwrap();
    refuse_certificate(&mut world, bea);
    assert!(!world.devices[bea].events.contains(&Event::CertificateNeeded), "candidates do not wait");
    hang_up(&mut world, bea, call);
    refuse_certificate(&mut world, bea);
    assert!(world.devices[bea].events.contains(&Event::CertificateNeeded), "the host is asked for another one");
    assert_eq!(stage(&mut world, ann, call), Stage::Active);
    world.tap = None;
    world.run(50 * SECOND);
    assert_eq!(stage(&mut world, ann, call), Stage::Over);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].outcome, calls[0].duration), (Some(Outcome::Completed), 10));
}

// R25 R33: the history of a call has gone when its caller comes back and says how it ended
#[test]
fn a_call_is_missed_once_though_its_caller_says_so_after_it_has_gone() {
    let mut world = World::new(782);
    world.period = 5;
    let (ann, bea, talk) = world.acquaint();
    let call = ring(&mut world, ann, talk);
    world.crash(ann, 0);
    world.run(2 * MINUTE);
    assert_eq!(missed(&world, bea, talk, call), 1);
    world.run(20 * MINUTE);
    assert!(history(&mut world, bea).is_empty());
    world.crash(bea, 0);
    world.restart(bea);
    world.restart(ann);
    let calls = agreed(&mut world);
    assert_eq!((calls[0].id, calls[0].status), (call, CallStatus::Missed), "what the caller says is shown");
    assert_eq!(missed(&world, bea, talk, call), 1, "told once");
}
