//! Auto-delete: when messages go, and that they do.
//!
//! A message goes at an instant that its author's stamp and its period give, or, when that depends on reading, at one that
//! an *expiry notice* tells to all devices of both sides ([`notice`]). From that instant on it is invisible to every
//! query; [`due`] then deletes it, a bounded step at a time, unless only a jump of the clock says that it is due
//! ([`trust`]). The index of instants is kept by `message/row.rs`, with the rows themselves.

mod due;
mod notice;
mod trust;

pub(crate) use due::{TOGETHER, any_between, deadline, sweep, waiting};
#[cfg(feature = "interop")]
pub(crate) use notice::Notice;
pub(crate) use notice::{apply_early, read, received, tell};
pub(crate) use trust::{Trust, load, save};

use crate::envelope::Clock;
use crate::limits;
use crate::time::{MINUTE, Time};

/// What says when a message goes.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// Auto-delete period in minutes; 0 goes when read, −1 never.
    pub period: i32,
    pub clock: Clock,
    /// What the period counts from, unless it counts from reading: see [`sent`].
    pub sent: Time,
    /// When its readers had read it, if it depends on that and all have.
    pub read: Option<Time>,
}

impl Terms {
    /// Whether the instant depends on reading.
    pub fn depends_on_reading(&self) -> bool {
        match self.period {
            0 => true,
            1.. => self.clock == Clock::FromRead,
            _ => false,
        }
    }

    /// When the message goes, as far as is known: what depends on reading goes at a limit until it was read. `None` for
    /// never.
    pub fn instant(&self) -> Option<Time> {
        let period = u64::try_from(self.period).ok()?.saturating_mul(MINUTE);
        Some(match (self.depends_on_reading(), self.read) {
            (false, _) => self.sent.plus(period),
            (true, Some(read)) => read.max(self.sent).plus(period),
            (true, None) => self.sent.plus(limits::UNREAD_KEPT),
        })
    }
}

/// When a message counts as sent: at its place in the conversation's time, or when the relay accepted it if that was
/// later, which is the same for all devices. A clock that is behind must not make a message go before it came; nor may a
/// relay keep one for ever by what it says of the time.
pub(crate) fn sent(place: Time, accepted: Option<Time>) -> Time {
    accepted.map_or(place, |accepted| place.max(accepted.min(place.plus(limits::EXPIRY_SLACK))))
}

#[cfg(test)]
mod tests {
    //! R25.

    use super::*;
    use crate::time::DAY;

    fn instant(period: i32, clock: Clock, read: Option<u64>) -> Option<u64> {
        let terms = Terms { period, clock, sent: Time::from_ms(1_000), read: read.map(Time::from_ms) };
        terms.instant().map(Time::as_ms)
    }

    #[test]
    fn r25_a_period_counts_from_sending() {
        for (minutes, ms) in [(1, MINUTE), (5, 5 * MINUTE), (60, 60 * MINUTE), (1_440, DAY), (10_080, 7 * DAY)] {
            assert_eq!(instant(minutes, Clock::FromSend, Some(500_000)), Some(1_000 + ms));
        }
    }

    #[test]
    fn r25_never_is_never() {
        assert_eq!(instant(-1, Clock::FromSend, None), None);
        assert_eq!(instant(-1, Clock::FromRead, Some(5)), None);
    }

    #[test]
    fn r25_what_depends_on_reading_goes_then_or_at_the_limit() {
        assert_eq!(instant(0, Clock::FromSend, None), Some(1_000 + limits::UNREAD_KEPT));
        assert_eq!(instant(0, Clock::FromSend, Some(9_000)), Some(9_000));
        assert_eq!(instant(5, Clock::FromRead, None), Some(1_000 + limits::UNREAD_KEPT));
        assert_eq!(instant(5, Clock::FromRead, Some(9_000)), Some(9_000 + 5 * MINUTE));
    }

    #[test]
    fn r25_a_clock_that_is_behind_does_not_shorten_a_period_and_a_relay_does_not_prolong_it() {
        let place = Time::from_ms(1_000);
        assert_eq!(sent(place, None), place);
        assert_eq!(sent(place, Some(Time::ZERO)), place);
        assert_eq!(sent(place, Some(Time::from_ms(9_000))), Time::from_ms(9_000));
        assert_eq!(sent(place, Some(Time::from_ms(u64::MAX))), place.plus(limits::EXPIRY_SLACK));
    }

    #[test]
    fn r25_nothing_is_read_before_it_was_sent() {
        assert_eq!(instant(0, Clock::FromSend, Some(3)), Some(1_000));
    }

    #[test]
    fn r25_the_longest_period_does_not_wrap() {
        assert_eq!(instant(i32::MAX, Clock::FromSend, None), Some(1_000 + i32::MAX as u64 * MINUTE));
    }
}
