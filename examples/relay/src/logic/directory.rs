//! The directory: which devices a user has, and one key package of each for who may have it.

use std::collections::BTreeSet;

use undertone::id::{DeviceId, Hash32, UserId};
use undertone::limits;
use undertone::policy::Action;
use undertone::time::Time;

use super::row::{self, DeviceRow, Mortal};
use super::tx::Tx;
use super::view::Sight;
use super::{Desk, Fault, Relay, notice};
use crate::answer::{DirectoryDevice, DirectoryUser, RefusedReason};
use crate::store::{RelayStore, StoreError, Table};

/// Users in one look-up at most.
pub(crate) const LOOK_UP_USERS: usize = 64;

impl<S: RelayStore> Relay<S> {
    /// The devices of users; with `key_packages` one key package of each device, for a caller whom the rules let
    /// start with their owner, who may talk with them already, or who is their owner. Only devices whose
    /// certificate runs and was not revoked are listed. An unknown user has none; who wanted to start with them is told
    /// when they come.
    ///
    /// # Errors
    /// [`RefusedReason`], or any [`StoreError`].
    pub fn look_up(
        &mut self,
        caller: DeviceId,
        users: &[UserId],
        key_packages: bool,
        now: Time,
    ) -> Result<Vec<DirectoryUser>, Fault> {
        self.input(|tx, desk| {
            if users.len() > LOOK_UP_USERS {
                return Err(RefusedReason::TooLarge.into());
            }
            let row = desk.caller(tx, &caller, cost(users, key_packages), now)?;
            if key_packages {
                desk.may_grow()?;
            }
            desk.see(now, || Sight::look_up(caller, users, key_packages));
            let distinct: BTreeSet<&UserId> = users.iter().collect();
            distinct.into_iter().map(|user| desk.entry(tx, (&caller, &row), user, key_packages, now)).collect()
        })
    }

    /// Takes in key packages of the caller, which the first time lists the device. Those published before are
    /// skipped, so that a repeat puts none out twice. `replace` withdraws all others. Returns how many there are.
    ///
    /// # Errors
    /// [`RefusedReason`], or any [`StoreError`].
    pub fn publish(
        &mut self,
        caller: DeviceId,
        packages: &[Vec<u8>],
        last_resort: Option<&[u8]>,
        replace: bool,
        now: Time,
    ) -> Result<usize, Fault> {
        self.input(|tx, desk| {
            let row = desk.caller(tx, &caller, publish_cost(packages), now)?;
            desk.may_grow()?;
            if packages.len() > desk.config.limits.key_packages {
                return Err(RefusedReason::TooLarge.into());
            }
            packages.iter().map(Vec::as_slice).chain(last_resort).try_for_each(check_package)?;
            desk.list(tx, &caller, &row, now)?;
            desk.see(now, || Sight::publish(caller, packages.len(), last_resort.is_some()));
            if replace {
                withdraw(tx, &caller, packages)?;
            }
            if let Some(package) = last_resort {
                tx.put(Table::LastResort, caller.as_bytes().to_vec(), package.to_vec());
            }
            desk.add_packages(tx, &caller, packages, now)
        })
    }
}

/// What a look-up costs in inputs. One for key packages writes a row for each user that there is none of.
pub(crate) fn cost(users: &[UserId], key_packages: bool) -> u64 {
    if key_packages { users.len().max(1) as u64 } else { 1 }
}

/// What a publication costs in inputs: each package leaves a row behind, even when it is withdrawn at once.
pub(crate) fn publish_cost(packages: &[Vec<u8>]) -> u64 {
    packages.len().max(1) as u64
}

/// How many ordinary key packages a device has in the directory.
pub(super) fn packages_left(tx: &Tx<'_>, device: &DeviceId, most: usize) -> Result<usize, StoreError> {
    Ok(tx.scan(Table::KeyPackage, device.as_bytes(), b"", most)?.len())
}

/// The devices that the directory lists for a user, whatever their certificates are worth now.
pub(super) fn devices_of(tx: &Tx<'_>, user: &UserId) -> Result<Vec<DeviceId>, StoreError> {
    let prefix = row::user_hash(user);
    let rows = tx.scan(Table::UserDevice, &prefix, b"", usize::MAX)?;
    rows.iter().map(|(key, _)| row::device_at(key, prefix.len())).collect()
}

impl Desk {
    fn entry(
        &mut self,
        tx: &mut Tx<'_>,
        (caller, row): (&DeviceId, &DeviceRow),
        user: &UserId,
        key_packages: bool,
        now: Time,
    ) -> Result<DirectoryUser, Fault> {
        tx.delete(Table::Notice, row::notice_key(caller, user));
        let mut devices = Vec::new();
        for id in devices_of(tx, user)? {
            let Some(owner) = row::device(tx, &id)?.filter(|owner| self.standing(owner, now).is_ok()) else { continue };
            let wanted = key_packages && id != *caller && self.may_claim(tx, row, &owner)?;
            let key_package = if wanted { self.claim(tx, *caller, id, now)? } else { None };
            devices.push(DirectoryDevice { certificate: owner.certificate, key_package });
        }
        if devices.is_empty() && key_packages {
            notice::watch(tx, user, caller, now.plus(self.config.limits.mailbox_age))?;
        }
        Ok(DirectoryUser { user: user.clone(), devices })
    }

    fn may_claim(&self, tx: &Tx<'_>, caller: &DeviceRow, owner: &DeviceRow) -> Result<bool, StoreError> {
        if caller.user == owner.user {
            return Ok(true);
        }
        let policy = &self.config.policy;
        if policy.decide(&caller.role, Action::Start, &owner.role).is_allowed() {
            return Ok(true);
        }
        let go_on = policy.decide(&caller.role, Action::Continue, &owner.role).is_allowed();
        Ok(go_on && tx.contains(Table::Pair, &row::pair_key(&caller.user, &owner.user))?)
    }

    /// The oldest key package of a device; the last-resort one when there is no other, or the caller asks too often.
    fn claim(
        &mut self,
        tx: &mut Tx<'_>,
        caller: DeviceId,
        owner: DeviceId,
        now: Time,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let first = tx.scan(Table::KeyPackage, owner.as_bytes(), b"", 1)?.pop();
        match first {
            Some((key, package)) if self.claims.take((caller, owner), 1, now) => {
                tx.delete(Table::KeyPackage, key);
                Ok(Some(package))
            }
            _ => tx.get(Table::LastResort, owner.as_bytes()),
        }
    }

    /// Lists a device with its first key packages, and tells those who talk with its user.
    fn list(&mut self, tx: &mut Tx<'_>, device: &DeviceId, row: &DeviceRow, now: Time) -> Result<(), Fault> {
        let key = row::user_device_key(&row.user, device);
        if tx.contains(Table::UserDevice, &key)? {
            return Ok(());
        }
        let listed = devices_of(tx, &row.user)?;
        // Who talked with a device that makes room is told as well.
        notice::announce(tx, self, device, &row.user)?;
        if listed.len() >= self.config.limits.devices {
            self.make_room(tx, &row.user, &listed, now)?;
        }
        tx.put(Table::UserDevice, key, Vec::new());
        Ok(())
    }

    /// Takes out those of a user's devices that are revoked or expired, for nobody else does: or who installs anew often
    /// enough could never be listed again. One that comes back with a new certificate has no key packages here any more,
    /// so that it publishes, and is listed again.
    fn make_room(&self, tx: &mut Tx<'_>, user: &UserId, listed: &[DeviceId], now: Time) -> Result<(), Fault> {
        let mut left = 0;
        for device in listed {
            if row::device(tx, device)?.is_some_and(|row| self.standing(&row, now).is_ok()) {
                left += 1;
                continue;
            }
            tx.delete(Table::UserDevice, row::user_device_key(user, device));
            withdraw(tx, device, &[])?;
        }
        if left < self.config.limits.devices { Ok(()) } else { Err(RefusedReason::TooLarge.into()) }
    }

    fn add_packages(
        &self,
        tx: &mut Tx<'_>,
        device: &DeviceId,
        packages: &[Vec<u8>],
        now: Time,
    ) -> Result<usize, Fault> {
        let limits = self.config.limits;
        let mut counters = row::counters(tx, device)?;
        for package in packages {
            let published = published_key(device, package);
            if tx.contains(Table::Published, &published)? {
                continue;
            }
            row::expire_at(tx, now.plus(limits.seen_age), Mortal::Published, &published);
            tx.put(Table::Published, published, Vec::new());
            counters.last_package += 1;
            tx.put(Table::KeyPackage, row::numbered_key(device, counters.last_package), package.clone());
        }
        row::set_counters(tx, device, &counters)?;
        let left = packages_left(tx, device, limits.key_packages + 1)?;
        if left > limits.key_packages { Err(RefusedReason::TooLarge.into()) } else { Ok(left) }
    }
}

fn check_package(package: &[u8]) -> Result<(), Fault> {
    if package.is_empty() {
        return Err(RefusedReason::Malformed.into());
    }
    if package.len() > limits::KEY_PACKAGE { Err(RefusedReason::TooLarge.into()) } else { Ok(()) }
}

/// Takes all of a device's packages back, but those that are being published: they may be a repeat.
fn withdraw(tx: &mut Tx<'_>, device: &DeviceId, packages: &[Vec<u8>]) -> Result<(), StoreError> {
    let kept: BTreeSet<&[u8]> = packages.iter().map(Vec::as_slice).collect();
    for (key, package) in tx.scan(Table::KeyPackage, device.as_bytes(), b"", usize::MAX)? {
        if !kept.contains(package.as_slice()) {
            tx.delete(Table::KeyPackage, key);
        }
    }
    tx.delete(Table::LastResort, device.as_bytes().to_vec());
    Ok(())
}

fn published_key(device: &DeviceId, package: &[u8]) -> Vec<u8> {
    [&device.as_bytes()[..], Hash32::of(package).as_bytes()].concat()
}
