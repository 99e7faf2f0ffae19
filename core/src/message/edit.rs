//! Editing: another text for a message that is there. It keeps its place, its period and who has read it.
//!
//! Of several edits, by several devices of the author, the one that was made with the knowledge of most others counts; of
//! two with the same count, the one with the greater id.

use serde::{Deserialize, Serialize};

use super::{Body, MessageKey, MessageRow, find, load, require, store};
use crate::act::{self, Draft, Received, Taken};
use crate::change::Change;
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::decided::Decided;
use crate::envelope::{Kind, MessageRef};
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::event::Event;
use crate::id::{ConversationId, MessageId};
use crate::limits;
use crate::person;
use crate::text;

/// The body of [`Kind::EDIT`].
#[derive(Serialize, Deserialize)]
struct Edit {
    count: u64,
    text: String,
}

/// This user gives an own message another text, which was checked.
pub(crate) fn edit(ctx: &mut Ctx<'_>, id: ConversationId, message: MessageId, text: String) -> Result<()> {
    let (place, row) = require(&ctx.tx, id, &ctx.account.user, message)?;
    match &row.body {
        Body::Text(before) if *before == text => return Ok(()),
        Body::Text(_) => {}
        Body::Attachment(_) | Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => {
            return Err(Error::Misuse(Misuse::State));
        }
    }
    if row.envelope.is_none() {
        // Nobody has seen the other text.
        let edits = row.edits;
        return rewrite(ctx, id, place, row, text, edits);
    }
    let mut conversation = conversation::require(&ctx.tx, id)?;
    let target = MessageRef { author: ctx.account.user.clone(), id: message };
    let count = row.edits.next();
    let body = codec::encode(&Edit { count, text: text.clone() })?;
    let act = act::perform(ctx, &mut conversation, Draft::new(Kind::EDIT, Some(target), body))?;
    conversation::store(&mut ctx.tx, &conversation)?;
    rewrite(ctx, id, place, row, text, Decided(count, act))
}

/// A member has given one of its messages another text.
pub(crate) fn edited(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let target = act.target.ok_or(PeerFault::Malformed("edit"))?;
    if target.author != *act.author {
        return Err(PeerFault::Forbidden.into());
    }
    let Edit { count, text } = codec::decode(act.body, "edit")?;
    if text.len() > limits::TEXT {
        return Err(PeerFault::TooLarge("text").into());
    }
    let text = text::clean(&text);
    if text.len() > limits::TEXT {
        return Err(PeerFault::TooLarge("text").into());
    }
    if text.trim().is_empty() || count == 0 {
        return Err(PeerFault::Malformed("edit").into());
    }
    if person::is_blocked(ctx, act.author)? {
        return Ok(Taken::Done);
    }
    let Some(place) = find(&ctx.tx, act.conversation, act.author, target.id)? else { return Ok(Taken::Early) };
    let Some(row) = load(&ctx.tx, act.conversation, place)? else { return Ok(Taken::Early) };
    let decided = Decided(count, act.id);
    if decided.is_absurd_after(row.edits) {
        return Err(PeerFault::Malformed("edit").into());
    }
    if matches!(row.body, Body::Text(_)) && decided > row.edits {
        rewrite(ctx, act.conversation, place, row, text, decided)?;
    }
    Ok(Taken::Done)
}

fn rewrite(
    ctx: &mut Ctx<'_>,
    id: ConversationId,
    place: MessageKey,
    before: MessageRow,
    text: String,
    edits: Decided,
) -> Result<()> {
    let row = MessageRow { body: Body::Text(text), edits, ..before.clone() };
    store(&ctx.tx, id, place, &row)?;
    ctx.tx.change(Change::Edited(id, place, Box::new(before), Box::new(row)));
    ctx.tx.event(Event::MessageChanged(id, place));
    let row = conversation::require(&ctx.tx, id)?;
    if row.last == Some(place) {
        // What the list shows of it is another text.
        ctx.tx.event(Event::ConversationChanged(id));
    }
    Ok(())
}
