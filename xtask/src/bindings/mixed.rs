//! The scenarios that all languages share, over one real relay.

use super::table::{Table, before};
use super::tool::{command, output, root};
use crate::stage::Step;

/// Lets the players of these languages play in every pairing.
pub fn run(players: &[(&'static str, String)], table: &mut Table) -> Result<(), String> {
    Step::cargo("build --locked --package undertone-relay --package undertone-mixed").run()?;
    let root = root()?;
    let mut arguments = vec!["--relay".to_owned(), "target/debug/undertone-relay".to_owned()];
    for (name, player) in players {
        arguments.extend(["--player".to_owned(), format!("{name}={player}")]);
    }
    arguments.push("tests/scenarios".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let printed = output(&mut command(root.join("target/debug/undertone-mixed"), &arguments, &root))?;
    table.add("all", "scenarios, by casts", before(&printed, "passed"));
    Ok(())
}
