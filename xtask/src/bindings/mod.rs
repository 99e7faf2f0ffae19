//! `cargo xtask bindings`: builds, packages and tests the bindings of each language, plays the scenarios that they share,
//! and counts their tests. `sizes` weighs the library of each set of features, `bench` times calls from each language,
//! and `xcframework` makes what Apple's platforms take of the library.

mod apple;
mod bench;
mod kotlin;
mod library;
mod mixed;
mod python;
mod sizes;
mod swift;
mod table;

use table::Table;

/// A language: its name on the command line, what installs its tools, what builds and tests it, and how its player is
/// started after that.
struct Language {
    name: &'static str,
    prepare: fn() -> Result<(), String>,
    run: fn(&mut Table) -> Result<(), String>,
    player: fn() -> Result<String, String>,
    /// What times calls, once the language was run.
    bench: fn() -> Result<String, String>,
}

const LANGUAGES: [Language; 3] = [
    Language {
        name: "python",
        prepare: python::prepare,
        run: python::run,
        player: python::player,
        bench: python::bench,
    },
    Language {
        name: "kotlin",
        prepare: kotlin::prepare,
        run: kotlin::run,
        player: kotlin::player,
        bench: kotlin::bench,
    },
    Language { name: "swift", prepare: swift::prepare, run: swift::run, player: swift::player, bench: swift::bench },
];

/// Builds, packages and tests the languages that the arguments name, or all; then lets these play the scenarios.
pub fn run(args: &[String]) -> Result<(), String> {
    match args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("xcframework", [])) => return apple::xcframework(),
        Some(("sizes", [])) => return sizes::run(),
        Some(("bench", names)) => return bench::run(&languages(names)?),
        _ => {}
    }
    let languages = languages(args)?;
    let mut table = Table::default();
    let outcome = all(&languages, &mut table);
    // What has passed is told, whatever came after it.
    let counted = table.print(outcome.is_err());
    outcome.and(counted)
}

fn languages(names: &[String]) -> Result<Vec<&'static Language>, String> {
    if let Some(unknown) = names.iter().find(|name| LANGUAGES.iter().all(|known| known.name != *name)) {
        return Err(format!("no language `{unknown}`; there are {}", LANGUAGES.map(|known| known.name).join(", ")));
    }
    Ok(LANGUAGES.iter().filter(|known| names.is_empty() || names.iter().any(|name| name == known.name)).collect())
}

fn all(languages: &[&'static Language], table: &mut Table) -> Result<(), String> {
    table.part("tools", |_| languages.iter().try_for_each(|language| (language.prepare)()))?;
    table.part("library", |_| library::build(&sizes::EVERYTHING))?;
    for language in languages {
        table.part(language.name, language.run)?;
    }
    table.part("scenarios", |table| {
        let players = languages.iter().map(|language| Ok((language.name, (language.player)()?)));
        mixed::run(&players.collect::<Result<Vec<_>, String>>()?, table)
    })?;
    table.part("size", |_| sizes::weigh_everything())
}
