//! Cleaning of text: what is stored and shown is in Normalization Form C and cannot reorder or hide what is around it.

use unicode_normalization::UnicodeNormalization;

/// Brings text into NFC (Unicode Standard Annex 15) and takes out control characters other than line feed and tab,
/// and the bidirectional controls of Unicode Standard Annex 9, with which a text could show as another.
pub(crate) fn clean(text: &str) -> String {
    // ASCII is composed already.
    if text.bytes().all(|byte| byte.is_ascii() && !is_harmful(byte.into())) {
        return text.to_owned();
    }
    // Composed last: what a harmful character kept apart is one sequence without it.
    text.chars().filter(|c| !is_harmful(*c)).nfc().collect()
}

/// As much of a text as fits into so many bytes, and no half character.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Whether nothing of a text can be seen: spaces, joiners and variation selectors by themselves, the blank Braille pattern,
/// what is invisible. Private use counts as seen, since some systems have pictures there.
pub(crate) fn shows_nothing(text: &str) -> bool {
    let unseen = |c: char| c.is_whitespace() || is_joiner(c) || c == '\u{2800}' || is_invisible(c) && !is_private(c);
    text.chars().all(unseen)
}

/// Joiners and variation selectors, which show nothing by themselves.
pub(crate) fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Characters that show nothing, or that change how others show: controls (Cc), formats (Cf) but for the joiners that
/// scripts and emoji need, fillers, line and paragraph separators, noncharacters, private use.
pub(crate) fn is_invisible(c: char) -> bool {
    let code = u32::from(c);
    let format = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    let filler = matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}');
    let separator = matches!(c, '\u{2028}' | '\u{2029}');
    let nonchar = code & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || format || filler || separator || is_private(c) || nonchar
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

fn is_harmful(c: char) -> bool {
    let kept = matches!(c, '\n' | '\t');
    let bidi = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}');
    (c.is_control() && !kept) || bidi
}

#[cfg(test)]
mod tests {
    //! R22.

    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn text_cannot_reorder_what_is_around_it() {
        assert_eq!(clean("invoice\u{202e}gpj.exe"), "invoicegpj.exe");
        assert_eq!(clean("a\u{0007}b\nc\td\r"), "ab\nc\td");
    }

    #[test]
    fn r22_a_text_of_which_nothing_can_be_seen_is_known() {
        for nothing in
            ["", " \n\t", "\u{200b}", "\u{200d}\u{fe0f} ", "\u{3164}", "\u{2800}", "\u{feff}\u{2028}", "\u{e0041}"]
        {
            assert!(shows_nothing(nothing), "{nothing:?}");
        }
        for seen in [".", "\u{200b}a", "\u{f8ff}", "👨\u{200d}👩\u{200d}👧", "☁\u{fe0f}"] {
            assert!(!shows_nothing(seen), "{seen:?}");
        }
    }

    /// The published strings: every text that deceives, and what becomes of it.
    #[test]
    fn r22_published_texts_that_deceive_become_harmless_ones_and_stay_so() {
        #[derive(serde::Deserialize)]
        struct File {
            text: Vec<BTreeMap<String, String>>,
        }
        let file: File = toml::from_str(include_str!("../../tests/strings/text.toml")).unwrap();
        assert!(file.text.len() >= 45);
        for entry in file.text {
            assert_eq!(clean(&entry["bad"]), entry["good"], "{:?}", entry["bad"]);
            assert_eq!(clean(&entry["good"]), entry["good"], "once cleaned, it stays");
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!((cut("aé", 3), cut("aé", 2), cut("aé", 0)), ("aé", "a", ""));
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(clean("plain\n\ttext ~"), "plain\n\ttext ~");
        assert_eq!(clean("delete \u{7f}this"), "delete this");
    }

    #[test]
    fn text_is_composed() {
        assert_eq!(clean("e\u{0301}"), "é");
        assert_eq!(clean("e\u{0}\u{0301}"), "é");
    }
}
