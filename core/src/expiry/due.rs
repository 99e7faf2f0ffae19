//! Deletes what is due, a bounded step at a time.

use std::collections::BTreeMap;

use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::gone;
use crate::id::ConversationId;
use crate::limits;
use crate::message::{self, MessageKey};
use crate::store::{Direction, KeyRange, Table, Vault};
use crate::time::Time;
use crate::tx::Tx;

/// Messages that one step deletes, if they go together: each takes some ten rows, more with what is made of it.
pub(crate) const TOGETHER: usize = 12;

/// One step: deletes so many messages that went by `until`; says whether there may be more.
pub(crate) fn sweep(ctx: &mut Ctx<'_>, until: Time, most: usize) -> Result<bool> {
    let due = ctx.tx.scan(Table::Expiry, up_to(until).range(), Direction::Forward, most)?;
    let mut conversations: BTreeMap<ConversationId, ConversationRow> = BTreeMap::new();
    let mut weight = 0;
    for (key, bytes) in &due {
        let (id, place): (ConversationId, MessageKey) = crate::codec::decode_row(bytes, "expiry")?;
        ctx.tx.delete(Table::Expiry, key);
        if message::load(&ctx.tx, id, place)?.is_none() {
            continue;
        }
        let mut row = match conversations.remove(&id) {
            Some(row) => row,
            None => conversation::require(&ctx.tx, id)?,
        };
        let message = conversation::removed(ctx, &mut row, place)?;
        message::withdraw_edit(ctx, &message);
        if message.unread {
            row.missed = row.missed.saturating_add(1);
            gone::note_missed(ctx, id, place.id, &message)?;
        }
        conversations.insert(id, row);
        weight += message.weight();
        if ctx.tx.rows() + weight > limits::BATCH / 2 {
            store_all(ctx, conversations)?;
            return Ok(true);
        }
    }
    store_all(ctx, conversations)?;
    Ok(due.len() == most)
}

fn store_all(ctx: &mut Ctx<'_>, rows: BTreeMap<ConversationId, ConversationRow>) -> Result<()> {
    rows.values().try_for_each(|row| conversation::store(&mut ctx.tx, row))
}

/// Whether something went by `until` and is not deleted yet.
pub(crate) fn waiting(tx: &Tx<'_>, until: Time) -> Result<bool> {
    Ok(!tx.scan(Table::Expiry, up_to(until).range(), Direction::Forward, 1)?.is_empty())
}

/// Whether something goes after `from`, and by `until`.
pub(crate) fn any_between(vault: &Vault, from: Time, until: Time) -> Result<bool> {
    let range = KeyRange { from: &after(from), to: &after(until) };
    Ok(!vault.scan(Table::Expiry, range, Direction::Forward, 1)?.is_empty())
}

/// When something is next to be deleted or to become invisible: what may be deleted by now (`until`) is due at once, what
/// only waits for a relay's word has no deadline.
pub(crate) fn deadline(vault: &Vault, until: Time, hidden: Time) -> Result<Option<Time>> {
    let first = |range: KeyRange<'_>| -> Result<Option<Time>> {
        let rows = vault.scan(Table::Expiry, range, Direction::Forward, 1)?;
        Ok(rows.first().and_then(|(key, _)| instant_of(key)))
    };
    match first(KeyRange { from: &[], to: &[] })? {
        Some(at) if at > until && at <= hidden => first(KeyRange { from: &after(hidden), to: &[] }),
        first => Ok(first),
    }
}

fn instant_of(key: &[u8]) -> Option<Time> {
    Some(Time::from_ms(u64::from_be_bytes(key.get(..8)?.try_into().ok()?)))
}

fn after(time: Time) -> [u8; 8] {
    time.plus(1).as_ms().to_be_bytes()
}

/// The keys of all that went by a time.
struct UpTo([u8; 8]);

fn up_to(time: Time) -> UpTo {
    UpTo(after(time))
}

impl UpTo {
    fn range(&self) -> KeyRange<'_> {
        KeyRange { from: &[], to: &self.0 }
    }
}

#[cfg(test)]
mod tests {
    //! R25.

    use super::TOGETHER as STEP;
    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, enrolled, put, vault};
    use crate::id::{DeviceId, MessageId, UserId};
    use crate::message::{Body, MessageRow};
    use crate::time::{HOUR, MINUTE};

    /// Ann's engine with so many unread texts of Bea's, of so many bytes, that go one millisecond after the other from
    /// `NOW` on.
    fn going(texts: u64, bytes: usize) -> (Engine, ConversationId) {
        let mut engine = enrolled("ann");
        let bea = UserId::new("bea").unwrap();
        let talk = engine.conversations().start(&bea, NOW).unwrap();
        for number in 0..texts {
            let wide = [number.to_be_bytes(), [7; 8]].concat();
            let at = NOW.minus(MINUTE).plus(number);
            let device = DeviceId::from_slice(&wide).unwrap();
            let place = MessageKey { at, device, id: MessageId::from_slice(&wide).unwrap() };
            let text = Body::Text("x".repeat(bytes));
            let message = MessageRow { period: 1, unread: true, ..MessageRow::new(bea.clone(), at, text) };
            put(&mut engine, talk, place, &message, NOW.minus(HOUR));
        }
        (engine, talk)
    }

    /// Steps until nothing is left: what each one said, and how many were left behind it.
    fn steps(texts: u64, bytes: usize) -> Vec<(bool, usize)> {
        let (mut engine, talk) = going(texts, bytes);
        let mut steps = Vec::new();
        while steps.last().is_none_or(|(more, _)| *more) && steps.len() < 4 {
            let more = engine.mutate(NOW.minus(HOUR), |ctx| sweep(ctx, NOW.plus(HOUR), STEP)).unwrap();
            let tx = engine.read().unwrap();
            let left = tx.scan_prefix(Table::Message, talk.as_bytes(), usize::MAX).unwrap().len();
            assert_eq!(conversation::require(&tx, talk).unwrap().missed as usize, texts as usize - left);
            steps.push((more, left));
        }
        steps
    }

    #[test]
    fn r25_a_step_deletes_so_many_and_says_whether_there_may_be_more() {
        let step = STEP as u64;
        assert_eq!(steps(step - 1, 10), [(false, 0)]);
        assert_eq!(steps(step, 10), [(true, 0), (false, 0)]);
        assert_eq!(steps(step + 1, 10), [(true, 1), (false, 0)]);
    }

    #[test]
    fn r25_a_step_deletes_fewer_that_are_long() {
        let steps = steps(STEP as u64, 40 * limits::STORE_VALUE);
        assert_eq!(steps, [(true, 7), (true, 2), (false, 0)]);
    }

    #[test]
    fn r25_what_went_at_an_instant_waits_from_that_instant_on() {
        let (engine, _) = going(1, 10);
        let tx = engine.read().unwrap();
        assert_eq!(waiting(&tx, NOW.minus(1)), Ok(false));
        assert_eq!(waiting(&tx, NOW), Ok(true));
    }

    #[test]
    fn r25_the_next_deadline_passes_over_what_is_hidden_and_waits_for_the_relays_word() {
        let (engine, _) = going(3, 10);
        let next = |until, hidden| deadline(vault(&engine), until, hidden).unwrap();
        let before = NOW.minus(1);
        assert_eq!(next(NOW, NOW.plus(1)), Some(NOW), "it may be deleted now");
        assert_eq!(next(before, NOW), Some(NOW.plus(1)));
        assert_eq!(next(before, NOW.plus(1)), Some(NOW.plus(2)));
        assert_eq!(next(before, NOW.plus(2)), None, "all of it is hidden");
        assert_eq!(next(before, before), Some(NOW), "nothing is");
    }
}
