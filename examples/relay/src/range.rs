//! Byte ranges of HTTP (RFC 9110, section 14), as far as a relay gives them: one range at a time.

use std::ops::Range;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: there is no `Range`, or one that is not understood, which counts as none.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Nothing,
}

/// Reads the value of a `Range` header, for something of `size` bytes.
///
/// Several ranges at once count as none: a server may ignore the header (section 14.2), and nobody needs them.
pub fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some((unit, set)) = header.and_then(|header| header.split_once('=')) else { return Wanted::All };
    let set = set.trim();
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Wanted::All;
    }
    let Some((first, last)) = set.split_once('-') else { return Wanted::All };
    let (Ok(first), Ok(last)) = (number(first), number(last)) else { return Wanted::All };
    match (first, last) {
        (None, None) => Wanted::All,
        (Some(first), Some(last)) if last < first => Wanted::All,
        (None, Some(0)) => Wanted::Nothing,
        (None, Some(length)) if size > 0 => Wanted::Part(size.saturating_sub(length)..size),
        (Some(first), last) if first < size => {
            Wanted::Part(first..last.map_or(size, |last| last.saturating_add(1).min(size)))
        }
        (None | Some(_), _) => Wanted::Nothing,
    }
}

/// Digits, or nothing at all.
fn number(text: &str) -> Result<Option<u64>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(());
    }
    // More than there can be is more than there is.
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rfc() {
        // The examples of section 14.1.2, of 10,000 bytes.
        let part = |range| Wanted::Part(range);
        for (header, expected) in [
            ("bytes=0-499", part(0..500)),
            ("bytes=500-999", part(500..1_000)),
            ("bytes=-500", part(9_500..10_000)),
            ("bytes=9500-", part(9_500..10_000)),
            ("BYTES=0-0", part(0..1)),
            ("bytes=9999-20000", part(9_999..10_000)),
            ("bytes=-20000", part(0..10_000)),
            ("bytes=0-99999999999999999999999", part(0..10_000)),
            ("bytes=10000-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=0-0,-1", Wanted::All),
            ("bytes=5-4", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=+1-2", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=1-2-3", Wanted::All),
            ("lines=0-1", Wanted::All),
            ("bytes", Wanted::All),
            ("", Wanted::All),
        ] {
            assert_eq!(wanted(Some(header), 10_000), expected, "{header}");
        }
        assert_eq!(wanted(None, 10_000), Wanted::All);
        assert_eq!(wanted(Some("bytes=-5"), 0), Wanted::Nothing);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }
}
