//! Who this engine is, in the store.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::authority::{Certificate, DeviceKey, IdentityKey};
use crate::codec;
use crate::config::Config;
use crate::ctx::Account;
use crate::error::{Error, Misuse, Result, StoreError};
use crate::id::UserId;
use crate::rng::Rng;
use crate::store::{Op, Table, Vault};

const ROW: &[u8] = b"account";
const CERTIFICATE: &[u8] = b"certificate";

#[derive(Serialize, Deserialize)]
struct AccountRow {
    user: UserId,
    #[serde(with = "serde_bytes")]
    identity: [u8; 32],
    #[serde(with = "serde_bytes")]
    device: [u8; 32],
}

impl Drop for AccountRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.identity);
        zeroize::Zeroize::zeroize(&mut self.device);
    }
}

/// Reads the account, or makes it the first time.
pub(crate) fn open(vault: &mut Vault, config: &Config, rng: &mut Rng) -> Result<Account> {
    let row = match vault.get(Table::Meta, ROW)? {
        Some(bytes) => codec::decode_row::<AccountRow>(&bytes, "account")?,
        None => make(vault, config, rng)?,
    };
    if row.user != config.user {
        return Err(Error::Misuse(Misuse::AlreadyEnrolled));
    }
    let device = DeviceKey::from_bytes(row.device);
    let identity = IdentityKey::from_bytes(row.identity);
    if config.identity.as_ref().is_some_and(|given| given.public() != identity.public()) {
        return Err(Error::Misuse(Misuse::AlreadyEnrolled));
    }
    let certificate = vault
        .get(Table::Meta, CERTIFICATE)?
        .map(|bytes| Certificate::decode(&bytes).map_err(|_| Error::Store(StoreError::Corrupt("certificate"))))
        .transpose()?;
    Ok(Account { user: row.user.clone(), identity, id: device.device(), device, certificate })
}

fn make(vault: &mut Vault, config: &Config, rng: &mut Rng) -> Result<AccountRow> {
    let mut keys = rng.fork("account");
    let identity = match &config.identity {
        Some(identity) => identity.to_bytes(),
        None => IdentityKey::generate(&mut keys).to_bytes(),
    };
    let device = DeviceKey::generate(&mut keys).to_bytes();
    let row = AccountRow { user: config.user.clone(), identity: *identity, device: *device };
    let mut encoded = Zeroizing::new(codec::encode(&row)?);
    let value = Some(core::mem::take(&mut *encoded));
    vault.apply(&[Op { table: Table::Meta, key: ROW.to_vec(), value }])?;
    vault.barrier()?;
    Ok(row)
}

/// The row of the own certificate.
pub(crate) fn certificate_row(certificate: &Certificate) -> (Vec<u8>, Vec<u8>) {
    (CERTIFICATE.to_vec(), certificate.as_bytes().to_vec())
}
