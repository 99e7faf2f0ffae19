//! Making what an input wrote true for all relays, or for none.

use std::collections::BTreeMap;

use serde_bytes::{ByteBuf, Bytes};
use undertone::envelope::Envelope;
use undertone::id::DeviceId;

use super::cell::{Merge, Write};
use super::claim::Claimed;
use super::finish::Finished;
use super::hub::Hub;
use super::place::{Name, Place, counter, hex, inner, place};
use super::record::{Copy, Redo};
use super::view::View;
use crate::logic::row::{self, CopyRow, CounterRow, MailRow};
use crate::logic::tx::decode;
use crate::store::{StoreError, Table};

/// What became of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Committed {
    /// It is true for all.
    Kept,
    /// Others changed something meanwhile: these cells are to be read again, and the input is to be run again.
    Lost(Vec<Name>),
}

impl Hub {
    /// Writes what an input staged. An input without anything to write is true at once.
    pub(super) async fn commit(&self, view: &View) -> Result<Committed, StoreError> {
        self.drop_acknowledged(view);
        match redo(view, &self.random())? {
            Some((name, redo)) => match self.take_in(&name, redo).await? {
                Finished::Kept => Ok(Committed::Kept),
                Finished::Lost => {
                    self.forget(&name).await;
                    Ok(Committed::Lost(view.cells.keys().cloned().chain([name]).collect()))
                }
            },
            None => self.commit_cells(view).await,
        }
    }

    /// One cell after the other, in an order in which a crash between two of them does no harm: what tells and what
    /// keeps from doing twice first, what is handed out or takes effect last.
    async fn commit_cells(&self, view: &View) -> Result<Committed, StoreError> {
        let own = view.own.as_ref().map(counter);
        let mut changed: Vec<_> = view.cells.iter().filter(|(_, held)| held.is_changed()).collect();
        changed.sort_by_key(|(name, _)| rank(name));
        let by = self.random();
        for (name, held) in changed {
            if Some(name) == own.as_ref() {
                let (Some(device), Some(row)) = (&view.own, held.rows.get(Bytes::new(&inner(Table::Counter, b""))))
                else {
                    continue;
                };
                self.count(device, row, None).await?;
            } else if self.write(&Write::new(name, held.next(&by))).await? == Claimed::Lost {
                return Ok(Committed::Lost(vec![name.clone()]));
            }
        }
        Ok(Committed::Kept)
    }

    /// Nobody waits for it: should it not come to pass, the device is given the same again.
    fn drop_acknowledged(&self, view: &View) {
        let gone: Vec<u64> = view
            .staged
            .iter()
            .filter(|op| op.table == Table::Mailbox && op.value.is_none())
            .filter_map(|op| row::number_of(&op.key).ok())
            .collect();
        self.drop_mail(gone);
    }
}

/// Earlier ones may be written and a later one not.
fn rank(name: &Name) -> usize {
    // published, notices, watches, device, pair, sessions of a device, session, users, key packages, counters, whose a file
    // is, files of a user, the rest
    "pnwdagtukcbf".find(|letter| name.key.starts_with(letter)).unwrap_or(usize::MAX)
}

/// What is to be done for a bundle that was accepted, and the name of its record.
fn redo(view: &View, by: &[u8]) -> Result<Option<(Name, Redo)>, StoreError> {
    let mut seen = Vec::new();
    let (mut mails, mut copies) = (BTreeMap::new(), Vec::new());
    let mut sender: Option<DeviceId> = None;
    for op in &view.staged {
        let Some(value) = &op.value else { continue };
        match op.table {
            Table::Seen => {
                sender = Some(row::device_at(&op.key, 0)?);
                let Place::Record(name) = place(op.table, &op.key) else { continue };
                seen.push((name, ByteBuf::from(value.clone())));
            }
            Table::Mail => drop(mails.insert(op.key.clone(), value.clone())),
            Table::Mailbox => copies.push((row::device_at(&op.key, 0)?, decode::<CopyRow>(value)?)),
            _ => {}
        }
    }
    let (Some(sender), Some((name, _))) = (sender, seen.first()) else { return Ok(None) };
    let name = name.clone();
    let (session, slots, merges) = cells(view, &sender, by);
    let row = counted(view, &sender)?;
    let (mails, copies) = posted(mails, copies)?;
    let seen = seen.into_iter().map(|(name, row)| (name.key, row)).collect();
    let by = ByteBuf::from(by);
    Ok(Some((name, Redo { by, session, slots, merges, mails, copies, counter: (sender, row), seen })))
}

/// The next version of the session if it changes who is in it, slots that are won, and what else changes.
fn cells(view: &View, sender: &DeviceId, by: &[u8]) -> (Option<Write>, Vec<Write>, Vec<Merge>) {
    let (mut session, mut slots, mut merges) = (None, Vec::new(), Vec::new());
    for (name, held) in view.cells.iter().filter(|(_, held)| held.is_changed()) {
        let member = inner(Table::TagDevice, b"");
        let joins = || held.rows.keys().any(|key| key.starts_with(&member) && !held.read.cell.rows.contains_key(key));
        match name.key.as_bytes().first() {
            Some(b't') if joins() => session = Some(Write::new(name, held.next(by))),
            Some(b'x') => slots.push(Write::new(name, held.next(by))),
            _ if *name == counter(sender) => {}
            _ => merges.push(Merge::between(name, &held.read.cell.rows, &held.rows)),
        }
    }
    (session, slots, merges)
}

/// The sender's counters, without what is counted by the stream.
fn counted(view: &View, sender: &DeviceId) -> Result<ByteBuf, StoreError> {
    let held = view.cells.get(&counter(sender));
    let row = held.and_then(|held| held.rows.get(Bytes::new(&inner(Table::Counter, b""))));
    let row: CounterRow = row.map(|bytes| decode(bytes)).transpose()?.unwrap_or_default();
    let row = CounterRow { last_delivery: 0, waiting: 0, ..row };
    rmp_serde::to_vec(&row).map(ByteBuf::from).map_err(|_| StoreError::Corrupt("encode"))
}

/// Mails, and copies that name them.
fn posted(
    mails: BTreeMap<Vec<u8>, Vec<u8>>,
    copies: Vec<(DeviceId, CopyRow)>,
) -> Result<(Vec<ByteBuf>, Vec<Copy>), StoreError> {
    let mut about = Vec::with_capacity(mails.len());
    for bytes in mails.values() {
        let mail: MailRow = decode(bytes)?;
        let envelope = Envelope::decode(&mail.envelope).map_err(|_| StoreError::Corrupt("envelope"))?;
        let id = format!("{}{}", hex(envelope.sender.as_bytes()), hex(envelope.id.as_bytes()));
        about.push((id, envelope.push));
    }
    let index: BTreeMap<&Vec<u8>, usize> = mails.keys().enumerate().map(|(index, key)| (key, index)).collect();
    let copy = |(to, copy): (DeviceId, CopyRow)| {
        let mail = *index.get(&copy.mail).ok_or(StoreError::Corrupt("mail"))?;
        let (id, hint) = about.get(mail).ok_or(StoreError::Corrupt("mail"))?;
        let id = format!("{id}{}", hex(to.as_bytes()));
        Ok(Copy { to, mail, expires_at: copy.expires_at.as_ms(), hint: *hint, id })
    };
    let copies = copies.into_iter().map(copy).collect::<Result<Vec<_>, StoreError>>()?;
    Ok((mails.into_values().map(ByteBuf::from).collect(), copies))
}
