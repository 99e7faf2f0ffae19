//! Lines that an engine writes by itself, from verified facts.

use serde::{Deserialize, Serialize};

use crate::envelope::Clock;

/// What happened. The author of the message is who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum SystemNote {
    /// The auto-delete period of new messages is another one.
    PeriodChanged {
        /// In minutes; 0 goes when read, −1 never.
        period: i32,
        /// When it starts.
        clock: Clock,
    },
}
