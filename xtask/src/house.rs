//! Rules of the house that no lint of the compiler knows.

use std::process::{Command, Stdio};

/// Longest source file, in lines, without a reason written in it. Tests may be longer.
const LONGEST: usize = 600;
/// Begins the comment with the reason.
const REASON: &str = "// Longer than 600 lines: ";

/// Fails with every place that breaks a rule.
pub fn check() -> Result<(), String> {
    let mut faults = Vec::new();
    let mut sources = 0;
    for path in tracked()? {
        // A file that is removed but still tracked, or no text, has nothing to check.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        sources += 1;
        faults.extend(faults_of(&path, &text));
    }
    match faults.len() {
        0 => {
            println!("{sources} files");
            Ok(())
        }
        _ => Err(faults.join("\n")),
    }
}

/// The files under version control.
fn tracked() -> Result<Vec<String>, String> {
    let out = Command::new("git")
        .args(["ls-files", "-z"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("git: {e}"))?;
    if !out.status.success() {
        return Err(format!("git ls-files ended with {}", out.status));
    }
    Ok(String::from_utf8_lossy(&out.stdout).split('\0').filter(|path| !path.is_empty()).map(Into::into).collect())
}

fn faults_of(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let test = path.starts_with("tests/") || path.contains("/tests/");
    if path.ends_with(".rs") && !test && text.lines().count() > LONGEST && !text.contains(REASON) {
        faults.push(format!("{path}: over {LONGEST} lines without a `{REASON}…`"));
    }
    for (place, line) in text.lines().enumerate() {
        for (sign, rule) in signs() {
            if line.contains(&sign) {
                faults.push(format!("{path}:{}: {rule}", place + 1));
            }
        }
    }
    faults
}

/// What may not stand in any file. In parts, so that this file does not break its own rules.
fn signs() -> [(String, &'static str); 4] {
    [
        (["#[", "ignore"].concat(), "a test that is not run"),
        (["/home", "/"].concat(), "a path of some machine"),
        (["/wo", "rk/"].concat(), "a path of some machine"),
        (["<<<<", "<<< "].concat(), "a conflict left by a merge"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_needs_a_reason() {
        let long = "x\n".repeat(LONGEST + 1);
        assert_eq!(faults_of("a.rs", &long).len(), 1);
        assert_eq!(faults_of("a.md", &long).len(), 0);
        assert_eq!(faults_of("core/tests/a.rs", &long).len(), 0);
        assert_eq!(faults_of("a.rs", &format!("{REASON}it is a table\n{long}")).len(), 0);
    }

    #[test]
    fn each_sign_is_found_with_its_line() {
        for (sign, rule) in signs() {
            assert_eq!(faults_of("a.txt", &format!("fine\n  {sign}x")), [format!("a.txt:2: {rule}")]);
        }
    }
}
