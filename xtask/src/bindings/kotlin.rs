//! Kotlin: Maven modules with the native library in them, and their tests.

use super::library;
use super::table::Table;
use crate::tool::{command, need, output, root};

/// Installs what is missing of its tools.
pub fn prepare() -> Result<(), String> {
    need("javac", &["openjdk-17-jdk-headless"])?;
    need("mvn", &["maven"])
}

/// Builds the modules, tests them, and installs them in the local repository.
pub fn run(table: &mut Table) -> Result<(), String> {
    let folder = root()?.join("bindings/kotlin");
    let module = folder.join("undertone");
    let sources = module.join("target/generated-sources/undertone");
    std::fs::create_dir_all(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    library::generate("kotlin", &sources)?;
    library::nouns("content-kotlin", &sources.join("dev/undertone/undertone_ffi.kt"))?;
    library::nouns("kotlin", &sources.join("dev/undertone/Nouns.kt"))?;
    library::stripped(&module.join("target/native").join(platform()?))?;
    let printed = output(&mut command("mvn", &["--batch-mode", "--no-transfer-progress", "install"], &folder))?;
    table.add("kotlin", "JUnit", tests(&printed));
    let relay = root()?.join(library::RELAY).to_string_lossy().into_owned();
    output(&mut command("sh", &["check/example.sh", &relay], &folder))?;
    table.add("kotlin", "README's example in a new project", 1);
    Ok(())
}

/// How the player is started.
pub fn player() -> Result<String, String> {
    Ok(format!("java -cp {} dev.undertone.player.MainKt", classpath("player")?))
}

/// Times calls.
pub fn bench() -> Result<String, String> {
    output(&mut command("java", &["-cp", &classpath("bench")?, "dev.undertone.bench.MainKt"], &root()?))
}

/// What a program's module needs, and itself.
fn classpath(module: &str) -> Result<String, String> {
    let target = root()?.join("bindings/kotlin").join(module).join("target");
    let classpath = target.join("classpath");
    let libraries = std::fs::read_to_string(&classpath).map_err(|error| format!("{}: {error}", classpath.display()))?;
    Ok(format!("{}:{}", target.join(format!("undertone-{module}-0.1.0.jar")).display(), libraries.trim()))
}

/// How JNA calls this platform.
fn platform() -> Result<&'static str, String> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("linux-x86-64"),
        ("linux", "aarch64") => Ok("linux-aarch64"),
        ("macos", "aarch64") => Ok("darwin-aarch64"),
        ("macos", "x86_64") => Ok("darwin-x86-64"),
        (os, arch) => Err(format!("the Kotlin module is not built on {os} {arch} yet")),
    }
}

/// The sum of the last lines of each module, like `Tests run: 7, Failures: 0`, without those of single classes.
fn tests(printed: &str) -> u64 {
    let count = |line: &str| -> Option<u64> {
        let rest = line.trim_start_matches("[INFO] ").strip_prefix("Tests run: ")?;
        (!rest.contains("Time elapsed")).then(|| rest.split(',').next()?.parse().ok())?
    };
    printed.lines().filter_map(count).sum()
}

#[cfg(test)]
mod unit {
    #[test]
    fn modules_are_counted_and_classes_are_not() {
        let printed = "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 1 s\n[INFO] Tests run: 3, Failures: 0";
        assert_eq!(super::tests(printed), 3);
    }
}
