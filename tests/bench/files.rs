//! Attachments: how fast a file is encrypted and decrypted, beside the bare cipher and the bare hash.

use std::error::Error;
use std::time::{Duration, Instant};

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit};
use undertone::attachment::{FileKey, Layout, Opener, Reader, Sealer};
use undertone::limits::ATTACHMENT_CHUNK;

use crate::baseline::median;

/// Times for a whole file.
pub struct Files {
    pub bytes: usize,
    pub bare_encrypt: Duration,
    pub bare_decrypt: Duration,
    pub bare_hash: Duration,
    pub seal: Duration,
    pub open: Duration,
    pub read: Duration,
}

/// Runs of everything, interleaved; the medians count.
const ROUNDS: usize = 5;

/// Measures with a file of `bytes` bytes, of which one piece is in memory.
pub fn measure(bytes: usize) -> Result<Files, Box<dyn Error>> {
    let layout = Layout::new(bytes as u64).ok_or("too large")?;
    let key = FileKey::from_bytes([7; 32]);
    let piece = vec![7; ATTACHMENT_CHUNK * 16];
    let mut times: [Vec<Duration>; 6] = Default::default();
    for _ in 0..ROUNDS {
        let runs = [
            bare(layout, true)?,
            bare(layout, false)?,
            hash(layout),
            seal(&key, layout, &piece)?,
            open(&key, layout, &piece, false)?,
            open(&key, layout, &piece, true)?,
        ];
        times.iter_mut().zip(runs).for_each(|(times, run)| times.push(run));
    }
    let [bare_encrypt, bare_decrypt, bare_hash, seal, open, read] = times.map(median);
    Ok(Files { bytes, bare_encrypt, bare_decrypt, bare_hash, seal, open, read })
}

/// The cipher by itself, in place, a chunk at a time.
fn bare(layout: Layout, encrypt: bool) -> Result<Duration, Box<dyn Error>> {
    let aead = ChaCha20Poly1305::new(&Key::from([7; 32]));
    let nonce = [0; 12].into();
    let mut chunk = vec![7; ATTACHMENT_CHUNK];
    let sealed = (chunk.clone(), aead.encrypt_inout_detached(&nonce, b"", chunk.as_mut_slice().into()));
    let (plain, ciphertext) = (sealed.0, chunk);
    let tag = sealed.1.map_err(|_| "encrypt")?;
    let mut spent = Duration::ZERO;
    for _ in 0..layout.chunks() {
        let mut buffer = if encrypt { plain.clone() } else { ciphertext.clone() };
        let start = Instant::now();
        if encrypt {
            aead.encrypt_inout_detached(&nonce, b"", buffer.as_mut_slice().into()).map_err(|_| "encrypt")?;
        } else {
            aead.decrypt_inout_detached(&nonce, b"", buffer.as_mut_slice().into(), &tag).map_err(|_| "decrypt")?;
        }
        spent += start.elapsed();
        std::hint::black_box(&buffer);
    }
    Ok(spent)
}

fn hash(layout: Layout) -> Duration {
    let chunk = vec![7; ATTACHMENT_CHUNK];
    let start = Instant::now();
    for _ in 0..layout.chunks() {
        std::hint::black_box(undertone::id::Hash32::of(&chunk));
    }
    start.elapsed()
}

fn seal(key: &FileKey, layout: Layout, piece: &[u8]) -> Result<Duration, Box<dyn Error>> {
    let mut sealer = Sealer::new(key, layout);
    let start = Instant::now();
    while sealer.next() < layout.pieces() {
        std::hint::black_box(sealer.seal(part(piece, &layout.file_range(sealer.next())))?);
    }
    Ok(start.elapsed())
}

/// Decrypts all of it, from its start to its end or as ranges; each piece is sealed outside the measured time.
fn open(key: &FileKey, layout: Layout, piece: &[u8], ranges: bool) -> Result<Duration, Box<dyn Error>> {
    let mut sealer = Sealer::new(key, layout);
    let (mut opener, reader) = (Opener::new(key, layout), Reader::new(key, layout));
    let mut spent = Duration::ZERO;
    while sealer.next() < layout.pieces() {
        let range = layout.file_range(sealer.next());
        let stored = sealer.seal(part(piece, &range))?;
        if ranges && range.is_empty() {
            continue;
        }
        let start = Instant::now();
        if ranges {
            let needed = reader.stored_range(&range);
            let needed = usize::try_from(needed.end - needed.start)?;
            std::hint::black_box(reader.read(&range, &stored[..needed])?);
        } else {
            std::hint::black_box(opener.open(&stored)?);
        }
        spent += start.elapsed();
    }
    Ok(spent)
}

fn part<'a>(piece: &'a [u8], range: &std::ops::Range<u64>) -> &'a [u8] {
    piece.get(..(range.end - range.start) as usize).unwrap_or_default()
}
