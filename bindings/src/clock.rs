//! Where an engine's time comes from.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use undertone::error::Misuse;
use undertone::time::Time;

use crate::error::Result;
use crate::shared::Signal;

/// The clock of a device, or one that a test moves.
pub(crate) enum Clock {
    System,
    Manual(Arc<ManualClock>),
}

impl Clock {
    pub fn now(&self) -> Result<Time> {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Misuse::Clock)?;
                Ok(Time::from_unix_ms(i64::try_from(since.as_millis()).map_err(|_| Misuse::Clock)?)?)
            }
            Clock::Manual(clock) => Ok(clock.hands.lock().now),
        }
    }
}

/// A clock that stands still until a test moves it. All engines that share it see the same time, and those that wait for a
/// deadline look again whenever it was moved.
#[derive(uniffi::Object)]
pub struct ManualClock {
    hands: Mutex<Hands>,
}

struct Hands {
    now: Time,
    watching: Vec<std::sync::Weak<Signal>>,
}

#[uniffi::export]
impl ManualClock {
    /// A clock that shows `now`.
    #[uniffi::constructor]
    pub fn new(now: Time) -> Result<Arc<ManualClock>> {
        Ok(Arc::new(ManualClock { hands: Mutex::new(Hands { now, watching: Vec::new() }) }))
    }

    /// What it shows.
    pub fn now(&self) -> Result<Time> {
        Ok(self.hands.lock().now)
    }

    /// Sets it, forwards or back.
    pub fn set(&self, now: Time) -> Result<()> {
        let watching = {
            let mut hands = self.hands.lock();
            hands.now = now;
            hands.watching.retain(|signal| signal.strong_count() > 0);
            hands.watching.clone()
        };
        watching.iter().filter_map(std::sync::Weak::upgrade).for_each(|signal| signal.raise());
        Ok(())
    }

    /// Lets `ms` milliseconds pass.
    pub fn advance(&self, ms: u64) -> Result<()> {
        let now = self.now()?;
        self.set(now.plus(ms))
    }
}

impl ManualClock {
    /// Raises a signal whenever the clock was moved.
    pub(crate) fn watch(&self, signal: &Arc<Signal>) {
        self.hands.lock().watching.push(Arc::downgrade(signal));
    }
}
