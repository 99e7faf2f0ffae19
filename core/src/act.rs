//! Acts: contents that change something without being messages, such as edits, deletions, reactions and settings.
//!
//! An act goes out in order with the messages of its conversation and as durably, and a member that could not read it
//! asks for it again. It wakes nobody. What it does is idempotent, since it may come twice; what refers to a message that
//! is not here yet waits for it (`early.rs`).

use serde::{Deserialize, Serialize};

use crate::authority::Certificate;
use crate::conversation::ConversationRow;
use crate::ctx::Ctx;
use crate::envelope::{Clock, Content, Head, Kind, MessageRef};
use crate::error::Result;
use crate::id::{ConversationId, DeviceId, Hash32, MessageId, UserId};
use crate::limits;
use crate::message;
use crate::outbox::{self, Item};
use crate::policy::Role;
use crate::report::Frank;
use crate::store::Table;
use crate::sweep;
use crate::time::Time;

const SWEEP_CURSOR: &[u8] = b"act sweep";

/// Who is to get an act.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Audience {
    /// Every other device of all members.
    Members,
    /// The other devices of this user.
    OwnDevices,
}

/// An act as its maker describes it.
pub(crate) struct Draft {
    pub kind: Kind,
    pub target: Option<MessageRef>,
    pub body: Vec<u8>,
    pub audience: Audience,
}

impl Draft {
    /// An act for all members.
    pub fn new(kind: Kind, target: Option<MessageRef>, body: Vec<u8>) -> Draft {
        Draft { kind, target, body, audience: Audience::Members }
    }
}

/// An act of this device.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ActRow {
    pub conversation: ConversationId,
    kind: Kind,
    target: Option<MessageRef>,
    body: serde_bytes::ByteBuf,
    pub audience: Audience,
    made: Time,
    /// Given when it is encrypted for the first time.
    stamp: Option<Time>,
    opening: Hash32,
    /// Until then somebody may ask for it again.
    until: Time,
}

/// What a member did, as it came.
pub(crate) struct Received<'a> {
    pub conversation: ConversationId,
    pub author: &'a UserId,
    pub role: &'a Role,
    pub device: DeviceId,
    /// When, as all devices count it: the author's stamp, no later than shortly after the relay accepted it.
    pub at: Time,
    /// When the relay accepted it.
    pub accepted: Time,
    /// Names the act: with `at` it orders acts that contradict each other.
    pub id: MessageId,
    pub target: Option<&'a MessageRef>,
    pub body: &'a [u8],
    /// All of it as it came, and the relay's mark, should it be reported.
    pub padded: &'a [u8],
    pub frank: Option<&'a Frank>,
}

/// How an act came: when the relay accepted it, the mark that it left, and the content as it was decrypted.
#[derive(Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub accepted: Time,
    pub frank: Option<&'a Frank>,
    pub padded: &'a [u8],
}

/// What became of an act that came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It has had its effect, or never will.
    Done,
    /// The message that it refers to is not here.
    Early,
}

impl<'a> Received<'a> {
    pub fn new(
        conversation: ConversationId,
        sender: &'a Certificate,
        content: &'a Content,
        Arrival { accepted, frank, padded }: Arrival<'a>,
    ) -> Self {
        Received {
            conversation,
            author: sender.user(),
            role: sender.role(),
            device: sender.device(),
            at: content.head.stamp.min(accepted.plus(limits::STAMP_AHEAD)),
            accepted,
            id: content.head.id,
            target: content.head.target.as_ref(),
            body: &content.body,
            padded,
            frank,
        }
    }
}

/// Queues an act. The caller stores the conversation's row.
pub(crate) fn perform(ctx: &mut Ctx<'_>, row: &mut ConversationRow, draft: Draft) -> Result<MessageId> {
    let id = MessageId::fresh(ctx.rng, ctx.now);
    let act = ActRow {
        conversation: row.id,
        kind: draft.kind,
        target: draft.target,
        body: draft.body.into(),
        audience: draft.audience,
        made: ctx.now,
        stamp: None,
        opening: Hash32::from_bytes(ctx.rng.bytes()),
        until: Time::NEVER,
    };
    store(ctx, id, &act)?;
    outbox::push(ctx, row, Item::Act(id))?;
    Ok(id)
}

pub(crate) fn load(ctx: &Ctx<'_>, id: MessageId) -> Result<Option<ActRow>> {
    ctx.tx.row(Table::Act, id.as_bytes(), "act")
}

fn store(ctx: &Ctx<'_>, id: MessageId, act: &ActRow) -> Result<()> {
    ctx.tx.put_row(Table::Act, id.as_bytes().to_vec(), act)
}

/// Takes an act back: it is neither sent nor sent again.
pub(crate) fn withdraw(ctx: &Ctx<'_>, id: MessageId) {
    ctx.tx.delete(Table::Act, id.as_bytes());
}

/// Keeps an act no longer that was encrypted: it is not sent again.
pub(crate) fn withdraw_sent(ctx: &Ctx<'_>, id: MessageId) -> Result<()> {
    if load(ctx, id)?.is_some_and(|act| act.stamp.is_some()) {
        withdraw(ctx, id);
    }
    Ok(())
}

/// Takes an act back if it was not encrypted yet.
pub(crate) fn withdraw_unsent(ctx: &Ctx<'_>, id: MessageId) -> Result<()> {
    if load(ctx, id)?.is_some_and(|act| act.stamp.is_none()) {
        withdraw(ctx, id);
    }
    Ok(())
}

impl ActRow {
    /// Whether it gives other words to a message that is not here any more.
    pub fn rewords_what_is_gone(&self, ctx: &Ctx<'_>) -> Result<bool> {
        match &self.target {
            Some(target) if self.kind == Kind::EDIT => {
                Ok(message::find(&ctx.tx, self.conversation, &target.author, target.id)?.is_none())
            }
            _ => Ok(false),
        }
    }

    /// When it was made.
    pub fn made(&self) -> Time {
        self.made
    }

    /// It goes out, stamped `stamp`; a stamp that it has stays.
    pub fn stamped(&mut self, ctx: &Ctx<'_>, id: MessageId, stamp: Time) -> Result<()> {
        self.stamp.get_or_insert(stamp);
        self.until = ctx.now.plus(limits::MAILBOX_AGE + limits::PARKED_AGE);
        store(ctx, id, self)
    }

    /// What is encrypted.
    pub fn content(&self, id: MessageId) -> Content {
        let head = Head {
            id,
            stamp: self.stamp.unwrap_or(self.made),
            period: -1,
            clock: Clock::FromSend,
            target: self.target.clone(),
            counts: false,
            notifies: false,
        };
        Content { head, kind: self.kind, body: self.body.to_vec(), opening: self.opening }
    }
}

/// Forgets acts that nobody can ask for any more, a bounded step per call; says whether there is more to look at.
pub(crate) fn sweep(ctx: &Ctx<'_>) -> Result<bool> {
    sweep::forget(ctx, Table::Act, SWEEP_CURSOR, |row| Ok(crate::codec::decode_row::<ActRow>(row, "act")?.until))
}
