//! The scenarios that all languages share, over one real relay.

use super::library;
use super::table::{Table, before};
use crate::tool::{command, output, root};

/// The player in Rust, which needs no bindings.
const RUST: &str = "target/debug/undertone-player";

/// Lets the players of these languages play in every pairing.
pub fn run(players: &[(&'static str, String)], table: &mut Table) -> Result<(), String> {
    let root = root()?;
    let mut arguments = vec!["--relay".to_owned(), library::RELAY.to_owned()];
    for (name, player) in players.iter().chain(&[("rust", RUST.to_owned())]) {
        arguments.extend(["--player".to_owned(), format!("{name}={player}")]);
    }
    arguments.push("tests/scenarios".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let printed = output(&mut command(root.join("target/debug/undertone-mixed"), &arguments, &root))?;
    table.add("all", "scenarios, by casts", before(&printed, "passed"));
    Ok(())
}
