//! Waiting longer, the more often something had to be done again. Two devices that disagree, or one that is hostile,
//! would else keep each other busy for ever.

use super::row::SessionRow;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::ConversationId;
use crate::limits;
use crate::store::Table;
use crate::time::{HOUR, Time};

/// How often something was done lately, and when last.
pub(super) type Tally = (u32, Time);

/// How often something is done without a pause.
const FREELY: u32 = 3;
/// How long earlier times make the next one wait.
const MEMORY: u64 = HOUR;

/// What had to be done again in a conversation, whatever its session.
#[derive(Clone, Copy)]
pub(super) enum Again {
    /// Opening a session in place of one that was lost.
    Open,
    /// Updating the own leaf after somebody else's commit took the slot.
    Update,
}

/// When this device may change a session's members again.
pub(super) fn may_reconcile_at(session: &SessionRow) -> Time {
    let (times, last) = session.reconciled;
    if times < FREELY { Time::ZERO } else { last.plus(pause(times)) }
}

/// Notes that this device is about to change a session's members.
pub(super) fn note_reconciled(ctx: &Ctx<'_>, session: &mut SessionRow) {
    session.reconciled = counted(session.reconciled, ctx.now);
}

/// Counts something that is to be done again, and says when it may be.
pub(super) fn again(ctx: &Ctx<'_>, conversation: ConversationId, what: Again) -> Result<Time> {
    let label: &[u8] = match what {
        Again::Open => b"open again",
        Again::Update => b"update again",
    };
    let key = [label, conversation.as_bytes()].concat();
    let before = ctx.tx.row::<Tally>(Table::Meta, &key, "tally")?.unwrap_or((0, Time::ZERO));
    let tally = counted(before, ctx.now);
    ctx.tx.put_row(Table::Meta, key, &tally)?;
    Ok(if tally.0 <= FREELY { ctx.now } else { ctx.now.plus(pause(tally.0)) })
}

fn counted((times, last): Tally, now: Time) -> Tally {
    let times = if now.since(last) > MEMORY { 0 } else { times };
    (times.saturating_add(1), now)
}

fn pause(times: u32) -> u64 {
    limits::RECONCILE_AFTER.saturating_mul(1 << times.min(16)).min(limits::INTENT_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MINUTE;

    #[test]
    fn pauses_grow_to_a_limit_and_are_forgotten() {
        let mut tally = (0, Time::ZERO);
        let mut pauses = Vec::new();
        for n in 0..12 {
            tally = counted(tally, Time::from_ms(n * MINUTE));
            pauses.push(pause(tally.0));
        }
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&limits::INTENT_WAIT));
        assert_eq!(counted(tally, Time::from_ms(12 * MINUTE + 2 * HOUR)).0, 1);
    }
}
