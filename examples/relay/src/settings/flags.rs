//! The flags of `undertone-relay`, over the environment and the configuration file.

use std::path::PathBuf;

use lexopt::prelude::*;

use super::Options;
use super::sources::{CONFIG, Sources};

const HELP: &str = "\
undertone-relay: stores and forwards what it cannot read

    --config FILE        settings as TOML         (UNDERTONE_RELAY_CONFIG)
    --listen ADDRESS     where to listen          (default 127.0.0.1:8787)
    --data FOLDER        where to keep its files  (default ./relay-data)
    --memory             keep nothing on disk
    --nats URL[,URL]     keep everything in NATS JetStream, together with any number of other relays (needs a relay
                         built with --features nats)
    --authority HEX      public key of an authority that certifies devices; may be repeated
    --policy FILE        the rules as TOML        (default: the companion preset)
    --revocations FILE   a signed revocation list; read again at SIGHUP
    --set KEY=VALUE      any setting of the configuration file, like limits.mailbox=5000; may be repeated
    --demo               certify whoever asks: for trying it out on one's own machine only
    --check              look into the settings and end
    --verbose            log more
    --help, --version

Every setting has a variable as well: limits.mailbox is UNDERTONE_RELAY_LIMITS__MAILBOX. A flag counts more than a
variable, a variable more than the file. examples/relay/relay.toml shows all settings, docs/relay.md explains them.";

/// What to do.
pub enum Command {
    /// Serve.
    Serve(Box<Options>),
    /// Print this and end.
    Print(String),
}

/// Reads flags, environment and configuration file.
pub fn read() -> Result<Command, String> {
    let mut flags = lexopt::Parser::from_env();
    let mut config = std::env::var_os(CONFIG).filter(|path| !path.is_empty()).map(PathBuf::from);
    let (mut set, mut authorities, mut check) = (Vec::new(), Vec::new(), false);
    let mut say = |key: &str, value: String| set.push((key.to_owned(), value));
    let mut paths: Vec<(&str, String)> = Vec::new();
    while let Some(flag) = flags.next().map_err(|e| e.to_string())? {
        match flag {
            Long("config") => config = Some(value(&mut flags)?.into()),
            Long("listen") => say("listen", value(&mut flags)?),
            Long("data") => paths.push(("data", value(&mut flags)?)),
            Long("nats") => paths.push(("nats.url", value(&mut flags)?)),
            Long("memory") => say("memory", "true".into()),
            Long("authority") => authorities.push(value(&mut flags)?),
            Long("policy") => paths.push(("policy", value(&mut flags)?)),
            Long("revocations") => paths.push(("revocations", value(&mut flags)?)),
            Long("set") => {
                let text = value(&mut flags)?;
                let (key, value) = text.split_once('=').ok_or_else(|| format!("--set {text}: say KEY=VALUE"))?;
                say(key.trim(), value.trim().into());
            }
            Long("demo") => say("demo", "true".into()),
            Long("check") => check = true,
            Short('v') | Long("verbose") => say("log.level", "debug".into()),
            Short('h') | Long("help") => return Ok(Command::Print(HELP.into())),
            Short('V') | Long("version") => {
                return Ok(Command::Print(concat!("undertone-relay ", env!("CARGO_PKG_VERSION")).into()));
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let mut sources = config.as_deref().map_or_else(|| Ok(Sources::default()), Sources::file)?;
    let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    };
    sources.environment(std::env::vars_os().filter_map(unicode))?;
    for (key, value) in set {
        sources.set(&key, &value).map_err(|error| format!("{key}: {error}"))?;
    }
    for (key, path) in paths {
        sources.set_text(key, path)?;
    }
    if !authorities.is_empty() {
        sources.set_list("authorities", authorities)?;
    }
    let options = sources.settings()?.options(check)?;
    options.config.check().map_err(|error| error.to_string())?;
    if !check {
        return Ok(Command::Serve(Box::new(options)));
    }
    Ok(Command::Print("the settings are good".into()))
}

fn value(flags: &mut lexopt::Parser) -> Result<String, String> {
    flags.value().map_err(|e| e.to_string())?.into_string().map_err(|_| "a value is not Unicode".into())
}
