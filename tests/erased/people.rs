//! Ann and Bea, who talk, each on files of her own, by way of the real relay's logic.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use undertone::attachment::{Attachment, Details, Location, MediaType, Picture, Preview};
use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::id::{ConversationId, MessageId, UserId};
use undertone::message::{Cursor, MessageContent};
use undertone::search::{Scope, SearchQuery};
use undertone::store::{HostKey, Progress, SledStore, SqliteStore, Store};
use undertone::time::SECOND;
use undertone::{Config, Engine, Time};
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;
use undertone_tests::watched::Watched;

use crate::record::Record;

/// The engine of storage below both.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Sled,
    Sqlite,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Ann,
    Bea,
}

pub use Who::{Ann, Bea};

pub const BOTH: [Who; 2] = [Ann, Bea];

/// What begins like a JPEG, and looks like nothing else.
pub const PREVIEW: [u8; 900] = preview();

const NAMES: [&str; 2] = ["ann", "bea"];
const FILE: [u8; 300] = [7; 300];

/// Messages that will be deleted by her who sent them: Ann.
pub struct Said {
    ids: Vec<MessageId>,
}

pub struct People {
    kind: Kind,
    platform: Platform,
    members: [Connected; 2],
    records: [Record; 2],
    folders: TempDir,
    talk: ConversationId,
    now: Time,
}

impl People {
    /// They have a conversation.
    pub fn new(kind: Kind) -> People {
        let (folders, records) = (TempDir::new().unwrap(), [Record::default(), Record::default()]);
        let now = Time::from_ms(1_800_000_000_000);
        let mut platform = Platform::new([7; 32]);
        let member = |who: Who, role: &str, platform: &mut Platform| {
            let name = NAMES[who as usize];
            let store = kind.open(&folders.path().join(name));
            let record = records[who as usize].clone();
            let watched = Watched::new(store, move |batch| record.note(batch));
            let config = Config::new(UserId::new(name).unwrap(), platform.authority());
            let engine = Engine::open(config, Box::new(watched), &host_key(), [who as u8; 32], now).unwrap();
            let mut host = Host::new(engine);
            host.enrol(platform, role, now).unwrap();
            Connected::new(host, platform, now).unwrap()
        };
        let mut members = [member(Ann, "client", &mut platform), member(Bea, "escort", &mut platform)];
        let bea = UserId::new(NAMES[1]).unwrap();
        let talk = members[0].host.engine.conversations().start(&bea, now).unwrap();
        let mut people = People { kind, platform, members, records, folders, talk, now };
        people.send(Ann, "good evening", -1);
        people.run(5 * SECOND);
        people
    }

    /// Time goes by, a second at a time.
    pub fn run(&mut self, time: u64) {
        for _ in 0..time / SECOND {
            self.now = self.now.plus(SECOND);
            for _ in 0..3 {
                self.members.iter_mut().for_each(|member| member.run(&mut self.platform, self.now).unwrap());
            }
        }
    }

    /// Messages that stay, so that there is something to be kept, in segments of the search index as well.
    pub fn chat(&mut self, count: usize) {
        for number in 0..count {
            self.send(BOTH[number % 2], &format!("this one stays, number {number}"), -1);
            self.run(SECOND);
        }
    }

    /// Everything that is not to be found later: a text, one that goes by itself, an edit, an image, a draft.
    pub fn say_secrets(&mut self) -> Said {
        let text = self.send(Ann, "the quokkas are hidden in the shed", -1);
        self.send(Ann, "wombats, but only for five minutes", 5);
        let edited = self.send(Ann, "numbats at first", -1);
        self.run(2 * SECOND);
        let (talk, now) = (self.talk, self.now);
        self.engine(Ann).messages().edit(talk, edited, "bilbies in the end", now).unwrap();
        self.engine(Bea).conversations().set_draft(talk, Some("bettongs in a draft".to_owned()), now).unwrap();
        self.engine(Ann).conversations().set_draft(talk, Some("bettongs in a draft".to_owned()), now).unwrap();
        let image = self.send_image();
        self.run(2 * SECOND);
        let message = MessageRef { author: UserId::new(NAMES[0]).unwrap(), id: image };
        let now = self.now;
        self.engine(Bea).attachments().download(talk, &message, now).unwrap();
        self.run(2 * SECOND);
        Said { ids: vec![text, edited, image] }
    }

    /// Ann deletes for everyone what stays otherwise, and both give up their drafts.
    pub fn delete(&mut self, said: &Said) {
        let (talk, now) = (self.talk, self.now);
        for id in &said.ids {
            let message = MessageRef { author: UserId::new(NAMES[0]).unwrap(), id: *id };
            self.engine(Ann).messages().delete_for_everyone(talk, &message, now).unwrap();
        }
        BOTH.iter().for_each(|who| self.engine(*who).conversations().set_draft(talk, None, now).unwrap());
    }

    /// The engine goes on without what was deleted, which search does not find either.
    pub fn shows_only_what_stays(&mut self, who: Who) {
        let (talk, now) = (self.talk, self.now);
        let page = self.engine(who).messages().page(talk, Cursor::Newest, 99, now).unwrap();
        let texts = page.messages.iter().filter_map(|message| match &message.content {
            MessageContent::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let stays = |text: &&str| text.starts_with("this one stays") || *text == "good evening";
        assert_eq!(texts.clone().filter(stays).count(), 81);
        assert_eq!(texts.filter(|text| !stays(text)).count(), 0);
        for (word, count) in [("quokkas", 0), ("wombats", 0), ("bilbies", 0), ("potoroos", 0), ("evening", 1)] {
            let query = SearchQuery::parse(word).unwrap();
            let found = self.engine(who).messages().search(&query, Scope::All, None, 9, now).unwrap();
            assert_eq!(found.hits.len(), count, "{word}");
        }
    }

    /// The store gives back what space it can.
    pub fn compact(&mut self, who: Who) {
        while self.engine(who).compact(1 << 20).unwrap() == Progress::More {}
    }

    /// The store closes its files.
    pub fn suspend(&mut self, who: Who) {
        self.engine(who).suspend().unwrap();
    }

    pub fn both<T>(&self, look: impl Fn(&People, Who) -> T) -> [T; 2] {
        BOTH.map(|who| look(self, who))
    }

    /// Where her store is.
    pub fn folder(&self, who: Who) -> PathBuf {
        self.folders.path().join(NAMES[who as usize])
    }

    /// All that her store was ever given.
    pub fn record(&self, who: Who) -> &Record {
        &self.records[who as usize]
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn engine(&mut self, who: Who) -> &mut Engine {
        &mut self.members[who as usize].host.engine
    }

    fn send(&mut self, who: Who, text: &str, minutes: i32) -> MessageId {
        let (talk, now) = (self.talk, self.now);
        let draft = Draft { period: Some(minutes), ..Draft::text(text) };
        self.engine(who).messages().send(talk, draft, now).unwrap()
    }

    /// Ann sends an image with a caption, uploaded at once.
    fn send_image(&mut self) -> MessageId {
        let (talk, now) = (self.talk, self.now);
        let preview = Preview::new(PREVIEW.to_vec());
        let picture = Picture { width: 640, height: 480, preview, blur_hash: None, blurred: false };
        let jpeg = MediaType::new("image/jpeg").unwrap();
        let image = Attachment::new(Details::Image(picture), jpeg, FILE.len() as u64);
        let mut attachments = self.engine(Ann).attachments();
        let caption = Draft { period: Some(-1), ..Draft::text("potoroos at dusk") };
        let id = attachments.send(talk, image, caption, now).unwrap();
        attachments.seal(talk, id, 0, &FILE, now).unwrap();
        attachments.finish(talk, id, Location::new("files/quolls").unwrap(), now).unwrap();
        id
    }
}

impl Kind {
    pub fn open(self, folder: &Path) -> Box<dyn Store> {
        match self {
            Kind::Sled => Box::new(SledStore::open(folder).unwrap()),
            Kind::Sqlite => Box::new(SqliteStore::open(folder, 1_000).unwrap()),
        }
    }
}

/// What both hosts keep.
pub fn host_key() -> HostKey {
    HostKey::from_bytes([3; 32])
}

const fn preview() -> [u8; 900] {
    let mut bytes = [0xff; 900];
    bytes[1] = 0xd8;
    let (mut at, mut state) = (3, 0x9e37_u32);
    while at < bytes.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes[at] = (state >> 24) as u8;
        at += 1;
    }
    bytes
}
