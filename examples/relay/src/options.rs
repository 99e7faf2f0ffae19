//! Flags and environment of `undertone-relay`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use undertone::authority::Authority;
use undertone::policy::Policy;
use undertone_relay::shell::{ServerConfig, StoreKind};

const HELP: &str = "\
undertone-relay: stores and forwards what it cannot read

    --listen ADDRESS     where to listen          (UNDERTONE_LISTEN, default 127.0.0.1:8787)
    --data FOLDER        where to keep its file   (UNDERTONE_DATA, default ./relay-data)
    --memory             keep nothing on disk
    --nats URL[,URL]     keep everything in NATS JetStream instead, and share it with any number of other
                         relays          (UNDERTONE_NATS; needs a relay built with `--features nats`)
    --nats-prefix NAME   what names in NATS begin with, one for each platform (UNDERTONE_NATS_PREFIX, default undertone)
    --authority HEX      public key of an authority that certifies devices; may be repeated
                         (UNDERTONE_AUTHORITIES, separated by commas)
    --policy FILE        the rules as TOML        (UNDERTONE_POLICY, default: the companion preset)
    --revocations FILE   a signed revocation list (UNDERTONE_REVOCATIONS)
    --demo               certify whoever asks: for trying it out on one's own machine only
    --verbose            log more
    --help, --version

It speaks plain WebSocket. In front of the world put a proxy that speaks TLS.";

/// What to do.
pub enum Command {
    /// Serve.
    Serve(Box<Options>),
    /// Print this and end.
    Print(String),
}

/// How to serve.
pub struct Options {
    /// The server's part.
    pub config: ServerConfig,
    /// A revocation list to start with.
    pub revocations: Option<Vec<u8>>,
    /// Whether to log more.
    pub verbose: bool,
}

/// What flags and environment say, not yet looked into.
struct Raw {
    listen: OsString,
    data: PathBuf,
    memory: bool,
    nats: Option<String>,
    nats_prefix: Option<String>,
    authorities: Vec<String>,
    policy: Option<PathBuf>,
    revocations: Option<PathBuf>,
    demo: bool,
    verbose: bool,
}

/// Reads flags, and the environment where there is no flag.
pub fn read() -> Result<Command, String> {
    let mut raw = from_environment();
    let mut flags = lexopt::Parser::from_env();
    while let Some(flag) = flags.next().map_err(|e| e.to_string())? {
        match flag {
            Long("listen") => raw.listen = value(&mut flags)?,
            Long("data") => raw.data = value(&mut flags)?.into(),
            Long("memory") => raw.memory = true,
            Long("nats") => raw.nats = Some(value(&mut flags)?.to_string_lossy().into_owned()),
            Long("nats-prefix") => raw.nats_prefix = Some(value(&mut flags)?.to_string_lossy().into_owned()),
            Long("authority") => raw.authorities.push(value(&mut flags)?.to_string_lossy().into_owned()),
            Long("policy") => raw.policy = Some(value(&mut flags)?.into()),
            Long("revocations") => raw.revocations = Some(value(&mut flags)?.into()),
            Long("demo") => raw.demo = true,
            Short('v') | Long("verbose") => raw.verbose = true,
            Short('h') | Long("help") => return Ok(Command::Print(HELP.into())),
            Short('V') | Long("version") => {
                return Ok(Command::Print(concat!("undertone-relay ", env!("CARGO_PKG_VERSION")).into()));
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    options(raw).map(|options| Command::Serve(Box::new(options)))
}

fn value(flags: &mut lexopt::Parser) -> Result<OsString, String> {
    flags.value().map_err(|e| e.to_string())
}

fn from_environment() -> Raw {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let authorities = variable("UNDERTONE_AUTHORITIES").unwrap_or_default();
    Raw {
        listen: variable("UNDERTONE_LISTEN").unwrap_or_else(|| "127.0.0.1:8787".into()),
        data: variable("UNDERTONE_DATA").unwrap_or_else(|| "relay-data".into()).into(),
        memory: false,
        nats: variable("UNDERTONE_NATS").map(|urls| urls.to_string_lossy().into_owned()),
        nats_prefix: variable("UNDERTONE_NATS_PREFIX").map(|name| name.to_string_lossy().into_owned()),
        authorities: authorities.to_string_lossy().split(',').filter(|key| !key.is_empty()).map(Into::into).collect(),
        policy: variable("UNDERTONE_POLICY").map(Into::into),
        revocations: variable("UNDERTONE_REVOCATIONS").map(Into::into),
        demo: false,
        verbose: false,
    }
}

fn options(raw: Raw) -> Result<Options, String> {
    let listen = raw.listen.to_string_lossy();
    let listen: SocketAddr = listen.parse().map_err(|_| format!("{listen} is no address like 127.0.0.1:8787"))?;
    let mut authorities = raw.authorities.iter().map(|text| key(text)).collect::<Result<Vec<_>, _>>()?;
    let store = store(&raw)?;
    let demo = if raw.demo { Some(demo_authority(&raw)?) } else { None };
    authorities.extend(demo.as_ref().map(Authority::public_key));
    if authorities.is_empty() {
        return Err("no authority: nobody could log in. Give --authority, or --demo to try it out".into());
    }
    if raw.demo && !listen.ip().is_loopback() {
        return Err("--demo certifies anybody as anything: it only listens on loopback".into());
    }
    let policy = match &raw.policy {
        Some(path) => Policy::from_toml_bytes(&file(path)?).map_err(|e| format!("{}: {e}", path.display()))?,
        None => Policy::companion(),
    };
    let revocations = raw.revocations.as_deref().map(file).transpose()?;
    let config = ServerConfig { listen, store, policy, demo, ..ServerConfig::new(authorities) };
    Ok(Options { config, revocations, verbose: raw.verbose })
}

fn store(raw: &Raw) -> Result<StoreKind, String> {
    if let Some(urls) = &raw.nats {
        return nats(urls, raw.nats_prefix.as_deref());
    }
    if raw.memory { Ok(StoreKind::Memory) } else { Ok(StoreKind::Sqlite(folder(&raw.data)?.join("relay.sqlite"))) }
}

#[cfg(feature = "nats")]
fn nats(urls: &str, prefix: Option<&str>) -> Result<StoreKind, String> {
    let mut config = undertone_relay::nats::NatsConfig::new(urls);
    if config.urls.is_empty() {
        return Err("--nats names no server, like nats://127.0.0.1:4222".into());
    }
    if let Some(prefix) = prefix {
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(format!("--nats-prefix {prefix}: letters and digits only"));
        }
        config.prefix = prefix.into();
    }
    Ok(StoreKind::Nats(config))
}

#[cfg(not(feature = "nats"))]
fn nats(_urls: &str, _prefix: Option<&str>) -> Result<StoreKind, String> {
    Err("this relay was built without NATS: build it with --features nats".into())
}

/// A key in hexadecimal.
fn key(text: &str) -> Result<[u8; 32], String> {
    let wrong = || format!("{text} is no key of 64 hexadecimal digits");
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong());
    }
    let mut key = [0; 32];
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(key)
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn folder(path: &Path) -> Result<&Path, String> {
    std::fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}

/// The demonstration's authority: kept beside the relay's file, so that certificates outlive a restart.
fn demo_authority(raw: &Raw) -> Result<Authority, String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| e.to_string())?;
    if raw.memory {
        return Ok(Authority::from_seed(seed));
    }
    let path = folder(&raw.data)?.join("demo-authority.key");
    if path.exists() {
        let bytes = file(&path)?;
        seed = bytes.try_into().map_err(|_| format!("{} is no key of 32 bytes", path.display()))?;
    } else {
        std::fs::write(&path, seed).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(Authority::from_seed(seed))
}
