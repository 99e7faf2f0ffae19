//! Who reacts when a message comes, changes or goes: one list, in order. What a reaction changes is reacted to as well.

use crate::attachment;
use crate::call;
use crate::change::{Change, Reader};
use crate::ctx::Ctx;
use crate::erase;
use crate::error::Result;
use crate::expiry;
use crate::fallback;
use crate::gone;
use crate::limits;
use crate::message;
use crate::search;
use crate::typing;

/// Lets every feature do what follows from what this mutation has done.
pub(super) fn react(ctx: &mut Ctx<'_>) -> Result<()> {
    let mut noticed = Vec::new();
    while let Some(change) = ctx.tx.next_change() {
        match change {
            Change::Added(conversation, place, message) => {
                search::added(ctx, conversation, place, &message)?;
                call::added(ctx, conversation, place, &message)?;
                typing::added(ctx, conversation, &message);
                // Who writes has looked; what this engine notes by itself was never accepted.
                if let Some(accepted) = message.accepted.filter(|_| !message.own) {
                    fallback::seen(ctx, conversation, accepted)?;
                }
            }
            Change::Moved(conversation, from, to, message) => search::moved(ctx, conversation, from, to, &message)?,
            Change::Sent(conversation, place, message) => fallback::sent(ctx, conversation, place, &message)?,
            Change::Read(conversation, place, message, Reader::Here) => {
                let notice = expiry::read(ctx, conversation, place, &message)?;
                noticed.extend(notice.map(|target| (conversation, target)));
            }
            Change::Read(_conversation, _place, _message, Reader::Elsewhere) => {}
            Change::Read(conversation, place, message, Reader::Member) => {
                fallback::seen(ctx, conversation, message.accepted.unwrap_or(place.at))?;
            }
            Change::Touched(conversation, accepted) => fallback::seen(ctx, conversation, accepted)?,
            Change::Edited(conversation, place, before, message) => {
                search::removed(ctx, conversation, place, &before)?;
                search::added(ctx, conversation, place, &message)?;
                erase::soon(ctx)?;
            }
            Change::Removed(conversation, place, message) => {
                gone::note(ctx, conversation, place, &message)?;
                message::forget_edit(ctx, &message)?;
                erase::soon(ctx)?;
                attachment::removed(ctx, conversation, place, &message);
                search::removed(ctx, conversation, place, &message)?;
                call::removed(ctx, conversation, place, &message)?;
                fallback::removed(ctx, conversation, place)?;
            }
        }
    }
    for same in noticed.chunk_by(|a, b| a.0 == b.0) {
        for some in same.chunks(limits::NOTICE) {
            expiry::tell(ctx, some[0].0, some.iter().map(|(_, target)| target.clone()).collect())?;
        }
    }
    Ok(())
}
