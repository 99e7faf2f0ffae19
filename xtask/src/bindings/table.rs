//! What was run for each language.

use std::time::Duration;

/// Tests by language and program.
#[derive(Default)]
pub struct Table {
    rows: Vec<(&'static str, String, u64)>,
    minutes: Vec<(&'static str, Duration)>,
}

impl Table {
    /// Tests that a program ran and passed.
    pub fn add(&mut self, language: &'static str, what: &str, tests: u64) {
        self.rows.push((language, what.into(), tests));
    }

    /// How long a language took.
    pub fn took(&mut self, language: &'static str, time: Duration) {
        self.minutes.push((language, time));
    }

    /// Prints it; an error when a language ran no test.
    pub fn print(&self) -> Result<(), String> {
        println!("\n{:<10} {:<34} tests", "language", "what");
        for (language, what, tests) in &self.rows {
            println!("{language:<10} {what:<34} {tests:>5}");
        }
        for (language, time) in &self.minutes {
            println!("{language:<10} {:.1} min", time.as_secs_f64() / 60.0);
        }
        let none = self.rows.iter().find(|(_, _, tests)| *tests == 0);
        none.map_or(Ok(()), |(language, what, _)| Err(format!("{language}: {what} ran no test")))
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
}
