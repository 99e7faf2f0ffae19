//! What an engine does many of at once.

use std::error::Error;
use std::time::{Duration, Instant};

use undertone::limits;
use undertone::message::{Cursor, SendState};
use undertone::time::SECOND;

use crate::pair::Pair;
use crate::stores::Kind;

/// Figures of one chore.
#[derive(Default)]
pub struct Chore {
    pub what: &'static str,
    /// How many it did.
    pub count: usize,
    /// All of it, with its flushes.
    pub time: Duration,
    /// The longest single call.
    pub longest: Duration,
}

/// One call, and what draining took after it.
pub struct Call {
    pub call: Duration,
    pub drain: Duration,
}

impl Chore {
    pub fn add(&mut self, took: Call) {
        self.time += took.call + took.drain;
        self.longest = self.longest.max(took.call);
    }
}

/// Bea reads `count` messages at once and says so, and Ann takes in what she says, each in one drain.
pub fn receipts(kind: Kind, count: usize) -> Result<[Chore; 2], Box<dyn Error>> {
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let mut pair = Pair::new(kind, &dir.path().join("ann"), kind, &dir.path().join("bea"))?;
    pair.fill(count, None)?;
    pair.now = pair.now.plus(SECOND);
    pair.wake()?;
    let newest = pair.bea.messages().page(pair.conversation, Cursor::Newest, 1, pair.now)?;
    let newest = newest.messages.first().ok_or("no message")?.key;
    let mut told = Chore { what: "messages read, and receipts put out for them", count, ..Chore::default() };
    let start = Instant::now();
    pair.bea.messages().mark_read(pair.conversation, newest, pair.now)?;
    told.add(Call { call: start.elapsed(), drain: Duration::ZERO });
    pair.now = pair.now.plus(SECOND);
    let start = Instant::now();
    pair.bea.handle_timeout(pair.now)?;
    let call = start.elapsed();
    let receipts = pair.collect_from_bea()?;
    told.add(Call { call, drain: start.elapsed() - call });
    let mut heard = Chore { what: "receipts taken in", count, ..Chore::default() };
    for receipt in &receipts {
        let start = Instant::now();
        pair.ann.receive(receipt, pair.now)?;
        heard.add(Call { call: start.elapsed(), drain: Duration::ZERO });
    }
    let start = Instant::now();
    pair.collect()?;
    heard.add(Call { call: Duration::ZERO, drain: start.elapsed() });
    let page = pair.ann.messages().page(pair.conversation, Cursor::Newest, limits::PAGE_MAX.min(count), pair.now)?;
    match page.messages.iter().all(|message| message.state == SendState::Read) {
        true => Ok([told, heard]),
        false => Err("a receipt did not arrive".into()),
    }
}
