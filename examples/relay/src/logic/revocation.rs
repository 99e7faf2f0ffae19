//! Revocation lists: signed, numbered, one per authority; the highest number counts.

use std::collections::BTreeMap;

use undertone::authority::RevocationList;
use undertone::id::DeviceId;

use super::tx::Tx;
use super::{Desk, Fault, Output, Relay, meta, row};
use crate::store::{RelayStore, StoreError, Table};

/// Why a revocation list is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationRefused {
    /// Not signed by a trusted authority, or damaged.
    #[error("the revocation list is forged or damaged")]
    Forged,
    /// The relay has this one or a later one.
    #[error("the revocation list is not newer than the one in force")]
    Old,
}

impl<S: RelayStore> Relay<S> {
    /// Puts a revocation list in force: revoked devices are logged out and leave the directory.
    ///
    /// # Errors
    /// [`RevocationRefused`], or any [`StoreError`].
    pub fn revoke(&mut self, list: &[u8]) -> Result<(), Fault<RevocationRefused>> {
        let list = RevocationList::decode(list)
            .and_then(|list| list.verify(&self.desk.config.authorities).map(|()| list))
            .map_err(|_| Fault::Refused(RevocationRefused::Forged))?;
        if self.desk.revocations.get(list.authority()).is_some_and(|ours| ours.number() >= list.number()) {
            return Err(Fault::Refused(RevocationRefused::Old));
        }
        let gone = self.online_of(&list)?;
        self.input(|tx, _| {
            tx.put(Table::Meta, name(list.authority()), list.as_bytes().to_vec());
            Ok::<_, StoreError>(())
        })?;
        self.desk.revocations.insert(*list.authority(), list);
        for device in gone {
            self.desk.online.remove(&device);
            self.desk.outputs.push_back(Output::LoggedOut { device });
        }
        let told: Vec<_> = self.desk.online.keys().copied().collect();
        self.desk.outputs.extend(told.into_iter().map(|to| Output::RevocationsChanged { to }));
        Ok(())
    }

    /// The lists in force, one per authority.
    pub fn revocations(&self) -> Vec<&[u8]> {
        self.desk.revocations.values().map(RevocationList::as_bytes).collect()
    }

    /// Devices that are logged in with a certificate that a list names.
    fn online_of(&self, list: &RevocationList) -> Result<Vec<DeviceId>, StoreError> {
        let mut named: Vec<DeviceId> = Vec::new();
        let tx = Tx::new(&self.store);
        for device in self.desk.online.keys() {
            let row = row::device(&tx, device)?;
            if row.is_some_and(|row| row.authority == *list.authority() && list.contains(row.serial)) {
                named.push(*device);
            }
        }
        Ok(named)
    }
}

impl Desk {
    pub(super) fn is_revoked(&self, authority: &[u8; 32], serial: u64) -> bool {
        self.revocations.get(authority).is_some_and(|list| list.contains(serial))
    }

    pub(super) fn has_revocations(&self) -> bool {
        !self.revocations.is_empty()
    }
}

/// The lists of an earlier run.
pub(super) fn load(tx: &Tx<'_>, authorities: &[[u8; 32]]) -> Result<BTreeMap<[u8; 32], RevocationList>, StoreError> {
    let mut lists = BTreeMap::new();
    for authority in authorities {
        let Some(bytes) = meta(tx, &name(authority))? else { continue };
        let list = RevocationList::decode(&bytes).map_err(|_| StoreError::Corrupt("revocation list"))?;
        lists.insert(*authority, list);
    }
    Ok(lists)
}

pub(crate) fn name(authority: &[u8; 32]) -> Vec<u8> {
    [b"revocations/".as_slice(), authority].concat()
}
