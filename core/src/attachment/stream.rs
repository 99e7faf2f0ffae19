//! The file's encryption: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, “Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance”, CRYPTO 2015) over ChaCha20-Poly1305, a piece at a time.

use aead_stream::{NewStream, StreamBE32, StreamPrimitive};
use chacha20poly1305::{ChaCha20Poly1305, Key};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{FileKey, Layout};
use crate::error::{Error, Misuse, PeerFault};
use crate::id::Hash32;
use crate::limits;

/// Bound to every chunk, before the file's size.
const LABEL: &[u8; 23] = b"undertone attachment v1";

/// The cipher of one file. A chunk opens only at its own place, as the last one or not, in a file of this size, and under
/// this key.
struct Chunks {
    stream: StreamBE32<ChaCha20Poly1305>,
    layout: Layout,
    bound: Vec<u8>,
}

impl Chunks {
    fn new(key: &FileKey, layout: Layout) -> Chunks {
        // The key serves one stream only, so that the nonces' common part need not be random.
        let stream = StreamBE32::new(&Key::from(*key.as_bytes()), &[0; 7].into());
        Chunks { stream, layout, bound: [&LABEL[..], &layout.size().to_be_bytes()].concat() }
    }

    /// Encrypts a chunk in place and appends its tag.
    fn seal(&self, chunk: u32, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let sealed = self.stream.encrypt_in_place(chunk, self.layout.is_last(chunk), &self.bound, buffer);
        sealed.map_err(|_| Error::Bug("attachment.seal"))
    }

    /// Verifies and decrypts a chunk in place.
    fn open(&self, chunk: u32, buffer: &mut Vec<u8>) -> Result<(), PeerFault> {
        let opened = self.stream.decrypt_in_place(chunk, self.layout.is_last(chunk), &self.bound, buffer);
        opened.map_err(|_| PeerFault::Forged)
    }
}

/// A hash over the ciphertext so far, from chunk to chunk: dₙ₊₁ = SHA-256(dₙ · chunk n). The last one is the file's
/// digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain(pub Hash32);

impl Chain {
    pub fn start(layout: Layout) -> Chain {
        Chain(Hash32::of(&[&LABEL[..], &layout.size().to_be_bytes()].concat()))
    }

    fn push(&mut self, chunk: &[u8]) {
        let mut hash = Sha256::new();
        hash.update(self.0.as_bytes());
        hash.update(chunk);
        self.0 = Hash32::from_bytes(hash.finalize().into());
    }
}

/// Encrypts a file, piece by piece, each once: with the same key, size and bytes it makes the same ciphertext.
///
/// The key must never have sealed other bytes. The engine's own uploads see to that; whoever uses this by itself must.
pub struct Sealer {
    chunks: Chunks,
    next: u32,
    chain: Chain,
}

impl Sealer {
    /// From the start.
    pub fn new(key: &FileKey, layout: Layout) -> Sealer {
        Sealer::at(key, layout, 0, Chain::start(layout))
    }

    /// From a piece on; `chain` is over all before it.
    pub(crate) fn at(key: &FileKey, layout: Layout, piece: u32, chain: Chain) -> Sealer {
        Sealer { chunks: Chunks::new(key, layout), next: piece, chain }
    }

    /// The number of the next piece; [`Layout::pieces`] when all are sealed.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Encrypts the next piece: exactly the bytes [`Layout::file_range`] of the file, none when it is all padding.
    ///
    /// # Errors
    /// [`Misuse::Attachment`] when they are more or fewer, or when all pieces are sealed.
    pub fn seal(&mut self, file: &[u8]) -> Result<Vec<u8>, Error> {
        let layout = self.chunks.layout;
        let (wanted, stored) = (layout.file_range(self.next), layout.stored_range(self.next));
        if stored.is_empty() || file.len() as u64 != wanted.end - wanted.start {
            return Err(Error::Misuse(Misuse::Attachment("exactly the bytes of the next piece are needed")));
        }
        let mut out = Vec::with_capacity(usize::try_from(stored.end - stored.start).unwrap_or(0));
        let mut buffer = Vec::with_capacity(limits::ATTACHMENT_CHUNK + 16);
        let mut rest = file;
        for chunk in layout.piece_chunks(self.next) {
            let len = layout.chunk_len(chunk);
            let (these, later) = rest.split_at(rest.len().min(len));
            buffer.clear();
            buffer.extend_from_slice(these);
            buffer.resize(len, 0);
            self.chunks.seal(chunk, &mut buffer)?;
            self.chain.push(&buffer);
            out.extend_from_slice(&buffer);
            rest = later;
        }
        self.next += 1;
        Ok(out)
    }

    /// The file's digest, once all pieces are sealed.
    pub fn digest(&self) -> Option<Hash32> {
        (self.next == self.chunks.layout.pieces()).then_some(self.chain.0)
    }

    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }
}

/// Decrypts a file from its start to its end, piece by piece.
pub struct Opener {
    chunks: Chunks,
    next: u32,
    chain: Chain,
}

impl Opener {
    /// From the start.
    pub fn new(key: &FileKey, layout: Layout) -> Opener {
        Opener::at(key, layout, 0, Chain::start(layout))
    }

    /// From a piece on; `chain` is over all before it.
    pub(crate) fn at(key: &FileKey, layout: Layout, piece: u32, chain: Chain) -> Opener {
        Opener { chunks: Chunks::new(key, layout), next: piece, chain }
    }

    /// The number of the next piece; [`Layout::pieces`] when all are opened.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Decrypts the next piece, which is exactly the bytes [`Layout::stored_range`] of the ciphertext. Nothing is
    /// returned, and nothing moves on, unless all of it is genuine.
    ///
    /// # Errors
    /// [`PeerFault::CutShort`] when bytes are missing; [`PeerFault::TooLarge`] when there are too many;
    /// [`PeerFault::Forged`] when they are not those of this place in this file.
    pub fn open(&mut self, stored: &[u8]) -> Result<Vec<u8>, PeerFault> {
        let chunks = self.chunks.layout.piece_chunks(self.next);
        let mut chain = self.chain;
        let plain = open_chunks(&self.chunks, chunks, stored, Some(&mut chain))?;
        let file = self.chunks.layout.file_range(self.next);
        self.next = self.next.saturating_add(1);
        self.chain = chain;
        Ok(cut(plain, 0, file.end - file.start))
    }

    /// The digest of what was opened, once that is all: it must be the one in the message.
    pub fn digest(&self) -> Option<Hash32> {
        (self.next == self.chunks.layout.pieces()).then_some(self.chain.0)
    }

    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }
}

/// Decrypts any part of a file, from only the chunks that it touches, like a player that seeks in a video.
///
/// It holds the key, and nothing of the engine: drop it when its message is removed.
pub struct Reader {
    chunks: Chunks,
}

crate::redact::redacted_debug!(Sealer, Opener, Reader);

impl Reader {
    /// Of a file of this key and size.
    pub fn new(key: &FileKey, layout: Layout) -> Reader {
        Reader { chunks: Chunks::new(key, layout) }
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.chunks.layout.size()
    }

    /// The bytes of the ciphertext that are needed for a range of the file; empty when that lies behind its end.
    pub fn stored_range(&self, file: &core::ops::Range<u64>) -> core::ops::Range<u64> {
        let layout = self.chunks.layout;
        layout.stored_of(layout.chunks_of(file))
    }

    /// A range of the file, cut off at its end, from exactly the bytes [`Reader::stored_range`] of the ciphertext.
    /// Nothing is returned unless all of it is genuine.
    ///
    /// # Errors
    /// As [`Opener::open`].
    pub fn read(&self, file: &core::ops::Range<u64>, stored: &[u8]) -> Result<Vec<u8>, PeerFault> {
        let chunks = self.chunks.layout.chunks_of(file);
        let from = file.start.saturating_sub(u64::from(chunks.start) * limits::ATTACHMENT_CHUNK as u64);
        let len = file.end.min(self.size()).saturating_sub(file.start);
        if chunks.is_empty() {
            return if stored.is_empty() { Ok(Vec::new()) } else { Err(PeerFault::TooLarge("attachment")) };
        }
        Ok(cut(open_chunks(&self.chunks, chunks, stored, None)?, from, len))
    }
}

/// Opens some chunks: all of them, or none. What is set aside for them follows the bytes that are there, and not what
/// anybody claims.
fn open_chunks(
    cipher: &Chunks,
    chunks: core::ops::Range<u32>,
    stored: &[u8],
    mut chain: Option<&mut Chain>,
) -> Result<Zeroizing<Vec<u8>>, PeerFault> {
    let range = cipher.layout.stored_of(chunks.clone());
    let given = stored.len() as u64;
    if given < range.end - range.start {
        return Err(PeerFault::CutShort);
    }
    if given > range.end - range.start || chunks.is_empty() {
        return Err(PeerFault::TooLarge("attachment"));
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(stored.len()));
    let mut buffer = Zeroizing::new(Vec::with_capacity(limits::ATTACHMENT_CHUNK + 16));
    for (chunk, bytes) in chunks.zip(stored.chunks(limits::ATTACHMENT_CHUNK + 16)) {
        buffer.clear();
        buffer.extend_from_slice(bytes);
        cipher.open(chunk, &mut buffer)?;
        if let Some(chain) = &mut chain {
            chain.push(bytes);
        }
        plain.extend_from_slice(&buffer);
    }
    Ok(plain)
}

/// `len` bytes behind the first `from`.
fn cut(mut plain: Zeroizing<Vec<u8>>, from: u64, len: u64) -> Vec<u8> {
    let mut plain = core::mem::take(&mut *plain);
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(plain.len());
    plain.drain(..from);
    plain.truncate(usize::try_from(len).unwrap_or(usize::MAX));
    plain
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
