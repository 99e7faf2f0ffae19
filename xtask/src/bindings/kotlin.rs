//! Kotlin: Maven modules with the native library in them, and their tests.

use std::path::{Path, PathBuf};

use super::junit;
use super::library::{self, Library};
use super::table::{Passed, Table};
use crate::tool::{self, command, need, output, root};

/// Installs what is missing of its tools.
pub fn prepare() -> Result<(), String> {
    need("javac", &["openjdk-17-jdk-headless"])?;
    need("mvn", &["maven"])
}

/// Builds the modules, tests them, and installs them in the local repository.
pub fn run(library: Library, table: &mut Table) -> Result<(), String> {
    let folder = root()?.join("bindings/kotlin");
    let module = folder.join("undertone");
    let sources = module.join("target/generated-sources/undertone");
    std::fs::create_dir_all(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    library.generate("kotlin", &sources)?;
    library.nouns("content-kotlin", &sources.join("dev/undertone/undertone_ffi.kt"))?;
    library.nouns("kotlin", &sources.join("dev/undertone/Nouns.kt"))?;
    library.stripped(&module.join("target/native").join(platform()?))?;
    table.tests("kotlin", "JUnit", tests(library, &folder)?);
    let relay = root()?.join(library::RELAY).to_string_lossy().into_owned();
    output(&mut command("sh", &["check/example.sh", &relay], &folder))?;
    table.add("kotlin", "README's example in a new project", 1);
    Ok(())
}

/// Packages and installs the modules, with their tests; gives those that passed.
fn tests(library: Library, folder: &Path) -> Result<Vec<Passed>, String> {
    let module = folder.join("undertone-testing");
    let reports = module.join("target/surefire-reports");
    // What earlier runs have left there was not run now.
    match std::fs::remove_dir_all(&reports) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {error}", reports.display()));
        }
        _ => {
            let seconds = format!("-Dundertone.seconds={}", library.seconds());
            let install = ["--batch-mode", "--no-transfer-progress", &seconds, "install"];
            tool::run(&mut command("mvn", &install, folder))?;
        }
    }
    let sources = Path::new("bindings/kotlin/undertone-testing/src/test/kotlin");
    let file = |class: &str| sources.join(class.replace('.', "/")).with_extension("kt");
    Ok(junit::read(&reports_in(&reports)?)?.into_iter().map(|test| (file(&test.class), test.name)).collect())
}

/// Surefire writes one for each class.
fn reports_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(fault)?.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    Ok(entries
        .iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "xml"))
        .collect())
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
