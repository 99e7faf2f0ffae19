//! The view of attachments.

use super::messages::{allowed, place_own};
use super::{Draft, Engine};
use crate::attachment::{self, Attachment, AttachmentBody, FileKey, Location, Reader, Transfer};
use crate::conversation;
use crate::envelope::MessageRef;
use crate::error::Result;
use crate::id::{ConversationId, Hash32, MessageId};
use crate::message::{self, Body};
use crate::policy::Action;
use crate::time::Time;

/// The files of messages. The engine encrypts and decrypts; where they are kept, and how they come there, is the host's
/// business.
///
/// **Up:** [`send`](Attachments::send) puts the message on screen. Then, piece by piece as [`Transfer::next`] says, the
/// host reads the file, [`seal`](Attachments::seal)s and uploads, and at last [`finish`](Attachments::finish)es: only
/// then the message goes out. Other messages do not wait for it. **Down:** [`download`](Attachments::download), then
/// fetch and [`open`](Attachments::open) piece by piece; or take a [`reader`](Attachments::reader) and read any range.
/// Both go on where they were after a restart: [`Event::AttachmentProgress`](crate::Event::AttachmentProgress) tells of
/// each transfer at its start, after each piece and at every login.
pub struct Attachments<'e>(pub(super) &'e mut Engine);

impl Attachments<'_> {
    /// Sends a message with a file. It is in the conversation at once, and goes out when its upload is finished. The
    /// draft's text is its caption, and may be empty.
    ///
    /// # Errors
    /// What [`Attachment::checked`] says; [`Misuse::NotEnrolled`](crate::error::Misuse::NotEnrolled);
    /// [`Misuse::UnknownConversation`](crate::error::Misuse::UnknownConversation);
    /// [`Misuse::Config`](crate::error::Misuse::Config) for a period below −1;
    /// [`Misuse::Mention`](crate::error::Misuse::Mention);
    /// [`Misuse::UnknownMessage`](crate::error::Misuse::UnknownMessage) when what it answers is gone, and
    /// [`Misuse::State`](crate::error::Misuse::State) when that cannot be answered;
    /// [`Misuse::Attachment`](crate::error::Misuse::Attachment) when [`limits::TRANSFERS`](crate::limits::TRANSFERS)
    /// are under way; [`Misuse::Blocked`](crate::error::Misuse::Blocked);
    /// [`Error::Denied`](crate::error::Error::Denied) when the rules forbid it. Nothing is stored then.
    pub fn send(
        &mut self,
        conversation: ConversationId,
        attachment: Attachment,
        draft: Draft,
        now: Time,
    ) -> Result<MessageId> {
        draft.check_period()?;
        let (caption, mentions) = message::clean_with_mentions(&draft.text, &draft.mentions)?;
        let attachment = Attachment { caption, location: None, ..attachment }.checked()?;
        let draft = Draft { mentions, ..draft };
        self.0.mutate(now, |ctx| {
            let mut row = conversation::require(&ctx.tx, conversation)?;
            allowed(ctx, &row, Some(Action::Attach(attachment.kind())))?;
            let (key, digest) = (FileKey::fresh(ctx.rng), Hash32::from_bytes([0; 32]));
            let body = Body::Attachment(Box::new(AttachmentBody { attachment, key, digest }));
            let (place, message) = place_own(ctx, &mut row, draft, (body, false))?;
            attachment::begin_upload(ctx, conversation, place, &message)?;
            conversation::store(&mut ctx.tx, &row)?;
            Ok(place.id)
        })
    }

    /// Encrypts a piece of an upload: exactly the bytes [`Piece::file`](attachment::Piece::file) of the file. What it
    /// returns is to be stored at [`Piece::stored`](attachment::Piece::stored). The piece is the next one; or one of
    /// the last [`limits::ATTACHMENT_REWIND`](crate::limits::ATTACHMENT_REWIND), when what it had become is lost, from
    /// the same bytes.
    ///
    /// It flushes before it returns, so that a crash cannot forget what left the engine.
    ///
    /// # Errors
    /// [`Misuse::State`](crate::error::Misuse::State) when nothing of this message is being uploaded;
    /// [`Misuse::Attachment`](crate::error::Misuse::Attachment) for another piece or number of bytes;
    /// [`Misuse::OtherBytes`](crate::error::Misuse::OtherBytes) when the file has changed; any
    /// [`StoreError`](crate::error::StoreError).
    pub fn seal(
        &mut self,
        conversation: ConversationId,
        id: MessageId,
        piece: u32,
        file: &[u8],
        now: Time,
    ) -> Result<Vec<u8>> {
        let message = self.own(id);
        let stored = self.0.mutate(now, |ctx| attachment::seal(ctx, conversation, &message, piece, file))?;
        self.0.make_durable()?;
        Ok(stored)
    }

    /// Every piece is stored, at this location: the message goes out. A second time it changes nothing.
    ///
    /// # Errors
    /// [`Misuse::State`](crate::error::Misuse::State) when pieces are missing, or the upload was cancelled.
    pub fn finish(&mut self, conversation: ConversationId, id: MessageId, location: Location, now: Time) -> Result<()> {
        let message = self.own(id);
        self.0.mutate(now, |ctx| attachment::finish(ctx, conversation, &message, location))
    }

    /// Begins to download the file of a message, or goes on with it.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`](crate::error::Misuse::UnknownMessage); [`Misuse::State`](crate::error::Misuse::State)
    /// when it is not yet uploaded; [`Misuse::Attachment`](crate::error::Misuse::Attachment) when the message has none,
    /// or too many transfers are under way.
    pub fn download(&mut self, conversation: ConversationId, message: &MessageRef, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| attachment::begin_download(ctx, conversation, message))
    }

    /// Verifies and decrypts a piece of a download, from exactly the bytes
    /// [`Piece::stored`](attachment::Piece::stored). What it returns are the bytes
    /// [`Piece::file`](attachment::Piece::file) of the file. With the last piece the whole is verified, and the
    /// download is over: if that piece is lost before the host has written it, the file is downloaded once more.
    ///
    /// # Errors
    /// [`PeerFault::CutShort`](crate::error::PeerFault::CutShort),
    /// [`PeerFault::TooLarge`](crate::error::PeerFault::TooLarge) or
    /// [`PeerFault::Forged`](crate::error::PeerFault::Forged): nothing is returned, and the piece may be fetched again;
    /// [`Misuse::State`](crate::error::Misuse::State) when nothing of this message is being downloaded;
    /// [`Misuse::Attachment`](crate::error::Misuse::Attachment) for another piece.
    pub fn open(
        &mut self,
        conversation: ConversationId,
        message: &MessageRef,
        piece: u32,
        stored: &[u8],
        now: Time,
    ) -> Result<Vec<u8>> {
        self.0.mutate(now, |ctx| attachment::open(ctx, conversation, message, piece, stored))
    }

    /// A reader of any range of a message's file, which works without the engine. It holds the key: drop it when the
    /// message is removed.
    ///
    /// # Errors
    /// [`Misuse::UnknownMessage`](crate::error::Misuse::UnknownMessage); [`Misuse::State`](crate::error::Misuse::State)
    /// when it is not yet uploaded; [`Misuse::Attachment`](crate::error::Misuse::Attachment) without a file.
    pub fn reader(&self, conversation: ConversationId, message: &MessageRef, now: Time) -> Result<Reader> {
        attachment::reader(&self.0.read()?, conversation, message, self.0.hidden(now))
    }

    /// Begins a transfer anew. An upload gets a fresh key, so that the file may have changed, but for its size.
    ///
    /// # Errors
    /// [`Misuse::State`](crate::error::Misuse::State) when none is under way for this message.
    pub fn restart(&mut self, conversation: ConversationId, message: &MessageRef, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| attachment::restart(ctx, conversation, message))
    }

    /// Gives a transfer up. The message of an upload fails; [`Messages::retry`](super::Messages::retry) uploads it
    /// anew.
    ///
    /// # Errors
    /// [`Misuse::State`](crate::error::Misuse::State) when none is under way for this message.
    pub fn cancel(&mut self, conversation: ConversationId, message: &MessageRef, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| attachment::cancel(ctx, conversation, message))
    }

    /// What is under way for a message.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn transfer(&self, conversation: ConversationId, message: &MessageRef) -> Result<Option<Transfer>> {
        attachment::transfer(&self.0.read()?, conversation, message)
    }

    /// Everything that is under way.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn transfers(&self) -> Result<Vec<Transfer>> {
        attachment::transfers(&self.0.read()?)
    }

    fn own(&self, id: MessageId) -> MessageRef {
        MessageRef { author: self.0.user().clone(), id }
    }
}
