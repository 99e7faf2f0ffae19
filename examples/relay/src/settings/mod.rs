//! The settings of `undertone-relay`. Each is in four places, of which the later counts: the default, the configuration
//! file, the environment, the flags. `docs/relay.md` lists them.

mod flags;
mod sections;
mod sources;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use undertone::authority::Authority;
use undertone::policy::Policy;
use undertone_relay::network::Block;
use undertone_relay::shell::{ServerConfig, StoreKind, TlsFiles, private_folder, write_private};

use sections::{
    BlobsSection, LimitsSection, LogSection, MetricsSection, NatsSection, PushSection, TimeoutsSection, TlsSection,
};

pub use flags::{Command, read};
pub use sections::Format;

/// What may stand in the configuration file.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    listen: SocketAddr,
    data: PathBuf,
    memory: bool,
    authorities: Vec<String>,
    policy: Option<PathBuf>,
    revocations: Option<PathBuf>,
    demo: bool,
    trusted_proxies: Vec<String>,
    tls: Option<TlsSection>,
    nats: NatsSection,
    log: LogSection,
    metrics: MetricsSection,
    push: PushSection,
    blobs: BlobsSection,
    limits: LimitsSection,
    timeouts: TimeoutsSection,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            data: "relay-data".into(),
            memory: false,
            authorities: Vec::new(),
            policy: None,
            revocations: None,
            demo: false,
            trusted_proxies: Vec::new(),
            tls: None,
            nats: NatsSection::default(),
            log: LogSection::default(),
            metrics: MetricsSection::default(),
            push: PushSection::default(),
            blobs: BlobsSection::default(),
            limits: LimitsSection::default(),
            timeouts: TimeoutsSection::default(),
        }
    }
}

/// How to serve.
pub struct Options {
    /// The server's part.
    pub config: ServerConfig,
    /// Where the revocation list is, if there is one.
    pub revocations: Option<PathBuf>,
    /// How much to log.
    pub level: tracing::Level,
    /// How.
    pub format: Format,
}

impl Settings {
    /// Looks into everything that the settings name; makes nothing if it is to look only.
    fn options(self, only_look: bool) -> Result<Options, String> {
        let mut authorities = self.authorities.iter().map(|text| key(text)).collect::<Result<Vec<_>, _>>()?;
        let store = match self.nats.store(self.blobs.enabled)? {
            Some(shared) => shared,
            None if self.memory => StoreKind::Memory,
            None => StoreKind::Sqlite(self.data.join("relay.sqlite")),
        };
        let demo = if self.demo { Some(self.demo_authority(only_look)?) } else { None };
        authorities.extend(demo.as_ref().map(Authority::public_key));
        if authorities.is_empty() {
            return Err("no authority: nobody could log in. Give --authority, or --demo to try it out".into());
        }
        if self.demo && !self.listen.ip().is_loopback() {
            return Err("--demo certifies anybody as anything: it only listens on loopback".into());
        }
        let policy = match &self.policy {
            Some(path) => Policy::from_toml_bytes(&file(path)?).map_err(|e| format!("{}: {e}", path.display()))?,
            None => Policy::companion(),
        };
        let block = |text: &String| text.parse::<Block>().map_err(|e| format!("trusted_proxies: {text}: {e}"));
        let proxies = self.trusted_proxies.iter().map(block).collect::<Result<_, _>>()?;
        let config = ServerConfig {
            listen: self.listen,
            store,
            policy,
            demo,
            limits: self.limits.logic(&self.blobs)?,
            guard: self.limits.guard(),
            places: self.limits.places(),
            timeouts: self.timeouts.checked()?,
            proxies,
            tls: self.tls.map(|TlsSection { certificate, key }| TlsFiles { certificate, key }),
            blobs: self.blobs.folder(&self.data, self.memory || self.nats.url.is_some()),
            metrics: self.metrics.listen,
            push: self.push.config()?,
            ..ServerConfig::new(authorities)
        };
        let (level, format) = (self.log.level()?, self.log.format);
        Ok(Options { config, revocations: self.revocations, level, format })
    }

    /// The demonstration's authority: kept beside the relay's file, so that certificates outlive a restart.
    fn demo_authority(&self, only_look: bool) -> Result<Authority, String> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|e| e.to_string())?;
        if self.memory {
            return Ok(Authority::from_seed(seed));
        }
        let path = self.data.join("demo-authority.key");
        if path.exists() {
            let bytes = file(&path)?;
            seed = bytes.try_into().map_err(|_| format!("{} is no key of 32 bytes", path.display()))?;
        } else if !only_look {
            let kept = private_folder(&self.data).and_then(|()| write_private(&path, &seed));
            kept.map_err(|e| format!("{}: {e}", path.display()))?;
        }
        Ok(Authority::from_seed(seed))
    }
}

/// A key in hexadecimal.
fn key(text: &str) -> Result<[u8; 32], String> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let key = bytes.and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| format!("authorities: {text} is no key of 64 hexadecimal digits"))
}

/// What a file holds.
pub fn file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const EXAMPLE: &str = include_str!("../../relay.toml");

    #[test]
    fn the_example_shows_every_setting_with_its_default() {
        let shown: Settings = toml::from_str(EXAMPLE).unwrap();
        let (shown, defaults) = (format!("{shown:#?}"), format!("{:#?}", Settings::default()));
        assert_eq!(shown, defaults);
        let settings = defaults.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()));
        for setting in settings {
            let is_it = |line: &str| {
                let line = line.trim_start_matches("# ");
                line.split_once(" =").is_some_and(|(name, _)| name == setting) || line == format!("[{setting}]")
            };
            assert!(EXAMPLE.lines().any(is_it) || ["burst", "per_minute"].contains(&setting), "{setting}");
        }
    }

    #[test]
    fn what_is_commented_out_can_be_set() {
        let all: String = EXAMPLE
            .lines()
            .map(|line| {
                let setting = line.strip_prefix("# ").filter(|line| line.contains(" = ") || line.starts_with('['));
                format!("{}\n", setting.unwrap_or(line))
            })
            .collect();
        let all: Settings = toml::from_str(&all).unwrap();
        assert!(all.tls.is_some() && all.policy.is_some() && all.metrics.listen.is_some());
    }
}
