//! A second process of the same app, as an iOS notification extension or an Android service is: it takes in what arrived
//! while the app sleeps, and makes the hint. Both are real processes on one SQLite store; the app is this one.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use undertone::engine::Draft;
use undertone::envelope::Kind;
use undertone::error::{Error, StoreError};
use undertone::hint::{About, Hint, Sound};
use undertone::id::{ConversationId, UserId};
use undertone::message::{Cursor, MessageContent, SendState};
use undertone::store::{HostKey, MemoryDisk, MemoryStore, SqliteStore, Store};
use undertone::time::SECOND;
use undertone::{Config, Engine, Event, Time};
use undertone_relay::frame::Up;
use undertone_relay::gateway::ConnectionId;
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;

/// The key that the app's processes share: the one of the devices of the crash suite.
const HOST_KEY: [u8; 32] = [3; 32];

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Ann's app on SQLite, which sleeps at times, and Bea, who is always there.
struct Day {
    folder: tempfile::TempDir,
    platform: Platform,
    /// While it sleeps, without a connection.
    app: Option<Connected>,
    sleeping: Option<Host>,
    bea: Connected,
    talk: ConversationId,
    now: Time,
}

impl Day {
    fn begin() -> Day {
        let now = Time::from_ms(1_800_000_000_000);
        let mut platform = Platform::new([8; 32]);
        let folder = tempfile::tempdir().unwrap();
        let shared = SqliteStore::open(folder.path().join("shared"), 0).unwrap();
        let mut ann = member("ann", "client", Box::new(shared), HOST_KEY, &mut platform, now);
        let own = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let mut bea = member("bea", "escort", Box::new(own), [4; 32], &mut platform, now);
        let talk = ann.host.engine.conversations().start(&user("bea"), now).unwrap();
        ann.host.engine.messages().send(talk, Draft::text("good night"), now).unwrap();
        ann.run(&mut platform, now).unwrap();
        bea.run(&mut platform, now).unwrap();
        Day { folder, platform, app: Some(ann), sleeping: None, bea, talk, now }
    }

    /// A second passes, in which everything happens that is due.
    fn pass(&mut self) {
        self.now = self.now.plus(SECOND);
        for _ in 0..3 {
            self.app.iter_mut().for_each(|app| app.run(&mut self.platform, self.now).unwrap());
            self.bea.run(&mut self.platform, self.now).unwrap();
        }
    }

    fn bea_writes(&mut self, text: &str) {
        self.bea.host.engine.messages().send(self.talk, Draft::text(text), self.now).unwrap();
        self.pass();
    }

    /// The system freezes the app.
    fn sleep(&mut self) {
        self.pass();
        let mut host = self.app.take().unwrap().host;
        host.engine.connection(undertone::input::Connection::Down, self.now).unwrap();
        host.drain().unwrap();
        host.engine.suspend().unwrap();
        self.sleeping = Some(host);
    }

    /// The app is in front again, and connects after it has looked at what is there.
    fn wake(&mut self) -> (Vec<Hint>, u32, Vec<String>) {
        let mut host = self.sleeping.take().unwrap();
        host.engine.resume().unwrap();
        let resync = |deed| matches!(deed, undertone_tests::host::Deed::Show(Event::Resync));
        assert!(host.drain().unwrap().into_iter().any(resync), "what the app shows is to be read anew");
        let hints = host.engine.notifications().hints(self.now).unwrap();
        let unread = host.engine.conversations().get(self.talk, self.now).unwrap().unread;
        let texts = texts(&host.engine.messages().page(self.talk, Cursor::Newest, 50, self.now).unwrap().messages);
        self.app = Some(Connected::new(host, &mut self.platform, self.now).unwrap());
        self.pass();
        (hints, unread, texts)
    }

    fn app(&mut self) -> &mut Engine {
        &mut self.app.as_mut().unwrap().host.engine
    }

    /// The texts of both, which nobody has refused anything of, are these.
    fn agree(&mut self, wanted: &[&str]) {
        self.pass();
        let Day { app, bea, talk, now, .. } = self;
        for side in [app.as_mut().unwrap(), bea] {
            let page = side.host.engine.messages().page(*talk, Cursor::Newest, 50, *now).unwrap();
            assert_eq!(texts(&page.messages), wanted);
            let bad = |event: &&Event| matches!(event, Event::Refused(_) | Event::Forbidden(..) | Event::RolledBack);
            assert_eq!(side.events.iter().find(bad), None);
        }
    }
}

fn member(
    name: &str,
    role: &str,
    store: Box<dyn Store>,
    key: [u8; 32],
    platform: &mut Platform,
    now: Time,
) -> Connected {
    let config = Config::new(user(name), platform.authority());
    let engine = Engine::open(config, store, &HostKey::from_bytes(key), [name.as_bytes()[0]; 32], now).unwrap();
    let mut host = Host::new(engine);
    host.enrol(platform, role, now).unwrap();
    Connected::new(host, platform, now).unwrap()
}

/// Oldest first.
fn texts(messages: &[undertone::message::Message]) -> Vec<String> {
    let text = |content: &MessageContent| match content {
        MessageContent::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    messages.iter().rev().map(|message| text(&message.content)).collect()
}

/// The second process, told what to do in lines of text: a device of the crash suite.
struct Extension {
    child: Child,
    orders: ChildStdin,
    words: Lines<BufReader<ChildStdout>>,
}

impl Extension {
    fn start(folder: &Path) -> Extension {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crash"))
            .args(["device", "--store", "sqlite", "--folder"])
            .arg(folder.join("shared"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, words) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        Extension { child, orders, words }
    }

    /// What it says to an order.
    fn ask(&mut self, order: &str, now: Time, arguments: &str) -> Vec<String> {
        writeln!(self.orders, "{}", format!("{order} {} {arguments}", now.as_ms()).trim_end()).unwrap();
        let mut said = Vec::new();
        for line in &mut self.words {
            let line = line.unwrap();
            assert!(!line.starts_with("error "), "{order}: {line}");
            if line == "ok" {
                return said;
            }
            said.push(line);
        }
        panic!("it ended at {order}: {said:?}");
    }

    /// A push has woken it: opens the app's store.
    fn open(&mut self, day: &Day) {
        let arguments = format!("{} ann {}", hex(&[6; 32]), hex(&day.platform.authority()));
        self.ask("open", day.now, &arguments);
    }

    /// Connects, takes in what there is, and says so to the other side.
    fn take_in(&mut self, day: &mut Day) -> ConnectionId {
        let connection = day.platform.connect(day.now);
        for _ in 0..2 {
            self.exchange(connection, day);
            day.now = day.now.plus(SECOND);
            self.ask("timeout", day.now, "");
        }
        self.exchange(connection, day);
        day.pass();
        connection
    }

    fn exchange(&mut self, connection: ConnectionId, day: &mut Day) {
        loop {
            let mut said = Vec::new();
            let frames = day.platform.down(connection);
            for frame in &frames {
                said.extend(self.ask("down", day.now, &hex(frame)));
            }
            said.extend(self.ask("drain", day.now, ""));
            let ups: Vec<&str> = said.iter().filter_map(|line| line.strip_prefix("up ")).collect();
            for frame in &ups {
                let frame = unhex(frame);
                assert!(Up::decode(&frame).is_ok());
                day.platform.up(connection, &frame, day.now);
            }
            if frames.is_empty() && ups.is_empty() {
                return;
            }
        }
    }
}

impl Drop for Extension {
    /// The system ends it, without asking.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// R31
#[test]
fn an_extension_takes_in_what_arrived_and_makes_the_hint_while_the_app_sleeps() {
    let mut day = Day::begin();
    day.sleep();
    day.bea_writes("are you awake?");
    let mut extension = Extension::start(day.folder.path());
    extension.open(&day);
    let locked = day.sleeping.as_mut().unwrap().engine.resume();
    assert_eq!(locked, Err(Error::Store(StoreError::Locked)), "one at a time");
    let connection = extension.take_in(&mut day);
    let hints = extension.ask("hints", day.now, "");
    let told = format!("hint {} bea message {:?} 1 Some(Message)", hex(day.talk.as_bytes()), Some(Kind::TEXT));
    assert_eq!(hints, [told]);
    let again = extension.ask("hints", day.now, "");
    assert!(again.len() == 1 && again[0].ends_with("1 None"), "the sound was played: {again:?}");
    let state = |day: &mut Day| {
        let page = day.bea.host.engine.messages().page(day.talk, Cursor::Newest, 1, day.now).unwrap();
        page.messages[0].state
    };
    assert_eq!(state(&mut day), SendState::Delivered, "the extension has encrypted, with the app's keys");
    extension.ask("hangup", day.now, "");
    extension.ask("suspend", day.now, "");
    day.platform.disconnect(connection);
    drop(extension);

    let (hints, unread, texts) = day.wake();
    let [Hint { conversation, sender, about: About::Messages { kind, count, .. }, sound, .. }] = &hints[..] else {
        panic!("{hints:?}")
    };
    assert_eq!((*conversation, sender, *kind, *count), (day.talk, &user("bea"), Some(Kind::TEXT), 1));
    assert_eq!(*sound, None, "it was played by the extension");
    assert_eq!((unread, texts), (1, vec!["good night".to_owned(), "are you awake?".to_owned()]));
    // It goes on with keys that nobody has used.
    let (talk, now) = (day.talk, day.now);
    day.app().messages().send(talk, Draft::text("now I am"), now).unwrap();
    day.agree(&["good night", "are you awake?", "now I am"]);
    day.bea_writes("good morning");
    let now = day.now;
    let hints = day.app().notifications().hints(now).unwrap();
    assert!(hints.len() == 1 && hints[0].sound == Some(Sound::Message), "what is new sounds");
    let newest = day.app().messages().page(talk, Cursor::Newest, 1, now).unwrap().messages[0].key;
    day.app().messages().mark_read(talk, newest, now).unwrap();
    day.pass();
    assert_eq!(day.app().notifications().hints(now).unwrap(), []);
    assert_eq!(state(&mut day), SendState::Read);
    day.agree(&["good night", "are you awake?", "now I am", "good morning"]);
}

// R31, R19
#[test]
fn an_extension_that_the_system_ends_takes_nothing_along() {
    let mut day = Day::begin();
    let mut wanted = vec!["good night".to_owned()];
    for night in 0..3_u32 {
        day.sleep();
        let text = format!("night {night}");
        day.bea_writes(&text);
        let mut extension = Extension::start(day.folder.path());
        extension.open(&day);
        let connection = extension.take_in(&mut day);
        let hints = extension.ask("hints", day.now, "");
        assert!(hints.len() == 1 && hints[0].ends_with(&format!("{} Some(Message)", night + 1)), "{hints:?}");
        extension.ask("drain", day.now, "");
        day.platform.disconnect(connection);
        drop(extension);
        let (hints, unread, texts) = day.wake();
        wanted.push(text);
        assert_eq!((hints.len(), hints[0].sound, unread), (1, None, night + 1));
        assert_eq!(texts, wanted);
        let (talk, now, text) = (day.talk, day.now, format!("morning {night}"));
        day.app().messages().send(talk, Draft::text(text.as_str()), now).unwrap();
        wanted.push(text);
        day.agree(&wanted.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
