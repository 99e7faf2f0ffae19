//! The index on the store in memory, held against naive models.

mod kept;
mod model;
mod names;
mod packed;
mod paged;

use crate::Engine;
use crate::change::Change;
use crate::conversation;
use crate::engine::testing::{NOW, enrolled};
use crate::id::{ConversationId, DeviceId, MessageId, UserId};
use crate::message::{self, Body, MessageKey, MessageRow};
use crate::output::{Output, Wake};
use crate::time::{SECOND, Time};

/// An engine with conversations whose messages a test puts in place itself.
struct Desk {
    engine: Engine,
    conversations: Vec<ConversationId>,
    now: Time,
}

impl Desk {
    fn new(conversations: usize) -> Desk {
        let mut engine = enrolled("ann");
        let ids = (0..conversations).map(|number| {
            let other = UserId::new(format!("user {number}")).unwrap();
            engine.conversations().start(&other, NOW).unwrap()
        });
        let conversations = ids.collect();
        Desk { engine, conversations, now: NOW }
    }

    fn add(&mut self, conversation: usize, key: MessageKey, text: &str) {
        let id = self.conversations[conversation];
        self.engine
            .mutate(self.now, |ctx| {
                let mut row = conversation::require(&ctx.tx, id)?;
                conversation::added(ctx, &mut row, key, &message(text))?;
                conversation::store(&mut ctx.tx, &row)
            })
            .unwrap();
    }

    fn remove(&mut self, conversation: usize, key: MessageKey) {
        let id = self.conversations[conversation];
        self.engine
            .mutate(self.now, |ctx| {
                let mut row = conversation::require(&ctx.tx, id)?;
                conversation::removed(ctx, &mut row, key)?;
                conversation::store(&mut ctx.tx, &row)
            })
            .unwrap();
    }

    fn shift(&mut self, conversation: usize, from: MessageKey, to: MessageKey) {
        let id = self.conversations[conversation];
        self.engine
            .mutate(self.now, |ctx| {
                let mut row = conversation::require(&ctx.tx, id)?;
                let message = message::load(&ctx.tx, id, from)?.unwrap();
                conversation::moved(ctx, &mut row, from, to, &message)?;
                conversation::store(&mut ctx.tx, &row)
            })
            .unwrap();
    }

    fn edit(&mut self, conversation: usize, key: MessageKey, text: &str) {
        let id = self.conversations[conversation];
        self.engine
            .mutate(self.now, |ctx| {
                let before = message::load(&ctx.tx, id, key)?.unwrap();
                let after = message(text);
                message::store(&ctx.tx, id, key, &after)?;
                ctx.tx.change(Change::Edited(id, key, Box::new(before), Box::new(after)));
                Ok(())
            })
            .unwrap();
    }

    /// Lets what is put off be done.
    fn wait(&mut self) {
        self.now = self.now.plus(crate::limits::SEARCH_GONE);
        self.engine.handle_timeout(self.now).unwrap();
        // What is left of it goes on by itself, each step when the engine asks for it.
        while let Some(at) = self.next_sweep() {
            self.now = at;
            self.engine.handle_timeout(at).unwrap();
        }
    }

    /// When the engine wants to sweep again, if that is soon.
    fn next_sweep(&mut self) -> Option<Time> {
        loop {
            match self.engine.poll_output().unwrap() {
                Output::Timeout { at, reason: Wake::Sweep } if at <= self.now.plus(SECOND) => return Some(at),
                Output::Timeout { .. } => return None,
                _ => {}
            }
        }
    }
}

/// A message of one of 12 devices.
fn key(at: u64, number: u64) -> MessageKey {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&at.to_be_bytes()[2..]);
    id[8..].copy_from_slice(&number.to_be_bytes());
    let device = DeviceId::from_bytes([(number % 12) as u8 * 20; 16]);
    MessageKey { at: Time::from_ms(at), device, id: MessageId::from_bytes(id) }
}

fn message(text: &str) -> MessageRow {
    MessageRow { counts: true, ..MessageRow::new(UserId::new("bea").unwrap(), NOW, Body::Text(text.to_owned())) }
}
