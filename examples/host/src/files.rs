//! Files of messages, sealed and stored piece by piece, fetched and opened piece by piece: no file is ever in memory as a
//! whole, and a transfer that was interrupted goes on where it was.

use std::path::Path;

use undertone::attachment::{Attachment, Layout, Piece, Transfer, Way};
use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::Misuse;
use undertone::id::{ConversationId, MessageId};
use undertone::message::MessageContent;
use undertone::{Engine, Error, Time};

use crate::Host;
use crate::storage::{FileError, Storage, read, write};

impl Host {
    /// Sends a message with the file at `path`, and uploads it. `progress` hears of the bytes that are done.
    ///
    /// # Errors
    /// [`FileError`]; the message waits, and [`Host::upload`] goes on with it.
    pub async fn send_file(
        &self,
        to: &impl Storage,
        conversation: ConversationId,
        attachment: Attachment,
        path: &Path,
        draft: Draft,
        progress: impl FnMut(u64),
    ) -> Result<MessageId, FileError> {
        let send = move |engine: &mut Engine, now| engine.attachments().send(conversation, attachment, draft, now);
        let id = self.run(send).await??;
        self.upload(to, conversation, id, path, progress).await?;
        Ok(id)
    }

    /// Uploads the file of an own message, or goes on with it.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn upload(
        &self,
        to: &impl Storage,
        conversation: ConversationId,
        id: MessageId,
        path: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<(), FileError> {
        let ask = move |engine: &mut Engine, _: Time| {
            let message = MessageRef { author: engine.user().clone(), id };
            engine.attachments().transfer(conversation, &message)
        };
        let up = |transfer: Option<Transfer>| transfer.filter(|transfer| transfer.way == Way::Up);
        let Some(begun) = up(self.run(ask).await??) else { return Ok(()) };
        let name = self.run(move |engine, _| format!("{}-{}", hex(engine.device().as_bytes()), hex(id.as_bytes())));
        let name = name.await?;
        let size = Layout::new(begun.size).ok_or(Error::Misuse(Misuse::Attachment("a file of that size")))?.stored();
        let place = to.place(&name, size).await?;
        let put = async |piece: Piece| {
            let bytes = read(path, &piece.file)?;
            let seal =
                move |engine: &mut Engine, now| engine.attachments().seal(conversation, id, piece.number, &bytes, now);
            let stored = self.run(seal).await??;
            to.write(&place.location, piece.stored.start, stored).await
        };
        if let Some(last) = begun.last {
            if place.stored < last.stored.start {
                // Some of what was uploaded is gone.
                self.run(move |engine, now| engine.attachments().restart(conversation, &begun.message, now)).await??;
            } else if place.stored < last.stored.end {
                // It was sealed, and not stored.
                put(last).await?;
            }
        }
        while let Some(transfer) = up(self.run(ask).await??) {
            progress(transfer.done);
            let Some(piece) = transfer.next else {
                let location = place.location.clone();
                let finish =
                    move |engine: &mut Engine, now| engine.attachments().finish(conversation, id, location, now);
                self.run(finish).await??;
                to.placed(&name);
                break;
            };
            put(piece).await?;
        }
        Ok(())
    }

    /// Downloads the file of a message to `path`, or goes on with it. Nothing is written that was not verified.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn save_file(
        &self,
        from: &impl Storage,
        conversation: ConversationId,
        message: MessageRef,
        path: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<(), FileError> {
        let begun = message.clone();
        let begin = move |engine: &mut Engine, now| {
            let shown = engine.messages().get(conversation, &begun, now)?;
            engine.attachments().download(conversation, &begun, now)?;
            let last = engine.attachments().transfer(conversation, &begun)?.and_then(|transfer| transfer.last);
            Ok::<_, Error>((shown.content, last))
        };
        let (content, last) = self.run(begin).await??;
        let MessageContent::Attachment(attachment) = content else { return Err(FileError::NotThere) };
        let location = attachment.location.ok_or(FileError::NotThere)?;
        let get = async |piece: Piece| {
            let stored = from.read(&location, piece.stored).await?;
            let opened = message.clone();
            let open = move |engine: &mut Engine, now| {
                engine.attachments().open(conversation, &opened, piece.number, &stored, now)
            };
            let bytes = self.run(open).await??;
            write(path, piece.file.start, &bytes)
        };
        if let Some(last) = last {
            // It was opened, and perhaps never written.
            get(last).await?;
        }
        loop {
            let asked = message.clone();
            let transfer = self.run(move |engine, _| engine.attachments().transfer(conversation, &asked)).await??;
            progress(transfer.as_ref().map_or(attachment.size, |transfer| transfer.done));
            let Some(piece) = transfer.and_then(|transfer| transfer.next) else { return Ok(()) };
            get(piece).await?;
        }
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
