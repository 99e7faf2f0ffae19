//! `cargo xtask bindings`: builds, packages and tests the bindings of each language, plays the scenarios that they share,
//! and counts their tests. `sizes` weighs the library of each set of features, `bench` times calls from each language,
//! `xcframework` makes what Apple's platforms take of the library, and `aar` what Android takes.

mod android;
mod apple;
mod bench;
mod junit;
mod kotlin;
mod library;
mod mixed;
mod python;
mod sizes;
mod swift;
mod table;

use library::Library;
use table::Table;

use crate::requirements;
use crate::tool::need;

/// A language: its name on the command line, what installs its tools, what builds and tests it, and how its player is
/// started after that.
struct Language {
    name: &'static str,
    prepare: fn() -> Result<(), String>,
    run: fn(Library, &mut Table) -> Result<(), String>,
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
        Some(("xcframework", [])) => apple::xcframework(),
        Some(("aar", [])) => android::aar(),
        Some(("sizes", [])) => sizes::run(),
        Some(("bench", names)) => bench::run(&languages(names)?),
        Some(("--dev", names)) => test(Library::TESTED, &languages(names)?),
        _ => test(Library::SHIPPED, &languages(args)?),
    }
}

fn languages(names: &[String]) -> Result<Vec<&'static Language>, String> {
    if let Some(unknown) = names.iter().find(|name| LANGUAGES.iter().all(|known| known.name != *name)) {
        return Err(format!("no language `{unknown}`; there are {}", LANGUAGES.map(|known| known.name).join(", ")));
    }
    Ok(LANGUAGES.iter().filter(|known| names.is_empty() || names.iter().any(|name| name == known.name)).collect())
}

/// What has passed is told and written down, whatever came after it.
fn test(library: Library, languages: &[&'static Language]) -> Result<(), String> {
    let mut table = Table::default();
    let outcome = all(library, languages, &mut table);
    let counted = table.print(outcome.is_err());
    table.record()?;
    outcome.and(counted)?;
    if languages.len() == LANGUAGES.len() { requirements::count_hosts() } else { Ok(()) }
}

fn all(library: Library, languages: &[&'static Language], table: &mut Table) -> Result<(), String> {
    table.part("tools", |_| {
        need("strip", &["binutils"])?;
        languages.iter().try_for_each(|language| (language.prepare)())
    })?;
    table.part("library", |_| library.build())?;
    for language in languages {
        table.part(language.name, |table| (language.run)(library, table))?;
    }
    table.part("scenarios", |table| {
        let players = languages.iter().map(|language| Ok((language.name, (language.player)()?)));
        mixed::run(&players.collect::<Result<Vec<_>, String>>()?, table)
    })?;
    bench::packaged(library)?;
    // What tests have is no size that anybody downloads.
    if library.is_shipped() { table.part("size", |_| sizes::weigh_everything()) } else { Ok(()) }
}
