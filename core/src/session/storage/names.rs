//! Where the values of OpenMLS are kept.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::encode;
use crate::error::Error;
use crate::session::pages::{Name, SCOPE};

/// What a value belongs to: the beginning of its name, by which the store checks the rows of a group together.
pub(super) type Owner = [u8; SCOPE];

/// Values that belong to no group.
pub(super) const NO_GROUP: Owner = [0; SCOPE];

/// What the values of a group belong to.
pub(super) fn owner(group: &impl Serialize) -> Result<Owner, Error> {
    let digest: [u8; 32] = Sha256::digest(&encode::encode(group)?[..]).into();
    let mut owner = NO_GROUP;
    owner.copy_from_slice(&digest[..SCOPE]);
    Ok(owner)
}

/// Where a value is kept: what it belongs to, and a hash of its label and key.
pub(super) fn name(owner: Owner, label: &str, key: &impl Serialize) -> Result<Name, Error> {
    let mut hash = Sha256::new();
    hash.update(b"undertone mls row v1");
    hash.update((label.len() as u32).to_be_bytes());
    hash.update(label.as_bytes());
    hash.update(&encode::encode(key)?[..]);
    let digest: [u8; 32] = hash.finalize().into();
    let mut name = [0; SCOPE + 16];
    name[..SCOPE].copy_from_slice(&owner);
    name[SCOPE..].copy_from_slice(&digest[..16]);
    Ok(name)
}
