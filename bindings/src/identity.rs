//! Users, devices and certificates.

use std::sync::Arc;

use undertone::Trust as CoreTrust;
use undertone::id::UserId;
use undertone::policy::Role;

use crate::authority::Certificate;
use crate::error::{Result, misuse};
use crate::mirror::{Mirror, mirror};
use crate::shared::Shared;

mirror!(
    /// How far a user's identity is to be trusted.
    pub enum Trust of CoreTrust {
        /// No certificate was seen yet.
        Unknown,
        /// Nobody has compared the safety number.
        Unverified,
        /// This user has compared the safety number.
        Verified,
        /// The verified identity is another one now: messages wait until it is verified or accepted.
        Changed,
    }
);

/// What two users compare to know that nobody is between them.
#[derive(Clone, uniffi::Record)]
pub struct SafetyNumber {
    /// 60 digits without spaces.
    pub digits: String,
    /// What the QR code holds.
    pub qr_payload: Vec<u8>,
}

/// Users, devices and certificates.
#[derive(uniffi::Object)]
pub struct Identity(Arc<Shared>);

impl Identity {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Identity> {
        Arc::new(Identity(shared.clone()))
    }
}

#[uniffi::export]
impl Identity {
    /// What the platform's authority signs. It proves that this device holds its keys.
    pub fn enrolment_request(&self) -> Result<Vec<u8>> {
        self.0.read(|engine, _| engine.identity().enrolment_request().map(|request| request.as_bytes().to_vec()))
    }

    /// Takes the certificate of this device: the first one, or a renewed one.
    pub fn enrol(&self, certificate: Vec<u8>) -> Result<()> {
        self.0.change(|engine, now| engine.identity().enrol(&certificate, now))
    }

    /// Answers a relay's login challenge of 32 bytes with a signature of 64.
    pub fn answer_challenge(&self, challenge: Vec<u8>) -> Result<Vec<u8>> {
        let challenge: [u8; 32] =
            challenge.try_into().map_err(|_| misuse("challenge", "a login challenge has 32 bytes"))?;
        self.0.read(|engine, _| engine.identity().answer_challenge(&challenge).map(Into::into))
    }

    /// The certificate in use.
    pub fn certificate(&self) -> Result<Certificate> {
        self.0.read(|engine, _| Ok(Certificate::show(engine.identity().certificate()?)))
    }

    /// The user's identity key, for a further device of the same user. It is a secret: whoever has it can add devices that
    /// nobody is warned of.
    pub fn identity_key(&self) -> Result<Vec<u8>> {
        self.0.read(|engine, _| engine.identity().identity_key().map(|key| key.to_bytes().to_vec()))
    }

    /// The role of a user by the newest certificate known; `None` while unknown.
    pub fn role(&self, user: UserId) -> Result<Option<Role>> {
        self.0.read(|engine, _| engine.identity().role(&user))
    }

    /// Asks the directory for the devices and the role of a user.
    pub fn look_up(&self, user: UserId) -> Result<()> {
        self.0.change(|engine, now| engine.identity().look_up(&user, now))
    }

    /// The safety number with a user; `None` while their identity key is unknown.
    pub fn safety_number(&self, user: UserId) -> Result<Option<SafetyNumber>> {
        let number = self.0.read(|engine, _| engine.identity().safety_number(&user))?;
        Ok(number.map(|number| SafetyNumber {
            digits: number.digits().to_owned(),
            qr_payload: number.qr_payload().to_vec(),
        }))
    }

    /// How far a user's identity is to be trusted.
    pub fn trust(&self, user: UserId) -> Result<Trust> {
        self.0.read(|engine, _| engine.identity().trust(&user)).map(Mirror::of)
    }

    /// Verifies a user by what was scanned from their screen; `false` is the alarm: the keys differ, and nothing is changed.
    pub fn verify_scanned(&self, user: UserId, scanned: Vec<u8>) -> Result<bool> {
        self.0.change(|engine, now| engine.identity().verify_scanned(&user, &scanned, now))
    }

    /// Notes that this user has compared the safety number with the other's, or takes that back.
    pub fn set_verified(&self, user: UserId, verified: bool) -> Result<()> {
        self.0.change(|engine, now| engine.identity().set_verified(&user, verified, now))
    }

    /// Accepts the identity that a user has now, unverified: what was held back goes out.
    pub fn accept_identity(&self, user: UserId) -> Result<()> {
        self.0.change(|engine, now| engine.identity().accept_identity(&user, now))
    }

    /// Takes in a revocation list of the authority.
    pub fn revoke(&self, list: Vec<u8>) -> Result<()> {
        self.0.change(|engine, now| engine.identity().revoke(&list, now))
    }
}
