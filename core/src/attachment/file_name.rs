//! File names that do no harm wherever they are used.

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::limits;
use crate::text::is_invisible;

/// A file's name, cleaned: one part of a path, which no system takes for anything else, and which shows as what it is.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FileName(String);

crate::redact::redacted_debug!(FileName);

/// Extensions are kept when a name is cut, up to this length in bytes.
const EXTENSION: usize = 16;
/// What a name without anything to keep becomes.
const NAMELESS: &str = "file";
/// Names that Windows takes for devices, whatever their extension.
const DEVICES: [&str; 8] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$", "COM0"];

impl FileName {
    /// Makes a name harmless. There is always something left.
    ///
    /// - of a path, its last part; `/` and `\` both separate;
    /// - NFC; without control, format, bidirectional, invisible and unassigned-for-ever characters; every kind of space
    ///   is one plain space, and several are one;
    /// - `< > : " | ? *` become `_`; no dots or spaces at either end, so that it is neither hidden nor changed by Windows;
    /// - `_` before what Windows takes for a device, like `con.txt`;
    /// - at most [`limits::FILE_NAME`] bytes, where the extension stays.
    pub fn clean(name: &str) -> FileName {
        let mut clean = String::new();
        // Composed last: marks that an invisible character kept apart are one sequence without it.
        for c in last_part(name).chars().filter(|c| !is_invisible(*c)).nfc() {
            match c {
                '<' | '>' | ':' | '"' | '|' | '?' | '*' => clean.push('_'),
                c if c.is_whitespace() => {
                    if !clean.ends_with(' ') {
                        clean.push(' ');
                    }
                }
                c => clean.push(c),
            }
        }
        let mut clean = cut(clean.trim_matches(is_edge));
        if clean.is_empty() {
            clean = NAMELESS.to_owned();
        }
        if is_device(&clean) {
            clean.insert(0, '_');
        }
        FileName(clean)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| FileName::clean(&name))
    }
}

/// The last part of a path that is more than dots and spaces.
fn last_part(path: &str) -> &str {
    let mut parts = path.rsplit(['/', '\\']);
    parts.find(|part| !part.trim_matches(is_edge).is_empty()).unwrap_or_default()
}

fn is_edge(c: char) -> bool {
    c == '.' || c.is_whitespace() || is_invisible(c)
}

/// Whether Windows takes it for a device: by what stands before the first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let numbered = |prefix: &str| {
        let rest = stem.strip_prefix(prefix).unwrap_or_default();
        matches!(rest, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
    };
    DEVICES.contains(&stem.as_str()) || numbered("COM") || numbered("LPT")
}

/// At most so many bytes, whole characters, with the extension.
fn cut(name: &str) -> String {
    // One byte less than the limit: a `_` may come in front.
    let limit = limits::FILE_NAME - 1;
    if name.len() <= limit {
        return name.to_owned();
    }
    let extension = name.rfind('.').map(|at| &name[at..]).filter(|extension| extension.len() <= EXTENSION);
    let extension = extension.unwrap_or_default();
    let mut end = limit - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let stem = name.get(..end).unwrap_or_default().trim_end_matches(is_edge);
    format!("{stem}{extension}")
}

#[cfg(test)]
mod tests {
    //! R22.

    use std::collections::BTreeMap;

    use super::*;

    /// The published strings: every bad name, and what becomes of it.
    #[test]
    fn r22_published_bad_names_become_harmless_ones() {
        #[derive(serde::Deserialize)]
        struct File {
            name: Vec<BTreeMap<String, String>>,
        }
        let file: File = toml::from_str(include_str!("../../../tests/strings/file_names.toml")).unwrap();
        assert!(file.name.len() >= 50);
        for entry in file.name {
            assert_eq!(FileName::clean(&entry["bad"]).as_str(), entry["good"], "{:?}", entry["bad"]);
        }
    }

    #[test]
    fn r22_a_clean_name_stays_and_a_long_one_keeps_its_extension() {
        for name in ["résumé.pdf", "photo 1.jpeg", "..hidden..", "日本語.txt", "👨‍👩‍👧.png", "a.tar.gz", "می‌خواهم.doc"]
        {
            let once = FileName::clean(name);
            assert!(FileName::clean(once.as_str()) == once, "{name}");
        }
        let long = FileName::clean(&format!("{}.docx", "ü".repeat(500)));
        assert!(long.as_str().len() <= limits::FILE_NAME && long.as_str().ends_with("ü.docx"));
        let all_extension = FileName::clean(&format!("a.{}", "x".repeat(500)));
        assert!(all_extension.as_str().len() <= limits::FILE_NAME);
    }

    #[test]
    fn r22_any_name_of_chance_becomes_harmless_and_stays_so() {
        const PIECES: [&str; 22] = [
            "/",
            "\\",
            "..",
            ".",
            "con",
            "nul",
            "\u{202e}",
            "\u{0}",
            " ",
            "\u{a0}",
            "COM1",
            ":",
            "*",
            "e\u{301}",
            "\u{327}",
            "\u{301}",
            "\u{feff}",
            "exe",
            "ü",
            "\n",
            "\u{e0041}",
            "a",
        ];
        let mut rng = crate::rng::Rng::from_seed([5; 32]);
        for _ in 0..5_000 {
            let name: String = (0..rng.below(60)).map(|_| PIECES[rng.below(22) as usize]).collect();
            let clean = FileName::clean(&name);
            let text = clean.as_str();
            assert!(FileName::clean(text) == clean, "{name:?} {text:?}");
            assert!(!text.is_empty() && text.len() <= limits::FILE_NAME && !is_device(text), "{name:?}");
            assert!(!text.contains(['/', '\\', ':', '*', '\u{202e}', '\u{0}']), "{name:?}");
            assert!(!text.starts_with(['.', ' ']) && !text.ends_with(['.', ' ']), "{name:?} {text:?}");
        }
    }
}
