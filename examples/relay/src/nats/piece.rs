//! The bytes of files, in pieces: each a message on a subject of its own, which only one relay can create.
//!
//! A piece has a number and says at which byte of the file it begins. Number *n + 1* begins where *n* ends, and a number is
//! given once, so that there is one row of pieces whoever writes: of two that write at the same time, one finds a piece that is
//! not its own and stops. A file is complete when its end is there, which says how large it is and how many pieces it has.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;

use async_nats::jetstream::message::StreamMessage;
use axum::body::Bytes;

use super::hub::Hub;
use super::link::{Created, Link};
use crate::logic::{BlobName, Upload};
use crate::store::StoreError;

/// Bytes of a piece at most. Only where a request ends, it has less.
const PIECE: u64 = 256 * 1024;
/// Pieces of a file at most: so many for each that is full, and some. Small ones cost more than they hold.
const PIECES: (u64, u64) = (4, 64);
/// After so many pieces it is looked whether the file still is in the books: another relay may have removed it.
const LOOK_EVERY: u64 = 16;
/// The last word of the subject of a file's end.
const END: &str = "end";

/// Where the bytes of all files are.
#[derive(Clone)]
pub(crate) struct Pieces(Arc<Hub>);

/// Writes pieces behind those that are there.
pub(crate) struct PieceWriter {
    hub: Arc<Hub>,
    name: BlobName,
    /// The number of its first piece.
    first: u64,
    /// The number of the next.
    next: u64,
    /// How many there may be.
    most: u64,
    /// Where the next begins.
    offset: u64,
    gathered: Vec<u8>,
}

/// Reads a part of a complete file.
pub(crate) struct PieceReader {
    hub: Arc<Hub>,
    name: BlobName,
    pieces: u64,
    left: Range<u64>,
    /// The piece that was read last, by its number.
    held: Option<(u64, Piece)>,
}

struct Piece {
    offset: u64,
    bytes: Bytes,
}

impl Piece {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

impl Pieces {
    pub(crate) fn new(hub: Arc<Hub>) -> Pieces {
        Pieces(hub)
    }

    /// A complete file, to be read, and its length.
    pub(crate) async fn open(&self, name: BlobName) -> io::Result<Option<(PieceReader, u64)>> {
        let Some((size, pieces)) = self.0.link.end(name).await.map_err(failed)? else { return Ok(None) };
        Ok(Some((PieceReader { hub: self.0.clone(), name, pieces, left: 0..size, held: None }, size)))
    }

    /// Whether it is complete.
    pub(crate) async fn is_complete(&self, name: BlobName) -> io::Result<bool> {
        Ok(self.0.link.end(name).await.map_err(failed)?.is_some())
    }

    /// How much of it is there before it is complete.
    pub(crate) async fn length(&self, name: BlobName) -> io::Result<u64> {
        let last = self.0.link.last_piece(name).await.map_err(failed)?;
        Ok(last.map_or(0, |(_, piece)| piece.end()))
    }

    /// Opens it to write on at its end, which is there.
    pub(crate) async fn append(&self, upload: &Upload, from: u64) -> io::Result<PieceWriter> {
        let last = self.0.link.last_piece(upload.name).await.map_err(failed)?;
        let (next, offset) = last.map_or((0, 0), |(number, piece)| (number + 1, piece.end()));
        if offset != from {
            return Err(ErrorKind::ResourceBusy.into());
        }
        let most = PIECES.0.saturating_mul(upload.size.div_ceil(PIECE)).saturating_add(PIECES.1);
        let (hub, name) = (self.0.clone(), upload.name);
        Ok(PieceWriter { hub, name, first: next, next, most, offset, gathered: Vec::new() })
    }

    /// Makes it complete. Its pieces are kept already.
    pub(crate) async fn finish(&self, upload: &Upload) -> io::Result<()> {
        let last = self.0.link.last_piece(upload.name).await.map_err(failed)?;
        let pieces = match last {
            Some((number, piece)) if piece.end() == upload.size => number + 1,
            _ => return Err(ErrorKind::UnexpectedEof.into()),
        };
        self.0.link.put_end(upload.name, upload.size, pieces).await.map_err(failed)
    }

    /// Removes it, however far it is.
    pub(crate) async fn remove(&self, name: BlobName) -> io::Result<()> {
        self.0.link.purge(name, "*").await.map_err(failed)
    }
}

impl PieceWriter {
    /// Takes bytes, and keeps each piece that is full.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = PIECE as usize - self.gathered.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.gathered.extend_from_slice(now);
            bytes = later;
            if self.gathered.len() as u64 == PIECE {
                self.put().await?;
                if (self.next - self.first).is_multiple_of(LOOK_EVERY) {
                    self.still_counts().await?;
                }
            }
        }
        Ok(())
    }

    /// Keeps what is left. Of a file that another relay has removed meanwhile, nothing is.
    pub(crate) async fn keep(&mut self) -> io::Result<()> {
        if !self.gathered.is_empty() {
            self.put().await?;
        }
        self.still_counts().await
    }

    /// Takes back all that was written.
    pub(crate) async fn undo(&mut self) -> io::Result<()> {
        // From the last on: what is left, should it break off, is still in a row.
        for number in (self.first..self.next).rev() {
            self.hub.link.purge(self.name, &number.to_string()).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn put(&mut self) -> io::Result<()> {
        if self.next >= self.most {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        let piece = Piece { offset: self.offset, bytes: std::mem::take(&mut self.gathered).into() };
        if !self.hub.link.put_piece(self.name, self.next, &piece).await.map_err(failed)? {
            return Err(ErrorKind::ResourceBusy.into());
        }
        (self.next, self.offset) = (self.next + 1, piece.end());
        Ok(())
    }

    async fn still_counts(&self) -> io::Result<()> {
        if self.hub.has_blob(self.name).await.map_err(failed)? {
            return Ok(());
        }
        self.hub.link.purge(self.name, "*").await.map_err(failed)?;
        Err(ErrorKind::NotFound.into())
    }
}

impl PieceReader {
    /// From now on reads this part.
    pub(crate) fn seek(&mut self, part: Range<u64>) {
        self.left = part;
    }

    /// The next bytes, so many at most; none at the end.
    pub(crate) async fn read(&mut self, most: u64) -> io::Result<Bytes> {
        if self.left.is_empty() {
            return Ok(Bytes::new());
        }
        let at = self.left.start;
        if !self.held.as_ref().is_some_and(|(_, piece)| (piece.offset..piece.end()).contains(&at)) {
            self.held = Some(self.find(at).await?);
        }
        let Some((_, piece)) = &self.held else { return Err(ErrorKind::UnexpectedEof.into()) };
        let end = self.left.end.min(piece.end()).min(at.saturating_add(most));
        self.left.start = end;
        Ok(piece.bytes.slice((at - piece.offset) as usize..(end - piece.offset) as usize))
    }

    /// The piece with a byte: the one behind the last, or where it is if all are full, or else by halving.
    async fn find(&self, at: u64) -> io::Result<(u64, Piece)> {
        let (mut low, mut high) = (at / PIECE, self.pieces);
        let mut look = self.held.as_ref().map_or(low, |(number, _)| number + 1);
        while low < high {
            let piece = self.hub.link.piece(self.name, look).await.map_err(failed)?;
            let piece = piece.ok_or(ErrorKind::UnexpectedEof)?;
            if (piece.offset..piece.end()).contains(&at) {
                return Ok((look, piece));
            }
            if at < piece.offset {
                high = look;
            } else {
                low = look + 1;
            }
            look = low.midpoint(high);
        }
        Err(ErrorKind::UnexpectedEof.into())
    }
}

impl Link {
    async fn piece(&self, name: BlobName, number: u64) -> Result<Option<Piece>, StoreError> {
        let (stream, prefix) = self.pieces()?;
        let found = self.last_on(stream, &format!("{prefix}.{}.{number}", name.to_text())).await?;
        found.map(|message| read_piece(&message)).transpose()
    }

    /// The last piece of a file that has no end yet, and its number.
    async fn last_piece(&self, name: BlobName) -> Result<Option<(u64, Piece)>, StoreError> {
        let (stream, prefix) = self.pieces()?;
        let found = self.last_on(stream, &format!("{prefix}.{}.*", name.to_text())).await?;
        let Some(message) = found else { return Ok(None) };
        let number = message.subject.rsplit('.').next().and_then(|number| number.parse().ok());
        let number = number.ok_or(StoreError::Corrupt("piece"))?;
        Ok(Some((number, read_piece(&message)?)))
    }

    /// Keeps a piece, unless another is there under its number.
    async fn put_piece(&self, name: BlobName, number: u64, piece: &Piece) -> Result<bool, StoreError> {
        let (_, prefix) = self.pieces()?;
        let subject = format!("{prefix}.{}.{number}", name.to_text());
        let bytes = [&piece.offset.to_be_bytes()[..], &piece.bytes].concat();
        match self.put_on(&subject, &bytes, 0).await? {
            Created::Yes => Ok(true),
            // Perhaps this very one, whose answer was lost.
            Created::Before => {
                let before = self.piece(name, number).await?;
                Ok(before.is_some_and(|before| before.offset == piece.offset && before.bytes == piece.bytes))
            }
        }
    }

    /// The size of a complete file, and how many pieces it has.
    async fn end(&self, name: BlobName) -> Result<Option<(u64, u64)>, StoreError> {
        let (stream, prefix) = self.pieces()?;
        let found = self.last_on(stream, &format!("{prefix}.{}.{END}", name.to_text())).await?;
        found.map(|message| Ok((number_at(&message.payload, 0)?, number_at(&message.payload, 8)?))).transpose()
    }

    async fn put_end(&self, name: BlobName, size: u64, pieces: u64) -> Result<(), StoreError> {
        let (_, prefix) = self.pieces()?;
        let bytes = [size.to_be_bytes(), pieces.to_be_bytes()].concat();
        // There already: it was completed before.
        self.put_on(&format!("{prefix}.{}.{END}", name.to_text()), &bytes, 0).await.map(drop)
    }

    async fn purge(&self, name: BlobName, what: &str) -> Result<(), StoreError> {
        let (stream, prefix) = self.pieces()?;
        let subject = format!("{prefix}.{}.{what}", name.to_text());
        self.again(|| async { stream.purge().filter(&subject).await.map(drop).map_err(|e| e.to_string()) }).await
    }
}

fn read_piece(message: &StreamMessage) -> Result<Piece, StoreError> {
    Ok(Piece { offset: number_at(&message.payload, 0)?, bytes: message.payload.slice(8..) })
}

fn number_at(bytes: &[u8], at: usize) -> Result<u64, StoreError> {
    let number = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    number.map(u64::from_be_bytes).ok_or(StoreError::Corrupt("piece"))
}

fn failed(error: StoreError) -> io::Error {
    io::Error::other(error)
}
