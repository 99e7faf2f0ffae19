//! Android: an AAR with the library of each processor, for apps built by Gradle. It takes Android's NDK, and the jar that
//! `cargo xtask bindings kotlin` makes.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::library::Library;
use crate::needs::answers;
use crate::stage::Step;
use crate::tool::{command, empty, root, run};

/// Processors by the names of Android, and what Rust calls them.
const PROCESSORS: [(&str, &str); 3] = [
    ("arm64-v8a", "aarch64-linux-android"),
    ("armeabi-v7a", "armv7-linux-androideabi"),
    ("x86_64", "x86_64-linux-android"),
];
/// The oldest system that the Kotlin code runs on, for `java.time` and `java.nio.file`.
const OLDEST: &str = "26";
/// Where an NDK is, by the names that its own tools and others look for.
const NDK: [&str; 3] = ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "NDK_HOME"];

/// Builds the library for each processor, and puts an AAR together at `target/bindings/aar/undertone.aar`.
pub fn aar() -> Result<(), String> {
    let ndk = ndk(|name| env::var_os(name).map(PathBuf::from))?;
    if !answers("cargo", &["ndk", "--version"]) {
        return Err("cargo-ndk is missing: cargo install cargo-ndk --locked, and run this again".into());
    }
    let parts = empty("aar-parts")?;
    for (processor, target) in PROCESSORS {
        println!("\n── library for {processor}");
        if answers("rustup", &["--version"]) {
            run(&mut command("rustup", &["target", "add", target], &root()?))?;
        }
        build(processor, &parts.join("jni"), &ndk)?;
    }
    let jar = root()?.join("bindings/kotlin/undertone/target/undertone-0.1.0.jar");
    let aar = assemble(&parts, &jar)?;
    println!("\n{} is there; its users add net.java.dev.jna:jna as an AAR, too", aar.display());
    Ok(())
}

fn ndk(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, String> {
    let found = NDK.into_iter().filter_map(variable).find(|folder| folder.join("source.properties").is_file());
    found.ok_or_else(|| "an AAR takes Android's NDK, 28 or newer: say where it is in ANDROID_NDK_HOME".into())
}

/// The library for one processor, stripped, in the folder of its name. It has all features: the Kotlin code in the jar binds
/// every function of such a library when it is loaded.
fn build(processor: &str, folder: &Path, ndk: &Path) -> Result<(), String> {
    let out = folder.to_string_lossy();
    let step = Step::cargo("ndk --platform").args(&[OLDEST, "--target", processor, "--output-dir", &*out]);
    let step = step.args(&["rustc", "--locked", "--profile", Library::SHIPPED.profile, "--package", "undertone-ffi"]);
    let step = step.args(&["--lib", "--crate-type", "cdylib"]);
    step.env("ANDROID_NDK_HOME", &ndk.to_string_lossy()).run()?;
    let library = folder.join(processor).join("libundertone_ffi.so");
    run(&mut command(strip(ndk)?, &["--strip-unneeded", &library.to_string_lossy()], folder))
}

/// The NDK's own, whatever machine it is made for.
fn strip(ndk: &Path) -> Result<PathBuf, String> {
    let machines = ndk.join("toolchains/llvm/prebuilt");
    let fault = |error: io::Error| format!("{}: {error}", machines.display());
    let mut machines = fs::read_dir(&machines).map_err(fault)?;
    let machine = machines.next().ok_or("the NDK has no tools")?.map_err(|error| error.to_string())?;
    Ok(machine.path().join("bin/llvm-strip"))
}

/// Puts the AAR together: the jar without the libraries of other systems, what R8 must keep, and the libraries in `jni/`.
fn assemble(parts: &Path, jar: &Path) -> Result<PathBuf, String> {
    if !jar.is_file() {
        return Err(format!("{} is missing: run `cargo xtask bindings kotlin` first", jar.display()));
    }
    let classes = empty("aar-classes")?;
    run(&mut command("jar", &["--extract", "--file", &jar.to_string_lossy()], &classes))?;
    for entry in fs::read_dir(&classes).map_err(|error| format!("{}: {error}", classes.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ["linux-", "darwin-", "win32-"].iter().any(|system| name.starts_with(system)) {
            fs::remove_dir_all(entry.path()).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    let put = |name: &str, text: &str| fs::write(parts.join(name), text).map_err(|error| format!("{name}: {error}"));
    let rules = classes.join("META-INF/proguard/undertone.pro");
    put("proguard.txt", &fs::read_to_string(&rules).map_err(|error| format!("{}: {error}", rules.display()))?)?;
    put("AndroidManifest.xml", &manifest())?;
    put("R.txt", "")?;
    zip(&parts.join("classes.jar"), &classes)?;
    let aar = empty("aar")?.join("undertone.aar");
    zip(&aar, parts)?;
    Ok(aar)
}

fn manifest() -> String {
    format!(
        "<manifest xmlns:android=\"http://schemas.android.com/apk/res/android\" package=\"dev.undertone\">\n    \
         <uses-sdk android:minSdkVersion=\"{OLDEST}\" />\n</manifest>\n"
    )
}

/// All of a folder.
fn zip(file: &Path, folder: &Path) -> Result<(), String> {
    let (file, folder) = (file.to_string_lossy(), folder.to_string_lossy());
    run(&mut command("jar", &["--create", "--no-manifest", "--file", &file, "-C", &folder, "."], &root()?))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn without_an_ndk_its_variable_is_told() {
        assert!(ndk(|_| None).is_err_and(|error| error.contains("ANDROID_NDK_HOME")));
        // A folder with something else in it is none.
        assert!(ndk(|_| Some(root().unwrap())).is_err());
    }
}
