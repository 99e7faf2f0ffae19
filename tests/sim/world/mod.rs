//! The world: virtual time, devices, the relay between them.

mod devices;
mod host;
mod relay;
mod talk;

use std::collections::BTreeMap;

use undertone::engine::Engine;
use undertone::envelope::Envelope;
use undertone::error::Error;
use undertone::id::{EnvelopeId, Hash32};
use undertone::limits;
use undertone::policy::Policy;
use undertone::rng::Rng;
use undertone::time::{MINUTE, Time};
use undertone_relay::logic::Limits;

use super::device::{AUTHORITY_SEED, Device, is_bug, is_fatal};
use super::net::{Body, Net, Packet, Weather};
use super::platform::Platform;
use super::relay::RelayHost;

/// A device's number in its world.
pub type DeviceIx = usize;

/// When worlds begin: 2027-01-15T08:00:00Z.
const BEGIN: Time = Time::from_ms(1_800_000_000_000);
/// Things that may happen at one instant before something must be going round in circles.
const LIVELOCK: u32 = 20_000;

/// What somebody on the line does to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Pass,
    Drop,
    /// Keeps it in [`World::held`].
    Hold,
}

/// Somebody on the line, who may change packets as well.
pub type Tap = Box<dyn FnMut(&mut Packet) -> Fate>;

/// A platform in virtual time.
pub struct World {
    pub now: Time,
    pub rng: Rng,
    pub net: Net,
    pub platform: Platform,
    pub relay: RelayHost,
    pub devices: Vec<Device>,
    /// Broken invariants: bugs that engines reported. A scenario panics on them at once.
    pub bugs: Vec<String>,
    pub policy: fn() -> Policy,
    /// The fault that devices made from now on have.
    pub sabotage: Option<undertone::sabotage::Sabotage>,
    pub key_packages: usize,
    pub update_after_messages: u64,
    pub update_after: u64,
    pub period: i32,
    /// Everything that devices have handed to the network, in order: what an eavesdropper has.
    pub wire: Vec<(DeviceIx, Vec<u8>)>,
    /// When the relay accepted what.
    pub accepted: BTreeMap<EnvelopeId, Time>,
    /// The device whose doings are printed.
    pub shown: Option<DeviceIx>,
    pub tap: Option<Tap>,
    pub held: Vec<Packet>,
    /// After so many more inputs, the relay loses power before it has made the last one durable.
    pub relay_dies_after: Option<u64>,
    /// How often it did.
    pub relay_crashes: u64,
    /// Hash over everything that happened.
    pub trace: Hash32,
    smuggled: u64,
}

impl World {
    /// An empty world with a perfect network.
    pub fn new(seed: u64) -> World {
        World::with(seed, Weather::FINE, Limits::default())
    }

    /// A world whose relay keeps other rules than its engines.
    pub fn with_relay_policy(seed: u64, policy: fn() -> Policy) -> World {
        let mut world = World::new(seed);
        world.relay = RelayHost::new(world.platform.authority.public_key(), policy, Limits::default());
        world
    }

    pub fn with(seed: u64, weather: Weather, limits: Limits) -> World {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let platform = Platform::new(AUTHORITY_SEED);
        let relay = RelayHost::new(platform.authority.public_key(), Policy::companion, limits);
        World {
            now: BEGIN,
            rng: Rng::from_seed(bytes),
            net: Net::new(weather),
            platform,
            relay,
            devices: Vec::new(),
            bugs: Vec::new(),
            policy: Policy::companion,
            sabotage: None,
            key_packages: 4,
            update_after_messages: limits::UPDATE_AFTER_MESSAGES,
            update_after: limits::UPDATE_AFTER,
            period: 24 * 60,
            wire: Vec::new(),
            accepted: BTreeMap::new(),
            shown: None,
            tap: None,
            held: Vec::new(),
            relay_dies_after: None,
            relay_crashes: 0,
            trace: Hash32::from_bytes([0; 32]),
            smuggled: 0,
        }
    }

    /// Calls an engine at its own time, then does what it wants done.
    pub fn call<T>(&mut self, ix: DeviceIx, f: impl FnOnce(&mut Engine, Time) -> Result<T, Error>) -> Result<T, Error> {
        let now = self.devices[ix].clock(self.now);
        let result = f(self.devices[ix].engine(), now);
        if let Err(error) = &result {
            self.note(ix, error);
        }
        self.drain(ix);
        result
    }

    /// Lets the world run for so many milliseconds.
    pub fn run(&mut self, ms: u64) {
        let end = self.now.plus(ms);
        let mut at_once = 0;
        while let Some(at) = self.next_at().filter(|at| *at <= end) {
            at_once = if at > self.now { 0 } else { at_once + 1 };
            if at_once == LIVELOCK {
                self.bugs.push(format!("nothing but work at {}: {}", self.now.as_ms(), self.describe()));
                return;
            }
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    /// Lets everything happen that follows by itself.
    pub fn settle(&mut self) {
        self.run(2 * MINUTE);
    }

    fn next_at(&self) -> Option<Time> {
        let wakes = self.devices.iter().map(|d| d.wake);
        self.net.next_at().into_iter().chain(wakes).min().filter(|at| *at < Time::NEVER)
    }

    /// The next thing that happens: a packet arrives, or a device wakes.
    fn step(&mut self) {
        if let Some(ix) = (0..self.devices.len()).find(|ix| self.devices[*ix].wake <= self.now) {
            self.devices[ix].wake = Time::NEVER;
            if self.devices[ix].engine.is_some() {
                let _ = self.call(ix, Engine::handle_timeout);
            }
            return;
        }
        let Some(mut packet) = self.net.pop() else { return };
        let fate =
            if matches!(packet.body, Body::Local(_)) { None } else { self.tap.as_mut().map(|tap| tap(&mut packet)) };
        match fate {
            None | Some(Fate::Pass) => self.arrive(packet),
            Some(Fate::Drop) => {}
            Some(Fate::Hold) => self.held.push(packet),
        }
    }

    /// Lets packets that were held go on, in their order, and takes nobody's word on the line any more.
    pub fn release(&mut self) {
        self.tap = None;
        for packet in std::mem::take(&mut self.held) {
            self.net.at(self.now, packet);
        }
    }

    fn arrive(&mut self, packet: Packet) {
        match packet.body.clone() {
            Body::Local(timer) => self.host_timer(&packet, timer),
            Body::Up(_) | Body::Down(_) if self.devices[packet.device].cut => self.net.cut(),
            Body::Up(up) => self.at_relay(&packet, up),
            Body::Down(down) => self.at_device(&packet, down),
        }
    }

    /// Notes something in the trace.
    pub fn trace(&mut self, what: &[u8]) {
        self.trace = Hash32::of(&[self.trace.as_bytes().as_slice(), &self.now.as_ms().to_be_bytes(), what].concat());
    }

    /// Prints what happens at the device that somebody looks at.
    fn show(&self, ix: DeviceIx, what: &str) {
        if self.shown == Some(ix) {
            println!("{} {what}", self.now.as_ms());
        }
    }

    /// Writes broken invariants down.
    pub fn note(&mut self, ix: DeviceIx, error: &Error) {
        self.trace(error.code().as_bytes());
        self.show(ix, &format!("{ix} {error:?}"));
        self.devices[ix].failed |= is_fatal(error);
        if is_bug(error) {
            self.bugs.push(format!("device {ix} at {}: {error:?}", self.now.as_ms()));
        }
    }

    /// What crossed the network, one line each: for a test that fails.
    pub fn traffic(&self) -> String {
        let device = |id| self.devices.iter().position(|d| d.id == id).map_or("?".to_owned(), |ix| ix.to_string());
        let line = |(ix, bytes): &(DeviceIx, Vec<u8>)| match Envelope::decode(bytes) {
            Ok(e) => {
                let to: Vec<String> = e.recipients.iter().map(|id| device(*id)).collect();
                format!("{ix} → {to:?} #{} {:?}", e.sequence, e)
            }
            Err(fault) => format!("{ix} {fault:?}"),
        };
        self.wire.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn describe(&self) -> String {
        let device = |d: &Device| format!("{:?} wake {:?}", d.link, d.wake);
        self.devices.iter().map(device).collect::<Vec<_>>().join("; ")
    }
}
