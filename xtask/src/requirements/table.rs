//! The table of what ran for each requirement.

use std::fmt;

use super::row::Row;

/// A row for each requirement, and what they come to.
#[derive(Default)]
pub struct Table {
    lines: Vec<[String; 5]>,
    shown: usize,
    planned: usize,
    missing: usize,
    elsewhere: usize,
    ran: usize,
}

/// Characters of a title.
const TITLE: usize = 40;
const HEADS: [&str; 5] = ["", "requirement", "code", "tests", "ran"];

impl Table {
    /// Adds a requirement, with the number of tests that ran of each of its files; `None` for what another command runs, and has
    /// not run.
    pub fn add(&mut self, row: &Row<'_>, counts: &[Option<usize>]) {
        for place in 0..row.code.len().max(row.tests.len()).max(1) {
            let first = place == 0;
            let path = |paths: &[&str]| paths.get(place).map(|path| path.to_string()).unwrap_or_default();
            let tests = if first && row.tests.is_empty() { mark(row).into() } else { path(&row.tests) };
            self.lines.push([
                if first { format!("R{}", row.number) } else { String::new() },
                if first { short(row.title) } else { String::new() },
                path(&row.code),
                tests,
                counts.get(place).map(|count| count.map_or("—".into(), |count| count.to_string())).unwrap_or_default(),
            ]);
        }
        match (row.tests.is_empty(), counts.contains(&Some(0))) {
            (true, _) if row.planned => self.planned += 1,
            (true, _) | (_, true) => self.missing += 1,
            (false, false) if counts.contains(&None) => self.elsewhere += 1,
            (false, false) => self.shown += 1,
        }
        self.ran += counts.iter().flatten().sum::<usize>();
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = HEADS.map(String::from);
        let width = |column: usize| {
            let cells = self.lines.iter().chain([&heads]).map(|line| line[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let [number, title, code, tests] = [0, 1, 2, 3].map(width);
        for [a, b, c, d, e] in [&heads].into_iter().chain(&self.lines) {
            let line = format!("{a:<number$}  {b:<title$}  {c:<code$}  {d:<tests$}  {e:>4}");
            writeln!(f, "{}", line.trim_end())?;
        }
        let Table { shown, planned, missing, elsewhere, ran, .. } = self;
        if *elsewhere > 0 {
            writeln!(f, "\n—: not run here; `cargo xtask bindings` runs and counts the tests of other languages")?;
        }
        let elsewhere = if *elsewhere > 0 { format!(", {elsewhere} not run") } else { String::new() };
        write!(
            f,
            "\nrequirements: {shown} shown, {planned} planned, {missing} missing{elsewhere}; {ran} tests ran, one counts for each that it names"
        )
    }
}

fn mark(row: &Row<'_>) -> &'static str {
    if row.planned { "planned" } else { "MISSING" }
}

/// The beginning of a title, in whole words.
fn short(title: &str) -> String {
    let plain = title.replace(['*', '`'], "");
    if plain.chars().count() <= TITLE {
        return plain;
    }
    let cut: String = plain.chars().take(TITLE).collect();
    let words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    format!("{}…", words.trim_end_matches([',', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32, tests: Vec<&'static str>, planned: bool) -> Row<'static> {
        Row { number, title: "**Call**: kind", code: vec!["a.rs"], tests, planned }
    }

    #[test]
    fn every_requirement_is_counted_once() {
        let mut table = Table::default();
        table.add(&row(1, vec!["b.rs", "c.rs"], false), &[Some(2), Some(3)]);
        table.add(&row(2, vec!["b.rs", "c.rs"], false), &[Some(2), Some(0)]);
        table.add(&row(3, vec![], false), &[]);
        table.add(&row(4, vec![], true), &[]);
        let text = table.to_string();
        assert!(
            text.ends_with(
                "requirements: 1 shown, 1 planned, 2 missing; 7 tests ran, one counts for each that it names"
            ),
            "{text}"
        );
        assert!(
            text.contains("R1  Call: kind   a.rs  b.rs        2\n                       c.rs        3\n"),
            "{text}"
        );
    }

    #[test]
    fn what_was_not_run_here_is_told_and_not_missed() {
        let mut table = Table::default();
        table.add(&row(1, vec!["b.py"], false), &[None]);
        table.add(&row(2, vec!["b.py", "c.py"], false), &[None, Some(0)]);
        let text = table.to_string();
        assert!(text.contains("b.py      —\n"), "{text}");
        assert!(text.contains("requirements: 0 shown, 0 planned, 1 missing, 1 not run; 0 tests ran"), "{text}");
    }

    #[test]
    fn a_title_is_cut_between_words() {
        assert_eq!(short("short"), "short");
        assert_eq!(short("From the beginning of it all, and further on"), "From the beginning of it all, and…");
    }
}
