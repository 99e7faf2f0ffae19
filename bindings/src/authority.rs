//! What a platform's server certifies devices with.

use std::collections::BTreeSet;
use std::sync::Arc;

use undertone::authority as core;
use undertone::authority::EnrolmentRequest;
use undertone::id::{DeviceId, UserId};
use undertone::policy::Role;
use undertone::time::Time;

use crate::error::{Result, misuse};
use crate::id::key;

/// The authority of a platform: its server certifies which device is whose, in which role.
#[derive(uniffi::Object)]
pub struct Authority(core::Authority);

#[uniffi::export]
impl Authority {
    /// The authority of a secret seed of 32 bytes. Keep it as you keep a TLS key.
    #[uniffi::constructor]
    pub fn from_seed(seed: Vec<u8>) -> Result<Arc<Authority>> {
        Ok(Arc::new(Authority(core::Authority::from_seed(key(&seed)?))))
    }

    /// The public key, 32 bytes, that engines and relays trust.
    pub fn public_key(&self) -> Result<Vec<u8>> {
        Ok(self.0.public_key().to_vec())
    }

    /// Certifies a device whose user the server has authenticated, from `not_before` until before `not_after`. Give every
    /// certificate a higher `serial` than all before it, and let `not_before` lie some minutes back, for slow clocks.
    pub fn issue(
        &self,
        request: Vec<u8>,
        role: Role,
        serial: u64,
        not_before: Time,
        not_after: Time,
    ) -> Result<Vec<u8>> {
        let request = EnrolmentRequest::decode(&request)?;
        Ok(self.0.issue(&request, role, serial, not_before, not_after)?.as_bytes().to_vec())
    }

    /// Certifies a device anew from a certificate that this authority issued, perhaps in another role. That the old one is
    /// not revoked is for the server to check.
    pub fn renew(&self, old: Vec<u8>, role: Role, serial: u64, not_before: Time, not_after: Time) -> Result<Vec<u8>> {
        let old = core::Certificate::decode(&old)?;
        Ok(self.0.renew(&old, role, serial, not_before, not_after)?.as_bytes().to_vec())
    }

    /// The list of all certificates that are revoked at `at`. A list replaces those with lower numbers.
    pub fn revoke(&self, number: u64, at: Time, serials: Vec<u64>) -> Result<Vec<u8>> {
        let serials: BTreeSet<u64> = serials.into_iter().collect();
        Ok(self.0.revoke(number, at, &serials)?.as_bytes().to_vec())
    }
}

/// What a device asks to be certified, and has proven.
#[derive(Clone, uniffi::Record)]
pub struct Enrolment {
    /// Whose device it says that it is: the server must know that this is so.
    pub user: UserId,
    /// The user's identity key, 32 bytes.
    pub identity_key: Vec<u8>,
    /// The device's key, 32 bytes.
    pub device_key: Vec<u8>,
}

/// Reads and verifies what a device asks to be certified: that it holds its keys, not whose it is.
#[uniffi::export]
pub fn read_enrolment(request: Vec<u8>) -> Result<Enrolment> {
    let request = EnrolmentRequest::decode(&request)?;
    request.verify()?;
    Ok(Enrolment {
        user: request.user().clone(),
        identity_key: request.identity_key().to_vec(),
        device_key: request.device_key().to_vec(),
    })
}

/// Which device is whose, in which role.
#[derive(Clone, uniffi::Record)]
pub struct Certificate {
    /// Whose.
    pub user: UserId,
    /// In which role.
    pub role: Role,
    /// Which device.
    pub device: DeviceId,
    /// The user's identity key, 32 bytes.
    pub identity_key: Vec<u8>,
    /// Its number: of a device's certificates the one with the highest counts.
    pub serial: u64,
    /// From when it is valid.
    pub not_before: Time,
    /// Until before when it is valid.
    pub not_after: Time,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Certificate {
    pub(crate) fn show(from: &core::Certificate) -> Certificate {
        Certificate {
            user: from.user().clone(),
            role: from.role().clone(),
            device: from.device(),
            identity_key: from.identity_key().to_vec(),
            serial: from.serial(),
            not_before: from.not_before(),
            not_after: from.not_after(),
            bytes: from.as_bytes().to_vec(),
        }
    }
}

/// Reads a certificate, if one of these authorities has issued it. Whether it is valid now, or revoked, is not looked at.
#[uniffi::export]
pub fn read_certificate(certificate: Vec<u8>, authorities: Vec<Vec<u8>>) -> Result<Certificate> {
    let certificate = core::Certificate::decode(&certificate)?;
    certificate.verify(&keys(&authorities)?)?;
    Ok(Certificate::show(&certificate))
}

/// Public keys of authorities.
pub(crate) fn keys(authorities: &[Vec<u8>]) -> Result<Vec<[u8; 32]>> {
    if authorities.is_empty() {
        return Err(misuse("config", "configuration: at least one authority is needed"));
    }
    authorities.iter().map(|bytes| key(bytes)).collect()
}
