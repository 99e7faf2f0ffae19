//! What was answered and what arrived, envelope by envelope.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use undertone::id::{DeviceId, EnvelopeId};
use undertone::time::Time;

/// How many examples of what is wrong are kept.
const EXAMPLES: usize = 10;

/// What became of every envelope.
#[derive(Default)]
pub struct Tally {
    fates: Mutex<BTreeMap<EnvelopeId, Fate>>,
    latencies: Mutex<Vec<u64>>,
    faults: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Fate {
    accepted: Option<Time>,
    recipients: usize,
    /// Recipient and place in its mailbox.
    arrived: BTreeSet<(DeviceId, u64)>,
    times: BTreeSet<Time>,
}

/// The sum of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Envelopes that a relay accepted.
    pub accepted: usize,
    /// Copies that arrived.
    pub arrived: usize,
    /// Copies of accepted envelopes that did not arrive.
    pub lost: usize,
    /// Copies that were put into one mailbox more than once.
    pub doubled: usize,
    /// Envelopes whose accept time is not the same for all.
    pub times: usize,
    /// Of some of them, the places in mailboxes.
    pub examples: Vec<Vec<u64>>,
    /// What else was wrong.
    pub faults: Vec<String>,
}

impl Tally {
    /// A relay has answered that it keeps an envelope.
    pub fn accepted(&self, id: EnvelopeId, at: Time, recipients: usize) {
        let mut fates = self.lock();
        let fate = fates.entry(id).or_default();
        (fate.accepted, fate.recipients) = (Some(at), recipients);
        fate.times.insert(at);
    }

    /// A copy came. Says whether it is the first time on this device.
    pub fn arrived(&self, id: EnvelopeId, to: DeviceId, place: u64, at: Time, latency: Option<Duration>) -> bool {
        let mut fates = self.lock();
        let fate = fates.entry(id).or_default();
        let first = !fate.arrived.iter().any(|(device, _)| *device == to);
        fate.arrived.insert((to, place));
        fate.times.insert(at);
        drop(fates);
        if let (true, Some(latency)) = (first, latency) {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            self.latencies.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(micros);
        }
        first
    }

    /// Something was wrong that is no envelope's fate.
    pub fn fault(&self, what: String) {
        self.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(what);
    }

    /// Whether everything that was accepted has arrived.
    pub fn is_complete(&self) -> bool {
        let sum = self.sum();
        sum.lost == 0
    }

    /// How it stands.
    pub fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        for fate in self.lock().values() {
            let devices = fate.arrived.iter().map(|(device, _)| device).collect::<BTreeSet<_>>().len();
            sum.arrived += devices;
            sum.doubled += fate.arrived.len() - devices;
            if fate.arrived.len() > devices && sum.examples.len() < EXAMPLES {
                sum.examples.push(fate.arrived.iter().map(|(_, place)| *place).collect());
            }
            sum.times += usize::from(fate.times.len() > 1);
            if fate.accepted.is_some() {
                sum.accepted += 1;
                sum.lost += fate.recipients.saturating_sub(devices);
            }
        }
        sum.faults = self.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        sum
    }

    /// The latency that this share of all stays below, in milliseconds, of those since the last [`Tally::restart`].
    pub fn percentile(&self, share: f64) -> f64 {
        let mut all = self.latencies.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        all.sort_unstable();
        let at = ((all.len() as f64 * share) as usize).min(all.len().saturating_sub(1));
        all.get(at).map_or(f64::NAN, |micros| *micros as f64 / 1_000.0)
    }

    /// Forgets latencies, to measure from now on.
    pub fn restart(&self) {
        self.latencies.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<EnvelopeId, Fate>> {
        self.fates.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
