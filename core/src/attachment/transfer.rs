//! Uploads and downloads under way, one durable row each. A row holds no key: that is in the message.

use super::progress::{Row, Transfer, Way};
use super::{Attachment, AttachmentBody, FileKey, Layout, Location, Opener, Reader, Sealer};
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::MessageRef;
use crate::error::{Error, Misuse, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::id::ConversationId;
use crate::limits;
use crate::message::{self, Body, FailedReason, MessageKey, MessageRow, SendState};
use crate::outbox::{self, Item};
use crate::policy::Action;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;

/// What the rules must allow for a message that says this.
pub(crate) fn action(body: &Body) -> Option<Action> {
    match body {
        Body::Attachment(body) => Some(Action::Attach(body.attachment.kind())),
        Body::Text(_) | Body::Structured(_) | Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => None,
    }
}

/// Whether a message of this user cannot go out before its file is uploaded.
pub(crate) fn awaits_upload(message: &MessageRow) -> bool {
    matches!(&message.body, Body::Attachment(body) if body.attachment.location.is_none())
}

/// A message with an attachment is new and waits for its upload. The caller has placed it.
pub(crate) fn begin_upload(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    message: &MessageRow,
) -> Result<()> {
    begin(ctx, conversation, reference(place, message), Way::Up, size_of(message)?, false)
}

/// Begins anew what was cancelled, under a fresh key.
pub(crate) fn upload_again(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    message: &MessageRow,
) -> Result<()> {
    begin(ctx, conversation, reference(place, message), Way::Up, size_of(message)?, true)
}

fn reference(place: MessageKey, message: &MessageRow) -> MessageRef {
    MessageRef { author: message.author.clone(), id: place.id }
}

fn size_of(message: &MessageRow) -> Result<u64> {
    match &message.body {
        Body::Attachment(body) => Ok(body.attachment.size),
        Body::Text(_) | Body::Structured(_) | Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => {
            Err(Error::Bug("attachment.upload"))
        }
    }
}

/// Begins to fetch the file of a message; one that is under way goes on.
pub(crate) fn begin_download(ctx: &mut Ctx<'_>, conversation: ConversationId, message: &MessageRef) -> Result<()> {
    let (_, _, body) = attachment_of(&ctx.tx, conversation, message, ctx.hidden())?;
    if body.attachment.location.is_none() {
        return Err(Error::Misuse(Misuse::State));
    }
    if load(&ctx.tx, conversation, message)?.is_some() {
        return Ok(());
    }
    begin(ctx, conversation, message.clone(), Way::Down, body.attachment.size, false)
}

fn begin(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    message: MessageRef,
    way: Way,
    size: u64,
    fresh_key: bool,
) -> Result<()> {
    if all(&ctx.tx)?.len() >= limits::TRANSFERS {
        return Err(Error::Misuse(Misuse::Attachment("too many uploads and downloads are under way")));
    }
    let layout = Layout::new(size).ok_or(Error::Bug("attachment.size"))?;
    let row = Row { fresh_key, ..Row::new(conversation, message, way, layout) };
    progress(ctx, &row)?;
    store(&ctx.tx, &row)
}

/// Encrypts a piece of an upload: the next one, or one of the last once more, from the same bytes. The caller makes the
/// outcome durable before the ciphertext leaves.
pub(crate) fn seal(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    message: &MessageRef,
    piece: u32,
    file: &[u8],
) -> Result<Vec<u8>> {
    let mut row = require(&ctx.tx, conversation, message, Way::Up)?;
    let (place, mut message_row, mut body) = attachment_of(&ctx.tx, conversation, message, ctx.hidden())?;
    let before = row.before(piece)?;
    if row.fresh_key {
        // What was sealed under the key before may be known to somebody: nothing else ever is.
        row.fresh_key = false;
        body.key = FileKey::fresh(ctx.rng);
        message_row.body = Body::Attachment(body.clone());
        message::store(&ctx.tx, conversation, place, &message_row)?;
    }
    let mut sealer = Sealer::at(&body.key, row.layout()?, piece, before);
    let stored = sealer.seal(file)?;
    if piece < row.next {
        let same = row.before(piece + 1)? == sealer.chain();
        return if same { Ok(stored) } else { Err(Error::Misuse(Misuse::OtherBytes)) };
    }
    row.moved_on(sealer.chain());
    progress(ctx, &row)?;
    store(&ctx.tx, &row)?;
    Ok(stored)
}

/// An upload is done, and the file is there: its message goes out.
pub(crate) fn finish(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    message: &MessageRef,
    location: Location,
) -> Result<()> {
    let Some(row) = load(&ctx.tx, conversation, message)? else {
        // The answer may come twice.
        let (_, _, body) = attachment_of(&ctx.tx, conversation, message, ctx.hidden())?;
        let same = body.attachment.location.as_ref() == Some(&location);
        return if same { Ok(()) } else { Err(Error::Misuse(Misuse::State)) };
    };
    let (place, mut message_row, mut body) = attachment_of(&ctx.tx, conversation, message, ctx.hidden())?;
    if row.way != Way::Up || row.next < row.layout()?.pieces() || message_row.state != SendState::Queued {
        return Err(Error::Misuse(Misuse::State));
    }
    body.digest = row.before(row.next)?.0;
    body.attachment.location = Some(location);
    message_row.body = Body::Attachment(body);
    let mut conversation_row = conversation::require(&ctx.tx, conversation)?;
    outbox::push(ctx, &mut conversation_row, Item::Message(message.id))?;
    forget(&ctx.tx, conversation, message);
    conversation::moved(ctx, &mut conversation_row, place, place, &message_row)?;
    conversation::store(&mut ctx.tx, &conversation_row)
}

/// Verifies and decrypts a piece of a download: the next one, or one of the last once more.
pub(crate) fn open(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    message: &MessageRef,
    piece: u32,
    stored: &[u8],
) -> Result<Vec<u8>> {
    let mut row = require(&ctx.tx, conversation, message, Way::Down)?;
    let (_, _, body) = attachment_of(&ctx.tx, conversation, message, ctx.hidden())?;
    let mut opener = Opener::at(&body.key, row.layout()?, piece, row.before(piece)?);
    let file = opener.open(stored)?;
    if opener.digest().is_some_and(|digest| digest != body.digest) {
        return Err(PeerFault::Forged.into());
    }
    if piece == row.next {
        row.moved_on(opener.chain());
        progress(ctx, &row)?;
        store(&ctx.tx, &row)?;
    }
    if opener.digest().is_some() {
        forget(&ctx.tx, conversation, message);
    }
    Ok(file)
}

/// Begins a transfer anew from its start; an upload under a fresh key, so that the file may be another one of the same
/// size.
pub(crate) fn restart(ctx: &mut Ctx<'_>, conversation: ConversationId, message: &MessageRef) -> Result<()> {
    let mut row = load(&ctx.tx, conversation, message)?.ok_or(Error::Misuse(Misuse::State))?;
    row.rewind()?;
    row.fresh_key = row.way == Way::Up;
    progress(ctx, &row)?;
    store(&ctx.tx, &row)
}

/// Gives a transfer up. The message of an upload fails, and can be tried again.
pub(crate) fn cancel(ctx: &mut Ctx<'_>, conversation: ConversationId, message: &MessageRef) -> Result<()> {
    let row = load(&ctx.tx, conversation, message)?.ok_or(Error::Misuse(Misuse::State))?;
    forget(&ctx.tx, conversation, message);
    match row.way {
        Way::Down => Ok(()),
        Way::Up => {
            let (place, mut message_row, _) = attachment_of(&ctx.tx, conversation, message, ctx.hidden())?;
            message_row.state = SendState::Failed(FailedReason::Cancelled);
            conversation::changed(ctx, conversation, place, &message_row)
        }
    }
}

/// A message is gone, and with it what is under way for it.
pub(crate) fn removed(ctx: &Ctx<'_>, conversation: ConversationId, place: MessageKey, message: &MessageRow) {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::TransfersKept) {
        return;
    }
    if matches!(message.body, Body::Attachment(_)) {
        forget(&ctx.tx, conversation, &reference(place, message));
    }
}

fn forget(tx: &Tx<'_>, conversation: ConversationId, message: &MessageRef) {
    tx.delete(Table::Attachment, &key(conversation, message));
}

/// A login: the host is told of what is under way, so that it has nothing to remember.
pub(crate) fn remind(ctx: &mut Ctx<'_>) -> Result<()> {
    for row in all(&ctx.tx)? {
        progress(ctx, &row)?;
    }
    Ok(())
}

/// This store is an old one: other pieces may have been sealed since, and nobody knows of what bytes. Every upload begins
/// anew under a fresh key.
pub(crate) fn distrust(ctx: &Ctx<'_>) -> Result<()> {
    for mut row in all(&ctx.tx)?.into_iter().filter(|row| row.way == Way::Up) {
        row.rewind()?;
        row.fresh_key = true;
        store(&ctx.tx, &row)?;
    }
    Ok(())
}

/// What is under way.
pub(crate) fn transfers(tx: &Tx<'_>) -> Result<Vec<Transfer>> {
    all(tx)?.iter().map(Row::show).collect()
}

/// What is under way for a message.
pub(crate) fn transfer(tx: &Tx<'_>, conversation: ConversationId, message: &MessageRef) -> Result<Option<Transfer>> {
    load(tx, conversation, message)?.as_ref().map(Row::show).transpose()
}

/// A reader of a message's file.
pub(crate) fn reader(tx: &Tx<'_>, conversation: ConversationId, message: &MessageRef, hidden: Time) -> Result<Reader> {
    let (_, _, body) = attachment_of(tx, conversation, message, hidden)?;
    let Attachment { location, size, .. } = &body.attachment;
    match (location, Layout::new(*size)) {
        (Some(_), Some(layout)) => Ok(Reader::new(&body.key, layout)),
        (None, _) => Err(Error::Misuse(Misuse::State)),
        (_, None) => Err(Error::Store(StoreError::Corrupt("attachment"))),
    }
}

/// A message with an attachment: its place, its row, and what it says.
fn attachment_of(
    tx: &Tx<'_>,
    conversation: ConversationId,
    message: &MessageRef,
    hidden: Time,
) -> Result<(MessageKey, MessageRow, Box<AttachmentBody>)> {
    let (place, row) = message::require(tx, conversation, &message.author, message.id)?;
    if row.went_by(place, hidden) {
        return Err(Error::Misuse(Misuse::UnknownMessage));
    }
    match &row.body {
        Body::Attachment(body) => {
            let body = body.clone();
            Ok((place, row, body))
        }
        Body::Text(_) | Body::Structured(_) | Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => {
            Err(Error::Misuse(Misuse::Attachment("the message has none")))
        }
    }
}

fn progress(ctx: &mut Ctx<'_>, row: &Row) -> Result<()> {
    ctx.tx.event(Event::AttachmentProgress(Box::new(row.show()?)));
    Ok(())
}

fn require(tx: &Tx<'_>, conversation: ConversationId, message: &MessageRef, way: Way) -> Result<Row> {
    load(tx, conversation, message)?.filter(|row| row.way == way).ok_or(Error::Misuse(Misuse::State))
}

fn load(tx: &Tx<'_>, conversation: ConversationId, message: &MessageRef) -> Result<Option<Row>> {
    tx.row(Table::Attachment, &key(conversation, message), "attachment")
}

fn store(tx: &Tx<'_>, row: &Row) -> Result<()> {
    tx.put_row(Table::Attachment, key(row.conversation, &row.message), row)
}

fn all(tx: &Tx<'_>) -> Result<Vec<Row>> {
    let rows = tx.scan(Table::Attachment, KeyRange { from: &[], to: &[] }, Direction::Forward, limits::TRANSFERS)?;
    rows.iter().map(|(_, row)| crate::codec::decode_row(row, "attachment")).collect()
}

fn key(conversation: ConversationId, message: &MessageRef) -> Vec<u8> {
    message::index_key(conversation, &message.author, message.id)
}
