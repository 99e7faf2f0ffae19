//! How a file of a known size lies in its ciphertext: chunks, pieces, padding. All of it follows from the size.

use core::ops::Range;

use crate::envelope::padme;
use crate::limits;

/// Length of a chunk's tag.
pub(super) const TAG: u64 = 16;
/// Length of a chunk before it is encrypted.
const CHUNK: u64 = limits::ATTACHMENT_CHUNK as u64;
/// Length of a chunk as it is stored.
const STORED: u64 = CHUNK + TAG;
/// Smaller files are padded to this.
const FLOOR: u64 = 4 * 1024;

/// The sizes of a file and of its ciphertext, in bytes.
///
/// The file is padded with zeros (Padmé, at least 4 KiB), cut into chunks of [`limits::ATTACHMENT_CHUNK`], and each is
/// encrypted with a tag of 16 bytes. [`limits::ATTACHMENT_PIECE`] chunks are a piece: what is worked on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    size: u64,
}

impl Layout {
    /// Of a file of `size` bytes; `None` above [`limits::ATTACHMENT`].
    pub const fn new(size: u64) -> Option<Layout> {
        if size <= limits::ATTACHMENT { Some(Layout { size }) } else { None }
    }

    /// Bytes of the file.
    pub const fn size(self) -> u64 {
        self.size
    }

    /// Bytes of the file with its padding.
    pub fn padded(self) -> u64 {
        padme(self.size.max(FLOOR))
    }

    /// Bytes of the ciphertext: what is uploaded.
    pub fn stored(self) -> u64 {
        self.padded() + u64::from(self.chunks()) * TAG
    }

    /// Chunks, at least one.
    pub fn chunks(self) -> u32 {
        // At most 2²⁴: the limit is 2⁴⁰ bytes, which Padmé leaves as it is.
        u32::try_from(self.padded().div_ceil(CHUNK)).unwrap_or(u32::MAX)
    }

    /// Pieces, at least one.
    pub fn pieces(self) -> u32 {
        self.chunks().div_ceil(limits::ATTACHMENT_PIECE)
    }

    /// The bytes of the file that a piece holds; empty when it is all padding.
    pub fn file_range(self, piece: u32) -> Range<u64> {
        let chunks = self.piece_chunks(piece);
        let at = |chunk: u32| (u64::from(chunk) * CHUNK).min(self.size);
        at(chunks.start)..at(chunks.end)
    }

    /// The bytes of the ciphertext that a piece is.
    pub fn stored_range(self, piece: u32) -> Range<u64> {
        self.stored_of(self.piece_chunks(piece))
    }

    /// The chunks of a piece.
    pub(super) fn piece_chunks(self, piece: u32) -> Range<u32> {
        let at = |piece: u32| piece.saturating_mul(limits::ATTACHMENT_PIECE).min(self.chunks());
        at(piece)..at(piece.saturating_add(1))
    }

    /// The chunks that hold a range of the file, which is cut off at its end.
    pub(super) fn chunks_of(self, file: &Range<u64>) -> Range<u32> {
        let (start, end) = (file.start.min(self.size), file.end.min(self.size));
        if start >= end {
            return 0..0;
        }
        let chunk = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
        chunk(start / CHUNK)..chunk(end.div_ceil(CHUNK))
    }

    /// The bytes of the ciphertext that some chunks are.
    pub(super) fn stored_of(self, chunks: Range<u32>) -> Range<u64> {
        let at = |chunk: u32| (u64::from(chunk) * STORED).min(self.stored());
        at(chunks.start)..at(chunks.end)
    }

    /// Length of a chunk before it is encrypted, padding included.
    pub(super) fn chunk_len(self, chunk: u32) -> usize {
        let rest = self.padded().saturating_sub(u64::from(chunk) * CHUNK);
        usize::try_from(rest).unwrap_or(usize::MAX).min(limits::ATTACHMENT_CHUNK)
    }

    /// Whether a chunk is the last.
    pub(super) fn is_last(self, chunk: u32) -> bool {
        chunk.saturating_add(1) == self.chunks()
    }
}

#[cfg(test)]
mod tests {
    //! R35, R40.

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn r40_sizes_nearby_look_alike() {
        let stored = |size| Layout::new(size).unwrap().stored();
        assert_eq!(stored(0), 4 * 1024 + TAG);
        assert_eq!(stored(1), stored(4 * 1024));
        assert_eq!(stored(10 * MIB), stored(10 * MIB - 100_000));
        for size in [0, 1, 4_097, 65_536, 65_537, 5 * MIB + 3, 10_000_000_000, limits::ATTACHMENT] {
            let layout = Layout::new(size).unwrap();
            assert!(layout.padded() >= size && layout.padded() <= (size * 112 / 100).max(4 * 1024), "{size}");
        }
        assert_eq!(Layout::new(limits::ATTACHMENT + 1), None);
    }

    #[test]
    fn pieces_cover_the_file_and_its_ciphertext_without_gaps() {
        for size in [0, 1, 4_096, 65_535, 65_536, 65_537, MIB, MIB + 1, 3 * MIB + 77] {
            let layout = Layout::new(size).unwrap();
            let (mut file, mut stored) = (0, 0);
            for piece in 0..layout.pieces() {
                let (f, s) = (layout.file_range(piece), layout.stored_range(piece));
                assert_eq!((f.start, s.start), (file, stored), "{size}");
                assert!(!s.is_empty() && s.end - s.start <= 16 * STORED);
                let len: u64 = layout.piece_chunks(piece).map(|chunk| layout.chunk_len(chunk) as u64 + TAG).sum();
                assert_eq!(s.end - s.start, len);
                (file, stored) = (f.end, s.end);
            }
            assert_eq!((file, stored), (size, layout.stored()), "{size}");
            assert!(layout.file_range(layout.pieces()).is_empty() && layout.stored_range(u32::MAX).is_empty());
        }
    }

    #[test]
    fn a_range_takes_only_the_chunks_that_it_touches() {
        let layout = Layout::new(3 * MIB + 77).unwrap();
        assert_eq!(layout.chunks_of(&(0..1)), 0..1);
        assert_eq!(layout.chunks_of(&(65_535..65_537)), 0..2);
        assert_eq!(layout.chunks_of(&(65_536..131_072)), 1..2);
        assert_eq!(layout.chunks_of(&(3 * MIB..u64::MAX)), 48..49);
        assert_eq!(layout.chunks_of(&(4 * MIB..5 * MIB)), 0..0);
        #[allow(clippy::reversed_empty_ranges, reason = "a caller may")]
        let backwards = 9..3;
        assert_eq!(layout.chunks_of(&backwards), 0..0);
    }
}
