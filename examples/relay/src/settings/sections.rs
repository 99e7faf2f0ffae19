//! The tables of the configuration file. Every default is the library's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use undertone::time::DAY;
use undertone_relay::guard::GuardLimits;
use undertone_relay::logic::{BlobLimits, Limits, Rate};
use undertone_relay::push::{PushLimits, Secret};
use undertone_relay::shell::{PlaceLimits, PushConfig, StoreKind, Timeouts};

use super::file;

/// Declares a table: its settings with their types, and where the defaults come from.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $($field: $default,)* }
            }
        }
    };
}

/// So much at once, and so much again per minute.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateSetting {
    burst: u64,
    per_minute: u64,
}

impl From<Rate> for RateSetting {
    fn from(Rate { burst, per_minute }: Rate) -> RateSetting {
        RateSetting { burst, per_minute }
    }
}

impl From<RateSetting> for Rate {
    fn from(RateSetting { burst, per_minute }: RateSetting) -> Rate {
        Rate { burst, per_minute }
    }
}

/// `[tls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

section! {
    /// `[nats]`
    #[cfg_attr(not(feature = "nats"), allow(dead_code, reason = "read by a relay that speaks NATS"))]
    NatsSection {
        url: Option<String> = None,
        user: Option<String> = None,
        password_file: Option<PathBuf> = None,
        prefix: String = "undertone".into(),
    }
}

section! {
    /// `[log]`
    LogSection {
        level: String = "info".into(),
        format: Format = Format::Text,
    }
}

section! {
    /// `[metrics]`
    MetricsSection {
        listen: Option<SocketAddr> = None,
    }
}

section! {
    /// `[push]`
    PushSection {
        url: Option<String> = None,
        secret_file: Option<PathBuf> = None,
        roots: Option<PathBuf> = None,
        within_ms: u64 = 10_000,
        waiting: usize = PushLimits::default().waiting,
        batch: usize = PushLimits::default().batch,
        attempts: u32 = PushLimits::default().attempts,
        first_pause_ms: u64 = PushLimits::default().first_pause,
        longest_pause_ms: u64 = PushLimits::default().longest_pause,
        call_age_ms: u64 = PushLimits::default().call_age,
    }
}

section! {
    /// `[blobs]`
    BlobsSection {
        enabled: bool = true,
        folder: Option<PathBuf> = None,
        size_bytes: u64 = BlobLimits::default().size,
        user_bytes: u64 = BlobLimits::default().user,
        user_uploads: u64 = BlobLimits::default().user_uploads,
        user_files: u64 = BlobLimits::default().user_blobs,
        total_bytes: u64 = BlobLimits::default().total,
        upload_bytes: RateSetting = BlobLimits::default().bytes.into(),
        token_age_ms: u64 = BlobLimits::default().token_age,
        upload_within_ms: u64 = BlobLimits::default().upload_within,
        age_days: u64 = BlobLimits::default().age / DAY,
    }
}

section! {
    /// `[limits]`
    LimitsSection {
        connections: usize = PlaceLimits::default().connections,
        address_connections: usize = PlaceLimits::default().address_connections,
        address_new_connections: RateSetting = PlaceLimits::default().address_new.into(),
        address_requests: RateSetting = PlaceLimits::default().address_requests.into(),
        address_downloads: RateSetting = PlaceLimits::default().address_downloads.into(),
        address_unauthenticated: usize = GuardLimits::default().unauthenticated,
        address_refused_logins: RateSetting = GuardLimits::default().refusals.into(),
        address_frames: RateSetting = GuardLimits::default().address_frames.into(),
        login_within_ms: u64 = GuardLimits::default().login_within,
        user_connected_devices: usize = GuardLimits::default().user_devices,
        user_frames: RateSetting = GuardLimits::default().user_frames.into(),
        user_inputs: RateSetting = Limits::default().user_inputs.into(),
        user_bytes: RateSetting = Limits::default().user_bytes.into(),
        user_devices: usize = Limits::default().devices,
        device_logins: RateSetting = GuardLimits::default().logins.into(),
        device_frames: RateSetting = GuardLimits::default().device_frames.into(),
        device_inputs: RateSetting = Limits::default().inputs.into(),
        device_bytes: RateSetting = Limits::default().bytes.into(),
        device_ephemeral: RateSetting = Limits::default().ephemeral.into(),
        device_commit_bytes: RateSetting = Limits::default().commits.into(),
        device_claims: RateSetting = Limits::default().claims.into(),
        mailbox: u64 = Limits::default().mailbox,
        key_packages: usize = Limits::default().key_packages,
        store_bytes: u64 = Limits::default().store,
        mailbox_age_days: u64 = Limits::default().mailbox_age / DAY,
        seen_age_days: u64 = Limits::default().seen_age / DAY,
        slot_age_days: u64 = Limits::default().slot_age / DAY,
        tag_age_days: u64 = Limits::default().tag_age / DAY,
    }
}

section! {
    /// `[timeouts]`
    TimeoutsSection {
        ping_ms: u64 = ms(Timeouts::default().ping),
        silence_ms: u64 = ms(Timeouts::default().silence),
        take_ms: u64 = ms(Timeouts::default().take),
        header_ms: u64 = ms(Timeouts::default().header),
        upload_ms: u64 = ms(Timeouts::default().upload),
        grace_ms: u64 = ms(Timeouts::default().grace),
    }
}

impl NatsSection {
    /// Where everything is kept instead, if the relay shares it with others.
    #[cfg(feature = "nats")]
    pub(super) fn store(&self, files: bool) -> Result<Option<StoreKind>, String> {
        let Some(urls) = &self.url else { return Ok(None) };
        let config = undertone_relay::nats::NatsConfig {
            prefix: self.prefix.clone(),
            login: self.login()?,
            files,
            ..undertone_relay::nats::NatsConfig::new(urls)
        };
        if config.urls.is_empty() {
            return Err("nats.url names no server, like nats://127.0.0.1:4222".into());
        }
        if urls.contains('@') {
            return Err("nats.url: say who connects with nats.user and nats.password_file".into());
        }
        if config.prefix.is_empty() || !config.prefix.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(format!("nats.prefix: {}: letters and digits only", self.prefix));
        }
        Ok(Some(StoreKind::Nats(config)))
    }

    /// As whom to connect, if NATS wants to know.
    #[cfg(feature = "nats")]
    fn login(&self) -> Result<Option<undertone_relay::nats::NatsLogin>, String> {
        match (&self.user, &self.password_file) {
            (None, None) => Ok(None),
            (Some(user), Some(path)) => {
                let password = String::from_utf8(file(path)?).map_err(|_| format!("{} is no text", path.display()))?;
                let password = password.trim_end_matches(['\r', '\n']).to_owned();
                Ok(Some(undertone_relay::nats::NatsLogin { user: user.clone(), password }))
            }
            _ => Err("nats.user and nats.password_file belong together".into()),
        }
    }

    /// Nowhere.
    #[cfg(not(feature = "nats"))]
    pub(super) fn store(&self, _files: bool) -> Result<Option<StoreKind>, String> {
        match &self.url {
            Some(_) => Err(format!(
                "nats.url (prefix {}): this relay was built without NATS: build it with --features nats",
                self.prefix
            )),
            None => Ok(None),
        }
    }
}

impl LogSection {
    pub(super) fn level(&self) -> Result<tracing::Level, String> {
        let level = self.level.parse();
        level.map_err(|_| format!("log.level: {} is none of error, warn, info, debug, trace", self.level))
    }
}

impl PushSection {
    /// Where to push, if anywhere.
    pub(super) fn config(self) -> Result<Option<PushConfig>, String> {
        let Some(url) = self.url else { return Ok(None) };
        let path =
            self.secret_file.ok_or("push.secret_file must name the file with the secret that push.url shares")?;
        let text = String::from_utf8(file(&path)?).unwrap_or_default();
        let wrong = || format!("{} holds no secret: base64 of at least 24 random bytes", path.display());
        Ok(Some(PushConfig {
            url,
            secret: Secret::parse(&text).ok_or_else(wrong)?,
            roots: self.roots,
            within: Duration::from_millis(self.within_ms),
            limits: PushLimits {
                waiting: self.waiting,
                batch: self.batch,
                attempts: self.attempts,
                first_pause: self.first_pause_ms,
                longest_pause: self.longest_pause_ms,
                call_age: self.call_age_ms,
            },
        }))
    }
}

impl BlobsSection {
    pub(super) fn folder(&self, data: &Path, memory: bool) -> Option<PathBuf> {
        match (&self.folder, memory) {
            _ if !self.enabled => None,
            (Some(folder), _) => Some(folder.clone()),
            (None, false) => Some(data.join("blobs")),
            (None, true) => None,
        }
    }

    fn limits(&self) -> BlobLimits {
        BlobLimits {
            size: self.size_bytes,
            user: self.user_bytes,
            user_uploads: self.user_uploads,
            user_blobs: self.user_files,
            total: self.total_bytes,
            bytes: self.upload_bytes.into(),
            token_age: self.token_age_ms,
            upload_within: self.upload_within_ms,
            age: self.age_days.saturating_mul(DAY),
        }
    }
}

impl LimitsSection {
    pub(super) fn logic(&self, blobs: &BlobsSection) -> Result<Limits, String> {
        if self.seen_age_days < self.mailbox_age_days {
            return Err("limits.seen_age_days must not be below limits.mailbox_age_days: repeats would be new".into());
        }
        Ok(Limits {
            inputs: self.device_inputs.into(),
            ephemeral: self.device_ephemeral.into(),
            bytes: self.device_bytes.into(),
            user_inputs: self.user_inputs.into(),
            user_bytes: self.user_bytes.into(),
            commits: self.device_commit_bytes.into(),
            claims: self.device_claims.into(),
            mailbox: self.mailbox,
            key_packages: self.key_packages,
            devices: self.user_devices,
            mailbox_age: self.mailbox_age_days.saturating_mul(DAY),
            seen_age: self.seen_age_days.saturating_mul(DAY),
            slot_age: self.slot_age_days.saturating_mul(DAY),
            tag_age: self.tag_age_days.saturating_mul(DAY),
            store: self.store_bytes,
            blobs: blobs.limits(),
        })
    }

    pub(super) fn guard(&self) -> GuardLimits {
        GuardLimits {
            login_within: self.login_within_ms,
            unauthenticated: self.address_unauthenticated,
            refusals: self.address_refused_logins.into(),
            logins: self.device_logins.into(),
            user_devices: self.user_connected_devices,
            device_frames: self.device_frames.into(),
            user_frames: self.user_frames.into(),
            address_frames: self.address_frames.into(),
        }
    }

    pub(super) fn places(&self) -> PlaceLimits {
        PlaceLimits {
            connections: self.connections,
            address_connections: self.address_connections,
            address_new: self.address_new_connections.into(),
            address_requests: self.address_requests.into(),
            address_downloads: self.address_downloads.into(),
        }
    }
}

impl TimeoutsSection {
    pub(super) fn checked(&self) -> Result<Timeouts, String> {
        if self.ping_ms == 0 || self.silence_ms <= self.ping_ms {
            return Err("timeouts.silence_ms must be above timeouts.ping_ms, and that above 0".into());
        }
        Ok(Timeouts {
            ping: Duration::from_millis(self.ping_ms),
            silence: Duration::from_millis(self.silence_ms),
            take: Duration::from_millis(self.take_ms),
            header: Duration::from_millis(self.header_ms),
            upload: Duration::from_millis(self.upload_ms),
            grace: Duration::from_millis(self.grace_ms),
        })
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
