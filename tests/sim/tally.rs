//! How often what happened.

use std::collections::BTreeMap;
use std::fmt;

/// Counts by name.
#[derive(Clone, Default)]
pub struct Tally {
    pub actions: BTreeMap<&'static str, u64>,
    pub faults: BTreeMap<&'static str, u64>,
    pub delivered: u64,
    /// How often somebody was seen typing.
    pub typing: u64,
    /// How many reactions were shown in the end.
    pub reactions: u64,
    /// What else was seen to happen.
    pub seen: BTreeMap<&'static str, u64>,
}

/// What must be seen to happen in a run of many seeds, or its checks have looked at nothing.
pub const SEEN: [&str; 40] = [
    "answers",
    "blocked",
    "calls",
    "calls completed",
    "contacts",
    "diagnoses",
    "discreet",
    "drafts",
    "edited",
    "engines closed",
    "events",
    "expired",
    "expired unseen",
    "fallbacks",
    "fetched",
    "files",
    "forwarded",
    "found",
    "held back",
    "hints",
    "hints of calls",
    "identities changed",
    "log-outs refused",
    "logged in again",
    "media keys",
    "mentions",
    "names",
    "not found",
    "not understood",
    "payments",
    "people found",
    "places",
    "read in secret",
    "reported",
    "reported edits",
    "rings",
    "signals heard",
    "silenced",
    "updates",
    "updates of calls",
];

impl Tally {
    /// Every kind at zero: what never happens must be seen.
    pub fn of(actions: &[&'static str], faults: &[&'static str]) -> Tally {
        let zero = |names: &[&'static str]| names.iter().map(|name| (*name, 0)).collect();
        Tally { actions: zero(actions), faults: zero(faults), ..Tally::default() }
    }

    pub fn action(&mut self, name: &'static str) {
        *self.actions.entry(name).or_default() += 1;
    }

    pub fn fault(&mut self, name: &'static str, times: u64) {
        *self.faults.entry(name).or_default() += times;
    }

    pub fn seen(&mut self, what: &'static str, times: u64) {
        *self.seen.entry(what).or_default() += times;
    }

    pub fn add(&mut self, other: &Tally) {
        for (name, count) in &other.actions {
            *self.actions.entry(name).or_default() += count;
        }
        for (name, count) in &other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        for (name, count) in &other.seen {
            *self.seen.entry(name).or_default() += count;
        }
        self.delivered += other.delivered;
        self.typing += other.typing;
        self.reactions += other.reactions;
    }

    pub fn total_actions(&self) -> u64 {
        self.actions.values().sum()
    }

    /// What was never seen.
    pub fn unseen(&self) -> Vec<&'static str> {
        let all = [("typing", self.typing), ("reactions", self.reactions), ("delivered", self.delivered)];
        let others = SEEN.map(|name| (name, self.seen.get(name).copied().unwrap_or(0)));
        all.into_iter().chain(others).filter_map(|(name, count)| (count == 0).then_some(name)).collect()
    }

    /// What never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        let never = |(name, count): (&&'static str, &u64)| (*count == 0).then_some(*name);
        self.actions.iter().chain(&self.faults).filter_map(never).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |map: &BTreeMap<&'static str, u64>| {
            map.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "actions: {}", list(&self.actions))?;
        writeln!(f, "faults: {}", list(&self.faults))?;
        writeln!(f, "seen: {}", list(&self.seen))?;
        write!(f, "delivered: {}, typing seen: {}, reactions: {}", self.delivered, self.typing, self.reactions)
    }
}
