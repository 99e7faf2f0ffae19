//! Whoever logs out leaves nothing: a device's folder is searched byte by byte, for all that was ever in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use undertone::engine::{Draft, Engine, Unsent};
use undertone::error::{Error, Misuse};
use undertone::id::{ConversationId, UserId};
use undertone::message::{Cursor, MessageContent};
use undertone::store::{
    Direction, HostKey, KeyRange, MemoryDisk, MemoryStore, SledStore, SqliteStore, Store, Table, Vault,
};
use undertone::{Config, Time};
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;

const TEXTS: [&str; 3] = ["zyzzyva at midnight", "quokka parade", "xerophyte never sent"];
const ANN: &str = "ann-q7@example.org";
const BEA: &str = "bea-z9@example.org";
const KEY: [u8; 32] = [0x5a; 32];
/// Bytes of a nonce, which no two rows share.
const NONCE: usize = 24;

/// Opens a store in a folder.
type Open = fn(&Path) -> Box<dyn Store>;

fn sled(path: &Path) -> Box<dyn Store> {
    Box::new(SledStore::open(path).unwrap())
}

fn sqlite(path: &Path) -> Box<dyn Store> {
    Box::new(SqliteStore::open(path, 1_000).unwrap())
}

fn now() -> Time {
    Time::from_ms(1_800_000_000_000)
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn engine(platform: &Platform, name: &str, store: Box<dyn Store>, seed: u8) -> Engine {
    let config = Config::new(user(name), platform.authority());
    Engine::open(config, store, &HostKey::from_bytes(KEY), [seed; 32], now()).unwrap()
}

fn connected(platform: &mut Platform, engine: Engine, role: &str) -> Connected {
    let mut host = Host::new(engine);
    host.enrol(platform, role, now()).unwrap();
    Connected::new(host, platform, now()).unwrap()
}

fn texts(engine: &mut Engine, talk: ConversationId) -> Vec<String> {
    let Ok(page) = engine.messages().page(talk, Cursor::Newest, 50, now()) else { return Vec::new() };
    let text = |content| if let MessageContent::Text(text) = content { text } else { "?".to_owned() };
    page.messages.into_iter().rev().map(|message| text(message.content)).collect()
}

/// A client's day, after which her store is open, with a compaction under way and something not sent.
struct Day {
    open: Open,
    root: tempfile::TempDir,
    platform: Platform,
    ann: Connected,
    bea: Connected,
    talk: ConversationId,
}

impl Day {
    fn new(open: Open) -> Day {
        let root = tempfile::tempdir().unwrap();
        let mut platform = Platform::new([7; 32]);
        let ann = engine(&platform, ANN, open(&root.path().join("store")), 1);
        let ann = connected(&mut platform, ann, "client");
        let bea = engine(&platform, BEA, Box::new(MemoryStore::open(&MemoryDisk::new()).unwrap()), 2);
        let bea = connected(&mut platform, bea, "escort");
        let talk = ConversationId::direct(&platform.authority(), &user(ANN), &user(BEA));
        let mut day = Day { open, root, platform, ann, bea, talk };
        day.ann.host.engine.conversations().start(&user(BEA), now()).unwrap();
        day.say(TEXTS[0]);
        let said = day.bea.host.engine.messages().send(talk, Draft::text(TEXTS[1]), now());
        said.unwrap();
        day.pass();
        assert_eq!(texts(&mut day.ann.host.engine, talk), TEXTS[..2]);
        // Compaction has written a second copy of some rows, and there are such that a barrier has not reached.
        for _ in 0..40 {
            day.say("some more, so that there is something to copy");
        }
        day.ann.host.engine.compact(4_096).unwrap();
        day.ann.host.engine.connection(undertone::input::Connection::Down, now()).unwrap();
        day.ann.host.engine.messages().send(talk, Draft::text(TEXTS[2]), now()).unwrap();
        day.ann.host.drain().unwrap();
        day
    }

    fn store(&self) -> PathBuf {
        self.root.path().join("store")
    }

    fn say(&mut self, text: &str) {
        self.ann.host.engine.messages().send(self.talk, Draft::text(text), now()).unwrap();
        self.pass();
    }

    fn pass(&mut self) {
        for _ in 0..3 {
            self.ann.run(&mut self.platform, now()).unwrap();
            self.bea.run(&mut self.platform, now()).unwrap();
        }
    }

    /// A copy of the files as they are, elsewhere.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&self.store(), &copy.path().join("store"));
        copy
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_all(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// What a search looks for.
struct Secrets {
    /// Bytes with what they are: words, ids, keys.
    plain: Vec<(&'static str, Vec<u8>)>,
    /// The wrapped keys, as they stand in the key row.
    wrapped: Vec<u8>,
    /// The nonces of all sealed rows.
    nonces: BTreeSet<Vec<u8>>,
}

impl Secrets {
    fn of(day: &mut Day) -> Secrets {
        let mut plain: Vec<_> = TEXTS.iter().map(|text| ("text", text.as_bytes().to_vec())).collect();
        plain.extend([ANN, BEA].map(|name| ("user", name.as_bytes().to_vec())));
        plain.push(("key", day.ann.host.engine.identity().identity_key().unwrap().to_bytes().to_vec()));
        plain.push(("conversation", day.talk.as_bytes().to_vec()));
        let copy = day.copy();
        let store = (day.open)(&copy.path().join("store"));
        let view = store.read().unwrap();
        let wrapped = view.get(Table::Meta, b"vault").unwrap().unwrap()[13..].to_vec();
        let range = KeyRange { from: &[], to: &[] };
        let tables = Table::ALL.into_iter().filter(|table| *table != Table::Overflow);
        let rows = tables.flat_map(|table| view.scan(table, range, Direction::Forward, usize::MAX).unwrap());
        // Format, key id, pieces; then the nonce.
        let nonces: BTreeSet<_> = rows.filter_map(|(_, value)| value.get(7..7 + NONCE).map(<[u8]>::to_vec)).collect();
        assert!(nonces.len() > 100);
        Secrets { plain, wrapped, nonces }
    }

    /// What of it some bytes hold.
    fn within(&self, bytes: &[u8]) -> BTreeSet<&'static str> {
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        let plain = self.plain.iter().filter(|(_, needle)| holds(needle)).map(|(what, _)| *what);
        let wrapped = self.wrapped.chunks_exact(16).any(holds).then_some("wrapped keys");
        let row = bytes.windows(NONCE).any(|window| self.nonces.contains(window)).then_some("sealed row");
        plain.chain(wrapped).chain(row).collect()
    }

    /// What of it lies below a folder, in the files and in their names.
    fn below(&self, dir: &Path) -> BTreeSet<&'static str> {
        let mut found = BTreeSet::new();
        for path in files(dir) {
            found.append(&mut self.within(&fs::read(&path).unwrap()));
            found.append(&mut self.within(path.as_os_str().as_encoded_bytes()));
        }
        found
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.append(&mut files(&path)) } else { found.push(path) }
    }
    found
}

/// What whoever has the host's key reads with it in a folder.
fn readable(open: Open, path: &Path, platform: &Platform, talk: ConversationId) -> Vec<String> {
    let mut engine = engine(platform, ANN, open(path), 9);
    let certificate = engine.identity().certificate().map(|_| "a certificate".to_owned());
    texts(&mut engine, talk).into_iter().chain(certificate.ok()).collect()
}

fn logs_out(open: Open) {
    let mut day = Day::new(open);
    let secrets = Secrets::of(&mut day);
    let (path, talk) = (day.store(), day.talk);
    let device = day.ann.host.engine.device();
    // As older databases and interrupted writes leave them.
    copy_all(day.copy().path(), &path.join("rows.77"));
    fs::write(path.join("current.next"), TEXTS[0]).unwrap();
    assert!(secrets.below(day.root.path()).is_superset(&BTreeSet::from(["text", "wrapped keys", "sealed row"])));

    assert_eq!(day.ann.host.engine.wipe(Unsent::Refuse), Err(Error::Misuse(Misuse::Unsent)));
    assert!(texts(&mut day.ann.host.engine, talk).contains(&TEXTS[2].to_owned()), "nothing has changed");
    day.ann.host.engine.wipe(Unsent::Lose).unwrap();
    assert_eq!(day.ann.host.engine.poll_output().err(), Some(Error::Misuse(Misuse::Closed)));
    assert_eq!(files(day.root.path()), Vec::<PathBuf>::new());
    assert_eq!(secrets.below(day.root.path()), BTreeSet::new());
    assert_eq!(readable(open, &path, &day.platform, talk), Vec::<String>::new());
    assert_eq!(secrets.below(day.root.path()), BTreeSet::new(), "opening has brought nothing back");

    // The user comes back: as a new device.
    let again = engine(&day.platform, ANN, open(&path), 3);
    assert_ne!(again.device(), device);
    day.ann = connected(&mut day.platform, again, "client");
    day.ann.host.engine.conversations().start(&user(BEA), now()).unwrap();
    day.say("here again");
    assert_eq!(texts(&mut day.ann.host.engine, talk), ["here again"]);
    assert!(texts(&mut day.bea.host.engine, talk).contains(&"here again".to_owned()));
}

// R38
#[test]
fn r38_nothing_is_left_of_a_store_on_sled() {
    let half_copied = files(Day::new(sled).root.path()).into_iter().map(|file| file.parent().unwrap().to_path_buf());
    assert_eq!(half_copied.collect::<BTreeSet<_>>().len(), 3, "the store, its rows, and their copy in the making");
    logs_out(sled);
}

// R38
#[test]
fn r38_nothing_is_left_of_a_store_on_sqlite() {
    logs_out(sqlite);
}

/// The search finds what is there: in what a device leaves that does not log out, or only half.
fn leaves_traces(open: Open) {
    let mut day = Day::new(open);
    let secrets = Secrets::of(&mut day);
    let copy = day.copy();
    let path = copy.path().join("store");
    assert_eq!(secrets.below(copy.path()), BTreeSet::from(["wrapped keys", "sealed row"]), "no wipe");
    let read = readable(open, &path, &day.platform, day.talk);
    assert!(read.contains(&TEXTS[0].to_owned()) && read.contains(&"a certificate".to_owned()), "no wipe");

    // A wipe that forgets the file with the rows.
    let largest = files(&path).into_iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap();
    files(&path).into_iter().filter(|file| *file != largest).for_each(|file| fs::remove_file(file).unwrap());
    assert!(secrets.below(copy.path()).contains("sealed row"), "one file is left");

    // A wipe that leaves something that was written in the clear.
    let copy = day.copy();
    let path = copy.path().join("store");
    let vault = Vault::open(open(&path), &HostKey::from_bytes(KEY), &mut undertone::rng::Rng::from_seed([8; 32]));
    let vault = vault.unwrap();
    // Up to the rows that are the vault's own.
    let ranges = [(Table::Meta, b"vault".as_slice()), (Table::Message, &[]), (Table::Conversation, &[])];
    let rows = ranges
        .map(|(table, to)| vault.scan(table, KeyRange { from: &[], to }, Direction::Forward, usize::MAX).unwrap());
    let clear: Vec<u8> = rows.iter().flatten().flat_map(|(_, value)| value.to_vec()).collect();
    drop(vault);
    fs::remove_dir_all(&path).unwrap();
    fs::write(copy.path().join("cache"), clear).unwrap();
    assert_eq!(secrets.below(copy.path()), BTreeSet::from(["conversation", "key", "text", "user"]), "a cache is left");
}

// R38
#[test]
fn r38_the_search_finds_what_a_store_on_sled_leaves() {
    leaves_traces(sled);
}

// R38
#[test]
fn r38_the_search_finds_what_a_store_on_sqlite_leaves() {
    leaves_traces(sqlite);
}
