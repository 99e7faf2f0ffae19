//! What a search costs in a long history.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use undertone::id::{ConversationId, DeviceId, MessageId, UserId};
use undertone::message::{Cursor, MessageKey};
use undertone::search::{Scope, SearchPage, SearchQuery, testing};
use undertone::{Engine, Time, limits};
use undertone_tests::platform::Platform;

use crate::history::{self, Opening};
use crate::pair::{START, config, host_key};
use crate::stores::{Kind, bytes_of};

/// Conversations that the messages are spread over; the first has a fifth of all.
pub const CONVERSATIONS: u64 = 1_000;
/// Different words; the n-th is n times rarer than the first.
const WORDS: f64 = 200_000.0;
/// Messages of one mutation.
const CHUNK: usize = 32;
/// Searches of each sort.
const SEARCHES: usize = 100;

/// Figures of one store.
pub struct Search {
    /// Bytes of the index per message, sealed; and of the whole store's files.
    pub index: f64,
    pub files: f64,
    /// Bytes of text per message.
    pub text: f64,
    /// Rows of the index.
    pub rows: u64,
    /// To put a message and keep the index, and the longest mutation.
    pub insert: Duration,
    pub longest: Duration,
    pub sorts: Vec<Sort>,
    /// The newest page of the largest conversation, and what it takes to open all of this.
    pub newest: Duration,
    pub opening: Opening,
}

/// Searches of one sort.
pub struct Sort {
    /// What was searched for.
    pub what: &'static str,
    /// How long the first page took: half of them, 95 of 100, the longest.
    pub times: [Duration; 3],
    /// How much of that the processor worked, on average: on a busy machine the rest is waiting for it.
    pub busy: Duration,
    /// How many it found on average.
    pub hits: usize,
}

/// Thinks up something to search for.
type Think = fn(&mut World) -> String;

pub fn measure(kind: Kind, messages: usize) -> Result<Search, Box<dyn Error>> {
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let mut platform = Platform::new([7; 32]);
    let engine =
        Engine::open(config("bea", platform.authority())?, kind.open(dir.path())?, &host_key(), [5; 32], START)?;
    let mut host = undertone_tests::host::Host::new(engine);
    host.enrol(&mut platform, "support", START)?;
    let mut world = World { engine: host.engine, chance: Chance(7), conversations: Vec::new(), kept: Vec::new() };
    let (insert, longest, text) = world.fill(messages)?;
    let (rows, bytes) = testing::weigh(&world.engine)?;
    let sorts = world.search()?;
    let newest = history::page(&mut world.engine, world.conversations[0], Cursor::Newest)?;
    drop(world);
    let opening = history::reopen(kind, dir.path())?;
    let per = |bytes: u64| bytes as f64 / messages as f64;
    let files = if kind.is_durable() { per(bytes_of(Path::new(dir.path()))?) } else { 0.0 };
    Ok(Search { index: per(bytes), files, text: per(text), rows, insert, longest, sorts, newest, opening })
}

struct World {
    engine: Engine,
    chance: Chance,
    conversations: Vec<ConversationId>,
    /// Some of the texts, from all of the history.
    kept: Vec<String>,
}

impl World {
    fn fill(&mut self, messages: usize) -> Result<(Duration, Duration, u64), Box<dyn Error>> {
        for number in 0..CONVERSATIONS {
            let other = UserId::new(format!("user {number}")).ok_or("a user id")?;
            self.conversations.push(self.engine.conversations().start(&other, START)?);
        }
        let author = UserId::new("ann").ok_or("a user id")?;
        let (mut done, mut bytes, mut longest, start) = (0, 0, Duration::ZERO, Instant::now());
        while done < messages {
            let count = CHUNK.min(messages - done);
            let mut texts = Vec::with_capacity(count);
            for number in done..done + count {
                let text = self.chance.text();
                bytes += text.len() as u64;
                if number % (messages / 500).max(1) == 0 {
                    self.kept.push(text.clone());
                }
                texts.push(self.placed(number as u64, text));
            }
            done += count;
            let before = Instant::now();
            testing::insert(&mut self.engine, &author, texts, START)?;
            longest = longest.max(before.elapsed());
            if done % (CHUNK * 64) == 0 {
                self.engine.poll_output()?;
            }
        }
        while !matches!(self.engine.poll_output()?, undertone::Output::Timeout { .. }) {}
        Ok((start.elapsed() / messages as u32, longest, bytes))
    }

    fn placed(&mut self, number: u64, text: String) -> (ConversationId, MessageKey, String) {
        let conversation = if self.chance.below(5) == 0 { 0 } else { self.chance.below(CONVERSATIONS) };
        let at = Time::from_ms(START.as_ms() + number * 20_000 + self.chance.below(15_000));
        let mut id = [0; 16];
        id[..6].copy_from_slice(&at.as_ms().to_be_bytes()[2..]);
        id[6..14].copy_from_slice(&self.chance.next().to_be_bytes());
        let mut device = [0; 16];
        device[..8].copy_from_slice(
            &(conversation * 2 + self.chance.below(2)).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes(),
        );
        let key = MessageKey { at, device: DeviceId::from_bytes(device), id: MessageId::from_bytes(id) };
        (self.conversations[conversation as usize], key, text)
    }

    fn search(&mut self) -> Result<Vec<Sort>, Box<dyn Error>> {
        let large = Scope::Conversation(self.conversations[0]);
        let small = Scope::Conversation(self.conversations[77]);
        let mut out = Vec::new();
        let sorts: [(&'static str, Scope, Think); 12] = [
            ("a word among the 20 most frequent", Scope::All, |w| format!("\"{}\"", word(w.chance.below(20)))),
            ("a word of a message", Scope::All, |w| format!("\"{}\"", w.of_message(1))),
            ("a word of a message, in a large conversation", large, |w| format!("\"{}\"", w.of_message(1))),
            ("a word of a message, in a small conversation", small, |w| format!("\"{}\"", w.of_message(1))),
            ("a rare word", Scope::All, |w| format!("\"{}\"", word(150_000 + w.chance.below(50_000)))),
            ("a word that is nowhere", Scope::All, |w| format!("\"{}q\"", word(w.chance.below(200_000)))),
            ("one letter", Scope::All, |w| w.begun(1)),
            ("two letters", Scope::All, |w| w.begun(2)),
            ("three letters, in a small conversation", small, |w| w.begun(3)),
            ("two words of one message", Scope::All, |w| w.of_message(2)),
            ("a phrase of three words", Scope::All, |w| format!("\"{}\"", w.of_message(3))),
            ("a frequent word and a rare beginning", Scope::All, |w| {
                format!("{} {}", word(w.chance.below(20)), &word(100_000 + w.chance.below(100_000))[..4])
            }),
        ];
        for (what, scope, query) in sorts {
            let mut times = Vec::new();
            let mut hits = 0;
            let queries: Vec<String> = (0..SEARCHES).map(|_| query(self)).collect();
            let before = busy()?;
            for query in queries {
                let query = SearchQuery::parse(&query)?;
                let start = Instant::now();
                let page: SearchPage = self.engine.messages().search(&query, scope, None, limits::PAGE, START)?;
                times.push(start.elapsed());
                hits += page.hits.len();
            }
            let busy = (busy()? - before) / SEARCHES as u32;
            times.sort_unstable();
            let at = |share: usize| times[(times.len() - 1) * share / 100];
            out.push(Sort { what, times: [at(50), at(95), at(100)], busy, hits: hits / SEARCHES });
        }
        Ok(out)
    }

    /// Words that follow each other in a message.
    fn of_message(&mut self, count: usize) -> String {
        loop {
            let text = &self.kept[self.chance.below(self.kept.len() as u64) as usize];
            let words: Vec<&str> = text.split(' ').collect();
            if words.len() >= count {
                let from = self.chance.below((words.len() - count + 1) as u64) as usize;
                return words[from..from + count].join(" ");
            }
        }
    }

    /// The first letters of a word of a message.
    fn begun(&mut self, letters: usize) -> String {
        loop {
            let word = self.of_message(1);
            if word.len() > letters {
                return word[..letters].to_owned();
            }
        }
    }
}

/// How long this thread has been running on a processor.
fn busy() -> Result<Duration, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns = text.split(' ').next().ok_or("no schedstat")?;
    Ok(Duration::from_nanos(ns.parse()?))
}

/// The word of a rank: the rarer, the longer.
fn word(rank: u64) -> String {
    const CONSONANTS: &[u8] = b"tnshrdlcmwfgypbvkjxqz";
    const VOWELS: &[u8] = b"eaoiu";
    let mut out = String::new();
    let mut rest = rank;
    loop {
        let syllable = (rest % 105) as usize;
        out.push(CONSONANTS[syllable % 21] as char);
        out.push(VOWELS[syllable / 21] as char);
        rest /= 105;
        if rest == 0 {
            return out;
        }
    }
}

/// Chance that is the same every time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One to some twenty words, nine on average, frequent and rare as in language (Zipf).
    fn text(&mut self) -> String {
        let count = 1 + self.below(9) + self.below(9);
        let mut out = String::new();
        for _ in 0..count {
            let share = self.below(1 << 53) as f64 / (1u64 << 53) as f64;
            let rank = WORDS.powf(share) as u64 - 1;
            if !out.is_empty() {
                out.push(' ');
            }
            out += &word(rank);
        }
        out
    }
}
