//! What must hold: all the time, after a restart, and once everything has healed.

mod always;
mod healed;
mod order;
mod resolve;
mod view;

use std::collections::BTreeMap;

use undertone::id::{DeviceId, Hash32};
use undertone::message::SendState;

use super::world::DeviceIx;

pub use always::always;
pub use healed::healed;
pub use resolve::resolve;
pub use view::{page, recent, shown, text};

/// What is remembered between two looks.
#[derive(Default)]
pub struct Watch {
    /// How far a device showed a message.
    states: BTreeMap<(DeviceIx, usize), SendState>,
    /// What a device sent under a number.
    sequences: BTreeMap<(DeviceId, u64), Hash32>,
    /// How much of the wire was looked at.
    wire: usize,
    /// How many of a device's events were looked at.
    events: BTreeMap<DeviceIx, usize>,
}

impl Watch {
    /// A crash may undo what was shown and was not yet durable.
    pub fn forget(&mut self, ix: DeviceIx) {
        self.states.retain(|(device, _), _| *device != ix);
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
