//! Time as the engine sees it: an argument, never a clock.

use serde::{Deserialize, Serialize};

use crate::error::Misuse;

/// Milliseconds in a second.
pub const SECOND: u64 = 1_000;
/// Milliseconds in a minute.
pub const MINUTE: u64 = 60 * SECOND;
/// Milliseconds in an hour.
pub const HOUR: u64 = 60 * MINUTE;
/// Milliseconds in a day.
pub const DAY: u64 = 24 * HOUR;

/// An instant of wall time: milliseconds since 1970-01-01T00:00:00Z, up to the end of 2099.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// 1970-01-01T00:00:00Z.
    pub const ZERO: Time = Time(0);
    /// 2100-01-01T00:00:00Z, the first instant that the engine refuses.
    pub const END: Time = Time(4_102_444_800_000);
    /// Later than any deadline.
    pub const NEVER: Time = Time(u64::MAX);

    /// Takes milliseconds since 1970 as a host's clock gives them.
    ///
    /// # Errors
    /// [`Misuse::Clock`] before 1970 or from 2100 on.
    pub fn from_unix_ms(ms: i64) -> Result<Time, Misuse> {
        match u64::try_from(ms) {
            Ok(ms) if ms < Self::END.0 => Ok(Time(ms)),
            _ => Err(Misuse::Clock),
        }
    }

    /// An instant read from the wire or the store, not yet judged.
    pub const fn from_ms(ms: u64) -> Time {
        Time(ms)
    }

    /// Milliseconds since 1970.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// This instant, `ms` later.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Time {
        Time(self.0.saturating_add(ms))
    }

    /// This instant, `ms` earlier, not before 1970.
    #[must_use]
    pub const fn minus(self, ms: u64) -> Time {
        Time(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` to this instant; 0 when `earlier` is later.
    pub const fn since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds from `other` to this instant; negative when `other` is later.
    pub(crate) const fn ahead_of(self, other: Time) -> i64 {
        let apart = self.0.abs_diff(other.0);
        let apart = if apart > i64::MAX as u64 { i64::MAX } else { apart as i64 };
        if self.0 < other.0 { -apart } else { apart }
    }

    /// Whether a host's clock may show this instant.
    pub(crate) fn check(self) -> Result<(), Misuse> {
        if self < Self::END { Ok(()) } else { Err(Misuse::Clock) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_1970_or_from_2100_on_is_refused() {
        assert_eq!(Time::from_unix_ms(-1), Err(Misuse::Clock));
        assert_eq!(Time::from_unix_ms(4_102_444_800_000), Err(Misuse::Clock));
        assert_eq!(Time::from_unix_ms(0), Ok(Time::ZERO));
    }
}
