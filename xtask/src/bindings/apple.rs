//! Apple's platforms: an XCFramework with static libraries, for the Swift package. It is made by Apple's tools, so on macOS.

use std::fs;
use std::path::{Path, PathBuf};

use super::library::Library;
use crate::needs::answers;
use crate::stage::Step;
use crate::tool::{self, command, empty, root};

/// The library as cargo calls it.
const LIBRARY: &str = "libundertone_ffi.a";
/// The oldest systems that the package supports, for whatever is compiled from C as well.
const OLDEST: [(&str, &str); 2] = [("IPHONEOS_DEPLOYMENT_TARGET", "15.0"), ("MACOSX_DEPLOYMENT_TARGET", "12.0")];

/// A part of the framework: a platform, and the processors that its one library is for.
struct Slice {
    name: &'static str,
    targets: &'static [&'static str],
}

const SLICES: [Slice; 3] = [
    Slice { name: "ios", targets: &["aarch64-apple-ios"] },
    Slice { name: "ios-simulator", targets: &["aarch64-apple-ios-sim", "x86_64-apple-ios"] },
    Slice { name: "macos", targets: &["aarch64-apple-darwin", "x86_64-apple-darwin"] },
];

/// Builds the static libraries, and puts them with the header into `bindings/swift/UndertoneFFI.xcframework`, where
/// `Package.swift` looks for it.
pub fn xcframework() -> Result<(), String> {
    if std::env::consts::OS != "macos" {
        let here = std::env::consts::OS;
        return Err(format!("an XCFramework is made by Apple's tools: run this on macOS with Xcode, not on {here}"));
    }
    if !answers("xcodebuild", &["-version"]) {
        return Err("xcodebuild is missing: install Xcode, choose it with xcode-select, and run this again".into());
    }
    Library::SHIPPED.build()?;
    let headers = headers()?;
    let mut libraries = Vec::new();
    for slice in &SLICES {
        println!("\n── static library for {}", slice.name);
        libraries.push(slice.build()?);
    }
    let framework = root()?.join("bindings/swift/UndertoneFFI.xcframework");
    if framework.exists() {
        fs::remove_dir_all(&framework).map_err(|error| format!("{}: {error}", framework.display()))?;
    }
    assemble(&libraries, &headers, &framework)?;
    println!("\n{} is there: Package.swift takes it from now on", framework.display());
    Ok(())
}

/// The header and its map, in a folder of the module's name: two frameworks of one app may each have a map. The Swift sources
/// that belong to them go where the package has them.
fn headers() -> Result<PathBuf, String> {
    let headers = empty("xcframework-headers")?;
    let module = headers.join("UndertoneFFI");
    fs::create_dir_all(&module).map_err(|error| format!("{}: {error}", module.display()))?;
    let sources = root()?.join("bindings/swift/Sources");
    Library::SHIPPED.swift(&sources.join("UndertoneEngine"), &module)?;
    Library::SHIPPED.nouns("content-swift", &sources.join("UndertoneEngine/Content.swift"))?;
    Library::SHIPPED.nouns("swift", &sources.join("Undertone/Nouns.swift"))?;
    Ok(headers)
}

impl Slice {
    /// One library for all processors of this platform.
    fn build(&self) -> Result<PathBuf, String> {
        let mut single = Vec::new();
        for target in self.targets {
            single.push(build(target)?);
        }
        let library = empty(&format!("xcframework-{}", self.name))?.join(LIBRARY);
        let mut args: Vec<String> = vec!["-create".into()];
        args.extend(single.iter().map(|path| path.to_string_lossy().into_owned()));
        args.extend(["-output".into(), library.to_string_lossy().into_owned()]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        tool::run(&mut command("lipo", &args, &root()?))?;
        Ok(library)
    }
}

/// The static library for one target, by the same profile as the others that are shipped.
fn build(target: &str) -> Result<PathBuf, String> {
    let root = root()?;
    if answers("rustup", &["--version"]) {
        tool::run(&mut command("rustup", &["target", "add", target], &root))?;
    }
    let profile = "rustc --locked --profile bindings --package undertone-ffi --lib --crate-type staticlib";
    let step = Step::cargo(profile).args(&["--target", target]);
    OLDEST.into_iter().fold(step, |step, (system, version)| step.env(system, version)).run()?;
    Ok(root.join("target").join(target).join("bindings").join(LIBRARY))
}

/// Puts libraries together, each with the same headers.
fn assemble(libraries: &[PathBuf], headers: &Path, framework: &Path) -> Result<(), String> {
    let headers = headers.to_string_lossy();
    let framework = framework.to_string_lossy();
    let libraries: Vec<_> = libraries.iter().map(|library| library.to_string_lossy()).collect();
    let mut args = vec!["-create-xcframework"];
    for library in &libraries {
        args.extend(["-library", &**library, "-headers", &*headers]);
    }
    args.extend(["-output", &*framework]);
    tool::run(&mut command("xcodebuild", &args, &root()?))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn other_systems_are_told_where_to_go() {
        if std::env::consts::OS != "macos" {
            assert!(xcframework().is_err_and(|error| error.contains("run this on macOS")));
        }
    }

    #[test]
    fn every_target_is_in_one_slice() {
        let mut targets: Vec<_> = SLICES.iter().flat_map(|slice| slice.targets).collect();
        let all = targets.len();
        targets.sort_unstable();
        targets.dedup();
        assert_eq!(targets.len(), all);
    }
}
