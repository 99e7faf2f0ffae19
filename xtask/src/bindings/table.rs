//! What was run for each language.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{record, requirements};

/// A test that passed: its source file, and its name there.
pub type Passed = (PathBuf, String);

/// Tests by language and program, and the time of each part of the command.
#[derive(Default)]
pub struct Table {
    rows: Vec<(&'static str, String, u64)>,
    passed: Vec<Passed>,
    minutes: Vec<(&'static str, Duration)>,
}

impl Table {
    /// The tests that a language's runner ran and passed.
    pub fn tests(&mut self, language: &'static str, runner: &str, tests: Vec<Passed>) {
        self.add(language, runner, tests.len() as u64);
        self.passed.extend(tests);
    }

    /// Something else that a program ran and passed, so many times.
    pub fn add(&mut self, language: &'static str, what: &str, tests: u64) {
        self.rows.push((language, what.into(), tests));
    }

    /// Writes down which tests passed, for whoever counts what ran for a requirement.
    pub fn record(&self) -> Result<(), String> {
        let lines = self.passed.iter().map(|(file, name)| format!("{}\t{name}\n", file.display()));
        record::write(requirements::HOSTS, &lines.collect::<String>())
    }

    /// Does a part of the command, and takes its time.
    pub fn part(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Table) -> Result<(), String>,
    ) -> Result<(), String> {
        println!("\n── bindings: {name}");
        let start = Instant::now();
        let outcome = work(self);
        self.minutes.push((name, start.elapsed()));
        outcome.map_err(|why| format!("{name}: {why}"))
    }

    /// Prints it, with a last line like `bindings: 12 passed, 0 failed`; an error when a program ran no test.
    pub fn print(&self, failed: bool) -> Result<(), String> {
        println!("\n{:<10} {:<36} {:>6}", "language", "what", "passed");
        for (language, what, tests) in &self.rows {
            println!("{language:<10} {what:<36} {tests:>6}");
        }
        println!("\n{:<10} {:>8}", "part", "minutes");
        for (part, time) in &self.minutes {
            println!("{part:<10} {:>8.1}", time.as_secs_f64() / 60.0);
        }
        let total: Duration = self.minutes.iter().map(|(_, time)| *time).sum();
        println!("{:<10} {:>8.1}\n", "total", total.as_secs_f64() / 60.0);
        let none = self.rows.iter().find(|(_, _, tests)| *tests == 0);
        println!("{}", self.closing_line(failed || none.is_some()));
        none.map_or(Ok(()), |(language, what, _)| Err(format!("{language}: {what} ran no test")))
    }

    /// What failed is one part, since nothing runs after it.
    fn closing_line(&self, failed: bool) -> String {
        let passed: u64 = self.rows.iter().map(|(_, _, tests)| tests).sum();
        format!("bindings: {passed} passed, {} failed", u8::from(failed))
    }
}

/// The number before a word, like the 12 of `12 passed`.
pub fn before(text: &str, word: &str) -> u64 {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
    let found = words.windows(2).rev().find(|pair| pair[1] == word);
    found.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_in_what_runners_print() {
        assert_eq!(before("===== 12 passed, 1 skipped in 3.2s =====", "passed"), 12);
        assert_eq!(before("nothing", "passed"), 0);
    }

    #[test]
    fn a_part_that_fails_is_counted_and_told() {
        let mut table = Table::default();
        table.add("python", "pytest", 31);
        assert_eq!(table.closing_line(false), "bindings: 31 passed, 0 failed");
        assert_eq!(table.part("kotlin", |_| Err("no Maven".into())), Err("kotlin: no Maven".into()));
        assert_eq!(table.closing_line(true), "bindings: 31 passed, 1 failed");
        assert!(table.print(true).is_ok());
        table.add("swift", "XCTest", 0);
        assert!(table.print(false).is_err());
    }
}
