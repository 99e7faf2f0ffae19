//! Folding: what people take for the same letter becomes the same.
//!
//! Compatibility forms are taken apart (NFKD), case is folded in full, accents and what shows nothing are stripped, and
//! what is left is composed again (NFC), so that a Japanese voiced kana and a Korean syllable stay what they are.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Appends the folded form of one grapheme; nothing for one that shows nothing.
pub(super) fn fold(grapheme: &str, out: &mut String) {
    if let [byte] = grapheme.as_bytes() {
        out.push(char::from(byte.to_ascii_lowercase()));
        return;
    }
    let cased = grapheme.nfkd().flat_map(fold_case);
    let bare = cased.nfkd().filter(|c| !is_accent(*c) && !is_invisible(*c));
    bare.flat_map(|c| plain(c).chars()).nfc().for_each(|c| out.push(c));
}

/// Full case folding: to lower, upper and lower case again, by the tables of the standard library. Whatever differs in
/// case only meets in the last step, `ß` and `ẞ` in `ss`, `ς` and `σ` in `σ`, and the Turkish `ı` and `İ` near `i`.
fn fold_case(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Whether a mark is an accent and no part of the letter, by its combining class (Unicode Standard, section 4.3):
/// overlays (1), Hebrew, Arabic and Syriac points (10 to 36), and what is attached, above or below (200 to 240). Others
/// make other letters: the nukta (7), the kana voicing marks (8), the virama (9), the vowels and tones of Thai, Lao,
/// Telugu and Tibetan (84 to 132), and all marks of class 0, like the vowels of Devanagari.
fn is_accent(c: char) -> bool {
    matches!(canonical_combining_class(c), 1 | 10..=36 | 200..=240)
}

/// What shows nothing of its own: soft hyphens, joiners, variation selectors, tags, directional marks, the Arabic
/// tatweel; and the tones of emoji, so that a hand is found whatever its colour.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{640}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

/// A letter or digit as it is written.
enum Plain {
    Same(char),
    As(&'static str),
}

impl Plain {
    fn chars(self) -> impl Iterator<Item = char> {
        let (one, text) = match self {
            Plain::Same(c) => (Some(c), ""),
            Plain::As(text) => (None, text),
        };
        one.into_iter().chain(text.chars())
    }
}

/// Letters that Unicode does not take apart, but people type so; and the digits of all scripts.
fn plain(c: char) -> Plain {
    Plain::As(match c {
        ..'\u{80}' => return Plain::Same(c),
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ł' => "l",
        'ŧ' => "t",
        'þ' => "th",
        'ı' => "i",
        // Arabic letters that keyboards of different countries type.
        '\u{649}' | '\u{6cc}' => "\u{64a}",
        '\u{6a9}' => "\u{643}",
        '\u{671}' => "\u{627}",
        // Hebrew letters at the end of a word.
        '\u{5da}' => "\u{5db}",
        '\u{5dd}' => "\u{5de}",
        '\u{5df}' => "\u{5e0}",
        '\u{5e3}' => "\u{5e4}",
        '\u{5e5}' => "\u{5e6}",
        _ => return Plain::Same(digit(c).unwrap_or(c)),
    })
}

/// The zeros of the scripts that have ten digits in a row and no compatibility form.
const ZEROS: [char; 18] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}', '\u{c66}',
    '\u{ce6}', '\u{d66}', '\u{e50}', '\u{ed0}', '\u{f20}', '\u{1040}', '\u{17e0}', '\u{1810}',
];

fn digit(c: char) -> Option<char> {
    ZEROS.iter().find_map(|zero| {
        let value = u32::from(c).checked_sub(u32::from(*zero)).filter(|value| *value < 10)?;
        char::from_digit(value, 10)
    })
}

#[cfg(test)]
mod tests {
    use unicode_segmentation::UnicodeSegmentation;

    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        text.graphemes(true).for_each(|g| fold(g, &mut out));
        out
    }

    #[test]
    fn r21_what_people_take_for_the_same_is_the_same() {
        let same: [&[&str]; 19] = [
            &["straße", "STRASSE", "STRAẞE", "strasse"],
            &["Élan", "élan", "ELAN", "e\u{301}lan"],
            &["ﬁn", "fin", "ＦＩＮ", "𝐟𝐢𝐧"],
            &["ıI", "İi", "ii"],
            &["ΌΔΟΣ", "όδος", "οδοσ"],
            &["Ærø", "aero"],
            &["Đặng", "dang"],
            &["Łódź", "lodz"],
            &["żółć", "ZOLC"],
            &["Œuvre", "oeuvre"],
            &["Ёлка", "елка"],
            &["مُحَمَّد", "محمد", "محـمد"],
            &["أحمد", "احمد"],
            &["علی", "على", "علي"],
            &["שָׁלוֹם", "שלומ"],
            &["３٣۳", "333"],
            &["ｶﾞ", "ガ"],
            &["👍🏽", "👍"],
            &["❤\u{fe0f}", "❤"],
        ];
        for row in same {
            for other in row {
                assert_eq!(folded(other), folded(row[0]), "{other} and {}", row[0]);
            }
        }
    }

    #[test]
    fn r21_letters_that_differ_stay_different() {
        for (one, other) in
            [("か", "が"), ("は", "ぱ"), ("한", "하"), ("กา", "กำ"), ("कि", "कु"), ("मा", "म"), ("й", "j")]
        {
            assert_ne!(folded(one), folded(other));
        }
        assert_eq!(folded("\u{1112}\u{1161}\u{11ab}"), "한", "composed again");
    }

    #[test]
    fn r21_case_never_matters_whatever_the_letter() {
        for c in ('\0'..=char::MAX).filter(|c| !c.is_control()) {
            let fold_of = |text: String| folded(&text);
            let plain = fold_of(c.to_string());
            assert_eq!(fold_of(c.to_uppercase().collect()), plain, "{c:?} in upper case");
            assert_eq!(fold_of(c.to_lowercase().collect()), plain, "{c:?} in lower case");
        }
    }
}
