//! What a person searches for, and where it stands in a text.

use core::ops::Range;
use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::analysis::{Analysis, Form, TERM, Token, bigrams, capped};
use crate::error::Misuse;
use crate::limits;

/// Something to search for, as a person types it.
///
/// Words may stand in any order and case, with or without accents; the last one may be only begun. What stands between
/// quotation marks, or is written without spaces in between like `e-mail`, must follow each other. In scripts without
/// spaces between words, and in Korean, any part is found.
#[derive(Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// All of these must be in a text.
    phrases: Vec<Phrase>,
}

crate::redact::redacted_debug!(SearchQuery, Phrase);

/// Tokens that follow each other.
#[derive(Clone, PartialEq, Eq)]
struct Phrase(Vec<Item>);

/// A token that is searched for, in folded letters.
#[derive(Clone, PartialEq, Eq)]
struct Item {
    letters: Zeroizing<String>,
    how: How,
}

/// How much of a text's token an item must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// A whole word.
    Word,
    /// The beginning of a word.
    Prefix,
    /// A part of a run.
    Run,
}

/// A term that the index must have for a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    /// Whether a term that begins so will do.
    pub prefix: bool,
    pub term: Vec<u8>,
}

impl Need {
    /// Whether a term is what is needed.
    pub fn fits(&self, term: &[u8]) -> bool {
        if self.prefix { term.starts_with(&self.term) } else { term == self.term }
    }
}

/// Bigrams of one run that the index is asked for: the text itself is looked at for the rest.
const RUN_NEEDS: usize = 16;

impl SearchQuery {
    /// Takes what a person typed.
    ///
    /// # Errors
    /// [`Misuse::NothingToSearch`] when there is no word in it; [`Misuse::TooLarge`] over [`limits::SEARCH`] bytes;
    /// [`Misuse::TooManyWords`] over [`limits::SEARCH_WORDS`].
    pub fn parse(text: &str) -> Result<SearchQuery, Misuse> {
        if text.len() > limits::SEARCH {
            return Err(Misuse::TooLarge { what: "a search", limit: limits::SEARCH });
        }
        let mut phrases = Vec::new();
        let mut last_is_open = false;
        for (number, part) in text.split(is_quote).enumerate() {
            let quoted = !number.is_multiple_of(2);
            let chunks: Vec<&str> = if quoted { vec![part] } else { part.split_whitespace().collect() };
            let found = chunks.into_iter().map(items).filter(|items| !items.is_empty()).map(Phrase);
            let before = phrases.len();
            phrases.extend(found);
            if phrases.len() > before {
                last_is_open = !quoted;
            }
        }
        // A quotation that is still open is still being typed.
        let open_quote = text.split(is_quote).count().is_multiple_of(2);
        if let Some(item) = phrases.last_mut().and_then(|phrase| phrase.0.last_mut())
            && (last_is_open || open_quote)
            && item.how == How::Word
        {
            item.how = How::Prefix;
        }
        let words: usize = phrases.iter().map(|phrase| phrase.0.len()).sum();
        match words {
            0 => Err(Misuse::NothingToSearch),
            words if words > limits::SEARCH_WORDS => Err(Misuse::TooManyWords { limit: limits::SEARCH_WORDS }),
            _ => Ok(SearchQuery { phrases }),
        }
    }

    /// What the index must have for a text that matches: whole terms first.
    pub(super) fn needs(&self) -> Vec<Need> {
        let mut needs = BTreeSet::new();
        for item in self.phrases.iter().flat_map(|phrase| &phrase.0) {
            let mut need = |prefix: bool, term: &str| {
                needs.insert(Need { prefix, term: term.as_bytes().to_vec() });
            };
            let letters = item.letters.as_str();
            let mut pairs = Vec::new();
            bigrams(letters, false, &mut |pair| pairs.push(pair));
            match item.how {
                How::Word => need(false, capped(letters)),
                How::Prefix => need(letters.len() < TERM, capped(letters)),
                How::Run if pairs.is_empty() => need(true, letters),
                How::Run => pairs.into_iter().take(RUN_NEEDS).for_each(|pair| need(false, pair)),
            }
        }
        needs.into_iter().collect()
    }

    /// Where the text matches, in its order and not overlapping, at most [`limits::HIGHLIGHTS`]; `None` when it does not.
    pub(crate) fn find(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let analysis = Analysis::of(text);
        let mut found = Vec::new();
        for phrase in &self.phrases {
            let before = found.len();
            phrase.find(&analysis, &mut found);
            if found.len() == before {
                return None;
            }
        }
        Some(merged(found))
    }
}

/// Quotation marks that people type around a phrase.
fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '‟' | '«' | '»' | '「' | '」' | '『' | '』' | '＂')
}

/// A part of a query as tokens.
fn items(part: &str) -> Vec<Item> {
    let analysis = Analysis::of(part);
    let how = |token: &Token| match token.form {
        Form::Word => How::Word,
        Form::Run => How::Run,
    };
    let item = |token| Item { letters: Zeroizing::new(analysis.text(token).to_owned()), how: how(token) };
    analysis.tokens().iter().map(item).collect()
}

impl Phrase {
    /// Adds every place where the phrase stands.
    fn find(&self, analysis: &Analysis, found: &mut Vec<Range<usize>>) {
        if let [item] = self.0.as_slice() {
            analysis.tokens().iter().for_each(|token| item.find(analysis, token, found));
            return;
        }
        let last = self.0.len().saturating_sub(1);
        for window in analysis.tokens().windows(self.0.len()) {
            let part = |at: usize| {
                let (item, token) = (self.0.get(at)?, window.get(at)?);
                Some(analysis.origin(token, item.at_border(token, analysis.text(token), at == 0, at == last)?))
            };
            let parts: Option<Vec<Range<usize>>> = (0..=last).map(part).collect();
            if let Some([first, .., last]) = parts.as_deref() {
                found.push(first.start..last.end);
            }
        }
    }
}

impl Item {
    /// Adds every place where the item stands in a token, by itself.
    fn find(&self, analysis: &Analysis, token: &Token, found: &mut Vec<Range<usize>>) {
        let text = analysis.text(token);
        let length = self.letters.len();
        match (self.how, token.form) {
            (How::Word, Form::Word) if text == self.letters.as_str() => found.push(analysis.origin(token, 0..length)),
            (How::Prefix, Form::Word) if text.starts_with(self.letters.as_str()) => {
                found.push(analysis.origin(token, 0..length));
            }
            (How::Run, Form::Run) => {
                let places = text.match_indices(self.letters.as_str());
                found.extend(places.map(|(at, _)| analysis.origin(token, at..at + length)));
            }
            (How::Word | How::Prefix, _) | (How::Run, Form::Word) => {}
        }
    }

    /// The part of a token that the item is, when others stand before or behind it: a run must then reach its neighbour.
    fn at_border(&self, token: &Token, text: &str, first: bool, last: bool) -> Option<Range<usize>> {
        let length = self.letters.len();
        let fits = match (self.how, token.form) {
            (How::Word, Form::Word) => text == self.letters.as_str(),
            (How::Prefix, Form::Word) => text.starts_with(self.letters.as_str()),
            (How::Run, Form::Run) if first => text.ends_with(self.letters.as_str()),
            (How::Run, Form::Run) if last => text.starts_with(self.letters.as_str()),
            (How::Run, Form::Run) => text == self.letters.as_str(),
            (How::Word | How::Prefix, Form::Run) | (How::Run, Form::Word) => false,
        };
        let start = if first && self.how == How::Run { text.len().saturating_sub(length) } else { 0 };
        fits.then_some(start..start + length)
    }
}

/// Sorts ranges and joins those that overlap.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out.truncate(limits::HIGHLIGHTS);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marked parts of a text; `None` when it is not found.
    fn marks<'t>(query: &str, text: &'t str) -> Option<Vec<&'t str>> {
        let found = SearchQuery::parse(query).unwrap().find(text)?;
        Some(found.into_iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn r21_words_in_any_order_and_the_last_only_begun() {
        let text = "Die Straße nach Łódź ist gesperrt";
        assert_eq!(marks("strasse", text), Some(vec!["Straße"]));
        assert_eq!(marks("LODZ straße", text), Some(vec!["Straße", "Łódź"]));
        assert_eq!(marks("lodz stra", text), Some(vec!["Stra", "Łódź"]));
        assert_eq!(marks("lod strasse", text), None, "only the last word may be begun");
        assert_eq!(marks("nach str nach", text), None);
        assert_eq!(marks("na", "na, banana NAH"), Some(vec!["na", "NA"]));
    }

    #[test]
    fn r21_phrases_follow_each_other() {
        let text = "We meet at the old bridge, not at the new one";
        assert_eq!(marks("\"the old\"", text), Some(vec!["the old"]));
        assert_eq!(marks("\"old the\"", text), None);
        assert_eq!(marks("“at the new”", text), Some(vec!["at the new"]));
        assert_eq!(marks("\"the ol\"", text), None, "a closed phrase has whole words");
        assert_eq!(marks("\"the ol", text), Some(vec!["the ol"]), "an open one is still being typed");
        assert_eq!(marks("\"at the\" bri", text), Some(vec!["at the", "bri", "at the"]));
        assert_eq!(marks("e-mail", "my E-mail; an e and a mail"), Some(vec!["E-mail"]));
    }

    #[test]
    fn r21_parts_of_runs_are_found() {
        let text = "我今天去北京，明天回来";
        assert_eq!(marks("北京", text), Some(vec!["北京"]));
        assert_eq!(marks("天", text), Some(vec!["天", "天"]));
        assert_eq!(marks("今天去北京", text), Some(vec!["今天去北京"]));
        assert_eq!(marks("京明", text), None, "not over punctuation");
        assert_eq!(marks("北京 明天", text), Some(vec!["北京", "明天"]));
        assert_eq!(marks("ยาย", "คุณยายสบายดี"), Some(vec!["ยาย"]));
        assert_eq!(marks("녕하", "안녕하세요"), Some(vec!["녕하"]));
        assert_eq!(marks("新iphone手", "我的新iPhone手机"), Some(vec!["新iPhone手"]));
        assert_eq!(marks("的iphone手", "我的新iPhone手机"), None);
    }

    #[test]
    fn r21_highlights_are_in_order_and_do_not_overlap() {
        assert_eq!(marks("\"b c\" \"a b\" c", "a b c"), Some(vec!["a b c"]));
        let many = "x ".repeat(limits::HIGHLIGHTS + 5);
        assert_eq!(marks("x", &many).map(|found| found.len()), Some(limits::HIGHLIGHTS));
    }

    #[test]
    fn r21_a_bad_search_is_refused_with_its_reason() {
        for nothing in ["", "  ", "\"\"", "… — !", "\u{200b}\u{ad}"] {
            assert_eq!(SearchQuery::parse(nothing), Err(Misuse::NothingToSearch), "{nothing:?}");
        }
        let long = "x".repeat(limits::SEARCH + 1);
        assert_eq!(SearchQuery::parse(&long), Err(Misuse::TooLarge { what: "a search", limit: limits::SEARCH }));
        let words = "x ".repeat(limits::SEARCH_WORDS + 1);
        assert_eq!(SearchQuery::parse(&words), Err(Misuse::TooManyWords { limit: limits::SEARCH_WORDS }));
        assert!(SearchQuery::parse(&"京".repeat(limits::SEARCH / 3)).is_ok());
        assert!(SearchQuery::parse(&"x".repeat(limits::SEARCH)).is_ok());
    }

    #[test]
    fn r21_the_index_is_asked_for_whole_terms_first() {
        let needs = |query: &str| -> Vec<(bool, String)> {
            let needs = SearchQuery::parse(query).unwrap().needs();
            needs.into_iter().map(|need| (need.prefix, String::from_utf8(need.term).unwrap())).collect()
        };
        assert_eq!(needs("Zebra apple app"), [(false, "apple".into()), (false, "zebra".into()), (true, "app".into())]);
        assert_eq!(needs("北京 天"), [(false, "北京".into()), (true, "天".into())]);
        assert_eq!(needs(&"x".repeat(60)), [(false, "x".repeat(48))]);
        assert_eq!(needs(&("京北".repeat(40) + "x")).len(), 3);
    }
}
