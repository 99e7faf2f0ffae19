//! Python: a wheel, its tests against what is in it, and its examples.

use std::path::{Path, PathBuf};

use super::junit;
use super::library::{self, Library};
use super::table::{Passed, Table};
use crate::tool::{self, command, empty, output, root};
use crate::venv;

/// What builds the wheel and looks at it; versions, so that the same wheel comes of the same sources.
const TOOLS: [&str; 1] = ["maturin==1.16.0"];
const TEST_TOOLS: [&str; 4] = ["pytest==9.2.0", "pytest-asyncio==1.5.0", "mypy==2.4.1", "websockets==17.4"];

/// Installs what is missing of its tools.
pub fn prepare() -> Result<(), String> {
    venv::need()
}

/// Builds the wheel, and tests it in an environment that has nothing else of this repository.
pub fn run(library: Library, table: &mut Table) -> Result<(), String> {
    let root = root()?;
    let folder = root.join("bindings/python");
    let module = folder.join("src/undertone");
    library.nouns("python", &module.join("_nouns.py"))?;
    library.nouns("content-python", &module.join("_content.py"))?;
    library.nouns("stub", &module.join("_native/undertone_ffi.pyi"))?;
    let tools = venv::make(&empty("python-tools")?, &TOOLS)?;
    let wheels = empty("wheels")?;
    let out = wheels.to_string_lossy();
    let build = ["build", "--quiet", "--locked", "--profile", library.profile, "--out", &out];
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", library::generator_for_maturin()?.display());
    tool::run(command(tools.join("maturin"), &build, &folder).env("PATH", path))?;
    let wheel = only(&wheels)?;
    let bin = venv::make(&empty("python-tests")?, &[&TEST_TOOLS[..], &[&*wheel.to_string_lossy()]].concat())?;
    let python = bin.join("python");
    let fresh = venv::make(&empty("python-fresh")?, &[&format!("{}[relay]", wheel.display())])?;
    table.tests("python", "pytest", tests(library, &python, &fresh.join("python"), &folder)?);
    tool::run(&mut command(
        &python,
        &["-m", "mypy", "--no-error-summary", "bench", "examples", "players", "tests"],
        &folder,
    ))
}

/// Runs the tests; gives those that passed. The README's first example runs where there is nothing but the wheel.
fn tests(library: Library, python: &Path, fresh: &Path, folder: &Path) -> Result<Vec<Passed>, String> {
    let report = tool::folder("python-tests")?.join("tests.xml");
    let report_to = format!("--junitxml={}", report.display());
    let mut pytest = command(python, &["-m", "pytest", "-p", "no:cacheprovider", &report_to], folder);
    tool::run(pytest.env("UNDERTONE_FRESH_PYTHON", fresh).env("UNDERTONE_SECONDS", library.seconds()))?;
    let file = |class: &str| Path::new("bindings/python").join(class.replace('.', "/")).with_extension("py");
    Ok(junit::read(&[report])?.into_iter().map(|test| (file(&test.class), test.name)).collect())
}

/// How the player is started.
pub fn player() -> Result<String, String> {
    let python = tool::folder("python-tests")?.join("bin/python");
    Ok(format!("{} {}", python.display(), root()?.join("bindings/python/players/player.py").display()))
}

/// Times calls.
pub fn bench() -> Result<String, String> {
    let python = tool::folder("python-tests")?.join("bin/python");
    output(&mut command(python, &["bench/calls.py"], &root()?.join("bindings/python")))
}

/// The one file of a folder.
fn only(folder: &Path) -> Result<PathBuf, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = std::fs::read_dir(folder).map_err(fault)?;
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file.map_err(fault)?.path()),
        _ => Err(format!("{}: there should be one wheel", folder.display())),
    }
}
