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
        let unlimited = Rate::UNLIMITED;
        let limits = Limits {
            inputs: unlimited,
            bytes: unlimited,
            user_inputs: unlimited,
            user_bytes: unlimited,
            commits: unlimited,
            claims: unlimited,
            ..Limits::default()
        };
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

    fn sort(&mut self) {
        for output in self.gateway.drain().expect("rows in memory do not fail") {
            match output {
                GatewayOutput::Send { to, frame } => self.frames.entry(to).or_default().push(frame),
                GatewayOutput::Close(_)
                | GatewayOutput::Push { .. }
                | GatewayOutput::RemoveBlob(_)
                | GatewayOutput::Tell { .. } => {}
            }
        }
    }
}
