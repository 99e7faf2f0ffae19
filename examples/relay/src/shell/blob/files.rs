//! Where the bytes of files are: in a folder of this relay, or in NATS for all relays of a platform.

use std::io::{self, SeekFrom};
use std::ops::Range;

use axum::body::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::folder::Folder;
use crate::logic::{BlobName, Upload};
#[cfg(feature = "nats")]
use crate::nats::{PieceReader, PieceWriter, Pieces};

/// Bytes read of a file at a time.
pub(super) const STEP: u64 = 64 * 1024;

pub(in crate::shell) enum Files {
    Folder(Folder),
    #[cfg(feature = "nats")]
    Nats(Pieces),
}

/// Writes on at the end of a file that is not complete.
pub(super) enum Writer {
    File(File),
    #[cfg(feature = "nats")]
    Nats(PieceWriter),
}

/// Reads a part of a complete file.
pub(super) enum Reader {
    File(File, u64),
    #[cfg(feature = "nats")]
    Nats(PieceReader),
}

impl Files {
    /// A complete file and its length.
    pub(super) async fn open(&self, name: BlobName) -> io::Result<Option<(Reader, u64)>> {
        match self {
            Files::Folder(folder) => Ok(folder.open(name).await?.map(|(file, size)| (Reader::File(file, size), size))),
            #[cfg(feature = "nats")]
            Files::Nats(pieces) => Ok(pieces.open(name).await?.map(|(reader, size)| (Reader::Nats(reader), size))),
        }
    }

    /// Whether it is complete.
    pub(super) async fn is_complete(&self, name: BlobName) -> io::Result<bool> {
        match self {
            Files::Folder(folder) => folder.is_complete(name).await,
            #[cfg(feature = "nats")]
            Files::Nats(pieces) => pieces.is_complete(name).await,
        }
    }

    /// How much of it is there before it is complete.
    pub(super) async fn length(&self, name: BlobName) -> io::Result<u64> {
        match self {
            Files::Folder(folder) => folder.length(name).await,
            #[cfg(feature = "nats")]
            Files::Nats(pieces) => pieces.length(name).await,
        }
    }

    /// Opens it to write on at its end, which is there.
    #[cfg_attr(not(feature = "nats"), allow(unused_variables, reason = "a file is written on wherever it ends"))]
    pub(super) async fn append(&self, upload: &Upload, from: u64) -> io::Result<Writer> {
        match self {
            Files::Folder(folder) => folder.append(upload.name).await.map(Writer::File),
            #[cfg(feature = "nats")]
            Files::Nats(pieces) => pieces.append(upload, from).await.map(Writer::Nats),
        }
    }

    /// Makes it complete. Its bytes are durable already.
    pub(super) async fn finish(&self, upload: &Upload) -> io::Result<()> {
        match self {
            Files::Folder(folder) => folder.finish(upload.name).await,
            #[cfg(feature = "nats")]
            Files::Nats(pieces) => pieces.finish(upload).await,
        }
    }

    /// Removes it, however far it is.
    pub(super) async fn remove(&self, name: BlobName) -> io::Result<()> {
        match self {
            Files::Folder(folder) => folder.remove(name).await,
            #[cfg(feature = "nats")]
            Files::Nats(pieces) => pieces.remove(name).await,
        }
    }

    /// The names of all files, to find those that a crash left behind. In NATS they go with their age.
    pub(super) async fn names(&self) -> io::Result<Vec<BlobName>> {
        match self {
            Files::Folder(folder) => folder.names().await,
            #[cfg(feature = "nats")]
            Files::Nats(_) => Ok(Vec::new()),
        }
    }
}

impl Writer {
    /// Takes bytes. They are kept for sure after [`Writer::keep`].
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Writer::File(file) => file.write_all(bytes).await,
            #[cfg(feature = "nats")]
            Writer::Nats(writer) => writer.write(bytes).await,
        }
    }

    /// Makes all of it durable.
    pub(super) async fn keep(&mut self) -> io::Result<()> {
        match self {
            Writer::File(file) => {
                file.flush().await?;
                file.sync_all().await
            }
            #[cfg(feature = "nats")]
            Writer::Nats(writer) => writer.keep().await,
        }
    }

    /// Takes all of it back, to where it began.
    pub(super) async fn undo(&mut self, from: u64) -> io::Result<()> {
        match self {
            Writer::File(file) => file.set_len(from).await,
            #[cfg(feature = "nats")]
            Writer::Nats(writer) => writer.undo().await,
        }
    }
}

impl Reader {
    /// From now on reads this part.
    pub(super) async fn seek(&mut self, part: Range<u64>) -> io::Result<()> {
        match self {
            Reader::File(file, left) => {
                file.seek(SeekFrom::Start(part.start)).await?;
                *left = part.end - part.start;
            }
            #[cfg(feature = "nats")]
            Reader::Nats(reader) => reader.seek(part),
        }
        Ok(())
    }

    /// The next bytes; none at the end of the part, or where the file ends before.
    pub(super) async fn read(&mut self) -> io::Result<Bytes> {
        match self {
            Reader::File(file, left) => {
                let mut bytes = Vec::with_capacity(usize::try_from(STEP.min(*left)).unwrap_or(0));
                let read = file.take(STEP.min(*left)).read_to_end(&mut bytes).await?;
                *left -= read as u64;
                Ok(bytes.into())
            }
            #[cfg(feature = "nats")]
            Reader::Nats(reader) => reader.read(STEP).await,
        }
    }
}
