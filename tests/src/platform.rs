//! A platform in one process: its authority, and its relay, which is the real logic with frames and connections on rows
//! in memory.

use std::collections::BTreeMap;

use undertone::Time;
use undertone::authority::{Authority, EnrolmentRequest};
use undertone::policy::{Policy, Role};
use undertone::time::{DAY, HOUR};
use undertone_relay::gateway::{ConnectionId, Gateway, GatewayOutput};
use undertone_relay::logic::{Config, Limits, Rate, Relay};
use undertone_relay::store::MemoryStore;

/// An authority and a relay.
pub struct Platform {
    authority: Authority,
    gateway: Gateway<MemoryStore>,
    serial: u64,
    connections: u64,
    /// Frames that are on their way to a device.
    frames: BTreeMap<ConnectionId, Vec<Vec<u8>>>,
}

impl Platform {
    /// A platform whose keys come from `seed`. Its relay does not limit how much a device asks for.
    pub fn new(seed: [u8; 32]) -> Platform {
        let authority = Authority::from_seed(seed);
        let unlimited = Rate { burst: 1 << 40, per_minute: 1 << 40 };
        let limits = Limits { inputs: unlimited, bytes: unlimited, claims: unlimited, ..Limits::default() };
        let authorities = vec![authority.public_key()];
        let config = Config { authorities, policy: Policy::companion(), limits, sights: 0 };
        let relay = Relay::open(config, MemoryStore::default(), seed).expect("rows in memory do not fail");
        Platform { authority, gateway: Gateway::new(relay), serial: 0, connections: 0, frames: BTreeMap::new() }
    }

    /// The authority's public key.
    pub fn authority(&self) -> [u8; 32] {
        self.authority.public_key()
    }

    /// A certificate for a device, good for ten years.
    pub fn certify(&mut self, request: &[u8], role: &str, now: Time) -> Vec<u8> {
        let request = EnrolmentRequest::decode(request).expect("an engine made it");
        let role = Role::new(role).expect("a role's name");
        self.serial += 1;
        let issued = self.authority.issue(&request, role, self.serial, now.minus(HOUR), now.plus(3_650 * DAY));
        issued.expect("a request that an engine made is granted").as_bytes().to_vec()
    }

    /// A new connection. The first frame on it is a challenge.
    pub fn connect(&mut self, now: Time) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        self.gateway.connect(connection, now);
        self.sort();
        connection
    }

    /// A connection is gone, with what was on its way.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        self.gateway.disconnect(connection);
        self.sort();
        self.frames.remove(&connection);
    }

    /// A frame from a device.
    pub fn up(&mut self, connection: ConnectionId, frame: &[u8], now: Time) {
        self.gateway.receive(connection, frame, now).expect("rows in memory do not fail");
        self.sort();
    }

    /// The frames for a device since the last call.
    pub fn down(&mut self, connection: ConnectionId) -> Vec<Vec<u8>> {
        self.frames.remove(&connection).unwrap_or_default()
    }

<<<<<<< HEAD
    /// A device has made a delivery durable.
    pub fn acknowledge(&mut self, device: DeviceId, id: DeliveryId) {
        let ids = [answer::DeliveryId(id.0)];
        self.relay.acknowledge(device, &ids).expect("rows in memory do not fail");
        self.turn();
    }

    /// Answers a request.
    pub fn request(&mut self, device: DeviceId, request: &Request, now: Time) -> Response {
        let response = self.respond(device, request, now);
        self.turn();
        response.unwrap_or(Response { deliveries: Vec::new(), answer: Answer::Failed })
    }

    /// What the relay has pushed to a device since the last call.
    pub fn pushed(&mut self, device: DeviceId) -> Vec<Delivery> {
        self.waiting.remove(&device).unwrap_or_default()
    }

    fn respond(&mut self, device: DeviceId, request: &Request, now: Time) -> Result<Response, Fault> {
        let plain = |answer| Response { deliveries: Vec::new(), answer };
        Ok(match request {
            Request::Fetch { since } => {
                let page = self.relay.fetch(device, answer::DeliveryId(*since), PAGE, now)?;
                let next = page.more.then_some(DeliveryId(page.next.0));
                let deliveries = page.deliveries.into_iter().map(delivery).collect();
                Response { deliveries, answer: Answer::Fetched { next } }
            }
            Request::LookUp { users, key_packages } => {
                let found = self.relay.look_up(device, users, *key_packages, now)?;
                plain(Answer::Directory(found.into_iter().map(directory_user).collect()))
            }
            Request::Publish { packages, last_resort, replace } => {
                let packages: Vec<Vec<u8>> = packages.iter().map(|package| package.to_vec()).collect();
                let last_resort = last_resort.as_ref().map(|package| package.as_slice());
                self.relay.publish(device, &packages, last_resort, *replace, now)?;
                plain(Answer::Published)
            }
            Request::Slot { name } => {
                let held = self.relay.slot(device, name, now)?;
                plain(Answer::Slot(held.map(|held| held.winner)))
            }
        })
    }

    /// Makes everything durable and sorts what the relay tells others.
    fn turn(&mut self) {
        self.relay.commit().expect("rows in memory do not fail");
        while let Some(output) = self.relay.poll_output() {
            if let logic::Output::Deliver { to, delivery: pushed } = output {
                self.waiting.entry(to).or_default().push(delivery(pushed));
=======
    fn sort(&mut self) {
        for output in self.gateway.drain().expect("rows in memory do not fail") {
            match output {
                GatewayOutput::Send { to, frame } => self.frames.entry(to).or_default().push(frame),
                GatewayOutput::Close(_) | GatewayOutput::Push { .. } => {}
>>>>>>> 3258d55 (Kill a device at work and take its power away; let two processes take turns)
            }
        }
    }
}
