//! Editing: another text for a message that is there. It keeps its place, its period and who has read it.
//!
//! Of several edits, by several devices of the author, the one that was made with the knowledge of most others counts; of
//! two with the same count, the one with the greater id.

use serde::{Deserialize, Serialize};

use super::marks::{self, Marks, Mention, WireMention};
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
use crate::report::{self, Exhibit};
use crate::text;

/// The body of [`Kind::EDIT`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Edit {
    count: u64,
    text: String,
    mentions: Vec<WireMention>,
}

/// A text, with whom it names.
type Wording = (String, Vec<Mention>);

/// This user gives an own message another text, which was checked.
pub(crate) fn edit(ctx: &mut Ctx<'_>, id: ConversationId, message: MessageId, wording: Wording) -> Result<()> {
    let (place, row) = require(&ctx.tx, id, &ctx.account.user, message)?;
    match &row.body {
        Body::Text(before) if *before == wording.0 && row.marks.mentions == wording.1 => return Ok(()),
        Body::Text(_) => {}
        Body::Attachment(_) | Body::Structured(_) | Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => {
            return Err(Error::Misuse(Misuse::State));
        }
    }
    if !row.is_known_to_others() {
        // Nobody has seen the other text.
        let edits = row.edits;
        return rewrite(ctx, id, place, row, wording, edits);
    }
    let mut conversation = conversation::require(&ctx.tx, id)?;
    let target = MessageRef { author: ctx.account.user.clone(), id: message };
    let count = row.edits.next();
    let (text, mentions) = wording.clone();
    let body = codec::encode(&Edit { count, text, mentions: marks::to_wire(&mentions) })?;
    let act = act::perform(ctx, &mut conversation, Draft::new(Kind::EDIT, Some(target), body))?;
    conversation::store(&mut ctx.tx, &conversation)?;
    rewrite(ctx, id, place, row, wording, Decided(count, act))
}

/// A member has given one of its messages another text.
pub(crate) fn edited(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let target = act.target.ok_or(PeerFault::Malformed("edit"))?;
    if target.author != *act.author {
        return Err(PeerFault::Forbidden.into());
    }
    let Edit { count, text, mentions } = codec::decode_exact(act.body, "edit")?;
    let (text, changed) = received_text(text)?;
    let mentions = marks::from_wire(mentions)?;
    let mut mentions = if changed { Vec::new() } else { marks::fit(mentions, &text)? };
    if count == 0 {
        return Err(PeerFault::Malformed("edit").into());
    }
    if person::is_blocked(ctx, act.author)? {
        return Ok(Taken::Done);
    }
    let Some(place) = find(&ctx.tx, act.conversation, act.author, target.id)? else { return Ok(Taken::Early) };
    let Some(row) = load(&ctx.tx, act.conversation, place)? else { return Ok(Taken::Early) };
    if matches!(row.body, Body::Unknown(..)) {
        // What a newer version makes of it, this is done to.
        return Ok(Taken::Early);
    }
    let decided = Decided(count, act.id);
    if decided.is_absurd_after(row.edits) {
        return Err(PeerFault::Malformed("edit").into());
    }
    if matches!(row.body, Body::Text(_)) && decided.replaces(row.edits, ctx.config) {
        let talk = conversation::require(&ctx.tx, act.conversation)?;
        mentions.retain(|mention| talk.is_of(&mention.user, &ctx.account.user));
        let row = kept_for_report(ctx, row, act, target.id)?;
        rewrite(ctx, act.conversation, place, row, (text, mentions), decided)?;
    }
    Ok(Taken::Done)
}

/// A message of another that is about to say something else: what it said, and what makes it say that, can be reported.
fn kept_for_report(ctx: &Ctx<'_>, mut row: MessageRow, act: &Received<'_>, id: MessageId) -> Result<MessageRow> {
    if row.own || row.frank.is_none() {
        return Ok(row);
    }
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::ReportsRewritten) {
        return Ok(row);
    }
    if !row.evidence.has_original()
        && let Some(content) = row.content(id)?
    {
        report::keep_original(&ctx.tx, act.conversation, id, &mut row, content.encode()?)?;
    }
    if let Some(frank) = act.frank {
        let edit = Exhibit::new(act.padded, act.device, frank);
        report::keep_edit(&ctx.tx, act.conversation, id, &mut row, &edit)?;
    }
    Ok(row)
}

/// A text of a member, cleaned, and whether that changed it. Cleaning may make a text longer: what counts is what is kept.
pub(crate) fn received_text(text: String) -> Result<(String, bool), PeerFault> {
    let clean = if text.len() > limits::TEXT { text.clone() } else { text::clean(&text) };
    if clean.len() > limits::TEXT {
        return Err(PeerFault::TooLarge("text"));
    }
    if text::shows_nothing(&clean) {
        return Err(PeerFault::Malformed("empty text"));
    }
    let changed = clean != text;
    Ok((clean, changed))
}

/// What this device would tell whoever asks again for the last edit of a message is kept no longer. One that was not told
/// yet still is.
pub(crate) fn forget_edit(ctx: &Ctx<'_>, row: &MessageRow) -> Result<()> {
    last_own_edit(row).map_or(Ok(()), |edit| act::withdraw_sent(ctx, edit))
}

/// A message is gone for everyone: an edit that was not told yet is not told any more.
pub(crate) fn withdraw_edit(ctx: &Ctx<'_>, row: &MessageRow) {
    if let Some(edit) = last_own_edit(row) {
        act::withdraw(ctx, edit);
    }
}

fn last_own_edit(row: &MessageRow) -> Option<MessageId> {
    (row.own && row.edits != Decided::NEVER).then_some(row.edits.1)
}

fn rewrite(
    ctx: &mut Ctx<'_>,
    id: ConversationId,
    place: MessageKey,
    before: MessageRow,
    (text, mentions): Wording,
    edits: Decided,
) -> Result<()> {
    let marks = Marks { mentions, ..before.marks.clone() };
    let row = MessageRow { body: Body::Text(text), marks, edits, ..before.clone() };
    store(&ctx.tx, id, place, &row)?;
    if row.edits != before.edits {
        // Whoever asks for the one before gets this one.
        forget_edit(ctx, &before)?;
    }
    ctx.tx.change(Change::Edited(id, place, Box::new(before), Box::new(row)));
    ctx.tx.event(Event::MessageChanged(id, place));
    let row = conversation::require(&ctx.tx, id)?;
    if row.last == Some(place) {
        // What the list shows of it is another text.
        ctx.tx.event(Event::ConversationChanged(id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! R27, R46.

    use super::*;

    #[test]
    fn r46_the_bytes_of_an_edit_are_these() {
        let bytes = codec::encode(&Edit { count: 1, text: "hi".to_owned(), mentions: Vec::new() }).unwrap();
        assert_eq!(bytes, b"\x93\x01\xa2hi\x90");
    }
}
