//! Two engines who have a conversation, and hosts that answer at once: no relay is measured.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::id::{ConversationId, UserId};
use undertone::input::{Delivery, DeliveryId, TransmitResult};
use undertone::message::Cursor;
use undertone::output::{Transmit, Wake};
use undertone::store::{HostKey, Op, Store};
use undertone::time::MINUTE;
use undertone::{Config, Engine, Output, Time, limits};
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;
use undertone_tests::watched::Watched;

use crate::baseline::MESSAGE;
use crate::chores::Call;
use crate::stores::Kind;

/// When the bench takes place.
pub const START: Time = Time::from_ms(1_800_000_000_000);

/// When an engine wants to be woken, and why.
pub type Next = (Time, Wake);

pub struct Pair {
    /// Who writes, on rows in memory when the other is measured and the other way round.
    pub ann: Engine,
    pub bea: Engine,
    pub conversation: ConversationId,
    pub now: Time,
    /// When Bea wants to be woken.
    pub next: Next,
    deliveries: u64,
}

pub fn host_key() -> HostKey {
    HostKey::from_bytes([3; 32])
}

pub fn config(user: &str, authority: [u8; 32]) -> Result<Config, Box<dyn Error>> {
    let mut config = Config::new(UserId::new(user).ok_or("a user id")?, authority);
    // Key renewal is a cost of its own, per 200 messages.
    config.update_after_messages = u64::MAX;
    Ok(config)
}

impl Pair {
    /// Ann's store of kind `ann` in folder `ann_dir`, Bea's likewise; they have talked once.
    pub fn new(ann: Kind, ann_dir: &Path, bea: Kind, bea_dir: &Path) -> Result<Pair, Box<dyn Error>> {
        Pair::on(ann.open(ann_dir)?, bea.open(bea_dir)?)
    }

    /// Ann's store in memory, Bea's of kind `bea`, which counts in `rows`.
    pub fn counted(bea: Kind, dir: &Path, rows: Arc<AtomicU64>) -> Result<Pair, Box<dyn Error>> {
        let count = move |batch: &[Op]| {
            let put = batch.iter().filter(|op| op.value.is_some()).count();
            rows.fetch_add(put as u64, Ordering::Relaxed);
        };
        Pair::on(Kind::Memory.open(dir)?, Box::new(Watched::new(bea.open(dir)?, count)))
    }

    fn on(ann: Box<dyn Store>, bea: Box<dyn Store>) -> Result<Pair, Box<dyn Error>> {
        let mut platform = Platform::new([7; 32]);
        let now = START;
        let ann = Engine::open(config("ann", platform.authority())?, ann, &host_key(), [1; 32], now)?;
        let bea = Engine::open(config("bea", platform.authority())?, bea, &host_key(), [2; 32], now)?;
        let (mut ann, mut bea) = (Host::new(ann), Host::new(bea));
        ann.enrol(&mut platform, "client", now)?;
        bea.enrol(&mut platform, "escort", now)?;
        let mut ann = Connected::new(ann, &mut platform, now)?;
        let mut bea = Connected::new(bea, &mut platform, now)?;
        let conversation = ann.host.engine.conversations().start(&UserId::new("bea").ok_or("a user id")?, now)?;
        ann.host.engine.messages().send(conversation, Draft::text("hello"), now)?;
        let mut now = now;
        for _ in 0..4 {
            ann.run(&mut platform, now)?;
            bea.run(&mut platform, now)?;
            now = now.plus(MINUTE);
        }
        let next = (Time::NEVER, Wake::Never);
        Ok(Pair { ann: ann.host.engine, bea: bea.host.engine, conversation, now, next, deliveries: 1_000_000 })
    }

    /// Ann writes a message of the usual length.
    pub fn write(&mut self) -> Result<(), Box<dyn Error>> {
        self.write_for(None)
    }

    /// The same, to be deleted after so many minutes.
    fn write_for(&mut self, period: Option<i32>) -> Result<(), Box<dyn Error>> {
        self.now = self.now.plus(1);
        let draft = Draft { period, ..Draft::text("x".repeat(MESSAGE)) };
        self.ann.messages().send(self.conversation, draft, self.now)?;
        Ok(())
    }

    /// Bea receives so many messages, in drains of 1,000.
    pub fn fill(&mut self, messages: usize, period: Option<i32>) -> Result<(), Box<dyn Error>> {
        let mut received = 0;
        while received < messages {
            (0..1_000.min(messages - received)).try_for_each(|_| self.write_for(period))?;
            for delivery in self.collect()? {
                self.bea.receive(&delivery, self.now)?;
                received += 1;
            }
            self.settle()?;
        }
        Ok(())
    }

    /// Bea deletes a message in the middle of the newest page.
    pub fn delete_one(&mut self) -> Result<(), Box<dyn Error>> {
        let page = self.bea.messages().page(self.conversation, Cursor::Newest, limits::PAGE, self.now)?;
        let message = page.messages.get(limits::PAGE / 2).ok_or("too few messages")?;
        let target = MessageRef { author: message.author.clone(), id: message.key.id };
        self.bea.messages().delete_here(self.conversation, &target, self.now)?;
        self.settle()
    }

    /// Wakes Bea now, and lets her put out what comes of it.
    pub fn wake(&mut self) -> Result<Call, Box<dyn Error>> {
        let start = Instant::now();
        self.bea.handle_timeout(self.now)?;
        let call = start.elapsed();
        self.settle()?;
        Ok(Call { call, drain: start.elapsed() - call })
    }

    /// Lets time pass as a host does, which wakes Bea when she wants to be woken.
    pub fn pass(&mut self, ms: u64) -> Result<Vec<Call>, Box<dyn Error>> {
        let until = self.now.plus(ms);
        let mut calls = Vec::new();
        self.settle()?;
        while self.next.0 <= until {
            self.now = self.now.max(self.next.0);
            calls.push(self.wake()?);
        }
        self.now = until;
        Ok(calls)
    }

    /// Drains Ann, accepts all that she sent by then, and so on until she has nothing more to send. Returns all of it as
    /// deliveries for Bea.
    pub fn collect(&mut self) -> Result<Vec<Delivery>, Box<dyn Error>> {
        let (sent, _) = collect(&mut self.ann, self.now, &mut self.deliveries)?;
        Ok(sent)
    }

    /// The same the other way round.
    pub fn collect_from_bea(&mut self) -> Result<Vec<Delivery>, Box<dyn Error>> {
        let (sent, next) = collect(&mut self.bea, self.now, &mut self.deliveries)?;
        self.next = next;
        Ok(sent)
    }

    /// Drains Bea; what she sends is accepted and lost.
    pub fn settle(&mut self) -> Result<(), Box<dyn Error>> {
        self.collect_from_bea().map(drop)
    }
}

/// What an engine sends until it has nothing more to send, and when it wants to be woken.
fn collect(engine: &mut Engine, at: Time, deliveries: &mut u64) -> Result<(Vec<Delivery>, Next), Box<dyn Error>> {
    let mut sent = Vec::new();
    loop {
        let (transmits, next) = drain(engine)?;
        if transmits.is_empty() {
            return Ok((sent, next));
        }
        for transmit in transmits {
            engine.transmit_done(transmit.id, TransmitResult::Accepted { at }, at)?;
            for envelope in transmit.envelopes {
                *deliveries += 1;
                sent.push(Delivery { id: DeliveryId(*deliveries), accepted_at: at, frank: None, envelope });
            }
        }
    }
}

/// Drains an engine, with one flush, and returns what it sends.
fn drain(engine: &mut Engine) -> Result<(Vec<Transmit>, Next), Box<dyn Error>> {
    let mut transmits = Vec::new();
    loop {
        match engine.poll_output()? {
            Output::Transmit(transmit) => transmits.push(transmit),
            Output::Timeout { at, reason } => return Ok((transmits, (at, reason))),
            Output::Acknowledge(_) | Output::Request(..) | Output::Event(_) => {}
        }
    }
}
