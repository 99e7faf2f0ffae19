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
}

impl Tally {
    /// Every kind at zero: what never happens must be seen.
    pub fn of(actions: &[&'static str], faults: &[&'static str]) -> Tally {
        let zero = |names: &[&'static str]| names.iter().map(|name| (*name, 0)).collect();
        Tally { actions: zero(actions), faults: zero(faults), delivered: 0, typing: 0, reactions: 0 }
    }

    pub fn action(&mut self, name: &'static str) {
        *self.actions.entry(name).or_default() += 1;
    }

    pub fn fault(&mut self, name: &'static str, times: u64) {
        *self.faults.entry(name).or_default() += times;
    }

    pub fn add(&mut self, other: &Tally) {
        for (name, count) in &other.actions {
            *self.actions.entry(name).or_default() += count;
        }
        for (name, count) in &other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        self.delivered += other.delivered;
        self.typing += other.typing;
        self.reactions += other.reactions;
    }

    pub fn total_actions(&self) -> u64 {
        self.actions.values().sum()
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
        write!(f, "delivered: {}, typing seen: {}, reactions: {}", self.delivered, self.typing, self.reactions)
    }
}
