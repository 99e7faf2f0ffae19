//! Hosts over real WebSockets: a conversation, a restart, being offline, a relay that goes away.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use undertone::attachment::{Attachment, Location, MediaType};
use undertone::authority::Authority;
use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::id::{ConversationId, UserId};
use undertone::message::{Cursor, MessageContent, SendState};
use undertone::policy::Role;
use undertone::time::MINUTE;
use undertone::{Engine, Error, Event};
use undertone_host::{BlobError, FileError, Folder, Host, Notice, Place, Profile, Rows, Storage, start};
use undertone_relay::shell::{Server, ServerConfig, StoreKind, serve};

struct Phone {
    host: Host,
    notices: UnboundedReceiver<Notice>,
    user: UserId,
}

async fn relay(folder: &Path, port: u16) -> Server {
    let authority = Authority::from_seed([9; 32]);
    let config = ServerConfig::new(vec![authority.public_key()]);
    let store = StoreKind::Sqlite(folder.join("relay.sqlite"));
    let (listen, blobs) = (([127, 0, 0, 1], port).into(), Some(folder.join("blobs")));
    serve(ServerConfig { listen, store, blobs, demo: Some(authority), ..config }).await.unwrap()
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

async fn engine(folder: &Path, relay: &str, name: &str, role: &str) -> Engine {
    let profile = Profile::at(folder.join(name), if name == "ann" { Rows::Sled } else { Rows::Sqlite }).unwrap();
    profile.open(relay, &user(name), &Role::new(role).unwrap(), None).await.unwrap()
}

async fn phone(folder: &Path, relay: &str, name: &str, role: &str) -> Phone {
    let engine = engine(folder, relay, name, role).await;
    let (host, notices) = start(engine, relay.into()).unwrap();
    host.connect(true).unwrap();
    let mut phone = Phone { host, notices, user: user(name) };
    phone.until(|notice| *notice == Notice::Online).await;
    phone.quiet().await;
    phone
}

impl Phone {
    async fn until(&mut self, wanted: impl Fn(&Notice) -> bool) {
        let waiting = async {
            loop {
                let notice = self.notices.recv().await.unwrap();
                assert!(!matches!(notice, Notice::Stopped(_)), "{notice:?}");
                if wanted(&notice) {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
    }

    /// Waits until the relay has answered everything: the first time, until the directory lists the device.
    async fn quiet(&self) {
        while self.host.status().await.unwrap().under_way > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn start(&self, other: &UserId) -> Result<ConversationId, Error> {
        let other = other.clone();
        self.host.run(move |engine, now| engine.conversations().start(&other, now)).await.unwrap()
    }

    async fn write(&self, conversation: ConversationId, text: &'static str) {
        let send = move |engine: &mut Engine, now| engine.messages().send(conversation, Draft::text(text), now);
        self.host.run(send).await.unwrap().unwrap();
    }

    /// Texts oldest first, with the state of the own ones.
    async fn texts(&self, conversation: ConversationId) -> Vec<(String, Option<SendState>)> {
        let page =
            self.host.run(move |engine, now| engine.messages().page(conversation, Cursor::Newest, 50, now)).await;
        // A conversation that is not there yet has no texts.
        let Ok(page) = page.unwrap() else { return Vec::new() };
        let line = |message: &undertone::message::Message| match &message.content {
            MessageContent::Text(text) => (text.clone(), message.own.then_some(message.state)),
            other => panic!("{other:?}"),
        };
        page.messages.iter().rev().map(line).collect()
    }

    /// Waits until the texts are these, in this state where they are own.
    async fn shows(&self, conversation: ConversationId, texts: &[&str], state: SendState) {
        for _ in 0..400 {
            let shown = self.texts(conversation).await;
            let same = shown.len() == texts.len()
                && shown
                    .iter()
                    .zip(texts)
                    .all(|((text, own), wanted)| text == wanted && own.is_none_or(|own| own == state));
            if same {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("shows {:?}", self.texts(conversation).await);
    }
}

impl Phone {
    /// Waits until the own messages are in these states.
    async fn shows_states(&self, conversation: ConversationId, states: &[SendState]) {
        for _ in 0..400 {
            let shown: Vec<_> = self.texts(conversation).await.into_iter().filter_map(|(_, state)| state).collect();
            if shown == states {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("shows {:?}", self.texts(conversation).await);
    }
}

#[tokio::test]
async fn a_conversation_goes_through_restarts_and_outages() {
    let folder = tempfile::tempdir().unwrap();
    let server = relay(folder.path(), 0).await;
    let (url, port) = (server.url(), server.address().port());
    let ann = phone(folder.path(), &url, "ann", "client").await;
    let bea = phone(folder.path(), &url, "bea", "escort").await;

    let conversation = ann.start(&bea.user).await.unwrap();
    ann.write(conversation, "one").await;
    bea.shows(conversation, &["one"], SendState::Sent).await;
    ann.shows(conversation, &["one"], SendState::Delivered).await;

    // Bea is away; what was written meanwhile comes when she is back.
    bea.host.connect(false).unwrap();
    ann.write(conversation, "two").await;
    ann.shows_states(conversation, &[SendState::Delivered, SendState::Sent]).await;
    bea.host.connect(true).unwrap();
    bea.shows(conversation, &["one", "two"], SendState::Sent).await;

    // Bea's app dies and is opened again.
    drop(bea);
    ann.write(conversation, "three").await;
    let mut bea = phone(folder.path(), &url, "bea", "escort").await;
    bea.shows(conversation, &["one", "two", "three"], SendState::Sent).await;

    // The relay goes away; everybody finds it again by themselves.
    server.shut_down().await.unwrap();
    bea.until(|notice| matches!(notice, Notice::Offline(_))).await;
    bea.write(conversation, "four").await;
    let server = relay(folder.path(), port).await;
    ann.shows(conversation, &["one", "two", "three", "four"], SendState::Delivered).await;
    server.shut_down().await.unwrap();
}

/// Bytes that are no repetition of each other.
fn bytes(count: u32) -> Vec<u8> {
    (0..count).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn file(size: usize) -> Attachment {
    let media_type = MediaType::new("application/octet-stream").unwrap();
    Attachment::file("film", media_type, size as u64)
}

/// Conversation and message of the one file that somebody has got.
async fn received(phone: &Phone, conversation: ConversationId) -> MessageRef {
    for _ in 0..400 {
        let page =
            phone.host.run(move |engine, now| engine.messages().page(conversation, Cursor::Newest, 1, now)).await;
        if let Some(message) = page.unwrap().ok().and_then(|page| page.messages.into_iter().next()) {
            return MessageRef { author: message.author, id: message.key.id };
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no file came");
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_when_the_relay_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = relay(folder.path(), 0).await;
    let (url, port) = (server.url(), server.address().port());
    let mut ann = phone(folder.path(), &url, "ann", "client").await;
    let bea = phone(folder.path(), &url, "bea", "escort").await;
    let (from, to) = (folder.path().join("film"), folder.path().join("saved"));
    let film = bytes(6 << 20);
    std::fs::write(&from, &film).unwrap();
    let conversation = ann.start(&bea.user).await.unwrap();

    // The relay goes away in the middle.
    let (reached, mut at) = tokio::sync::mpsc::unbounded_channel();
    let progress = move |done| reached.send(done).unwrap();
    let (host, path) = (ann.host.clone(), from.clone());
    let upload = tokio::spawn(async move {
        let relay = host.relay_files().unwrap();
        let draft = Draft::text("");
        host.send_file(&relay, conversation, file(6 << 20), &path, draft, progress).await
    });
    while at.recv().await.unwrap() < 2 << 20 {}
    server.shut_down().await.unwrap();
    ann.until(|notice| matches!(notice, Notice::Offline(_))).await;
    let server = relay(folder.path(), port).await;
    let outcome = upload.await.unwrap();
    let mut done = 2 << 20;
    while let Ok(next) = at.try_recv() {
        assert!(next >= done, "back from {done} to {next}");
        done = next;
    }

    // It went on by itself, or gave up and is taken up again; nothing was sent twice.
    let message = match outcome {
        Ok(id) => MessageRef { author: ann.user.clone(), id },
        Err(FileError::Offline | FileError::Relay(BlobError::Network(_))) => {
            ann.until(|notice| *notice == Notice::Online).await;
            let transfers = ann.host.run(|engine, _| engine.attachments().transfers()).await.unwrap().unwrap();
            let message = transfers[0].message.clone();
            let (relay, mut first) = (ann.host.relay_files().unwrap(), None);
            let progress = |done| _ = first.get_or_insert(done);
            ann.host.upload(&relay, conversation, message.id, &from, progress).await.unwrap();
            assert!(first >= Some(done), "{first:?} after {done}");
            message
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(received(&bea, conversation).await, message);
    let relay = bea.host.relay_files().unwrap();
    bea.host.save_file(&relay, conversation, message.clone(), &to, |_| ()).await.unwrap();
    assert!(std::fs::read(&to).unwrap() == film);
    // What the relay keeps is sealed.
    let shelves = std::fs::read_dir(folder.path().join("blobs")).unwrap();
    let blobs: Vec<_> = shelves.flat_map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap()).collect();
    assert_eq!(blobs.len(), 1);
    let kept = std::fs::read(blobs[0].as_ref().unwrap().path()).unwrap();
    assert!(kept.len() >= film.len() && !kept.windows(64).any(|part| part == &film[4_096..4_160]));
    server.shut_down().await.unwrap();
}

#[tokio::test]
async fn an_app_that_starts_again_uploads_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = relay(folder.path(), 0).await;
    let ann = phone(folder.path(), &server.url(), "amy", "client").await;
    let bea = phone(folder.path(), &server.url(), "bea", "escort").await;
    let (from, to) = (folder.path().join("film"), folder.path().join("saved"));
    let film = bytes(3 << 20);
    std::fs::write(&from, &film).unwrap();
    let conversation = ann.start(&bea.user).await.unwrap();
    let send = move |engine: &mut Engine, now| {
        let id = engine.attachments().send(conversation, file(3 << 20), Draft::text(""), now)?;
        // The app dies after the first piece.
        engine.attachments().seal(conversation, id, 0, &bytes(3 << 20)[..1 << 20], now)?;
        Ok::<_, Error>(id)
    };
    let id = ann.host.run(send).await.unwrap().unwrap();
    drop(ann);
    // SQLite waits for the engine that is just being closed.
    let ann = phone(folder.path(), &server.url(), "amy", "client").await;
    ann.host.upload(&ann.host.relay_files().unwrap(), conversation, id, &from, |_| ()).await.unwrap();
    let message = received(&bea, conversation).await;
    bea.host.save_file(&bea.host.relay_files().unwrap(), conversation, message, &to, |_| ()).await.unwrap();
    assert!(std::fs::read(&to).unwrap() == film);
    server.shut_down().await.unwrap();
}

/// A folder that cannot be written once, behind the first piece of a file.
struct Failing(Folder, AtomicBool);

impl Storage for Failing {
    async fn place(&self, name: &str, size: u64) -> Result<Place, FileError> {
        self.0.place(name, size).await
    }

    async fn write(&self, location: &Location, start: u64, bytes: Vec<u8>) -> Result<(), FileError> {
        if start > 0 && !self.1.swap(true, Ordering::Relaxed) {
            return Err(FileError::Offline);
        }
        self.0.write(location, start, bytes).await
    }

    async fn read(&self, location: &Location, range: Range<u64>) -> Result<Vec<u8>, FileError> {
        self.0.read(location, range).await
    }
}

#[tokio::test]
async fn a_piece_that_was_sealed_and_not_stored_is_stored_when_the_upload_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = relay(folder.path(), 0).await;
    let ann = phone(folder.path(), &server.url(), "ann", "client").await;
    let bea = phone(folder.path(), &server.url(), "bea", "escort").await;
    let (from, to) = (folder.path().join("film"), folder.path().join("saved"));
    let film = bytes(3 << 20);
    std::fs::write(&from, &film).unwrap();
    let conversation = ann.start(&bea.user).await.unwrap();
    let objects = Failing(Folder::at(folder.path().join("objects")).unwrap(), AtomicBool::new(false));
    let sent = ann.host.send_file(&objects, conversation, file(3 << 20), &from, Draft::text(""), |_| ()).await;
    assert!(matches!(sent, Err(FileError::Offline)));
    let waiting = ann.host.run(|engine, _| engine.attachments().transfers()).await.unwrap().unwrap();
    ann.host.upload(&objects, conversation, waiting[0].message.id, &from, |_| ()).await.unwrap();
    let message = received(&bea, conversation).await;
    bea.host.save_file(&objects, conversation, message, &to, |_| ()).await.unwrap();
    assert!(std::fs::read(&to).unwrap() == film);
    server.shut_down().await.unwrap();
}

#[tokio::test]
async fn without_a_connection_an_upload_says_so_and_waits() {
    let folder = tempfile::tempdir().unwrap();
    let server = relay(folder.path(), 0).await;
    let mut ann = phone(folder.path(), &server.url(), "ann", "client").await;
    let bea = phone(folder.path(), &server.url(), "bea", "escort").await;
    let from = folder.path().join("note");
    std::fs::write(&from, bytes(100)).unwrap();
    let conversation = ann.start(&bea.user).await.unwrap();
    ann.host.connect(false).unwrap();
    ann.until(|notice| matches!(notice, Notice::Offline(_))).await;
    let relay = ann.host.relay_files().unwrap();
    let sent = ann.host.send_file(&relay, conversation, file(100), &from, Draft::text(""), |_| ()).await;
    assert!(matches!(sent, Err(FileError::Offline)));
    let waiting = ann.host.run(|engine, _| engine.attachments().transfers()).await.unwrap().unwrap();
    ann.host.connect(true).unwrap();
    ann.until(|notice| *notice == Notice::Online).await;
    ann.host.upload(&relay, conversation, waiting[0].message.id, &from, |_| ()).await.unwrap();
    assert_eq!(received(&bea, conversation).await, waiting[0].message);
    // A location that a peer made up leads nowhere.
    let made_up = Location::new("relay.sqlite").unwrap();
    assert!(matches!(relay.read(&made_up, 0..10).await, Err(FileError::Elsewhere)));
    let unknown = Location::new("0f".repeat(32)).unwrap();
    assert!(matches!(relay.read(&unknown, 0..10).await, Err(FileError::Relay(BlobError::Gone))));
    server.shut_down().await.unwrap();
}

#[tokio::test]
async fn an_escort_cannot_start_with_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let server = relay(folder.path(), 0).await;
    let ann = phone(folder.path(), &server.url(), "ann", "client").await;
    let mut bea = phone(folder.path(), &server.url(), "bea", "escort").await;
    // The engine has to look the role up before it can say no.
    let conversation = bea.start(&ann.user).await.unwrap();
    bea.write(conversation, "hello").await;
    bea.until(|notice| matches!(notice, Notice::Event(Event::Forbidden(..)))).await;
    assert!(ann.texts(conversation).await.is_empty());
    // From now on it knows.
    assert!(matches!(bea.start(&ann.user).await, Err(Error::Denied(_))));
    server.shut_down().await.unwrap();
}

#[tokio::test]
async fn one_device_is_logged_in_once_and_does_not_fight() {
    let folder = tempfile::tempdir().unwrap();
    let server = relay(folder.path(), 0).await;
    let profile = Profile::at(folder.path().join("ann"), Rows::Sqlite).unwrap();
    let role = Role::new("client").unwrap();
    let engine = profile.open(&server.url(), &user("ann"), &role, None).await.unwrap();
    // The same folder cannot be opened twice, nor as somebody else.
    assert!(profile.open(&server.url(), &user("ann"), &role, None).await.is_err());
    drop(engine);
    assert!(profile.open(&server.url(), &user("ann"), &Role::new("support").unwrap(), None).await.is_err());
    server.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_new_device_needs_a_relay_that_certifies() {
    let folder = tempfile::tempdir().unwrap();
    let profile = Profile::at(folder.path().join("ann"), Rows::Sqlite).unwrap();
    let role = Role::new("client").unwrap();
    let nobody = "ws://127.0.0.1:1";
    assert!(profile.open(nobody, &user("ann"), &role, None).await.is_err());
    let service = serve(ServerConfig::new(vec![[1; 32]])).await.unwrap();
    assert!(profile.open(&service.url(), &user("ann"), &role, None).await.is_err());
    service.shut_down().await.unwrap();
}

// R32
#[tokio::test]
async fn a_host_tells_its_app_whom_to_reach_by_another_channel() {
    let folder = tempfile::tempdir().unwrap();
    let server = relay(folder.path(), 0).await;
    let bea = phone(folder.path(), &server.url(), "bea", "escort").await;
    bea.host.connect(false).unwrap();
    let profile = Profile::at(folder.path().join("ann"), Rows::Sqlite).unwrap().fallback_after(Some(5 * MINUTE));
    let engine = profile.open(&server.url(), &user("ann"), &Role::new("client").unwrap(), None).await.unwrap();
    let (host, notices) = start(engine, server.url()).unwrap();
    host.connect(true).unwrap();
    let mut ann = Phone { host, notices, user: user("ann") };
    ann.until(|notice| *notice == Notice::Online).await;
    ann.quiet().await;
    let conversation = ann.start(&bea.user).await.unwrap();
    ann.write(conversation, "are you there?").await;
    ann.shows(conversation, &["are you there?"], SendState::Sent).await;
    // Her clock goes on by six minutes.
    ann.host.run(|engine, now| engine.handle_timeout(now.plus(6 * MINUTE))).await.unwrap().unwrap();
    let mut asked = None;
    while asked.is_none() {
        match tokio::time::timeout(Duration::from_secs(20), ann.notices.recv()).await.unwrap().unwrap() {
            Notice::Fallback(request, whom, count) => asked = Some((request, whom, count)),
            Notice::Stopped(why) => panic!("{why}"),
            _ => {}
        }
    }
    let (request, whom, count) = asked.unwrap();
    assert_eq!((whom, count), (user("bea"), 1));
    ann.host.notified(request).await.unwrap().unwrap();
    server.shut_down().await.unwrap();
}
