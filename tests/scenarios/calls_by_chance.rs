//! Two and four devices call, answer, decline and hang up at random, over a network that loses, doubles and reorders
//! packets, and go offline and crash meanwhile. When it heals, all of them remember the same calls.

use std::collections::BTreeMap;

use undertone::call::{Outcome, Stage};
use undertone::engine::Engine;
use undertone::error::{Error, Misuse};
use undertone::event::Event;
use undertone::id::{CallId, ConversationId};
use undertone::limits;
use undertone::policy::CallKind;
use undertone::rng::Rng;
use undertone::time::{MINUTE, SECOND, Time};
use undertone_relay::logic::Limits;
use undertone_tests::sim::{DeviceIx, Weather, World};

use super::calls::{agreed, rings};

const STORM: Weather = Weather { fastest: 20, jitter: 1_500, lost: 120, doubled: 120 };

struct Play {
    world: World,
    rng: Rng,
    talk: ConversationId,
}

impl Play {
    fn new(seed: u64, phones: usize) -> Play {
        let mut world = World::with(seed, Weather::FINE, Limits::default());
        world.period = -1;
        let (ann, bea, talk) = world.acquaint();
        for ix in [ann, bea].into_iter().cycle().take(phones - 2) {
            world.another(ix);
        }
        world.settle();
        world.net.weather = STORM;
        let mut bytes = [5; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Play { world, rng: Rng::from_seed(bytes), talk }
    }

    /// Somebody does something.
    fn act(&mut self) {
        let ix = usize::try_from(self.rng.below(self.world.devices.len() as u64)).unwrap();
        if self.world.devices[ix].engine.is_none() {
            return self.world.restart(ix);
        }
        match self.rng.below(12) {
            0..=2 => self.start(ix),
            3..=5 => self.with_call(ix, |engine, call, now| engine.calls().accept(call, b"answer", now)),
            6 => self.with_call(ix, |engine, call, now| engine.calls().reject(call, now)),
            7 => self.with_call(ix, |engine, call, now| engine.calls().hang_up(call, now)),
            8 => self.with_call(ix, |engine, call, now| engine.calls().signal(call, &[b"candidate".to_vec()], now)),
            9 => self.with_call(ix, |engine, call, now| engine.calls().connection_lost(call, now)),
            10 => self.world.devices[ix].cut = !self.world.devices[ix].cut,
            _ if self.rng.below(3) == 0 => self.world.crash(ix, 0),
            _ => {}
        }
    }

    fn start(&mut self, ix: DeviceIx) {
        let talk = self.talk;
        let made = self.world.call(ix, |engine, now| engine.calls().start(talk, CallKind::Voice, b"offer", now));
        assert!(matches!(made, Ok(_) | Err(Error::Misuse(Misuse::InCall))), "{made:?}");
    }

    fn with_call(&mut self, ix: DeviceIx, f: impl FnOnce(&mut Engine, CallId, Time) -> Result<(), Error>) {
        let active = self.world.devices[ix].engine().calls().active().expect("a list");
        let Some(call) = active.first().map(|call| call.id) else { return };
        let done = self.world.call(ix, |engine, now| f(engine, call, now));
        assert!(matches!(done, Ok(()) | Err(Error::Misuse(Misuse::State | Misuse::TooLarge { .. }))), "{done:?}");
    }

    /// The network heals, and whoever still talks hangs up.
    fn heal(&mut self) {
        self.world.net.weather = Weather::FINE;
        for ix in 0..self.world.devices.len() {
            self.world.devices[ix].cut = false;
            if self.world.devices[ix].engine.is_none() {
                self.world.restart(ix);
            }
            // A connection that loses packets is none: hosts notice, and dial again.
            self.world.disconnect(ix);
            self.world.connect(ix);
        }
        self.world.run(2 * MINUTE);
        for ix in 0..self.world.devices.len() {
            let active = self.world.devices[ix].engine().calls().active().expect("a list");
            for call in active.into_iter().filter(|call| call.stage == Stage::Active) {
                let _ = self.world.call(ix, |engine, now| engine.calls().hang_up(call.id, now));
            }
        }
        self.world.run(5 * MINUTE);
    }
}

/// Plays some seeds, and says how often calls ended how.
fn play(phones: usize, seeds: std::ops::Range<u64>) -> BTreeMap<Outcome, u64> {
    let mut ends = BTreeMap::new();
    for seed in seeds {
        let mut play = Play::new(seed, phones);
        for _ in 0..60 {
            play.act();
            let pause = 200 + play.rng.below(6 * SECOND);
            play.world.run(pause);
        }
        play.heal();
        let calls = agreed(&mut play.world);
        for ix in 0..phones {
            assert!(play.world.devices[ix].engine().calls().active().unwrap().is_empty());
            for call in &calls {
                let missed = play.world.devices[ix].events.iter();
                let missed = missed.filter(|event| matches!(event, Event::CallMissed(_, id) if *id == call.id)).count();
                let (started, stopped) = rings(&play.world, ix, call.id);
                assert!(missed <= 1 && stopped <= 1 && (started > 0 || stopped == 0), "seed {seed}, device {ix}");
            }
        }
        for call in calls {
            *ends.entry(call.outcome.expect("it is over")).or_insert(0) += 1;
            assert!(call.duration * SECOND <= limits::CALL_LONGEST);
        }
    }
    ends
}

// R33
#[test]
fn r33_two_phones_agree_whatever_the_network_does() {
    let ends = play(2, 0..10);
    assert!(ends.len() >= 4, "chance has found most ends: {ends:?}");
}

// R33 R17
#[test]
fn r33_four_phones_agree_whatever_the_network_does() {
    let ends = play(4, 100..106);
    assert!(ends.len() >= 4, "chance has found most ends: {ends:?}");
}
