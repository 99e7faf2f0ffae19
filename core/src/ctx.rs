//! What a feature may touch during one mutation.

use crate::authority::{Certificate, DeviceKey, IdentityKey};
use crate::config::Config;
use crate::error::{Error, Misuse, Result};
use crate::id::{ConversationId, DeviceId, SessionId, UserId};
use crate::member::Certificates;
use crate::memory::{Effect, Memory};
use crate::policy::Role;
use crate::rng::Rng;
use crate::session::{Crypto, Group, Groups, Provider};
use crate::time::Time;
use crate::tx::Tx;

/// One mutation: its transaction, its instant, and what the engine is.
pub(crate) struct Ctx<'e> {
    pub tx: Tx<'e>,
    pub now: Time,
    pub config: &'e Config,
    pub account: &'e Account,
    pub memory: &'e Memory,
    pub certificates: &'e Certificates,
    pub groups: &'e mut Groups,
    pub crypto: &'e Crypto,
    pub rng: &'e mut Rng,
}

/// Who this engine is.
pub(crate) struct Account {
    pub user: UserId,
    pub identity: IdentityKey,
    pub device: DeviceKey,
    pub id: DeviceId,
    pub certificate: Option<Certificate>,
}

impl Account {
    /// The newest own certificate.
    pub fn certificate(&self) -> Result<&Certificate> {
        self.certificate.as_ref().ok_or(Error::Misuse(Misuse::NotEnrolled))
    }

    /// The own certificate, if it is valid now: without it nothing is sent.
    pub fn valid_certificate(&self, now: Time) -> Result<&Certificate> {
        let certificate = self.certificate()?;
        certificate.valid_at(now).map_err(|_| Error::Misuse(Misuse::Expired))?;
        Ok(certificate)
    }

    pub fn role(&self) -> Result<&Role> {
        Ok(self.certificate()?.role())
    }
}

impl Ctx<'_> {
    /// Messages that went by this instant are not there any more, though no sweep has come by.
    pub fn hidden(&self) -> Time {
        self.memory.trust.hides_until(self.now)
    }

    /// Runs `f` on a session's group; `None` when there is no such group.
    pub fn with_group<T>(
        &mut self,
        session: SessionId,
        f: impl FnOnce(&mut Group, &Provider<'_>, &DeviceKey) -> Result<T>,
    ) -> Result<Option<T>> {
        let provider = Provider::new(self.crypto, &self.tx);
        let Some(mut group) = self.groups.take(session, &provider)? else { return Ok(None) };
        let result = f(&mut group, &provider, &self.account.device)?;
        self.groups.put_back(session, group);
        Ok(Some(result))
    }

    /// Marks a conversation as having something to do.
    pub fn busy(&mut self, conversation: ConversationId) {
        self.tx.effect(Effect::Work(conversation, Some(Time::ZERO)));
    }
}
