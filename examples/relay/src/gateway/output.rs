//! What the host of a gateway must do.

use undertone::envelope::PushHint;
use undertone::id::DeviceId;

use super::Tell;
use crate::logic::BlobName;

/// A connection, as the host of the gateway numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What the host of a gateway must do.
#[derive(Clone, PartialEq, Eq)]
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
    /// Remove the bytes of a blob.
    RemoveBlob(BlobName),
    /// Only of a relay that shares its platform: tell whichever relay has a device.
    Tell {
        /// Which device.
        device: DeviceId,
        /// What.
        what: Tell,
    },
}
