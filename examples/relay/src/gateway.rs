//! Connections and frames around the relay's logic, sans-IO as well.

use std::collections::{BTreeMap, VecDeque};

use undertone::envelope::PushHint;
use undertone::id::{DeviceId, UserId};
use undertone::time::{SECOND, Time};

use crate::answer::Delivery;
use crate::frame::{CloseReason, Down, FrameError, Up};
use crate::logic::{Fault, Output, Relay, RevocationRefused};
use crate::store::{RelayStore, StoreError};

/// How long a connection may take to log in.
const LOGIN_WITHIN: u64 = 10 * SECOND;

/// A connection, as the host of the gateway numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What the host of a gateway must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayOutput {
    /// Send a frame.
    Send {
        /// On which connection.
        to: ConnectionId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// End a connection, after what was sent on it. The gateway has forgotten it.
    Close(ConnectionId),
    /// Have a push service wake a device, with the hint and nothing else.
    Push {
        /// Which device.
        device: DeviceId,
        /// What it may be told.
        hint: PushHint,
    },
    /// Only of a relay that shares its platform: tell whichever relay has a device.
    Tell {
        /// Which device.
        device: DeviceId,
        /// What.
        what: Tell,
    },
}

/// What goes to whichever relay has a device, when several serve one platform.
#[derive(Clone, PartialEq, Eq)]
pub enum Tell {
    /// Something of the moment.
    Word(Delivery),
    /// A user's devices changed.
    Directory(UserId),
}

/// What came for a device from another relay, or out of its mailbox.
#[derive(Clone, PartialEq, Eq)]
pub enum Told {
    /// The next of its mailbox.
    Mail(Delivery),
    /// Something of the moment.
    Word(Delivery),
    /// A user's devices changed.
    Directory(UserId),
}

impl std::fmt::Debug for Tell {
    /// Only the kind: users and envelopes are not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Tell::Word(_) => "Word",
            Tell::Directory(_) => "Directory",
        })
    }
}

/// How a connection was before an input that may come to nothing.
#[derive(Clone)]
pub struct Before {
    connection: ConnectionId,
    state: Option<State>,
}

/// A relay that speaks frames on connections.
pub struct Gateway<S> {
    relay: Relay<S>,
    connections: BTreeMap<ConnectionId, State>,
    devices: BTreeMap<DeviceId, ConnectionId>,
    outputs: VecDeque<GatewayOutput>,
}

/// How far a connection is.
#[derive(Clone)]
enum State {
    /// The challenge went out, and must be answered in time.
    Challenged { challenge: [u8; 32], until: Time },
    /// The device is logged in.
    LoggedIn(DeviceId),
}

impl<S: RelayStore> Gateway<S> {
    /// Around a relay.
    pub fn new(relay: Relay<S>) -> Gateway<S> {
        Gateway { relay, connections: BTreeMap::new(), devices: BTreeMap::new(), outputs: VecDeque::new() }
    }

    /// The relay's logic.
    pub fn relay(&self) -> &Relay<S> {
        &self.relay
    }

    /// A new connection: it is challenged, and has ten seconds to log in.
    pub fn connect(&mut self, connection: ConnectionId, now: Time) {
        let challenge = self.relay.challenge();
        let until = now.plus(LOGIN_WITHIN);
        self.connections.insert(connection, State::Challenged { challenge, until });
        self.send(connection, &Down::Challenge { challenge });
    }

    /// A connection has ended.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        if let Some(State::LoggedIn(device)) = self.connections.remove(&connection)
            && self.devices.get(&device) == Some(&connection)
        {
            self.devices.remove(&device);
            self.relay.logout(device);
        }
    }

    /// A frame came. A connection that sends what is none is closed.
    ///
    /// # Errors
    /// Any [`StoreError`]: then the relay must be opened afresh, and nothing since the last drain may leave.
    pub fn receive(&mut self, connection: ConnectionId, bytes: &[u8], now: Time) -> Result<(), StoreError> {
        let Some(state) = self.connections.get(&connection) else { return Ok(()) };
        match (state, Up::decode(bytes)) {
            (State::LoggedIn(device), Ok(frame)) => {
                let device = *device;
                self.serve(connection, device, frame, now)?;
            }
            (State::Challenged { challenge, .. }, Ok(Up::Login { certificate, signature })) => {
                let challenge = *challenge;
                self.log_in(connection, &challenge, &certificate, &signature, now)?;
            }
            (_, Err(FrameError::Version)) => self.close(connection, &Down::Closing(CloseReason::Version)),
            (_, _) => self.close(connection, &Down::Closing(CloseReason::Malformed)),
        }
        self.translate();
        Ok(())
    }

    /// Puts a revocation list in force and ends the connections of whom it names.
    ///
    /// # Errors
    /// [`RevocationRefused`], or any [`StoreError`].
    pub fn revoke(&mut self, list: &[u8]) -> Result<(), Fault<RevocationRefused>> {
        self.relay.revoke(list)?;
        self.translate();
        Ok(())
    }

    /// When [`Gateway::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Time {
        let logins = self.connections.values().filter_map(|state| match state {
            State::Challenged { until, .. } => Some(*until),
            State::LoggedIn(_) => None,
        });
        logins.fold(self.relay.poll_timeout(), Time::min)
    }

    /// Ends connections that did not log in, and removes what has expired, in bounded steps.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), StoreError> {
        let late = |state: &State| matches!(state, State::Challenged { until, .. } if *until <= now);
        let late: Vec<_> = self.connections.iter().filter(|(_, state)| late(state)).map(|(id, _)| *id).collect();
        for connection in late {
            self.close(connection, &Down::Closing(CloseReason::Malformed));
        }
        self.relay.handle_timeout(now)
    }

    /// Tells every connection that the relay goes away, and ends it.
    pub fn shut_down(&mut self) {
        let all: Vec<_> = self.connections.keys().copied().collect();
        for connection in all {
            self.close(connection, &Down::Closing(CloseReason::GoingAway));
        }
    }

    /// Makes all inputs so far durable with one flush, and only then hands out what is to be done.
    ///
    /// # Errors
    /// Any [`StoreError`]: then nothing may leave.
    pub fn drain(&mut self) -> Result<VecDeque<GatewayOutput>, StoreError> {
        self.relay.commit()?;
        Ok(std::mem::take(&mut self.outputs))
    }

    /// The relay's logic, for whoever shares the platform with others.
    pub fn relay_mut(&mut self) -> &mut Relay<S> {
        &mut self.relay
    }

    /// The device of a connection that is logged in.
    pub fn device_of(&self, connection: ConnectionId) -> Option<DeviceId> {
        match self.connections.get(&connection) {
            Some(State::LoggedIn(device)) => Some(*device),
            _ => None,
        }
    }

    /// How a connection is, to put it back should the next input come to nothing.
    pub fn before(&self, connection: ConnectionId) -> Before {
        Before { connection, state: self.connections.get(&connection).cloned() }
    }

    /// Puts a connection back to how it was: an input that logged it in was lost. What the input put out is dropped.
    pub fn put_back(&mut self, before: Before) {
        self.outputs.clear();
        let Some(state @ State::Challenged { .. }) = before.state else { return };
        if self.device_of(before.connection).is_some() {
            self.disconnect(before.connection);
            self.connections.insert(before.connection, state);
        }
    }

    /// Ends a connection whose device has logged in elsewhere, or whose input cannot be kept.
    pub fn dismiss(&mut self, connection: ConnectionId, why: CloseReason) {
        if self.connections.contains_key(&connection) {
            self.close(connection, &Down::Closing(why));
        }
    }

    /// Hands a device what another relay told, and says what is to be sent.
    pub fn tell(&mut self, device: DeviceId, what: Told) {
        match what {
            Told::Mail(delivery) => self.relay.arrived(&device, delivery),
            Told::Word(delivery) => self.relay.heard(device, delivery),
            Told::Directory(user) => {
                if let Some(connection) = self.devices.get(&device).copied() {
                    self.send(connection, &Down::DirectoryChanged { user });
                }
            }
        }
        self.translate();
    }

    fn log_in(
        &mut self,
        connection: ConnectionId,
        challenge: &[u8; 32],
        certificate: &[u8],
        signature: &[u8],
        now: Time,
    ) -> Result<(), StoreError> {
        let login = match self.relay.login(challenge, certificate, signature, now) {
            Ok(login) => login,
            Err(Fault::Refused(reason)) => {
                self.close(connection, &Down::LoginRefused(reason));
                return Ok(());
            }
            Err(Fault::Store(error)) => return Err(error),
        };
        // The older connection first, so that its end does not log the device out again.
        if let Some(older) = self.devices.insert(login.device, connection) {
            self.close(older, &Down::Closing(CloseReason::Replaced));
        }
        self.connections.insert(connection, State::LoggedIn(login.device));
        let answer = Down::LoggedIn {
            time: login.time,
            highest_sequence: login.highest_sequence,
            key_packages: count(login.key_packages),
            revocations: !self.relay.revocations().is_empty(),
        };
        self.send(connection, &answer);
        Ok(())
    }

    fn serve(&mut self, connection: ConnectionId, device: DeviceId, frame: Up, now: Time) -> Result<(), StoreError> {
        let answer = match frame {
            Up::Login { .. } => {
                self.close(connection, &Down::Closing(CloseReason::Malformed));
                return Ok(());
            }
            Up::Acknowledge { ids } => return self.relay.acknowledge(device, &ids),
            Up::Transmit { id, bundle } => Down::Transmitted { id, result: self.relay.submit(device, &bundle, now)? },
            Up::Fetch { request, since, limit } => {
                let page = self.relay.fetch(device, since, limit as usize, now)?;
                Down::Fetched { request, page }
            }
            Up::LookUp { request, users, key_packages } => {
                let found = self.relay.look_up(device, &users, key_packages, now);
                answer(request, found, |users| Down::Directory { request, users })?
            }
            Up::Publish { request, packages, last_resort, replace } => {
                let left = self.relay.publish(device, &packages, last_resort.as_deref(), replace, now);
                answer(request, left, |left| Down::Published { request, key_packages: count(left) })?
            }
            Up::Slot { request, name } => {
                let holder = self.relay.slot(device, &name, now);
                answer(request, holder, |holder| Down::SlotHeld { request, holder })?
            }
            Up::Revocations { request } => {
                let lists = self.relay.revocations().into_iter().map(<[u8]>::to_vec).collect();
                Down::Revocations { request, lists }
            }
        };
        self.send(connection, &answer);
        Ok(())
    }

    /// Turns what the logic tells devices into frames on their connections.
    fn translate(&mut self) {
        while let Some(output) = self.relay.poll_output() {
            let (to, frame) = match output {
                Output::Push { device, hint } => {
                    self.outputs.push_back(GatewayOutput::Push { device, hint });
                    continue;
                }
                Output::Passed { to, delivery } => {
                    self.elsewhere(to, Tell::Word(delivery));
                    continue;
                }
                Output::LoggedOut { device } => {
                    if let Some(connection) = self.devices.remove(&device) {
                        self.close(connection, &Down::Closing(CloseReason::Revoked));
                    }
                    continue;
                }
                Output::Deliver { to, delivery } => (to, Down::Delivered(delivery)),
                Output::MailWaiting { to } => (to, Down::MailWaiting),
                Output::DirectoryChanged { to, user } => (to, Down::DirectoryChanged { user }),
                Output::RevocationsChanged { to } => (to, Down::RevocationsChanged),
            };
            match (self.devices.get(&to).copied(), frame) {
                (Some(connection), frame) => self.send(connection, &frame),
                (None, Down::DirectoryChanged { user }) if self.relay.is_shared() => {
                    self.elsewhere(to, Tell::Directory(user));
                }
                (None, _) => {}
            }
        }
    }

    fn elsewhere(&mut self, device: DeviceId, what: Tell) {
        self.outputs.push_back(GatewayOutput::Tell { device, what });
    }

    fn send(&mut self, to: ConnectionId, frame: &Down) {
        match frame.encode() {
            Ok(frame) => self.outputs.push_back(GatewayOutput::Send { to, frame }),
            // Nothing that the relay makes fails to encode; a connection with a gap in it would be worse than none.
            Err(_) => self.end(to),
        }
    }

    /// Says why, and ends a connection.
    fn close(&mut self, connection: ConnectionId, why: &Down) {
        self.send(connection, why);
        self.end(connection);
    }

    fn end(&mut self, connection: ConnectionId) {
        self.disconnect(connection);
        self.outputs.push_back(GatewayOutput::Close(connection));
    }
}

fn answer<T>(request: u64, result: Result<T, Fault>, good: impl FnOnce(T) -> Down) -> Result<Down, StoreError> {
    match result {
        Ok(value) => Ok(good(value)),
        Err(Fault::Refused(reason)) => Ok(Down::RequestRefused { request, reason }),
        Err(Fault::Store(error)) => Err(error),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
