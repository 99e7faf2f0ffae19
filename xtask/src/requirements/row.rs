//! The rows of `docs/REQUIREMENTS.md`.

/// A requirement, with the files of its code and of its tests.
#[derive(Debug, PartialEq, Eq)]
pub struct Row<'a> {
    pub number: u32,
    pub title: &'a str,
    pub code: Vec<&'a str>,
    pub tests: Vec<&'a str>,
    /// Some of it is marked as planned.
    pub planned: bool,
}

/// The mark, a word of the last cell.
const PLANNED: &str = "planned";

/// The rows `| R1 | text | code | tests |` of the tables. Paths stand in backticks.
pub fn rows(text: &str) -> Vec<Row<'_>> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.strip_prefix("| R")?.trim_end().trim_end_matches('|').split(" | ").collect();
    // The requirement itself may hold anything, so the last two cells count from the end.
    let [number, title, .., code, tests] = cells[..] else { return None };
    let number = number.trim().parse().ok()?;
    let planned = tests.split(|c: char| !c.is_alphanumeric()).any(|word| word == PLANNED);
    Some(Row { number, title, code: paths(code), tests: paths(tests), planned })
}

fn paths(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_from_its_end() {
        let line = "| R7 | refused, with `a` or | `b` | `core/src/policy` | `tests/a.rs`, `tests/b.rs` |";
        let expected = Row {
            number: 7,
            title: "refused, with `a` or",
            code: vec!["core/src/policy"],
            tests: vec!["tests/a.rs", "tests/b.rs"],
            planned: false,
        };
        assert_eq!(rows(&format!("# x\n| # | requirement |\n{line}\n")), [expected]);
    }

    #[test]
    fn what_is_planned_is_a_word_of_the_last_cell() {
        let planned = |cell: &str| rows(&format!("| R1 | planned | `planned` | {cell} |"))[0].planned;
        assert!(planned("planned"));
        assert!(planned("planned: pairing; `tests/a.rs`"));
        assert!(!planned("`tests/a.rs`"));
        assert!(!planned("unplanned"));
    }
}
