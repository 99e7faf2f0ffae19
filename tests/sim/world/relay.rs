//! The relay of a world: what reaches it, and what it says by itself.

use undertone::envelope::Envelope;
use undertone::error::Error;
use undertone::input::{Login, TransmitResult};
use undertone::policy::Policy;
use undertone::time::SECOND;
use undertone_relay::logic::Output as RelayOutput;

use super::{DeviceIx, World};
use crate::sim::net::{Body, Packet, ToDevice, ToRelay};
use crate::sim::relay::delivery;

impl World {
    pub(super) fn at_relay(&mut self, packet: &Packet, up: ToRelay) {
        let (ix, connection) = (packet.device, packet.connection);
        let id = self.devices[ix].id;
        if !matches!(up, ToRelay::Hello) && !self.relay.knows(id, connection) {
            return;
        }
        let now = self.now;
        let answer = match up {
            ToRelay::Hello => {
                let Some(login) = self.hello(ix, connection) else { return };
                vec![ToDevice::Welcome(login), ToDevice::Revocations(self.relay.revocations())]
            }
            ToRelay::Submit(transmit, bundle) => {
                let result = self.submit(ix, &bundle);
                if let TransmitResult::Accepted { at } = result {
                    let ids = bundle.iter().filter_map(|bytes| Envelope::decode(bytes).ok()).map(|e| e.id);
                    ids.for_each(|id| {
                        self.accepted.entry(id).or_insert(at);
                    });
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

    /// The relay keeps other rules from now on. All connections end, as at a restart.
    pub fn set_relay_policy(&mut self, policy: fn() -> Policy) {
        self.relay.set_policy(policy);
        for ix in 0..self.devices.len() {
            let connection = self.devices[ix].connection;
            self.net.at(self.now, Packet { device: ix, connection, body: Body::Down(ToDevice::Closed) });
        }
    }

    /// Puts a revocation list in force at the relay, which tells everybody.
    pub fn revoke(&mut self, list: &undertone::authority::RevocationList) {
        self.relay.logic().revoke(list.as_bytes()).expect("a list of the authority");
        self.tell();
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
        self.call(ix, |engine, now| engine.receive(&delivery, now))
    }

    /// Passes on what the relay has to say by itself.
    fn tell(&mut self) {
        let outputs = self.relay.outputs();
        self.pass_on(outputs);
    }

    fn pass_on(&mut self, outputs: Vec<(DeviceIx, u64, RelayOutput)>) {
        for (device, connection, output) in outputs {
            let body = match output {
                RelayOutput::Deliver { delivery: d, .. } => ToDevice::Deliver(delivery(d)),
                RelayOutput::MailWaiting { .. } => ToDevice::MailWaiting,
                RelayOutput::DirectoryChanged { user, .. } => ToDevice::DirectoryChanged(user),
                RelayOutput::RevocationsChanged { .. } => ToDevice::Revocations(self.relay.revocations()),
                RelayOutput::LoggedOut { .. } => ToDevice::Closed,
                RelayOutput::Push { .. } => continue,
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
}
