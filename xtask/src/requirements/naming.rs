//! Which requirements a file of tests names, test by test.
//!
//! A test names them in the comment right above it (`// R17 R43`) or at the beginning of its name (`r17_r43_…`); one
//! that does neither shows what the docs of its module name (`//! R17`).

use super::host::Host;

/// The tests of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// What the docs of the file, or of a module within it, name.
    whole: Vec<u32>,
    tests: Vec<Named>,
}

/// A test, with the requirements that it names itself.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    test: String,
    own: Vec<u32>,
}

impl Naming {
    /// Reads a source file, in whatever language its name tells.
    pub fn of(path: &str, source: &str) -> Naming {
        let Some(host) = Host::of(path) else { return Naming::rust(source) };
        let (whole, tests) = host.read(source);
        Naming { whole, tests: tests.into_iter().map(|test| Named { test, own: Vec::new() }).collect() }
    }

    fn rust(source: &str) -> Naming {
        let mut naming = Naming::default();
        let (mut above, mut is_test) = (Vec::new(), false);
        for line in source.lines().map(str::trim) {
            if let Some(docs) = line.strip_prefix("//!") {
                naming.whole.extend(numbers(docs));
            } else if line.starts_with("//") {
                above.extend(numbers(line));
            } else if line.starts_with("#[") {
                is_test |= line.starts_with("#[test]") || line.contains("::test]");
            } else {
                let (mut own, marked) = (std::mem::take(&mut above), std::mem::take(&mut is_test));
                if let Some(test) = function(line, "fn ").filter(|_| marked) {
                    own.extend(in_name(test));
                    naming.tests.push(Named { test: test.into(), own });
                }
            }
        }
        naming
    }

    /// The tests that show a requirement.
    pub fn showing(&self, number: u32) -> impl Iterator<Item = &str> {
        let shows = move |named: &&Named| {
            let names = if named.own.is_empty() { &self.whole } else { &named.own };
            names.contains(&number)
        };
        self.tests.iter().filter(shows).map(|named| named.test.as_str())
    }

    /// Whether the docs of the file name a requirement: for programs, which have no tests.
    pub fn as_a_whole(&self, number: u32) -> bool {
        self.whole.contains(&number)
    }
}

/// The name behind a keyword like `fn `.
pub fn function<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let (before, rest) = line.split_once(keyword)?;
    let name = rest.split('(').next()?;
    (before.is_empty() || before.ends_with(' ')).then_some(name)
}

/// The numbers of the words `R17` in a text.
pub fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split(|c: char| !c.is_alphanumeric()).filter_map(|word| word.strip_prefix('R')?.parse().ok())
}

/// The numbers with which a name begins: `r4_r5_…`.
fn in_name(test: &str) -> impl Iterator<Item = u32> {
    test.split('_').map_while(|word| word.strip_prefix('r')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
//! Two things (R1, R20).

// R7: helpers name nothing
fn helper() {}

// R2 R3: with a reason
#[test]
#[cfg(unix)]
fn beside() {
    // R9
    call();
}

#[test]
fn r4_r5_by_name() {}

/// XR6 and R60
#[tokio::test]
async fn of_doc() {}

#[test]
fn by_module() {}
";

    #[test]
    fn a_test_names_by_comment_by_name_or_by_its_module() {
        let naming = Naming::of("a.rs", SOURCE);
        let shows = |number| naming.showing(number).collect::<Vec<_>>();
        assert_eq!(shows(2), ["beside"]);
        assert_eq!(shows(3), ["beside"]);
        assert_eq!(shows(4), ["r4_r5_by_name"]);
        assert_eq!(shows(5), ["r4_r5_by_name"]);
        assert_eq!(shows(60), ["of_doc"]);
        assert_eq!(shows(20), ["by_module"]);
        assert!(naming.as_a_whole(20) && !naming.as_a_whole(2));
    }

    #[test]
    fn what_stands_elsewhere_names_nothing() {
        let naming = Naming::of("a.rs", SOURCE);
        for number in [6, 7, 9] {
            assert_eq!(naming.showing(number).count(), 0, "R{number}");
        }
    }
}
