//! Flags of the program.

use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

use lexopt::prelude::*;

const HELP: &str = "\
undertone-phones [FILE]: plays a day of three people, then serves a page with their phones

    FILE         play the lines of this file, instead of the standard input's or the built-in day
    --port PORT  serve the page on this port of 127.0.0.1 (default: a free one)
    --no-page    end after the day; so it does where the standard input is no terminal
    --page       serve the page at once, without the day, also where the standard input is no terminal

The lines of a day:
";

/// What was asked for.
pub enum Asked {
    /// To play, to serve, or both.
    Run(Options),
    /// To print this.
    Print(String),
}

/// What to do.
pub struct Options {
    /// Whether the day is played.
    pub day: bool,
    /// Which.
    pub file: Option<PathBuf>,
    /// Whether the page is served.
    pub page: bool,
    /// Where.
    pub port: u16,
}

/// Reads the flags.
pub fn read() -> Result<Asked, String> {
    parse(lexopt::Parser::from_env(), stdin().is_terminal())
}

fn parse(mut flags: lexopt::Parser, terminal: bool) -> Result<Asked, String> {
    let mut options = Options { day: true, file: None, page: terminal, port: 0 };
    while let Some(flag) = flags.next().map_err(|e| e.to_string())? {
        match flag {
            Long("no-page") => options.page = false,
            Long("page") => (options.day, options.page) = (false, true),
            Long("port") => {
                let text = flags.value().and_then(|value| value.string()).map_err(|e| e.to_string())?;
                options.port = text.parse().map_err(|_| format!("{text} is no port: 0 to 65535"))?;
            }
            Short('h') | Long("help") => return Ok(Asked::Print(format!("{HELP}\n{}", undertone_day::HELP))),
            Value(file) if options.file.is_none() => options.file = Some(file.into()),
            Value(_) => return Err("one file at most".into()),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if !options.day && options.file.is_some() {
        return Err("--page plays no day: no file, then".into());
    }
    Ok(Asked::Run(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str], terminal: bool) -> Result<Options, String> {
        match parse(lexopt::Parser::from_args(arguments), terminal)? {
            Asked::Run(options) => Ok(options),
            Asked::Print(text) => Err(text),
        }
    }

    #[test]
    fn the_page_is_for_who_sits_at_a_terminal() {
        let page = |arguments: &[&str], terminal| of(arguments, terminal).map(|options| (options.day, options.page));
        assert_eq!(page(&[], true), Ok((true, true)));
        assert_eq!(page(&[], false), Ok((true, false)));
        assert_eq!(page(&["--no-page"], true), Ok((true, false)));
        assert_eq!(page(&["--page"], false), Ok((false, true)));
        assert_eq!(page(&["day.txt"], false), Ok((true, false)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [&["a", "b"][..], &["--port", "70000"], &["--port"], &["--page", "a"], &["--dance"]] {
            assert!(of(bad, true).is_err(), "{bad:?}");
        }
        assert_eq!(of(&["--port", "8080"], true).map(|options| options.port), Ok(8080));
        assert!(of(&["--help"], true).err().is_some_and(|text| text.contains("/kill bea")));
    }
}
