//! Token buckets: how much a device may do in how short a time. Forgotten at a restart, which only errs to its favour.

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

/// Buckets that are remembered at most; beyond that, full ones are forgotten.
const REMEMBERED: usize = 65_536;

/// One bucket per key. All start full.
pub(super) struct Buckets<K> {
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
    pub(super) fn new(rate: Rate) -> Buckets<K> {
        Buckets { rate, buckets: BTreeMap::new(), taken: None }
    }

    /// Notes from now on what is taken, until it is asked for.
    pub(super) fn note_taken(&mut self) {
        self.taken = Some(Vec::new());
    }

    /// What was taken since the last time.
    pub(super) fn taken(&mut self) -> Vec<(K, u64)> {
        self.taken.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Puts back what an input took that came to nothing.
    pub(super) fn give_back(&mut self, taken: Vec<(K, u64)>) {
        let full = self.rate.burst.saturating_mul(MINUTE);
        for (key, amount) in taken {
            if let Some(bucket) = self.buckets.get_mut(&key) {
                bucket.level = bucket.level.saturating_add(amount.saturating_mul(MINUTE)).min(full);
            }
        }
    }

    /// Takes `amount` out, or says `false` and takes nothing.
    pub(super) fn take(&mut self, key: K, amount: u64, now: Time) -> bool {
        let (rate, full) = (self.rate, self.rate.burst.saturating_mul(MINUTE));
        if self.buckets.len() >= REMEMBERED {
            self.buckets.retain(|_, bucket| bucket.refilled(rate, now) < full);
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
}
