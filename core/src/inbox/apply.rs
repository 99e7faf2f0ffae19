//! Applies a decrypted content, by kind.

use sha2::{Digest, Sha256};

use super::dedup::Note;
use super::open::{Opened, is_control};
use super::{Verdict, dedup, missing};
use crate::authority::Certificate;
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Again, Clock, Content, Envelope, Kind};
use crate::error::{Error, PeerFault, Result};
use crate::id::{ConversationId, DeviceId, EnvelopeId, Hash32, MessageId, SessionId, UserId};
use crate::input::Delivery;
use crate::limits;
use crate::member;
use crate::message::{self, Body, Cause, MessageKey, MessageRow, Recipient, SendState};
use crate::receipt::{self, Mark};
use crate::session::SessionRow;
use crate::text;
use crate::time::DAY;

/// What a stand-in's id is derived under.
const PLACEHOLDER_LABEL: &[u8] = b"undertone unreadable v1";
/// What counts the rows that stand for unreadable envelopes.
const UNREADABLE: &[u8] = b"unreadable";
/// For so long one such row counts against the next ones of its device and session.
const UNREADABLE_COUNTS: u64 = DAY;

/// Takes in what was decrypted.
pub(super) fn apply(ctx: &mut Ctx<'_>, opened: Opened, envelope: &Envelope, delivery: &Delivery) -> Result<Verdict> {
    let Opened { content, sender, session } = opened;
    let done = if is_control(content.kind) {
        control(ctx, &session, &sender, &content, envelope, delivery)
    } else {
        show(ctx, session.conversation, &sender, content, envelope, delivery)
    };
    match done {
        Ok(()) => Ok(Verdict::Done),
        Err(Error::Peer(fault)) => Ok(Verdict::Refuse(fault)),
        Err(error) => Err(error),
    }
}

fn control(
    ctx: &mut Ctx<'_>,
    session: &SessionRow,
    sender: &Certificate,
    content: &Content,
    envelope: &Envelope,
    delivery: &Delivery,
) -> Result<()> {
    let conversation = session.conversation;
    match content.kind {
        Kind::RECEIPT => {
            let at = content.head.stamp.min(delivery.accepted_at.plus(limits::STAMP_AHEAD));
            receipt::apply(ctx, conversation, sender.user(), at, &content.body)
        }
        Kind::UNREADABLE => missing::send_again(ctx, conversation, sender.device(), &content.body),
        Kind::AGAIN => heal(ctx, conversation, sender, &content.body, envelope.id, delivery),
        Kind::CERTIFICATE => renewed(ctx, sender, &content.body),
        // A newer version's business between engines: nothing to show, nothing lost.
        _ => Ok(()),
    }
}

/// A message that could not be read came once more: it takes the place of the row that stood for it.
fn heal(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    sender: &Certificate,
    body: &[u8],
    carrier: EnvelopeId,
    delivery: &Delivery,
) -> Result<()> {
    let Again(lost, content, accepted) = codec::decode(body, "message sent again")?;
    let content = Content::decode(&content)?;
    if is_control(content.kind) {
        return Err(PeerFault::Malformed("message sent again").into());
    }
    // Its place is that of the first time. What the sender says of that can only bring it nearer to the stamp.
    let mut first = accepted;
    match stand_in_of(ctx, conversation, sender, lost)? {
        Some(place) => {
            let mut row = conversation::require(&ctx.tx, conversation)?;
            first = conversation::removed(ctx, &mut row, place)?.accepted.unwrap_or(first);
            conversation::store(&mut ctx.tx, &row)?;
        }
        // Every device of both users gets what one of them asked for.
        None if !dedup::remembers(ctx, Note::Wanted, sender.device(), lost)? => return Ok(()),
        None => {}
    }
    dedup::forget(ctx, Note::Wanted, sender.device(), lost);
    dedup::remember(ctx, Note::CameAgain, sender.device(), lost)?;
    let delivery = Delivery { accepted_at: first.min(delivery.accepted_at), ..delivery.clone() };
    insert(ctx, conversation, sender, content, carrier, &delivery)
}

/// The row that stands for an envelope of this very device, which could not be read. Nothing else may be replaced.
fn stand_in_of(
    ctx: &Ctx<'_>,
    conversation: ConversationId,
    sender: &Certificate,
    lost: EnvelopeId,
) -> Result<Option<MessageKey>> {
    let Some(place) = message::find(&ctx.tx, conversation, sender.user(), placeholder_id(lost))? else {
        return Ok(None);
    };
    let row = message::load(&ctx.tx, conversation, place)?;
    let stands = row.is_some_and(|row| matches!(row.body, Body::Encrypted(_)) && row.envelope == Some(lost));
    Ok((stands && place.device == sender.device()).then_some(place))
}

fn renewed(ctx: &mut Ctx<'_>, sender: &Certificate, body: &[u8]) -> Result<()> {
    let certificate = Certificate::decode(body)?;
    certificate.verify(&ctx.config.authorities)?;
    if certificate.device() != sender.device() || certificate.user() != sender.user() {
        return Err(PeerFault::Certificate.into());
    }
    member::learn(ctx, &certificate)
}

fn show(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    sender: &Certificate,
    content: Content,
    envelope: &Envelope,
    delivery: &Delivery,
) -> Result<()> {
    insert(ctx, conversation, sender, content, envelope.id, delivery)
}

/// Puts a message in its place, unless it is there: the first one stays.
fn insert(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    sender: &Certificate,
    content: Content,
    envelope: EnvelopeId,
    delivery: &Delivery,
) -> Result<()> {
    let author = sender.user().clone();
    let id = content.head.id;
    if message::find(&ctx.tx, conversation, &author, id)?.is_some() {
        return Ok(());
    }
    let key = MessageKey::new(content.head.stamp, Some(delivery.accepted_at), sender.device(), id);
    let own = author == ctx.account.user;
    let mut row = conversation::require(&ctx.tx, conversation)?;
    let message = MessageRow {
        own,
        stamp: content.head.stamp,
        accepted: Some(delivery.accepted_at),
        period: content.head.period,
        clock: content.head.clock,
        target: content.head.target.clone(),
        counts: content.head.counts,
        body: body(content.kind, &content.body)?,
        state: SendState::Sent,
        recipients: recipients(own, &row),
        unread: !own && content.head.counts,
        envelope: Some(envelope),
        opening: content.opening,
        frank: delivery.frank,
        author: author.clone(),
    };
    conversation::added(ctx, &mut row, key, &message)?;
    row.last_stamp = row.last_stamp.max(key.at.min(ctx.now));
    conversation::store(&mut ctx.tx, &row)?;
    if !own {
        receipt::owe(ctx, conversation, Mark::Delivered, &author, id)?;
    }
    receipt::apply_early(ctx, conversation, &author, id)
}

fn body(kind: Kind, bytes: &[u8]) -> Result<Body> {
    Ok(match kind {
        Kind::TEXT => {
            let text: String = codec::decode(bytes, "text")?;
            // Cleaning may make a text longer: what counts is what is kept.
            let text = if text.len() > limits::TEXT { text } else { text::clean(&text) };
            if text.len() > limits::TEXT {
                return Err(PeerFault::TooLarge("text").into());
            }
            Body::Text(text)
        }
        other => Body::Unknown(other, bytes.to_vec().into()),
    })
}

fn recipients(own: bool, row: &conversation::ConversationRow) -> Vec<Recipient> {
    let unknown = |m: &conversation::MemberRow| Recipient { user: m.user.clone(), delivered: None, read: None };
    if own { row.others.iter().map(unknown).collect() } else { Vec::new() }
}

/// A row for what cannot be read, at most [`limits::UNDECRYPTABLE`] of a device and session in a day: a relay can make
/// up such envelopes, and must not use up for ever what is there for the true ones.
pub(super) fn unreadable(
    ctx: &mut Ctx<'_>,
    session: &SessionRow,
    sender: &Certificate,
    envelope: &Envelope,
    delivery: &Delivery,
    cause: Cause,
) -> Result<Verdict> {
    let id = placeholder_id(envelope.id);
    if message::find(&ctx.tx, session.conversation, sender.user(), id)?.is_some() {
        return Ok(Verdict::Repeat);
    }
    let Some(label) = free_slot(ctx, sender.device(), session.id)? else { return Ok(Verdict::Repeat) };
    dedup::note_said(ctx, &label, sender.device(), session.id, ctx.now.plus(UNREADABLE_COUNTS))?;
    stand_in(ctx, session.conversation, sender.user().clone(), sender.device(), envelope.id, delivery, cause)?;
    Ok(Verdict::Done)
}

/// The label of a slot that no row of a device and session takes up now.
fn free_slot(ctx: &Ctx<'_>, device: DeviceId, session: SessionId) -> Result<Option<Vec<u8>>> {
    for slot in 0..limits::UNDECRYPTABLE as u32 {
        let label = [UNREADABLE, &slot.to_be_bytes()].concat();
        if dedup::said(ctx, &label, device, session)?.is_none_or(|until| until <= ctx.now) {
            return Ok(Some(label));
        }
    }
    Ok(None)
}

fn stand_in(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    author: UserId,
    device: DeviceId,
    envelope: EnvelopeId,
    delivery: &Delivery,
    cause: Cause,
) -> Result<()> {
    let mut row = conversation::require(&ctx.tx, conversation)?;
    let own = author == ctx.account.user;
    let id = placeholder_id(envelope);
    let key = MessageKey { at: delivery.accepted_at, device, id };
    let message = MessageRow {
        author,
        own,
        stamp: delivery.accepted_at,
        accepted: Some(delivery.accepted_at),
        period: row.period,
        clock: Clock::FromSend,
        target: None,
        counts: true,
        body: Body::Encrypted(cause),
        state: SendState::Sent,
        recipients: Vec::new(),
        unread: !own,
        envelope: Some(envelope),
        opening: Hash32::from_bytes([0; 32]),
        frank: delivery.frank,
    };
    conversation::added(ctx, &mut row, key, &message)?;
    conversation::store(&mut ctx.tx, &row)
}

/// What stands for an unreadable envelope is named after it, by a hash: the relay and the sender choose an envelope's
/// id, and could name a message with it that is here.
fn placeholder_id(envelope: EnvelopeId) -> MessageId {
    let digest: [u8; 32] =
        Sha256::new().chain_update(PLACEHOLDER_LABEL).chain_update(envelope.as_bytes()).finalize().into();
    let mut id = [0; MessageId::LEN];
    id.copy_from_slice(&digest[..MessageId::LEN]);
    MessageId::from_bytes(id)
}
