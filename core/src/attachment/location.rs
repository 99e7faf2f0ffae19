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
    /// `None` unless it has 1 to [`limits::LOCATION`] visible ASCII characters, no `\` and no part `..`, and names no
    /// scheme but `https:`. So it can be no script, no local file, and no way around what the host puts before it.
    pub fn new(text: impl Into<String>) -> Option<Location> {
        let text = text.into();
        let visible = text.bytes().all(|c| c.is_ascii_graphic() && c != b'\\');
        let inside = !text.starts_with("//") && !text.split(['/', '?', '#']).any(is_up);
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

/// Whether a part of a path leads upwards, written out or percent-encoded.
fn is_up(part: &str) -> bool {
    part.to_ascii_lowercase().replace("%2e", ".") == ".."
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
        for good in ["https://files.example.org/b/7f3a?sig=1", "bucket/7f3a", "7f3a", "HTTPS://x/y", "a/b:c", "a..b"] {
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
            "https://example.org/%2E%2e/admin",
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
