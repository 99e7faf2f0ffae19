//! Segments as large as they get, held against plain lists.
//!
//! R21.

use std::collections::BTreeMap;

use super::{Desk, key};
use crate::error::{Error, Misuse, Result};
use crate::id::ConversationId;
use crate::limits;
use crate::rng::Rng;
use crate::search::build::{Builder, Built};
use crate::search::keep::testing::merge_two;
use crate::search::query::Need;
use crate::search::segment::{Place, Root, Segment, Slot};
use crate::store::Table;
use crate::store::vault::INLINE;
use crate::tx::Tx;

fn places(count: u64, rng: &mut Rng) -> Vec<Place> {
    let place = |number| Place {
        key: key(1_800_000_000_000 + number / 5 * 40, number),
        conversation: ConversationId::from_bytes([rng.below(200) as u8; 16]),
    };
    let mut places: Vec<Place> = (0..count).map(place).collect();
    places.sort_unstable_by(|a, b| b.cmp(a));
    places
}

/// Terms that share beginnings, some on every message, most on few.
fn postings(count: u32, rng: &mut Rng) -> BTreeMap<Vec<u8>, Vec<u32>> {
    let mut terms = BTreeMap::new();
    for number in 0..3_000u32 {
        let step = [1, 2, 7, 300, 5_000][(number % 5) as usize];
        let step = if number < 40 { step } else { 2_000 + rng.below(6_000) as u32 };
        let term = format!(
            "{}{:x}",
            ["a", "abc", "m", "zz", "лес"][(number % 5) as usize],
            number.wrapping_mul(2_654_435_761)
        );
        terms.insert(term.into_bytes(), (number % 11..count).step_by(step as usize).collect());
    }
    terms.insert(vec![b'a'; 48], vec![3]);
    terms.insert(vec![0xf4; 48], (0..count).collect());
    terms
}

fn write(tx: &Tx<'_>, places: &[Place], terms: &BTreeMap<Vec<u8>, Vec<u32>>) -> Root {
    let mut builder = Builder::new(7, places).unwrap();
    terms.iter().for_each(|(term, ordinals)| builder.add(term, ordinals));
    builder.finish().stage(tx)
}

fn found(segment: &Segment<'_>, prefix: bool, term: &[u8]) -> Vec<u32> {
    let bits = segment.matching(&[Need { prefix, term: term.to_vec() }]).unwrap();
    let mut all = Vec::new();
    let mut from = 0;
    while let Some(ordinal) = bits.next(from) {
        all.push(ordinal);
        from = ordinal + 1;
    }
    all
}

#[test]
fn r21_every_term_and_beginning_is_found_in_a_large_segment() {
    let mut rng = Rng::from_seed([5; 32]);
    let desk = Desk::new(0);
    let tx = desk.engine.read().unwrap();
    let places = places(16_000, &mut rng);
    let terms = postings(16_000, &mut rng);
    let segment = Segment::new(&tx, write(&tx, &places, &terms));
    assert!(segment.root.posting_pages > 30, "terms go on over pages");
    for (term, ordinals) in &terms {
        assert_eq!(found(&segment, false, term), *ordinals, "{term:?}");
    }
    for absent in [&b""[..], b"a", b"ab", b"b", b"zzz", &[0xf4; 47], &[0xff; 3], &[0]] {
        assert_eq!(found(&segment, false, absent), [0u32; 0], "{absent:?}");
    }
    for prefix in [&b"a"[..], b"abc", b"abc1", b"m", b"zz1", b"zzzz", "ле".as_bytes(), b"\xf4", b"q"] {
        let mut all: Vec<u32> =
            terms.iter().filter(|(term, _)| term.starts_with(prefix)).flat_map(|(_, o)| o.clone()).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(found(&segment, true, prefix), all, "{prefix:?}");
    }
    let pages = tx.scan_prefix(Table::SearchSegment, &7u64.to_be_bytes(), 1_000).unwrap();
    assert_eq!(pages.len(), segment.root.rows() - 1);
    assert!(pages.iter().all(|(_, value)| value.len() <= INLINE), "a page fits into a row");
    let fill = pages.iter().map(|(_, value)| value.len()).sum::<usize>() / pages.len();
    assert!(fill > INLINE / 2, "pages are filled: {fill}");
}

#[test]
fn r21_r25_messages_are_found_and_taken_out_by_their_place() {
    let mut rng = Rng::from_seed([6; 32]);
    let desk = Desk::new(0);
    let tx = desk.engine.read().unwrap();
    let places = places(1_000, &mut rng);
    let segment = Segment::new(&tx, write(&tx, &places, &BTreeMap::new()));
    let is_here = |ordinal: usize| matches!(segment.message(ordinal as u32).unwrap(), Slot::Here(place) if place == places[ordinal]);
    assert!((0..1_000).all(is_here));
    let mut gone = vec![false; 1_000];
    for _ in 0..600 {
        let ordinal = rng.below(1_000) as usize;
        assert_eq!(segment.remove(&places[ordinal]).unwrap(), !gone[ordinal]);
        gone[ordinal] = true;
        let other = rng.below(1_000) as usize;
        assert_eq!(is_here(other), !gone[other]);
    }
    let foreign = Place { conversation: ConversationId::from_bytes([0xee; 16]), ..places[0] };
    assert!(!segment.remove(&foreign).unwrap());
    for (ordinal, slot) in segment.messages().unwrap().into_iter().enumerate() {
        match slot {
            Slot::Here(place) => assert!(place == places[ordinal] && !gone[ordinal]),
            Slot::Gone(at) => assert!(at == places[ordinal].key.at && gone[ordinal]),
        }
    }
}

/// A segment of every second message, with terms of its own on every n-th of them.
fn half(places: &[Place], number: u64, terms: usize, step: usize) -> Built {
    let here: Vec<Place> = places.iter().copied().skip(number as usize).step_by(2).collect();
    let mut builder = Builder::new(number, &here).unwrap();
    for term in 0..terms {
        let ordinals: Vec<u32> = (term as u32 % step as u32..here.len() as u32).step_by(step).collect();
        builder.add(format!("{term:06}{number}").as_bytes(), &ordinals);
    }
    builder.finish()
}

#[test]
fn r21_segments_that_would_not_fit_into_one_batch_stay_apart() {
    let mut rng = Rng::from_seed([8; 32]);
    let places = places(6_000, &mut rng);
    for (step, terms, segments) in [(100, 4_200, 2), (20, 1_000, 1)] {
        let mut desk = Desk::new(0);
        // With a step of 100, each ordinal takes one byte in a half and two in the whole.
        let built = [0, 1].map(|number| half(&places, number, terms, step));
        let before: usize = built.iter().map(Built::pages).sum();
        assert!(before < limits::SEARCH_ROWS, "{before} rows are tried");
        let now = desk.now;
        let mut after = (0, 0);
        // Too much for one batch of this test, so it is looked at and dropped.
        let dropped = desk.engine.mutate(now, |ctx| -> Result<()> {
            after = merge_two(ctx, built)?;
            Err(Error::Misuse(Misuse::Empty))
        });
        assert!(dropped.is_err());
        assert_eq!(after, (segments, 0), "nor is it tried again");
    }
}
