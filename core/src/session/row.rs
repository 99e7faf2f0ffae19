//! The engine's own row of a session, beside what the MLS library keeps.

use serde::{Deserialize, Serialize};

use super::standing::{Doubt, Standing};
use crate::conversation;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::{ConversationId, Hash32, SessionId};
use crate::input::TransmitId;
use crate::intent::{self, Intent};
use crate::limits;
use crate::memory::Effect;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// A session as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    pub id: SessionId,
    pub conversation: ConversationId,
    pub generation: u64,
    pub phase: Phase,
    /// The own commit under way.
    pub pending: Option<TransmitId>,
    /// Zero, or the hash of the refused winner that this epoch's next slot follows.
    pub parent: Hash32,
    /// Refused winners of this epoch.
    pub refused: u8,
    /// When the present epoch began here.
    pub epoch_at: Time,
    /// When this device last renewed its leaf, and what the outbox counted then.
    pub updated_at: Time,
    pub updated_next: u64,
    /// Own commits that changed members lately, and when the last was made.
    pub reconciled: (u32, Time),
    /// The marks of the last epochs.
    pub marks: Standing,
    /// What members seem to have sent and could not be read, oldest first.
    pub doubts: Vec<Doubt>,
}

/// Where a session stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Made here; the relay has not accepted its welcome yet.
    Opening,
    /// In use, or ready to be.
    Live,
    /// Reads only: this store is older than what the relay has seen, or the session is broken.
    Frozen,
}

/// Sessions that one sweep looks at.
const SWEEP_STEP: usize = 16;
/// Rows after which a sweep leaves the rest to the next.
const SWEEP_ROWS: usize = 160;
const SWEEP_CURSOR: &[u8] = b"session sweep";
const FREEZING: &[u8] = b"freezing";

/// No refused winner yet.
pub(crate) const NO_PARENT: Hash32 = Hash32::from_bytes([0; 32]);

pub(crate) fn load(tx: &Tx<'_>, id: SessionId) -> Result<Option<SessionRow>> {
    tx.row(Table::Session, id.as_bytes(), "session")
}

pub(crate) fn store(tx: &Tx<'_>, row: &SessionRow) -> Result<()> {
    tx.put_row(Table::Session, row.id.as_bytes().to_vec(), row)
}

/// Writes a new row and ties it to its conversation.
pub(crate) fn create(tx: &Tx<'_>, row: &SessionRow) -> Result<()> {
    tx.put(Table::SessionIndex, index_key(row.conversation, row.id), Vec::new());
    store(tx, row)
}

/// Takes the row and its tie away; the MLS rows are the group's to delete.
pub(crate) fn remove(tx: &Tx<'_>, row: &SessionRow) {
    tx.delete(Table::SessionIndex, &index_key(row.conversation, row.id));
    tx.delete(Table::Session, row.id.as_bytes());
}

/// Forgets the keys of epochs that ended long ago, in a bounded number of sessions per call; says whether there are more.
pub(crate) fn sweep(ctx: &mut Ctx<'_>) -> Result<bool> {
    let from: Vec<u8> = ctx.tx.row(Table::Meta, SWEEP_CURSOR, "sweep cursor")?.unwrap_or_default();
    let rows = ctx.tx.scan(Table::Session, KeyRange { from: &from, to: &[] }, Direction::Forward, SWEEP_STEP)?;
    let next = match rows.last() {
        Some((key, _)) if rows.len() == SWEEP_STEP => [key.as_slice(), &[0]].concat(),
        _ => Vec::new(),
    };
    for (key, bytes) in rows {
        let session: SessionRow = crate::codec::decode_row(&bytes, "session")?;
        if ctx.tx.rows() > SWEEP_ROWS {
            ctx.tx.put_row(Table::Meta, SWEEP_CURSOR.to_vec(), &key)?;
            return Ok(true);
        }
        if ctx.now.since(session.epoch_at) >= limits::PAST_EPOCH_AGE {
            ctx.with_group(session.id, |group, provider, _| group.keep_past_epochs(provider, 0))?;
        }
    }
    ctx.tx.put_row(Table::Meta, SWEEP_CURSOR.to_vec(), &next)?;
    Ok(!next.is_empty())
}

/// This store is older than what the relay has seen: no session of it may encrypt again. [`freeze_some`] does it, and
/// nothing is encrypted before it is done.
pub(crate) fn freeze_all(ctx: &mut Ctx<'_>) {
    ctx.tx.put(Table::Meta, FREEZING.to_vec(), Vec::new());
    ctx.tx.effect(Effect::Freezing(true));
}

/// Whether sessions are being frozen, for a start.
pub(crate) fn is_freezing(tx: &Tx<'_>) -> Result<bool> {
    Ok(tx.get(Table::Meta, FREEZING)?.is_some())
}

/// Freezes a bounded number of sessions, and wants others in their place.
pub(crate) fn freeze_some(ctx: &mut Ctx<'_>) -> Result<()> {
    let from = ctx.tx.get(Table::Meta, FREEZING)?.map(|key| key.to_vec()).unwrap_or_default();
    let rows = ctx.tx.scan(Table::Session, KeyRange { from: &from, to: &[] }, Direction::Forward, SWEEP_STEP)?;
    match rows.last() {
        Some((key, _)) => ctx.tx.put(Table::Meta, FREEZING.to_vec(), [key.as_slice(), &[0]].concat()),
        None => {
            ctx.tx.delete(Table::Meta, FREEZING);
            ctx.tx.effect(Effect::Freezing(false));
        }
    }
    for (_, bytes) in rows {
        freeze(ctx, crate::codec::decode_row(&bytes, "session")?)?;
    }
    Ok(())
}

fn freeze(ctx: &mut Ctx<'_>, mut session: SessionRow) -> Result<()> {
    session.phase = Phase::Frozen;
    session.pending = None;
    store(&ctx.tx, &session)?;
    let mut conversation = conversation::require(&ctx.tx, session.conversation)?;
    if conversation.state == conversation::State::Denied {
        return Ok(());
    }
    conversation.session = None;
    conversation.state = conversation::State::Starting;
    conversation::store(&mut ctx.tx, &conversation)?;
    intent::want(ctx, session.conversation, Intent::Open, ctx.now)
}

/// The sessions of a conversation.
pub(crate) fn of_conversation(tx: &Tx<'_>, conversation: ConversationId) -> Result<Vec<SessionRow>> {
    let keys = tx.scan_prefix(Table::SessionIndex, conversation.as_bytes(), 16)?;
    let mut sessions = Vec::with_capacity(keys.len());
    for (key, _) in keys {
        let id = key.get(16..).and_then(SessionId::from_slice);
        if let Some(id) = id
            && let Some(row) = load(tx, id)?
        {
            sessions.push(row);
        }
    }
    Ok(sessions)
}

fn index_key(conversation: ConversationId, session: SessionId) -> Vec<u8> {
    [&conversation.as_bytes()[..], session.as_bytes()].concat()
}
