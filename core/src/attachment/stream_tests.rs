//! R35, R14.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};

use super::*;

const MIB: usize = 1 << 20;

fn key() -> FileKey {
    FileKey::from_bytes([7; 32])
}

/// A file whose bytes do not repeat in step with chunks.
fn file(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at >> 16) as u8).collect()
}

fn layout(file: &[u8]) -> Layout {
    Layout::new(file.len() as u64).unwrap()
}

fn part(bytes: &[u8], range: core::ops::Range<u64>) -> &[u8] {
    &bytes[range.start as usize..range.end as usize]
}

fn seal(file: &[u8]) -> (Vec<u8>, Hash32) {
    let layout = layout(file);
    let mut sealer = Sealer::new(&key(), layout);
    let mut stored = Vec::new();
    while sealer.next() < layout.pieces() {
        stored.extend(sealer.seal(part(file, layout.file_range(sealer.next()))).unwrap());
    }
    assert_eq!(stored.len() as u64, layout.stored());
    (stored, sealer.digest().unwrap())
}

/// Opens all of `stored` as a file of `size` bytes under `key`.
fn open(key: &FileKey, size: u64, stored: &[u8]) -> Result<(Vec<u8>, Hash32), PeerFault> {
    let layout = Layout::new(size).unwrap();
    let mut opener = Opener::new(key, layout);
    let mut file = Vec::new();
    while opener.next() < layout.pieces() {
        let range = layout.stored_range(opener.next());
        let (from, to) = (range.start as usize, (range.end as usize).min(stored.len()));
        file.extend(opener.open(stored.get(from..to).unwrap_or_default())?);
    }
    Ok((file, opener.digest().unwrap()))
}

#[test]
fn r35_a_file_of_any_size_comes_back() {
    for len in [0, 1, 4_096, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1, 2 * MIB + 12_345] {
        let file = file(len);
        let (stored, digest) = seal(&file);
        let opened = open(&key(), len as u64, &stored).unwrap();
        assert!(opened == (file, digest), "{len}");
    }
}

/// The construction from the AEAD alone: nonce = 7 zeros · counter, 4 bytes big-endian · 1 for the last chunk.
#[test]
fn r35_the_ciphertext_is_stream_over_chacha20_poly1305() {
    let file = file(150_000);
    let (stored, digest) = seal(&file);
    let aead = ChaCha20Poly1305::new(&Key::from([7; 32]));
    let mut padded = file.clone();
    padded.resize(layout(&file).padded() as usize, 0);
    let aad = [&b"undertone attachment v1"[..], &150_000u64.to_be_bytes()].concat();
    let (mut expected, mut chain) = (Vec::new(), Hash32::of(&aad));
    let chunks: Vec<&[u8]> = padded.chunks(65_536).collect();
    for (at, chunk) in chunks.iter().enumerate() {
        let mut nonce = [0; 12];
        nonce[7..11].copy_from_slice(&(at as u32).to_be_bytes());
        nonce[11] = u8::from(at + 1 == chunks.len());
        let sealed = aead.encrypt(&nonce.into(), Payload { msg: chunk, aad: &aad }).unwrap();
        chain = Hash32::of(&[&chain.as_bytes()[..], &sealed].concat());
        expected.extend(sealed);
    }
    assert!(stored == expected && digest == chain);
}

#[test]
fn r14_a_file_cut_short_is_refused_wherever_it_is_cut() {
    let file = file(2 * MIB);
    let (stored, _) = seal(&file);
    for len in [0, 1, 65_551, 65_552, 65_553, MIB, stored.len() - 65_552, stored.len() - 1] {
        assert_eq!(open(&key(), 2 * MIB as u64, &stored[..len]).unwrap_err(), PeerFault::CutShort, "{len}");
    }
    // Claiming a smaller size along with it helps nobody: the size is bound, and so is which chunk is last.
    let shorter = Layout::new(MIB as u64).unwrap().stored() as usize;
    assert_eq!(open(&key(), MIB as u64, &stored[..shorter]).unwrap_err(), PeerFault::Forged);
}

#[test]
fn r14_swapped_and_repeated_chunks_are_refused() {
    const STORED: usize = 65_552;
    let file = vec![9; 2 * MIB];
    let (stored, _) = seal(&file);
    for (from, to) in [(0, 1), (1, 0), (3, 20), (20, 3), (30, 31), (31, 0)] {
        let mut bad = stored.clone();
        bad.copy_within(from * STORED..(from + 1) * STORED, to * STORED);
        assert_eq!(open(&key(), file.len() as u64, &bad).unwrap_err(), PeerFault::Forged, "{from} at {to}");
    }
}

#[test]
fn r14_a_flipped_bit_anywhere_and_a_wrong_key_are_refused() {
    let file = file(100_000);
    let (stored, _) = seal(&file);
    for at in [0, 15, 16, 65_535, 65_536, 65_551, 65_552, 99_999, stored.len() - 1] {
        let mut bad = stored.clone();
        bad[at] ^= 0x10;
        assert_eq!(open(&key(), 100_000, &bad).unwrap_err(), PeerFault::Forged, "{at}");
    }
    let wrong = FileKey::from_bytes([8; 32]);
    assert_eq!(open(&wrong, 100_000, &stored).unwrap_err(), PeerFault::Forged);
    // A size that lays the file out in the same way is still another one.
    assert_eq!(open(&key(), 99_999, &stored).unwrap_err(), PeerFault::Forged);
}

#[test]
fn r14_a_claim_of_ten_gigabytes_fails_at_the_first_piece() {
    let (stored, _) = seal(&file(1_000));
    let layout = Layout::new(10_000_000_000).unwrap();
    let mut opener = Opener::new(&key(), layout);
    assert_eq!(opener.open(&stored).unwrap_err(), PeerFault::CutShort);
    let reader = Reader::new(&key(), layout);
    assert_eq!(reader.read(&(0..10_000_000_000), &stored).unwrap_err(), PeerFault::CutShort);
    assert_eq!(reader.read(&(9_999_999_990..u64::MAX), &stored).unwrap_err(), PeerFault::CutShort);
}

#[test]
fn r35_a_refused_piece_leaves_the_transfer_where_it_was() {
    let file = file(2 * MIB);
    let (stored, digest) = seal(&file);
    let layout = layout(&file);
    let mut opener = Opener::new(&key(), layout);
    let first = part(&stored, layout.stored_range(0));
    opener.open(first).unwrap();
    assert_eq!(opener.open(first), Err(PeerFault::Forged), "a piece once more is not the next one");
    assert_eq!(opener.open(&stored), Err(PeerFault::TooLarge("attachment")));
    assert_eq!((opener.next(), opener.digest()), (1, None));
    assert!(opener.open(part(&stored, layout.stored_range(1))).unwrap() == file[MIB..]);
    assert_eq!(opener.digest(), Some(digest));
    assert_eq!(opener.open(&[]), Err(PeerFault::TooLarge("attachment")), "there is nothing behind the end");
}

#[test]
fn r35_any_range_is_read_from_only_its_chunks() {
    let file = file(2 * MIB + 777);
    let (stored, _) = seal(&file);
    let reader = Reader::new(&key(), layout(&file));
    let len = file.len() as u64;
    for range in [0..0, 0..1, 65_530..65_540, 70_000..70_001, 131_072..262_144, len - 5..len, 0..len, len..len + 9] {
        let needed = reader.stored_range(&range);
        assert!(needed.end - needed.start <= (range.end - range.start) + 2 * 65_552 + 16 * 64);
        let read = reader.read(&range, part(&stored, needed.clone())).unwrap();
        let end = range.end.min(len);
        assert!(read == part(&file, range.start.min(end)..end), "{range:?}");
        if !needed.is_empty() {
            let mut bad = part(&stored, needed.clone()).to_vec();
            bad[7] ^= 1;
            assert_eq!(reader.read(&range, &bad), Err(PeerFault::Forged));
            let shifted = needed.start + 65_552..needed.end + 65_552;
            if shifted.end <= stored.len() as u64 {
                assert_eq!(reader.read(&range, part(&stored, shifted)), Err(PeerFault::Forged));
            }
        }
    }
    assert_eq!(reader.read(&(5..5), &[1]), Err(PeerFault::TooLarge("attachment")));
}

#[test]
fn r35_a_piece_takes_exactly_its_bytes() {
    let file = file(MIB + 1);
    let mut sealer = Sealer::new(&key(), layout(&file));
    let wrong = Err(Error::Misuse(Misuse::Attachment("exactly the bytes of the next piece are needed")));
    assert_eq!(sealer.seal(&file), wrong);
    assert_eq!(sealer.seal(&file[..MIB - 1]), wrong);
    assert!(sealer.seal(&file[..MIB]).is_ok() && sealer.digest().is_none());
    assert!(sealer.seal(&file[MIB..]).is_ok() && sealer.digest().is_some());
    assert_eq!(sealer.seal(&[]), wrong);
}

/// ChaCha20-Poly1305 does not commit to its key: who knows two keys can make one ciphertext that opens under both. The
/// digest in the message commits to the ciphertext, so that a report shows what its recipient saw.
#[test]
fn r26_the_digest_tells_ciphertexts_apart_that_are_both_genuine() {
    let (one, other) = (vec![1; 5_000], vec![2; 5_000]);
    let ((first, first_digest), (second, second_digest)) = (seal(&one), seal(&other));
    assert_ne!(first_digest, second_digest);
    assert!(open(&key(), 5_000, &first).is_ok() && open(&key(), 5_000, &second).unwrap().1 == second_digest);
}
