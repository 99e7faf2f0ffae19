//! `cargo xtask bindings`: builds, packages and tests the bindings of each language, and counts their tests.

mod kotlin;
mod library;
mod python;
mod table;
mod tool;

use std::time::Instant;

use table::Table;

/// The languages, by their names on the command line.
const LANGUAGES: [(&str, fn(&mut Table) -> Result<(), String>); 2] = [("python", python::run), ("kotlin", kotlin::run)];

/// Builds, packages and tests the languages that the arguments name, or all.
pub fn run(args: &[String]) -> Result<(), String> {
    if let Some(unknown) = args.iter().find(|name| LANGUAGES.iter().all(|(known, _)| known != *name)) {
        return Err(format!("no language `{unknown}`; there are {}", LANGUAGES.map(|(name, _)| name).join(", ")));
    }
    library::build()?;
    let mut table = Table::default();
    for (name, language) in LANGUAGES {
        if args.is_empty() || args.iter().any(|wanted| wanted == name) {
            println!("\n── bindings for {name}");
            let start = Instant::now();
            language(&mut table)?;
            table.took(name, start.elapsed());
        }
    }
    table.print()
}
