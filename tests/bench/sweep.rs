//! What it costs when the time of many messages is over at once, as after a night.

use std::error::Error;

use undertone::output::Wake;
use undertone::time::MINUTE;

use crate::chores::Chore;
use crate::pair::Pair;
use crate::stores::Kind;

/// Minutes that the messages last: less than a jump of the clock, which would destroy nothing.
const PERIOD: i32 = 60;

/// Bea receives `messages` messages, and the engine deletes them all, in as many calls as it wants.
pub fn measure(kind: Kind, messages: usize) -> Result<Chore, Box<dyn Error>> {
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let mut pair = Pair::new(Kind::Memory, &dir.path().join("ann"), kind, &dir.path().join("bea"))?;
    pair.fill(messages, Some(PERIOD))?;
    for _ in 0..2 {
        pair.now = pair.now.plus(25 * MINUTE);
        pair.wake()?;
    }
    pair.now = pair.now.plus(11 * MINUTE);
    let mut chore = Chore { what: "messages that expired, deleted", count: messages, ..Chore::default() };
    loop {
        chore.add(pair.wake()?);
        if pair.next.0 > pair.now || pair.next.1 != Wake::Expire {
            return Ok(chore);
        }
    }
}
