//! Token buckets: how much a device, a user or an address may do in how short a time. Forgotten at a restart, which only
//! errs to its favour.

use std::collections::BTreeMap;

use undertone::time::{MINUTE, Time};

/// So much at once, and so much again per minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How much at once.
    pub burst: u64,
    /// How much comes back in a minute.
    pub per_minute: u64,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Rate = Rate { burst: 1 << 40, per_minute: 1 << 40 };
}

/// Buckets that are remembered at most; beyond that, full ones are forgotten, then the fuller half, then all: who comes from
/// many addresses must not cost memory, nor keep others out.
const REMEMBERED: usize = 65_536;
/// What is left after forgetting, at most, so that not every newcomer is the reason to go through all.
const LEFT: usize = REMEMBERED / 4 * 3;

/// One bucket per key. All start full.
pub(crate) struct Buckets<K> {
    rate: Rate,
    buckets: BTreeMap<K, Bucket>,
    /// What was taken and may have to be given back, when somebody wants to know.
    taken: Option<Vec<(K, u64)>>,
}

struct Bucket {
    /// In 1/60,000 of a unit, so that a millisecond's refill is a whole number.
    level: u64,
    at: Time,
}

impl<K: Ord + Clone> Buckets<K> {
    pub(crate) fn new(rate: Rate) -> Buckets<K> {
        Buckets { rate, buckets: BTreeMap::new(), taken: None }
    }

    /// Notes from now on what is taken, until it is asked for.
    pub(crate) fn note_taken(&mut self) {
        self.taken = Some(Vec::new());
    }

    /// What was taken since the last time.
    pub(crate) fn taken(&mut self) -> Vec<(K, u64)> {
        self.taken.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Puts back what an input took that came to nothing.
    pub(crate) fn give_back(&mut self, taken: Vec<(K, u64)>) {
        let full = self.rate.burst.saturating_mul(MINUTE);
        for (key, amount) in taken {
            if let Some(bucket) = self.buckets.get_mut(&key) {
                bucket.level = bucket.level.saturating_add(amount.saturating_mul(MINUTE)).min(full);
            }
        }
    }

    /// Takes `amount` out, or says `false` and takes nothing.
    pub(crate) fn take(&mut self, key: K, amount: u64, now: Time) -> bool {
        let (rate, full) = (self.rate, self.rate.burst.saturating_mul(MINUTE));
        if self.buckets.len() >= REMEMBERED {
            self.forget(now);
        }
        let bucket = self.buckets.entry(key.clone()).or_insert(Bucket { level: full, at: now });
        bucket.level = bucket.refilled(rate, now);
        bucket.at = bucket.at.max(now);
        let wanted = amount.saturating_mul(MINUTE);
        let enough = bucket.level >= wanted;
        if enough {
            bucket.level -= wanted;
            if let Some(taken) = &mut self.taken {
                taken.push((key, amount));
            }
        }
        enough
    }

    /// Whether [`Buckets::take`] would say yes.
    pub(crate) fn has(&self, key: &K, amount: u64, now: Time) -> bool {
        let full = self.rate.burst.saturating_mul(MINUTE);
        let level = self.buckets.get(key).map_or(full, |bucket| bucket.refilled(self.rate, now));
        level >= amount.saturating_mul(MINUTE)
    }

    fn forget(&mut self, now: Time) {
        let (rate, full) = (self.rate, self.rate.burst.saturating_mul(MINUTE));
        for level in [full, full / 2, 0] {
            self.buckets.retain(|_, bucket| bucket.refilled(rate, now) < level);
            if self.buckets.len() <= LEFT {
                return;
            }
        }
    }
}

impl Bucket {
    fn refilled(&self, rate: Rate, now: Time) -> u64 {
        let gained = now.since(self.at).saturating_mul(rate.per_minute);
        self.level.saturating_add(gained).min(rate.burst.saturating_mul(MINUTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use undertone::time::SECOND;

    #[test]
    fn a_bucket_empties_and_refills() {
        let mut buckets = Buckets::new(Rate { burst: 3, per_minute: 60 });
        let now = Time::from_ms(1_000_000);
        assert!((0..3).all(|_| buckets.take(1, 1, now)));
        assert!(!buckets.take(1, 1, now));
        assert!(buckets.take(2, 3, now), "each key has its own");
        assert!(!buckets.take(1, 1, now.plus(SECOND - 1)));
        assert!(buckets.take(1, 1, now.plus(SECOND)));
        assert!(!buckets.take(1, 1, now), "a clock that goes back gains nothing");
    }

    #[test]
    fn what_came_to_nothing_is_given_back_and_no_more_than_fits() {
        let mut buckets = Buckets::new(Rate { burst: 3, per_minute: 60 });
        let now = Time::from_ms(1_000_000);
        assert!(buckets.take(1, 1, now) && buckets.taken().is_empty(), "nobody wanted to know");
        buckets.note_taken();
        assert!(buckets.take(1, 2, now) && !buckets.take(1, 1, now));
        let taken = buckets.taken();
        assert_eq!(taken, [(1, 2)]);
        buckets.give_back(taken.clone());
        buckets.give_back(taken);
        assert!(buckets.take(1, 3, now) && !buckets.take(1, 1, now));
    }

    #[test]
    fn memory_is_bounded() {
        let mut buckets = Buckets::new(Rate { burst: 3, per_minute: 60 });
        for key in 0..REMEMBERED as u64 + 9 {
            buckets.take(key, 1, Time::from_ms(key * 1_000));
        }
        assert!(buckets.buckets.len() < 100);
    }

    #[test]
    fn a_flood_of_newcomers_costs_no_memory() {
        let mut buckets = Buckets::new(Rate { burst: 3, per_minute: 60 });
        let now = Time::from_ms(1_000_000);
        for key in 0..3 * REMEMBERED as u64 {
            buckets.take(key, 3, now);
            assert!(buckets.buckets.len() <= REMEMBERED);
        }
    }

    #[test]
    fn a_look_takes_nothing() {
        let mut buckets = Buckets::new(Rate { burst: 2, per_minute: 60 });
        let now = Time::from_ms(1_000_000);
        assert!(buckets.has(&1, 2, now) && buckets.has(&1, 2, now) && !buckets.has(&1, 3, now));
        assert!(buckets.take(1, 2, now) && !buckets.has(&1, 1, now));
        assert!(buckets.has(&1, 1, now.plus(SECOND)));
    }
}
