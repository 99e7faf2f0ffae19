//! Files of messages, sealed and stored piece by piece, fetched and opened piece by piece: no file is ever in memory as a
//! whole, and a transfer that was interrupted goes on where it was.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use undertone::attachment::{Attachment, Location, Way};
use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::id::{ConversationId, MessageId};
use undertone::message::MessageContent;
use undertone::{Engine, Error, Time};

use crate::{Host, Stopped};

/// A folder that both sides reach: stands for a platform's storage of objects, which sees sizes and sealed bytes. An
/// object's name is its location.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// Why a file did not go or come.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The message has no file, or it is not uploaded yet.
    #[error("that message has no file yet")]
    NotThere,
    /// Its location names no object of this folder.
    #[error("that file is somewhere else")]
    Elsewhere,
    /// The engine says no.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The engine is closed.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Folder {
    /// Uses a folder, which is made if need be.
    ///
    /// # Errors
    /// [`FileError::File`].
    pub fn at(folder: impl Into<PathBuf>) -> Result<Folder, FileError> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).map_err(|error| FileError::File(folder.clone(), error))?;
        Ok(Folder(folder))
    }

    /// Bytes of an object, as they are stored; fewer where it ends.
    ///
    /// # Errors
    /// [`FileError::Elsewhere`], [`FileError::File`].
    pub fn read(&self, location: &Location, range: &Range<u64>) -> Result<Vec<u8>, FileError> {
        read(&self.object(location.as_str())?, range)
    }

    /// The file of an object. A location comes from a peer: it names nothing outside of this folder.
    fn object(&self, location: &str) -> Result<PathBuf, FileError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if location.is_empty() || !location.chars().all(plain) {
            return Err(FileError::Elsewhere);
        }
        Ok(self.0.join(location))
    }
}

impl Host {
    /// Sends a message with the file at `path`, and uploads it. `progress` hears of the bytes that are done.
    ///
    /// # Errors
    /// [`FileError`]; the message waits, and [`Host::upload`] goes on with it.
    pub async fn send_file(
        &self,
        to: &Folder,
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
        to: &Folder,
        conversation: ConversationId,
        id: MessageId,
        path: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<(), FileError> {
        let own = move |engine: &Engine| MessageRef { author: engine.user().clone(), id };
        let name = self.run(move |engine, _| format!("{}-{}", hex(engine.device().as_bytes()), hex(id.as_bytes())));
        let name = name.await?;
        loop {
            let ask = move |engine: &mut Engine, _: Time| {
                let message = own(engine);
                engine.attachments().transfer(conversation, &message)
            };
            let Some(transfer) = self.run(ask).await??.filter(|transfer| transfer.way == Way::Up) else {
                return Ok(());
            };
            progress(transfer.done);
            let Some(piece) = transfer.next else {
                let location = Location::new(name).ok_or(FileError::Elsewhere)?;
                let finish =
                    move |engine: &mut Engine, now| engine.attachments().finish(conversation, id, location, now);
                return Ok(self.run(finish).await??);
            };
            let bytes = read(path, &piece.file)?;
            let seal =
                move |engine: &mut Engine, now| engine.attachments().seal(conversation, id, piece.number, &bytes, now);
            let stored = self.run(seal).await??;
            write(&to.object(&name)?, piece.stored.start, &stored)?;
        }
    }

    /// Downloads the file of a message to `path`, or goes on with it. Nothing is written that was not verified.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn save_file(
        &self,
        from: &Folder,
        conversation: ConversationId,
        message: MessageRef,
        path: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<(), FileError> {
        let begun = message.clone();
        let begin = move |engine: &mut Engine, now| {
            let shown = engine.messages().get(conversation, &begun, now)?;
            engine.attachments().download(conversation, &begun, now)?;
            Ok::<_, Error>(shown.content)
        };
        let MessageContent::Attachment(attachment) = self.run(begin).await?? else { return Err(FileError::NotThere) };
        let object = from.object(attachment.location.ok_or(FileError::NotThere)?.as_str())?;
        loop {
            let asked = message.clone();
            let ask = move |engine: &mut Engine, _: Time| engine.attachments().transfer(conversation, &asked);
            let transfer = self.run(ask).await??;
            progress(transfer.as_ref().map_or(attachment.size, |transfer| transfer.done));
            let Some(piece) = transfer.and_then(|transfer| transfer.next) else { return Ok(()) };
            let stored = read(&object, &piece.stored)?;
            let opened = message.clone();
            let open = move |engine: &mut Engine, now| {
                engine.attachments().open(conversation, &opened, piece.number, &stored, now)
            };
            let bytes = self.run(open).await??;
            write(path, piece.file.start, &bytes)?;
        }
    }
}

fn read(path: &Path, range: &Range<u64>) -> Result<Vec<u8>, FileError> {
    let failed = |error| FileError::File(path.into(), error);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(range.end - range.start).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn write(path: &Path, start: u64, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |error| FileError::File(path.into(), error);
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(start)).and_then(|_| file.write_all(bytes)).map_err(failed)
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_names_nothing_outside_of_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path()).unwrap();
        assert_eq!(folder.object("00ff-ab").unwrap(), place.path().join("00ff-ab"));
        for bad in ["", "..", "../key", "/etc/passwd", "a/b", "a\\b", ".hidden", "C:x"] {
            assert!(matches!(folder.object(bad), Err(FileError::Elsewhere)), "{bad}");
        }
    }
}
