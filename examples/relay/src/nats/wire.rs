//! What relays tell each other about a device, on the subject of that device.

use serde::{Deserialize, Serialize};
use undertone::id::UserId;

use crate::answer::Delivery;

/// For whichever relay has the device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// Something lies in its mailbox.
    Mail,
    /// Something of the moment.
    Moment(Delivery),
    /// A user's devices changed.
    Directory(UserId),
    /// It has logged in: any other connection of it ends. Connections have random names.
    LoggedIn(u64),
}

impl Word {
    pub(super) fn decode(bytes: &[u8]) -> Option<Word> {
        rmp_serde::from_slice(bytes).ok()
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        rmp_serde::to_vec(self).ok()
    }
}
