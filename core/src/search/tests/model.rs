//! Random texts in many scripts are added, edited, moved and removed, and what a search finds is what a naive look at
//! all messages finds: the same messages in the same order with the same marks. The model knows of each word what it
//! comes to and where it stands, because it put it there: it uses nothing of what it checks.
//!
//! R21.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Desk, key};
use crate::message::MessageKey;
use crate::rng::Rng;
use crate::search::{Scope, SearchQuery};

/// Words as they may be written, with what each letter comes to.
const WORDS: [&str; 34] = [
    "app",
    "apple",
    "Apply",
    "APPLES",
    "band",
    "banana",
    "zebra",
    "x",
    "31",
    "314",
    "s|t|r|a|ß=ss|e",
    "STRASSE",
    "strasse",
    "É=e|l|a|n",
    "elan",
    "Ł=l|ó=o|d|ź=z",
    "LODZ",
    "æ=ae|r|ø=o",
    "aero",
    "стол",
    "СТОЛ=стол",
    "Ё=е|л|к|а",
    "елка",
    "م|ح|م|د",
    "مُ=م|حَ=ح|مَّ=م|د",
    "ש|ל|ו|ם=מ",
    "שָׁ=ש|ל|ו|ם=מ",
    "👍",
    "👍🏽=👍",
    "ό=ο|δ|ο|ς=σ",
    "ΟΔΟΣ=οδοσ",
    "ﬁ=fi|n",
    "fin",
    "Ĳ=ij|s",
];
/// Letters of scripts without spaces.
const RUNS: [&[&str]; 4] =
    [&["北", "京", "天", "今", "我"], &["ส", "วั", "ดี", "ครั", "บ"], &["か", "が", "カ", "日"], &["안", "녕", "하"]];

/// A word in a text: each letter with where it stands and what it comes to.
#[derive(Clone)]
struct Word {
    run: bool,
    letters: Vec<(Range<usize>, String)>,
}

impl Word {
    fn plain(&self) -> String {
        self.letters.iter().map(|(_, plain)| plain.as_str()).collect()
    }

    /// Where the bytes `part` of the plain word stand in the text.
    fn mark(&self, part: Range<usize>) -> Range<usize> {
        let mut at = 0;
        let mut touched = Vec::new();
        for (range, plain) in &self.letters {
            if at < part.end && at + plain.len() > part.start {
                touched.push(range.clone());
            }
            at += plain.len();
        }
        touched[0].start..touched[touched.len() - 1].end
    }
}

#[derive(Clone, Default)]
struct Text {
    text: String,
    words: Vec<Word>,
}

impl Text {
    fn random(rng: &mut Rng) -> Text {
        let mut text = Text::default();
        for _ in 0..=rng.below(6) {
            if rng.below(4) == 0 {
                text.push_run(rng);
            } else {
                text.push_word(WORDS[rng.below(WORDS.len() as u64) as usize]);
            }
            text.text.push_str([" ", ", ", "… ", " — ", "\n", ". “"][rng.below(6) as usize]);
        }
        text
    }

    fn push_letter(&mut self, word: &mut Word, written: &str, plain: &str) {
        let start = self.text.len();
        self.text.push_str(written);
        word.letters.push((start..self.text.len(), plain.to_owned()));
    }

    fn push_word(&mut self, spelled: &str) {
        let mut word = Word { run: false, letters: Vec::new() };
        if spelled.contains('|') || spelled.contains('=') {
            for letter in spelled.split('|') {
                match letter.split_once('=') {
                    // Letters of one size each, like those of a word in capitals.
                    Some((written, plain)) if written.chars().count() == plain.chars().count() && plain.len() > 3 => {
                        let pairs = written.chars().zip(plain.chars());
                        pairs.for_each(|(w, p)| self.push_letter(&mut word, &w.to_string(), &p.to_string()));
                    }
                    Some((written, plain)) => self.push_letter(&mut word, written, plain),
                    None => self.push_letter(&mut word, letter, &letter.to_lowercase()),
                }
            }
        } else {
            spelled.chars().for_each(|c| self.push_letter(&mut word, &c.to_string(), &c.to_lowercase().to_string()));
        }
        self.words.push(word);
    }

    fn push_run(&mut self, rng: &mut Rng) {
        let mut word = Word { run: true, letters: Vec::new() };
        let letters = RUNS[rng.below(RUNS.len() as u64) as usize];
        for _ in 0..=rng.below(5) {
            let letter = letters[rng.below(letters.len() as u64) as usize];
            self.push_letter(&mut word, letter, letter);
        }
        self.words.push(word);
    }
}

/// What is searched for, as the model sees it.
enum Wish {
    Whole(String),
    Begun(String),
    Part(String),
    /// Whole words that follow each other.
    Row(Vec<String>),
}

impl Wish {
    fn marks(&self, text: &Text) -> Vec<Range<usize>> {
        let mut marks = Vec::new();
        for (number, word) in text.words.iter().enumerate() {
            let plain = word.plain();
            match self {
                Wish::Whole(wish) if !word.run && plain == *wish => marks.push(word.mark(0..plain.len())),
                Wish::Begun(wish) if !word.run && plain.starts_with(wish) => marks.push(word.mark(0..wish.len())),
                Wish::Part(wish) if word.run => {
                    let mut from = 0;
                    while let Some(at) = plain[from..].find(wish).map(|at| from + at) {
                        marks.push(word.mark(at..at + wish.len()));
                        from = at + wish.len();
                    }
                }
                Wish::Row(wishes) => {
                    let mut row = text.words.iter().skip(number).take(wishes.len());
                    if row.len() == wishes.len()
                        && row.clone().zip(wishes).all(|(w, wish)| !w.run && w.plain() == *wish)
                    {
                        let last = row.next_back().unwrap();
                        let end = last.mark(0..last.plain().len()).end;
                        marks.push(word.mark(0..1).start..end);
                    }
                }
                Wish::Whole(_) | Wish::Begun(_) | Wish::Part(_) => {}
            }
        }
        marks
    }
}

/// A query as typed, and what it means.
fn random_query(rng: &mut Rng) -> (String, Vec<Wish>) {
    let (mut typed, mut wishes) = (String::new(), Vec::new());
    let word = |rng: &mut Rng| {
        let mut text = Text::default();
        text.push_word(WORDS[rng.below(WORDS.len() as u64) as usize]);
        let plain = text.words[0].plain();
        (text.text, plain)
    };
    for _ in 0..rng.below(2) {
        match rng.below(4) {
            0 => {
                let ((one, one_plain), (two, two_plain)) = (word(rng), word(rng));
                typed += &format!("\"{one}, {two}\" ");
                wishes.push(Wish::Row(vec![one_plain, two_plain]));
            }
            1 => {
                let mut run = Text::default();
                run.push_run(rng);
                typed += &format!("{} ", run.text);
                wishes.push(Wish::Part(run.text));
            }
            _ => {
                let (written, plain) = word(rng);
                typed += &format!("{written} ");
                wishes.push(Wish::Whole(plain));
            }
        }
    }
    if rng.below(3) == 0 {
        let mut run = Text::default();
        run.push_run(rng);
        typed += &run.text;
        wishes.push(Wish::Part(run.text));
    } else {
        let plain = word(rng).1;
        let length = plain.chars().count() as u64;
        let begun: String = plain.chars().take(1 + rng.below(length) as usize).collect();
        typed += &begun;
        wishes.push(Wish::Begun(begun));
    }
    (typed, wishes)
}

type Messages = BTreeMap<(MessageKey, usize), Text>;

fn expected(messages: &Messages, wishes: &[Wish], scope: Option<usize>) -> Vec<(MessageKey, usize, Vec<Range<usize>>)> {
    let mut found = Vec::new();
    for ((key, conversation), text) in messages.iter().rev().filter(|((_, c), _)| scope.is_none_or(|s| s == *c)) {
        let marks: Vec<_> = wishes.iter().map(|wish| wish.marks(text)).collect();
        if marks.iter().all(|marks| !marks.is_empty()) {
            let mut marks: Vec<_> = marks.concat();
            marks.sort_by_key(|range| (range.start, range.end));
            let mut joined: Vec<Range<usize>> = Vec::new();
            for mark in marks {
                match joined.last_mut() {
                    Some(last) if mark.start < last.end => last.end = last.end.max(mark.end),
                    _ => joined.push(mark),
                }
            }
            found.push((*key, *conversation, joined));
        }
    }
    found
}

fn check(desk: &mut Desk, messages: &Messages, rng: &mut Rng) -> usize {
    let (typed, wishes) = random_query(rng);
    let query = SearchQuery::parse(&typed).unwrap();
    let scope = (rng.below(2) == 0).then(|| rng.below(3) as usize);
    let of = |number: usize| Scope::Conversation(desk.conversations[number]);
    let in_scope = scope.map_or(Scope::All, of);
    let limit = 1 + rng.below(60) as usize;
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = desk.engine.messages().search(&query, in_scope, cursor.as_ref(), limit, desk.now).unwrap();
        assert!(page.hits.len() <= limit);
        found.extend(page.hits.into_iter().map(|hit| {
            let number = desk.conversations.iter().position(|id| *id == hit.message.conversation).unwrap();
            (hit.message.key, number, hit.highlights)
        }));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let expected = expected(messages, &wishes, scope);
    assert_eq!(found, expected, "search for {typed:?} in {scope:?} by {limit}");
    found.len()
}

/// A day of random changes; returns how many messages searches found.
fn run(seed: u8, steps: usize) -> usize {
    let mut rng = Rng::from_seed([seed; 32]);
    let mut desk = Desk::new(3);
    // Ties in the conversation's order are those of the key, and between conversations those of their ids.
    desk.conversations.sort();
    let mut messages = Messages::new();
    let mut found = 0;
    for step in 0..steps {
        let any = |rng: &mut Rng, messages: &Messages| {
            messages.keys().nth(rng.below(messages.len().max(1) as u64) as usize).copied()
        };
        match (rng.below(20), any(&mut rng, &messages)) {
            (0, Some(which)) => {
                desk.remove(which.1, which.0);
                messages.remove(&which);
            }
            (1, Some(which)) => {
                let text = Text::random(&mut rng);
                desk.edit(which.1, which.0, &text.text);
                messages.insert(which, text);
            }
            (2, Some(which)) => {
                let to = MessageKey { at: which.0.at.plus(rng.below(100_000)), ..which.0 };
                desk.shift(which.1, which.0, to);
                let text = messages.remove(&which).unwrap();
                messages.insert((to, which.1), text);
            }
            (3, _) if rng.below(8) == 0 => desk.wait(),
            _ => {
                // Most come in order, some late, some at the same instant.
                let late = [0, 0, 0, 500, 200_000][rng.below(5) as usize];
                let at = 1_800_000_000_000 + step as u64 / 3 * 700 - late;
                let which = (key(at, step as u64), rng.below(3) as usize);
                let text = Text::random(&mut rng);
                desk.add(which.1, which.0, &text.text);
                messages.insert(which, text);
            }
        }
        if step % 20 == 0 {
            found += check(&mut desk, &messages, &mut rng);
        }
    }
    for _ in 0..60 {
        found += check(&mut desk, &messages, &mut rng);
    }
    found
}

#[test]
fn r21_a_search_finds_what_a_look_at_every_message_finds() {
    for seed in 1..=3 {
        let found = run(seed, 1_200);
        assert!(found > 500, "seed {seed} found only {found}");
    }
}
