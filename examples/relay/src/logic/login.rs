//! Who is there: challenge, certificate, signature.

use ed25519_dalek::{Signature, VerifyingKey};
use undertone::authority::Certificate;
use undertone::id::{DeviceId, UserId};
use undertone::time::Time;

use super::row::{self, DeviceRow};
use super::tx::Tx;
use super::view::Sight;
use super::{Desk, Fault, Presence, Relay, directory, notice};
use crate::answer::RefusedReason;
use crate::store::{RelayStore, StoreError, Table};

const LABEL: &[u8] = b"undertone relay login v1";

/// What a device signs with its device key to answer a challenge.
pub fn login_message(challenge: &[u8; 32]) -> Vec<u8> {
    [LABEL, challenge].concat()
}

/// What a device learns when it logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Who it is.
    pub device: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// The relay's time.
    pub time: Time,
    /// When its certificate ends.
    pub until: Time,
    /// The highest sequence of an envelope accepted from this device; 0 for none.
    pub highest_sequence: u64,
    /// Key packages of this device that the directory has left, without the last-resort one.
    pub key_packages: usize,
}

/// Why a login is refused. The number is part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum LoginRefused {
    /// The certificate is damaged, of a foreign authority, or of another user than this device had before.
    #[error("the certificate is not valid here")]
    Certificate = 1,
    /// The certificate has expired or is not yet valid.
    #[error("the certificate has expired or is not yet valid")]
    Expired = 2,
    /// The certificate was revoked.
    #[error("the certificate was revoked")]
    Revoked = 3,
    /// The signature does not answer this challenge.
    #[error("the signature does not answer the challenge")]
    Signature = 4,
}

impl LoginRefused {
    /// A stable name, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            LoginRefused::Certificate => "certificate",
            LoginRefused::Expired => "expired",
            LoginRefused::Revoked => "revoked",
            LoginRefused::Signature => "signature",
        }
    }

    /// From its number.
    pub fn from_number(number: u8) -> Option<LoginRefused> {
        [LoginRefused::Certificate, LoginRefused::Expired, LoginRefused::Revoked, LoginRefused::Signature]
            .into_iter()
            .find(|reason| *reason as u8 == number)
    }
}

impl<S: RelayStore> Relay<S> {
    /// A fresh challenge, good for one login.
    pub fn challenge(&mut self) -> [u8; 32] {
        self.desk.rng.bytes()
    }

    /// Logs a device in that signed [`login_message`] of a challenge made for it. The newest certificate that it ever
    /// showed counts from now on. It gets deliveries by itself after it has fetched what waits.
    ///
    /// # Errors
    /// [`LoginRefused`], or any [`StoreError`].
    pub fn login(
        &mut self,
        challenge: &[u8; 32],
        certificate: &[u8],
        signature: &[u8],
        now: Time,
    ) -> Result<Login, Fault<LoginRefused>> {
        let shown = Certificate::decode(certificate)
            .and_then(|shown| shown.verify(&self.desk.config.authorities).map(|()| shown))
            .map_err(|_| Fault::Refused(LoginRefused::Certificate))?;
        if !answers(challenge, shown.device_key(), signature) {
            return Err(Fault::Refused(LoginRefused::Signature));
        }
        let login = self.input(|tx, desk| desk.log_in(tx, &shown, now))?;
        self.desk.online.insert(login.device, Presence::default());
        let tx = Tx::new(&self.store);
        self.desk.outputs.extend(notice::pending(&tx, &login.device)?);
        Ok(login)
    }

    /// The device is gone; what comes for it from now on waits.
    pub fn logout(&mut self, device: DeviceId) {
        self.desk.online.remove(&device);
    }
}

impl Desk {
    fn log_in(&mut self, tx: &mut Tx<'_>, shown: &Certificate, now: Time) -> Result<Login, Fault<LoginRefused>> {
        let id = shown.device();
        let row = newest(row::device(tx, &id)?, shown)?;
        self.standing(&row, now).map_err(|reason| {
            let revoked = reason == RefusedReason::Revoked;
            Fault::Refused(if revoked { LoginRefused::Revoked } else { LoginRefused::Expired })
        })?;
        self.see(now, || Sight::login(id, &row));
        tx.write(Table::Device, id.as_bytes().to_vec(), &row)?;
        let highest_sequence = row::counters(tx, &id)?.highest_sequence;
        let key_packages = directory::packages_left(tx, &id, self.config.limits.key_packages)?;
        Ok(Login { device: id, user: row.user, time: now, until: row.not_after, highest_sequence, key_packages })
    }
}

/// The newer of the certificate known and the one shown. A device belongs to one user and identity for ever.
fn newest(known: Option<DeviceRow>, shown: &Certificate) -> Result<DeviceRow, Fault<LoginRefused>> {
    if let Some(known) = known {
        let before = Certificate::decode(&known.certificate).map_err(|_| StoreError::Corrupt("certificate"))?;
        if before.user() != shown.user() || before.identity_key() != shown.identity_key() {
            return Err(Fault::Refused(LoginRefused::Certificate));
        }
        if known.authority == *shown.authority() && known.serial >= shown.serial() {
            return Ok(known);
        }
    }
    Ok(DeviceRow {
        user: shown.user().clone(),
        role: shown.role().clone(),
        authority: *shown.authority(),
        serial: shown.serial(),
        not_before: shown.not_before(),
        not_after: shown.not_after(),
        certificate: shown.as_bytes().to_vec(),
    })
}

fn answers(challenge: &[u8; 32], device_key: &[u8; 32], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_bytes(device_key), Signature::from_slice(signature)) else {
        return false;
    };
    key.verify_strict(&login_message(challenge), &signature).is_ok()
}
