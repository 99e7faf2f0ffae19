//! The structure of MessagePack values, as far as our rows need it: where to cut them, and what to leave out.

use zeroize::Zeroizing;

/// Pieces are not smaller than this if it can be helped.
const PIECE_MIN: usize = 64;
/// Nesting of a value at most.
const DEPTH_MAX: usize = 64;
const NIL: u8 = 0xc0;

/// Where to cut a value into pieces of at most `max` bytes: the ends of all pieces.
///
/// The cuts lie before the elements of lists of maps (sender ratchets, tree nodes, past epochs): before each of a
/// short list, before every second or fourth of a longer one. So they depend on the places of elements and not on
/// their bytes: a changed element changes its own piece only. What has no structure is cut at `max`.
pub(super) fn cut(value: &[u8], max: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut start, mut last) = (0, 0);
    for place in Walk::over(value).places.into_iter().chain([value.len()]) {
        if place - start > max && last > start {
            ends.push(last);
            start = last;
        }
        while place - start > max {
            start += max;
            ends.push(start);
        }
        if place - start >= PIECE_MIN {
            ends.push(place);
            start = place;
        }
        last = place;
    }
    if start < value.len() {
        let before_last = ends.iter().rev().nth(1).copied().unwrap_or(0);
        if value.len() - before_last <= max {
            ends.pop();
        }
        ends.push(value.len());
    }
    ends
}

/// Puts nil in place of the values of all map entries with this key.
///
/// OpenMLS notes the system's time beside message keys (`added_at`). Nothing of ours reads it, and a row must not
/// depend on a clock.
pub(super) fn blank(value: &mut Zeroizing<Vec<u8>>, key: &str) {
    let mut blanked = 0;
    for (start, end) in Walk::over_key(value, key).found {
        let start = start - blanked;
        let end = end - blanked;
        value[start] = NIL;
        value.copy_within(end.., start + 1);
        blanked += end - start - 1;
        let len = value.len() - (end - start - 1);
        value.truncate(len);
    }
}

/// One pass over values one behind the other.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A key of less than 32 bytes; the empty one is never found.
    key: &'a [u8],
    /// Where a cut may be.
    places: Vec<usize>,
    /// Start and end of the values under `key`.
    found: Vec<(usize, usize)>,
}

impl<'a> Walk<'a> {
    fn over(bytes: &'a [u8]) -> Walk<'a> {
        Walk::over_key(bytes, "")
    }

    fn over_key(bytes: &'a [u8], key: &'a str) -> Walk<'a> {
        let mut walk = Walk { bytes, at: 0, key: key.as_bytes(), places: Vec::new(), found: Vec::new() };
        // Bytes that are no MessagePack have no structure; what was found before them is true all the same.
        while walk.at < bytes.len() && walk.value(0).is_some() {}
        walk
    }

    /// Passes one value; `None` where the bytes are no MessagePack.
    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.byte()? {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Some(()),
            marker @ 0x80..=0x8f => self.map(usize::from(marker & 0x0f), depth),
            0xde => self.length(2).and_then(|len| self.map(len, depth)),
            0xdf => self.length(4).and_then(|len| self.map(len, depth)),
            marker @ 0x90..=0x9f => self.array(usize::from(marker & 0x0f), depth),
            0xdc => self.length(2).and_then(|len| self.array(len, depth)),
            0xdd => self.length(4).and_then(|len| self.array(len, depth)),
            marker @ 0xa0..=0xbf => self.skip(usize::from(marker & 0x1f)),
            0xc4 | 0xd9 => self.length(1).and_then(|len| self.skip(len)),
            0xc5 | 0xda => self.length(2).and_then(|len| self.skip(len)),
            0xc6 | 0xdb => self.length(4).and_then(|len| self.skip(len)),
            0xcc | 0xd0 => self.skip(1),
            0xcd | 0xd1 | 0xd4 => self.skip(2),
            0xd5 => self.skip(3),
            0xca | 0xce | 0xd2 => self.skip(4),
            0xd6 => self.skip(5),
            0xcb | 0xcf | 0xd3 => self.skip(8),
            0xd7 => self.skip(9),
            0xd8 => self.skip(17),
            0xc7 => self.length(1).and_then(|len| self.skip(len + 1)),
            0xc8 => self.length(2).and_then(|len| self.skip(len + 1)),
            0xc9 => self.length(4).and_then(|len| self.skip(len + 1)),
            0xc1 => None,
        }
    }

    fn map(&mut self, len: usize, depth: usize) -> Option<()> {
        for _ in 0..len {
            let key = self.at;
            self.value(depth + 1)?;
            // The marker of a short string carries its length.
            let wanted = !self.key.is_empty()
                && self.at - key == 1 + self.key.len()
                && self.bytes[key..self.at].split_first() == Some((&(0xa0 | self.key.len() as u8), self.key));
            let start = self.at;
            self.value(depth + 1)?;
            if wanted {
                self.found.push((start, self.at));
            }
        }
        Some(())
    }

    fn array(&mut self, len: usize, depth: usize) -> Option<()> {
        let stride = match len {
            0..=16 => 1,
            17..=64 => 2,
            _ => 4,
        };
        for element in 0..len {
            let is_map = matches!(self.bytes.get(self.at)?, 0x80..=0x8f | 0xde | 0xdf);
            if is_map && element % stride == 0 {
                self.places.push(self.at);
            }
            self.value(depth + 1)?;
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn length(&mut self, bytes: usize) -> Option<usize> {
        (0..bytes).try_fold(0, |len, _| Some(len << 8 | usize::from(self.byte()?)))
    }

    fn skip(&mut self, len: usize) -> Option<()> {
        self.at = self.at.checked_add(len).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rng::Rng;

    fn covers(value: &[u8], max: usize) -> Vec<usize> {
        let ends = cut(value, max);
        let mut start = 0;
        for end in &ends {
            assert!(start < *end && end - start <= max);
            start = *end;
        }
        assert_eq!(start, value.len());
        ends
    }

    #[test]
    fn pieces_cover_everything_whatever_the_bytes() {
        let mut rng = Rng::from_seed([1; 32]);
        for _ in 0..3_000 {
            let mut value = vec![0; 1 + rng.below(2_000) as usize];
            rng.fill(&mut value);
            // Much nesting, many lists of maps.
            value.iter_mut().for_each(|byte| *byte = if *byte < 100 { 0x90 | *byte & 0x83 } else { *byte });
            covers(&value, 64 + rng.below(300) as usize);
        }
        assert_eq!(covers(&[0xc1; 1_000], 300), [300, 600, 900, 1_000], "no structure at all");
        assert_eq!(cut(&[], 300), [0; 0]);
    }

    #[test]
    fn endless_nesting_is_no_stack_overflow() {
        covers(&vec![0x91; 1_000_000], 3_900);
        covers(&vec![0x81; 1_000_000], 3_900);
    }

    #[test]
    fn cuts_fall_before_the_maps_of_a_list() {
        let record = |fill: u8| BTreeMap::from([("key", vec![fill; 80])]);
        let value = rmp_serde::to_vec(&("header", vec![record(1); 5])).unwrap();
        let ends = covers(&value, 3_900);
        let size = rmp_serde::to_vec(&record(1)).unwrap().len();
        assert_eq!(ends.len(), 5, "the header is too short for a piece of its own");
        assert!(ends.windows(2).all(|pair| pair[1] - pair[0] == size));
    }

    #[test]
    fn only_the_named_entries_are_blanked() {
        #[derive(serde::Serialize)]
        struct Inner {
            added_at: Option<std::time::SystemTime>,
            not_added_at: u32,
            text: &'static str,
        }
        let inner = |added_at| Inner { added_at, not_added_at: 7, text: "added_at" };
        let now = Some(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_700_000_000_123_456_789));
        let encode = |time| rmp_serde::to_vec_named(&("a", vec![inner(time), inner(time)], inner(time))).unwrap();
        let mut value = Zeroizing::new(encode(now));
        blank(&mut value, "added_at");
        assert_eq!(*value, encode(None));
        blank(&mut value, "added_at");
        assert_eq!(*value, encode(None), "nil stays nil");
    }
}
