//! What this device knows of other users and devices, and who is acceptable now.
//!
//! The newest certificate known for a device counts, not the one in its leaf.

use core::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::authority::{Certificate, RevocationList};
use crate::conversation;
use crate::ctx::Ctx;
use crate::error::{Error, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::id::{DeviceId, UserId};
use crate::limits;
use crate::memory::Effect;
use crate::policy::Role;
use crate::session;
use crate::store::{Direction, KeyRange, Table};
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
    /// By the certificate with the highest serial number, like the role.
    #[serde(with = "serde_bytes")]
    pub identity: [u8; 32],
    pub role: Role,
    pub serial: u64,
    /// The other identity keys that certificates of the user have shown, oldest first. Whoever has the authority's key
    /// chooses serial numbers, so that a lower one says nothing of which key is the user's.
    pub others: Vec<ByteArray<32>>,
    /// Whether there were more, which this row does not name: until the user accepts, it counts as a strange key.
    pub more: bool,
}

impl UserRow {
    fn of(certificate: &Certificate) -> UserRow {
        UserRow {
            identity: *certificate.identity_key(),
            role: certificate.role().clone(),
            serial: certificate.serial(),
            others: Vec::new(),
            more: false,
        }
    }

    /// The identity keys that are known, the newest first.
    pub fn identities(&self) -> impl Iterator<Item = &[u8; 32]> + Clone {
        core::iter::once(&self.identity).chain(self.others.iter().map(|key| &**key))
    }

    pub fn knows(&self, key: &[u8; 32]) -> bool {
        self.identities().any(|known| known == key)
    }

    /// Takes in what a certificate says. A key that was known stays known.
    fn take(&mut self, certificate: &Certificate) {
        let key = certificate.identity_key();
        if self.serial >= certificate.serial() {
            self.remember(*key);
            return;
        }
        self.others.retain(|other| **other != *key);
        let before = core::mem::replace(&mut self.identity, *key);
        self.remember(before);
        (self.role, self.serial) = (certificate.role().clone(), certificate.serial());
    }

    fn remember(&mut self, key: [u8; 32]) {
        if self.knows(&key) {
            return;
        }
        if self.others.len() < limits::IDENTITIES {
            self.others.push(key.into());
        } else {
            self.more = true;
        }
    }

    /// Forgets those keys for which `gone` holds, as long as one is left.
    pub fn forget(&mut self, gone: impl Fn(&[u8; 32]) -> bool) {
        self.others.retain(|key| !gone(key));
        if gone(&self.identity)
            && let Some(newest) = self.others.pop()
        {
            self.identity = *newest;
        }
    }
}

/// Takes in a proven certificate: keeps it when it is newer, and notices new devices and changed identities.
pub(crate) fn learn(ctx: &mut Ctx<'_>, certificate: &Certificate) -> Result<()> {
    let device = certificate.device();
    if device == ctx.account.id {
        return Ok(());
    }
    let known = newest(&ctx.tx, device)?;
    if let Some(known) = &known
        && (known.serial() >= certificate.serial() || known.user() != certificate.user())
    {
        return learn_beside(ctx, known, certificate);
    }
    ctx.tx.put(Table::Certificate, device.as_bytes().to_vec(), certificate.as_bytes().to_vec());
    learn_user(ctx, certificate, known.is_none())
}

/// Takes in a certificate that does not replace the one known for its device. It may be that of a leaf all the same: an
/// identity key that only such a certificate shows is a strange one. The row does not name it, because no certificate
/// that is kept would tell when it is revoked.
fn learn_beside(ctx: &mut Ctx<'_>, known: &Certificate, certificate: &Certificate) -> Result<()> {
    let same_user = known.user() == certificate.user();
    // A device is of one user for ever. No error: what is known here must not decide whether a commit is valid.
    if !same_user && known.serial() < certificate.serial() {
        ctx.tx.event(Event::Refused(PeerFault::Certificate));
    }
    if same_user && known.identity_key() == certificate.identity_key() {
        return Ok(());
    }
    let user = certificate.user();
    let mut row = user_row(&ctx.tx, user)?.unwrap_or_else(|| UserRow::of(certificate));
    if row.more {
        return Ok(());
    }
    row.more = true;
    ctx.tx.event(Event::IdentityChanged(user.clone()));
    store_user(&ctx.tx, user, &row)?;
    conversation::known_better(ctx, user)
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
    let mut row = before.unwrap_or_else(|| UserRow::of(certificate));
    row.take(certificate);
    store_user(&ctx.tx, user, &row)?;
    conversation::known_better(ctx, user)?;
    if new_device { session::met(ctx, certificate) } else { Ok(()) }
}

/// The identity keys of a user that only revoked certificates show: nothing is sent to a session that holds one of their
/// devices. A key that no certificate kept here shows is none of them. Nobody needs to know of a user who has one key.
pub(crate) fn gone(
    tx: &Tx<'_>,
    revoked: &BTreeSet<([u8; 32], u64)>,
    user: &UserId,
    row: &UserRow,
) -> Result<BTreeSet<[u8; 32]>> {
    let (mut gone, mut live) = (BTreeSet::new(), BTreeSet::new());
    if row.others.is_empty() {
        return Ok(gone);
    }
    for (_, bytes) in tx.scan(Table::Certificate, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)? {
        let certificate = Certificate::decode(&bytes).map_err(|_| Error::Store(StoreError::Corrupt("certificate")))?;
        if certificate.user() == user {
            let dead = revoked.contains(&(*certificate.authority(), certificate.serial()));
            let keys = if dead { &mut gone } else { &mut live };
            keys.insert(*certificate.identity_key());
        }
    }
    Ok(gone.difference(&live).copied().collect())
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

pub(crate) fn store_user(tx: &Tx<'_>, user: &UserId, row: &UserRow) -> Result<()> {
    tx.put_row(Table::User, user.as_str().as_bytes().to_vec(), row)
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
    //! R8, R16.

    use super::*;
    use crate::authority::{DeviceKey, EnrolmentRequest, IdentityKey};
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, authority, enrolled};
    use crate::person::Trust;
    use crate::rng::Rng;
    use crate::subscription::{Topic, Update};

    /// A certificate that the authority issues for a device and an identity key, each of a number.
    fn certify(user: &str, identity: u8, device: u8, serial: u64) -> Certificate {
        let identity = IdentityKey::generate(&mut Rng::from_seed([identity; 32]));
        let device = DeviceKey::generate(&mut Rng::from_seed([device; 32]));
        let request = EnrolmentRequest::new(&UserId::new(user).unwrap(), &identity, &device).unwrap();
        authority().issue(&request, Role::new("client").unwrap(), serial, NOW.minus(DAY), NOW.plus(DAY)).unwrap()
    }

    fn learned(engine: &mut Engine, certificate: &Certificate) -> Trust {
        engine.mutate(NOW, |ctx| learn(ctx, certificate)).unwrap();
        engine.identity().trust(certificate.user()).unwrap()
    }

    fn verified(engine: &mut Engine, user: &UserId) -> Trust {
        engine.identity().set_verified(user, true, NOW).unwrap();
        engine.identity().trust(user).unwrap()
    }

    #[test]
    fn a_device_stays_with_its_user() {
        let mut engine = enrolled("ann");
        let known = |engine: &mut Engine, certificate: &Certificate| {
            engine.mutate(NOW, |ctx| learn(ctx, certificate)).unwrap();
            engine.mutate(NOW, |ctx| newest(&ctx.tx, certificate.device())).unwrap().unwrap().user().clone()
        };
        assert_eq!(known(&mut engine, &certify("bea", 1, 1, 1)).as_str(), "bea");
        assert_eq!(known(&mut engine, &certify("cid", 1, 1, 2)).as_str(), "bea", "whatever is issued later");
        let renewed = certify("bea", 1, 1, 3);
        assert_eq!(known(&mut engine, &renewed).as_str(), "bea");
        assert_eq!(engine.mutate(NOW, |ctx| newest(&ctx.tx, renewed.device())).unwrap().unwrap().serial(), 3);
    }

    #[test]
    fn r16_every_strange_key_counts_until_it_is_verified_whatever_its_serial_number() {
        let (mut engine, bea) = (enrolled("ann"), UserId::new("bea").unwrap());
        let number = |engine: &mut Engine| engine.identity().safety_number(&bea).unwrap().unwrap();
        assert_eq!(learned(&mut engine, &certify("bea", 1, 1, 50)), Trust::Unverified);
        assert_eq!(verified(&mut engine, &bea), Trust::Verified);
        let first = number(&mut engine);
        assert_eq!(learned(&mut engine, &certify("bea", 2, 2, 10)), Trust::Changed);
        assert!(number(&mut engine) != first, "the strange one is to be compared");
        assert_eq!(learned(&mut engine, &certify("bea", 1, 1, 60)), Trust::Changed);
        assert_eq!(engine.mutate(NOW, |ctx| user_row(&ctx.tx, &bea)).unwrap().unwrap().serial, 60);
        assert_eq!(verified(&mut engine, &bea), Trust::Verified);
        assert!(number(&mut engine) == first, "the newest again");
        assert_eq!(learned(&mut engine, &certify("bea", 2, 2, 70)), Trust::Verified);
        assert_eq!(learned(&mut engine, &certify("bea", 1, 1, 80)), Trust::Verified);
        assert_eq!(learned(&mut engine, &certify("bea", 3, 3, 81)), Trust::Changed);
        engine.identity().set_verified(&bea, false, NOW).unwrap();
        assert_eq!(engine.identity().trust(&bea), Ok(Trust::Unverified));
        assert_eq!([(); 3].map(|()| verified(&mut engine, &bea)), [Trust::Changed, Trust::Changed, Trust::Verified]);
    }

    #[test]
    fn r16_more_keys_than_are_kept_hold_back_until_they_are_accepted() {
        let (mut engine, bea) = (enrolled("ann"), UserId::new("bea").unwrap());
        learned(&mut engine, &certify("bea", 1, 1, 200));
        assert_eq!(verified(&mut engine, &bea), Trust::Verified);
        for ghost in 2..30 {
            assert_eq!(learned(&mut engine, &certify("bea", ghost, ghost, ghost.into())), Trust::Changed);
        }
        let row = |engine: &mut Engine| engine.mutate(NOW, |ctx| user_row(&ctx.tx, &bea)).unwrap().unwrap();
        assert_eq!((row(&mut engine).others.len(), row(&mut engine).more), (limits::IDENTITIES, true));
        for _ in 0..30 {
            assert_eq!(verified(&mut engine, &bea), Trust::Changed, "not all of them have a number");
        }
        engine.identity().accept_identity(&bea, NOW).unwrap();
        assert_eq!(engine.identity().trust(&bea), Ok(Trust::Unverified));
        assert_eq!(verified(&mut engine, &bea), Trust::Verified);
        assert_eq!(learned(&mut engine, &certify("bea", 5, 5, 201)), Trust::Verified, "an accepted one is the newest");
        assert_eq!(learned(&mut engine, &certify("bea", 1, 1, 202)), Trust::Verified);
        assert_eq!(learned(&mut engine, &certify("bea", 40, 40, 1)), Trust::Changed);
    }

    #[test]
    fn r16_a_device_known_as_anothers_or_under_another_key_does_not_hide_a_strange_one() {
        let (mut engine, bea) = (enrolled("ann"), UserId::new("bea").unwrap());
        learned(&mut engine, &certify("bea", 1, 1, 50));
        learned(&mut engine, &certify("eve", 2, 2, 20));
        for hidden in [certify("bea", 2, 2, 10), certify("bea", 2, 2, 30), certify("bea", 2, 1, 40)] {
            assert_eq!(verified(&mut engine, &bea), Trust::Verified);
            assert_eq!(learned(&mut engine, &hidden), Trust::Changed);
            assert_eq!(verified(&mut engine, &bea), Trust::Changed, "it has no number");
            engine.identity().accept_identity(&bea, NOW).unwrap();
        }
        // Nor if it was there first.
        assert_eq!(learned(&mut engine, &certify("cid", 2, 2, 9)), Trust::Unverified);
        let cid = UserId::new("cid").unwrap();
        learned(&mut engine, &certify("cid", 3, 3, 60));
        assert_eq!(verified(&mut engine, &cid), Trust::Changed);
    }

    #[test]
    fn r16_a_key_that_is_revoked_need_not_be_compared_and_is_strange_when_it_comes_back() {
        let (mut engine, bea) = (enrolled("ann"), UserId::new("bea").unwrap());
        learned(&mut engine, &certify("bea", 1, 1, 1));
        assert_eq!(learned(&mut engine, &certify("bea", 2, 2, 2)), Trust::Unverified);
        let list = authority().revoke(1, NOW, &[1].into()).unwrap();
        engine.identity().revoke(list.as_bytes(), NOW).unwrap();
        assert_eq!(verified(&mut engine, &bea), Trust::Verified, "who was reinstalled is verified at once");
        // A newer one that is revoked leaves the one before.
        assert_eq!(learned(&mut engine, &certify("bea", 3, 3, 3)), Trust::Changed);
        let list = authority().revoke(2, NOW, &[1, 3].into()).unwrap();
        engine.identity().revoke(list.as_bytes(), NOW).unwrap();
        assert_eq!(engine.identity().trust(&bea), Ok(Trust::Changed), "until the user decides");
        assert_eq!(verified(&mut engine, &bea), Trust::Verified);
        assert_eq!(learned(&mut engine, &certify("bea", 1, 4, 4)), Trust::Changed);
    }

    // R29
    #[test]
    fn a_role_or_an_identity_key_that_comes_to_be_known_is_told_to_who_shows_the_conversation() {
        let mut engine = enrolled("ann");
        engine.conversations().start(&UserId::new("bea").unwrap(), NOW).unwrap();
        let shown = engine.subscriptions().open(Topic::Conversations).unwrap();
        engine.subscriptions().take(shown, NOW).unwrap();
        // The first certificate, a renewed one of another identity key, and one beside it.
        for (identity, serial) in [(2, 5), (3, 9), (4, 7)] {
            let certificate = certify("bea", identity, 20, serial);
            engine.mutate(NOW, |ctx| learn(ctx, &certificate)).unwrap();
            let told = engine.subscriptions().take(shown, NOW).unwrap();
            assert!(matches!(&told[..], [Update::Conversation(_)]), "{serial}: {told:?}");
        }
    }
}
