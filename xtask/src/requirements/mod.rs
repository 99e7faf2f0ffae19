//! `docs/REQUIREMENTS.md`: every requirement has its row, the files named there exist and name it back, and tests of
//! these files ran.

mod host;
mod naming;
mod ran;
mod row;
mod table;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::record;
use crate::stage::Step;
use host::{Count, Host};
use naming::Naming;
use ran::Ran;
use row::{Row, rows};
use table::Table;

/// The record of the workspace's tests.
pub const TESTS: &str = "tests";
/// The record of the crash program.
pub const CRASH: &str = "crash";
/// The record of the bindings' tests, which `cargo xtask bindings` makes.
pub const HOSTS: &str = "bindings";

/// Where the requirements are.
const PAGE: &str = "docs/REQUIREMENTS.md";
/// Requirements are numbered from R1 to this.
const LAST: u32 = 46;
/// What may be marked as planned: the pairing of devices, groups, backups.
const PLANNED: [u32; 3] = [17, 37, 39];
/// A program that shows something without being a test, and the record of its run.
const PROGRAM: (&str, &str) = ("tests/crash/main.rs", CRASH);

/// Fails with everything in the page that is not so, as far as reading shows.
pub fn check() -> Result<(), String> {
    let text = page()?;
    let rows = rows(&text);
    let faults = faults(&rows);
    let proven = rows.iter().filter(|row| !row.tests.is_empty()).count();
    match faults.len() {
        0 => {
            println!("{} requirements, {proven} of them with tests", rows.len());
            Ok(())
        }
        _ => Err(faults.join("\n")),
    }
}

/// Prints what ran for each requirement, after running those of the steps that have no record in this run. Fails with
/// everything that is missing.
pub fn count(steps: &[(&'static str, Step)]) -> Result<(), String> {
    let mut faults = Vec::new();
    for (name, step) in steps {
        if record::read(name).is_none() {
            println!("$ {step}");
            faults.extend(step.run().err());
        }
    }
    let text = page()?;
    let rows = rows(&text);
    faults.extend(self::faults(&rows));
    let (ran, programs) = (tests_that_ran()?, record::read(CRASH).unwrap_or_default());
    let hosts = hosts_that_ran();
    faults.extend(hosts.iter().flat_map(|hosts| host_faults(&rows, hosts)));
    let mut table = Table::default();
    for row in &rows {
        let count = |path: &&str| match Host::of(path) {
            Some(host) => hosts.as_ref().map(|ran| host_count(host, path, ran).passed),
            None => Some(runs(row.number, path, &ran, &programs)),
        };
        let counts: Vec<Option<usize>> = row.tests.iter().map(count).collect();
        for (path, _) in row.tests.iter().zip(&counts).filter(|(_, count)| **count == Some(0)) {
            faults.push(format!("R{}: no test of {path} that names it ran and passed", row.number));
        }
        table.add(row, &counts);
    }
    println!("\n{table}");
    verdict(&faults)
}

/// Counts what `cargo xtask bindings` has just run: every test in another language that stands for a requirement must be
/// among it.
pub fn count_hosts() -> Result<(), String> {
    let text = page()?;
    let rows = rows(&text);
    let ran = hosts_that_ran().ok_or("no test of another language was run")?;
    for row in &rows {
        let counts = row.tests.iter().filter_map(|path| Some(host_count(Host::of(path)?, path, &ran).passed));
        let passed: usize = counts.sum();
        if passed > 0 {
            println!("R{}: {passed} tests in other languages", row.number);
        }
    }
    verdict(&host_faults(&rows, &ran))
}

fn verdict(faults: &[String]) -> Result<(), String> {
    match faults.len() {
        0 => Ok(()),
        _ => Err(format!("{} faults\n{}", faults.len(), faults.join("\n"))),
    }
}

fn hosts_that_ran() -> Option<Ran> {
    record::read(HOSTS).map(|record| Ran::recorded(&record))
}

fn host_count(host: Host, path: &str, ran: &Ran) -> Count {
    source(Path::new(path)).map(|text| host.count(path, &text, ran)).unwrap_or_default()
}

/// A line for every test that stands for a requirement and did not run.
fn host_faults(rows: &[Row<'_>], ran: &Ran) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows {
        for path in &row.tests {
            let others = Host::of(path).map(|host| host_count(host, path, ran).others).unwrap_or_default();
            faults.extend(others.iter().map(|test| format!("R{}: {test} of {path} did not run and pass", row.number)));
        }
    }
    faults
}

fn page() -> Result<String, String> {
    fs::read_to_string(PAGE).map_err(|e| format!("{PAGE}: {e}"))
}

fn source(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn faults(rows: &[Row<'_>]) -> Vec<String> {
    let mut faults = numbering(rows);
    faults.extend(rows.iter().flat_map(|row| faults_of(row, |path| source(Path::new(path)))));
    faults
}

/// Every number once, in order.
fn numbering(rows: &[Row<'_>]) -> Vec<String> {
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    if numbers.iter().copied().eq(1..=LAST) {
        return Vec::new();
    }
    vec![format!("{PAGE}: the rows are not R1 to R{LAST}, once each and in order: {numbers:?}")]
}

fn faults_of(row: &Row<'_>, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let name = format!("R{}", row.number);
    let mut faults = Vec::new();
    if row.planned && !PLANNED.contains(&row.number) {
        faults.push(format!("{PAGE}: {name} is not among what may be planned"));
    }
    if !row.planned && (row.code.is_empty() || row.tests.is_empty()) {
        faults.push(format!("{PAGE}: {name} has no code or no tests"));
    }
    for path in row.code.iter().filter(|path| read(path).is_none() && !Path::new(path).is_dir()) {
        faults.push(format!("{PAGE}: {name}: there is no {path}"));
    }
    for path in &row.tests {
        match read(path).map(|text| Naming::of(path, &text)) {
            None => faults.push(format!("{PAGE}: {name}: there is no {path}")),
            Some(naming) if *path == PROGRAM.0 && naming.as_a_whole(row.number) => {}
            Some(naming) if naming.showing(row.number).next().is_some() => {}
            Some(_) => faults.push(format!("{PAGE}: {name}: no test of {path} names it")),
        }
    }
    faults
}

/// The tests of the record, found in their files.
fn tests_that_ran() -> Result<Ran, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let targets = "--lib --bins --tests --examples --no-run --quiet --message-format json";
    let out = Command::new(cargo)
        .args(["test", "--locked", "--workspace", "--all-features"])
        .args(targets.split(' '))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cargo: {e}"))?;
    let repository = std::env::current_dir().map_err(|e| e.to_string())?;
    let roots = ran::roots(&String::from_utf8_lossy(&out.stdout), &repository);
    Ok(Ran::of(&record::read(TESTS).unwrap_or_default(), &roots, source))
}

/// How many tests of a file that name the requirement ran, or how many runs its program counts.
fn runs(number: u32, path: &str, ran: &Ran, program: &str) -> usize {
    if path == PROGRAM.0 {
        // A closing line for each store: what was done to it, and what it lost.
        return program.lines().filter(|line| line.starts_with("crash: ") && line.contains(" kills ")).count();
    }
    let naming = source(Path::new(path)).map(|text| Naming::of(path, &text)).unwrap_or_default();
    naming.showing(number).filter(|test| ran.has(Path::new(path), test)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32, tests: Vec<&'static str>, planned: bool) -> Row<'static> {
        Row { number, title: "", code: vec!["a"], tests, planned }
    }

    fn read(path: &str) -> Option<String> {
        match path {
            "a" => Some("// R7: shown here\n#[test]\nfn a() {}".into()),
            "b" => Some("// R70 and XR7\n#[test]\nfn b() {}".into()),
            "c" => Some("//! R7, without any test".into()),
            _ => None,
        }
    }

    #[test]
    fn a_test_that_is_missing_or_silent_is_a_fault() {
        let faults = faults_of(&row(7, vec!["a", "b", "c", "d"], false), read);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains("no test of b") && faults[1].contains("no test of c"), "{faults:?}");
        assert!(faults[2].contains("there is no d"), "{faults:?}");
    }

    #[test]
    fn only_some_requirements_may_be_planned() {
        assert_eq!(faults_of(&row(7, vec![], false), read).len(), 1);
        assert_eq!(faults_of(&row(7, vec!["a"], true), read).len(), 1);
        assert_eq!(faults_of(&row(37, vec![], false), read).len(), 1);
        assert_eq!(faults_of(&row(37, vec![], true), read), [""; 0]);
    }

    #[test]
    fn a_missing_number_is_a_fault() {
        assert_eq!(numbering(&rows("| R7 | x | `a` | `b` |")).len(), 1);
        let all: String = (1..=LAST).map(|n| format!("| R{n} | x | — | — |\n")).collect();
        assert_eq!(numbering(&rows(&all)), [""; 0]);
    }
}
