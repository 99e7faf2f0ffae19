//! One segment out of several.

use core::cmp::Reverse;
use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::build::{Builder, Built};
use super::segment::{Place, Postings, Root, Segment, SegmentId, Slot};
use crate::error::Result;
use crate::tx::Tx;

/// Builds a segment of all that is not gone in others; `None` when all of it is.
pub(super) fn join(tx: &Tx<'_>, segment: SegmentId, roots: &[Root]) -> Result<Option<Built>> {
    let inputs: Vec<Segment<'_>> = roots.iter().map(|root| Segment::new(tx, root.clone())).collect();
    let mut all = Vec::new();
    let mut maps: Vec<Vec<Option<u32>>> = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        let slots = input.messages()?;
        maps.push(vec![None; slots.len()]);
        let here = slots.iter().enumerate().filter_map(|(at, slot)| match slot {
            Slot::Here(place) => Some((*place, number, at)),
            Slot::Gone(_) => None,
        });
        all.extend(here);
    }
    if all.is_empty() {
        return Ok(None);
    }
    all.sort_unstable_by_key(|(place, ..)| Reverse(*place));
    for (ordinal, (_, number, at)) in (0..).zip(&all) {
        if let Some(slot) = maps.get_mut(*number).and_then(|map| map.get_mut(*at)) {
            *slot = Some(ordinal);
        }
    }
    let places: Vec<Place> = all.iter().map(|(place, ..)| *place).collect();
    let mut builder = Builder::new(segment, &places)?;
    let mut streams: Vec<Stream<'_, '_>> = Vec::new();
    for (input, map) in inputs.iter().zip(&maps) {
        let mut stream = Stream { segment: input, map, page: 0, waiting: VecDeque::new() };
        stream.fill()?;
        streams.push(stream);
    }
    while let Some(term) = streams.iter().filter_map(Stream::term).min() {
        let term = Zeroizing::new(term.to_vec());
        let mut ordinals = Vec::new();
        for stream in &mut streams {
            while stream.term() == Some(&term) {
                stream.take(&mut ordinals)?;
            }
        }
        ordinals.sort_unstable();
        builder.add(&term, &ordinals);
    }
    Ok(Some(builder.finish()))
}

/// The terms of a segment in order, with the ordinals that they get.
struct Stream<'s, 't> {
    segment: &'s Segment<'t>,
    map: &'s [Option<u32>],
    page: u16,
    /// Those of the page read last.
    waiting: VecDeque<(Zeroizing<Vec<u8>>, Vec<u32>)>,
}

impl Stream<'_, '_> {
    fn term(&self) -> Option<&[u8]> {
        self.waiting.front().map(|(term, _)| term.as_slice())
    }

    fn take(&mut self, ordinals: &mut Vec<u32>) -> Result<()> {
        if let Some((_, old)) = self.waiting.pop_front() {
            let new = |old: u32| self.map.get(old as usize).copied().flatten();
            ordinals.extend(old.into_iter().filter_map(new));
        }
        self.fill()
    }

    fn fill(&mut self) -> Result<()> {
        while self.waiting.is_empty() {
            let Some(row) = self.segment.postings(self.page)? else { return Ok(()) };
            self.page += 1;
            let mut postings = Postings::new(&row);
            while postings.next()? {
                let mut ordinals = Vec::new();
                postings.each(|ordinal| ordinals.push(ordinal))?;
                self.waiting.push_back((postings.term.clone(), ordinals));
            }
        }
        Ok(())
    }
}
