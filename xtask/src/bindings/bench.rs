//! `cargo xtask bindings bench`: what a call costs from each language, beside the same call from Rust. It takes the packages
//! that `cargo xtask bindings` has made.

use std::fs;
use std::path::PathBuf;

use super::Language;
use super::library::Library;
use crate::stage::Step;
use crate::tool::{self, command, root};

/// What every program times, by the name that it prints.
const CALLS: [(&str, &str); 3] =
    [("trivial", "a trivial call"), ("page", "a page of 50 messages"), ("drain", "a drain of 1,000 events")];

/// The engine as it is in the library: the same features and profile, so that what differs is the way to it.
const RUST: &str = "build --locked --profile bindings --package undertone --no-default-features \
                    --features sled,sqlite,image,exhaustive --example calls";

/// Remembers of which library the packages were made.
pub fn packaged(library: Library) -> Result<(), String> {
    let mark = mark()?;
    fs::write(&mark, library.profile).map_err(|error| format!("{}: {error}", mark.display()))
}

fn mark() -> Result<PathBuf, String> {
    Ok(tool::folder("packages")?.join("profile"))
}

/// Times the calls, and prints them as `docs/benchmarks.md` has them.
pub fn run(languages: &[&Language]) -> Result<(), String> {
    if !fs::read_to_string(mark()?).is_ok_and(|profile| profile == Library::SHIPPED.profile) {
        return Err("there are no packages of the library as it is shipped: run `cargo xtask bindings` first".into());
    }
    Step::cargo(RUST).run()?;
    let root = root()?;
    let rust = times(&tool::output(&mut command(root.join("target/bindings/examples/calls"), &[], &root))?)?;
    let mut rows = vec![("rust", rust)];
    for language in languages {
        rows.push((language.name, times(&(language.bench)()?)?));
    }
    println!("\n{}", page(&rows, rust));
    Ok(())
}

/// What was printed of each call, in nanoseconds.
fn times(printed: &str) -> Result<[f64; 3], String> {
    let mut times = [0.0; 3];
    for (time, (name, _)) in times.iter_mut().zip(CALLS) {
        let line = printed.lines().rev().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        *time =
            line.and_then(|text| text.trim().parse().ok()).ok_or_else(|| format!("no time of {name} was printed"))?;
    }
    Ok(times)
}

fn page(rows: &[(&str, [f64; 3])], rust: [f64; 3]) -> String {
    let mut text = "| call |".to_owned();
    rows.iter().for_each(|(language, _)| text += &format!(" {language} ns | × |"));
    text += &format!("\n|---|{}", "---|---|".repeat(rows.len()));
    for (at, (_, what)) in CALLS.iter().enumerate() {
        text += &format!("\n| {what} |");
        rows.iter().for_each(|(_, times)| text += &format!(" {:.0} | {:.1} |", times[at], times[at] / rust[at]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_print_becomes_a_row_of_multiples() {
        let rust = times("trivial 2.0\npage 100.0\ndrain 1000.5\n").unwrap();
        let slow = times("warming up\ntrivial 20\npage 150\ndrain 2001\n").unwrap();
        let page = page(&[("rust", rust), ("python", slow)], rust);
        assert!(page.contains("| a trivial call | 2 | 1.0 | 20 | 10.0 |"), "{page}");
        assert!(page.contains("| a drain of 1,000 events | 1000 | 1.0 | 2001 | 2.0 |"), "{page}");
        assert!(times("trivial 1\npage 2\n").is_err());
    }
}
