//! `cargo xtask bindings`: builds, packages and tests the bindings of each language, plays the scenarios that they share,
//! and counts their tests. `cargo xtask bindings xcframework` makes what Apple's platforms take of the library.

mod apple;
mod kotlin;
mod library;
mod mixed;
mod python;
mod swift;
mod table;
pub mod tool;

use std::time::Instant;

use table::Table;

/// A language: its name on the command line, what builds and tests it, and how its player is started after that.
struct Language {
    name: &'static str,
    run: fn(&mut Table) -> Result<(), String>,
    player: fn() -> Result<String, String>,
}

const LANGUAGES: [Language; 3] = [
    Language { name: "python", run: python::run, player: python::player },
    Language { name: "kotlin", run: kotlin::run, player: kotlin::player },
    Language { name: "swift", run: swift::run, player: swift::player },
];

/// Builds, packages and tests the languages that the arguments name, or all; then lets these play the scenarios.
pub fn run(args: &[String]) -> Result<(), String> {
    if args == ["xcframework"] {
        return apple::xcframework();
    }
    if let Some(unknown) = args.iter().find(|name| LANGUAGES.iter().all(|known| known.name != *name)) {
        return Err(format!("no language `{unknown}`; there are {}", LANGUAGES.map(|known| known.name).join(", ")));
    }
    library::build()?;
    let mut table = Table::default();
    let wanted = |language: &&Language| args.is_empty() || args.iter().any(|name| name == language.name);
    let languages: Vec<&Language> = LANGUAGES.iter().filter(wanted).collect();
    for language in &languages {
        println!("\n── bindings for {}", language.name);
        let start = Instant::now();
        (language.run)(&mut table)?;
        table.took(language.name, start.elapsed());
    }
    println!("\n── scenarios");
    let players = languages.iter().map(|language| Ok((language.name, (language.player)()?)));
    mixed::run(&players.collect::<Result<Vec<_>, String>>()?, &mut table)?;
    table.print()?;
    library::weigh()
}
