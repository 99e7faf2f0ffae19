//! The native library, and the programs that write sources for it.

use std::fs;
use std::path::{Path, PathBuf};

use super::sizes::{EVERYTHING, Set};
use crate::stage::Step;
use crate::tool::{self, root};

/// How the sources look.
const CONFIG: &str = "uniffi.toml";

/// As the other tests are built, so that nothing of it has to be built twice.
const WORKSPACE: &str = "build --locked --workspace --all-features";
/// What writes sources, and what examples and scenarios need beside the library.
const PROGRAMS: [&str; 6] = [
    "undertone-bindgen",
    "undertone-bindgen-swift",
    "undertone-nouns",
    "undertone-relay",
    "undertone-mixed",
    "undertone-player",
];
/// The relay that examples and scenarios talk over.
pub const RELAY: &str = "target/debug/undertone-relay";

/// The library, built in one way.
#[derive(Clone, Copy)]
pub struct Library {
    /// Cargo's profile.
    pub profile: &'static str,
    set: &'static Set,
}

impl Library {
    /// As packages have it that are given to others.
    pub const SHIPPED: Library = Library::of(&EVERYTHING);
    /// As tests have it: most of what it is made of is there when the other tests have been built, and the rest is built in a
    /// few minutes. It is slower and larger, and does the same.
    pub const TESTED: Library = Library { profile: "dev", set: &EVERYTHING };

    /// As it is shipped, with some of its features.
    pub const fn of(set: &'static Set) -> Library {
        Library { profile: "bindings", set }
    }

    /// Whether packages that are given to others have it.
    pub fn is_shipped(self) -> bool {
        self.profile == Library::SHIPPED.profile
    }

    /// For how many seconds tests have threads hammer at an engine: at what is given to others for a minute.
    pub fn seconds(self) -> &'static str {
        if self.is_shipped() { "60" } else { "5" }
    }

    /// Builds it, the generators, and what the examples and scenarios need beside them.
    pub fn build(self) -> Result<(), String> {
        self.build_only()?;
        PROGRAMS.iter().fold(Step::cargo(WORKSPACE), |step, program| step.args(&["--bin", program])).run()
    }

    /// Builds nothing but the library.
    pub fn build_only(self) -> Result<(), String> {
        self.forget_others()?;
        let step = Step::cargo("rustc --locked --package undertone-ffi --lib --crate-type cdylib --profile");
        let step = step.args(&[self.profile]);
        match self.set.features {
            Some(features) => step.args(&["--no-default-features", "--features", features]).run()?,
            None => step.run()?,
        }
        let mark = self.mark()?;
        fs::write(&mark, self.state()?).map_err(|error| format!("{}: {error}", mark.display()))
    }

    /// Removes a library that was built in another way, which cargo would take for the one that is asked for: all have one name.
    fn forget_others(self) -> Result<(), String> {
        let library = self.path()?;
        let fault = |error: std::io::Error| format!("{}: {error}", library.display());
        if library.exists()
            && fs::read_to_string(self.mark()?).is_ok_and(|mark| self.state().is_ok_and(|is| is == mark))
        {
            return Ok(());
        }
        let deps = self.folder()?.join("deps").join(library.file_name().unwrap_or_default());
        for file in [&library, &deps] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fault(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// By what this library is known again: of which features it was made, and when.
    fn state(self) -> Result<String, String> {
        let library = self.path()?;
        let made = fs::metadata(&library).and_then(|file| file.modified());
        made.map(|made| format!("{} {made:?}", self.set.name))
            .map_err(|error| format!("{}: {error}", library.display()))
    }

    fn mark(self) -> Result<PathBuf, String> {
        Ok(self.folder()?.join("undertone-ffi.state"))
    }

    /// Where cargo puts what it builds by the profile.
    fn folder(self) -> Result<PathBuf, String> {
        Ok(root()?.join("target").join(if self.profile == "dev" { "debug" } else { self.profile }))
    }

    /// Where it is, with the symbols from which sources are written.
    fn path(self) -> Result<PathBuf, String> {
        let name = match std::env::consts::OS {
            "macos" => "libundertone_ffi.dylib",
            "windows" => "undertone_ffi.dll",
            _ => "libundertone_ffi.so",
        };
        Ok(self.folder()?.join(name))
    }

    /// A copy without symbols, as it is shipped, in a folder.
    pub fn stripped(self, folder: &Path) -> Result<PathBuf, String> {
        let from = self.path()?;
        let to = folder.join(from.file_name().unwrap_or_default());
        let fault = |error: std::io::Error| format!("{}: {error}", to.display());
        fs::create_dir_all(folder).map_err(fault)?;
        fs::copy(&from, &to).map_err(fault)?;
        let flag = if cfg!(target_os = "macos") { "-x" } else { "--strip-unneeded" };
        tool::run(&mut tool::command("strip", &[flag, &to.to_string_lossy()], folder))?;
        Ok(to)
    }

    /// Writes UniFFI's sources of a language.
    pub fn generate(self, language: &str, out: &Path) -> Result<(), String> {
        let (library, out) = (self.path()?, out.to_string_lossy().into_owned());
        let library = library.to_string_lossy();
        let args = ["generate", "--no-format", "--config", CONFIG, "--language", language, "--out-dir", &out, &library];
        generator("undertone-bindgen", &args)
    }

    /// Writes UniFFI's sources of Swift, and the header of the library with its map.
    pub fn swift(self, sources: &Path, header: &Path) -> Result<(), String> {
        let library = self.path()?;
        let library = library.to_string_lossy();
        let (sources, header) = (sources.to_string_lossy(), header.to_string_lossy());
        let map = ["--modulemap", "--module-name", "UndertoneFFI", "--modulemap-filename", "module.modulemap"];
        for args in [&["--swift-sources", &library, &sources][..], &["--headers", &library, &header]] {
            generator("undertone-bindgen-swift", &[&["--config", CONFIG], args].concat())?;
        }
        generator("undertone-bindgen-swift", &[&["--config", CONFIG], &map[..], &[&library, &header]].concat())
    }

    /// Writes what is ours of a language: its nouns, or what values with content say of themselves.
    pub fn nouns(self, language: &str, file: &Path) -> Result<(), String> {
        let library = self.path()?;
        let folder = file.parent().unwrap_or(file);
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        generator("undertone-nouns", &[language, &library.to_string_lossy(), &file.to_string_lossy()])
    }
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
