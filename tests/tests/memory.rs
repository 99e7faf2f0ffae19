//! What files take of memory, counted byte by byte: no more for a large one than for a small one.
//!
//! R35, R14.

#![allow(unsafe_code, clippy::unwrap_used, reason = "an allocator that counts, for a test")]

use std::alloc::{GlobalAlloc, Layout as Space, System};
use std::cell::Cell;

use undertone::attachment::{FileKey, Layout, Opener, Reader, Sealer};
use undertone::error::PeerFault;

const MIB: usize = 1 << 20;

thread_local! {
    /// Bytes that this thread has taken and not given back, and the most that it ever were.
    static LIVE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, which counts for each thread by itself.
struct Counting;

fn count(taken: usize, given_back: usize) {
    // A thread that ends has no counter any more.
    let _ = LIVE.try_with(|live| {
        let (now, most) = live.get();
        let now = now.saturating_sub(given_back) + taken;
        live.set((now, most.max(now)));
    });
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, space: Space) -> *mut u8 {
        count(space.size(), 0);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(space) }
    }

    unsafe fn dealloc(&self, at: *mut u8, space: Space) {
        count(0, space.size());
        // SAFETY: as above.
        unsafe { System.dealloc(at, space) }
    }

    unsafe fn realloc(&self, at: *mut u8, space: Space, size: usize) -> *mut u8 {
        // Both are there while one is copied into the other.
        count(size, 0);
        count(0, space.size());
        // SAFETY: as above.
        unsafe { System.realloc(at, space, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most memory that something took beyond what was taken before.
fn most(work: impl FnOnce()) -> usize {
    let before = LIVE.with(|live| {
        let (now, _) = live.get();
        live.set((now, now));
        now
    });
    work();
    LIVE.with(|live| live.get().1) - before
}

fn key() -> FileKey {
    FileKey::from_bytes([7; 32])
}

/// Encrypts a file and decrypts it again, of which nobody has more than a piece at a time.
fn carry(size: usize) {
    let layout = Layout::new(size as u64).unwrap();
    let (mut sealer, mut opener) = (Sealer::new(&key(), layout), Opener::new(&key(), layout));
    for piece in 0..layout.pieces() {
        let range = layout.file_range(piece);
        let file = vec![piece as u8; (range.end - range.start) as usize];
        let stored = sealer.seal(&file).unwrap();
        assert!(opener.open(&stored).unwrap() == file);
    }
    assert_eq!(sealer.digest(), opener.digest());
    assert!(sealer.digest().is_some());
}

#[test]
fn r35_a_file_of_any_size_is_carried_in_the_memory_of_some_pieces() {
    let [small, large] = [2 * MIB, 200 * MIB].map(|size| most(|| carry(size)));
    assert!(small >= 2 * MIB, "what is counted: {small}");
    assert!(large <= small + 4_096, "{large} bytes for 200 MiB, {small} for 2 MiB");
    assert!(large < 4 * MIB, "{large}");
}

#[test]
fn r35_a_range_of_a_large_file_is_read_in_the_memory_of_the_range() {
    let layout = Layout::new(10_000_000_000).unwrap();
    let took = most(|| {
        let reader = Reader::new(&key(), layout);
        let range = 7_000_000_000..7_000_100_000;
        let needed = reader.stored_range(&range);
        let stored = vec![0; (needed.end - needed.start) as usize];
        assert_eq!(reader.read(&range, &stored).unwrap_err(), PeerFault::Forged);
    });
    assert!(took > 100_000 && took < MIB, "{took}");
}

#[test]
fn r14_a_claim_of_ten_gigabytes_takes_the_memory_of_what_was_brought() {
    let layout = Layout::new(10_000_000_000).unwrap();
    let brought = vec![3; 1_000];
    let took = most(|| {
        assert_eq!(Opener::new(&key(), layout).open(&brought).unwrap_err(), PeerFault::CutShort);
        let reader = Reader::new(&key(), layout);
        for range in [0..10_000_000_000, 9_999_999_990..u64::MAX, 0..u64::MAX] {
            assert_eq!(reader.read(&range, &brought).unwrap_err(), PeerFault::CutShort);
        }
    });
    assert!(took < 16_384, "{took}");
}
