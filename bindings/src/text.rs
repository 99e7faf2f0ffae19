//! Places in texts.

use std::ops::Range;

use crate::error::Result;
use crate::mirror::Mirror;

/// A part of a text, in bytes of its UTF-8. Each language has a helper that gives the part as its own texts count.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct TextRange {
    /// The first byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
}

impl Mirror<Range<usize>> for TextRange {
    fn of(from: Range<usize>) -> TextRange {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        TextRange { start: place(from.start), end: place(from.end) }
    }
}

impl From<TextRange> for Range<usize> {
    fn from(TextRange { start, end }: TextRange) -> Range<usize> {
        start as usize..end as usize
    }
}

/// The addresses in a text that may be made links of: no more than look like one to a person, with nothing hidden.
#[uniffi::export]
pub fn find_links(text: String) -> Result<Vec<TextRange>> {
    Ok(Mirror::of(undertone::link::links(&text)))
}
