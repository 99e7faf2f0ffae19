//! Swift: a package with the native library beside it, and its tests. Where there is no Swift, in a folder with Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use super::library::{self, Library};
use super::table::{Passed, Table};
use crate::needs::answers;
use crate::tool::{self, command, folder, need, output, root};

/// What a folder of Debian trixie needs for Swift.
const PACKAGES: &str = "swiftlang,libc6-dev,libstdc++-14-dev,binutils,git,ca-certificates";

/// Where the tests are.
const TESTS: &str = "bindings/swift/Tests/UndertoneTests";
/// For how long threads hammer: what the folder with Swift is told of the environment.
const SECONDS: &str = "UNDERTONE_SECONDS";

/// Makes the folder with Swift where there is no Swift.
pub fn prepare() -> Result<(), String> {
    if here() { Ok(()) } else { chroot().map(drop) }
}

/// Builds the package and tests it.
pub fn run(library: Library, table: &mut Table) -> Result<(), String> {
    let place = package()?;
    let sources = place.join("Sources");
    library.swift(&sources.join("UndertoneEngine"), &sources.join("UndertoneFFI"))?;
    library.nouns("content-swift", &sources.join("UndertoneEngine/Content.swift"))?;
    library.nouns("swift", &sources.join("Undertone/Nouns.swift"))?;
    library.stripped(&place.join("lib"))?;
    let mut tests = swift("swift build --build-tests && swift test --skip-build 2>&1")?;
    let printed = output(tests.env(SECONDS, library.seconds()))?;
    table.tests("swift", "Swift Testing", passed(&printed, "✔ Test ", " passed after ")?);
    table.tests("swift", "XCTest", passed(&printed, "Test Case '", "' passed (")?);
    check(&place, table)
}

/// An empty package that has ours by its path runs the README's first example.
fn check(place: &Path, table: &mut Table) -> Result<(), String> {
    let root = root()?;
    for file in [library::RELAY, "bindings/README.md"] {
        let to = place.join("lib").to_string_lossy().into_owned();
        tool::run(&mut command("cp", &["--update", file, &to], &root))?;
    }
    output(&mut swift("sh check.sh lib/undertone-relay lib/README.md")?)?;
    table.add("swift", "README's example in a new package", 1);
    Ok(())
}

/// How the player is started.
pub fn player() -> Result<String, String> {
    let program = ".build/debug/player";
    Ok(if here() {
        package()?.join(program).to_string_lossy().into_owned()
    } else {
        let script = folder("swift")?.join("player.sh");
        let text = format!("#!/bin/sh\nexec {}\n", inside(&chroot()?, program)?);
        fs::write(&script, text).map_err(|error| format!("{}: {error}", script.display()))?;
        format!("sh {}", script.display())
    })
}

/// Times calls.
pub fn bench() -> Result<String, String> {
    output(&mut swift("swift build --configuration release --product calls && .build/release/calls")?)
}

/// The package, where the library and the sources that are written of it are put as well.
fn package() -> Result<PathBuf, String> {
    Ok(root()?.join("bindings/swift"))
}

/// Whether Swift is installed, and no folder with it is needed.
fn here() -> bool {
    answers("swift", &["--version"])
}

/// A command of a shell in the package.
fn swift(line: &str) -> Result<Command, String> {
    Ok(if here() {
        command("sh", &["-c", line], &package()?)
    } else {
        command("sh", &["-c", &inside(&chroot()?, &format!("sh -c '{line}'"))?], &root()?)
    })
}

/// A command line that runs another in the folder with Swift, which has the folders of the system and of the scenarios, and
/// the package.
fn inside(chroot: &Path, line: &str) -> Result<String, String> {
    let (chroot, package) = (chroot.display(), package()?);
    let (line, package) = (line.replace('\'', "\""), package.display());
    Ok(format!(
        "unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc {chroot}/proc && \
         mount --bind /dev {chroot}/dev && mount --bind /tmp {chroot}/tmp && mount --bind {package} {chroot}/package && \
         exec chroot {chroot} /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 {SECONDS}=${SECONDS} \
         sh -c \"cd /package && exec {}\"'",
        line.replace('"', "\\\"")
    ))
}

/// A folder with Debian trixie and its Swift, made once and kept among what programs keep for this user: making it takes six
/// minutes, and it is the same for every copy of the repository.
fn chroot() -> Result<PathBuf, String> {
    let kept = kept()?.join("undertone/swift");
    let (place, mark) = (kept.join("trixie"), kept.join("packages"));
    if fs::read_to_string(&mark).is_ok_and(|packages| packages == PACKAGES) {
        return Ok(place);
    }
    need("mmdebstrap", &["mmdebstrap"])?;
    // What a run that was ended has left of it would be in the way, and so would one with other packages.
    match fs::remove_dir_all(&kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(format!("{}: {error}", kept.display())),
        _ => fs::create_dir_all(&kept).map_err(|error| format!("{}: {error}", kept.display()))?,
    }
    let include = format!("--include={PACKAGES}");
    let args = ["--variant=apt", &include, "trixie", &place.to_string_lossy()];
    tool::run(&mut command("mmdebstrap", &args, &root()?))?;
    let fault = |error: io::Error| format!("{}: {error}", place.display());
    fs::create_dir_all(place.join("package")).map_err(fault)?;
    fs::write(&mark, PACKAGES).map_err(fault)?;
    Ok(place)
}

/// Where programs keep what they can make anew.
fn kept() -> Result<PathBuf, String> {
    let named = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || named("HOME").map(|home| home.join(".cache"));
    named("XDG_CACHE_HOME").or_else(home).ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".into())
}

/// The tests that passed, with their files.
fn passed(printed: &str, before: &str, after: &str) -> Result<Vec<Passed>, String> {
    if let Some(skipped) = printed.lines().find(|line| line.contains("Test") && line.contains(" skipped")) {
        return Err(format!("a test was skipped: {skipped}"));
    }
    let sources = sources(&root()?.join(TESTS))?;
    let names = printed.lines().filter_map(|line| name(line, before, after));
    names.map(|name| Ok((file_of(name, &sources)?, name.to_owned()))).collect()
}

/// The test of a line like `✔ Test ends(_:) passed after 0.1 seconds.`, or `Test Case 'ThreadsTests.testMany' passed (5 seconds)`.
fn name<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (name, _) = line.split_once(before)?.1.split_once(after)?;
    // Without its class, and without names of arguments. What has a space is a sentence about all tests.
    name.split('(').next()?.rsplit('.').next().filter(|name| !name.contains(' '))
}

/// The files of tests, with what is in them.
fn sources(folder: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let fault = |error: io::Error| format!("{}: {error}", folder.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        sources.push((Path::new(TESTS).join(entry.file_name()), fs::read_to_string(entry.path()).map_err(fault)?));
    }
    Ok(sources)
}

/// Runners do not tell where a test is, so its name must stand in one file.
fn file_of(test: &str, sources: &[(PathBuf, String)]) -> Result<PathBuf, String> {
    let function = format!("func {test}(");
    let files: Vec<_> = sources.iter().filter(|(_, text)| text.contains(&function)).collect();
    match files[..] {
        [(file, _)] => Ok(file.clone()),
        _ => Err(format!("{} files have a test {test}, not one", files.len())),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn tests_are_told_by_their_lines() {
        let testing = |line| name(line, "✔ Test ", " passed after ");
        assert_eq!(testing("✔ Test endsWell() passed after 0.1 seconds."), Some("endsWell"));
        assert_eq!(testing("✔ Test ends(_:to:) passed after 0.1 seconds."), Some("ends"));
        assert_eq!(testing("✔ Test ends(_:) with 2 test cases passed after 0.1 seconds."), Some("ends"));
        assert_eq!(testing("✔ Test run with 34 tests passed after 2.8 seconds."), None);
        assert_eq!(testing("✔ Suite TurnTests passed after 1.1 seconds."), None);
        assert_eq!(testing("✘ Test ends() failed after 1.1 seconds with 1 issue."), None);
        let line = "Test Case 'ThreadsTests.testMany' passed (5.1 seconds)";
        assert_eq!(name(line, "Test Case '", "' passed ("), Some("testMany"));
    }

    #[test]
    fn a_test_is_found_in_the_one_file_that_has_it() {
        let sources = [("a", "func one() {}"), ("b", "func two() {}\nfunc three() {}"), ("c", "func three() {}")];
        let sources = sources.map(|(file, text)| (PathBuf::from(file), text.to_owned()));
        assert_eq!(file_of("two", &sources), Ok("b".into()));
        assert!(file_of("tw", &sources).is_err());
        assert!(file_of("three", &sources).is_err());
    }
}
