//! What came before the message that it refers to: receipts and acts wait for it, so many per conversation.

use core::ops::Range;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::gone;
use crate::id::{ConversationId, Hash32, MessageId, UserId};
use crate::limits;
use crate::output::Wake;
use crate::report::Frank;
use crate::store::Table;
use crate::time::{DAY, SECOND, Time};
use crate::timer;
use crate::tx::{Row, weight};

/// So much of a tag leaves room in a key for what a long value adds. Of an act's id it is its time and some of its chance.
const TAG: usize = 12;
/// Where in a key the hash of the user stands who did it: see [`keep`].
const FROM: Range<usize> = 40..48;

/// Something that waits for its message.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Early {
    /// A receipt of a user.
    Receipt { from: UserId, read: bool, at: Time },
    /// An expiry notice of a user.
    Notice { from: UserId, at: Time },
    /// An act: its sender's certificate, the content, padded, when the relay accepted it and the mark that it left.
    Act { certificate: serde_bytes::ByteBuf, content: serde_bytes::ByteBuf, accepted: Time, frank: Option<Frank> },
}

impl Early {
    /// Whether it has waited long enough. Who sent it says since when: nobody makes it wait for ever.
    fn is_over(&self, now: Time) -> bool {
        let (Early::Receipt { at, .. } | Early::Notice { at, .. } | Early::Act { accepted: at, .. }) = self;
        now.since(*at) > limits::EARLY_AGE || at.since(now) > DAY
    }
}

/// What is to wait: for the message of `author` named `id`; `from` and `tag` tell it from others that wait for the same
/// one, and a second one with both takes the place of the first.
pub(crate) struct Waiting<'a> {
    pub author: &'a UserId,
    pub id: MessageId,
    pub from: &'a UserId,
    /// At most [`TAG`] bytes count.
    pub tag: &'a [u8],
    pub what: Early,
}

/// Keeps what waits. When too much does, some of what is from the user who has most goes. What comes with its message is
/// one mutation, and so is what has to go: what does not fit into one is not kept.
pub(crate) fn keep(ctx: &Ctx<'_>, conversation: ConversationId, waiting: &[Waiting<'_>]) -> Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    let mut there = ctx.tx.scan_prefix(Table::Early, conversation.as_bytes(), limits::EARLY)?;
    let mut budget = limits::EARLY_GIVEN_UP;
    for Waiting { author, id, from, tag, what } in waiting {
        if gone::is_gone(ctx, conversation, author, *id)? {
            continue;
        }
        let of_user = [key(conversation, author, *id).as_slice(), &short_hash(from)].concat();
        let tag = tag.get(..TAG).unwrap_or(tag);
        let row = (Zeroizing::new([of_user.as_slice(), tag].concat()), Zeroizing::new(codec::encode(what)?));
        let new = weight(row.1.len());
        there.retain(|(key, _)| *key != *row.0);
        let mut weighs: usize =
            there.iter().filter(|(key, _)| key.starts_with(&of_user)).map(|(_, row)| weight(row.len())).sum();
        while weighs + new > limits::EARLY_OF_USER {
            let oldest = there.iter().position(|(key, _)| key.starts_with(&of_user));
            let Some(gone) = give_up(ctx, &mut there, oldest, &mut budget) else { break };
            weighs -= gone;
        }
        if there.len() >= limits::EARLY {
            let surplus = of_whom_most_is(&there);
            give_up(ctx, &mut there, surplus, &mut budget);
        }
        if weighs + new <= limits::EARLY_OF_USER && there.len() < limits::EARLY {
            // One deadline a day serves all that was kept on it.
            let day = Time::from_ms((ctx.now.as_ms() / DAY + 1) * DAY);
            timer::set(&ctx.tx, day.plus(limits::EARLY_AGE), Wake::Sweep, conversation.as_bytes());
            ctx.tx.put(Table::Early, row.0.to_vec(), row.1.to_vec());
            there.push((row.0.to_vec(), row.1));
        }
    }
    Ok(())
}

/// Takes one of those that wait away, if there is one and what may be given up allows it; says what it weighed.
fn give_up(ctx: &Ctx<'_>, there: &mut Vec<Row>, at: Option<usize>, budget: &mut usize) -> Option<usize> {
    let at = at?;
    let weighs = weight(there.get(at)?.1.len());
    *budget = budget.checked_sub(weighs)?;
    let (key, _) = there.remove(at);
    ctx.tx.delete(Table::Early, &key);
    Some(weighs)
}

/// Where the first one stands of the user of whom most are.
fn of_whom_most_is(there: &[Row]) -> Option<usize> {
    let from = |key: &[u8]| key.get(FROM).map(<[u8]>::to_vec);
    let mut users: BTreeMap<Option<Vec<u8>>, usize> = BTreeMap::new();
    for (key, _) in there {
        *users.entry(from(key)).or_default() += 1;
    }
    let (most, _) = users.into_iter().max_by_key(|(_, count)| *count)?;
    there.iter().position(|(key, _)| from(key) == most)
}

/// Forgets what has waited too long in a conversation for its message, which was here perhaps, and has gone: as much as
/// may be given up at once.
pub(crate) fn sweep(ctx: &Ctx<'_>, conversation: ConversationId) -> Result<()> {
    let mut there = ctx.tx.scan_prefix(Table::Early, conversation.as_bytes(), limits::EARLY)?;
    let mut budget = limits::EARLY_GIVEN_UP;
    let mut at = 0;
    while let Some((_, row)) = there.get(at) {
        let waiting: Early = codec::decode_row(row, "early")?;
        if !waiting.is_over(ctx.now) {
            at += 1;
        } else if give_up(ctx, &mut there, Some(at), &mut budget).is_none() {
            timer::set(&ctx.tx, ctx.now.plus(SECOND), Wake::Sweep, conversation.as_bytes());
            return Ok(());
        }
    }
    Ok(())
}

/// A message has come: takes what waited for it.
pub(crate) fn take(ctx: &Ctx<'_>, conversation: ConversationId, author: &UserId, id: MessageId) -> Result<Vec<Early>> {
    let rows = ctx.tx.scan_prefix(Table::Early, &key(conversation, author, id), limits::EARLY)?;
    rows.into_iter()
        .map(|(key, bytes)| {
            ctx.tx.delete(Table::Early, &key);
            codec::decode_row(&bytes, "early")
        })
        .collect()
}

/// conversation · message · hash of author.
fn key(conversation: ConversationId, author: &UserId, id: MessageId) -> Vec<u8> {
    [conversation.as_bytes().as_slice(), id.as_bytes(), &short_hash(author)].concat()
}

/// The first 8 bytes of a user id's hash.
pub(crate) fn short_hash(user: &UserId) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&Hash32::of(user.as_str().as_bytes()).as_bytes()[..8]);
    short
}
