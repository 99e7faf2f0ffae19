//! Places in texts: the engine counts bytes, a page counts UTF-16 code units.

use std::ops::Range;

use serde_json::{Value, json};

/// Ranges of bytes as pairs of code units. What does not lie on whole characters is left out.
pub fn marks<'r>(text: &str, ranges: impl IntoIterator<Item = &'r Range<usize>>) -> Value {
    let units = |at: usize| text.get(..at).map(|before| before.encode_utf16().count());
    let pairs = ranges.into_iter().filter_map(|range| units(range.start).zip(units(range.end)));
    pairs.map(|(start, end)| json!([start, end])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_counted_as_a_page_counts() {
        assert_eq!(marks("é𝄞x", &[2..6, 6..7]), json!([[1, 3], [3, 4]]));
        assert_eq!(marks("é", &[1..2, 0..9]), json!([]));
    }
}
