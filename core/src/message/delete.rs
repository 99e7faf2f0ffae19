//! Deleting a message, for everyone or here.

use super::{Body, MessageRow, find, load, withdraw_edit};
use crate::act::{self, Received, Taken};
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Kind, MessageRef};
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::id::{ConversationId, UserId};
use crate::member;
use crate::outbox;
use crate::policy::{Action, Decision, Role};

/// This user deletes a message for everyone: an own one, or another's by a right that the rules give. One that never left
/// is only taken out of the queue.
pub(crate) fn delete_for_everyone(ctx: &mut Ctx<'_>, conversation: ConversationId, target: &MessageRef) -> Result<()> {
    if find(&ctx.tx, conversation, &target.author, target.id)?.is_none() {
        return Err(Error::Misuse(Misuse::UnknownMessage));
    }
    may_delete(ctx, &ctx.account.user, ctx.account.role()?, &target.author)?;
    let message = take_away(ctx, conversation, target)?.ok_or(Error::Misuse(Misuse::UnknownMessage))?;
    withdraw_edit(ctx, &message);
    if message.own && message.envelope.is_none() {
        outbox::cancel(ctx, conversation, target.id)?;
        return Ok(());
    }
    let mut row = conversation::require(&ctx.tx, conversation)?;
    act::perform(ctx, &mut row, act::Draft::new(Kind::DELETE, Some(target.clone()), Vec::new()))?;
    conversation::store(&mut ctx.tx, &row)
}

/// Whether a user in a role may delete a message of an author for everyone.
fn may_delete(ctx: &Ctx<'_>, user: &UserId, role: &Role, author: &UserId) -> Result<()> {
    if user == author {
        return Ok(());
    }
    let decision = match member::role_of(ctx, author)? {
        Some(author) => ctx.config.policy.decide(role, Action::DeleteOthers, &author),
        None => return Err(Error::Misuse(Misuse::UnknownUser)),
    };
    match decision {
        Decision::Allow => Ok(()),
        Decision::Deny(reason) => Err(Error::Denied(reason)),
    }
}

/// This user deletes a message on this device only.
pub(crate) fn delete_here(ctx: &mut Ctx<'_>, conversation: ConversationId, target: &MessageRef) -> Result<()> {
    let message = take_away(ctx, conversation, target)?.ok_or(Error::Misuse(Misuse::UnknownMessage))?;
    if message.own && message.envelope.is_none() {
        outbox::cancel(ctx, conversation, target.id)?;
    }
    Ok(())
}

/// A member deleted a message for everyone: its own, or another's by a right that the rules give.
pub(crate) fn deleted(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let target = act.target.filter(|_| act.body.is_empty()).ok_or(PeerFault::Malformed("deletion"))?;
    match may_delete(ctx, act.author, act.role, &target.author) {
        Ok(()) => {}
        Err(Error::Denied(_) | Error::Misuse(Misuse::UnknownUser)) => return Err(PeerFault::Forbidden.into()),
        Err(error) => return Err(error),
    }
    if is_note(ctx, act.conversation, target)? {
        // It is this engine's own, and says what somebody would rather not have said.
        return Err(PeerFault::Forbidden.into());
    }
    Ok(match take_away(ctx, act.conversation, target)? {
        Some(message) => {
            withdraw_edit(ctx, &message);
            Taken::Done
        }
        None => Taken::Early,
    })
}

/// Whether it is a line of what happened here.
fn is_note(ctx: &Ctx<'_>, conversation: ConversationId, target: &MessageRef) -> Result<bool> {
    let Some(place) = find(&ctx.tx, conversation, &target.author, target.id)? else { return Ok(false) };
    Ok(load(&ctx.tx, conversation, place)?.is_some_and(|row| matches!(row.body, Body::System(_))))
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
