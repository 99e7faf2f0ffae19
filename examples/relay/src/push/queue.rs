//! Pushes that wait to be told: bounded, one per device, in batches, again after a failure.

use std::collections::{BTreeMap, VecDeque};

use data_encoding::HEXLOWER;
use undertone::envelope::PushHint;
use undertone::id::DeviceId;
use undertone::rng::Rng;
use undertone::time::{MINUTE, SECOND, Time};

/// How many pushes wait, and how often they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushLimits {
    /// Devices that wait to be told of at most; further ones are dropped.
    pub waiting: usize,
    /// Devices in one request at most.
    pub batch: usize,
    /// Tries of one request; then it is dropped.
    pub attempts: u32,
    /// The pause after the first failure, in milliseconds; it doubles with each.
    pub first_pause: u64,
    /// The longest pause, in milliseconds.
    pub longest_pause: u64,
    /// How long a call is worth a push, in milliseconds: nobody wants to be woken by one that has ended.
    pub call_age: u64,
}

impl Default for PushLimits {
    fn default() -> PushLimits {
        PushLimits {
            waiting: 100_000,
            batch: 100,
            attempts: 12,
            first_pause: SECOND,
            longest_pause: 5 * MINUTE,
            call_age: MINUTE,
        }
    }
}

/// A request to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its `webhook-id`: the same at every try, so that a receiver recognises a repeat.
    pub id: String,
    /// Its body, in JSON.
    pub body: Vec<u8>,
}

/// What became of pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushCounts {
    /// Devices that wait.
    pub waiting: u64,
    /// Devices that were told of.
    pub sent: u64,
    /// Requests that failed, and were tried again or dropped.
    pub failed: u64,
    /// Devices that were dropped: there was no room, all tries failed, or the call is over.
    pub dropped: u64,
}

/// Pushes that wait. Time and randomness come from outside.
pub struct PushQueue {
    limits: PushLimits,
    rng: Rng,
    waiting: BTreeMap<DeviceId, Wake>,
    /// Devices that wait, the longest first.
    order: VecDeque<DeviceId>,
    request: Option<Under>,
    counts: PushCounts,
}

#[derive(Clone, Copy)]
struct Wake {
    hint: PushHint,
    since: Time,
}

/// A request under way, or to be tried again.
struct Under {
    id: String,
    wakes: Vec<(DeviceId, Wake)>,
    failures: u32,
    /// When it may be tried; `None` while it is being tried.
    at: Option<Time>,
}

impl PushQueue {
    /// An empty queue. `seed` is fresh random bytes.
    pub fn new(limits: PushLimits, seed: [u8; 32]) -> PushQueue {
        PushQueue {
            limits,
            rng: Rng::from_seed(seed),
            waiting: BTreeMap::new(),
            order: VecDeque::new(),
            request: None,
            counts: PushCounts::default(),
        }
    }

    /// A device is to be woken. One that waits already is told of once, with the stronger hint.
    pub fn push(&mut self, device: DeviceId, hint: PushHint, now: Time) {
        if let Some(wake) = self.waiting.get_mut(&device) {
            if u8::from(hint) >= u8::from(wake.hint) {
                *wake = Wake { hint, since: now };
            }
            return;
        }
        if self.waiting.len() >= self.limits.waiting {
            self.counts.dropped += 1;
            return;
        }
        self.waiting.insert(device, Wake { hint, since: now });
        self.order.push_back(device);
    }

    /// The next request, if it is time for one. One at a time: say what became of it with [`PushQueue::done`].
    pub fn poll(&mut self, now: Time) -> Option<Batch> {
        let call_age = self.limits.call_age;
        if self.request.is_none() {
            self.request = self.gather(now);
        }
        let request = self.request.as_mut()?;
        if request.at.is_none_or(|at| at > now) {
            return None;
        }
        let before = request.wakes.len();
        request.wakes.retain(|(_, wake)| wake.hint != PushHint::Call || now.since(wake.since) < call_age);
        self.counts.dropped += (before - request.wakes.len()) as u64;
        if request.wakes.is_empty() {
            self.request = None;
            return self.poll(now);
        }
        request.at = None;
        Some(Batch { id: request.id.clone(), body: body(&request.wakes) })
    }

    /// What became of the last request.
    pub fn done(&mut self, taken: bool, now: Time) {
        let Some(mut request) = self.request.take() else { return };
        if taken {
            self.counts.sent += request.wakes.len() as u64;
            return;
        }
        self.counts.failed += 1;
        request.failures += 1;
        if request.failures >= self.limits.attempts {
            self.counts.dropped += request.wakes.len() as u64;
            return;
        }
        let doubled = self.limits.first_pause.saturating_mul(1 << (request.failures - 1).min(30));
        let pause = doubled.min(self.limits.longest_pause).max(2);
        // Half of it by chance, so that not all relays come back at once.
        request.at = Some(now.plus(pause / 2 + self.rng.below(pause / 2)));
        self.request = Some(request);
    }

    /// When [`PushQueue::poll`] may have something; `None` when only a push or an answer changes that.
    pub fn poll_timeout(&self, now: Time) -> Option<Time> {
        match &self.request {
            Some(request) => request.at,
            None if self.order.is_empty() => None,
            None => Some(now),
        }
    }

    /// What was counted.
    pub fn counts(&self) -> PushCounts {
        let under_way = self.request.as_ref().map_or(0, |request| request.wakes.len());
        PushCounts { waiting: (self.waiting.len() + under_way) as u64, ..self.counts }
    }

    fn gather(&mut self, now: Time) -> Option<Under> {
        let devices = self.order.drain(..self.order.len().min(self.limits.batch.max(1)));
        let wakes: Vec<_> = devices.filter_map(|device| self.waiting.remove_entry(&device)).collect();
        if wakes.is_empty() {
            return None;
        }
        let id = format!("msg_{}", HEXLOWER.encode(&self.rng.bytes::<16>()));
        Some(Under { id, wakes, failures: 0, at: Some(now) })
    }
}

/// `{"pushes":[{"device":"…","hint":"message"}]}`: hexadecimal digits and two words, so that nothing needs escaping.
fn body(wakes: &[(DeviceId, Wake)]) -> Vec<u8> {
    let push = |(device, wake): &(DeviceId, Wake)| {
        let hint = if wake.hint == PushHint::Call { "call" } else { "message" };
        format!(r#"{{"device":"{}","hint":"{hint}"}}"#, HEXLOWER.encode(device.as_bytes()))
    };
    format!(r#"{{"pushes":[{}]}}"#, wakes.iter().map(push).collect::<Vec<_>>().join(",")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_ms(1_800_000_000_000);

    fn device(number: u8) -> DeviceId {
        DeviceId::from_bytes([number; DeviceId::LEN])
    }

    fn queue(limits: PushLimits) -> PushQueue {
        PushQueue::new(limits, [7; 32])
    }

    fn text(batch: Option<Batch>) -> String {
        String::from_utf8(batch.unwrap().body).unwrap()
    }

    #[test]
    fn a_device_is_told_of_once_with_the_stronger_hint() {
        let mut queue = queue(PushLimits::default());
        assert!(queue.poll(NOW).is_none() && queue.poll_timeout(NOW).is_none());
        queue.push(device(1), PushHint::Message, NOW);
        queue.push(device(1), PushHint::Call, NOW);
        queue.push(device(1), PushHint::Message, NOW);
        assert_eq!(queue.poll_timeout(NOW), Some(NOW));
        let hex = "01".repeat(DeviceId::LEN);
        assert_eq!(text(queue.poll(NOW)), format!(r#"{{"pushes":[{{"device":"{hex}","hint":"call"}}]}}"#));
        assert!(queue.poll(NOW).is_none(), "one at a time");
        // What comes meanwhile is told of by the next.
        queue.push(device(1), PushHint::Message, NOW);
        queue.done(true, NOW);
        assert!(text(queue.poll(NOW)).contains("message"));
        queue.done(true, NOW);
        assert_eq!(queue.counts(), PushCounts { sent: 2, ..PushCounts::default() });
    }

    #[test]
    fn a_failure_is_tried_again_under_the_same_id_with_growing_pauses() {
        let limits = PushLimits { attempts: 4, first_pause: 1_000, longest_pause: 3_000, ..PushLimits::default() };
        let (mut queue, mut now) = (queue(limits), NOW);
        queue.push(device(1), PushHint::Message, now);
        let first = queue.poll(now).unwrap();
        for pause in [1_000, 2_000, 3_000] {
            queue.done(false, now);
            let at = queue.poll_timeout(now).unwrap();
            assert!(at >= now.plus(pause / 2) && at < now.plus(pause), "{pause}");
            assert!(queue.poll(now).is_none());
            now = at;
            assert!(queue.poll(now).unwrap() == first);
        }
        queue.done(false, now);
        assert_eq!(queue.counts(), PushCounts { failed: 4, dropped: 1, ..PushCounts::default() });
        assert!(queue.poll_timeout(now).is_none());
    }

    #[test]
    fn what_waits_is_bounded_and_goes_in_batches() {
        let mut queue = queue(PushLimits { waiting: 5, batch: 3, ..PushLimits::default() });
        (0..9).for_each(|number| queue.push(device(number), PushHint::Message, NOW));
        assert_eq!((queue.counts().waiting, queue.counts().dropped), (5, 4));
        assert_eq!(text(queue.poll(NOW)).matches("device").count(), 3);
        queue.done(true, NOW);
        assert_eq!(text(queue.poll(NOW)).matches("device").count(), 2);
        queue.done(true, NOW);
        assert!(queue.poll(NOW).is_none());
    }

    #[test]
    fn nobody_is_woken_by_a_call_that_is_over() {
        let mut queue = queue(PushLimits::default());
        queue.push(device(1), PushHint::Call, NOW);
        queue.push(device(2), PushHint::Message, NOW);
        assert!(text(queue.poll(NOW)).contains("call"));
        queue.done(false, NOW);
        let later = NOW.plus(2 * MINUTE);
        assert!(!text(queue.poll(later)).contains("call"));
        assert_eq!(queue.counts().dropped, 1);
    }
}
