//! `cargo xtask mutants`: breaks the rules of who may do what, and of what goes when, one place at a time, and looks
//! whether a test notices.
//!
//! Each mutant is tried on the tests within the engine first; only what these do not catch is tried on the scenarios,
//! which are built and run for longer. Whatever survives both must stand in `docs/mutants.md` with a reason.

mod survivors;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::needs::Need;
use crate::stage::Step;
use survivors::Survivors;

/// What is broken: policy, authorization, what arrives, what goes, receipts.
const FILES: [&str; 5] = [
    "core/src/policy/*.rs",
    "core/src/session/authorize.rs",
    "core/src/inbox/*.rs",
    "core/src/expiry/*.rs",
    "core/src/receipt.rs",
];
/// Where all of it is built and told. Within the repository, so that the second run finds what the first has built.
const FOLDER: &str = "target/mutants";
/// What has changed since a commit.
const CHANGES: &str = "target/mutants/changes.diff";
/// A build that hangs is given up after so long.
const PATIENCE: &str = "--build-timeout 600";
/// What cargo-mutants ends with when it has tried everything: all was noticed, some was not, some ran out of time.
const DONE: [i32; 3] = [0, 2, 3];
/// What makes one mutant cheap: no optimisation and no lines of backtraces for what is built anew each time.
const PROFILE: [&str; 4] = [
    "profile.dev.debug=0",
    "profile.dev.package.undertone.opt-level=0",
    "profile.dev.package.undertone-tests.opt-level=0",
    "profile.dev.package.undertone-relay.opt-level=0",
];

/// Tests within the engine of what lies below all that is broken: most of their time, and nothing that they could
/// notice.
const BELOW: &str = "-- -- --skip store:: --skip search:: --skip attachment:: --skip session::storage:: \
     --skip session::provider:: --skip session::group:: --skip session::pages:: --skip session::structure:: \
     --skip key_package::tests";

/// Scenarios that take most of the time of all of them, and are about what lies beside: stores that fail, are wiped or
/// are written anew, transfers of files, calls.
const BESIDE: &str = "-- -- --skip failing_store:: --skip calls_by_chance:: --skip diagnosis::r45_it_costs \
     --skip logging_out::r38_nothing_is_left --skip logging_out::r38_the_search --skip erasing::r25_a_crash \
     --skip erasing::r25_what_is_deleted --skip erasing::r25_before --skip attachments::a_transfer \
     --skip attachments::an_upload --skip attachments::a_download";

/// The tests that must notice, those of the first pass and those of the second: the name of the pass, the package and
/// the program of the tests, and what is left out. The program is an argument of every call of cargo, so that no other
/// is built. A test that hangs is given up after three times what all of them take without a mutant, and no sooner than
/// 45 seconds. The scenarios are not tried without one, for cargo-mutants would look for them in the package that is
/// broken; they take a minute or two.
const WITHIN: (&str, &str, &str) =
    ("within", "--test-package undertone --cargo-arg=--lib --timeout-multiplier 3 --minimum-test-timeout 45", BELOW);
const OUTSIDE: (&str, &str, &str) =
    ("scenarios", "--test-package undertone-tests --cargo-arg=--test=scenarios --baseline skip --timeout 400", BESIDE);

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Ask {
    files: Vec<String>,
    shard: Option<String>,
    /// Only lines that have changed since this commit.
    since: Option<String>,
    list: bool,
}

/// Runs the mutants that the arguments ask for.
pub fn run(args: &[String]) -> Result<(), String> {
    let ask = Ask::read(args)?;
    Need::CargoMutants.check()?;
    if let Some(commit) = &ask.since {
        write_changes(commit)?;
    }
    if ask.list {
        return ask.choose(Step::cargo("mutants --list")).run();
    }
    let missed = pass(WITHIN, |step| ask.choose(step))?;
    let missed = match missed.as_slice() {
        [] => Vec::new(),
        missed => among(pass(OUTSIDE, |step| these(step, missed))?, missed),
    };
    Survivors::read()?.judge(&missed)
}

impl Ask {
    fn read(args: &[String]) -> Result<Ask, String> {
        let mut ask = Ask { files: Vec::new(), shard: None, since: None, list: false };
        let mut words = args.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => ask.list = true,
                "--file" => ask.files.push(words.next().ok_or("--file needs a path")?.clone()),
                "--shard" => ask.shard = Some(words.next().ok_or("--shard needs a part, as 1/8")?.clone()),
                "--since" => ask.since = Some(words.next().ok_or("--since needs a commit")?.clone()),
                other => {
                    let known = "there are --shard N/M, --file PATH, --since COMMIT and --list";
                    return Err(format!("unknown {other}; {known}"));
                }
            }
        }
        if ask.files.is_empty() {
            ask.files = FILES.map(String::from).to_vec();
        }
        ask.shard = ask.shard.as_deref().map(shard).transpose()?;
        Ok(ask)
    }

    fn choose(&self, step: Step) -> Step {
        let files = self.files.iter().flat_map(|file| ["--file", file]);
        let shard = self.shard.iter().flat_map(|shard| ["--shard", shard]);
        let changed = self.since.iter().flat_map(|_| ["--in-diff", CHANGES]);
        let chosen: Vec<&str> = files.chain(shard).chain(changed).collect();
        step.args(&["--package", "undertone", "--exclude", "**/tests/**"]).args(&chosen)
    }
}

/// Writes what has changed since a commit to where cargo-mutants reads it.
fn write_changes(since: &str) -> Result<(), String> {
    let changes = Command::new("git").args(["diff", since, "--", "core/src"]).output();
    let changes = changes.map_err(|error| format!("git cannot be run: {error}"))?;
    if !changes.status.success() {
        return Err(format!("--since {since}: {}", String::from_utf8_lossy(&changes.stderr).trim()));
    }
    fs::create_dir_all(FOLDER).and_then(|()| fs::write(CHANGES, changes.stdout)).map_err(|e| format!("{CHANGES}: {e}"))
}

/// `1/8` is the first of eight; cargo-mutants counts from nought.
fn shard(text: &str) -> Result<String, String> {
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse::<u32>().ok()?, of.parse::<u32>().ok()?)));
    match parts {
        Some((part, of)) if (1..=of).contains(&part) => Ok(format!("{}/{of}", part - 1)),
        _ => Err(format!("--shard {text}: it should be as 1/8 to 8/8")),
    }
}

/// Mutants by their names, and some more of their files: cargo-mutants chooses no fields by name.
fn these(step: Step, names: &[String]) -> Step {
    let file = |name: &String| name.split(':').next().unwrap_or_default().to_owned();
    let files: BTreeSet<String> = names.iter().map(file).collect();
    let files: Vec<String> = files.into_iter().flat_map(|file| ["--file".into(), file]).collect();
    let chosen: Vec<String> = names.iter().flat_map(|name| ["--re".into(), format!("^{}$", literal(name))]).collect();
    step.args(&["--package", "undertone"]).args(&files).args(&chosen)
}

/// Those that the first pass has missed as well.
fn among(missed: Vec<String>, before: &[String]) -> Vec<String> {
    missed.into_iter().filter(|name| before.contains(name)).collect()
}

/// A text as a regular expression.
fn literal(text: &str) -> String {
    let escaped = |c: char| if c.is_alphanumeric() || " _-<>=!&':,/".contains(c) { None } else { Some('\\') };
    text.chars().flat_map(|c| escaped(c).into_iter().chain([c])).collect()
}

/// Tries mutants on some tests, and returns the names of those that nothing noticed.
fn pass(tests: (&str, &str, &str), choose: impl Fn(Step) -> Step) -> Result<Vec<String>, String> {
    let (name, tests, left_out) = tests;
    let folder = format!("{FOLDER}/{name}");
    fs::create_dir_all(&folder).map_err(|e| format!("{folder}: {e}"))?;
    let told = Path::new(&folder).join("mutants.out");
    // A run that does not begin must not be answered with what an earlier one found.
    let _ = fs::remove_dir_all(&told);
    let target = fs::canonicalize(FOLDER).map_err(|e| format!("{FOLDER}: {e}"))?;
    let profile: Vec<String> = PROFILE.iter().map(|setting| format!("--cargo-arg=--config={setting}")).collect();
    let step = Step::cargo(&format!("mutants --jobs 1 --colors never {PATIENCE} {tests} --all-features"))
        .args(&["--output", &folder, "--cargo-arg=--locked"])
        .args(&profile)
        .env("CARGO_TARGET_DIR", &target.to_string_lossy());
    let left_out: Vec<&str> = left_out.split_whitespace().collect();
    let step = choose(step).args(&left_out);
    println!("$ {step}");
    match step.code()? {
        Some(code) if DONE.contains(&code) => {}
        _ => return Err(format!("{name}: cargo-mutants did not come to its end")),
    }
    let lines = |file: &str| -> Result<Vec<String>, String> {
        let text = fs::read_to_string(told.join(file)).map_err(|e| format!("{file}: {e}"))?;
        Ok(text.lines().map(Into::into).collect())
    };
    let [missed, caught, late, unviable] =
        [lines("missed.txt")?, lines("caught.txt")?, lines("timeout.txt")?, lines("unviable.txt")?];
    let counts = [&caught, &late, &missed, &unviable].map(Vec::len);
    if counts == [0; 4] {
        return Err(format!("{name}: there was nothing to break"));
    }
    let [caught, late, missing, unviable] = counts;
    println!("{name}: {caught} caught, {late} timed out, {missing} missed, {unviable} cannot be built");
    Ok(missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Result<Ask, String> {
        Ask::read(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_shard_is_counted_from_one() {
        assert_eq!(ask("--shard 1/8").unwrap().shard.as_deref(), Some("0/8"));
        assert_eq!(ask("--shard 8/8").unwrap().shard.as_deref(), Some("7/8"));
        for wrong in ["0/8", "9/8", "1", "a/b", "1/0"] {
            assert!(ask(&format!("--shard {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_that_are_named_replace_the_usual_ones() {
        assert_eq!(ask("").unwrap().files, FILES);
        let one = Ask { files: vec!["a.rs".into()], shard: None, since: None, list: true };
        assert_eq!(ask("--file a.rs --list").unwrap(), one);
        assert!(ask("--other").is_err() && ask("--file").is_err() && ask("--since").is_err());
    }

    #[test]
    fn what_has_changed_is_what_git_says_and_no_commit_is_an_error() {
        assert_eq!(ask("--since v1").unwrap().since.as_deref(), Some("v1"));
        assert!(write_changes("no-such-commit").unwrap_err().contains("no-such-commit"));
    }

    #[test]
    fn what_the_first_pass_has_noticed_does_not_survive_the_second() {
        let [one, other] = ["a.rs:1:2: replace f".to_owned(), "a.rs:3:4: delete field g".to_owned()];
        let before = [one.clone()];
        assert_eq!(among(vec![one, other], &before), before);
    }

    #[test]
    fn a_name_is_no_pattern() {
        assert_eq!(literal("a.rs:1:2: replace * with + in <x>::y"), r"a\.rs:1:2: replace \* with \+ in <x>::y");
        assert_eq!(literal("-> Result<(), F> with [0; 8] | {}"), r"-> Result<\(\), F> with \[0\; 8\] \| \{\}");
    }
}
