//! What a look at a store came to.

use std::fmt;

/// What a look at a store came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds the steps up to this one, whole, and takes more.
    Whole(u64),
    /// It lacks something that was acknowledged.
    Lost(String),
    /// It holds something that no order of whole steps makes, or something that may not be read.
    Torn(String),
    /// It cannot be opened.
    Unopened(String),
}

impl Verdict {
    /// Reads what `Display` wrote.
    pub fn parse(line: &str) -> Option<Verdict> {
        let (word, rest) = line.trim().split_once(' ')?;
        match word {
            "whole" => rest.parse().ok().map(Verdict::Whole),
            "lost" => Some(Verdict::Lost(rest.into())),
            "torn" => Some(Verdict::Torn(rest.into())),
            "unopened" => Some(Verdict::Unopened(rest.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Whole(step) => write!(f, "whole {step}"),
            Verdict::Lost(what) => write!(f, "lost {}", what.replace('\n', " ")),
            Verdict::Torn(why) => write!(f, "torn {}", why.replace('\n', " ")),
            Verdict::Unopened(why) => write!(f, "unopened {}", why.replace('\n', " ")),
        }
    }
}

/// How many looks came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Kills.
    pub kills: u64,
    /// States that a power loss may leave.
    pub states: u64,
    /// Acknowledged steps missing.
    pub lost: u64,
    /// Steps neither there nor not there.
    pub torn: u64,
    /// Stores that did not open.
    pub unopened: u64,
}

impl Tally {
    /// Counts a verdict.
    pub fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Whole(_) => {}
            Verdict::Lost(_) => self.lost += 1,
            Verdict::Torn(_) => self.torn += 1,
            Verdict::Unopened(_) => self.unopened += 1,
        }
    }

    /// Whether every look found the store whole.
    pub fn is_clean(&self) -> bool {
        self.lost + self.torn + self.unopened == 0
    }

    /// Both together.
    pub fn plus(self, other: Tally) -> Tally {
        Tally {
            kills: self.kills + other.kills,
            states: self.states + other.states,
            lost: self.lost + other.lost,
            torn: self.torn + other.torn,
            unopened: self.unopened + other.unopened,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { kills, states, lost, torn, unopened } = self;
        write!(f, "kills {kills}, power states {states}, lost {lost}, torn {torn}, failed opens {unopened}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_as_it_was_written() {
        let torn = Verdict::Torn("a\nb".into());
        for verdict in
            [Verdict::Whole(3), Verdict::Lost("batch 2".into()), Verdict::Unopened("it is locked".into()), torn]
        {
            let line = verdict.to_string();
            assert_eq!(Verdict::parse(&line).unwrap().to_string(), line);
        }
        assert_eq!(Verdict::parse("panicked at …"), None);
    }

    #[test]
    fn a_tally_is_clean_only_without_any_loss() {
        for verdict in [Verdict::Lost("x".into()), Verdict::Torn("x".into()), Verdict::Unopened("y".into())] {
            let mut tally = Tally::default();
            tally.count(&Verdict::Whole(1));
            assert!(tally.is_clean());
            tally.count(&verdict);
            assert!(!tally.is_clean());
        }
    }
}
