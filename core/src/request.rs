//! Requests to the transport: durable until answered, made again after a failure, a crash or a new connection.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::{Error, Misuse, Result, StoreError};
use crate::id::{ConversationId, SessionId, UserId};
use crate::input::{Answer, RequestId};
use crate::memory::Effect;
use crate::output::{Output, Request};
use crate::store::{Direction, KeyRange, Table};
use crate::{inbox, key_package, outbox, session};

/// What a request is for, and so what its answer means. Two requests for one thing are never under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// What waits in the mailbox.
    Fetch,
    /// Devices and key packages to open a session with.
    Open(ConversationId),
    /// The devices of a conversation's members, to compare with its leaves.
    Compare(ConversationId),
    /// Key packages of devices that are to be added.
    Add(ConversationId),
    /// Our key packages.
    Publish,
    /// The role of a user whom the host asked about.
    Role(UserId),
    /// Who won the slot that this session's epoch is waiting for.
    Slot(SessionId),
    /// That the other member of a conversation is reached by another channel.
    Fallback(ConversationId),
}

#[derive(Serialize, Deserialize)]
struct RequestRow {
    purpose: Purpose,
    request: Request,
    attempts: u32,
}

const COUNTER: &[u8] = b"request";

/// Makes a request, unless one for the same purpose is under way.
pub(crate) fn make(ctx: &mut Ctx<'_>, purpose: Purpose, request: Request) -> Result<()> {
    if all(ctx)?.iter().any(|(_, row)| row.purpose == purpose) {
        return Ok(());
    }
    let number = ctx.tx.row::<u64>(Table::Meta, COUNTER, "request counter")?.unwrap_or(0) + 1;
    ctx.tx.put_row(Table::Meta, COUNTER.to_vec(), &number)?;
    let id = RequestId(number);
    ctx.tx.put_row(Table::Request, key(id), &RequestRow { purpose, request: request.clone(), attempts: 0 })?;
    ctx.tx.effect(Effect::Request(id, Some(None)));
    if ctx.memory.is_up() {
        ctx.tx.output(Output::Request(id, request));
    }
    Ok(())
}

/// Makes a request in place of the one for the same purpose that is under way: an answer to that counts no more.
pub(crate) fn make_anew(ctx: &mut Ctx<'_>, purpose: Purpose, request: Request) -> Result<()> {
    withdraw(ctx, &purpose)?;
    make(ctx, purpose, request)
}

/// Takes the request for a purpose back, if it is under way: it is not made again, and an answer to it counts no more.
pub(crate) fn withdraw(ctx: &mut Ctx<'_>, purpose: &Purpose) -> Result<()> {
    for (id, _) in all(ctx)?.into_iter().filter(|(_, row)| row.purpose == *purpose) {
        ctx.tx.delete(Table::Request, &key(id));
        ctx.tx.effect(Effect::Request(id, None));
    }
    Ok(())
}

/// The request for a purpose that is under way.
pub(crate) fn unanswered(ctx: &Ctx<'_>, purpose: &Purpose) -> Result<Option<Request>> {
    Ok(all(ctx)?.into_iter().find(|(_, row)| row.purpose == *purpose).map(|(_, row)| row.request))
}

/// Makes every unanswered request again: after a start or a new connection. Those that the mailbox may make needless wait
/// for [`mailbox_read`].
pub(crate) fn remake(ctx: &mut Ctx<'_>) -> Result<()> {
    for (id, row) in all(ctx)? {
        match row.purpose {
            Purpose::Fallback(_) => ctx.tx.effect(Effect::Request(id, Some(None))),
            Purpose::Fetch
            | Purpose::Open(_)
            | Purpose::Compare(_)
            | Purpose::Add(_)
            | Purpose::Publish
            | Purpose::Role(_)
            | Purpose::Slot(_) => hand_out(ctx, id, row),
        }
    }
    Ok(())
}

/// The mailbox was read to its end, for the first time over this connection: what waited for that is made again.
pub(crate) fn mailbox_read(ctx: &mut Ctx<'_>) -> Result<()> {
    for (id, row) in all(ctx)? {
        if matches!(row.purpose, Purpose::Fallback(_)) {
            hand_out(ctx, id, row);
        }
    }
    Ok(())
}

/// Makes those again that have waited long enough after a failure.
pub(crate) fn retry_due(ctx: &mut Ctx<'_>) -> Result<()> {
    let now = ctx.now;
    let due: Vec<RequestId> =
        ctx.memory.requests.iter().filter(|(_, at)| at.is_some_and(|at| at <= now)).map(|(id, _)| *id).collect();
    for id in due {
        match load(ctx, id)? {
            Some(row) => hand_out(ctx, id, row),
            None => ctx.tx.effect(Effect::Request(id, None)),
        }
    }
    Ok(())
}

/// Takes an answer. One to a request that was answered before changes nothing.
pub(crate) fn done(ctx: &mut Ctx<'_>, id: RequestId, answer: Answer) -> Result<()> {
    let Some(mut row) = load(ctx, id)? else {
        let last = ctx.tx.row::<u64>(Table::Meta, COUNTER, "request counter")?.unwrap_or(0);
        return if id.0 <= last { Ok(()) } else { Err(Error::Misuse(Misuse::UnknownRequest)) };
    };
    if matches!(answer, Answer::Failed) {
        let wait = outbox::backoff(ctx, row.attempts);
        row.attempts = row.attempts.saturating_add(1);
        ctx.tx.put_row(Table::Request, key(id), &row)?;
        ctx.tx.effect(Effect::Request(id, Some(Some(ctx.now.plus(wait)))));
        return Ok(());
    }
    ctx.tx.delete(Table::Request, &key(id));
    ctx.tx.effect(Effect::Request(id, None));
    match (row.purpose, answer) {
        (Purpose::Fetch, Answer::Fetched { next }) => inbox::fetched(ctx, next),
        (Purpose::Open(conversation), Answer::Directory(users)) => session::opened(ctx, conversation, &users),
        (Purpose::Compare(conversation), Answer::Directory(users)) => session::compared(ctx, conversation, &users),
        (Purpose::Add(conversation), Answer::Directory(users)) => session::add(ctx, conversation, &users),
        (Purpose::Role(_), Answer::Directory(users)) => session::looked_up(ctx, &users),
        (Purpose::Publish, Answer::Published) => key_package::published(ctx),
        (Purpose::Fallback(_), Answer::Notified) => Ok(()),
        (Purpose::Slot(session), Answer::Slot(winner)) => session::slot_found(ctx, session, winner.as_deref()),
        _ => Err(Error::Misuse(Misuse::Answer)),
    }
}

/// The requests that the store knows, for a start.
pub(crate) fn all_ids(tx: &crate::tx::Tx<'_>) -> Result<Vec<RequestId>> {
    let rows = tx.scan(Table::Request, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)?;
    rows.iter().map(|(key, _)| parse_key(key)).collect()
}

fn all(ctx: &Ctx<'_>) -> Result<Vec<(RequestId, RequestRow)>> {
    let rows = ctx.tx.scan(Table::Request, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)?;
    rows.into_iter().map(|(key, bytes)| Ok((parse_key(&key)?, crate::codec::decode_row(&bytes, "request")?))).collect()
}

fn hand_out(ctx: &mut Ctx<'_>, id: RequestId, row: RequestRow) {
    ctx.tx.effect(Effect::Request(id, Some(None)));
    ctx.tx.output(Output::Request(id, row.request));
}

fn load(ctx: &Ctx<'_>, id: RequestId) -> Result<Option<RequestRow>> {
    ctx.tx.row(Table::Request, &key(id), "request")
}

fn key(id: RequestId) -> Vec<u8> {
    id.0.to_be_bytes().to_vec()
}

fn parse_key(key: &[u8]) -> Result<RequestId> {
    let bytes = key.try_into().map_err(|_| Error::Store(StoreError::Corrupt("request")))?;
    Ok(RequestId(u64::from_be_bytes(bytes)))
}
