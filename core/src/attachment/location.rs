//! Where a file is kept.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;

/// Where the host keeps an encrypted file: a path, an id or an address that only hosts understand. Those of peers come
/// from them: fetch nothing but from your own storage.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Location(String);

crate::redact::redacted_debug!(Location);

impl Location {
    /// Takes a host's string.
    ///
    /// # Errors
    /// `None` unless it has 1 to [`limits::LOCATION`] visible ASCII characters, no `\` and no part `.` or `..`, and names
    /// no scheme but `https:`. A `%` stands before two hexadecimal digits, and hides none of that: no part of dots, no
    /// control character, and in a path no `/`, `\` or other `%`; the query of a signed address may have those. So it can
    /// be no script, no local file, and no way around what the host puts before it.
    pub fn new(text: impl Into<String>) -> Option<Location> {
        let text = text.into();
        let visible = text.bytes().all(|c| c.is_ascii_graphic() && c != b'\\');
        let inside = !text.starts_with("//") && !text.split(['/', '?', '#']).any(is_dots) && hides_nothing(&text);
        let bounded = (1..=limits::LOCATION).contains(&text.len());
        (bounded && visible && inside && scheme(&text).is_none_or(|s| s.eq_ignore_ascii_case("https")))
            .then_some(Location(text))
    }

    /// The host's string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Location::new(text).ok_or_else(|| de::Error::custom("location"))
    }
}

/// Whether a part of a path is one that leads nowhere or upwards, written out or percent-encoded.
fn is_dots(part: &str) -> bool {
    matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

/// Whether all that is percent-encoded (RFC 3986, section 2.1) leads to the same place for whoever decodes it, even twice,
/// as for whoever does not.
fn hides_nothing(text: &str) -> bool {
    let (path, rest) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    hides_none(path, b"/\\%") && hides_none(rest, b"")
}

/// Whether every `%` stands for a byte that is no control character and none of these.
fn hides_none(text: &str, bytes: &[u8]) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_some_and(|byte| !byte.is_ascii_control() && !bytes.contains(&byte))
    })
}

/// The scheme of an address (RFC 3986, section 3.1), if it has one.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let name = |c: u8| c.is_ascii_alphanumeric() || b"+-.".contains(&c);
    (scheme.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && scheme.bytes().all(name)).then_some(scheme)
}

#[cfg(test)]
mod tests {
    //! R22.

    use super::*;

    #[test]
    fn r22_a_location_is_no_script_no_local_file_and_no_way_up() {
        for good in [
            "https://files.example.org/b/7f3a?sig=1",
            "https://x/y?credential=k%2F20270115%2Fs3&sig=a%2B%5C%25%3D#%2F",
            "bucket/7f3a",
            "7f3a",
            "HTTPS://x/y",
            "a/b:c",
            "a..b",
            "a%20b/caf%C3%A9",
            "v1%2E2",
        ] {
            assert_eq!(Location::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(limits::LOCATION + 1);
        for bad in [
            "",
            "javascript:alert(1)",
            "http://example.org/a",
            "file:///etc/passwd",
            "C:\\secrets",
            "\\\\server\\share",
            "//server/share",
            "a/../../b",
            "..",
            ".",
            "a/./b",
            "https://example.org/%2E%2e/admin",
            "https://example.org/.%2e/admin",
            "a/%2e/b",
            "a%2fb",
            "a/..%2F..%2Fb",
            "a%5cb",
            "a%5Cb",
            "a%00",
            "a%0d%0Ab",
            "a%1f",
            "a%7F",
            "a%252fb",
            "a%",
            "a%2",
            "a%zz",
            "a%+2",
            "https://x/y?a=%00",
            "https://x/y?a=%0D%0a",
            "https://x/y?a=%",
            "https://x/y#%7f",
            "https://x/y?%2e%2E/z",
            "with space",
            "new\nline",
            "naïve",
            "data:text/html,x",
            &long,
        ] {
            assert!(Location::new(bad).is_none(), "{bad}");
        }
    }
}
