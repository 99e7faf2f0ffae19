//! The native library, as it is shipped, and the programs that write sources for it.

use std::fs;
use std::path::PathBuf;

use super::sizes::Set;
use crate::stage::Step;
use crate::tool::{self, root};

/// How the sources look.
const CONFIG: &str = "uniffi.toml";
/// Where the library is built, and of which features it was built last.
const PROFILE: &str = "target/bindings";

/// The relay that examples and scenarios talk over.
pub const RELAY: &str = "target/debug/undertone-relay";

/// Builds the library, the generators, and what the examples and scenarios need beside them.
pub fn build(set: &Set) -> Result<(), String> {
    build_only(set)?;
    Step::cargo("build --locked --package undertone-bindgen").run()?;
    Step::cargo("build --locked --package undertone-relay --package undertone-mixed").run()
}

/// Builds the library with some of its features.
pub fn build_only(set: &Set) -> Result<(), String> {
    forget_others(set)?;
    let step = Step::cargo("rustc --locked --profile bindings --package undertone-ffi --lib --crate-type cdylib");
    match set.features {
        Some(features) => step.args(&["--no-default-features", "--features", features]).run(),
        None => step.run(),
    }
}

/// Removes a library of other features, which cargo would take for the one that is asked for: all have one name.
fn forget_others(set: &Set) -> Result<(), String> {
    let (library, mark) = (path()?, root()?.join(PROFILE).join("features"));
    let fault = |error: std::io::Error| format!("{}: {error}", mark.display());
    if fs::read_to_string(&mark).is_ok_and(|name| name == set.name) {
        return Ok(());
    }
    let deps = root()?.join(PROFILE).join("deps").join(library.file_name().unwrap_or_default());
    for file in [library, deps] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
    }
    fs::create_dir_all(root()?.join(PROFILE)).map_err(fault)?;
    fs::write(&mark, set.name).map_err(fault)
}

/// The library with the symbols from which sources are written.
pub fn path() -> Result<PathBuf, String> {
    let name = match std::env::consts::OS {
        "macos" => "libundertone_ffi.dylib",
        "windows" => "undertone_ffi.dll",
        _ => "libundertone_ffi.so",
    };
    Ok(root()?.join(PROFILE).join(name))
}

/// A copy without symbols, as it is shipped, in a folder.
pub fn stripped(folder: &std::path::Path) -> Result<PathBuf, String> {
    let from = path()?;
    let to = folder.join(from.file_name().unwrap_or_default());
    let fault = |error: std::io::Error| format!("{}: {error}", to.display());
    fs::create_dir_all(folder).map_err(fault)?;
    fs::copy(&from, &to).map_err(fault)?;
    let flag = if cfg!(target_os = "macos") { "-x" } else { "--strip-unneeded" };
    tool::run(&mut tool::command("strip", &[flag, &to.to_string_lossy()], folder))?;
    Ok(to)
}

/// Writes UniFFI's sources of a language.
pub fn generate(language: &str, out: &std::path::Path) -> Result<(), String> {
    let (library, out) = (path()?, out.to_string_lossy().into_owned());
    let library = library.to_string_lossy();
    let args = ["generate", "--no-format", "--config", CONFIG, "--language", language, "--out-dir", &out, &library];
    generator("undertone-bindgen", &args)
}

/// Writes UniFFI's sources of Swift, and the header of the library with its map.
pub fn swift(sources: &std::path::Path, header: &std::path::Path) -> Result<(), String> {
    let library = path()?;
    let library = library.to_string_lossy();
    let (sources, header) = (sources.to_string_lossy(), header.to_string_lossy());
    let map = ["--modulemap", "--module-name", "UndertoneFFI", "--modulemap-filename", "module.modulemap"];
    for args in [&["--swift-sources", &library, &sources][..], &["--headers", &library, &header]] {
        generator("undertone-bindgen-swift", &[&["--config", CONFIG], args].concat())?;
    }
    generator("undertone-bindgen-swift", &[&["--config", CONFIG], &map[..], &[&library, &header]].concat())
}

/// Writes what is ours of a language: its nouns, or what values with content say of themselves.
pub fn nouns(language: &str, file: &std::path::Path) -> Result<(), String> {
    let library = path()?;
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    generator("undertone-nouns", &[language, &library.to_string_lossy(), &file.to_string_lossy()])
}

/// A folder with UniFFI's generator under the name by which maturin looks for it.
pub fn generator_for_maturin() -> Result<PathBuf, String> {
    let folder = tool::folder("bin")?;
    let (from, to) = (root()?.join("target/debug/undertone-bindgen"), folder.join("uniffi-bindgen"));
    fs::copy(&from, &to).map_err(|error| format!("{}: {error}", to.display()))?;
    Ok(folder)
}

fn generator(name: &str, args: &[&str]) -> Result<(), String> {
    let root = root()?;
    tool::run(&mut tool::command(root.join("target/debug").join(name), args, &root))
}
