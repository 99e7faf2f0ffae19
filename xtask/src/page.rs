//! `cargo xtask page`: plays the day of three people on the page of `examples/phones`, in a real browser.
//!
//! The browser is the system's Chromium, driven by Playwright, whose own browsers are not downloaded. What a bare Debian
//! machine lacks is installed; the Python packages go into a folder below `target`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::needs;
use crate::stage::Step;
use crate::tool::{command, need, root, run as call};
use crate::venv;

/// What drives and judges the page; versions, so that the same page gets the same verdict.
const TOOLS: [&str; 3] = ["playwright==1.65.2", "axe-playwright-python==0.1.8", "pytest==9.2.0"];
/// Debian's packages: the browser, and letters and emoji for it.
const BROWSER: [&str; 3] = ["chromium", "fonts-inter", "fonts-noto-color-emoji"];
/// The tests.
const TESTS: &str = "examples/phones/tests/page";
/// Pictures of the page that the README shows.
const PICTURES: [&str; 5] = ["phones.png", "phones-dark.png", "call.png", "safety-numbers.png", "phone-width.png"];
/// Where these are kept.
const KEPT: &str = "docs/images";

/// The stage of `cargo xtask test`.
pub fn check() -> Result<(), String> {
    run(&[])
}

/// Runs the tests; with `--pictures` those of the README are taken anew. Other arguments are pytest's.
pub fn run(args: &[String]) -> Result<(), String> {
    let (ours, theirs): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| *arg == "--pictures");
    let root = root()?;
    if needs::program(&needs::CHROMIUM).is_none() {
        need("chromium", &BROWSER)?;
    }
    let browser = needs::program(&needs::CHROMIUM).ok_or("there is no Chromium")?;
    let python = environment(&root)?;
    build().run()?;
    let shots = root.join("target/page/pictures");
    let mut tests = command(python, &["-m", "pytest", "-p", "no:cacheprovider", "--exitfirst"], &root.join(TESTS));
    tests.args(theirs).env("PYTHONDONTWRITEBYTECODE", "1");
    tests.env("PHONES", root.join("target/debug/undertone-phones")).env("CHROMIUM", browser).env("SHOTS", &shots);
    call(&mut tests)?;
    if !ours.is_empty() {
        fs::create_dir_all(KEPT).map_err(|error| format!("{KEPT}: {error}"))?;
        for picture in PICTURES {
            let (from, to) = (shots.join(picture), root.join(KEPT).join(picture));
            fs::copy(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        }
    }
    Ok(())
}

/// As the stage of all tests builds it, so that nothing is built twice.
fn build() -> Step {
    Step::cargo("build --locked --quiet --workspace --all-features --bin undertone-phones")
}

/// The Python that has the tools. It is made anew when it has others.
fn environment(root: &Path) -> Result<PathBuf, String> {
    let folder = root.join("target/page/python");
    let (python, stamp, wanted) = (folder.join("bin/python"), folder.join("tools"), TOOLS.join("\n"));
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|has| has == wanted) {
        return Ok(python);
    }
    venv::need()?;
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(fault)?;
    }
    fs::create_dir_all(&folder).map_err(fault)?;
    venv::make(&folder, &TOOLS)?;
    fs::write(&stamp, wanted).map_err(fault)?;
    Ok(python)
}
