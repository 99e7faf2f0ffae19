//! One seed: a platform is made, faults rage, everything heals, and then all must be well.

use std::collections::BTreeMap;

use undertone::engine::Engine;
use undertone::envelope::Kind;
use undertone::error::Error;
use undertone::limits;
use undertone::rng::Rng;
use undertone::sabotage::{Older, Sabotage};
use undertone::time::{HOUR, MINUTE, SECOND, Time};
use undertone_relay::logic::{Limits, Rate};

use super::action::{self, ACTIONS, FAULTS};
use super::model::{Model, Person, Standing, UserIx};
use super::net::Weather;
use super::tally::Tally;
use super::world::{DeviceIx, World};
use super::{check, heal, hostile};

/// What a run is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub seed: u64,
    pub actions: u64,
    /// A fault that all engines have, to see that it is found.
    pub sabotage: Option<Sabotage>,
    /// Whether the relay conflicts with the holders of slots, to see that it is found.
    pub relay_conflicts: bool,
    /// Whether the relay keeps no rules, and an escort without rules tries to talk with everybody.
    pub hostile: bool,
    /// A device whose doings are printed.
    pub shown: Option<DeviceIx>,
}

impl Options {
    /// A run without any fault in engines and relay.
    pub fn new(seed: u64, actions: u64) -> Options {
        Options { seed, actions, sabotage: None, relay_conflicts: false, hostile: false, shown: None }
    }
}

/// What came of it.
pub struct Outcome {
    pub tally: Tally,
    pub crashes: u64,
    pub violations: Vec<String>,
    /// Equal for two runs of one seed.
    pub trace: undertone::id::Hash32,
}

/// A run under way.
pub struct Sim {
    pub world: World,
    pub model: Model,
    pub tally: Tally,
    /// Draws what happens; the world has its own.
    pub dice: Rng,
    pub crashes: u64,
    pub violations: Vec<String>,
    pub watch: check::Watch,
    pub healed: bool,
    pub sabotage: Option<Sabotage>,
    /// Somebody whose engine keeps no rules.
    pub hostile: Option<DeviceIx>,
    /// Where files are kept, by their locations. It sees only what is stored.
    pub storage: BTreeMap<String, Vec<u8>>,
}

/// Who is there: name, role, devices.
const CAST: [(&str, &str, usize); 6] = [
    ("ann", "client", 2),
    ("cid", "client", 1),
    ("eva", "client", 1),
    ("bea", "escort", 2),
    ("dot", "escort", 1),
    ("sue", "support", 1),
];

/// Whose engine is an older one until everything heals, which does not understand events: that user's device.
const OLDER: (UserIx, usize) = (3, 1);

/// Own messages after which a device renews its leaf: often, so that commits meet.
const UPDATE_AFTER_MESSAGES: u64 = 25;
/// What stays unread for so long asks for another channel.
pub const FALLBACK_AFTER: u64 = 15 * MINUTE;
/// Violations after which nothing new is learned.
const ENOUGH: usize = 20;

/// Runs one seed.
pub fn run(options: Options) -> Outcome {
    let mut sim = Sim::new(options);
    while sim.tally.total_actions() < options.actions && sim.violations.len() < ENOUGH {
        action::step(&mut sim);
        hostile::step(&mut sim);
    }
    if sim.violations.is_empty() {
        heal::heal(&mut sim);
        check::healed(&mut sim);
    }
    if options.shown.is_some() {
        for (ix, device) in sim.world.devices.iter().enumerate() {
            println!("device {ix} is {:?} of {}", device.id, device.profile.user.as_str());
        }
    }
    let net = sim.world.net.tally;
    for (name, count) in
        [("lost", net.lost), ("doubled", net.doubled), ("overtaken", net.overtaken), ("cut off", net.cut)]
    {
        sim.tally.fault(name, count);
    }
    sim.tally.fault("relay crash", sim.world.relay_crashes);
    Outcome { tally: sim.tally, crashes: sim.crashes, violations: sim.violations, trace: sim.world.trace }
}

impl Sim {
    fn new(options: Options) -> Sim {
        let unlimited = Rate { burst: 1 << 40, per_minute: 1 << 40 };
        let limits = Limits {
            inputs: unlimited,
            bytes: unlimited,
            user_inputs: unlimited,
            user_bytes: unlimited,
            commits: unlimited,
            ..Limits::default()
        };
        let mut world = World::with(options.seed, Weather::FINE, limits);
        world.update_after_messages = UPDATE_AFTER_MESSAGES;
        world.period = -1;
        world.sabotage = options.sabotage;
        world.shown = options.shown;
        let mut dice = [3; 32];
        dice[..8].copy_from_slice(&options.seed.to_be_bytes());
        let mut sim = Sim {
            world,
            model: Model::default(),
            tally: Tally::of(&ACTIONS, &FAULTS),
            dice: Rng::from_seed(dice),
            crashes: 0,
            violations: Vec::new(),
            watch: check::Watch::default(),
            healed: false,
            sabotage: options.sabotage,
            hostile: None,
            storage: BTreeMap::new(),
        };
        sim.world.relay.conflicts_with_holder = options.relay_conflicts;
        sim.found(options.hostile);
        sim
    }

    /// The founders enrol and publish in peace; then the weather turns.
    fn found(&mut self, hostile: bool) {
        for (user, (name, role, devices)) in CAST.into_iter().enumerate() {
            let person = Person { name: name.to_owned(), role, devices: Vec::new(), lost: false, identity: 0 };
            self.model.people.push(person);
            // One device asks for another channel where it is not read.
            self.world.fallback_after = (user == 0).then_some(FALLBACK_AFTER);
            let first = self.world.device(name, role);
            self.world.fallback_after = None;
            self.model.add_device(user, first, Standing::Founder);
            for _ in 1..devices {
                let further = self.world.another(first);
                self.model.add_device(user, further, Standing::Founder);
            }
        }
        if hostile {
            hostile::enter(self);
        }
        self.world.run(MINUTE);
        let (user, further) = OLDER;
        self.set_version(self.model.people[user].devices[further], Some(Older::Kind(Kind::EVENT)));
        self.collect_bugs();
        self.world.net.weather = Weather { fastest: 5, jitter: 400, lost: 30, doubled: 30 };
    }

    /// Whether a device's engine is, or was, an older one.
    pub fn was_older(&self, ix: DeviceIx) -> bool {
        let (user, further) = OLDER;
        self.model.people[user].devices.get(further) == Some(&ix)
    }

    /// A device gets an engine of an older version, or of this one.
    pub fn set_version(&mut self, ix: DeviceIx, older: Option<Older>) {
        self.crash(ix);
        self.world.devices[ix].profile.older = older;
        self.restart(ix);
    }

    /// A number below `bound`.
    pub fn draw(&mut self, bound: usize) -> usize {
        self.dice.below(bound as u64) as usize
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.draw(of.len())]) }
    }

    pub fn violation(&mut self, what: impl Into<String>) {
        let what = format!("at {}: {}", self.world.now.as_ms(), what.into());
        self.violations.push(what);
    }

    /// Broken invariants that engines reported are violations.
    pub fn collect_bugs(&mut self) {
        for bug in std::mem::take(&mut self.world.bugs) {
            self.violation(bug);
        }
    }

    /// Lets time pass; engines that closed themselves are opened again from what their disk holds.
    pub fn pass(&mut self, ms: u64) {
        self.world.run(ms);
        check::tick(self);
        self.collect_bugs();
        self.revive();
    }

    /// A device's clock is set, so many milliseconds ahead of the world's.
    pub fn set_clock(&mut self, ix: DeviceIx, skew: i64) {
        check::tick(self);
        if self.world.devices[ix].skew != skew {
            self.model.clock_sets.push(self.world.now);
        }
        self.world.set_clock(ix, skew);
        check::tick(self);
    }

    /// Opens engines again that a failing store has closed.
    pub fn revive(&mut self) {
        for ix in 0..self.world.devices.len() {
            if self.world.devices[ix].failed {
                check::says_why_it_closed(self, ix);
                self.crash(ix);
                self.restart(ix);
            }
        }
    }

    /// A device's process ends; some of what no barrier covered is lost.
    pub fn crash(&mut self, ix: DeviceIx) {
        self.crashes += 1;
        let pending = self.world.devices[ix].disk.pending();
        let keep = self.draw(pending + 1);
        check::before_crash(self);
        self.world.crash(ix, keep);
        self.watch.forget(ix);
    }

    pub fn restart(&mut self, ix: DeviceIx) {
        self.world.restart(ix);
        self.collect_bugs();
        check::resolve(self, ix);
    }

    pub fn user(&self, ix: DeviceIx) -> UserIx {
        self.model.owner[&ix]
    }

    /// Live devices whose engine runs.
    pub fn running(&self) -> Vec<DeviceIx> {
        let runs = |ix: &DeviceIx| self.world.devices[*ix].engine.is_some() && !self.world.devices[*ix].failed;
        self.model.live_devices().into_iter().filter(runs).collect()
    }

    /// Asks an engine something; `None` when it does not know, or its store fails.
    pub fn ask<T>(&mut self, ix: DeviceIx, f: impl FnOnce(&mut Engine, Time) -> Result<T, Error>) -> Option<T> {
        let now = self.world.devices[ix].clock(self.world.now);
        let device = &mut self.world.devices[ix];
        let engine = device.engine.as_mut().filter(|_| !device.failed)?;
        match f(engine, now) {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.world.note(ix, &error);
                None
            }
        }
    }

    /// Gives bytes to a device as the relay would.
    pub fn smuggle(&mut self, ix: DeviceIx, bytes: Vec<u8>) {
        let _ = self.world.smuggle(ix, bytes);
    }
}

/// Longest pause between two actions.
pub const PAUSE: u64 = 4 * SECOND;
/// How long everything may take to heal: the longest back-off is five minutes, but a device that has no keys says so
/// once an hour.
pub const HEALING: u64 = 3 * HOUR;
/// Most lines of a page.
pub const PAGE: usize = limits::PAGE_MAX;
