//! A relay in memory, for tests of apps and servers: the logic of the reference relay, without a network.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use undertone_relay::gateway::{ConnectionId, Gateway, GatewayOutput};
use undertone_relay::logic::{Config, Fault, Limits, Relay};
use undertone_relay::store::{MemoryStore, StoreError};

use crate::authority::keys;
use crate::clock::ManualClock;
use crate::entropy;
use crate::error::{Result, UndertoneError, misuse};
use crate::policy::Policy;

/// The reference relay in memory, for tests: connections are numbers, and frames are handed over by calls.
#[derive(uniffi::Object)]
pub struct TestRelay {
    clock: Arc<ManualClock>,
    desk: Mutex<Desk>,
}

struct Desk {
    gateway: Gateway<MemoryStore>,
    /// What waits for each connection that has not ended, or has frames left that were sent before its end.
    waiting: BTreeMap<ConnectionId, Wire>,
    next: u64,
}

/// What a relay has for a connection.
#[derive(Default, uniffi::Record)]
pub struct Wire {
    /// Frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// Whether the relay has ended the connection behind them.
    pub ended: bool,
}

#[uniffi::export]
impl TestRelay {
    /// A relay that trusts these authorities, keeps these rules (`None` for the preset ones), and lives by this clock.
    #[uniffi::constructor]
    pub fn new(
        authorities: Vec<Vec<u8>>,
        policy: Option<Arc<Policy>>,
        clock: Arc<ManualClock>,
    ) -> Result<Arc<TestRelay>> {
        let policy = policy.map_or_else(undertone::policy::Policy::companion, |policy| policy.rules().clone());
        let config = Config { authorities: keys(&authorities)?, policy, limits: Limits::default(), sights: 0 };
        let relay = Relay::open(config, MemoryStore::default(), entropy::seed()?)?;
        let desk = Desk { gateway: Gateway::new(relay), waiting: BTreeMap::new(), next: 1 };
        Ok(Arc::new(TestRelay { clock, desk: Mutex::new(desk) }))
    }

    /// A new connection, by its number.
    pub fn connect(&self) -> Result<u64> {
        let now = self.clock.now()?;
        let mut desk = self.desk.lock();
        let connection = ConnectionId(desk.next);
        desk.next += 1;
        desk.waiting.insert(connection, Wire::default());
        desk.gateway.connect(connection, now);
        desk.sort_out()?;
        Ok(connection.0)
    }

    /// A connection has ended.
    pub fn disconnect(&self, connection: u64) -> Result<()> {
        let mut desk = self.desk.lock();
        desk.gateway.disconnect(ConnectionId(connection));
        desk.waiting.remove(&ConnectionId(connection));
        desk.sort_out()
    }

    /// A frame of a device.
    pub fn send(&self, connection: u64, frame: Vec<u8>) -> Result<()> {
        let now = self.clock.now()?;
        let mut desk = self.desk.lock();
        desk.gateway.receive(ConnectionId(connection), &frame, now)?;
        desk.sort_out()
    }

    /// Takes what waits for a connection.
    pub fn take(&self, connection: u64) -> Result<Wire> {
        let now = self.clock.now()?;
        let mut desk = self.desk.lock();
        if desk.gateway.poll_timeout() <= now {
            desk.gateway.handle_timeout(now)?;
            desk.sort_out()?;
        }
        let Some(wire) = desk.waiting.get_mut(&ConnectionId(connection)) else {
            return Ok(Wire { frames: Vec::new(), ended: true });
        };
        Ok(Wire { frames: std::mem::take(&mut wire.frames), ended: wire.ended })
    }

    /// Puts a revocation list of an authority in force.
    pub fn revoke(&self, list: Vec<u8>) -> Result<()> {
        let mut desk = self.desk.lock();
        desk.gateway.revoke(&list)?;
        desk.sort_out()
    }
}

impl Desk {
    fn sort_out(&mut self) -> Result<()> {
        for output in self.gateway.drain()? {
            match output {
                GatewayOutput::Send { to, frame } => self.waiting.entry(to).or_default().frames.push(frame),
                GatewayOutput::Close(connection) => self.waiting.entry(connection).or_default().ended = true,
                GatewayOutput::Push { .. } | GatewayOutput::RemoveBlob(_) | GatewayOutput::Tell { .. } => {}
            }
        }
        Ok(())
    }
}

impl From<StoreError> for UndertoneError {
    fn from(error: StoreError) -> UndertoneError {
        UndertoneError::Bug { code: "bug.test_relay".to_owned(), text: error.to_string() }
    }
}

impl From<Fault<undertone_relay::logic::RevocationRefused>> for UndertoneError {
    fn from(fault: Fault<undertone_relay::logic::RevocationRefused>) -> UndertoneError {
        match fault {
            Fault::Refused(_) => misuse("revocation", "the relay refuses that revocation list"),
            Fault::Store(error) => error.into(),
        }
    }
}
