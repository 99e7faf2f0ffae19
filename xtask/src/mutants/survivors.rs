//! The mutants that nothing notices, each with the reason why it is left: the table of `docs/mutants.md`.

use std::fs;

/// Where the table is.
const PAGE: &str = "docs/mutants.md";

/// Mutants by name, without line and column, so that a line above them changes nothing. A name that several places of a
/// function share stands as often as it may survive.
#[derive(Debug, PartialEq, Eq)]
pub struct Survivors {
    names: Vec<String>,
}

impl Survivors {
    /// Those of the page.
    pub fn read() -> Result<Survivors, String> {
        let text = fs::read_to_string(PAGE).map_err(|e| format!("{PAGE}: {e}"))?;
        Survivors::of(&text)
    }

    /// Rows `` | `core/src/a.rs: replace …` | reason | ``.
    fn of(text: &str) -> Result<Survivors, String> {
        let mut names = Vec::new();
        for line in text.lines().filter(|line| line.starts_with("| `")) {
            let row = line.strip_prefix("| `").and_then(|rest| rest.split_once("` | "));
            match row {
                Some((name, reason)) if reason.trim_matches([' ', '|', '—', '-']).len() > 1 => {
                    names.push(name.replace("\\|", "|"));
                }
                _ => return Err(format!("{PAGE}: no reason: {line}")),
            }
        }
        Ok(Survivors { names })
    }

    /// Fails with each of the missed that has no reason.
    pub fn judge(&self, missed: &[String]) -> Result<(), String> {
        let mut left = self.names.clone();
        let without = |name: &&String| {
            let row = left.iter().position(|row| *row == placeless(name));
            row.map(|row| left.swap_remove(row)).is_none()
        };
        let unexplained: Vec<&String> = missed.iter().filter(without).collect();
        match unexplained.as_slice() {
            [] => {
                println!("{} survive, each for a reason that {PAGE} gives", missed.len());
                Ok(())
            }
            unexplained => {
                let mut lines = format!("{} survive without a reason in {PAGE}:", unexplained.len());
                unexplained.iter().for_each(|name| lines = format!("{lines}\n{name}"));
                Err(lines)
            }
        }
    }
}

/// `a.rs:12:5: replace …` without `:12:5`.
fn placeless(name: &str) -> String {
    let Some((place, what)) = name.split_once(": ") else { return name.into() };
    let file = place.split(':').next().unwrap_or(place);
    format!("{file}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# x\n| mutant | reason |\n|---|---|\n| `a.rs: replace \\|\\| with && in f` | the same |\n";

    #[test]
    fn a_survivor_with_a_reason_is_left_wherever_it_stands() {
        let survivors = Survivors::of(PAGE).unwrap();
        assert_eq!(survivors.judge(&["a.rs:7:9: replace || with && in f".into()]), Ok(()));
        assert_eq!(survivors.judge(&[]), Ok(()));
    }

    #[test]
    fn one_without_is_told() {
        let survivors = Survivors::of(PAGE).unwrap();
        let told = survivors.judge(&["a.rs:7:9: replace == with != in f".into()]).unwrap_err();
        assert!(told.contains("a.rs:7:9: replace == with != in f"), "{told}");
    }

    #[test]
    fn a_row_stands_for_one_place() {
        let survivors = Survivors::of(PAGE).unwrap();
        let two = ["a.rs:7:9: replace || with && in f".into(), "a.rs:7:20: replace || with && in f".into()];
        assert!(survivors.judge(&two).unwrap_err().starts_with("1 survive"));
    }

    #[test]
    fn a_row_must_give_a_reason() {
        assert!(Survivors::of("| `a.rs: replace == with != in f` | — |").is_err());
        assert!(Survivors::of("| `a.rs: replace == with != in f` |").is_err());
    }
}
