//! Flags of `relay-load`.

use std::path::PathBuf;

use lexopt::prelude::*;

pub const HELP: &str = "\
relay-load: how much a relay carries, and that it loses nothing

    --devices N      devices that are connected at once (default 2,000)
    --seconds N      length of each measurement (default 10)
    --only one|nats  only one relay over SQLite, or only three relays over NATS
    --write FILE     put the table under its heading into this file as well";

/// What to measure.
pub struct Options {
    /// Devices at once.
    pub devices: u64,
    /// Length of each measurement.
    pub seconds: u64,
    /// One relay over SQLite.
    pub one: bool,
    /// Three relays over NATS.
    pub nats: bool,
    /// A page that gets the table.
    pub write: Option<PathBuf>,
}

/// Reads the flags; `None` when help is wanted.
pub fn read() -> Result<Option<Options>, String> {
    let mut options = Options { devices: 2_000, seconds: 10, one: true, nats: true, write: None };
    let mut flags = lexopt::Parser::from_env();
    while let Some(flag) = flags.next().map_err(|e| e.to_string())? {
        match flag {
            Long("devices") => options.devices = number(&value(&mut flags)?)?,
            Long("seconds") => options.seconds = number(&value(&mut flags)?)?,
            Long("write") => options.write = Some(value(&mut flags)?.into()),
            Long("only") => match value(&mut flags)?.as_str() {
                "one" => options.nats = false,
                "nats" => options.one = false,
                other => return Err(format!("--only {other}: there are one and nats")),
            },
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().to_string()),
        }
    }
    // They talk in pairs.
    options.devices = (options.devices / 2 * 2).max(2);
    Ok(Some(options))
}

fn value(flags: &mut lexopt::Parser) -> Result<String, String> {
    Ok(flags.value().map_err(|e| e.to_string())?.to_string_lossy().into_owned())
}

fn number(text: &str) -> Result<u64, String> {
    text.replace([',', '_'], "").parse().map_err(|_| format!("{text} is no number"))
}
