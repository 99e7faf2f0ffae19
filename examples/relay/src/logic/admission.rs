//! Who may send to whom. A welcome ties a session's tag to devices; everything else stays among them.
//!
//! The relay reads certificates, kinds, tags and start tokens, and nothing else (R9, R40). Of who started with whom it
//! keeps only that the pair may talk.

use std::collections::BTreeSet;

use undertone::authority::ProvenStart;
use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::id::{DeviceId, Hash32, SessionId};
use undertone::policy::{Action, Link, Member, Role, Started, judge_links};
use undertone::time::Time;

use super::row::{self, DeviceRow, Mortal};
use super::submit::Piece;
use super::tx::Tx;
use super::{Desk, Fault, mailbox};
use crate::answer::RefusedReason;
use crate::store::{StoreError, Table};

/// Devices that one tag is tied to at most, members of former days included.
const TAG_DEVICES: usize = 4 * undertone::limits::RECIPIENTS;

/// What accepting a bundle changes of who may talk.
pub(super) struct Admission {
    tag: SessionId,
    tag_is_known: bool,
    /// Devices that its welcomes name, and their sender.
    devices: BTreeSet<DeviceId>,
    /// Keys of pairs that may talk from now on.
    pairs: BTreeSet<Vec<u8>>,
    /// The hash of the sender's user, against whom copies count.
    pub(super) from: Hash32,
    /// Recipients whose mailboxes take in nothing of it.
    pub(super) full: BTreeSet<DeviceId>,
}

/// Judges every envelope of a bundle by its sender, whose own standing is known to be good.
pub(super) fn judge(
    tx: &Tx<'_>,
    desk: &Desk,
    sender: &DeviceRow,
    pieces: &[Piece<'_>],
    now: Time,
) -> Result<Admission, Fault> {
    let tag = pieces.first().map(|piece| piece.envelope.tag).ok_or(RefusedReason::Malformed)?;
    let tag_is_known = tx.contains(Table::Tag, tag.as_bytes())?;
    let from = Hash32::from_bytes(row::user_hash(&sender.user));
    let (devices, pairs, full) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut admission = Admission { tag, tag_is_known, devices, pairs, from, full };
    // Welcomes first: they admit the devices that a commit beside them may go to.
    let (welcomes, others): (Vec<_>, Vec<_>) =
        pieces.iter().map(|piece| &piece.envelope).partition(|envelope| envelope.kind == EnvelopeKind::Welcome);
    for envelope in welcomes {
        admission.judge_welcome(tx, desk, sender, envelope, now)?;
    }
    for envelope in others {
        admission.judge_other(tx, desk, sender, envelope)?;
    }
    for envelope in pieces.iter().map(|piece| &piece.envelope).filter(|envelope| is_kept(envelope)) {
        admission.find_room(tx, desk, sender, envelope)?;
    }
    Ok(admission)
}

impl Admission {
    /// A welcome brings people together: the rules must allow every pair that was not in the session before.
    fn judge_welcome(
        &mut self,
        tx: &Tx<'_>,
        desk: &Desk,
        sender: &DeviceRow,
        envelope: &Envelope,
        now: Time,
    ) -> Result<(), Fault> {
        if self.tag_is_known && !self.has(tx, &envelope.sender)? {
            return Err(RefusedReason::NotMember.into());
        }
        let mut added = Vec::with_capacity(envelope.recipients.len());
        for device in &envelope.recipients {
            let device = row::device(tx, device)?.filter(|device| desk.standing(device, now).is_ok());
            added.push(device.ok_or(RefusedReason::Recipient)?);
        }
        let room = self.room(tx, sender)?;
        let (room, added): (Vec<_>, Vec<_>) = (room.iter().map(member).collect(), added.iter().map(member).collect());
        for link in links(desk, member(sender), envelope, &room, &added)? {
            self.pairs.insert(judge_pair(tx, desk, &link)?);
        }
        self.devices.insert(envelope.sender);
        self.devices.extend(&envelope.recipients);
        if self.devices.len() + room.len() > TAG_DEVICES {
            return Err(RefusedReason::TooLarge.into());
        }
        Ok(())
    }

    /// Any other kind stays within the tag's devices, among whom the rules allow it still.
    fn judge_other(&self, tx: &Tx<'_>, desk: &Desk, sender: &DeviceRow, envelope: &Envelope) -> Result<(), Fault> {
        if !self.tag_is_known && self.devices.is_empty() {
            return Err(RefusedReason::UnknownTag.into());
        }
        if !self.has(tx, &envelope.sender)? {
            return Err(RefusedReason::NotMember.into());
        }
        let action = action_of(envelope.kind);
        let mut allowed: BTreeSet<Role> = BTreeSet::new();
        for device in &envelope.recipients {
            if !self.has(tx, device)? {
                return Err(RefusedReason::NotMember.into());
            }
            let device = row::device(tx, device)?.ok_or(StoreError::Corrupt("device"))?;
            if device.user == sender.user || allowed.contains(&device.role) {
                continue;
            }
            if !desk.config.policy.decide(&sender.role, action, &device.role).is_allowed() {
                return Err(RefusedReason::Policy.into());
            }
            allowed.insert(device.role);
        }
        Ok(())
    }

    /// A mailbox that is full takes nothing in, as long as another device of its user has room. Else it refuses, so that its
    /// owner loses nothing and the sender tries again.
    fn find_room(&mut self, tx: &Tx<'_>, desk: &Desk, sender: &DeviceRow, envelope: &Envelope) -> Result<(), Fault> {
        let mut full = BTreeSet::new();
        for device in &envelope.recipients {
            if !self.has_room(tx, desk, sender, device)? {
                full.insert(*device);
            }
        }
        if full.is_empty() {
            return Ok(());
        }
        // The sender's user has the envelope already: on the device that sends it.
        let mut reached = BTreeSet::from([sender.user.clone()]);
        let mut missed = BTreeSet::new();
        for device in &envelope.recipients {
            let row = row::device(tx, device)?.ok_or(StoreError::Corrupt("device"))?;
            if desk.is_revoked(&row.authority, row.serial) {
                continue;
            }
            let users = if full.contains(device) { &mut missed } else { &mut reached };
            users.insert(row.user);
        }
        self.full.append(&mut full);
        if missed.is_subset(&reached) { Ok(()) } else { Err(RefusedReason::RateLimited.into()) }
    }

    /// Nobody is kept from filling the mailboxes of their own devices.
    fn has_room(&self, tx: &Tx<'_>, desk: &Desk, sender: &DeviceRow, device: &DeviceId) -> Result<bool, Fault> {
        let mailbox = desk.config.limits.mailbox;
        if mailbox::has_room(tx, mailbox, device, Some(&self.from))? {
            return Ok(true);
        }
        let is_own = row::device(tx, device)?.is_some_and(|row| row.user == sender.user);
        Ok(is_own && mailbox::has_room(tx, mailbox, device, None)?)
    }

    /// Whether the tag is tied to a device, or will be by this bundle.
    fn has(&self, tx: &Tx<'_>, device: &DeviceId) -> Result<bool, StoreError> {
        Ok(self.devices.contains(device) || tx.contains(Table::TagDevice, &row::tag_device_key(&self.tag, device))?)
    }

    /// Who is in the session before the next welcome: for a new one its sender alone.
    fn room(&self, tx: &Tx<'_>, sender: &DeviceRow) -> Result<Vec<DeviceRow>, StoreError> {
        let mut devices = self.devices.clone();
        for (key, _) in tx.scan(Table::TagDevice, self.tag.as_bytes(), b"", TAG_DEVICES)? {
            devices.insert(row::device_at(&key, SessionId::LEN)?);
        }
        let mut room = vec![sender.clone()];
        for device in devices {
            room.extend(row::device(tx, &device)?);
        }
        Ok(room)
    }

    /// Writes down who may talk, and that the tag was used.
    pub(super) fn write(&self, tx: &mut Tx<'_>, now: Time, tag_age: u64) -> Result<(), StoreError> {
        for device in &self.devices {
            tx.put(Table::TagDevice, row::tag_device_key(&self.tag, device), Vec::new());
            tx.put(Table::DeviceTag, row::device_tag_key(device, &self.tag), Vec::new());
        }
        for pair in &self.pairs {
            tx.put(Table::Pair, pair.clone(), Vec::new());
        }
        touch_tag(tx, &self.tag, now, tag_age)
    }
}

/// The pairs that a welcome newly links, and what the rules say to each. The token is only looked at when there
/// are any: later welcomes of a session repeat it.
fn links<'a>(
    desk: &Desk,
    sender: Member<'a>,
    envelope: &Envelope,
    room: &[Member<'a>],
    added: &[Member<'a>],
) -> Result<Vec<Link<'a>>, Fault> {
    let judge = |started: Option<&Started>| judge_links(&desk.config.policy, &sender, started, room, added);
    let links = judge(None);
    match &envelope.token {
        Some(token) if !links.is_empty() => match started(desk, token)? {
            Some(started) => Ok(judge(Some(&started))),
            None => Ok(links),
        },
        _ => Ok(links),
    }
}

/// What a start token proves. A bad token is worse than none.
fn started(desk: &Desk, token: &[u8]) -> Result<Option<Started>, Fault> {
    let proof = ProvenStart::verify(token, &desk.config.authorities).map_err(|_| RefusedReason::Policy)?;
    // A stolen device's key can sign tokens of any date: once revoked, they prove nothing. Who has started before goes
    // on all the same.
    let certificate = proof.certificate();
    let revoked = desk.is_revoked(certificate.authority(), certificate.serial());
    Ok((!revoked).then(|| proof.started().clone()))
}

/// The key of a pair that may be brought together: because the rules let it happen now, or because they did before
/// and let the two go on.
fn judge_pair(tx: &Tx<'_>, desk: &Desk, link: &Link<'_>) -> Result<Vec<u8>, Fault> {
    let key = row::pair_key(link.newcomer.user, link.existing.user);
    let go_on = || desk.config.policy.decide(link.newcomer.role, Action::Continue, link.existing.role).is_allowed();
    if link.decision.is_allowed() || (tx.contains(Table::Pair, &key)? && go_on()) {
        Ok(key)
    } else {
        Err(RefusedReason::Policy.into())
    }
}

fn member(device: &DeviceRow) -> Member<'_> {
    Member { user: &device.user, role: &device.role }
}

/// What an envelope does to its recipients, as far as a relay can tell.
fn action_of(kind: EnvelopeKind) -> Action {
    match kind {
        EnvelopeKind::Message | EnvelopeKind::Ephemeral => Action::Reply,
        EnvelopeKind::Welcome | EnvelopeKind::Commit | EnvelopeKind::Receipt | EnvelopeKind::NoSession => {
            Action::Continue
        }
    }
}

/// Whether an envelope takes room in mailboxes.
fn is_kept(envelope: &Envelope) -> bool {
    envelope.kind != EnvelopeKind::Ephemeral
}

/// Notes the day of a tag's last use. Its one expiry row is looked at again when it comes up.
fn touch_tag(tx: &mut Tx<'_>, tag: &SessionId, now: Time, tag_age: u64) -> Result<(), StoreError> {
    let today = super::sweep::day(now);
    let last: Option<u64> = tx.read(Table::Tag, tag.as_bytes())?;
    if last.is_some_and(|last| last >= today) {
        return Ok(());
    }
    if last.is_none() {
        row::expire_at(tx, now.plus(tag_age), Mortal::Tag, tag.as_bytes());
    }
    tx.write(Table::Tag, tag.as_bytes().to_vec(), &today)
}
