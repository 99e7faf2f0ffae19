//! A connection, and how far it is.

use undertone::id::{DeviceId, UserId};
use undertone::time::Time;

use crate::frame::CloseReason;
use crate::network::Network;

/// A connection of a device.
#[derive(Clone)]
pub(super) struct Connection {
    /// Where it comes from, if that is known.
    pub(super) from: Option<Network>,
    pub(super) state: State,
}

/// How far a connection is.
#[derive(Clone)]
pub(super) enum State {
    /// The challenge went out, and must be answered in time.
    Challenged { challenge: [u8; 32], until: Time },
    /// The device is logged in, and its certificate ends.
    LoggedIn { device: DeviceId, user: UserId, until: Time },
}

impl State {
    /// How long it may last.
    pub(super) fn until(&self) -> Time {
        match self {
            State::Challenged { until, .. } | State::LoggedIn { until, .. } => *until,
        }
    }

    /// What is said when it has lasted so long. A device may come again, with a certificate that runs.
    pub(super) fn end(&self) -> CloseReason {
        match self {
            State::Challenged { .. } => CloseReason::Malformed,
            State::LoggedIn { .. } => CloseReason::GoingAway,
        }
    }
}
