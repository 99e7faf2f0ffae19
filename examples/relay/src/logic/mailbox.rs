//! Mailboxes: one queue per device, kept until acknowledged or expired.

use std::collections::BTreeSet;

use undertone::envelope::{Envelope, PushHint};
use undertone::id::{DeviceId, Hash32};
use undertone::time::Time;

use super::row::{self, CopyRow, MailRow, Mortal};
use super::tx::Tx;
use super::view::SightEvent;
use super::{Desk, Output, Presence, Relay};
use crate::answer::{Delivery, DeliveryId};
use crate::store::{RelayStore, StoreError, Table};

/// Deliveries in one page at most.
const PAGE: usize = 256;
/// Bytes of envelopes after which a page ends.
pub(crate) const PAGE_BYTES: usize = 1024 * 1024;
/// Deliveries under way to a device that it has not acknowledged; beyond that it has to fetch.
const IN_FLIGHT: usize = 256;
/// The place of what is in no mailbox: there is nothing to acknowledge.
const NOWHERE: DeliveryId = DeliveryId(0);
/// Larger envelopes are not delivered by themselves but fetched.
const DELIVERED_BYTES: usize = 64 * 1024;

/// A part of a mailbox, oldest first.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What was found.
    pub deliveries: Vec<Delivery>,
    /// Where the next page starts: everything up to here was looked at.
    pub next: DeliveryId,
    /// Whether there is more behind it.
    pub more: bool,
}

impl<S: RelayStore> Relay<S> {
    /// A page of a device's mailbox behind `since`. Once a page says that there is no more, later envelopes come as
    /// [`Output::Deliver`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn fetch(&mut self, device: DeviceId, since: DeliveryId, limit: usize, now: Time) -> Result<Page, StoreError> {
        let page = page(&Tx::new(&self.store), &device, since, limit.clamp(1, PAGE), now)?;
        if let Some(presence) = self.desk.online.get_mut(&device) {
            let last = page.deliveries.last().map_or(NOWHERE, |delivery| delivery.id);
            presence.given = presence.given.max(last);
            if !page.more {
                presence.live = true;
                presence.in_flight = page.deliveries.len();
            }
        }
        Ok(page)
    }

    /// Drops deliveries that a device has made durable. Ignored are unknown ones, and those behind the last that it was
    /// given since it logged in: nobody has made durable what it cannot have. Returns how many those are.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn acknowledge(&mut self, device: DeviceId, ids: &[DeliveryId]) -> Result<usize, StoreError> {
        let (dropped, not_given) = self.input(|tx, desk| {
            let given = desk.online.get(&device).map_or(NOWHERE, |presence| presence.given);
            let (mut dropped, mut not_given) = (0, 0);
            for id in ids {
                if *id > given {
                    not_given += 1;
                } else {
                    dropped += usize::from(drop_copy(tx, &row::numbered_key(&device, id.0))?);
                }
            }
            Ok::<_, StoreError>((dropped, not_given))
        })?;
        if let Some(presence) = self.desk.online.get_mut(&device) {
            presence.in_flight = presence.in_flight.saturating_sub(dropped);
        }
        Ok(not_given)
    }
}

/// From how many deliveries on those that come count against the user who sends them. Who fetches is below it, so that nothing
/// is counted of the usual day.
fn counted_from(mailbox: u64) -> u64 {
    mailbox / 4
}

/// How many of those one user may have in a mailbox: so none alone keeps all others out.
fn share(mailbox: u64) -> u64 {
    mailbox.div_ceil(8)
}

/// Whether another delivery has room in a device's mailbox; `from` is whom it counts against, if it does against anybody.
pub(super) fn has_room(
    tx: &Tx<'_>,
    mailbox: u64,
    device: &DeviceId,
    from: Option<&Hash32>,
) -> Result<bool, StoreError> {
    let waiting = row::counters(tx, device)?.waiting;
    match from {
        Some(from) if waiting < mailbox && waiting >= counted_from(mailbox) => {
            Ok(counted(tx, &row::share_key(device, from))? < share(mailbox))
        }
        _ => Ok(waiting < mailbox),
    }
}

fn counted(tx: &Tx<'_>, share: &[u8]) -> Result<u64, StoreError> {
    Ok(tx.read(Table::Share, share)?.unwrap_or(0))
}

fn set_counted(tx: &mut Tx<'_>, share: Vec<u8>, count: u64) -> Result<(), StoreError> {
    if count > 0 {
        return tx.write(Table::Share, share, &count);
    }
    tx.delete(Table::Share, share);
    Ok(())
}

/// Puts a copy into the mailbox of each recipient but those that are full, and tells those who are there.
pub(super) fn post(
    tx: &mut Tx<'_>,
    desk: &mut Desk,
    envelope: &Envelope,
    mail: MailRow,
    index: u8,
    (from, full): (Hash32, &BTreeSet<DeviceId>),
    now: Time,
) -> Result<(), StoreError> {
    let limits = desk.config.limits;
    let expires_at = envelope.expires_at.min(now.plus(limits.mailbox_age));
    let mail_key = row::mail_key(mail.at, index);
    let mut copies: u64 = 0;
    for to in envelope.recipients.iter().filter(|to| !full.contains(to)) {
        let away = !desk.online.contains_key(to);
        // A revoked device's mailbox takes in nothing.
        if is_revoked(tx, desk, to)? {
            continue;
        }
        let copy = CopyRow { mail: mail_key.clone(), expires_at, from: Some(from) };
        let id = file(tx, to, copy, limits.mailbox)?;
        copies += 1;
        match (desk.shared, away) {
            // Whoever keeps the shared rows tells the relay that has the device, which may be any.
            (true, _) => {}
            (false, true) => push(desk, to, envelope.push, now),
            (false, false) => deliver(desk, to, id, &mail),
        }
    }
    if copies > 0 {
        tx.write(Table::Copies, mail_key.clone(), &copies)?;
        tx.write(Table::Mail, mail_key, &mail)?;
    }
    Ok(())
}

/// Hands something to those recipients who are there and keep up, and keeps nothing of it.
pub(super) fn pass(tx: &Tx<'_>, desk: &mut Desk, envelope: &Envelope, mail: &MailRow) -> Result<(), StoreError> {
    for to in &envelope.recipients {
        if !(desk.shared || desk.keeps_up(to)) || is_revoked(tx, desk, to)? {
            continue;
        }
        let (to, delivery) = (*to, delivery(NOWHERE, mail.clone()));
        let shared = desk.shared;
        desk.outputs.push_back(if shared { Output::Passed { to, delivery } } else { Output::Deliver { to, delivery } });
    }
    Ok(())
}

impl Desk {
    /// Whether what is of the moment may be handed to a device.
    pub(super) fn keeps_up(&self, device: &DeviceId) -> bool {
        let keeps_up = |presence: &Presence| presence.live && presence.in_flight < IN_FLIGHT;
        self.online.get(device).is_some_and(keeps_up)
    }
}

/// Takes one copy out of a mailbox, and the envelope with the last one. Says whether there was one.
pub(super) fn drop_copy(tx: &mut Tx<'_>, key: &[u8]) -> Result<bool, StoreError> {
    let Some(copy) = tx.read::<CopyRow>(Table::Mailbox, key)? else { return Ok(false) };
    tx.delete(Table::Mailbox, key.to_vec());
    tx.delete(Table::Expiry, row::expiry_key(copy.expires_at, Mortal::Copy, key));
    let device = row::device_at(key, 0)?;
    let mut counters = row::counters(tx, &device)?;
    counters.waiting = counters.waiting.saturating_sub(1);
    row::set_counters(tx, &device, &counters)?;
    if let Some(from) = &copy.from {
        let share = row::share_key(&device, from);
        let left = counted(tx, &share)?.saturating_sub(1);
        set_counted(tx, share, left)?;
    }
    let left = tx.read::<u64>(Table::Copies, &copy.mail)?.unwrap_or(1).saturating_sub(1);
    if left > 0 {
        tx.write(Table::Copies, copy.mail, &left)?;
    } else {
        tx.delete(Table::Copies, copy.mail.clone());
        tx.delete(Table::Mail, copy.mail);
    }
    Ok(true)
}

fn is_revoked(tx: &Tx<'_>, desk: &Desk, device: &DeviceId) -> Result<bool, StoreError> {
    if !desk.has_revocations() {
        return Ok(false);
    }
    Ok(row::device(tx, device)?.is_some_and(|row| desk.is_revoked(&row.authority, row.serial)))
}

/// Files one copy under the device's next delivery id.
fn file(tx: &mut Tx<'_>, to: &DeviceId, mut copy: CopyRow, mailbox: u64) -> Result<DeliveryId, StoreError> {
    let mut counters = row::counters(tx, to)?;
    copy.from = copy.from.filter(|_| counters.waiting >= counted_from(mailbox));
    if let Some(from) = &copy.from {
        let share = row::share_key(to, from);
        let count = counted(tx, &share)?;
        set_counted(tx, share, count + 1)?;
    }
    counters.last_delivery += 1;
    counters.waiting += 1;
    row::set_counters(tx, to, &counters)?;
    let key = row::numbered_key(to, counters.last_delivery);
    row::expire_at(tx, copy.expires_at, Mortal::Copy, &key);
    tx.write(Table::Mailbox, key, &copy)?;
    Ok(DeliveryId(counters.last_delivery))
}

pub(super) fn push(desk: &mut Desk, device: &DeviceId, hint: PushHint, now: Time) {
    if hint != PushHint::None {
        desk.see(now, || SightEvent::Push { device: *device, hint });
        desk.outputs.push_back(Output::Push { device: *device, hint });
    }
}

/// Tells a device that is logged in: by the envelope itself while it keeps up, else that it has to fetch.
pub(super) fn deliver(desk: &mut Desk, to: &DeviceId, id: DeliveryId, mail: &MailRow) {
    let Some(presence) = desk.online.get_mut(to).filter(|presence| presence.live) else { return };
    if presence.in_flight >= IN_FLIGHT || mail.envelope.len() > DELIVERED_BYTES {
        presence.live = false;
        desk.outputs.push_back(Output::MailWaiting { to: *to });
        return;
    }
    presence.in_flight += 1;
    presence.given = presence.given.max(id);
    desk.outputs.push_back(Output::Deliver { to: *to, delivery: delivery(id, mail.clone()) });
}

fn page(tx: &Tx<'_>, device: &DeviceId, since: DeliveryId, limit: usize, now: Time) -> Result<Page, StoreError> {
    let from = row::numbered_key(device, since.0.saturating_add(1));
    let rows = tx.scan(Table::Mailbox, device.as_bytes(), &from, limit + 1)?;
    let mut page = Page { next: since, more: rows.len() > limit, ..Page::default() };
    let mut bytes = 0;
    for (key, value) in rows.into_iter().take(limit) {
        if bytes >= PAGE_BYTES {
            page.more = true;
            break;
        }
        let copy: CopyRow = super::tx::decode(&value)?;
        page.next = DeliveryId(row::number_of(&key)?);
        if copy.expires_at <= now {
            continue;
        }
        let mail: MailRow = tx.read(Table::Mail, &copy.mail)?.ok_or(StoreError::Corrupt("mail"))?;
        bytes += mail.envelope.len();
        page.deliveries.push(delivery(page.next, mail));
    }
    Ok(page)
}

fn delivery(id: DeliveryId, mail: MailRow) -> Delivery {
    Delivery { id, accepted_at: mail.at, frank: mail.frank, envelope: mail.envelope }
}
