//! Envelopes that wait for what they lack: an epoch, or a welcome. Bounded per sending device and session; a flood
//! evicts its own first, and commits have places of their own.

use serde::{Deserialize, Serialize};

use super::{Verdict, dedup, take};
use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind};
use crate::error::{Error, Result, StoreError};
use crate::id::{DeviceId, EnvelopeId, Hash32, SessionId, UserId};
use crate::input::{Delivery, DeliveryId};
use crate::limits;
use crate::member;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// Classes of parked envelopes.
const COMMITS: u8 = 0;
const OTHERS: u8 = 1;
/// Rows that one mutation takes away: each may be long.
const GONE_STEP: usize = 4;

#[derive(Serialize, Deserialize)]
struct ParkedRow {
    session: SessionId,
    delivery: u64,
    accepted_at: Time,
    frank: Option<Hash32>,
    parked_at: Time,
    #[serde(with = "serde_bytes")]
    envelope: Vec<u8>,
}

/// Keeps an envelope until it can be taken in.
pub(super) fn park(ctx: &mut Ctx<'_>, envelope: &Envelope, delivery: &Delivery) -> Result<()> {
    let prefix = prefix(envelope);
    let waiting = ctx.tx.scan_prefix(Table::Parked, &prefix, limits::PARKED + 1)?;
    let mut bytes: usize = waiting.iter().map(|(_, row)| row.len()).sum::<usize>() + delivery.envelope.len();
    let mut count = waiting.len() + 1;
    for (key, row) in &waiting {
        if count <= limits::PARKED && bytes <= limits::PARKED_BYTES {
            break;
        }
        ctx.tx.delete(Table::Parked, key);
        count -= 1;
        bytes -= row.len();
    }
    if bytes > limits::PARKED_BYTES {
        return Ok(());
    }
    let next = waiting.last().and_then(|(key, _)| number(key)).map_or(0, |n| n + 1);
    let row = ParkedRow {
        session: envelope.tag,
        delivery: delivery.id.0,
        accepted_at: delivery.accepted_at,
        frank: delivery.frank,
        parked_at: ctx.now,
        envelope: delivery.envelope.clone(),
    };
    ctx.tx.put_row(Table::Parked, [prefix, next.to_be_bytes().to_vec()].concat(), &row)
}

/// Tries one parked envelope of a session again, the one behind `after`. Returns its key, or `None` at the end.
/// The caller drops the mutation on a refusal and calls [`retry`] with `give_up`.
pub(crate) fn retry(
    ctx: &mut Ctx<'_>,
    session: SessionId,
    after: Option<&[u8]>,
    give_up: bool,
) -> Result<Option<(Vec<u8>, Verdict)>> {
    let from = after.map_or_else(|| session.as_bytes().to_vec(), |key| [key, &[0]].concat());
    let rows = ctx.tx.scan(Table::Parked, KeyRange { from: &from, to: &[] }, Direction::Forward, 1)?;
    let Some((key, bytes)) = rows.into_iter().next().filter(|(key, _)| key.starts_with(session.as_bytes())) else {
        return Ok(None);
    };
    let row: ParkedRow = crate::codec::decode_row(&bytes, "parked")?;
    if give_up || ctx.now.since(row.parked_at) > limits::PARKED_AGE {
        ctx.tx.delete(Table::Parked, &key);
        return Ok(Some((key, Verdict::Repeat)));
    }
    let envelope = Envelope::decode(&row.envelope).map_err(|_| Error::Store(StoreError::Corrupt("parked")))?;
    let delivery = Delivery {
        id: DeliveryId(row.delivery),
        accepted_at: row.accepted_at,
        frank: row.frank,
        envelope: row.envelope,
    };
    let verdict = take(ctx, &envelope, &delivery)?;
    if !matches!(verdict, Verdict::Park) {
        ctx.tx.delete(Table::Parked, &key);
    }
    Ok(Some((key, verdict)))
}

/// Whether something that a device sent for a session waits, and not for too long already.
pub(super) fn waits(ctx: &Ctx<'_>, session: SessionId, device: DeviceId) -> Result<bool> {
    let rows = ctx.tx.scan_prefix(Table::Parked, &prefix_of(session, OTHERS, device), limits::PARKED + 1)?;
    for (_, bytes) in rows {
        let row: ParkedRow = crate::codec::decode_row(&bytes, "parked")?;
        if ctx.now.since(row.parked_at) <= limits::PARKED_AGE {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whom a device talks with under a tag, besides this user: itself, or for another device of this user whom it
/// addresses. Nothing but a hint, for headers prove nothing.
pub(super) fn other_user(ctx: &Ctx<'_>, session: SessionId, device: DeviceId) -> Result<Option<UserId>> {
    let rows = ctx.tx.scan_prefix(Table::Parked, &prefix_of(session, OTHERS, device), 1)?;
    let mut company = vec![device];
    if let Some((_, bytes)) = rows.first() {
        let row: ParkedRow = crate::codec::decode_row(bytes, "parked")?;
        let envelope = Envelope::decode(&row.envelope).map_err(|_| Error::Store(StoreError::Corrupt("parked")))?;
        company.extend(envelope.recipients);
    }
    for device in company {
        let user = member::newest(&ctx.tx, device)?.map(|certificate| certificate.user().clone());
        if let Some(user) = user.filter(|user| *user != ctx.account.user) {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// What is to be asked for elsewhere.
pub(super) struct Lacking {
    /// Messages that were not asked for in that session yet, and when the relay accepted them.
    pub messages: Vec<(EnvelopeId, Time)>,
    /// When the relay accepted the newest of all that waits.
    pub newest: Time,
}

/// What a device sent for a session whose keys may never come, and which `elsewhere` was not asked for yet; it goes on
/// waiting, for `elsewhere` may be no better. Some of what came again meanwhile goes.
pub(super) fn lacking(ctx: &Ctx<'_>, session: SessionId, device: DeviceId, elsewhere: SessionId) -> Result<Lacking> {
    let mut lacking = Lacking { messages: Vec::new(), newest: Time::ZERO };
    let mut gone = 0;
    let prefix = prefix_of(session, OTHERS, device);
    for (key, bytes) in ctx.tx.scan_prefix(Table::Parked, &prefix, limits::PARKED + 1)? {
        let row: ParkedRow = crate::codec::decode_row(&bytes, "parked")?;
        let envelope = Envelope::decode(&row.envelope).map_err(|_| Error::Store(StoreError::Corrupt("parked")))?;
        if dedup::came_again(ctx, device, envelope.id)? {
            if gone < GONE_STEP {
                ctx.tx.delete(Table::Parked, &key);
                gone += 1;
            }
            continue;
        }
        lacking.newest = lacking.newest.max(row.accepted_at);
        if envelope.kind == EnvelopeKind::Message && dedup::note_asked(ctx, device, envelope.id, elsewhere)? {
            lacking.messages.push((envelope.id, row.accepted_at));
        }
    }
    Ok(lacking)
}

/// Sessions with parked envelopes, for a start.
pub(crate) fn sessions(tx: &Tx<'_>) -> Result<Vec<SessionId>> {
    let mut sessions = Vec::new();
    let mut from = Vec::new();
    loop {
        let rows = tx.scan(Table::Parked, KeyRange { from: &from, to: &[] }, Direction::Forward, 1)?;
        let Some(session) = rows.first().and_then(|(key, _)| key.get(..16)).and_then(SessionId::from_slice) else {
            return Ok(sessions);
        };
        sessions.push(session);
        from = [session.as_bytes().as_slice(), &[0xff; 40]].concat();
    }
}

/// session · class and device: commits are counted apart.
fn prefix(envelope: &Envelope) -> Vec<u8> {
    let class = if envelope.kind == EnvelopeKind::Commit { COMMITS } else { OTHERS };
    prefix_of(envelope.tag, class, envelope.sender)
}

fn prefix_of(session: SessionId, class: u8, device: DeviceId) -> Vec<u8> {
    [session.as_bytes().as_slice(), &[class], device.as_bytes()].concat()
}

fn number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(33..41)?.try_into().ok()?))
}
