//! Swift: a package with the native library beside it, and its tests. Where there is no Swift, in a folder with Debian's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::library;
use super::table::Table;
use crate::needs::answers;
use crate::tool::{self, command, empty, folder, need, output, root};

/// What a folder of Debian trixie needs for Swift.
const PACKAGES: &str = "swiftlang,libc6-dev,libstdc++-14-dev,binutils,git,ca-certificates";

/// Makes the folder with Swift where there is no Swift.
pub fn prepare() -> Result<(), String> {
    if here() { Ok(()) } else { chroot().map(drop) }
}

/// Builds the package and tests it.
pub fn run(table: &mut Table) -> Result<(), String> {
    let place = package()?;
    let sources = place.join("Sources");
    library::swift(&sources.join("UndertoneEngine"), &sources.join("UndertoneFFI"))?;
    library::nouns("content-swift", &sources.join("UndertoneEngine/Content.swift"))?;
    library::nouns("swift", &sources.join("Undertone/Nouns.swift"))?;
    library::stripped(&place.join("lib"))?;
    let printed = output(&mut swift("swift build --build-tests && swift test --skip-build 2>&1")?)?;
    table.add("swift", "Swift Testing", after(&printed, "Test run with "));
    table.add("swift", "XCTest", after(&printed, "Executed "));
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
        let text = format!("#!/bin/sh\nexec {}\n", inside(&chroot()?, program));
        fs::write(&script, text).map_err(|error| format!("{}: {error}", script.display()))?;
        format!("sh {}", script.display())
    })
}

/// Times calls.
pub fn bench() -> Result<String, String> {
    output(&mut swift("swift build --configuration release --product calls && .build/release/calls")?)
}

/// The package: in the repository, or copied into the folder where Swift is.
fn package() -> Result<PathBuf, String> {
    let from = root()?.join("bindings/swift");
    if here() {
        return Ok(from);
    }
    let place = chroot()?.join("package");
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    for part in ["Package.swift", "check.sh", "Sources", "Tests"] {
        let (from, to) = (from.join(part), place.to_string_lossy().into_owned());
        tool::run(&mut command("cp", &["--recursive", "--update", &from.to_string_lossy(), &to], &root()?))?;
    }
    Ok(place)
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
        command("sh", &["-c", &inside(&chroot()?, &format!("sh -c '{line}'"))], &root()?)
    })
}

/// A command line that runs another in the folder with Swift, with the folders of the scenarios and of the system.
fn inside(chroot: &Path, line: &str) -> String {
    let chroot = chroot.display();
    let line = line.replace('\'', "\"");
    format!(
        "unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc {chroot}/proc && \
         mount --bind /dev {chroot}/dev && mount --bind /tmp {chroot}/tmp && \
         exec chroot {chroot} /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 sh -c \"cd /package && exec {}\"'",
        line.replace('"', "\\\"")
    )
}

/// A folder with Debian trixie and its Swift, made once.
fn chroot() -> Result<PathBuf, String> {
    let place = folder("swift")?.join("trixie");
    // It is a link to a place within the folder.
    if fs::symlink_metadata(place.join("usr/bin/swift")).is_err() {
        need("mmdebstrap", &["mmdebstrap"])?;
        // What a run that was ended has left of it would be in the way.
        let place = empty("swift")?.join("trixie");
        let include = format!("--include={PACKAGES}");
        let args = ["--variant=apt", &include, "trixie", &place.to_string_lossy()];
        tool::run(&mut command("mmdebstrap", &args, &root()?))?;
    }
    Ok(place)
}

/// The number in the last line like `Test run with 6 tests passed`, or `Executed 1 test`.
fn after(printed: &str, words: &str) -> u64 {
    let line = printed.lines().rev().find_map(|line| line.split_once(words));
    line.and_then(|(_, rest)| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod unit {
    #[test]
    fn tests_are_counted_by_the_last_line() {
        let printed =
            "Executed 1 test\nExecuted 2 tests, with 0 failures\n✔ Test run with 6 tests passed after 0.4 seconds.";
        assert_eq!(super::after(printed, "Test run with "), 6);
        assert_eq!(super::after(printed, "Executed "), 2);
        assert_eq!(super::after("error: no such module", "Executed "), 0);
    }
}
