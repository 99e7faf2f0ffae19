//! A gateway of a relay that shares its platform with others: inputs that may come to nothing, and what relays tell each
//! other.

use std::collections::BTreeSet;

use undertone::id::{DeviceId, UserId};
use undertone::time::Time;

use super::{Connection, ConnectionId, Gateway, GatewayOutput, State, cost};
use crate::answer::Delivery;
use crate::count::Book;
use crate::frame::{CloseReason, Down, Up};
use crate::guard::Taken;
use crate::logic::{Aftermath, LOOK_UP_USERS, look_up_cost, publish_cost};
use crate::store::{RelayStore, StoreError};

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

/// What an input did to the gateway's memory. Exactly one of [`Gateway::keep`] and [`Gateway::undo`] is to follow.
pub struct Attempt {
    /// What is to be done, once what the input wrote is true for all relays.
    pub outputs: Vec<GatewayOutput>,
    /// The connection that it came on, and how that was before.
    before: Option<(ConnectionId, Option<Connection>)>,
    aftermath: Aftermath,
    taken: Taken,
    book: Book,
}

impl Attempt {
    /// Whether it ended its own connection after the login. Then it cannot be undone, and need not: such an end has to do with
    /// the frame or with how many came, and with no row.
    pub fn is_end(&self) -> bool {
        match &self.before {
            Some((connection, Some(Connection { state: State::LoggedIn { .. }, .. }))) => {
                self.outputs.iter().any(|output| matches!(output, GatewayOutput::Close(it) if it == connection))
            }
            _ => false,
        }
    }
}

impl<S: RelayStore> Gateway<S> {
    /// Serves a platform together with other relays from now on.
    pub fn share(&mut self) {
        self.relay.share();
        self.guard.note_taken();
    }

    /// Whether a frame gets as far as rows. Nothing is worth being fetched for what a limit refuses before: otherwise who is
    /// over it would cost as much as who is not.
    pub fn is_worth_rows(&self, connection: ConnectionId, frame: &Up, now: Time) -> bool {
        let Some(Connection { from, state }) = self.connections.get(&connection) else { return false };
        let (device, user) = match state {
            State::Challenged { .. } => return matches!(frame, Up::Login { .. }),
            State::LoggedIn { device, user, .. } => (device, user),
        };
        let most = self.relay.limits();
        let may_ask = |inputs| self.relay.affords(device, user, inputs, now);
        self.guard.would_take(*device, user, *from, cost::of(frame), now)
            && match frame {
                Up::Login { .. } => false,
                Up::Transmit { bundle, .. } => self.relay.affords_bundle(device, user, bundle, now),
                Up::LookUp { users, key_packages, .. } => {
                    users.len() <= LOOK_UP_USERS && may_ask(look_up_cost(users, *key_packages))
                }
                Up::Publish { packages, .. } => packages.len() <= most.key_packages && may_ask(publish_cost(packages)),
                Up::Slot { .. } | Up::UploadToken { .. } => may_ask(1),
                Up::Acknowledge { .. } | Up::Fetch { .. } | Up::Revocations { .. } => true,
            }
    }

    /// Runs an input of a connection, or of none, that may come to nothing.
    pub fn attempt<T>(
        &mut self,
        connection: Option<ConnectionId>,
        work: impl FnOnce(&mut Gateway<S>) -> Result<T, StoreError>,
    ) -> (Result<T, StoreError>, Attempt) {
        // What was taken in passing is taken for good.
        drop((self.relay.aftermath(), self.guard.taken()));
        let before = connection.map(|connection| (connection, self.connections.get(&connection).cloned()));
        let aside = std::mem::take(&mut self.book);
        let result = work(self);
        let outputs = self.drain().map(Vec::from);
        let book = std::mem::replace(&mut self.book, aside);
        let (aftermath, taken) = (self.relay.aftermath(), self.guard.taken());
        let (result, outputs) = match (result, outputs) {
            (Ok(_), Err(error)) => (Err(error), Vec::new()),
            (result, outputs) => (result, outputs.unwrap_or_default()),
        };
        (result, Attempt { outputs, before, aftermath, taken, book })
    }

    /// The input's rows are true for all: what is to be done.
    pub fn keep(&mut self, attempt: Attempt) -> Vec<GatewayOutput> {
        self.book.add(attempt.book);
        attempt.outputs
    }

    /// The input came to nothing: gives back what it took, and puts its connection back to how it was. What is to be done all
    /// the same: an older connection of the device is over, whatever becomes of the login.
    pub fn undo(&mut self, attempt: Attempt) -> Vec<GatewayOutput> {
        let Attempt { outputs, before, aftermath, taken, .. } = attempt;
        self.relay.undo(aftermath);
        self.guard.give_back(taken);
        let own = before.as_ref().map(|(connection, _)| *connection);
        if let Some((connection, Some(before))) = before {
            self.put_back(connection, before);
        }
        let closed = outputs.iter().filter_map(|output| match output {
            GatewayOutput::Close(it) if Some(*it) != own => Some(*it),
            _ => None,
        });
        let closed: BTreeSet<ConnectionId> = closed.collect();
        closed.iter().for_each(|connection| self.book.closed(*connection, CloseReason::Replaced));
        let over = |output: &GatewayOutput| match output {
            GatewayOutput::Close(it) | GatewayOutput::Send { to: it, .. } => closed.contains(it),
            _ => false,
        };
        outputs.into_iter().filter(over).collect()
    }

    /// The device of a connection that is logged in.
    pub fn device_of(&self, connection: ConnectionId) -> Option<DeviceId> {
        match self.connections.get(&connection) {
            Some(Connection { state: State::LoggedIn { device, .. }, .. }) => Some(*device),
            _ => None,
        }
    }

    /// Ends a connection whose device has logged in elsewhere, or whose input cannot be kept.
    pub fn dismiss(&mut self, connection: ConnectionId, why: CloseReason) {
        if self.connections.contains_key(&connection) {
            self.close(connection, why);
        }
    }

    /// Hands a device what another relay told.
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

    /// A connection that had not logged in has not, again.
    fn put_back(&mut self, connection: ConnectionId, before: Connection) {
        let is_decided = match self.connections.get(&connection) {
            Some(now) => matches!(now.state, State::LoggedIn { .. }),
            None => true,
        };
        if is_decided && matches!(before.state, State::Challenged { .. }) {
            self.disconnect(connection);
            self.guard.undecided(before.from);
            self.connections.insert(connection, before);
        }
    }

    pub(super) fn elsewhere(&mut self, device: DeviceId, what: Tell) {
        self.outputs.push_back(GatewayOutput::Tell { device, what });
    }
}
