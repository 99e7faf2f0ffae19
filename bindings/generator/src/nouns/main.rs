//! Writes the nouns of a chat that is driven: for each noun of an engine a class of the host's language, whose methods wait
//! for the engine somewhere else than on the thread that shows things.
//!
//! `undertone-nouns python|kotlin|swift|stub LIBRARY FILE` reads what the compiled library exports, so that a method that the
//! engine gains is there in every language. `stub` writes what a type checker of Python reads. With `content-` before the
//! language it writes what values with content say of themselves; for Kotlin into the file, which is UniFFI's.

mod content;
mod kotlin;
mod noun;
mod python;
mod stub;
mod swift;

use std::process::ExitCode;

use noun::Noun;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("undertone-nouns: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [language, library, file] = arguments.as_slice() else {
        anyhow::bail!("undertone-nouns [content-]python|stub|kotlin|swift LIBRARY FILE");
    };
    let interface = noun::read(library)?;
    let nouns = Noun::all(&interface)?;
    let text = match language.as_str() {
        "python" => python::write(&nouns)?,
        "stub" => stub::write(&interface)?,
        "kotlin" => kotlin::write(&nouns)?,
        "swift" => swift::write(&nouns)?,
        "content-python" => content::python(&interface),
        "content-kotlin" => content::kotlin(&interface, &std::fs::read_to_string(file)?)?,
        "content-swift" => content::swift(&interface),
        other => anyhow::bail!("no language {other}: there are python, stub, kotlin and swift"),
    };
    Ok(std::fs::write(file, text)?)
}
