//! What came before the message that it refers to: receipts and acts wait for it, so many per conversation.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::{ConversationId, Hash32, MessageId, UserId};
use crate::limits;
use crate::report::Frank;
use crate::store::Table;
use crate::time::Time;

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

/// What is to wait: for the message of `author` named `id`; `from` and `tag` tell it from others that wait for the same
/// one, and a second one with both takes the place of the first.
pub(crate) struct Waiting<'a> {
    pub author: &'a UserId,
    pub id: MessageId,
    pub from: &'a UserId,
    /// At most 16 bytes.
    pub tag: &'a [u8],
    pub what: Early,
}

/// Keeps what waits. When too much does, the oldest go.
pub(crate) fn keep(ctx: &Ctx<'_>, conversation: ConversationId, waiting: &[Waiting<'_>]) -> Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    let there = ctx.tx.scan_prefix(Table::Early, conversation.as_bytes(), limits::EARLY)?;
    let surplus = (there.len() + waiting.len()).saturating_sub(limits::EARLY);
    for (oldest, _) in there.iter().take(surplus) {
        ctx.tx.delete(Table::Early, oldest);
    }
    for Waiting { author, id, from, tag, what } in waiting {
        let key = [key(conversation, author, *id).as_slice(), &short_hash(from), tag].concat();
        ctx.tx.put_row(Table::Early, key, what)?;
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
