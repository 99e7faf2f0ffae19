//! What a host decides when it opens an engine.

use crate::authority::IdentityKey;
#[cfg(not(feature = "sabotage"))]
use crate::envelope::{EnvelopeKind, Kind};
use crate::error::{Error, Misuse, Result};
use crate::id::UserId;
use crate::limits;
use crate::policy::Policy;

/// What a host decides when it opens an engine.
pub struct Config {
    /// Whose device this is.
    pub user: UserId,
    /// Ed25519 public keys of the authorities whose certificates count; the first one names conversations.
    pub authorities: Vec<[u8; 32]>,
    /// The rules; the same on every device and on the relay.
    pub policy: Policy,
    /// For a further device of a user: the identity key of the first one. `None` makes a new identity at the first
    /// open, and is right at every later open.
    pub identity: Option<IdentityKey>,
    /// Auto-delete period of new conversations in minutes; 0 goes when read, −1 never. A day by default.
    pub period: i32,
    /// Own messages after which a device renews its leaf key, at least 1.
    pub update_after_messages: u64,
    /// Milliseconds after which a device renews its leaf key, at least a minute.
    pub update_after: u64,
    /// Key packages kept published, 1 to [`limits::KEY_PACKAGES_MAX`]: how many
    /// others can take this device into a session while it is away, before the last-resort one serves them all.
    pub key_packages: usize,
    /// Milliseconds after which a message of this device that stays unread makes a
    /// [`Request::Fallback`](crate::output::Request::Fallback): between
    /// [`limits::FALLBACK_MIN`] and [`limits::FALLBACK_MAX`].
    /// `None`, the default, for none. What is sent while it is `None` never makes one.
    pub fallback_after: Option<u64>,
    /// Which fault to have on purpose: for tests that prove that they would notice.
    #[cfg(feature = "sabotage")]
    pub sabotage: Option<crate::sabotage::Sabotage>,
    /// What this engine does not understand, as if it were of an older version: for tests of upgrades.
    #[cfg(feature = "sabotage")]
    pub older: Option<crate::sabotage::Older>,
}

impl Config {
    /// The usual configuration: the preset rules of [`Policy::companion`].
    pub fn new(user: UserId, authority: [u8; 32]) -> Config {
        Config {
            user,
            authorities: vec![authority],
            policy: Policy::companion(),
            identity: None,
            period: 24 * 60,
            update_after_messages: limits::UPDATE_AFTER_MESSAGES,
            update_after: limits::UPDATE_AFTER,
            key_packages: limits::KEY_PACKAGES,
            fallback_after: None,
            #[cfg(feature = "sabotage")]
            sabotage: None,
            #[cfg(feature = "sabotage")]
            older: None,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let fault = if self.authorities.is_empty() {
            "at least one authority is needed"
        } else if self.period < -1 {
            "a period is -1, 0 or a number of minutes"
        } else if self.update_after_messages == 0 || self.update_after < crate::time::MINUTE {
            "keys cannot be renewed that often"
        } else if !(1..=limits::KEY_PACKAGES_MAX).contains(&self.key_packages) {
            "too few or too many key packages"
        } else if self
            .fallback_after
            .is_some_and(|after| !(limits::FALLBACK_MIN..=limits::FALLBACK_MAX).contains(&after))
        {
            "another channel is due after a minute at least, and while the relay keeps messages"
        } else {
            return Ok(());
        };
        Err(Error::Misuse(Misuse::Config(fault)))
    }

    /// The authority that names conversations.
    pub(crate) fn authority(&self) -> &[u8; 32] {
        // check() has made sure that there is one.
        self.authorities.first().unwrap_or(&[0; 32])
    }

    /// Whether the engine has this fault on purpose.
    #[cfg(feature = "sabotage")]
    pub(crate) fn sabotaged(&self, fault: crate::sabotage::Sabotage) -> bool {
        self.sabotage == Some(fault)
    }
}

/// Only tests play an older version.
#[cfg(not(feature = "sabotage"))]
impl Config {
    pub(crate) const fn is_older(&self) -> bool {
        false
    }

    pub(crate) const fn is_older_than_envelope(&self, _: EnvelopeKind) -> bool {
        false
    }

    pub(crate) const fn is_older_than_contents(&self) -> bool {
        false
    }

    pub(crate) const fn is_older_than(&self, _: Kind) -> bool {
        false
    }
}
