//! What others are told of a user, and what the user decided of them.

use std::sync::Arc;

use undertone::id::UserId;
use undertone::privacy::Privacy as CorePrivacy;

use crate::error::Result;
use crate::mirror::{Mirror, mirror};
use crate::shared::Shared;

mirror!(
    /// What others are told of this user.
    pub struct PrivacySettings of CorePrivacy {
        /// That messages were read.
        read_receipts: bool,
        /// That this user types.
        typing: bool,
    }
);

impl From<PrivacySettings> for CorePrivacy {
    fn from(PrivacySettings { read_receipts, typing }: PrivacySettings) -> CorePrivacy {
        CorePrivacy { read_receipts, typing }
    }
}

/// What others are told of this user, and what this user decided of them.
#[derive(uniffi::Object)]
pub struct Privacy(Arc<Shared>);

impl Privacy {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Privacy> {
        Arc::new(Privacy(shared.clone()))
    }
}

#[uniffi::export]
impl Privacy {
    /// What others are told of this user.
    pub fn settings(&self) -> Result<PrivacySettings> {
        self.0.read(|engine, _| engine.privacy().settings()).map(Mirror::of)
    }

    /// Sets what others are told of this user, from now on: on this device at once, on the user's other devices as soon as
    /// they are told.
    pub fn set(&self, settings: PrivacySettings) -> Result<()> {
        self.0.change(|engine, now| engine.privacy().set(settings.into(), now))
    }

    /// Blocks a user, or takes it back. What a blocked user says is dropped on arrival, and they cannot tell.
    pub fn block(&self, user: UserId, blocked: bool) -> Result<()> {
        self.0.change(|engine, now| engine.privacy().block(&user, blocked, now))
    }

    /// Whether a user is blocked.
    pub fn is_blocked(&self, user: UserId) -> Result<bool> {
        self.0.read(|engine, _| engine.privacy().is_blocked(&user))
    }

    /// Sets what this user calls another, for hints and search; `None` for nothing. It is never sent.
    pub fn set_display_name(&self, user: UserId, name: Option<String>) -> Result<()> {
        self.0.change(|engine, now| engine.privacy().set_display_name(&user, name.as_deref(), now))
    }

    /// What this user calls another.
    pub fn display_name(&self, user: UserId) -> Result<Option<String>> {
        self.0.read(|engine, _| engine.privacy().display_name(&user))
    }
}
