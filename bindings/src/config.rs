//! What a host decides when it opens an engine.

use std::sync::Arc;
use undertone::authority::IdentityKey;
use undertone::id::UserId;

use crate::error::Result;
use crate::id::key;
use crate::policy::Policy;
use crate::time::Span;

/// What a host decides when it opens an engine.
#[derive(Clone, uniffi::Record)]
pub struct Config {
    /// Whose device this is.
    pub user: UserId,
    /// Ed25519 public keys, 32 bytes each, of the authorities whose certificates count; the first one names conversations.
    pub authorities: Vec<Vec<u8>>,
    /// The rules; the same on every device and on the relay. `None` for the preset ones: clients, escorts, support.
    #[uniffi(default = None)]
    pub policy: Option<Arc<Policy>>,
    /// For a further device of a user: the identity key of the first one, 32 bytes. `None` makes a new identity at the first
    /// open, and is right at every later open.
    #[uniffi(default = None)]
    pub identity: Option<Vec<u8>>,
    /// Auto-delete period of new conversations in minutes; 0 goes when read, −1 never. A day.
    #[uniffi(default = 1440)]
    pub period: i32,
    /// Own messages after which a device renews its leaf key, at least 1; `None` for the usual number.
    #[uniffi(default = None)]
    pub update_after_messages: Option<u64>,
    /// After how long a device renews its leaf key, at least a minute; `None` for the usual time.
    #[uniffi(default = None)]
    pub update_after: Option<Span>,
    /// Key packages kept published; `None` for the usual number.
    #[uniffi(default = None)]
    pub key_packages: Option<u32>,
    /// After how long a message of this device that stays unread makes a `Fallback` request; `None` for none.
    #[uniffi(default = None)]
    pub fallback_after: Option<Span>,
}

impl Config {
    pub(crate) fn engine(&self) -> Result<undertone::Config> {
        let authorities: Vec<[u8; 32]> = self.authorities.iter().map(|bytes| key(bytes)).collect::<Result<_>>()?;
        let mut config = undertone::Config::new(self.user.clone(), [0; 32]);
        config.authorities = authorities;
        config.period = self.period;
        if let Some(policy) = &self.policy {
            config.policy = policy.rules().clone();
        }
        if let Some(identity) = &self.identity {
            config.identity = Some(IdentityKey::from_bytes(key(identity)?));
        }
        if let Some(messages) = self.update_after_messages {
            config.update_after_messages = messages;
        }
        if let Some(after) = self.update_after {
            config.update_after = after.0;
        }
        if let Some(packages) = self.key_packages {
            config.key_packages = packages as usize;
        }
        config.fallback_after = self.fallback_after.map(|after| after.0);
        Ok(config)
    }
}
