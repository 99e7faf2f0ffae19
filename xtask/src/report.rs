//! What a run of the stages came to: a table with the minutes of each, and one closing line.

use std::time::Duration;

/// How a stage ended.
pub enum Outcome {
    /// All its steps passed.
    Passed,
    /// A step failed.
    Failed,
    /// Something that it needs is not installed.
    Skipped,
}

/// The stages run so far.
#[derive(Default)]
pub struct Report {
    rows: Vec<(&'static str, Outcome, Duration)>,
}

impl Report {
    /// Adds a stage.
    pub fn add(&mut self, stage: &'static str, outcome: Outcome, took: Duration) {
        self.rows.push((stage, outcome, took));
    }

    /// Prints the table, then `stages: N passed, N failed`.
    pub fn print(&self) {
        println!("\n{:<14} {:>8}", "stage", "minutes");
        for (stage, outcome, took) in &self.rows {
            let note = match outcome {
                Outcome::Passed => "",
                Outcome::Failed => "  FAILED",
                Outcome::Skipped => "  SKIPPED",
            };
            println!("{stage:<14} {:>8.2}{note}", minutes(*took));
        }
        let total = self.rows.iter().map(|(_, _, took)| *took).sum();
        println!("{:<14} {:>8.2}\n", "total", minutes(total));
        println!("{}", self.closing_line());
    }

    fn closing_line(&self) -> String {
        let count = |wanted: fn(&Outcome) -> bool| self.rows.iter().filter(|(_, outcome, _)| wanted(outcome)).count();
        let passed = count(|o| matches!(o, Outcome::Passed));
        let failed = count(|o| matches!(o, Outcome::Failed));
        let skipped = count(|o| matches!(o, Outcome::Skipped));
        match skipped {
            0 => format!("stages: {passed} passed, {failed} failed"),
            _ => format!("stages: {passed} passed, {failed} failed, {skipped} skipped"),
        }
    }
}

fn minutes(took: Duration) -> f64 {
    took.as_secs_f64() / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_counts_each_outcome_once() {
        let mut report = Report::default();
        report.add("fmt", Outcome::Passed, Duration::ZERO);
        report.add("lint", Outcome::Passed, Duration::ZERO);
        report.add("tests", Outcome::Failed, Duration::ZERO);
        assert_eq!(report.closing_line(), "stages: 2 passed, 1 failed");
        report.add("crash", Outcome::Skipped, Duration::ZERO);
        assert_eq!(report.closing_line(), "stages: 2 passed, 1 failed, 1 skipped");
    }
}
