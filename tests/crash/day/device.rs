//! The process that is killed: an engine and its host, told what to do in lines of text.
//!
//! An order is a word, the time in Unix milliseconds, and arguments. It is answered by lines, the last of which is `ok` or
//! `error …`. What is said stands in the trace of a recorded process, among its writes: so it is known what was promised
//! when the power went.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;

use undertone::engine::Draft;
use undertone::hint::About;
use undertone::id::{ConversationId, UserId};
use undertone::input::Connection;
use undertone::message::{Cursor, Message, MessageContent};
use undertone::store::HostKey;
use undertone::{Config, Engine, Event, Time};
use undertone_relay::frame::{Down, Up};
use undertone_tests::host::{Deed, Host};

use super::hex;
use crate::stores::StoreKind;

/// Own messages after which a device renews its leaf: few, so that commits are killed as well.
pub const UPDATE_AFTER: u64 = 15;
/// Messages of one page of a dump.
const PAGE: usize = 200;

/// Obeys orders until there are none.
pub fn run(store: StoreKind, folder: PathBuf) -> ExitCode {
    let mut device = Device { store, folder, host: None };
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match device.obey(&line) {
            Ok(()) => println!("ok"),
            Err(why) => println!("error {}", why.replace('\n', " ")),
        }
    }
    ExitCode::SUCCESS
}

struct Device {
    store: StoreKind,
    folder: PathBuf,
    host: Option<Host>,
}

/// Why an order was not obeyed.
type Trouble = String;

impl Device {
    fn obey(&mut self, order: &str) -> Result<(), Trouble> {
        let words: Vec<&str> = order.splitn(4, ' ').collect();
        let [what, now, arguments @ ..] = &words[..] else { return Err("an order needs a time".into()) };
        let now = now.parse().ok().and_then(|ms| Time::from_unix_ms(ms).ok()).ok_or("no time")?;
        match (*what, arguments) {
            ("open", [seed, rest]) => self.open(seed, rest, now),
            ("request", []) => self.request(),
            ("enrol", [certificate]) => self.enrol(certificate, now),
            ("down", [frame]) => self.down(frame, now),
            ("start", [user]) => self.start(user, now),
            ("send", [conversation, text]) => self.send(conversation, text, now),
            ("read", [conversation]) => self.read(conversation, now),
            ("timeout", []) => self.host()?.engine.handle_timeout(now).map_err(failed),
            ("drain", []) => self.drain(),
            ("hints", []) => self.hints(now),
            ("dump", [conversation]) => self.dump(conversation, now),
            ("hangup", []) => self.host()?.engine.connection(Connection::Down, now).map_err(failed),
            ("suspend", []) => self.suspend(),
            ("erase", [conversation]) => self.erase(conversation, now),
            ("resume", []) => self.host()?.engine.resume().map_err(failed),
            _ => Err(format!("no order `{what}` with {} arguments", arguments.len())),
        }
    }

    fn host(&mut self) -> Result<&mut Host, Trouble> {
        self.host.as_mut().ok_or_else(|| "not open".into())
    }

    fn open(&mut self, seed: &str, rest: &str, now: Time) -> Result<(), Trouble> {
        let (user, authority) = rest.split_once(' ').ok_or("no authority")?;
        let user = UserId::new(user).ok_or("no user")?;
        let mut config = Config::new(user, hex::array(authority).ok_or("no key")?);
        config.update_after_messages = UPDATE_AFTER;
        let store = self.store.open(&self.folder).map_err(|e| format!("{} {e}", e.code()))?;
        let seed = hex::array(seed).ok_or("no seed")?;
        let engine = Engine::open(config, store, &HostKey::from_bytes([3; 32]), seed, now).map_err(failed)?;
        self.host = Some(Host::new(engine));
        Ok(())
    }

    fn request(&mut self) -> Result<(), Trouble> {
        let request = self.host()?.engine.identity().enrolment_request().map_err(failed)?;
        println!("request {}", hex::encode(request.as_bytes()));
        Ok(())
    }

    fn enrol(&mut self, certificate: &str, now: Time) -> Result<(), Trouble> {
        let certificate = hex::decode(certificate).ok_or("no certificate")?;
        self.host()?.engine.identity().enrol(&certificate, now).map_err(failed)
    }

    fn down(&mut self, frame: &str, now: Time) -> Result<(), Trouble> {
        let frame = hex::decode(frame).ok_or("no frame")?;
        if let Some(up) = self.host()?.down(&frame, now).map_err(failed)? {
            say_up(&up)?;
        }
        if let Ok(Down::Transmitted { id, .. }) = Down::decode(&frame) {
            println!("answered {id}");
        }
        Ok(())
    }

    fn start(&mut self, user: &str, now: Time) -> Result<(), Trouble> {
        let user = UserId::new(user).ok_or("no user")?;
        let id = self.host()?.engine.conversations().start(&user, now).map_err(failed)?;
        println!("conversation {}", hex::encode(id.as_bytes()));
        Ok(())
    }

    fn send(&mut self, conversation: &str, text: &str, now: Time) -> Result<(), Trouble> {
        let conversation = conversation_id(conversation)?;
        let id = self.host()?.engine.messages().send(conversation, Draft::text(text), now).map_err(failed)?;
        println!("sent {}", hex::encode(id.as_bytes()));
        Ok(())
    }

    /// Marks everything as read.
    fn read(&mut self, conversation: &str, now: Time) -> Result<(), Trouble> {
        let conversation = conversation_id(conversation)?;
        let engine = &mut self.host()?.engine;
        let page = engine.messages().page(conversation, Cursor::Newest, 1, now).map_err(failed)?;
        match page.messages.first() {
            Some(newest) => engine.messages().mark_read(conversation, newest.key, now).map_err(failed),
            None => Ok(()),
        }
    }

    fn drain(&mut self) -> Result<(), Trouble> {
        for deed in self.host()?.drain().map_err(failed)? {
            match deed {
                Deed::Send(up) => say_up(&up)?,
                Deed::Show(Event::MessageAdded(_, key)) => println!("shown {}", hex::encode(key.id.as_bytes())),
                Deed::Show(Event::Refused(fault)) => println!("refused {}", fault.code()),
                Deed::Show(Event::Forbidden(_, reason)) => println!("refused {}", reason.code()),
                Deed::Show(Event::RolledBack) => println!("refused rolled_back"),
                Deed::Show(_) => {}
            }
        }
        println!("drained");
        Ok(())
    }

    /// Says what a notification may say of unread messages, which counts as shown from then on.
    fn hints(&mut self, now: Time) -> Result<(), Trouble> {
        let mut notifications = self.host()?.engine.notifications();
        for hint in notifications.hints(now).map_err(failed)? {
            let About::Messages { newest, kind, count, .. } = hint.about else { continue };
            let (talk, sender) = (hex::encode(hint.conversation.as_bytes()), hint.sender.as_str());
            println!("hint {talk} {sender} message {kind:?} {count} {:?}", hint.sound);
            notifications.shown(hint.conversation, newest, now).map_err(failed)?;
        }
        Ok(())
    }

    fn suspend(&mut self) -> Result<(), Trouble> {
        self.host()?.engine.suspend().map_err(failed)?;
        println!("drained");
        Ok(())
    }

    /// Forgets a draft, and makes what is left of it unreadable: rows are sealed anew, and keys thrown away.
    fn erase(&mut self, conversation: &str, now: Time) -> Result<(), Trouble> {
        let conversation = conversation_id(conversation)?;
        let engine = &mut self.host()?.engine;
        for draft in [Some("not to be read by anybody".to_owned()), None] {
            engine.conversations().set_draft(conversation, draft, now).map_err(failed)?;
        }
        engine.suspend().map_err(failed)?;
        engine.resume().map_err(failed)
    }

    /// Says every message, newest first.
    fn dump(&mut self, conversation: &str, now: Time) -> Result<(), Trouble> {
        let conversation = conversation_id(conversation)?;
        let mut cursor = Cursor::Newest;
        loop {
            let page = self.host()?.engine.messages().page(conversation, cursor, PAGE, now).map_err(failed)?;
            page.messages.iter().for_each(say_message);
            match page.messages.last().filter(|_| page.more) {
                Some(oldest) => cursor = Cursor::Before(oldest.key),
                None => return Ok(()),
            }
        }
    }
}

fn say_up(up: &Up) -> Result<(), Trouble> {
    println!("up {}", hex::encode(&up.encode().map_err(|e| e.to_string())?));
    Ok(())
}

fn say_message(message: &Message) {
    let whose = if message.own { "own" } else { "theirs" };
    let text = match &message.content {
        MessageContent::Text(text) => text,
        _ => "(not readable)",
    };
    println!("message {} {whose} {:?} {text}", hex::encode(message.key.id.as_bytes()), message.state);
}

fn conversation_id(text: &str) -> Result<ConversationId, Trouble> {
    hex::array(text).map(ConversationId::from_bytes).ok_or_else(|| "no conversation".into())
}

fn failed(error: undertone::Error) -> Trouble {
    format!("{} {error}", error.code())
}
