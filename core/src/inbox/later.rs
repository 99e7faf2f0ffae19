//! What this version does not understand is kept for a newer one, and judged again when one opens the store.
//!
//! - An envelope that cannot be read is kept as it came.
//! - A content of a newer version that people are to see is a message: its head is obeyed, and it says that it cannot
//!   be read. One of a kind that is not known is a message as well, which says that it is not supported.
//! - What engines tell each other is kept beside the envelopes.

use serde::{Deserialize, Serialize};

use super::open::{self, Opened};
use super::shelf::{self, Budget};
use super::{Verdict, act, apply, dedup, take_in};
use crate::act::Arrival;
use crate::authority::Certificate;
use crate::codec;
use crate::config::Config;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Content, Envelope, EnvelopeKind, Kind};
use crate::error::{Error, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::id::{ConversationId, DeviceId, EnvelopeId, Hash32, SessionId};
use crate::input::{Delivery, DeliveryId};
use crate::limits;
use crate::member;
use crate::memory::Effect;
use crate::message::{self, Body, Cause, Marks, MessageKey, MessageRow};
use crate::report;
use crate::session::{self, SessionRow};
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::{Row, Tx};

/// What this version understands: counted up whenever it learns to read what older ones have kept.
const DIALECT: u32 = 1;
/// What the version understood that judged last.
const DIALECT_ROW: &[u8] = b"dialect";
/// How far judging has come.
const CURSOR_ROW: &[u8] = b"dialect cursor";
/// The class of what is kept, beside those of parked envelopes.
pub(super) const CLASS: u8 = 3;
/// Its tag in keys. A session may have it: those who look for a session's parked envelopes look at their classes only.
const NO_SESSION: SessionId = SessionId::from_bytes([0; 16]);
/// Who sent an envelope that cannot be read.
const NOBODY: DeviceId = DeviceId::from_bytes([0; 16]);
/// That an envelope is kept already.
const KEPT: &[u8] = b"kept";

/// Something kept.
#[derive(Serialize, Deserialize)]
struct LaterRow {
    delivery: u64,
    accepted_at: Time,
    frank: Option<Hash32>,
    /// As it came; without its body when that was decrypted.
    #[serde(with = "serde_bytes")]
    envelope: Vec<u8>,
    opened: Option<OpenedRow>,
}

/// What was decrypted, from whom.
#[derive(Serialize, Deserialize)]
struct OpenedRow {
    certificate: serde_bytes::ByteBuf,
    plaintext: serde_bytes::ByteBuf,
}

/// The body of [`Kind::NEWER`]: what its envelope committed to, and the content, padded.
#[derive(Serialize, Deserialize)]
struct Newer(Option<Hash32>, serde_bytes::ByteBuf);

/// Reads an envelope, as far as this version can.
pub(super) fn envelope(ctx: &Ctx<'_>, bytes: &[u8]) -> Result<Envelope, PeerFault> {
    let envelope = Envelope::decode(bytes)?;
    if ctx.config.is_older_than_envelope(envelope.kind) { Err(PeerFault::NewerVersion) } else { Ok(envelope) }
}

/// Reads a content, as far as this version can.
pub(super) fn content(ctx: &Ctx<'_>, padded: &[u8]) -> Result<Content, PeerFault> {
    let content = Content::decode(padded)?;
    if ctx.config.is_older_than_contents() { Err(PeerFault::NewerVersion) } else { Ok(content) }
}

/// Keeps an envelope that cannot be read.
pub(super) fn keep_envelope(ctx: &mut Ctx<'_>, delivery: &Delivery) -> Result<Verdict> {
    if delivery.envelope.len() > limits::PARKED_BYTES {
        return Ok(Verdict::Refuse(PeerFault::NewerVersion));
    }
    let hash = Hash32::of(&delivery.envelope);
    let name = hash.as_bytes().first_chunk().copied().map(SessionId::from_bytes).unwrap_or(NO_SESSION);
    if dedup::said(ctx, KEPT, NOBODY, name)?.is_some() {
        return Ok(Verdict::Repeat);
    }
    dedup::note_said(ctx, KEPT, NOBODY, name, ctx.now.plus(limits::MAILBOX_AGE))?;
    keep(ctx, NOBODY, delivery.envelope.clone(), delivery, None)?;
    Ok(Verdict::Done)
}

/// Keeps what was decrypted and cannot be read: as a message, if people are to see it.
pub(super) fn keep_content(
    ctx: &mut Ctx<'_>,
    session: SessionRow,
    sender: Certificate,
    envelope: &Envelope,
    delivery: &Delivery,
    plaintext: &[u8],
) -> Result<Verdict> {
    if envelope.kind != EnvelopeKind::Message {
        let header = Envelope { body: Vec::new(), ..envelope.clone() }.encode()?;
        let opened = OpenedRow { certificate: sender.as_bytes().to_vec().into(), plaintext: plaintext.to_vec().into() };
        keep(ctx, sender.device(), header, delivery, Some(opened))?;
        return Ok(Verdict::Done);
    }
    if plaintext.len() > limits::NEWER {
        // It would take up what one mutation may write.
        return apply::unreadable(ctx, &session, &sender, envelope, delivery, Cause::NewerVersion);
    }
    match stand_for(plaintext, envelope.commitment) {
        Ok(content) => apply::apply(ctx, Opened { content, padded: plaintext, sender, session }, envelope, delivery),
        // Not even its head: nothing is left to show but that something came.
        Err(PeerFault::NewerVersion) => {
            apply::unreadable(ctx, &session, &sender, envelope, delivery, Cause::NewerVersion)
        }
        Err(fault) => Ok(Verdict::Refuse(fault)),
    }
}

/// What stands for a content of a newer version: its head, and all of it.
pub(super) fn stand_for(padded: &[u8], commitment: Option<Hash32>) -> Result<Content, PeerFault> {
    let head = Content::peek_head(padded)?;
    let body =
        codec::encode(&Newer(commitment, padded.to_vec().into())).map_err(|_| PeerFault::Malformed("content"))?;
    Ok(Content { head, kind: Kind::NEWER, body, opening: Hash32::from_bytes([0; 32]) })
}

fn keep(
    ctx: &mut Ctx<'_>,
    device: DeviceId,
    envelope: Vec<u8>,
    delivery: &Delivery,
    opened: Option<OpenedRow>,
) -> Result<()> {
    let row = LaterRow {
        delivery: delivery.id.0,
        accepted_at: delivery.accepted_at,
        frank: delivery.frank,
        envelope,
        opened,
    };
    let row = codec::encode(&row)?;
    if !shelf::make_room(ctx, CLASS, device, row.len(), &mut Budget::new())? {
        return Ok(());
    }
    let key = [&prefix()[..], device.as_bytes(), &shelf::next(ctx)?.to_be_bytes()].concat();
    shelf::add(ctx, &key, row.len())?;
    ctx.tx.put(Table::Parked, key, row);
    Ok(())
}

/// How much is kept, messages apart.
pub(crate) fn kept(tx: &Tx<'_>) -> Result<u64> {
    shelf::rows(tx, CLASS)
}

/// Whether another version judged last, or has begun to: what was kept since may lie before its cursor.
pub(crate) fn is_due(tx: &Tx<'_>, config: &Config) -> Result<bool> {
    #[cfg(feature = "sabotage")]
    if config.sabotaged(crate::sabotage::Sabotage::KeptForGood) {
        return Ok(false);
    }
    let done = tx.row::<u32>(Table::Meta, DIALECT_ROW, "dialect")? == Some(dialect(config));
    Ok(!done || tx.get(Table::Meta, CURSOR_ROW)?.is_some())
}

fn dialect(config: &Config) -> u32 {
    if config.is_older() { 0 } else { DIALECT }
}

/// How far judging has come: for whom, through what, and behind which key. It is written with each step.
#[derive(Serialize, Deserialize)]
struct Cursor {
    dialect: u32,
    what: What,
    #[serde(with = "serde_bytes")]
    after: Vec<u8>,
}

/// What is kept where, in the order in which it is judged: messages come before what was done to them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum What {
    /// Messages that cannot be read, or are not supported.
    Messages,
    /// What was taken for a message, and is an act.
    Acts,
    /// Envelopes, and what engines tell each other.
    Rest,
}

impl What {
    fn next(self) -> Option<What> {
        match self {
            What::Messages => Some(What::Acts),
            What::Acts => Some(What::Rest),
            What::Rest => None,
        }
    }

    /// Where it lies: the table, and what its keys begin with.
    fn place(self) -> (Table, Vec<u8>) {
        match self {
            What::Messages | What::Acts => (Table::MessageIndex, message::unsupported_prefix().to_vec()),
            What::Rest => (Table::Parked, prefix().to_vec()),
        }
    }
}

/// One step: judges the next thing again, or notes that this version has judged all there was. Says why the thing is
/// refused: the caller drops the mutation, and takes the step once more to give it up.
pub(crate) fn judge_next(ctx: &mut Ctx<'_>, give_up: bool) -> Result<Option<Error>> {
    let mut cursor = cursor(ctx)?;
    let (key, bytes) = loop {
        if let Some(next) = behind(ctx, &cursor)? {
            break next;
        }
        let Some(what) = cursor.what.next() else {
            judged(ctx)?;
            return Ok(None);
        };
        cursor = Cursor { what, after: Vec::new(), ..cursor };
    };
    let verdict = match cursor.what {
        What::Messages => judge_message(ctx, &key, &bytes, false, give_up)?,
        What::Acts => judge_message(ctx, &key, &bytes, true, give_up)?,
        What::Rest => judge_rest(ctx, &key, &bytes, give_up)?,
    };
    ctx.tx.put_row(Table::Meta, CURSOR_ROW.to_vec(), &Cursor { after: key, ..cursor })?;
    Ok(match verdict {
        Verdict::Refuse(fault) | Verdict::Late(fault) => Some(fault.into()),
        Verdict::Forbid(_, reason) => Some(Error::Denied(reason)),
        Verdict::Done | Verdict::Repeat | Verdict::Park => None,
    })
}

/// Where this version goes on; what another one had begun begins anew.
fn cursor(ctx: &Ctx<'_>) -> Result<Cursor> {
    let dialect = dialect(ctx.config);
    let known = ctx.tx.row::<Cursor>(Table::Meta, CURSOR_ROW, "dialect cursor")?;
    let begun = known.filter(|known| known.dialect == dialect);
    Ok(begun.unwrap_or(Cursor { dialect, what: What::Messages, after: Vec::new() }))
}

/// The first thing behind a cursor, of the kind that it is at.
fn behind(ctx: &Ctx<'_>, cursor: &Cursor) -> Result<Option<Row>> {
    let (table, prefix) = cursor.what.place();
    let from = if cursor.after.is_empty() { prefix.clone() } else { [&cursor.after[..], &[0]].concat() };
    let rows = ctx.tx.scan(table, KeyRange { from: &from, to: &[] }, Direction::Forward, 1)?;
    Ok(rows.into_iter().next().filter(|(key, _)| key.starts_with(&prefix)))
}

fn judged(ctx: &mut Ctx<'_>) -> Result<()> {
    ctx.tx.delete(Table::Meta, CURSOR_ROW);
    ctx.tx.put_row(Table::Meta, DIALECT_ROW.to_vec(), &dialect(ctx.config))?;
    ctx.tx.effect(Effect::Judged);
    Ok(())
}

fn judge_rest(ctx: &mut Ctx<'_>, key: &[u8], bytes: &[u8], give_up: bool) -> Result<Verdict> {
    if give_up {
        shelf::remove(ctx, key)?;
        return Ok(Verdict::Repeat);
    }
    let row: LaterRow = codec::decode_row(bytes, "kept")?;
    let delivery = Delivery {
        id: DeliveryId(row.delivery),
        accepted_at: row.accepted_at,
        frank: row.frank,
        envelope: row.envelope,
    };
    let envelope = match envelope(ctx, &delivery.envelope) {
        Ok(envelope) => envelope,
        Err(PeerFault::NewerVersion) => return Ok(Verdict::Park),
        Err(fault) => return Ok(Verdict::Refuse(fault)),
    };
    let verdict = match row.opened {
        None => take_in(ctx, &envelope, &delivery)?,
        Some(opened) => {
            let Some(session) = session::load(&ctx.tx, envelope.tag)? else {
                shelf::remove(ctx, key)?;
                return Ok(Verdict::Repeat);
            };
            let certificate = Certificate::decode(&opened.certificate);
            let sender = certificate.map_err(|_| Error::Store(StoreError::Corrupt("kept")))?;
            let sender = member::counting(ctx, &sender)?;
            match open::judge(ctx, &session, &sender, &envelope, &delivery, &opened.plaintext)? {
                // It stays where it is.
                Verdict::Refuse(PeerFault::NewerVersion) => return Ok(Verdict::Park),
                verdict => verdict,
            }
        }
    };
    shelf::remove(ctx, key)?;
    Ok(verdict)
}

fn judge_message(ctx: &mut Ctx<'_>, key: &[u8], bytes: &[u8], acts: bool, give_up: bool) -> Result<Verdict> {
    let (conversation, place): (ConversationId, MessageKey) = codec::decode_row(bytes, "unsupported")?;
    let Some(before) = message::load(&ctx.tx, conversation, place)? else {
        ctx.tx.delete(Table::MessageIndex, key);
        return Ok(Verdict::Repeat);
    };
    if give_up {
        let mut row = conversation::require(&ctx.tx, conversation)?;
        conversation::removed(ctx, &mut row, place)?;
        conversation::store(&mut ctx.tx, &row)?;
        return Ok(Verdict::Repeat);
    }
    let (content, padded) = match understood(ctx, conversation, place, &before)? {
        Ok((content, padded)) if content.kind.is_act() == acts => (content, padded),
        Ok(_) | Err(PeerFault::NewerVersion) => return Ok(Verdict::Park),
        Err(fault) => return Ok(Verdict::Refuse(fault)),
    };
    let Some(sender) = member::newest(&ctx.tx, place.device)? else { return Ok(Verdict::Park) };
    match replace(ctx, conversation, place, before, (content, &padded), &sender) {
        Ok(()) => Ok(Verdict::Done),
        Err(Error::Peer(fault)) => Ok(Verdict::Refuse(fault)),
        Err(Error::Denied(reason)) => Ok(Verdict::Forbid(sender.user().clone(), reason)),
        Err(error) => Err(error),
    }
}

/// The content of a message that could not be read, and its bytes, if this version can read it.
fn understood(
    ctx: &Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    row: &MessageRow,
) -> Result<Result<(Content, Vec<u8>), PeerFault>> {
    let newer = Ok(Err(PeerFault::NewerVersion));
    let Body::Unknown(kind, body) = &row.body else { return newer };
    if *kind == Kind::NEWER {
        return Ok(unwrapped(ctx, place, body));
    }
    let known = (kind.is_act() || apply::is_known(*kind)) && !ctx.config.is_older_than(*kind);
    // Marks around what is still unknown stay where they are.
    let inside = *kind != Kind::MARKED || Marks::unwrap(body).is_ok_and(|(inner, ..)| apply::is_known(inner));
    if !known || !inside {
        return newer;
    }
    let Some(padded) = report::original(&ctx.tx, conversation, place.id, row)? else { return newer };
    Ok(Content::decode(&padded).map(|content| (content, padded)))
}

/// The content of a newer version that a message stands for, if it is what its envelope committed to.
fn unwrapped(ctx: &Ctx<'_>, place: MessageKey, body: &[u8]) -> Result<(Content, Vec<u8>), PeerFault> {
    let Newer(commitment, padded) = codec::decode(body, "newer")?;
    let content = content(ctx, &padded)?;
    if commitment == Some(content.commitment(&padded)) && content.kind.is_shown() && content.head.id == place.id {
        Ok((content, padded.into_vec()))
    } else {
        Err(PeerFault::Commitment)
    }
}

/// Puts what a message says in the place of what stood for it; whoever has read that has read it.
fn replace(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    before: MessageRow,
    (content, padded): (Content, &[u8]),
    sender: &Certificate,
) -> Result<()> {
    let mut list = conversation::require(&ctx.tx, conversation)?;
    conversation::removed(ctx, &mut list, place)?;
    conversation::store(&mut ctx.tx, &list)?;
    let accepted = before.accepted.unwrap_or(place.at);
    if content.kind.is_act() {
        let arrival = Arrival { accepted, frank: before.frank.as_ref(), padded };
        return act::apply(ctx, conversation, sender, &content, arrival);
    }
    let envelope = before.envelope.unwrap_or(EnvelopeId::from_bytes([0; 16]));
    let carrier = apply::Carrier { envelope, accepted, frank: before.frank, padded, again: true };
    apply::insert(ctx, conversation, sender, content, carrier)?;
    let Some(mut row) = message::load(&ctx.tx, conversation, place)? else { return Ok(()) };
    let goes_at = row.goes_at(place);
    (row.state, row.recipients) = (before.state, before.recipients);
    (row.read, row.readers, row.reactions) = (before.read, before.readers, before.reactions);
    message::reschedule(&ctx.tx, conversation, place, goes_at, &row)?;
    if row.unread && !before.unread {
        conversation::read_elsewhere(ctx, conversation, place, &mut row)?;
    }
    ctx.tx.event(Event::MessageChanged(conversation, place));
    Ok(())
}

/// tag · class.
fn prefix() -> [u8; 17] {
    let mut prefix = [0; 17];
    prefix[..16].copy_from_slice(NO_SESSION.as_bytes());
    prefix[16] = CLASS;
    prefix
}

#[cfg(test)]
mod tests {
    //! R46.

    use super::*;
    use crate::engine::testing::{NOW, enrolled};
    use crate::inbox::testing::{begun, envelope as enveloped, newer, text};
    use crate::session::Phase;

    #[test]
    fn r46_an_envelope_that_cannot_be_read_is_kept_if_it_is_not_too_long() {
        for (bytes, kept_now) in [(limits::PARKED_BYTES, 1), (limits::PARKED_BYTES + 1, 0)] {
            let mut engine = enrolled("ann");
            let delivery = Delivery { envelope: vec![2; bytes], ..enveloped().1 };
            assert_eq!(engine.receive(&delivery, NOW).is_ok(), kept_now == 1);
            assert_eq!(kept(&engine.read().unwrap()), Ok(kept_now));
        }
    }

    /// Keeps what Bea's phone sent as `kind`, and gives what is kept beside messages and what the newest message says.
    fn keep_as(kind: EnvelopeKind, plaintext: &[u8]) -> (Option<LaterRow>, Option<Body>) {
        let (mut engine, talk, phone) = begun();
        let (envelope, delivery) = enveloped();
        let envelope = Envelope { kind, body: vec![1; 100], ..envelope };
        let session = SessionRow {
            id: envelope.tag,
            conversation: talk,
            generation: 0,
            phase: Phase::Live,
            pending: None,
            parent: Hash32::from_bytes([0; 32]),
            refused: 0,
            epoch_at: NOW,
            updated_at: NOW,
            updated_next: 0,
            reconciled: (0, NOW),
        };
        let keep = |ctx: &mut Ctx<'_>| keep_content(ctx, session, phone, &envelope, &delivery, plaintext);
        assert!(matches!(engine.mutate(NOW, keep), Ok(Verdict::Done)));
        let tx = engine.read().unwrap();
        let beside = tx.scan_prefix(Table::Parked, &prefix(), 1).unwrap();
        let place = message::newest(&tx, talk).unwrap();
        let message = place.map(|place| message::load(&tx, talk, place).unwrap().unwrap().body);
        (beside.first().map(|(_, row)| codec::decode_row(row, "kept").unwrap()), message)
    }

    #[test]
    fn r46_what_engines_tell_each_other_is_kept_once_as_it_was_decrypted() {
        let (Some(row), None) = keep_as(EnvelopeKind::Receipt, b"newer") else { panic!("not beside messages") };
        let envelope = Envelope::decode(&row.envelope).unwrap();
        assert!(envelope.kind == EnvelopeKind::Receipt && envelope.body.is_empty());
        assert_eq!(row.opened.unwrap().plaintext, b"newer".as_slice());
    }

    #[test]
    fn r46_a_message_of_a_newer_version_is_kept_whole_if_it_is_not_too_long() {
        let kept = |bytes| keep_as(EnvelopeKind::Message, &newer(bytes)).1;
        assert!(matches!(kept(limits::NEWER), Some(Body::Unknown(Kind::NEWER, _))));
        assert!(matches!(kept(limits::NEWER + 1), Some(Body::Encrypted(Cause::NewerVersion))));
    }

    #[test]
    fn r46_a_message_is_understood_when_its_kind_and_what_is_inside_are_known() {
        let (mut engine, talk, phone) = begun();
        let place = MessageKey { at: NOW, device: phone.device(), id: text().head.id };
        let mut understood = |body: Body| {
            let row = MessageRow::new(phone.user().clone(), NOW, body);
            let understood = engine.mutate(NOW, |ctx| understood(ctx, talk, place, &row)).unwrap();
            understood.map(|(content, _)| content.kind)
        };
        let marked = |kind| {
            let marks = Marks { forwarded: true, ..Marks::default() };
            let (kind, body) = marks.wrap(kind, text().body).unwrap();
            Body::Unknown(kind, body.into())
        };
        let (unknown, newer) = (Kind(12), Err(PeerFault::NewerVersion));
        assert_eq!(understood(Body::Unknown(Kind::TEXT, text().body.into())), Ok(Kind::TEXT));
        assert_eq!(understood(Body::Unknown(Kind::EDIT, text().body.into())), Ok(Kind::EDIT));
        assert_eq!(understood(marked(Kind::TEXT)), Ok(Kind::MARKED));
        assert_eq!(understood(Body::Unknown(unknown, text().body.into())), newer);
        assert_eq!(understood(marked(unknown)), newer);
        assert_eq!(understood(Body::Text("read already".into())), newer);
    }

    #[test]
    fn r46_what_stood_for_a_message_is_what_its_envelope_committed_to() {
        let (mut engine, ..) = begun();
        let mut unwrapped = |content: &Content, commitment: Option<Hash32>, id| {
            let padded = content.encode().unwrap();
            let commitment = commitment.unwrap_or(content.commitment(&padded));
            let body = codec::encode(&Newer(Some(commitment), padded.into())).unwrap();
            let place = MessageKey { at: NOW, device: NOBODY, id };
            engine.mutate(NOW, |ctx| Ok(unwrapped(ctx, place, &body).map(|(content, _)| content.kind))).unwrap()
        };
        let (id, wrong) = (text().head.id, Err(PeerFault::Commitment));
        assert_eq!(unwrapped(&text(), None, id), Ok(Kind::TEXT));
        assert_eq!(unwrapped(&text(), Some(Hash32::from_bytes([1; 32])), id), wrong);
        assert_eq!(unwrapped(&text(), None, crate::id::MessageId::from_bytes([1; 16])), wrong);
        assert_eq!(unwrapped(&Content { kind: Kind::RECEIPT, ..text() }, None, id), wrong);
    }
}
