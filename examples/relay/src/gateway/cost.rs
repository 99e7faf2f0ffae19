//! What frames cost beyond being one, counted in frames: as much as they make the relay do.

use undertone::time::Time;

use super::{Connection, ConnectionId, Gateway, State};
use crate::frame::{CloseReason, Up};
use crate::store::RelayStore;

/// Deliveries that are acknowledged for the price of a frame.
const ACKNOWLEDGED: usize = 32;
/// Bytes that are answered for the price of a frame.
const ANSWERED: usize = 64 * 1024;

/// What a frame costs in advance, itself included.
pub(super) fn of(frame: &Up) -> u64 {
    match frame {
        Up::Acknowledge { ids } => 1 + of_acknowledgement(ids.len()),
        _ => 1,
    }
}

/// What acknowledging so many costs on top.
pub(super) fn of_acknowledgement(ids: usize) -> u64 {
    (ids / ACKNOWLEDGED) as u64
}

/// What an answer of so many bytes costs on top.
pub(super) fn of_answer(bytes: usize) -> u64 {
    (bytes / ANSWERED) as u64
}

impl<S: RelayStore> Gateway<S> {
    /// Takes what a frame costs on top. Who has not so much left is disconnected.
    pub(super) fn charge(&mut self, connection: ConnectionId, frames: u64, now: Time) -> bool {
        let Some(Connection { from, state: State::LoggedIn { device, user, .. } }) = self.connections.get(&connection)
        else {
            return false;
        };
        let affordable = frames == 0 || self.guard.may_send(*device, user, *from, frames, now);
        if !affordable {
            self.close(connection, CloseReason::RateLimited);
        }
        affordable
    }
}
