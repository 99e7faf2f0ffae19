//! The world: virtual time, devices, the relay between them.

use std::collections::BTreeMap;

use undertone::engine::Engine;
use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::error::Error;
use undertone::id::{EnvelopeId, Hash32, UserId};
use undertone::input::{Answer, Connection, Login, TransmitResult};
use undertone::limits;
use undertone::output::{Output, Request};
use undertone::policy::{Policy, Role};
use undertone::rng::Rng;
use undertone::store::MemoryDisk;
use undertone::time::{MINUTE, SECOND, Time};
use undertone_relay::logic::{Limits, Output as RelayOutput};

use super::device::{AUTHORITY_SEED, Device, Link, Profile, is_bug, is_fatal};
use super::net::{Body, HostTimer, Net, Packet, ToDevice, ToRelay, Weather};
use super::platform::{Platform, VALIDITY};
use super::relay::RelayHost;

/// A device's number in its world.
pub type DeviceIx = usize;

/// How long a host waits for an answer.
const ANSWER_WITHIN: u64 = 10 * SECOND;
/// How long a host waits before it dials again.
const REDIAL: u64 = 2 * SECOND;
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
    pub fallback_after: Option<u64>,
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
            period: -1,
            fallback_after: None,
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

    /// A new user's first device: open, enrolled and connecting.
    pub fn device(&mut self, user: &str, role: &str) -> DeviceIx {
        let ix = self.unconnected(user, role, None);
        self.connect(ix);
        ix
    }

    /// Another device of the user of `first`, with the same identity key.
    pub fn another(&mut self, first: DeviceIx) -> DeviceIx {
        let ix = self.another_unconnected(first);
        self.connect(ix);
        ix
    }

    /// The same, not connected yet.
    pub fn another_unconnected(&mut self, first: DeviceIx) -> DeviceIx {
        let identity = *self.devices[first].engine().identity().identity_key().expect("an open engine").to_bytes();
        let (user, role) = (self.devices[first].profile.user.clone(), self.devices[first].profile.role.clone());
        self.unconnected(user.as_str(), role.as_str(), Some(identity))
    }

    /// Another device of the user of `first`, in a store that is there already.
    pub fn another_on(&mut self, first: DeviceIx, disk: MemoryDisk) -> DeviceIx {
        let identity = *self.devices[first].engine().identity().identity_key().expect("an open engine").to_bytes();
        let ix = self.add(Profile { identity: Some(identity), ..self.profile(first) }, disk);
        self.enrol(ix, VALIDITY);
        self.connect(ix);
        ix
    }

    /// A device that is open and enrolled.
    pub fn unconnected(&mut self, user: &str, role: &str, identity: Option<[u8; 32]>) -> DeviceIx {
        let profile = Profile {
            user: UserId::new(user).expect("a user id"),
            role: Role::new(role).expect("a role"),
            identity,
            policy: self.policy,
            sabotage: self.sabotage,
            older: None,
            key_packages: self.key_packages,
            update_after_messages: self.update_after_messages,
            update_after: self.update_after,
            period: self.period,
            fallback_after: self.fallback_after,
        };
        let ix = self.add(profile, MemoryDisk::new());
        self.enrol(ix, VALIDITY);
        ix
    }

    /// What a device is, for another copy of it.
    pub fn profile(&self, ix: DeviceIx) -> Profile {
        let profile = &self.devices[ix].profile;
        Profile { user: profile.user.clone(), role: profile.role.clone(), ..*profile }
    }

    /// A device on a disk, open.
    pub fn add(&mut self, profile: Profile, disk: MemoryDisk) -> DeviceIx {
        self.devices.push(Device::new(profile, disk));
        let ix = self.devices.len() - 1;
        self.open(ix).expect("a fresh store opens");
        ix
    }

    /// Opens a device's engine and drains it.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub fn open(&mut self, ix: DeviceIx) -> Result<(), Error> {
        let seed = self.rng.bytes();
        self.devices[ix].open(seed, self.now)?;
        self.drain(ix);
        Ok(())
    }

    /// Gets a device its first certificate.
    pub fn enrol(&mut self, ix: DeviceIx, validity: u64) {
        let device = &mut self.devices[ix];
        let request = device.engine().identity().enrolment_request().expect("an open engine");
        let certificate = self.platform.certify(&request, &device.profile.role, self.now, validity);
        device.certificate = Some(certificate.clone());
        self.call(ix, |engine, now| engine.identity().enrol(certificate.as_bytes(), now)).expect("a good certificate");
    }

    /// The host wants to be connected from now on.
    pub fn connect(&mut self, ix: DeviceIx) {
        self.devices[ix].wants_link = true;
        self.dial(ix);
    }

    /// The host goes offline, and knows it.
    pub fn disconnect(&mut self, ix: DeviceIx) {
        self.devices[ix].wants_link = false;
        self.lose_link(ix);
    }

    /// A device's process ends, and the first `keep` of the batches that no barrier covered are on the disk.
    pub fn crash(&mut self, ix: DeviceIx, keep: usize) {
        let (id, connection) = (self.devices[ix].id, self.devices[ix].connection);
        self.devices[ix].crash(keep);
        self.relay.hang_up(id, connection);
    }

    /// Opens a crashed device again and connects it if its host wants that.
    pub fn restart(&mut self, ix: DeviceIx) {
        self.open(ix).expect("a store opens again");
        if self.devices[ix].wants_link {
            self.dial(ix);
        }
    }

    /// Renews a device's certificate, perhaps in another role.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub fn renew(&mut self, ix: DeviceIx, role: &str, validity: u64) -> Result<(), Error> {
        let role = Role::new(role).expect("a role");
        let old = self.devices[ix].certificate.clone().expect("an enrolled device");
        let renewed = self.platform.renew(&old, &role, self.now, validity);
        self.devices[ix].certificate = Some(renewed.clone());
        self.devices[ix].profile.role = role;
        self.call(ix, |engine, now| engine.identity().enrol(renewed.as_bytes(), now))
    }

    /// The relay keeps other rules from now on. All connections end, as at a restart.
    pub fn set_relay_policy(&mut self, policy: fn() -> Policy) {
        self.relay.set_policy(policy);
        for ix in 0..self.devices.len() {
            let connection = self.devices[ix].connection;
            self.net.at(self.now, Packet { device: ix, connection, body: Body::Down(ToDevice::Closed) });
        }
    }

    /// Gives an envelope to a device as the relay would, whatever the relay thinks of it. What the relay has accepted
    /// before comes with that time.
    ///
    /// # Errors
    /// What the engine says.
    pub fn smuggle(&mut self, ix: DeviceIx, envelope: Vec<u8>) -> Result<(), Error> {
        self.smuggled += 1;
        let id = undertone::input::DeliveryId((1 << 40) + self.smuggled);
        let known = Envelope::decode(&envelope).ok().and_then(|e| self.accepted.get(&e.id).copied());
        let delivery = undertone::input::Delivery { id, accepted_at: known.unwrap_or(self.now), frank: None, envelope };
        self.note_word(ix, &delivery.envelope);
        self.call(ix, |engine, now| engine.receive(&delivery, now))
    }

    /// Notes when a device is given a word of the moment.
    fn note_word(&mut self, ix: DeviceIx, envelope: &[u8]) {
        if Envelope::decode(envelope).is_ok_and(|envelope| envelope.kind == EnvelopeKind::Ephemeral) {
            self.devices[ix].heard = Some(self.now);
        }
    }

    /// Puts a revocation list in force at the relay, which tells everybody.
    pub fn revoke(&mut self, list: &undertone::authority::RevocationList) {
        self.relay.logic().revoke(list.as_bytes()).expect("a list of the authority");
        self.tell();
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

    fn next_at(&mut self) -> Option<Time> {
        let relay = self.relay.logic().poll_timeout();
        let wakes = self.devices.iter().map(|d| d.wake).chain([relay]);
        self.net.next_at().into_iter().chain(wakes).min().filter(|at| *at < Time::NEVER)
    }

    /// The next thing that happens: the relay sweeps, a device wakes, or a packet arrives.
    fn step(&mut self) {
        if self.relay.logic().poll_timeout() <= self.now {
            return self.relay.sweep(self.now);
        }
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

    fn at_relay(&mut self, packet: &Packet, up: ToRelay) {
        let (ix, connection) = (packet.device, packet.connection);
        let id = self.devices[ix].id;
        if !matches!(up, ToRelay::Hello) && !self.relay.knows(id, connection) {
            return;
        }
        let now = self.now;
        let mut taken = Vec::new();
        let answer = match up {
            ToRelay::Hello => {
                let Some(login) = self.hello(ix, connection) else { return };
                vec![ToDevice::Welcome(login), ToDevice::Revocations(self.relay.revocations())]
            }
            ToRelay::Submit(transmit, bundle) => {
                let result = self.submit(ix, &bundle);
                if let TransmitResult::Accepted { at } = result {
                    let ids = bundle.iter().filter_map(|bytes| Envelope::decode(bytes).ok());
                    taken.extend(ids.map(|envelope| (envelope.id, at)));
                }
                vec![ToDevice::Done(transmit, result)]
            }
            ToRelay::Ask(request, what) => {
                let (answer, mail) = self.relay.ask(id, what, now);
                vec![ToDevice::Answer(request, answer, mail)]
            }
            ToRelay::Acknowledge(delivery) => {
                self.relay.acknowledge(id, delivery);
                Vec::new()
            }
        };
        if let Some(left) = self.relay_dies_after.as_mut() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return self.crash_relay();
            }
        }
        // Nothing leaves before it is durable.
        let outputs = self.relay.outputs();
        self.accepted.extend(taken);
        for body in answer {
            self.net.send(&mut self.rng, now, Packet { device: ix, connection, body: Body::Down(body) });
        }
        self.pass_on(outputs);
    }

    /// Gives a bundle to the relay. Whoever holds a slot must hear so however often it asks: an answer that got lost
    /// would fork the session.
    fn submit(&mut self, ix: DeviceIx, bundle: &[Vec<u8>]) -> TransmitResult {
        let result = self.relay.submit(self.devices[ix].id, bundle, self.now);
        if let TransmitResult::Conflict { winner, .. } = &result
            && bundle.contains(winner)
        {
            self.bugs.push(format!("device {ix} is told that another holds its own slot"));
        }
        result
    }

    /// The relay loses power: what it has not made durable is gone, and so are all connections.
    pub fn crash_relay(&mut self) {
        self.relay_dies_after = None;
        self.relay_crashes += 1;
        self.relay.crash();
        for ix in 0..self.devices.len() {
            let at = self.now.plus(self.rng.below(5 * SECOND));
            self.break_link(ix, at);
        }
    }

    /// The host finds out at `at` that its connection is dead.
    fn break_link(&mut self, ix: DeviceIx, at: Time) {
        let connection = self.devices[ix].connection;
        self.net.at(at, Packet { device: ix, connection, body: Body::Local(HostTimer::Broken) });
    }

    /// The network lets nothing through to or from a device any more; its host finds out after a while.
    pub fn cut(&mut self, ix: DeviceIx) {
        self.devices[ix].cut = true;
        let at = self.now.plus(5 * SECOND + self.rng.below(10 * SECOND));
        self.break_link(ix, at);
    }

    /// Notes something in the trace.
    pub fn trace(&mut self, what: &[u8]) {
        self.trace = Hash32::of(&[self.trace.as_bytes().as_slice(), &self.now.as_ms().to_be_bytes(), what].concat());
    }

    /// Passes on what the relay has to say by itself.
    fn tell(&mut self) {
        let outputs = self.relay.outputs();
        self.pass_on(outputs);
    }

    fn pass_on(&mut self, outputs: Vec<(DeviceIx, u64, RelayOutput)>) {
        for (device, connection, output) in outputs {
            let body = match output {
                RelayOutput::Deliver { delivery: d, .. } => ToDevice::Deliver(d.into()),
                RelayOutput::MailWaiting { .. } => ToDevice::MailWaiting,
                RelayOutput::DirectoryChanged { user, .. } => ToDevice::DirectoryChanged(user),
                RelayOutput::RevocationsChanged { .. } => ToDevice::Revocations(self.relay.revocations()),
                RelayOutput::LoggedOut { .. } => ToDevice::Closed,
                // A relay that serves alone passes nothing on to others.
                RelayOutput::Push { .. } | RelayOutput::RemoveBlob { .. } | RelayOutput::Passed { .. } => continue,
            };
            self.net.send(&mut self.rng, self.now, Packet { device, connection, body: Body::Down(body) });
        }
    }

    fn hello(&mut self, ix: DeviceIx, connection: u64) -> Option<Login> {
        let device = &mut self.devices[ix];
        // A packet of a connection that the host has given up.
        if device.connection != connection || device.engine.is_none() {
            return None;
        }
        let certificate = device.certificate.as_ref()?.as_bytes().to_vec();
        let sign = |challenge: &[u8; 32]| {
            let signature = device.engine.as_mut().map(|engine| engine.identity().answer_challenge(challenge));
            signature.and_then(Result::ok).map(|s| s.to_vec()).unwrap_or_default()
        };
        self.relay.login((ix, connection), &certificate, sign, self.now)
    }

    fn at_device(&mut self, packet: &Packet, down: ToDevice) {
        let ix = packet.device;
        let device = &mut self.devices[ix];
        if device.engine.is_none() || device.connection != packet.connection || device.link == Link::Down {
            return;
        }
        match down {
            ToDevice::Welcome(login) => {
                if device.link == Link::Dialing {
                    device.link = Link::Up;
                    let _ = self.call(ix, |engine, now| engine.connection(Connection::Up(login), now));
                }
            }
            ToDevice::Done(id, result) => {
                device.waiting_transmits.remove(&id);
                if let TransmitResult::Refused(why) = result {
                    self.show(ix, &format!("{ix} {id:?} is refused: {why:?}"));
                }
                let _ = self.call(ix, |engine, now| engine.transmit_done(id, result, now));
            }
            ToDevice::Answer(id, answer, mail) => {
                device.waiting_requests.remove(&id);
                let _ = self
                    .call(ix, |engine, now| {
                        let mut refused = Vec::new();
                        for delivery in &mail {
                            match engine.receive(delivery, now) {
                                Err(error) if is_fatal(&error) => return Err(error),
                                Err(error) => refused.push(error),
                                Ok(()) => {}
                            }
                        }
                        engine.request_done(id, answer, now)?;
                        Ok(refused)
                    })
                    .map(|refused| self.devices[ix].refusals.extend(refused));
            }
            ToDevice::Deliver(delivery) => {
                self.note_word(ix, &delivery.envelope);
                if let Err(error) = self.call(ix, |engine, now| engine.receive(&delivery, now)) {
                    self.devices[ix].refusals.push(error);
                }
            }
            ToDevice::MailWaiting => drop(self.call(ix, Engine::mail_waiting)),
            ToDevice::DirectoryChanged(user) => {
                let _ = self.call(ix, |engine, now| engine.directory_changed(&user, now));
            }
            ToDevice::Revocations(lists) => {
                for list in lists {
                    let _ = self.call(ix, |engine, now| engine.identity().revoke(&list, now));
                }
            }
            ToDevice::Closed => {
                self.lose_link(ix);
                self.redial(ix);
            }
        }
    }

    fn host_timer(&mut self, packet: &Packet, timer: HostTimer) {
        let ix = packet.device;
        let device = &mut self.devices[ix];
        if device.engine.is_none() || device.connection != packet.connection {
            return;
        }
        match timer {
            HostTimer::NoAnswer(id) if device.waiting_transmits.remove(&id) => {
                let _ = self.call(ix, |engine, now| engine.transmit_done(id, TransmitResult::Failed, now));
            }
            HostTimer::NoReply(id) if device.waiting_requests.remove(&id) => {
                let _ = self.call(ix, |engine, now| engine.request_done(id, Answer::Failed, now));
            }
            HostTimer::NoAnswer(_) | HostTimer::NoReply(_) => {}
            HostTimer::Dial if device.link != Link::Up && device.wants_link => self.dial(ix),
            HostTimer::Dial => {}
            HostTimer::Broken => {
                self.lose_link(ix);
                self.redial(ix);
            }
        }
    }

    /// Begins a new connection.
    pub fn dial(&mut self, ix: DeviceIx) {
        let device = &mut self.devices[ix];
        if device.engine.is_none() || !device.wants_link {
            return;
        }
        device.connection += 1;
        device.link = Link::Dialing;
        let connection = device.connection;
        let hello = Packet { device: ix, connection, body: Body::Up(ToRelay::Hello) };
        self.net.send(&mut self.rng, self.now, hello);
        let again = Packet { device: ix, connection, body: Body::Local(HostTimer::Dial) };
        self.net.at(self.now.plus(ANSWER_WITHIN), again);
    }

    fn redial(&mut self, ix: DeviceIx) {
        let connection = self.devices[ix].connection;
        let again = Packet { device: ix, connection, body: Body::Local(HostTimer::Dial) };
        self.net.at(self.now.plus(REDIAL), again);
    }

    /// The connection ends, on both sides.
    pub fn lose_link(&mut self, ix: DeviceIx) {
        let (id, connection, link) = (self.devices[ix].id, self.devices[ix].connection, self.devices[ix].link);
        self.relay.hang_up(id, connection);
        self.devices[ix].hang_up();
        if link == Link::Up && self.devices[ix].engine.is_some() {
            let _ = self.call(ix, |engine, now| engine.connection(Connection::Down, now));
        }
    }

    /// Does what an engine wants done.
    pub fn drain(&mut self, ix: DeviceIx) {
        loop {
            let Some(engine) = self.devices[ix].engine.as_mut() else { return };
            match engine.poll_output() {
                Ok(Output::Timeout { at, .. }) => {
                    self.devices[ix].wake = self.devices[ix].in_world(at);
                    return;
                }
                Ok(output) => self.output(ix, output),
                Err(error) => {
                    self.note(ix, &error);
                    self.devices[ix].wake = Time::NEVER;
                    return;
                }
            }
        }
    }

    fn output(&mut self, ix: DeviceIx, output: Output) {
        let connection = self.devices[ix].connection;
        let up = match output {
            Output::Transmit(transmit) => {
                if self.devices[ix].link == Link::Up {
                    self.devices[ix].waiting_transmits.insert(transmit.id);
                    let late = Body::Local(HostTimer::NoAnswer(transmit.id));
                    self.net.at(self.now.plus(ANSWER_WITHIN), Packet { device: ix, connection, body: late });
                }
                for bytes in &transmit.envelopes {
                    let hash = Hash32::of(bytes);
                    self.trace(hash.as_bytes());
                }
                if self.shown == Some(ix) {
                    for envelope in transmit.envelopes.iter().filter_map(|bytes| Envelope::decode(bytes).ok()) {
                        self.show(ix, &format!("{ix} → {:?} #{} {envelope:?}", envelope.recipients, envelope.sequence));
                    }
                }
                self.wire.extend(transmit.envelopes.iter().map(|bytes| (ix, bytes.clone())));
                ToRelay::Submit(transmit.id, transmit.envelopes)
            }
            // The host's own business, until a scenario answers.
            Output::Request(id, request @ Request::Fallback { .. }) => {
                self.devices[ix].fallbacks.push((id, request));
                return;
            }
            Output::Request(id, request) => {
                if self.devices[ix].link == Link::Up {
                    self.devices[ix].waiting_requests.insert(id);
                    let late = Body::Local(HostTimer::NoReply(id));
                    self.net.at(self.now.plus(ANSWER_WITHIN), Packet { device: ix, connection, body: late });
                }
                ToRelay::Ask(id, request)
            }
            Output::Acknowledge(id) => ToRelay::Acknowledge(id),
            Output::Event(event) => {
                let printed = format!("{ix} {event:?}");
                self.show(ix, &printed);
                self.devices[ix].events.push(event);
                self.trace(printed.as_bytes());
                return;
            }
            Output::Timeout { .. } => return,
        };
        // Without a connection it is dropped: the engine hands it out again at the next one.
        if self.devices[ix].link == Link::Up {
            self.net.send(&mut self.rng, self.now, Packet { device: ix, connection, body: Body::Up(up) });
        }
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
