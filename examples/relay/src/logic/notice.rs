//! Telling devices that a user whom they talk with, or looked for in vain, has a new device.

use std::collections::BTreeSet;

use undertone::id::{DeviceId, SessionId, UserId};
use undertone::time::Time;

use super::row::{self, Mortal};
use super::tx::Tx;
use super::{Desk, Output, directory};
use crate::store::{StoreError, Table};

/// Tells the user's other devices, all devices that share a session with one of them, and those that looked for the
/// user in vain. Who is not there is told at its next login.
pub(super) fn announce(tx: &mut Tx<'_>, desk: &mut Desk, new: &DeviceId, user: &UserId) -> Result<(), StoreError> {
    let own = directory::devices_of(tx, user)?;
    let mut audience: BTreeSet<DeviceId> = own.iter().copied().collect();
    for device in &own {
        for tag in tags_of(tx, device)? {
            for (key, _) in tx.scan(Table::TagDevice, tag.as_bytes(), b"", usize::MAX)? {
                audience.insert(row::device_at(&key, SessionId::LEN)?);
            }
        }
    }
    for (key, _) in tx.scan(Table::Watch, &row::user_hash(user), b"", usize::MAX)? {
        audience.insert(row::device_at(&key, 32)?);
        tx.delete(Table::Watch, key);
    }
    audience.remove(new);
    for to in audience {
        tx.write(Table::Notice, row::notice_key(&to, user), user)?;
        if desk.shared || desk.online.contains_key(&to) {
            desk.outputs.push_back(Output::DirectoryChanged { to, user: user.clone() });
        }
    }
    Ok(())
}

/// What a device has been told and not yet looked at.
pub(super) fn pending(tx: &Tx<'_>, device: &DeviceId) -> Result<Vec<Output>, StoreError> {
    let rows = tx.scan(Table::Notice, device.as_bytes(), b"", usize::MAX)?;
    let user = |(_, value): (Vec<u8>, Vec<u8>)| {
        super::tx::decode::<UserId>(&value).map(|user| Output::DirectoryChanged { to: *device, user })
    };
    rows.into_iter().map(user).collect()
}

/// Notes that a device looked for a user who has no device.
pub(super) fn watch(tx: &mut Tx<'_>, user: &UserId, device: &DeviceId, until: Time) -> Result<(), StoreError> {
    let key = row::user_device_key(user, device);
    if !tx.contains(Table::Watch, &key)? {
        row::expire_at(tx, until, Mortal::Watch, &key);
        tx.put(Table::Watch, key, Vec::new());
    }
    Ok(())
}

fn tags_of(tx: &Tx<'_>, device: &DeviceId) -> Result<Vec<SessionId>, StoreError> {
    let rows = tx.scan(Table::DeviceTag, device.as_bytes(), b"", usize::MAX)?;
    rows.iter()
        .map(|(key, _)| key.get(DeviceId::LEN..).and_then(SessionId::from_slice).ok_or(StoreError::Corrupt("key")))
        .collect()
}
