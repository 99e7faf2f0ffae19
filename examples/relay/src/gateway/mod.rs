//! Connections and frames around the relay's logic, sans-IO as well.

mod connection;
mod cost;
mod output;
mod shared;

use std::collections::{BTreeMap, VecDeque};

use undertone::id::DeviceId;
use undertone::time::Time;

use crate::count::{Book, Counts, Note};
use crate::frame::{CloseReason, Down, FrameError, Up};
use crate::guard::{Guard, GuardLimits};
use crate::logic::{Fault, Login, Output, Relay, RevocationRefused};
use crate::network::Network;
use crate::store::{RelayStore, StoreError};

use connection::{Connection, State};
pub use output::{ConnectionId, GatewayOutput};
pub use shared::{Attempt, Tell, Told};

/// A relay that speaks frames on connections.
pub struct Gateway<S> {
    relay: Relay<S>,
    guard: Guard,
    connections: BTreeMap<ConnectionId, Connection>,
    devices: BTreeMap<DeviceId, ConnectionId>,
    outputs: VecDeque<GatewayOutput>,
    book: Book,
}

impl<S: RelayStore> Gateway<S> {
    /// Around a relay, without limits on connections.
    pub fn new(relay: Relay<S>) -> Gateway<S> {
        Gateway::guarded(relay, GuardLimits::none())
    }

    /// Around a relay, with limits on connections.
    pub fn guarded(relay: Relay<S>, limits: GuardLimits) -> Gateway<S> {
        Gateway {
            relay,
            guard: Guard::new(limits),
            connections: BTreeMap::new(),
            devices: BTreeMap::new(),
            outputs: VecDeque::new(),
            book: Book::default(),
        }
    }

    /// The relay's logic.
    pub fn relay(&self) -> &Relay<S> {
        &self.relay
    }

    /// The relay's logic, for what comes on no connection. What it puts out comes with the next [`Gateway::drain`].
    pub fn relay_mut(&mut self) -> &mut Relay<S> {
        &mut self.relay
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        let connections = self.connections.len() as u64;
        Counts { connections, logged_in: self.devices.len() as u64, ..self.book.counts.clone() }
    }

    /// What is to be logged; it is forgotten here.
    pub fn take_notes(&mut self) -> VecDeque<Note> {
        self.book.take()
    }

    /// A new connection: it is challenged, and has to log in in time.
    pub fn connect(&mut self, connection: ConnectionId, now: Time) {
        self.connect_from(connection, None, now);
    }

    /// A new connection, and where it comes from, if that is known: it is challenged like any; or it is closed, because
    /// too many were tried from there.
    pub fn connect_from(&mut self, connection: ConnectionId, from: Option<Network>, now: Time) {
        if !self.guard.may_try(from, now) {
            self.send(connection, &Down::Closing(CloseReason::RateLimited));
            self.outputs.push_back(GatewayOutput::Close(connection));
            self.book.closed(connection, CloseReason::RateLimited);
            return;
        }
        let challenge = self.relay.challenge();
        let state = State::Challenged { challenge, until: self.guard.login_until(now) };
        self.connections.insert(connection, Connection { from, state });
        self.send(connection, &Down::Challenge { challenge });
    }

    /// A connection has ended.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        match self.connections.remove(&connection) {
            Some(Connection { state: State::LoggedIn { device, user, .. }, .. }) => {
                self.guard.left(&user);
                if self.devices.get(&device) == Some(&connection) {
                    self.devices.remove(&device);
                    self.relay.logout(device);
                }
            }
            Some(Connection { from, state: State::Challenged { .. } }) => self.guard.decided(from),
            None => {}
        }
    }

    /// A frame came. A connection that sends what is none is closed.
    ///
    /// # Errors
    /// Any [`StoreError`]: then the relay must be opened afresh, and nothing since the last drain may leave.
    pub fn receive(&mut self, connection: ConnectionId, bytes: &[u8], now: Time) -> Result<(), StoreError> {
        let Some(Connection { from, state }) = self.connections.get(&connection) else { return Ok(()) };
        self.book.counts.frames_in += 1;
        match state {
            State::LoggedIn { device, user, .. } if !self.guard.may_send(*device, user, *from, 1, now) => {
                self.close(connection, CloseReason::RateLimited);
            }
            State::LoggedIn { device, .. } => {
                let device = *device;
                match Up::decode(bytes) {
                    Ok(frame) => self.serve(connection, device, frame, now)?,
                    Err(error) => self.close(connection, no_frame(error)),
                }
            }
            State::Challenged { challenge, .. } => {
                let (challenge, from) = (*challenge, *from);
                match Up::decode_login(bytes) {
                    Ok(Up::Login { certificate, signature }) => {
                        self.log_in(connection, from, &challenge, (&certificate, &signature), now)?;
                    }
                    Ok(_) => self.no_login(connection, from, CloseReason::Malformed, now),
                    Err(error) => self.no_login(connection, from, no_frame(error), now),
                }
            }
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
        let ends = self.connections.values().map(|connection| connection.state.until());
        ends.fold(self.relay.poll_timeout(), Time::min)
    }

    /// Ends connections that did not log in, or whose certificate has ended, and removes what has expired, in bounded steps.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), StoreError> {
        let late = self.connections.iter().filter(|(_, connection)| connection.state.until() <= now);
        let late: Vec<_> = late.map(|(id, connection)| (*id, connection.state.end())).collect();
        for (connection, why) in late {
            self.close(connection, why);
        }
        self.relay.handle_timeout(now)?;
        self.translate();
        Ok(())
    }

    /// Tells every connection that the relay goes away, and ends it.
    pub fn shut_down(&mut self) {
        let all: Vec<_> = self.connections.keys().copied().collect();
        for connection in all {
            self.close(connection, CloseReason::GoingAway);
        }
    }

    /// Makes all inputs so far durable with one flush, and only then hands out what is to be done.
    ///
    /// # Errors
    /// Any [`StoreError`]: then nothing may leave.
    pub fn drain(&mut self) -> Result<VecDeque<GatewayOutput>, StoreError> {
        self.translate();
        self.relay.commit()?;
        Ok(std::mem::take(&mut self.outputs))
    }

    fn log_in(
        &mut self,
        connection: ConnectionId,
        from: Option<Network>,
        challenge: &[u8; 32],
        (certificate, signature): (&[u8], &[u8]),
        now: Time,
    ) -> Result<(), StoreError> {
        match self.relay.login(challenge, certificate, signature, now) {
            Ok(login) => self.enter(connection, from, login, now),
            Err(Fault::Refused(reason)) => {
                self.guard.refused(from, now);
                self.book.login_refused(connection, reason);
                self.send(connection, &Down::LoginRefused(reason));
                self.end(connection);
            }
            Err(Fault::Store(error)) => return Err(error),
        }
        Ok(())
    }

    /// What came is no login: that counts as one that was refused, or trying would be cheaper with nonsense.
    fn no_login(&mut self, connection: ConnectionId, from: Option<Network>, why: CloseReason, now: Time) {
        self.guard.refused(from, now);
        self.close(connection, why);
    }

    /// The device has proved who it is.
    fn enter(&mut self, connection: ConnectionId, from: Option<Network>, login: Login, now: Time) {
        // The older connection first, so that its end does not log the device out again.
        if let Some(older) = self.devices.insert(login.device, connection) {
            self.close(older, CloseReason::Replaced);
        }
        if !self.guard.may_enter(login.device, &login.user, now) {
            self.devices.remove(&login.device);
            self.relay.logout(login.device);
            return self.close(connection, CloseReason::RateLimited);
        }
        self.guard.decided(from);
        let answer = Down::LoggedIn {
            time: login.time,
            highest_sequence: login.highest_sequence,
            key_packages: count(login.key_packages),
            revocations: !self.relay.revocations().is_empty(),
        };
        let state = State::LoggedIn { device: login.device, user: login.user, until: login.until };
        self.connections.insert(connection, Connection { from, state });
        self.book.counts.logins += 1;
        self.send(connection, &answer);
    }

    fn serve(&mut self, connection: ConnectionId, device: DeviceId, frame: Up, now: Time) -> Result<(), StoreError> {
        let answer = match frame {
            Up::Login { .. } => {
                self.close(connection, CloseReason::Malformed);
                return Ok(());
            }
            Up::Acknowledge { ids } => {
                if self.charge(connection, cost::of_acknowledgement(ids.len()), now) {
                    let not_given = self.relay.acknowledge(device, &ids)?;
                    self.book.not_given(connection, not_given);
                }
                return Ok(());
            }
            Up::Transmit { id, bundle } => {
                let result = self.relay.submit(device, &bundle, now)?;
                self.book.transmitted(connection, &result);
                Down::Transmitted { id, result }
            }
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
            Up::UploadToken { request } => {
                let token = self.relay.upload_token(device, now);
                answer(request, token, |token| Down::UploadToken { request, token })?
            }
        };
        if let Down::RequestRefused { reason, .. } = &answer {
            self.book.refused(connection, *reason);
        }
        let bytes = self.send(connection, &answer);
        // Afterwards, for nobody knows it before. Who is ended by it has its answer.
        self.charge(connection, cost::of_answer(bytes), now);
        Ok(())
    }

    /// Turns what the logic tells devices into frames on their connections.
    fn translate(&mut self) {
        while let Some(output) = self.relay.poll_output() {
            let (to, frame) = match output {
                Output::Push { device, hint } => {
                    self.book.counts.pushes += 1;
                    self.outputs.push_back(GatewayOutput::Push { device, hint });
                    continue;
                }
                Output::RemoveBlob { name } => {
                    self.outputs.push_back(GatewayOutput::RemoveBlob(name));
                    continue;
                }
                Output::Passed { to, delivery } => {
                    self.elsewhere(to, Tell::Word(delivery));
                    continue;
                }
                Output::LoggedOut { device } => {
                    if let Some(connection) = self.devices.remove(&device) {
                        self.close(connection, CloseReason::Revoked);
                    }
                    continue;
                }
                Output::Deliver { to, delivery } => {
                    self.book.counts.delivered += 1;
                    (to, Down::Delivered(delivery))
                }
                Output::MailWaiting { to } => (to, Down::MailWaiting),
                Output::DirectoryChanged { to, user } => (to, Down::DirectoryChanged { user }),
                Output::RevocationsChanged { to } => (to, Down::RevocationsChanged),
            };
            match (self.devices.get(&to).copied(), frame) {
                (Some(connection), frame) => drop(self.send(connection, &frame)),
                (None, Down::DirectoryChanged { user }) if self.relay.is_shared() => {
                    self.elsewhere(to, Tell::Directory(user));
                }
                (None, _) => {}
            }
        }
    }

    /// Sends a frame; its bytes.
    fn send(&mut self, to: ConnectionId, frame: &Down) -> usize {
        let Ok(frame) = frame.encode() else {
            // Nothing that the relay makes fails to encode; a connection with a gap in it would be worse than none.
            self.end(to);
            return 0;
        };
        let bytes = frame.len();
        self.book.counts.frames_out += 1;
        self.outputs.push_back(GatewayOutput::Send { to, frame });
        bytes
    }

    /// Says why, and ends a connection.
    fn close(&mut self, connection: ConnectionId, why: CloseReason) {
        self.book.closed(connection, why);
        self.send(connection, &Down::Closing(why));
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

/// Why a connection ends that sent what is no frame.
fn no_frame(error: FrameError) -> CloseReason {
    if error == FrameError::Version { CloseReason::Version } else { CloseReason::Malformed }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
