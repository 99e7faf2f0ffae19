//! Checks `docs/REQUIREMENTS.md`: every requirement has its row, and the files named there exist and name it back.

use std::fs;
use std::path::Path;

/// Where the table is.
const TABLE: &str = "docs/REQUIREMENTS.md";
/// Requirements are numbered from R1 to this.
const LAST: u32 = 46;

/// Fails with everything in the table that is not so.
pub fn check() -> Result<(), String> {
    let text = fs::read_to_string(TABLE).map_err(|e| format!("{TABLE}: {e}"))?;
    let rows = rows(&text);
    let mut faults = numbering(&rows);
    faults.extend(rows.iter().flat_map(|row| faults_of(row, |path| fs::read_to_string(Path::new(path)).ok())));
    let proven = rows.iter().filter(|row| !row.tests.is_empty()).count();
    match faults.len() {
        0 => {
            println!("{} requirements, {proven} of them with tests", rows.len());
            Ok(())
        }
        _ => Err(faults.join("\n")),
    }
}

/// A requirement, with the files of its code and of its tests.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    number: u32,
    code: Vec<&'a str>,
    tests: Vec<&'a str>,
}

/// The rows `| R1 | text | code | tests |` of the tables. Paths stand in backticks.
fn rows(text: &str) -> Vec<Row<'_>> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.strip_prefix("| R")?.trim_end().trim_end_matches('|').split(" | ").collect();
    // The requirement itself may hold anything, so the last two cells count from the end.
    let [number, .., code, tests] = cells[..] else { return None };
    Some(Row { number: number.trim().parse().ok()?, code: paths(code), tests: paths(tests) })
}

fn paths(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Every number once, in order.
fn numbering(rows: &[Row<'_>]) -> Vec<String> {
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    if numbers.iter().copied().eq(1..=LAST) {
        return Vec::new();
    }
    vec![format!("{TABLE}: the rows are not R1 to R{LAST}, once each and in order: {numbers:?}")]
}

fn faults_of(row: &Row<'_>, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let name = format!("R{}", row.number);
    let mut faults = Vec::new();
    for path in row.code.iter().chain(&row.tests) {
        match read(path) {
            None if Path::new(path).is_dir() && row.code.contains(path) => {}
            None => faults.push(format!("{TABLE}: {name}: there is no {path}")),
            Some(text) if row.tests.contains(path) && !names(&text, &name) => {
                faults.push(format!("{TABLE}: {name}: {path} does not name it"));
            }
            Some(_) => {}
        }
    }
    faults
}

/// Whether a text holds a requirement's name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "| R7 | refused, with `a reason` | `core/src/policy` | `tests/a.rs`, `tests/b.rs` |";

    #[test]
    fn a_row_is_read_from_its_end() {
        let expected = Row { number: 7, code: vec!["core/src/policy"], tests: vec!["tests/a.rs", "tests/b.rs"] };
        assert_eq!(rows(&format!("# x\n| # | requirement |\n{LINE}\n")), [expected]);
    }

    #[test]
    fn a_test_that_is_missing_or_silent_is_a_fault() {
        let row = Row { number: 7, code: vec![], tests: vec!["a", "b", "c"] };
        let read = |path: &str| match path {
            "a" => Some("// R7: shown here".to_string()),
            "b" => Some("// R70 and XR7".to_string()),
            _ => None,
        };
        let faults = faults_of(&row, read);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("b does not name it") && faults[1].contains("no c"), "{faults:?}");
    }

    #[test]
    fn a_missing_number_is_a_fault() {
        assert_eq!(numbering(&rows(LINE)).len(), 1);
        let all: String = (1..=LAST).map(|n| format!("| R{n} | x | — | — |\n")).collect();
        assert_eq!(numbering(&rows(&all)), [""; 0]);
    }
}
