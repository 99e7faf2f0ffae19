//! Links: addresses that a tap may open.

use core::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;
use crate::text;

/// An address of one of the schemes that may be opened: `https`, `http`, `mailto` and `tel`. Nothing that a tap runs
/// (`javascript`), that reads this device (`file`), or that hides what it is (`data`).
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Link(String);

crate::redact::redacted_debug!(Link);

const SCHEMES: [&str; 4] = ["https", "http", "mailto", "tel"];

impl Link {
    /// Takes an address.
    ///
    /// # Errors
    /// `None` unless it has one of the schemes, something behind it, at most [`limits::LINK`] bytes, and no space,
    /// control, invisible or bidirectional character; with `https` and `http` there is a host, and no user name before
    /// it, which could show as another host.
    pub fn new(address: impl Into<String>) -> Option<Link> {
        let address = address.into();
        let (scheme, rest) = address.split_once(':')?;
        let scheme = SCHEMES.into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
        let rest_fits = match scheme {
            "https" | "http" => rest.strip_prefix("//").is_some_and(has_plain_host),
            _ => !rest.is_empty() && !rest.starts_with('/'),
        };
        let visible =
            !address.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\' || text::is_invisible(c));
        let fits = rest_fits && visible && address.len() <= limits::LINK && text::clean(&address) == address;
        fits.then_some(Link(address))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Link::new(String::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("link"))
    }
}

/// Whether the authority (RFC 3986, section 3.2) of what follows `//` is a host alone, with a port at most.
fn has_plain_host(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    !host.is_empty() && !authority.contains('@')
}

/// Which bytes of a text are links that a tap may open, in order and not overlapping: words that begin with an allowed
/// scheme, without the punctuation that ends a sentence. Anything else stays text.
pub fn links(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let start = at;
        at += word.len();
        let word = word.trim_end();
        let inner = word.trim_start_matches(OPENING);
        let start = start + word.len() - inner.len();
        let inner = unpunctuated(inner);
        if Link::new(inner).is_some() {
            found.push(start..start + inner.len());
        }
    }
    found
}

const ENDING: [char; 14] = ['.', ',', ';', ':', '!', '?', '"', '\'', '”', '“', '>', ']', '…', '*'];
const OPENING: [char; 7] = ['(', '[', '<', '"', '\'', '„', '“'];

/// Without what ends a sentence or closes a bracket that was not opened.
fn unpunctuated(word: &str) -> &str {
    let opened = word.matches('(').count();
    let mut closed = word.matches(')').count();
    word.trim_end_matches(|c| match c {
        ')' if closed > opened => {
            closed -= 1;
            true
        }
        c => ENDING.contains(&c),
    })
}

#[cfg(test)]
mod tests {
    //! R22.

    use super::*;

    #[test]
    fn r22_only_allowed_schemes_make_a_link() {
        for good in [
            "https://example.org",
            "HTTPS://example.org:8443/a?b=c#d",
            "http://münchen.example/straße",
            "mailto:ann@example.org",
            "tel:+49-30-123",
        ] {
            assert_eq!(Link::new(good).unwrap().as_str(), good);
        }
        let long = format!("https://example.org/{}", "a".repeat(limits::LINK));
        for bad in [
            "",
            "example.org",
            "https:",
            "https://",
            "https:///etc",
            "https://:80/",
            "javascript:alert(1)",
            "JavaScript://example.org/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "intent://scan/#Intent;end",
            "tel:",
            "mailto:",
            "https://bank.example@evil.example/",
            "https://exa mple.org",
            "https://example.org/\u{202e}gpj",
            "https://exam\u{200b}ple.org",
            "https://example.org\\@evil.example",
            "https://example.org/\n",
            &long,
        ] {
            assert!(Link::new(bad).is_none(), "{bad:?}");
        }
    }

    /// The published strings: addresses that deceive, and some that are as they look.
    #[test]
    fn r22_of_published_addresses_only_those_open_that_are_as_they_look() {
        #[derive(serde::Deserialize)]
        struct File {
            link: Vec<Entry>,
        }
        #[derive(serde::Deserialize)]
        struct Entry {
            address: String,
            opens: bool,
        }
        let file: File = toml::from_str(include_str!("../../tests/strings/text.toml")).unwrap();
        assert!(file.link.len() >= 20);
        for Entry { address, opens } in file.link {
            assert_eq!(Link::new(address.as_str()).is_some(), opens, "{address:?}");
            let found = links(&address).into_iter().any(|range| range == (0..address.len()));
            assert_eq!(found, opens, "in a text: {address:?}");
        }
    }

    #[test]
    fn r22_links_are_found_in_a_text_without_what_surrounds_them() {
        let found = |text: &str| links(text).into_iter().map(|range| text[range].to_owned()).collect::<Vec<_>>();
        assert_eq!(
            found("see https://example.org/a_(b), or (http://x.example)."),
            ["https://example.org/a_(b)", "http://x.example"]
        );
        assert_eq!(found("“mailto:ann@example.org”!\ntel:112"), ["mailto:ann@example.org", "tel:112"]);
        assert!(found("javascript:alert(1) example.org https:// a:b").is_empty());
        assert!(found("").is_empty());
    }

    #[test]
    fn r22_any_text_of_chance_gives_ranges_that_are_links() {
        const PIECES: [&str; 14] =
            ["https://", "http:", "tel:", "a", ".", ")", "(", " ", "\n", "ü", "\u{202e}", "@", "/", "mailto:"];
        let mut rng = crate::rng::Rng::from_seed([9; 32]);
        for _ in 0..3_000 {
            let text: String = (0..rng.below(30)).map(|_| PIECES[rng.below(14) as usize]).collect();
            let mut end = 0;
            for range in links(&text) {
                assert!(range.start >= end && Link::new(&text[range.clone()]).is_some(), "{text:?}");
                end = range.end;
            }
        }
    }
}
