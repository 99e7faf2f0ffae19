//! A relay in this process, with a clock that the suite sets: the transport that tests of a host embed.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use undertone::policy::Policy;
use undertone::time::Time;

use super::{Credentials, Line, LineError, Transport, authority};
use crate::frame::{Down, Up};
use crate::gateway::{ConnectionId, Gateway, GatewayOutput};
use crate::logic::{Config, Limits, Relay, login_message};
use crate::store::{MemoryStore, StoreError};

/// The gateway around the logic, on rows in memory.
pub struct Embedded(Rc<RefCell<Inner>>);

struct Inner {
    gateway: Gateway<MemoryStore>,
    now: Time,
    last: u64,
    waiting: BTreeMap<ConnectionId, VecDeque<Down>>,
}

struct EmbeddedLine {
    inner: Rc<RefCell<Inner>>,
    connection: ConnectionId,
}

impl Embedded {
    /// An empty one.
    ///
    /// # Panics
    /// Never: memory does not fail.
    #[allow(clippy::expect_used, reason = "memory does not fail")]
    pub fn new() -> Embedded {
        let authorities = vec![authority().public_key()];
        let config = Config { authorities, policy: Policy::companion(), limits: Limits::default(), sights: 0 };
        let relay = Relay::open(config, MemoryStore::default(), [5; 32]).expect("memory does not fail");
        let (gateway, now) = (Gateway::new(relay), Time::from_ms(1_800_000_000_000));
        Embedded(Rc::new(RefCell::new(Inner { gateway, now, last: 0, waiting: BTreeMap::new() })))
    }
}

impl Default for Embedded {
    fn default() -> Embedded {
        Embedded::new()
    }
}

impl Transport for Embedded {
    fn connect(&self, device: &Credentials<'_>, _server: usize) -> Result<Box<dyn Line>, LineError> {
        let mut inner = self.0.borrow_mut();
        inner.last += 1;
        let (connection, now) = (ConnectionId(inner.last), inner.now);
        inner.gateway.connect(connection, now);
        inner.drain().map_err(broken)?;
        drop(inner);
        let mut line = EmbeddedLine { inner: self.0.clone(), connection };
        let Down::Challenge { challenge } = line.next()? else {
            return Err(LineError::Broken("no challenge".into()));
        };
        let signature = device.key.sign(&login_message(&challenge)).to_vec();
        line.send(Up::Login { certificate: device.certificate.as_bytes().to_vec(), signature });
        let refused =
            self.0.borrow().waiting.get(&connection).and_then(VecDeque::front).and_then(|frame| match frame {
                Down::LoginRefused(reason) => Some(*reason),
                _ => None,
            });
        match refused {
            Some(reason) => Err(LineError::Refused(reason)),
            None => Ok(Box::new(line)),
        }
    }

    fn now(&self) -> Time {
        self.0.borrow().now
    }

    fn wait_until(&self, at: Time) {
        let mut inner = self.0.borrow_mut();
        inner.now = inner.now.max(at);
        let now = inner.now;
        while inner.gateway.poll_timeout() <= now && inner.gateway.handle_timeout(now).is_ok() {}
    }

    fn revoke(&self, list: &[u8]) -> Result<(), String> {
        let mut inner = self.0.borrow_mut();
        inner.gateway.revoke(list).map_err(|fault| format!("{fault:?}"))?;
        inner.drain().map_err(|error| error.to_string())
    }
}

impl Inner {
    fn drain(&mut self) -> Result<(), StoreError> {
        for output in self.gateway.drain()? {
            if let GatewayOutput::Send { to, frame } = output
                && let Ok(frame) = Down::decode(&frame)
            {
                self.waiting.entry(to).or_default().push_back(frame);
            }
        }
        Ok(())
    }
}

impl Line for EmbeddedLine {
    fn send(&mut self, frame: Up) {
        let mut inner = self.inner.borrow_mut();
        let now = inner.now;
        if let Ok(bytes) = frame.encode() {
            // What the store refuses is noticed by the answer that does not come.
            let _ = inner.gateway.receive(self.connection, &bytes, now);
            let _ = inner.drain();
        }
    }

    fn next(&mut self) -> Result<Down, LineError> {
        let mut inner = self.inner.borrow_mut();
        match inner.waiting.get_mut(&self.connection).and_then(VecDeque::pop_front) {
            Some(Down::Closing(reason)) => Err(LineError::Closed(reason)),
            Some(frame) => Ok(frame),
            None => Err(LineError::Broken("there is nothing".into())),
        }
    }
}

impl Drop for EmbeddedLine {
    fn drop(&mut self) {
        let mut inner = self.inner.borrow_mut();
        inner.gateway.disconnect(self.connection);
        inner.waiting.remove(&self.connection);
    }
}

fn broken(error: StoreError) -> LineError {
    LineError::Broken(error.to_string())
}
