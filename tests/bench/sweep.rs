//! What it costs when the time of many messages is over at once, as after a night.

use std::error::Error;

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
    while pair.next.0 <= pair.now {
        chore.add(pair.wake()?);
    }
    // Each is counted when it is deleted, since she has read none.
    let gone = pair.bea.conversations().get(pair.conversation, pair.now)?.expired_unseen as usize;
    if gone == messages { Ok(chore) } else { Err(format!("{gone} of {messages} messages went").into()) }
}
