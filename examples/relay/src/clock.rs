//! The wall clock of a process, which a demonstration may let run ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use undertone::time::Time;

/// The operating system's clock, ahead of it by what [`Clock::advance`] has added: nothing, outside of demonstrations. All
/// clones show the same time, so that a relay and the devices around it can be moved on together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// The time. Before 1970 and after 2099 it stands at the end of what is allowed.
    pub fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let shown = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add(self.ahead());
        i64::try_from(shown).ok().and_then(|ms| Time::from_unix_ms(ms).ok()).unwrap_or(Time::END)
    }

    /// By how many milliseconds it is ahead of the operating system's.
    pub fn ahead(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Moves it on by so many milliseconds, for good. Who sleeps until a deadline is not woken by that.
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use undertone::time::DAY;

    #[test]
    fn all_clones_are_moved_on_together() {
        let clock = Clock::default();
        let (other, before) = (clock.clone(), clock.now());
        clock.advance(3 * DAY);
        assert_eq!(other.ahead(), 3 * DAY);
        assert!(other.now() >= before.plus(3 * DAY));
        clock.advance(u64::MAX / 2);
        assert_eq!(clock.now(), Time::END);
    }
}
