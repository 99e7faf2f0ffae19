//! From text to terms: what the index holds of a text, and where in the text it stands.
//!
//! Words are found by Unicode Standard Annex 29, and further split at punctuation (`don't` is `don` and `t`), as a query
//! is. Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and Korean, whose words are
//! long compounds, give *runs*: any part of a run can be found. The index holds a run's pairs of neighbouring letters
//! (bigrams) and its last letter. Emoji and other symbols are words of their own.

use core::ops::Range;

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;
use zeroize::Zeroizing;

use super::fold::fold;

/// Longest term in the index, in bytes; of longer words it has the beginning.
pub(super) const TERM: usize = 48;

/// A text taken apart.
pub(super) struct Analysis {
    /// The tokens' folded letters.
    folded: Zeroizing<String>,
    tokens: Vec<Token>,
    /// For each grapheme of `folded`: where it begins there, and its bytes in the text. Empty when both are the same.
    origin: Vec<Origin>,
}

/// A word, a symbol or a run.
#[derive(Clone)]
pub(super) struct Token {
    pub form: Form,
    range: Range<usize>,
}

/// How a token is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As a whole, or by its beginning.
    Word,
    /// By any part.
    Run,
}

struct Origin {
    folded: usize,
    text: Range<usize>,
}

impl Analysis {
    /// Takes a text apart.
    pub fn of(text: &str) -> Analysis {
        if text.is_ascii() { ascii(text) } else { Taker::default().take(text) }
    }

    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// A token's folded letters.
    pub fn text(&self, token: &Token) -> &str {
        self.folded.get(token.range.clone()).unwrap_or_default()
    }

    /// The bytes of the text that the bytes `part` of a token stand for: whole graphemes.
    pub fn origin(&self, token: &Token, part: Range<usize>) -> Range<usize> {
        let (start, end) = (token.range.start + part.start, token.range.start + part.end);
        if self.origin.is_empty() {
            return start..end;
        }
        let first = self.origin.partition_point(|o| o.folded <= start).saturating_sub(1);
        let last = self.origin.partition_point(|o| o.folded < end).saturating_sub(1);
        let bound = |at: usize| self.origin.get(at).map_or(0..0, |o| o.text.clone());
        bound(first).start..bound(last).end
    }

    /// Calls `each` with every term of the text, as often as it stands there.
    pub fn terms<'a>(&'a self, mut each: impl FnMut(&'a str)) {
        for token in &self.tokens {
            match token.form {
                Form::Word => each(capped(self.text(token))),
                Form::Run => bigrams(self.text(token), true, &mut each),
            }
        }
    }
}

/// What the index holds of a word.
pub(super) fn capped(word: &str) -> &str {
    word.get(..word.floor_char_boundary(TERM)).unwrap_or(word)
}

/// The pairs of neighbours in a run, and its last letter alone: by the beginnings of these every letter is found.
pub(super) fn bigrams<'a>(run: &'a str, with_last: bool, each: &mut impl FnMut(&'a str)) {
    let mut before: Option<usize> = None;
    let mut last = 0;
    for (at, c) in run.char_indices() {
        let end = at + c.len_utf8();
        if let Some(pair) = before.and_then(|before| run.get(before..end)) {
            each(pair);
        }
        (before, last) = (Some(at), at);
    }
    if with_last && let Some(letter) = run.get(last..).filter(|letter| !letter.is_empty()) {
        each(letter);
    }
}

/// ASCII has words only, and each byte stands for itself.
fn ascii(text: &str) -> Analysis {
    let mut tokens = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        match (byte.is_ascii_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                tokens.push(Token { form: Form::Word, range: from..at });
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    Analysis { folded: Zeroizing::new(text.to_ascii_lowercase()), tokens, origin: Vec::new() }
}

/// Takes text apart, grapheme by grapheme.
#[derive(Default)]
struct Taker {
    folded: Zeroizing<String>,
    tokens: Vec<Token>,
    origin: Vec<Origin>,
    /// The token under way.
    open: Option<(Form, usize)>,
}

impl Taker {
    fn take(mut self, text: &str) -> Analysis {
        // Folding can make text three times longer, seldom; growing would leave copies behind.
        self.folded.reserve(text.len() * 2);
        for (start, segment) in text.split_word_bound_indices() {
            if matches!(self.open, Some((Form::Word, _))) {
                self.close();
            }
            for (at, grapheme) in segment.grapheme_indices(true) {
                self.grapheme(grapheme, start + at);
            }
        }
        self.close();
        Analysis { folded: self.folded, tokens: self.tokens, origin: self.origin }
    }

    fn grapheme(&mut self, grapheme: &str, at: usize) {
        let before = self.folded.len();
        fold(grapheme, &mut self.folded);
        let Some(first) = self.folded.get(before..).and_then(|letters| letters.chars().next()) else { return };
        let kind = kind_of(first);
        let form = match kind {
            Kind::Letter | Kind::Symbol => Form::Word,
            Kind::Unspaced => Form::Run,
            Kind::Other => {
                self.folded.truncate(before);
                self.close_at(before);
                return;
            }
        };
        if kind == Kind::Symbol || self.open.is_some_and(|(open, _)| open != form) {
            self.close_at(before);
        }
        self.open.get_or_insert((form, before));
        self.origin.push(Origin { folded: before, text: at..at + grapheme.len() });
        if kind == Kind::Symbol {
            self.close();
        }
    }

    fn close(&mut self) {
        self.close_at(self.folded.len());
    }

    fn close_at(&mut self, end: usize) {
        if let Some((form, start)) = self.open.take() {
            self.tokens.push(Token { form, range: start..end });
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Unspaced,
    Symbol,
    /// Spaces, punctuation: what separates.
    Other,
}

/// What a folded letter is.
fn kind_of(c: char) -> Kind {
    let letter = c.is_alphanumeric() || is_combining_mark(c);
    if letter {
        if is_unspaced(c) { Kind::Unspaced } else { Kind::Letter }
    } else if is_symbol(c) {
        Kind::Symbol
    } else {
        Kind::Other
    }
}

/// The blocks of scripts whose text gives runs.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Burmese, Khmer; their neighbours Tai Le, New Tai Lue, Tai Tham, Tai Viet.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{19ff}'
        | '\u{1a20}'..='\u{1aaf}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aadf}'
        // Korean: letters and syllables.
        | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        // Chinese and Japanese: radicals, kana, bopomofo, ideographs; Yi.
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{1aff0}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}

/// The blocks of currency signs, arrows, mathematics, and all kinds of pictures.
fn is_symbol(c: char) -> bool {
    matches!(c, '\u{20a0}'..='\u{20cf}' | '\u{2100}'..='\u{2bff}' | '\u{1f000}'..='\u{1fbff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let analysis = Analysis::of(text);
        analysis.tokens().iter().map(|token| analysis.text(token).to_owned()).collect()
    }

    fn terms(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        Analysis::of(text).terms(|term| all.push(term.to_owned()));
        all
    }

    #[test]
    fn r21_words_of_many_scripts_are_told_apart() {
        assert_eq!(
            tokens("Don't e-mail ann_b@example.com, 3.14!"),
            ["don", "t", "e", "mail", "ann", "b", "example", "com", "3", "14"]
        );
        assert_eq!(tokens("L’été à Ærø — “naïve”…"), ["l", "ete", "a", "aero", "naive"]);
        assert_eq!(tokens("Привет, мир! Γειά σου"), ["привет", "мир", "γεια", "σου"]);
        assert_eq!(tokens("שָׁלוֹם עולם مرحبا، بالعالم"), ["שלומ", "עולמ", "مرحبا", "بالعالم"]);
        assert_eq!(tokens("नमस्ते दुनिया"), ["नमस्ते", "दुनिया"]);
        assert_eq!(tokens("می\u{200c}خواهم"), ["ميخواهم"]);
    }

    #[test]
    fn r21_scripts_without_spaces_give_runs_and_pairs() {
        assert_eq!(tokens("我今天去北京。iPhone手机"), ["我今天去北京", "iphone", "手机"]);
        assert_eq!(terms("北京天"), ["北京", "京天", "天"]);
        assert_eq!(terms("天"), ["天"]);
        assert_eq!(tokens("カタカナひらがな、漢字"), ["カタカナひらがな", "漢字"]);
        assert_eq!(tokens("สวัสดีครับ ขอบคุณ"), ["สวัสดีครับ", "ขอบคุณ"]);
        assert_eq!(tokens("ສະບາຍດີ សួស្តី မင်္ဂလာပါ 안녕하세요 여러분"), ["ສະບາຍດີ", "សួស្តី", "မင်္ဂလာပါ", "안녕하세요", "여러분"]);
        assert!(Analysis::of("ภาษาไทย").tokens().iter().all(|token| token.form == Form::Run));
    }

    #[test]
    fn r21_symbols_are_words_and_spaces_are_not() {
        assert_eq!(tokens("ok👍🏽👍 ❤️ 5€ → 👩‍👩‍👧 🇩🇪🇫🇷"), ["ok", "👍", "👍", "❤", "5", "€", "→", "👩👩👧", "🇩🇪", "🇫🇷"]);
        assert!(tokens(" \n\t…—“”.,;:!?\u{200b}\u{feff}\u{301}").len() <= 1);
        assert!(tokens("").is_empty());
    }

    #[test]
    fn r21_ranges_name_the_original_bytes() {
        let text = "Die Straße nach Łódź 我今天👍🏽";
        let analysis = Analysis::of(text);
        let originals: Vec<&str> = analysis
            .tokens()
            .iter()
            .map(|token| &text[analysis.origin(token, 0..analysis.text(token).len())])
            .collect();
        assert_eq!(originals, ["Die", "Straße", "nach", "Łódź", "我今天", "👍🏽"]);
        // A part of a letter is the whole letter.
        let strasse = &analysis.tokens()[1];
        assert_eq!(&text[analysis.origin(strasse, 0..5)], "Straß");
        assert_eq!(&text[analysis.origin(strasse, 0..4)], "Stra");
        assert_eq!(&text[analysis.origin(&analysis.tokens()[4], 3..6)], "今");
    }

    #[test]
    fn r21_plain_text_is_taken_apart_alike_on_both_ways() {
        let text = "The quick_brown fox's 3.14, e-mail:ANN@example.com -- x1y2 ~ a.b:c";
        let (one, other) = (ascii(text), Taker::default().take(text));
        assert_eq!(one.tokens().len(), other.tokens().len());
        for (a, b) in one.tokens().iter().zip(other.tokens()) {
            assert_eq!(one.text(a), other.text(b));
            let whole = 0..one.text(a).len();
            assert_eq!(one.origin(a, whole.clone()), other.origin(b, whole));
        }
    }

    #[test]
    fn r21_long_words_are_cut_between_letters() {
        assert_eq!(terms(&"a".repeat(100)), ["a".repeat(TERM)]);
        let term = terms(&"я".repeat(100)).remove(0);
        assert_eq!(term, "я".repeat(TERM / 2));
        assert_eq!(capped(&"xя".repeat(40)).len(), TERM);
    }
}
