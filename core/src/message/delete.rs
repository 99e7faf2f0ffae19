//! Deleting a message, for everyone or here.

use super::{MessageRow, find, load};
use crate::act::{self, Received, Taken};
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Kind, MessageRef};
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::id::{ConversationId, MessageId};
use crate::outbox;

/// This user deletes an own message for everyone. One that never left is only taken out of the queue.
pub(crate) fn delete_for_everyone(ctx: &mut Ctx<'_>, conversation: ConversationId, id: MessageId) -> Result<()> {
    let target = MessageRef { author: ctx.account.user.clone(), id };
    let unknown = Error::Misuse(Misuse::UnknownMessage);
    let message = take_away(ctx, conversation, &target)?.ok_or(unknown)?;
    if message.envelope.is_none() {
        outbox::cancel(ctx, conversation, id)?;
        return Ok(());
    }
    let mut row = conversation::require(&ctx.tx, conversation)?;
    act::perform(ctx, &mut row, act::Draft::new(Kind::DELETE, Some(target), Vec::new()))?;
    conversation::store(&mut ctx.tx, &row)
}

/// This user deletes a message on this device only.
pub(crate) fn delete_here(ctx: &mut Ctx<'_>, conversation: ConversationId, target: &MessageRef) -> Result<()> {
    let message = take_away(ctx, conversation, target)?.ok_or(Error::Misuse(Misuse::UnknownMessage))?;
    if message.own && message.envelope.is_none() {
        outbox::cancel(ctx, conversation, target.id)?;
    }
    Ok(())
}

/// A member deleted one of its own messages for everyone.
pub(crate) fn deleted(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let target = act.target.ok_or(PeerFault::Malformed("deletion"))?;
    if target.author != *act.author {
        return Err(PeerFault::Forbidden.into());
    }
    Ok(match take_away(ctx, act.conversation, target)? {
        Some(_) => Taken::Done,
        None => Taken::Early,
    })
}

/// Takes a message away with all that hangs on it; `None` when it is not here.
fn take_away(ctx: &mut Ctx<'_>, conversation: ConversationId, target: &MessageRef) -> Result<Option<MessageRow>> {
    let Some(place) = find(&ctx.tx, conversation, &target.author, target.id)? else { return Ok(None) };
    if load(&ctx.tx, conversation, place)?.is_none() {
        return Ok(None);
    }
    let mut row = conversation::require(&ctx.tx, conversation)?;
    let message = conversation::removed(ctx, &mut row, place)?;
    conversation::store(&mut ctx.tx, &row)?;
    Ok(Some(message))
}
