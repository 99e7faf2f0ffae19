//! Tests in the languages of hosts: Python, Kotlin and Swift.
//!
//! A file of them names requirements in a comment above its first test, for all its tests together. Each of these must have
//! run where the bindings were tested at all; where they were not, nothing is said of them.

use std::path::Path;

use super::naming::{function, numbers};
use super::ran::Ran;

/// A language, by the end of its files' names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Python,
    Kotlin,
    Swift,
}

/// What ran of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: usize,
    /// The tests that are there and did not pass, or did not run.
    pub others: Vec<String>,
}

impl Host {
    /// That of a file, if it is one of these.
    pub fn of(path: &str) -> Option<Host> {
        match Path::new(path).extension()?.to_str()? {
            "py" => Some(Host::Python),
            "kt" => Some(Host::Kotlin),
            "swift" => Some(Host::Swift),
            _ => None,
        }
    }

    /// The requirements that a file names, and its tests.
    pub fn read(self, source: &str) -> (Vec<u32>, Vec<String>) {
        let (mut named, mut tests, mut marked) = (Vec::new(), Vec::new(), false);
        let by_name = self.name_of_tests(source);
        for line in source.lines().map(str::trim) {
            if ["//", "/*", "*", "#", "\"\"\""].iter().any(|comment| line.starts_with(comment)) {
                if tests.is_empty() {
                    named.extend(numbers(line));
                }
                continue;
            }
            marked |= line.starts_with('@') && line.contains("Test");
            if let Some(name) = function(line, self.keyword()) {
                let name = name.trim_matches('`');
                if std::mem::take(&mut marked) || by_name.is_some_and(|start| name.starts_with(start)) {
                    tests.push(name.to_owned());
                }
            }
        }
        (named, tests)
    }

    /// How many of a file's tests passed, and which did not.
    pub fn count(self, path: &str, source: &str, ran: &Ran) -> Count {
        let (passed, others): (Vec<_>, Vec<_>) =
            self.read(source).1.into_iter().partition(|test| ran.has(Path::new(path), test));
        Count { passed: passed.len(), others }
    }

    fn keyword(self) -> &'static str {
        match self {
            Host::Python => "def ",
            Host::Kotlin => "fun ",
            Host::Swift => "func ",
        }
    }

    /// How the names of tests begin that no attribute marks.
    fn name_of_tests(self, source: &str) -> Option<&'static str> {
        match self {
            Host::Python => Some("test_"),
            Host::Kotlin => None,
            Host::Swift => source.contains("XCTestCase").then_some("test"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: &str = "\"\"\"Chats (R41).\"\"\"\nasync def helper():\n    pass\nasync def test_one() -> None:\n    # R7\n    pass\n@pytest.mark.parametrize(\"x\", X)\ndef test_two(x: int):\n    pass\n";
    const KOTLIN: &str = "/** R41 and R6. */\nclass ATest {\n    @Test\n    fun `what is, is`(@TempDir a: Path) = run {}\n    private fun helper() {}\n}\n";
    const SWIFT: &str = "/// R41\n@Suite struct A {\n    @Test func one() {}\n    @Test(arguments: [1])\n    func two(of: Int) {}\n    func testing() {}\n}\n";
    const XCTEST: &str = "// R41\nfinal class A: XCTestCase {\n    func testThree() {}\n    func helper() {}\n}\n";

    #[test]
    fn tests_are_found_in_every_language() {
        assert_eq!(Host::Python.read(PYTHON), (vec![41], vec!["test_one".into(), "test_two".into()]));
        assert_eq!(Host::Kotlin.read(KOTLIN), (vec![41, 6], vec!["what is, is".into()]));
        assert_eq!(Host::Swift.read(SWIFT), (vec![41], vec!["one".into(), "two".into()]));
        assert_eq!(Host::Swift.read(XCTEST), (vec![41], vec!["testThree".into()]));
    }

    #[test]
    fn a_test_without_a_record_of_it_did_not_run() {
        let ran = Ran::recorded("a.py\ttest_one\nb.py\ttest_two\n");
        let count = Host::Python.count("a.py", PYTHON, &ran);
        assert_eq!(count, Count { passed: 1, others: vec!["test_two".into()] });
    }

    #[test]
    fn languages_are_told_by_the_names_of_files() {
        assert!(Host::of("a/b.py") == Some(Host::Python) && Host::of("B.kt") == Some(Host::Kotlin));
        assert!(Host::of("C.swift") == Some(Host::Swift) && Host::of("d.rs").is_none());
    }
}
