//! The hosts of a world: connections, and what engines want done.

use undertone::engine::Engine;
use undertone::envelope::Envelope;
use undertone::id::Hash32;
use undertone::input::{Answer, Connection, TransmitResult};
use undertone::output::Output;
use undertone::time::{SECOND, Time};

use super::{DeviceIx, World};
use crate::sim::device::{Link, is_fatal};
use crate::sim::net::{Body, HostTimer, Packet, ToDevice, ToRelay};

/// How long a host waits for an answer.
const ANSWER_WITHIN: u64 = 10 * SECOND;
/// How long a host waits before it dials again.
const REDIAL: u64 = 2 * SECOND;

impl World {
    pub(super) fn at_device(&mut self, packet: &Packet, down: ToDevice) {
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

    pub(super) fn host_timer(&mut self, packet: &Packet, timer: HostTimer) {
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

    /// The host finds out at `at` that its connection is dead.
    pub(super) fn break_link(&mut self, ix: DeviceIx, at: Time) {
        let connection = self.devices[ix].connection;
        self.net.at(at, Packet { device: ix, connection, body: Body::Local(HostTimer::Broken) });
    }

    /// The network lets nothing through to or from a device any more; its host finds out after a while.
    pub fn cut(&mut self, ix: DeviceIx) {
        self.devices[ix].cut = true;
        let at = self.now.plus(5 * SECOND + self.rng.below(10 * SECOND));
        self.break_link(ix, at);
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
}
