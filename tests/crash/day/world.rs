//! Everything around a device that may die: the platform, the other person, the time.

use std::collections::BTreeSet;

use undertone::engine::Draft;
use undertone::id::{ConversationId, UserId};
use undertone::message::{Cursor, MessageContent};
use undertone::rng::Rng;
use undertone::store::{HostKey, MemoryDisk, MemoryStore};
use undertone::{Config, Engine, Event, Time};
use undertone_relay::frame::Down;
use undertone_relay::gateway::ConnectionId;
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;

use super::promises::{Message, Promises, parse_message};
use super::remote::{Remote, Trouble};
use super::{device, hex};
use crate::verdict::Verdict;

/// The user of the device that dies, a client.
const ANN: &str = "ann";
/// The other person, an escort.
const BEA: &str = "bea";
/// Answers that a device waits for on purpose, so that it seldom dies without an unanswered transmit.
const HELD: usize = 4;

/// The platform, the other person, the time, and what the device promised.
pub struct World {
    platform: Platform,
    bea: Connected,
    now: Time,
    rng: Rng,
    conversation: String,
    connection: Option<ConnectionId>,
    /// Answers to transmits that the network keeps back.
    held: Vec<Vec<u8>>,
    /// All texts that anybody tried to send.
    pub tried: BTreeSet<String>,
    /// What the device promised.
    pub promises: Promises,
}

impl World {
    /// A platform, and the other person on it.
    pub fn new(rng: &mut Rng) -> Result<World, String> {
        let mut rng = rng.fork("world");
        let now = Time::from_ms(1_800_000_000_000);
        let mut platform = Platform::new(rng.bytes());
        let mut config = Config::new(user(BEA), platform.authority());
        config.update_after_messages = device::UPDATE_AFTER;
        let store = MemoryStore::open(&MemoryDisk::new()).map_err(|e| e.to_string())?;
        let engine = Engine::open(config, Box::new(store), &HostKey::from_bytes([4; 32]), rng.bytes(), now);
        let mut host = Host::new(engine.map_err(|e| e.to_string())?);
        host.enrol(&mut platform, "escort", now).map_err(|e| e.to_string())?;
        let bea = Connected::new(host, &mut platform, now).map_err(|e| e.to_string())?;
        let id = ConversationId::direct(&platform.authority(), &user(ANN), &user(BEA));
        Ok(World {
            platform,
            bea,
            now,
            rng,
            conversation: hex::encode(id.as_bytes()),
            connection: None,
            held: Vec::new(),
            tried: BTreeSet::new(),
            promises: Promises::default(),
        })
    }

    /// Enrols a new device, starts the conversation and has both say something.
    pub fn meet(&mut self, remote: &mut Remote) -> Result<(), Trouble> {
        self.open(remote)?;
        let request = remote.ask(&self.order("request", ""))?;
        let request = request.iter().find_map(|line| hex::decode(line.strip_prefix("request ")?));
        let request = request.ok_or(Trouble::Gone)?;
        let certificate = self.platform.certify(&request, "client", self.now);
        remote.ask(&self.order("enrol", &hex::encode(&certificate)))?;
        remote.ask(&self.order("start", BEA))?;
        let said = self.connect(remote)?;
        said.iter().for_each(|line| self.promises.hear(line));
        self.send(remote)?;
        self.settle(remote)
    }

    /// Opens the device's engine.
    pub fn open(&mut self, remote: &mut Remote) -> Result<(), Trouble> {
        let seed = hex::encode(&self.rng.bytes::<32>());
        let authority = hex::encode(&self.platform.authority());
        remote.ask(&self.order("open", &format!("{seed} {ANN} {authority}"))).map(|_| ())
    }

    /// Logs the device in; returns all that it says until it wants nothing more.
    pub fn connect(&mut self, remote: &mut Remote) -> Result<Vec<String>, Trouble> {
        let connection = self.platform.connect(self.now);
        self.connection = Some(connection);
        let mut said = Vec::new();
        // The challenge, then the login.
        for _ in 0..2 {
            for frame in self.platform.down(connection) {
                let words = remote.ask(&self.order("down", &hex::encode(&frame)))?;
                self.forward(&words);
                said.extend(words);
            }
        }
        let drained = remote.ask(&self.order("drain", ""))?;
        self.forward(&drained);
        said.extend(drained);
        Ok(said)
    }

    /// Something happens: somebody writes or reads, time passes, an answer comes. Then all frames but answers pass.
    pub fn step(&mut self, remote: &mut Remote) -> Result<(), Trouble> {
        match self.rng.below(11) {
            0..=3 => self.send(remote)?,
            4..=6 => self.bea_sends(),
            7 => {
                let order = self.order("read", &self.conversation.clone());
                remote.ask(&order)?;
                self.bea_reads();
            }
            8 => {
                self.now = self.now.plus(self.rng.below(20_000));
                remote.ask(&self.order("timeout", ""))?;
            }
            9 => {
                let order = self.order("erase", &self.conversation.clone());
                remote.ask(&order)?;
            }
            _ => self.release(remote, 1)?,
        }
        self.exchange(remote)?;
        let surplus = self.held.len().saturating_sub(HELD);
        self.release(remote, surplus)
    }

    /// Orders for a last burst: what the device is doing when it dies. Says how many deliveries are among them.
    pub fn burst(&mut self) -> (Vec<String>, usize) {
        let mut orders = Vec::new();
        let mut deliveries = 0;
        for _ in 0..=self.rng.below(3) {
            if self.rng.below(2) == 0 {
                orders.push(self.send_order());
            } else {
                self.bea_sends();
                for frame in self.frames() {
                    deliveries += usize::from(matches!(Down::decode(&frame), Ok(Down::Delivered(_))));
                    orders.push(self.order("down", &hex::encode(&frame)));
                }
            }
            if self.rng.below(4) == 0 {
                orders.push(self.order("erase", &self.conversation.clone()));
            }
            if self.rng.below(3) > 0 {
                orders.push(self.order("drain", ""));
            }
        }
        (orders, deliveries)
    }

    /// The device died, with this as its last words. The network takes some of them along.
    pub fn bury(&mut self, last_words: &[String]) {
        last_words.iter().for_each(|line| self.promises.hear(line));
        let taken = self.rng.below(last_words.len() as u64 + 1) as usize;
        self.send_frames(&last_words[..taken]);
        self.promises.die();
        self.held.clear();
        if let Some(connection) = self.connection.take() {
            self.platform.disconnect(connection);
        }
    }

    /// Opens a device that was there before, and checks that it kept what was promised.
    pub fn revive(&mut self, remote: &mut Remote) -> Result<Verdict, Trouble> {
        self.open(remote)?;
        self.greet(remote)
    }

    /// Gives a device its files back, and checks that it has what another process promised on them.
    pub fn resume(&mut self, remote: &mut Remote) -> Result<Verdict, Trouble> {
        remote.ask(&self.order("resume", ""))?;
        self.greet(remote)
    }

    /// Takes a device's connection and files.
    pub fn suspend(&mut self, remote: &mut Remote) -> Result<(), Trouble> {
        remote.ask(&self.order("hangup", ""))?;
        let said = remote.ask(&self.order("suspend", ""))?;
        self.bury(&said);
        Ok(())
    }

    /// Checks that a device has what was promised, and logs it in.
    fn greet(&mut self, remote: &mut Remote) -> Result<Verdict, Trouble> {
        let messages = self.list(remote)?;
        if let Err(verdict) = self.promises.check_messages(&messages, &self.tried) {
            return Ok(verdict);
        }
        let said = self.connect(remote)?;
        let checked = self.promises.check_transmits(&said);
        said.iter().for_each(|line| self.promises.hear(line));
        Ok(checked.err().unwrap_or(Verdict::Whole(messages.len() as u64)))
    }

    /// Opens a device in a state that it may have had at an earlier moment, and checks that it has what was promised up to
    /// then. The platform is not told.
    pub fn inspect(&mut self, remote: &mut Remote, promises: &Promises) -> Result<Verdict, Trouble> {
        self.open(remote)?;
        let mut promises = promises.clone();
        promises.die();
        let messages = self.list(remote).or_else(|trouble| match trouble {
            // Power may go before there is a conversation.
            Trouble::Said(what) if what.starts_with("misuse.unknown_conversation") => Ok(Vec::new()),
            trouble => Err(trouble),
        })?;
        if let Err(verdict) = promises.check_messages(&messages, &self.tried) {
            return Ok(verdict);
        }
        let login = Down::LoggedIn { time: self.now, highest_sequence: 0, key_packages: 50, revocations: false };
        let login = login.encode().expect("a frame encodes");
        match remote.ask(&self.order("down", &hex::encode(&login))) {
            Ok(_) => {}
            // Or before it has a certificate, which is promised with the first transmit.
            Err(Trouble::Said(what)) if what.starts_with("misuse.not_enrolled") && promises.is_empty() => {
                return Ok(Verdict::Whole(0));
            }
            Err(trouble) => return Err(trouble),
        }
        let said = remote.ask(&self.order("drain", ""))?;
        let checked = promises.check_transmits(&said);
        Ok(checked.err().unwrap_or(Verdict::Whole(messages.len() as u64)))
    }

    /// Lets everything come to rest, then compares what both have.
    pub fn compare(&mut self, remote: &mut Remote) -> Result<Verdict, Trouble> {
        self.settle(remote)?;
        let anns = self.list(remote)?;
        if let Err(verdict) = self.promises.check_messages(&anns, &self.tried) {
            return Ok(verdict);
        }
        let texts: Vec<&str> = anns.iter().map(|message| message.text.as_str()).collect();
        let beas = self.bea_list();
        if texts != beas {
            let differing = texts.iter().zip(&beas).find(|(one, other)| *one != other);
            let counts = format!("{} and {} messages, first at {differing:?}", texts.len(), beas.len());
            return Ok(Verdict::Torn(format!("the two have different conversations: {counts}")));
        }
        let refused = self.bea.events.iter().find(|event| matches!(event, Event::Refused(_) | Event::Forbidden(..)));
        if let Some(event) = refused {
            return Ok(Verdict::Torn(format!("the other person's engine says {event:?}")));
        }
        let undelivered = anns.iter().find(|m| m.own && m.state != "Delivered" && m.state != "Read");
        Ok(match undelivered {
            Some(message) => Verdict::Lost(format!("`{}` is {} for ever", message.text, message.state)),
            None => Verdict::Whole(anns.len() as u64),
        })
    }

    /// Passes frames until both are quiet, then lets time pass, until nothing is left to do.
    pub fn settle(&mut self, remote: &mut Remote) -> Result<(), Trouble> {
        for _ in 0..8 {
            self.exchange(remote)?;
            let all = self.held.len();
            self.release(remote, all)?;
            self.exchange(remote)?;
            self.now = self.now.plus(60_000);
            remote.ask(&self.order("timeout", ""))?;
        }
        self.exchange(remote)
    }

    /// Passes frames until both are quiet; answers to transmits are kept back.
    fn exchange(&mut self, remote: &mut Remote) -> Result<(), Trouble> {
        loop {
            let said = remote.ask(&self.order("drain", ""))?;
            self.forward(&said);
            said.iter().for_each(|line| self.promises.hear(line));
            let frames = self.frames();
            if frames.is_empty() && !said.iter().any(|line| line.starts_with("up ")) {
                return Ok(());
            }
            for frame in frames {
                self.give(remote, &frame)?;
            }
        }
    }

    /// Lets some of the answers through that were kept back.
    fn release(&mut self, remote: &mut Remote, count: usize) -> Result<(), Trouble> {
        for _ in 0..count.min(self.held.len()) {
            let place = self.rng.below(self.held.len() as u64) as usize;
            let frame = self.held.remove(place);
            self.give(remote, &frame)?;
        }
        Ok(())
    }

    fn give(&mut self, remote: &mut Remote, frame: &[u8]) -> Result<(), Trouble> {
        let said = remote.ask(&self.order("down", &hex::encode(frame)))?;
        said.iter().for_each(|line| self.promises.hear(line));
        Ok(())
    }

    /// The frames for the device but for answers to transmits, which are kept back.
    fn frames(&mut self) -> Vec<Vec<u8>> {
        let Some(connection) = self.connection else { return Vec::new() };
        self.run_bea();
        let is_answer = |frame: &Vec<u8>| matches!(Down::decode(frame), Ok(Down::Transmitted { .. }));
        let (answers, frames) = self.platform.down(connection).into_iter().partition(is_answer);
        self.held.extend::<Vec<_>>(answers);
        frames
    }

    /// Gives the relay the frames among what the device said, then lets the other person act.
    fn forward(&mut self, said: &[String]) {
        self.send_frames(said);
        self.run_bea();
    }

    fn send_frames(&mut self, said: &[String]) {
        let Some(connection) = self.connection else { return };
        // The last line of a killed device may be half a frame.
        for frame in said.iter().filter_map(|line| hex::decode(line.strip_prefix("up ")?)) {
            if undertone_relay::frame::Up::decode(&frame).is_ok() {
                self.platform.up(connection, &frame, self.now);
            }
        }
    }

    fn send(&mut self, remote: &mut Remote) -> Result<(), Trouble> {
        let order = self.send_order();
        let said = remote.ask(&order)?;
        said.iter().for_each(|line| self.promises.hear(line));
        Ok(())
    }

    fn send_order(&mut self) -> String {
        let text = self.text(ANN);
        self.order("send", &format!("{} {text}", self.conversation))
    }

    fn list(&mut self, remote: &mut Remote) -> Result<Vec<Message>, Trouble> {
        let said = remote.ask(&self.order("dump", &self.conversation.clone()))?;
        Ok(said.iter().filter_map(|line| parse_message(line)).collect())
    }

    fn bea_sends(&mut self) {
        let text = self.text(BEA);
        let id = self.conversation_id();
        let sent = self.bea.host.engine.messages().send(id, Draft::text(text), self.now);
        sent.expect("the one who stays can always write");
        self.run_bea();
    }

    fn bea_reads(&mut self) {
        let id = self.conversation_id();
        let page = self.bea.host.engine.messages().page(id, Cursor::Newest, 1, self.now).expect("a page");
        if let Some(newest) = page.messages.first() {
            self.bea.host.engine.messages().mark_read(id, newest.key, self.now).expect("what is there can be read");
        }
        self.run_bea();
    }

    fn run_bea(&mut self) {
        self.bea.run(&mut self.platform, self.now).expect("the one who stays has no trouble");
    }

    /// The texts that the other person has, newest first.
    fn bea_list(&mut self) -> Vec<String> {
        let (id, mut cursor, mut texts) = (self.conversation_id(), Cursor::Newest, Vec::new());
        loop {
            let page = self.bea.host.engine.messages().page(id, cursor, 200, self.now).expect("a page");
            texts.extend(page.messages.iter().map(|message| match &message.content {
                MessageContent::Text(text) => text.clone(),
                _ => "(not readable)".into(),
            }));
            match page.messages.last().filter(|_| page.more) {
                Some(oldest) => cursor = Cursor::Before(oldest.key),
                None => return texts,
            }
        }
    }

    fn text(&mut self, author: &str) -> String {
        let text = format!("{author}-{}", self.tried.len());
        self.tried.insert(text.clone());
        text
    }

    fn conversation_id(&self) -> ConversationId {
        ConversationId::direct(&self.platform.authority(), &user(ANN), &user(BEA))
    }

    fn order(&mut self, what: &str, arguments: &str) -> String {
        self.now = self.now.plus(1 + self.rng.below(50));
        format!("{what} {} {arguments}", self.now.as_ms()).trim_end().into()
    }
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a name")
}
