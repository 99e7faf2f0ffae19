//! Signals that wait to be encrypted: ahead of all messages, and not beyond their time.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::row::{self, CallRow, Part};
use super::signal::{Signal, Word};
use crate::codec;
use crate::ctx::Ctx;
use crate::error::{Error, Misuse, Result};
use crate::id::{CallId, ConversationId, SessionId};
use crate::limits;
use crate::memory::Effect;
use crate::store::Table;
use crate::time::Time;
use crate::tx::Tx;

/// Signals that one mutation encrypts.
const STEP: usize = 4;

/// A signal that waits.
#[derive(Serialize, Deserialize)]
struct Waiting {
    body: ByteBuf,
    /// Until when it is of use; `None` for what must arrive.
    until: Option<Time>,
    rings: bool,
}

/// A signal to be encrypted now.
pub(crate) struct Outgoing {
    pub call: CallId,
    pub body: Vec<u8>,
    /// How long it is of use from now on; `None` for what must arrive.
    pub lasts: Option<u64>,
    /// Whether it makes phones ring.
    pub rings: bool,
}

/// Queues a signal. The caller stores the row.
pub(super) fn push(ctx: &mut Ctx<'_>, call: CallId, row: &mut CallRow, word: Word, until: Option<Time>) -> Result<()> {
    let rings = matches!(word, Word::Offer { .. });
    let body = Signal { call, word }.encode()?;
    let bytes = body.len();
    // What must arrive always has its place.
    if until.is_some() && !row.said.has_room(bytes) {
        return Err(Error::Misuse(Misuse::TooLarge { what: "what waits to be sent", limit: limits::CALL_BATCHES }));
    }
    let waiting = Waiting { body: body.into(), until, rings };
    row::put_part(ctx, call, Part::Said, row.said.next, codec::encode(&waiting)?);
    row.said.next = row.said.next.wrapping_add(1);
    row.said.waiting += 1;
    row.said.bytes += bytes as u64;
    ctx.tx.effect(Effect::Signals(row.conversation, true));
    ctx.busy(row.conversation);
    Ok(())
}

/// Drops what is of no use any more once the call is over here: all but what tells the others so. Says whether its offer
/// was among that, so that nobody has heard of it. The caller stores the row.
pub(super) fn drop_talk(ctx: &mut Ctx<'_>, call: CallId, row: &mut CallRow) -> Result<bool> {
    let waiting = read(&ctx.tx, call)?;
    let unheard = waiting.iter().any(|(_, signal)| signal.rings);
    for (key, signal) in waiting {
        let word = Signal::decode(&signal.body).map_err(|_| Error::Bug("call.queue"))?.word;
        let tells = match word {
            Word::Offer { .. } | Word::Answer { .. } | Word::Payloads(_) | Word::Taken(_) => false,
            Word::Decline | Word::Busy | Word::End { .. } => true,
        };
        if unheard || !tells {
            take(ctx, row, &key, &signal);
        }
    }
    Ok(unheard)
}

/// The next signals of a conversation, at most a few; and whether there are more. What has had its time is dropped.
pub(crate) fn take_some(ctx: &mut Ctx<'_>, conversation: ConversationId) -> Result<(Vec<Outgoing>, bool)> {
    let mut outgoing = Vec::new();
    for (call, before) in row::at_work(&ctx.tx)? {
        if before.conversation != conversation || before.said.waiting == 0 {
            continue;
        }
        let mut row = before.clone();
        for (key, signal) in read(&ctx.tx, call)? {
            if outgoing.len() == STEP {
                row::store(ctx, call, Some(&before), row)?;
                return Ok((outgoing, true));
            }
            take(ctx, &mut row, &key, &signal);
            if signal.until.is_none_or(|until| until > ctx.now) {
                let lasts = signal.until.map(|until| until.since(ctx.now).min(limits::RING));
                outgoing.push(Outgoing { call, body: signal.body.into_vec(), lasts, rings: signal.rings });
            }
        }
        row::store(ctx, call, Some(&before), row)?;
    }
    ctx.tx.effect(Effect::Signals(conversation, false));
    Ok((outgoing, false))
}

/// An offer went out in this session: the media key hangs on it.
pub(crate) fn note_offered(ctx: &mut Ctx<'_>, call: CallId, session: SessionId) -> Result<()> {
    let Some(before) = row::load(&ctx.tx, call)? else { return Ok(()) };
    let mut row = before.clone();
    if let Some(facts) = &mut row.facts {
        facts.session = Some(session);
    }
    row::store(ctx, call, Some(&before), row)
}

/// Conversations with signals that wait, for a start.
pub(crate) fn conversations(tx: &Tx<'_>) -> Result<Vec<ConversationId>> {
    let waiting = row::at_work(tx)?.into_iter().filter(|(_, row)| row.said.waiting > 0);
    Ok(waiting.map(|(_, row)| row.conversation).collect())
}

fn read(tx: &Tx<'_>, call: CallId) -> Result<Vec<(Vec<u8>, Waiting)>> {
    let rows = row::parts(tx, call, Part::Said)?;
    rows.into_iter().map(|(key, bytes)| Ok((key, codec::decode_row(&bytes, "call signal")?))).collect()
}

fn take(ctx: &Ctx<'_>, row: &mut CallRow, key: &[u8], signal: &Waiting) {
    ctx.tx.delete(Table::Call, key);
    row.said.waiting = row.said.waiting.saturating_sub(1);
    row.said.bytes = row.said.bytes.saturating_sub(signal.body.len() as u64);
}
