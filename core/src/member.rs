//! What this device knows of other users and devices, and who is acceptable now.
//!
//! The newest certificate known for a device counts, not the one in its leaf.

use core::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::authority::{Certificate, RevocationList};
use crate::ctx::Ctx;
use crate::error::{Error, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::id::{DeviceId, UserId};
use crate::limits;
use crate::memory::Effect;
use crate::policy::Role;
use crate::store::Table;
use crate::time::{DAY, HOUR, Time};
use crate::tx::Tx;

/// Certificates remembered at most.
const REMEMBERED: usize = 256;

/// Certificates that were lately read, by their bytes. What bytes say never changes, so nothing here can be out of date.
#[derive(Default)]
pub(crate) struct Certificates(RefCell<BTreeMap<Vec<u8>, Certificate>>);

impl Certificates {
    /// [`Certificate::decode`].
    pub fn decode(&self, bytes: &[u8]) -> Result<Certificate, PeerFault> {
        let mut known = self.0.borrow_mut();
        if let Some(certificate) = known.get(bytes) {
            return Ok(certificate.clone());
        }
        let certificate = Certificate::decode(bytes)?;
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(bytes.to_vec(), certificate.clone());
        Ok(certificate)
    }
}

/// What is known of a user.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct UserRow {
    #[serde(with = "serde_bytes")]
    pub identity: [u8; 32],
    /// By the certificate with the highest serial number.
    pub role: Role,
    pub serial: u64,
}

/// Takes in a proven certificate: keeps it when it is newer, and notices new devices and changed identities.
pub(crate) fn learn(ctx: &mut Ctx<'_>, certificate: &Certificate) -> Result<()> {
    let device = certificate.device();
    if device == ctx.account.id {
        return Ok(());
    }
    let known = newest(&ctx.tx, device)?;
    if known.as_ref().is_some_and(|known| known.serial() >= certificate.serial()) {
        return Ok(());
    }
    // A device is of one user for ever. No error: what is known here must not decide whether a commit is valid.
    if known.as_ref().is_some_and(|known| known.user() != certificate.user()) {
        ctx.tx.event(Event::Refused(PeerFault::Certificate));
        return Ok(());
    }
    ctx.tx.put(Table::Certificate, device.as_bytes().to_vec(), certificate.as_bytes().to_vec());
    learn_user(ctx, certificate, known.is_none())
}

fn learn_user(ctx: &mut Ctx<'_>, certificate: &Certificate, new_device: bool) -> Result<()> {
    let user = certificate.user();
    let before = user_row(&ctx.tx, user)?;
    let own = *user == ctx.account.user;
    match &before {
        Some(row) if row.identity != *certificate.identity_key() => {
            ctx.tx.event(Event::IdentityChanged(user.clone()));
        }
        Some(_) if new_device => ctx.tx.event(Event::DeviceAdded(user.clone(), certificate.device())),
        None if own && *certificate.identity_key() != ctx.account.identity.public() => {
            ctx.tx.event(Event::IdentityChanged(user.clone()));
        }
        None if own => ctx.tx.event(Event::DeviceAdded(user.clone(), certificate.device())),
        _ => {}
    }
    let newer = before.as_ref().is_none_or(|row| row.serial < certificate.serial());
    if newer {
        let row = UserRow {
            identity: *certificate.identity_key(),
            role: certificate.role().clone(),
            serial: certificate.serial(),
        };
        ctx.tx.put_row(Table::User, user.as_str().as_bytes().to_vec(), &row)?;
    }
    Ok(())
}

/// The newest certificate known for a device.
pub(crate) fn newest(tx: &Tx<'_>, device: DeviceId) -> Result<Option<Certificate>> {
    tx.get(Table::Certificate, device.as_bytes())?
        .map(|bytes| Certificate::decode(&bytes).map_err(|_| Error::Store(StoreError::Corrupt("certificate"))))
        .transpose()
}

pub(crate) fn user_row(tx: &Tx<'_>, user: &UserId) -> Result<Option<UserRow>> {
    tx.row(Table::User, user.as_str().as_bytes(), "user")
}

/// The role of a user by the newest certificate known.
pub(crate) fn role_of(ctx: &Ctx<'_>, user: &UserId) -> Result<Option<Role>> {
    if *user == ctx.account.user {
        return Ok(Some(ctx.account.role()?.clone()));
    }
    Ok(user_row(&ctx.tx, user)?.map(|row| row.role))
}

/// Whether a certificate is acceptable now: in its validity, and not revoked.
pub(crate) fn acceptable(ctx: &Ctx<'_>, certificate: &Certificate) -> Result<(), PeerFault> {
    certificate.valid_at(ctx.now)?;
    if is_revoked(ctx, certificate) { Err(PeerFault::Revoked) } else { Ok(()) }
}

/// Whether a certificate was acceptable when the relay accepted something of its owner: what was sent in time counts
/// however late it arrives, as long as a relay may keep it, and whatever the clock here shows. Only so long: a relay
/// that says “accepted years ago” of one thing and not of others would else keep a certificate alive for ever.
/// Revocation counts from the moment it is known. When the certificate began does not matter: the newest one counts, and
/// what was sent under the one before may arrive after it.
pub(crate) fn was_acceptable(ctx: &Ctx<'_>, certificate: &Certificate, accepted_at: Time) -> Result<(), PeerFault> {
    if accepted_at.max(ctx.memory.relay_clock.minus(limits::MAILBOX_AGE + DAY)) >= certificate.not_after() {
        return Err(PeerFault::CertificateTime);
    }
    if is_revoked(ctx, certificate) { Err(PeerFault::Revoked) } else { Ok(()) }
}

pub(crate) fn is_revoked(ctx: &Ctx<'_>, certificate: &Certificate) -> bool {
    ctx.memory.revoked.contains(&(*certificate.authority(), certificate.serial()))
}

/// The certificate that counts for a leaf: the newest known of its device, or the leaf's own.
pub(crate) fn counting(ctx: &Ctx<'_>, leaf: &Certificate) -> Result<Certificate> {
    if leaf.device() == ctx.account.id {
        return Ok(ctx.account.certificate()?.clone());
    }
    let known = ctx.tx.get(Table::Certificate, leaf.device().as_bytes())?;
    let known = known.map(|bytes| ctx.certificates.decode(&bytes)).transpose();
    Ok(match known.map_err(|_| Error::Store(StoreError::Corrupt("certificate")))? {
        Some(known) if known.serial() > leaf.serial() => known,
        _ => leaf.clone(),
    })
}

const RELAY_CLOCK: &[u8] = b"relay clock";

/// Notes that the relay accepted something at `accepted_at`: its clock shows no less. Stored by the hour.
pub(crate) fn note_relay_clock(ctx: &mut Ctx<'_>, accepted_at: Time) -> Result<()> {
    let shown = accepted_at.min(ctx.now.plus(limits::STAMP_AHEAD));
    let known = ctx.memory.relay_clock;
    if shown > known {
        ctx.tx.effect(Effect::RelayClock(shown));
    }
    if shown.as_ms() / HOUR > known.as_ms() / HOUR {
        ctx.tx.put_row(Table::Meta, RELAY_CLOCK.to_vec(), &shown)?;
    }
    Ok(())
}

/// What the relay's clock showed at least, for a start.
pub(crate) fn relay_clock(tx: &Tx<'_>) -> Result<Time> {
    Ok(tx.row(Table::Meta, RELAY_CLOCK, "relay clock")?.unwrap_or(Time::ZERO))
}

const REVOCATIONS: &[u8] = b"revocations";

/// The serial numbers of all revocation lists in the store.
pub(crate) fn revoked_serials(tx: &Tx<'_>) -> Result<BTreeSet<([u8; 32], u64)>> {
    let rows = tx.scan_prefix(Table::Authority, REVOCATIONS, usize::MAX)?;
    let mut serials = BTreeSet::new();
    for (_, bytes) in rows {
        let list = RevocationList::decode(&bytes).map_err(|_| Error::Store(StoreError::Corrupt("revocation list")))?;
        serials.extend(list.serials().iter().map(|serial| (*list.authority(), *serial)));
    }
    Ok(serials)
}

/// Takes in a revocation list, unless a newer one of its authority is known; says whether it is news.
pub(crate) fn revoke(ctx: &mut Ctx<'_>, list: &RevocationList) -> Result<bool> {
    list.verify(&ctx.config.authorities)?;
    let key = [REVOCATIONS, list.authority()].concat();
    let known = ctx.tx.get(Table::Authority, &key)?;
    let number = known.as_ref().and_then(|bytes| RevocationList::decode(bytes).ok()).map(|known| known.number());
    if number.is_some_and(|number| number >= list.number()) {
        return Ok(false);
    }
    ctx.tx.put(Table::Authority, key, list.as_bytes().to_vec());
    let serials = revoked_serials(&ctx.tx)?;
    let lost = |own: &Certificate| !is_revoked(ctx, own) && serials.contains(&(*own.authority(), own.serial()));
    if ctx.account.certificate.as_ref().is_some_and(lost) {
        ctx.tx.event(Event::CertificateNeeded);
    }
    ctx.tx.effect(Effect::Revoked(serials));
    Ok(true)
}

#[cfg(test)]
mod tests {
    //! R8.

    use super::*;
    use crate::authority::{DeviceKey, EnrolmentRequest, IdentityKey};
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, authority, enrolled};
    use crate::rng::Rng;

    #[test]
    fn a_device_stays_with_its_user() {
        let mut engine = enrolled("ann");
        let mut rng = Rng::from_seed([4; 32]);
        let (device, identity) = (DeviceKey::generate(&mut rng), IdentityKey::generate(&mut rng));
        let certify = |user: &str, serial| {
            let request = EnrolmentRequest::new(&UserId::new(user).unwrap(), &identity, &device).unwrap();
            let role = Role::new("client").unwrap();
            authority().issue(&request, role, serial, NOW.minus(DAY), NOW.plus(DAY)).unwrap()
        };
        let known = |engine: &mut Engine, certificate: &Certificate| {
            engine.mutate(NOW, |ctx| learn(ctx, certificate)).unwrap();
            engine.mutate(NOW, |ctx| newest(&ctx.tx, certificate.device())).unwrap().unwrap().user().clone()
        };
        assert_eq!(known(&mut engine, &certify("bea", 1)).as_str(), "bea");
        assert_eq!(known(&mut engine, &certify("cid", 2)).as_str(), "bea", "whatever is issued later");
        let renewed = certify("bea", 3);
        assert_eq!(known(&mut engine, &renewed).as_str(), "bea");
        assert_eq!(engine.mutate(NOW, |ctx| newest(&ctx.tx, renewed.device())).unwrap().unwrap().serial(), 3);
    }
}
