//! The fallback: whom the host should reach by another channel, such as mail or SMS, because messages of this device stay
//! unread.
//!
//! A row for each conversation holds which messages wait for a reader, the first of them first. A message waits from when
//! the relay has it. It waits no more once it was read, once the other member has said or done something after it, or when
//! it is gone. When the first one has waited for as long as the host has set, the host is asked; then not again until
//! something of what waits was seen.
//!
//! Nothing is asked before the mailbox was read to its end: what waits there may say that all was read.

use serde::{Deserialize, Serialize};

use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::envelope::Kind;
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::limits;
use crate::memory::Effect;
use crate::message::{self, MessageKey, MessageRow};
use crate::output::Request;
use crate::person;
use crate::request::{self, Purpose};
use crate::store::{Direction, KeyRange, Table};
use crate::time::{MINUTE, Time};
use crate::tx::Tx;

/// What waits in a conversation. There is a row only while something does.
#[derive(Serialize, Deserialize)]
struct FallbackRow {
    conversation: ConversationId,
    /// When the relay accepted it, and which message; in this order, at most [`limits::FALLBACK_COUNTED`].
    waiting: Vec<(Time, MessageId)>,
    /// Whether the host was asked since the other member was last seen.
    asked: bool,
}

/// The relay has a message of this device.
pub(crate) fn sent(ctx: &mut Ctx<'_>, id: ConversationId, place: MessageKey, message: &MessageRow) -> Result<()> {
    let Some(accepted) = message.accepted.filter(|_| ctx.config.fallback_after.is_some() && asks_for_reading(message))
    else {
        return Ok(());
    };
    let talk = conversation::require(&ctx.tx, id)?;
    // An answer may have overtaken the relay's word that it has the message.
    if accepted <= talk.seen || other(ctx, &talk)?.is_none() {
        return Ok(());
    }
    let mut row = load(ctx, id)?.unwrap_or(FallbackRow { conversation: id, waiting: Vec::new(), asked: false });
    if row.waiting.len() >= limits::FALLBACK_COUNTED {
        // The newest stands for all behind the last that is counted: something waits until that was seen.
        row.waiting.pop();
    }
    #[cfg(feature = "sabotage")]
    {
        row.asked &= !ctx.config.sabotaged(crate::sabotage::Sabotage::FallbackRepeated);
    }
    let at = row.waiting.partition_point(|known| *known < (accepted, place.id));
    row.waiting.insert(at, (accepted, place.id));
    store(ctx, &row)
}

/// The other member was seen: what the relay had accepted by `until` waits no more.
pub(crate) fn seen(ctx: &mut Ctx<'_>, id: ConversationId, until: Time) -> Result<()> {
    let Some(mut row) = waiting_row(ctx, id)? else { return Ok(()) };
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::ReadAsksForFallback) {
        return Ok(());
    }
    let before = row.waiting.len();
    row.waiting.retain(|(accepted, _)| *accepted > until);
    if row.waiting.len() == before {
        return Ok(());
    }
    row.asked = false;
    request::withdraw(ctx, &Purpose::Fallback(id))?;
    store(ctx, &row)
}

/// A message is gone. That is nobody's sight of the others.
pub(crate) fn removed(ctx: &mut Ctx<'_>, id: ConversationId, place: MessageKey) -> Result<()> {
    let Some(mut row) = waiting_row(ctx, id)? else { return Ok(()) };
    let before = row.waiting.len();
    row.waiting.retain(|(_, message)| *message != place.id);
    if row.waiting.len() == before { Ok(()) } else { store(ctx, &row) }
}

/// This user has blocked another, who is not to hear of anything any more.
pub(crate) fn forget(ctx: &mut Ctx<'_>, user: &UserId) -> Result<()> {
    let id = ConversationId::direct(ctx.config.authority(), &ctx.account.user, user);
    let Some(row) = waiting_row(ctx, id)? else { return Ok(()) };
    store(ctx, &FallbackRow { waiting: Vec::new(), ..row })
}

/// Asks the host, if it is time by what is known of the relay's clock; else says when to look again.
pub(crate) fn ask(ctx: &mut Ctx<'_>, id: ConversationId) -> Result<()> {
    let (Some(mut row), Some(after)) = (load(ctx, id)?, ctx.config.fallback_after) else {
        ctx.tx.effect(Effect::Fallback(id, None));
        return Ok(());
    };
    let (before, first) = (row.waiting.len(), row.waiting.first().copied());
    forget_gone(ctx, &mut row)?;
    let Some((since, message)) = row.waiting.first().copied() else { return store(ctx, &row) };
    let in_time = first == Some((since, message)) && deadline_came(ctx, id);
    let wait = if in_time { 0 } else { still_to_wait(ctx, since, after) };
    if wait > 0 && row.waiting.len() == before {
        ctx.tx.effect(Effect::Fallback(id, Some(ctx.now.plus(wait))));
        return Ok(());
    }
    if wait == 0 {
        match other(ctx, &conversation::require(&ctx.tx, id)?)? {
            Some(user) => {
                let count = row.waiting.len() as u32;
                request::make(ctx, Purpose::Fallback(id), Request::Fallback { conversation: id, user, since, count })?;
                row.asked = true;
            }
            None => row.waiting.clear(),
        }
    }
    store(ctx, &row)
}

/// The conversations in which something waits, and when to look at them, for a start: at once, or not at all when the
/// host was asked already.
pub(crate) fn recall(tx: &Tx<'_>, is_on: bool) -> Result<Vec<(ConversationId, Time)>> {
    let rows = tx.scan(Table::Fallback, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX)?;
    rows.iter()
        .map(|(_, bytes)| {
            let row: FallbackRow = crate::codec::decode_row(bytes, "fallback")?;
            Ok((row.conversation, if is_on && !row.asked { Time::ZERO } else { Time::NEVER }))
        })
        .collect()
}

/// Whether a message is one that somebody should read, and has not.
fn asks_for_reading(message: &MessageRow) -> bool {
    let read = message.read.is_some() || message.recipients.iter().all(|recipient| recipient.read.is_some());
    message.counts && message.kind() != Some(Kind::CALL) && !read
}

/// Whom the host would reach; `None` for who is blocked.
fn other(ctx: &Ctx<'_>, talk: &ConversationRow) -> Result<Option<UserId>> {
    let Some(member) = talk.others.first() else { return Ok(None) };
    Ok((!person::is_blocked(ctx, &member.user)?).then(|| member.user.clone()))
}

/// Drops messages whose time is over though no sweep has come by.
fn forget_gone(ctx: &Ctx<'_>, row: &mut FallbackRow) -> Result<()> {
    let (hidden, mut there) = (ctx.hidden(), Vec::with_capacity(row.waiting.len()));
    for (accepted, id) in row.waiting.drain(..) {
        let Some(place) = message::find(&ctx.tx, row.conversation, &ctx.account.user, id)? else { continue };
        let message = message::load(&ctx.tx, row.conversation, place)?;
        if message.is_some_and(|message| !message.went_by(place, hidden)) {
            there.push((accepted, id));
        }
    }
    row.waiting = there;
    Ok(())
}

/// Whether the deadline of a conversation has come while the clock ran: then so much time has passed, whatever the clock
/// shows. One that only a jump has reached has not come.
fn deadline_came(ctx: &Ctx<'_>, id: ConversationId) -> bool {
    let set = ctx.memory.fallback.get(&id).is_some_and(|at| *at > Time::ZERO && *at <= ctx.now);
    set && ctx.memory.trust.destroys_until(ctx.now) == ctx.now
}

/// Milliseconds until what the relay accepted at `accepted` has waited for `after`. The relay's clock counts, as far as it
/// is known; what only a jump of this device's clock says does not.
fn still_to_wait(ctx: &Ctx<'_>, accepted: Time, after: u64) -> u64 {
    let believed = ctx.memory.trust.destroys_until(ctx.now);
    let relay = ctx.memory.relay_now(believed).max(ctx.memory.relay_clock);
    let wait = after.saturating_sub(relay.since(accepted));
    // A clock that is not believed is looked at now and then, until a relay has said what time it is.
    if wait > 0 && believed < ctx.now { wait.max(MINUTE) } else { wait }
}

/// The row of a conversation in which something waits; memory says where none does.
fn waiting_row(ctx: &Ctx<'_>, id: ConversationId) -> Result<Option<FallbackRow>> {
    if ctx.memory.fallback.contains_key(&id) { load(ctx, id) } else { Ok(None) }
}

fn load(ctx: &Ctx<'_>, id: ConversationId) -> Result<Option<FallbackRow>> {
    ctx.tx.row(Table::Fallback, id.as_bytes(), "fallback")
}

/// Writes what waits; where nothing does any more, nobody is to be reached.
fn store(ctx: &mut Ctx<'_>, row: &FallbackRow) -> Result<()> {
    let id = row.conversation;
    let Some((first, _)) = row.waiting.first() else {
        request::withdraw(ctx, &Purpose::Fallback(id))?;
        ctx.tx.delete(Table::Fallback, id.as_bytes());
        ctx.tx.effect(Effect::Fallback(id, None));
        return Ok(());
    };
    ctx.tx.put_row(Table::Fallback, id.as_bytes().to_vec(), row)?;
    let due = match ctx.config.fallback_after {
        Some(after) if !row.asked => ctx.now.plus(still_to_wait(ctx, *first, after)),
        Some(_) | None => Time::NEVER,
    };
    ctx.tx.effect(Effect::Fallback(id, Some(due)));
    Ok(())
}

#[cfg(test)]
mod tests {
    //! R32.

    use super::*;
    use crate::config::Config;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, authority, enrol, put};
    use crate::id::EnvelopeId;
    use crate::message::Body;
    use crate::store::{HostKey, MemoryDisk, MemoryStore};
    use crate::time::HOUR;

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    /// Ann's engine, which asks after an hour, and her conversation with Bea.
    fn begun() -> (Engine, ConversationId) {
        let config = Config { fallback_after: Some(HOUR), ..Config::new(user("ann"), authority().public_key()) };
        let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let mut engine = Engine::open(config, Box::new(store), &HostKey::from_bytes([2; 32]), [3; 32], NOW).unwrap();
        enrol(&mut engine);
        let talk = engine.conversations().start(&user("bea"), NOW).unwrap();
        (engine, talk)
    }

    /// A message of Ann's, which the relay has accepted.
    fn written(engine: &mut Engine, talk: ConversationId, number: u8, period: i32) {
        let recipients = conversation::require(&engine.read().unwrap(), talk).unwrap().recipients();
        let at = NOW.plus(number.into());
        let place = MessageKey::new(at, None, engine.device(), MessageId::from_bytes([number; 16]));
        let text = MessageRow::new(user("ann"), at, Body::Text("here".into()));
        let envelope = Some(EnvelopeId::from_bytes([number; 16]));
        let message = MessageRow { own: true, counts: true, period, accepted: Some(at), recipients, envelope, ..text };
        put(engine, talk, place, &message, NOW);
        engine.mutate(NOW, |ctx| sent(ctx, talk, place, &message)).unwrap();
    }

    /// What waits when it was asked at an instant, and whether the host was.
    fn asked(engine: &mut Engine, talk: ConversationId, now: Time) -> Option<(Vec<u8>, bool)> {
        let row = engine.mutate(now, |ctx| ask(ctx, talk).and_then(|()| load(ctx, talk))).unwrap();
        row.map(|row| (row.waiting.iter().map(|(_, id)| id.as_bytes()[0]).collect(), row.asked))
    }

    #[test]
    fn what_has_expired_though_no_sweep_has_come_by_waits_for_no_reader() {
        let (mut engine, talk) = begun();
        for (number, period) in [(1, 5), (2, -1), (3, 5)] {
            written(&mut engine, talk, number, period);
        }
        assert_eq!(asked(&mut engine, talk, NOW.plus(4 * MINUTE)), Some((vec![1, 2, 3], false)));
        assert_eq!(asked(&mut engine, talk, NOW.plus(6 * MINUTE)), Some((vec![2], false)));
        assert_eq!(asked(&mut engine, talk, NOW.plus(HOUR + 2)), Some((vec![2], true)));
        let (mut engine, talk) = begun();
        written(&mut engine, talk, 1, 5);
        assert_eq!(asked(&mut engine, talk, NOW.plus(6 * MINUTE)), None, "nobody is to be reached");
    }
}
