//! Messages and calls that were here and have gone. What comes of one later, be it the message itself in another envelope,
//! a receipt, an edit or the caller's word, finds that it is over.

use sha2::{Digest, Sha256};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::{CallId, ConversationId, MessageId, UserId};
use crate::limits;
use crate::message::{Body, MessageKey, MessageRow};
use crate::store::Table;
use crate::time::Time;

const LABEL: &[u8] = b"gone";
const MISSED: &[u8] = b"missed";
const CALL: &[u8] = b"call";
/// After its acceptance a message may come for so long: in its envelope, or asked for once more.
const MAY_COME: u64 = limits::MAILBOX_AGE + limits::PARKED_AGE;

/// Remembers of a message that goes that it was here, for as long as it may come again. A row that stands for what could
/// not be read says nothing about its message.
pub(crate) fn note(ctx: &Ctx<'_>, conversation: ConversationId, place: MessageKey, row: &MessageRow) -> Result<()> {
    if matches!(row.body, Body::Encrypted(_) | Body::System(_)) {
        return Ok(());
    }
    let until: Option<Time> = row.accepted.map(|accepted| accepted.min(ctx.now).plus(MAY_COME));
    match until.filter(|until| *until > ctx.now) {
        Some(until) => ctx.tx.put_row(Table::Seen, key(LABEL, conversation, &row.author, place.id), &until),
        None => Ok(()),
    }
}

/// Remembers a message that came and is never shown, like [`note`].
pub(crate) fn note_unseen(
    ctx: &Ctx<'_>,
    conversation: ConversationId,
    author: &UserId,
    id: MessageId,
    accepted: Time,
) -> Result<()> {
    let until = accepted.min(ctx.now).plus(MAY_COME);
    ctx.tx.put_row(Table::Seen, key(LABEL, conversation, author, id), &until)
}

/// Remembers of a message that goes that it counts as missed: another device of this user may have read it.
pub(crate) fn note_missed(ctx: &Ctx<'_>, conversation: ConversationId, id: MessageId, row: &MessageRow) -> Result<()> {
    let until = ctx.now.plus(MAY_COME);
    ctx.tx.put_row(Table::Seen, key(MISSED, conversation, &row.author, id), &until)
}

/// Whether a message that is not here counts as missed; it does so no longer.
pub(crate) fn take_missed(ctx: &Ctx<'_>, conversation: ConversationId, author: &UserId, id: MessageId) -> Result<bool> {
    let key = key(MISSED, conversation, author, id);
    let missed = ctx.tx.get(Table::Seen, &key)?.is_some();
    if missed {
        ctx.tx.delete(Table::Seen, &key);
    }
    Ok(missed)
}

/// Whether a message that is not here was.
pub(crate) fn is_gone(ctx: &Ctx<'_>, conversation: ConversationId, author: &UserId, id: MessageId) -> Result<bool> {
    Ok(ctx.tx.get(Table::Seen, &key(LABEL, conversation, author, id))?.is_some())
}

/// Remembers of a call that goes that it was here: it was told of then, and its caller's word may be yet to come.
pub(crate) fn note_call(ctx: &Ctx<'_>, call: CallId) -> Result<()> {
    ctx.tx.put_row(Table::Seen, call_key(call), &ctx.now.plus(MAY_COME))
}

/// Whether a call that is not here was.
pub(crate) fn is_call_gone(ctx: &Ctx<'_>, call: CallId) -> Result<bool> {
    Ok(ctx.tx.get(Table::Seen, &call_key(call))?.is_some())
}

fn call_key(call: CallId) -> Vec<u8> {
    Sha256::new().chain_update(LABEL).chain_update(CALL).chain_update(call.as_bytes()).finalize().to_vec()
}

/// Nobody can tell from it which message it was.
fn key(label: &[u8], conversation: ConversationId, author: &UserId, id: MessageId) -> Vec<u8> {
    let parts = [label, conversation.as_bytes(), id.as_bytes(), author.as_str().as_bytes()];
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    //! R25, R33.

    use super::*;
    use crate::engine::testing::{NOW, certified, enrolled};
    use crate::message::Cause;

    const TALK: ConversationId = ConversationId::from_bytes([1; 16]);

    /// For how long it counts that a message went at `NOW`, which was accepted `ago` before.
    fn counts_for(body: Body, ago: Option<u64>) -> Option<u64> {
        let (mut engine, author) = (enrolled("ann"), certified("bea", 1).user().clone());
        let place = MessageKey { at: NOW, device: certified("bea", 1).device(), id: MessageId::from_bytes([2; 16]) };
        let accepted = ago.map(|ago| Time::from_ms(NOW.as_ms() - ago));
        let row = MessageRow { accepted, ..MessageRow::new(author.clone(), NOW, body) };
        engine.mutate(NOW, |ctx| note(ctx, TALK, place, &row)).unwrap();
        let rows = engine.read().unwrap().scan_prefix(Table::Seen, &[], 2).unwrap();
        let other = MessageId::from_bytes([3; 16]);
        let mut is_gone = |id| engine.mutate(NOW, |ctx| is_gone(ctx, TALK, &author, id)).unwrap();
        assert_eq!((is_gone(place.id), is_gone(other)), (!rows.is_empty(), false));
        let until = rows.first().map(|(_, row)| crate::codec::decode_row::<Time>(row, "seen").unwrap());
        until.map(|until| until.since(NOW))
    }

    #[test]
    fn that_a_message_has_gone_counts_for_as_long_as_it_may_come_again() {
        let text = || Body::Text("said".into());
        assert_eq!(counts_for(text(), Some(0)), Some(MAY_COME));
        assert_eq!(counts_for(text(), Some(MAY_COME - 1)), Some(1));
        assert_eq!(counts_for(text(), Some(MAY_COME)), None);
        assert_eq!(counts_for(text(), None), None, "it was never sent");
        assert_eq!(counts_for(Body::Encrypted(Cause::TooOld), Some(0)), None, "its message may come");
    }

    #[test]
    fn that_a_call_has_gone_counts_for_as_long_as_the_message_of_its_end_may_come() {
        let (mut engine, call) = (enrolled("ann"), CallId::from_bytes([1; 16]));
        engine.mutate(NOW, |ctx| note_call(ctx, call)).unwrap();
        let mut is_gone = |call| engine.mutate(NOW, |ctx| is_call_gone(ctx, call)).unwrap();
        assert_eq!((is_gone(call), is_gone(CallId::from_bytes([2; 16]))), (true, false));
        let rows = engine.read().unwrap().scan_prefix(Table::Seen, &[], 2).unwrap();
        let [(_, row)] = rows.as_slice() else { panic!("{} rows", rows.len()) };
        assert_eq!(crate::codec::decode_row::<Time>(row, "seen").unwrap().since(NOW), MAY_COME);
    }
}
