//! Two engines who have a conversation, and hosts that answer at once: no relay is measured.

use std::error::Error;
use std::path::Path;

use undertone::engine::Draft;
use undertone::id::{ConversationId, UserId};
use undertone::input::{Delivery, DeliveryId, TransmitResult};
use undertone::output::Transmit;
use undertone::store::HostKey;
use undertone::time::MINUTE;
use undertone::{Config, Engine, Output, Time};
use undertone_tests::host::{Connected, Host};
use undertone_tests::platform::Platform;

use crate::baseline::MESSAGE;
use crate::stores::Kind;

/// When the bench takes place.
pub const START: Time = Time::from_ms(1_800_000_000_000);

pub struct Pair {
    /// Who writes, on rows in memory when the other is measured and the other way round.
    pub ann: Engine,
    pub bea: Engine,
    pub conversation: ConversationId,
    pub now: Time,
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
        let mut platform = Platform::new([7; 32]);
        let now = START;
        let ann = Engine::open(config("ann", platform.authority())?, ann.open(ann_dir)?, &host_key(), [1; 32], now)?;
        let bea = Engine::open(config("bea", platform.authority())?, bea.open(bea_dir)?, &host_key(), [2; 32], now)?;
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
        Ok(Pair { ann: ann.host.engine, bea: bea.host.engine, conversation, now, deliveries: 1_000_000 })
    }

    /// Ann writes a message of the usual length.
    pub fn write(&mut self) -> Result<(), Box<dyn Error>> {
        self.now = self.now.plus(1);
        let text = "x".repeat(MESSAGE);
        self.ann.messages().send(self.conversation, Draft::text(text), self.now)?;
        Ok(())
    }

    /// Drains Ann, accepts all that she sent by then, and so on until she has nothing more to send. Returns all of it as
    /// deliveries for Bea.
    pub fn collect(&mut self) -> Result<Vec<Delivery>, Box<dyn Error>> {
        let mut sent = Vec::new();
        loop {
            let transmits = drain(&mut self.ann)?;
            if transmits.is_empty() {
                return Ok(sent);
            }
            let at = self.now;
            for transmit in transmits {
                self.ann.transmit_done(transmit.id, TransmitResult::Accepted { at }, at)?;
                for envelope in transmit.envelopes {
                    self.deliveries += 1;
                    sent.push(Delivery { id: DeliveryId(self.deliveries), accepted_at: at, frank: None, envelope });
                }
            }
        }
    }

    /// Drains Bea; what she sends is accepted and lost.
    pub fn settle(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            let transmits = drain(&mut self.bea)?;
            if transmits.is_empty() {
                return Ok(());
            }
            for transmit in transmits {
                self.bea.transmit_done(transmit.id, TransmitResult::Accepted { at: self.now }, self.now)?;
            }
        }
    }
}

/// Drains an engine, with one flush, and returns what it sends.
fn drain(engine: &mut Engine) -> Result<Vec<Transmit>, Box<dyn Error>> {
    let mut transmits = Vec::new();
    loop {
        match engine.poll_output()? {
            Output::Transmit(transmit) => transmits.push(transmit),
            Output::Timeout { .. } => return Ok(transmits),
            Output::Acknowledge(_) | Output::Request(..) | Output::Event(_) => {}
        }
    }
}
