//! Applies a decrypted content, by kind.

use zeroize::Zeroizing;

use super::open::Opened;
use super::{Verdict, act, dedup, later, missing};
use crate::act::Arrival;
use crate::attachment::{self, AttachmentBody};
use crate::authority::Certificate;
use crate::call;
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Again, Content, Envelope, Kind};
use crate::error::{Error, PeerFault, Result};
use crate::gone;
use crate::id::{ConversationId, DeviceId, EnvelopeId, MessageId, SessionId, UserId};
use crate::input::Delivery;
use crate::limits;
use crate::member;
use crate::message::{self, Body, Cause, Marks, MessageKey, MessageRow};
use crate::person;
use crate::policy::{Action, Decision};
use crate::receipt::{self, Mark};
use crate::report::{self, Frank};
use crate::session::SessionRow;
use crate::structured::Structured;
use crate::time::{DAY, Time};

/// What a stand-in's id is derived under.
const PLACEHOLDER_LABEL: &[u8] = b"undertone unreadable v1";
/// What counts the rows that stand for unreadable envelopes.
const UNREADABLE: &[u8] = b"unreadable";
/// What counts the requests for what engines say to each other.
const UNSEEN: &[u8] = b"unseen";
/// For so long one such row counts against the next ones of its device and session.
const UNREADABLE_COUNTS: u64 = DAY;

/// Takes in what was decrypted.
pub(super) fn apply(
    ctx: &mut Ctx<'_>,
    opened: Opened<'_>,
    envelope: &Envelope,
    delivery: &Delivery,
) -> Result<Verdict> {
    let Opened { content, padded, sender, session } = opened;
    let unknown = ctx.config.is_older_than(content.kind);
    let done = if unknown && !content.kind.is_shown() {
        Err(PeerFault::NewerVersion.into())
    } else if content.kind == Kind::CALL_SIGNAL {
        call::receive(ctx, (session.conversation, session.id), &sender, &content, delivery)
    } else if content.kind.is_act() && !unknown {
        let frank = Frank::of(envelope, delivery);
        let arrival = Arrival { accepted: delivery.accepted_at, frank: frank.as_ref(), padded };
        act::apply(ctx, session.conversation, &sender, &content, arrival)
    } else if !content.kind.is_shown() {
        control(ctx, &session, &sender, &content, envelope, delivery)
    } else {
        let frank = Frank::of(envelope, delivery);
        let carrier = Carrier { envelope: envelope.id, accepted: delivery.accepted_at, frank, padded, again: false };
        insert(ctx, session.conversation, &sender, content, carrier)
    };
    match done {
        Ok(()) => Ok(Verdict::Done),
        Err(Error::Peer(fault)) => Ok(Verdict::Refuse(fault)),
        Err(Error::Denied(reason)) => Ok(Verdict::Forbid(sender.user().clone(), reason)),
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
        Kind::UNREADABLE => missing::send_again(ctx, conversation, sender, &content.body),
        Kind::AGAIN => heal(ctx, conversation, sender, &content.body, envelope, delivery),
        Kind::CERTIFICATE => renewed(ctx, sender, &content.body),
        // A newer version's business between engines: kept for that.
        _ => Err(PeerFault::NewerVersion.into()),
    }
}

/// A message that could not be read came once more: it takes the place of the row that stood for it.
fn heal(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    sender: &Certificate,
    body: &[u8],
    envelope: &Envelope,
    delivery: &Delivery,
) -> Result<()> {
    let Again(lost, padded, accepted) = codec::decode(body, "message sent again")?;
    let content = match later::content(ctx, &padded) {
        Err(PeerFault::NewerVersion) if padded.len() > limits::NEWER => {
            return Err(PeerFault::TooLarge("content").into());
        }
        Err(PeerFault::NewerVersion) => later::stand_for(&padded, envelope.commitment)?,
        content => content?,
    };
    if !content.kind.is_shown() && !content.kind.is_act() {
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
        None if !dedup::wanted(ctx, sender.device(), lost)? => return Ok(()),
        None => {}
    }
    dedup::forget_wanted(ctx, sender.device(), lost);
    dedup::note_again(ctx, sender.device(), lost)?;
    // The mark is of this envelope, which commits to the same content.
    let (accepted, frank) = (first.min(delivery.accepted_at), Frank::of(envelope, delivery));
    if content.kind.is_act() {
        let arrival = Arrival { accepted, frank: frank.as_ref(), padded: &padded };
        return act::apply(ctx, conversation, sender, &content, arrival);
    }
    let carrier = Carrier { envelope: envelope.id, accepted, frank, padded: &padded, again: false };
    insert(ctx, conversation, sender, content, carrier)
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

/// What brought a message: its envelope, when the relay accepted it for the first time, the mark that it left, and the
/// content as it was decrypted; whether it was here before, and is only judged again.
pub(super) struct Carrier<'a> {
    pub envelope: EnvelopeId,
    pub accepted: Time,
    pub frank: Option<Frank>,
    pub padded: &'a [u8],
    pub again: bool,
}

/// Whether what a user says is not shown.
fn is_dropped(ctx: &Ctx<'_>, author: &UserId) -> Result<bool> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::BlockedShown) {
        return Ok(false);
    }
    person::is_blocked(ctx, author)
}

/// Puts a message in its place, unless it is there: the first one stays.
pub(super) fn insert(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    sender: &Certificate,
    content: Content,
    carrier: Carrier<'_>,
) -> Result<()> {
    let author = sender.user().clone();
    let id = content.head.id;
    if message::find(&ctx.tx, conversation, &author, id)?.is_some() {
        return Ok(());
    }
    // It came in another envelope before, and has gone since: it was read, or deleted.
    if !carrier.again
        && (gone::is_gone(ctx, conversation, &author, id)?
            || dedup::came_again(ctx, sender.device(), carrier.envelope)?)
    {
        return Ok(());
    }
    let key = MessageKey::new(content.head.stamp, Some(carrier.accepted), sender.device(), id);
    let own = author == ctx.account.user;
    let (body, marks) = body(ctx, content.kind, &content.body)?;
    if !own && let Some(action) = attachment::action(&body) {
        permitted(ctx, sender, action)?;
    }
    if content.kind == Kind::CALL {
        call::check_record(ctx, conversation, sender, &content.body)?;
    }
    if !carrier.again && is_dropped(ctx, &author)? {
        // They cannot tell: what would be refused was, and all else counts as delivered, once.
        gone::note_unseen(ctx, conversation, &author, id, carrier.accepted)?;
        return receipt::owe(ctx, conversation, Mark::Delivered, &author, id);
    }
    let mut row = conversation::require(&ctx.tx, conversation)?;
    let mut message = MessageRow {
        own,
        accepted: Some(carrier.accepted),
        period: content.head.period,
        clock: content.head.clock,
        target: content.head.target.clone(),
        counts: content.head.counts,
        recipients: if own { row.recipients() } else { Vec::new() },
        unread: !own && content.head.counts,
        silent: !content.head.notifies,
        marks,
        envelope: Some(carrier.envelope),
        opening: content.opening,
        frank: carrier.frank.filter(|_| !own),
        ..MessageRow::new(author.clone(), content.head.stamp, body)
    };
    message.marks.mentions.retain(|mention| row.is_of(&mention.user, &ctx.account.user));
    report::keep_unless_given(&ctx.tx, conversation, id, &mut message, carrier.padded)?;
    conversation::added(ctx, &mut row, key, &message)?;
    // What is written now answers it, and stands below it, though its author's clock may be ahead.
    row.last_stamp = row.last_stamp.max(key.at.min(ctx.now.plus(limits::STAMP_AHEAD)));
    conversation::store(&mut ctx.tx, &row)?;
    if !own && !carrier.again {
        receipt::owe(ctx, conversation, Mark::Delivered, &author, id)?;
    }
    act::apply_early(ctx, conversation, &author, id)
}

/// Whether the rules let a sender do this towards this user.
fn permitted(ctx: &Ctx<'_>, sender: &Certificate, action: Action) -> Result<()> {
    match ctx.config.policy.decide(sender.role(), action, ctx.account.role()?) {
        Decision::Allow => Ok(()),
        Decision::Deny(reason) => Err(Error::Denied(reason)),
    }
}

/// Whether a kind of message is shown as what it is.
pub(super) const fn is_known(kind: Kind) -> bool {
    matches!(kind.0, 1..=11)
}

/// What a message says, and what stands on it beside. Marks on what this version does not know stay on it, for a newer one.
fn body(ctx: &Ctx<'_>, kind: Kind, bytes: &[u8]) -> Result<(Body, Marks)> {
    if kind != Kind::MARKED || ctx.config.is_older_than(kind) {
        return Ok((unmarked(ctx, kind, bytes)?.0, Marks::default()));
    }
    let (inner, inside, marks) = Marks::unwrap(bytes)?;
    match unmarked(ctx, inner, &inside)? {
        (Body::Unknown(..), _) => Ok((Body::Unknown(kind, bytes.to_vec().into()), Marks::default())),
        (body, changed) => {
            let marks = marks.fitting(&body, changed)?;
            #[cfg(feature = "sabotage")]
            let dropped = ctx.config.sabotaged(crate::sabotage::Sabotage::MarksDropped);
            #[cfg(feature = "sabotage")]
            let marks = if dropped { Marks::default() } else { marks };
            Ok((body, marks))
        }
    }
}

/// What a message of any other kind says, and whether cleaning has changed the text that mentions stand in.
fn unmarked(ctx: &Ctx<'_>, kind: Kind, bytes: &[u8]) -> Result<(Body, bool)> {
    Ok(match kind {
        kind if ctx.config.is_older_than(kind) => (Body::Unknown(kind, bytes.to_vec().into()), false),
        Kind::TEXT => {
            let (text, changed) = message::received_text(codec::decode(bytes, "text")?)?;
            (Body::Text(text), changed)
        }
        Kind::IMAGE | Kind::FILE | Kind::VOICE | Kind::VIDEO => {
            let body = AttachmentBody::decode(kind, bytes)?;
            // As it came, it is written the same unless its texts were cleaned.
            let changed = *Zeroizing::new(body.encode()?) != bytes;
            (Body::Attachment(Box::new(body)), changed)
        }
        Kind::LOCATION | Kind::CONTACT | Kind::EVENT | Kind::PAYMENT_REQUEST => {
            let card = Structured::decode(kind, bytes)?;
            #[cfg(feature = "sabotage")]
            let bared = ctx.config.sabotaged(crate::sabotage::Sabotage::CardsBared);
            #[cfg(feature = "sabotage")]
            let card = if bared { card.bared() } else { card };
            (Body::Structured(Box::new(card)), false)
        }
        // Only this engine says what happened here.
        Kind::SYSTEM => return Err(PeerFault::Malformed("system message").into()),
        other => (Body::Unknown(other, bytes.to_vec().into()), false),
    })
}

/// A row for what cannot be read, at most [`limits::UNDECRYPTABLE`] of a device and session in a day: a relay can make
/// up such envelopes, and must not use up for ever what is there for the true ones. What is more waits, parked.
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
    if !take_slot(ctx, UNREADABLE, sender.device(), session.id)? {
        return Ok(Verdict::Park);
    }
    // Nothing is shown of who is blocked. It is asked for all the same: they cannot tell.
    if !is_dropped(ctx, sender.user())? {
        stand_in(ctx, session.conversation, sender.user().clone(), sender.device(), envelope.id, delivery, cause)?;
    }
    Ok(Verdict::Done)
}

/// Whether what engines say to each other, which cannot be read, is asked for: as often as rows are made for messages.
pub(super) fn unseen(ctx: &mut Ctx<'_>, session: &SessionRow, sender: &Certificate) -> Result<Verdict> {
    let taken = take_slot(ctx, UNSEEN, sender.device(), session.id)?;
    Ok(if taken { Verdict::Done } else { Verdict::Park })
}

/// Takes up a slot of a device and session, if one is free. If none is, what waits is tried again when the first will be.
fn take_slot(ctx: &mut Ctx<'_>, what: &[u8], device: DeviceId, session: SessionId) -> Result<bool> {
    let mut free_at = Time::NEVER;
    for slot in 0..limits::UNDECRYPTABLE as u32 {
        let label = [what, &slot.to_be_bytes()].concat();
        match dedup::said(ctx, &label, device, session)? {
            Some(until) if until > ctx.now => free_at = free_at.min(until),
            Some(_) | None => {
                dedup::note_said(ctx, &label, device, session, ctx.now.plus(UNREADABLE_COUNTS))?;
                return Ok(true);
            }
        }
    }
    missing::wait(ctx, session, device, free_at)?;
    Ok(false)
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
    // Nothing else says when it was: a relay must not put it above all that will ever be said.
    let at = delivery.accepted_at.min(ctx.now.plus(limits::STAMP_AHEAD));
    let key = MessageKey { at, device, id };
    let message = MessageRow {
        own,
        accepted: Some(delivery.accepted_at),
        period: row.period,
        counts: true,
        unread: !own,
        envelope: Some(envelope),
        ..MessageRow::new(author, at, Body::Encrypted(cause))
    };
    conversation::added(ctx, &mut row, key, &message)?;
    conversation::store(&mut ctx.tx, &row)
}

/// What stands for an unreadable envelope is named after it, by a hash: the relay and the sender choose an envelope's
/// id, and could name a message with it that is here.
fn placeholder_id(envelope: EnvelopeId) -> MessageId {
    MessageId::derived(PLACEHOLDER_LABEL, envelope.as_bytes())
}

#[cfg(test)]
mod tests {
    //! R14, R19.

    use super::*;
    use crate::attachment::testing::image;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, certified, put};
    use crate::inbox::testing::{begun, envelope, newer, text};
    use crate::store::Table;
    use crate::time::HOUR;

    const LOST: EnvelopeId = EnvelopeId::from_bytes([5; 16]);

    /// Inserts a text of `sender`, and gives its row and how many receipts are owed.
    fn inserted(sender: &Certificate, again: bool) -> (MessageRow, usize, Engine) {
        let (mut engine, talk, _) = begun();
        let (envelope, delivery) = envelope();
        let (content, padded) = (text(), text().encode().unwrap());
        let id = content.head.id;
        let frank = Frank::of(&envelope, &delivery);
        let carrier = Carrier { envelope: envelope.id, accepted: NOW, frank, padded: &padded, again };
        engine.mutate(NOW, |ctx| insert(ctx, talk, sender, content, carrier)).unwrap();
        let tx = engine.read().unwrap();
        let place = message::find(&tx, talk, sender.user(), id).unwrap().unwrap();
        let row = message::load(&tx, talk, place).unwrap().unwrap();
        let owed = tx.scan_prefix(Table::Receipt, &[], 10).unwrap().len();
        (row, owed, engine)
    }

    #[test]
    fn what_a_row_gives_again_is_not_kept_beside_it() {
        let (row, _, engine) = inserted(&certified("bea", 1), false);
        assert!(row.content(text().head.id).unwrap() == Some(text()));
        assert!(row.envelope == Some(envelope().0.id) && row.frank.is_some());
        assert!(engine.read().unwrap().scan_prefix(Table::Evidence, &[], 10).unwrap().is_empty());
    }

    #[test]
    fn it_is_told_once_that_a_message_of_another_came() {
        let (ann, bea) = (certified("ann", 2), certified("bea", 1));
        let owed = |sender, again| inserted(sender, again).1;
        assert_eq!([owed(&bea, false), owed(&bea, true), owed(&ann, false), owed(&ann, true)], [1, 0, 0, 0]);
    }

    #[test]
    fn what_came_again_and_has_gone_since_does_not_come_back_with_its_first_envelope() {
        for (first, comes) in [(LOST, false), (EnvelopeId::from_bytes([6; 16]), true)] {
            let (mut engine, talk, phone) = begun();
            let (content, padded) = (text(), text().encode().unwrap());
            let id = content.head.id;
            let carrier = Carrier { envelope: first, accepted: NOW, frank: None, padded: &padded, again: false };
            let found = engine.mutate(NOW, |ctx| {
                dedup::note_again(ctx, phone.device(), LOST)?;
                insert(ctx, talk, &phone, content, carrier)?;
                message::find(&ctx.tx, talk, phone.user(), id)
            });
            assert_eq!(found.unwrap().is_some(), comes);
        }
    }

    #[test]
    fn r26_who_is_blocked_hears_no_more_than_others_of_what_is_refused_or_comes_again() {
        for (blocked, kind) in [(false, Kind::SYSTEM), (true, Kind::SYSTEM), (false, Kind::TEXT), (true, Kind::TEXT)] {
            let (mut engine, talk, phone) = begun();
            engine.privacy().block(phone.user(), blocked, NOW).unwrap();
            let mut owed = |envelope: u8| {
                let (content, padded) = (Content { kind, ..text() }, text().encode().unwrap());
                let envelope = EnvelopeId::from_bytes([envelope; 16]);
                let carrier = Carrier { envelope, accepted: NOW, frank: None, padded: &padded, again: false };
                let taken = engine.mutate(NOW, |ctx| insert(ctx, talk, &phone, content, carrier));
                assert_eq!(taken.is_err(), kind == Kind::SYSTEM, "R2: only this engine says what happened here");
                engine.mutate(NOW.plus(HOUR), |ctx| Ok(receipt::take_due(ctx, talk)?.is_some())).unwrap()
            };
            assert_eq!([owed(1), owed(2)], [kind == Kind::TEXT, false], "{blocked} {kind:?}");
        }
    }

    #[test]
    fn r27_marks_name_members_alone() {
        let (mut engine, talk, phone) = begun();
        let mentions = ["bea", "eve"].map(|name| crate::message::Mention {
            range: if name == "bea" { 0..1 } else { 1..2 },
            user: crate::id::UserId::new(name).unwrap(),
        });
        let id = text().head.id;
        let marks = Marks { mentions: mentions.to_vec(), ..Marks::default() };
        let (kind, body) = marks.wrap(text().kind, text().body.clone()).unwrap();
        let (content, padded) = (Content { kind, body, ..text() }, text().encode().unwrap());
        let carrier = Carrier { envelope: LOST, accepted: NOW, frank: None, padded: &padded, again: false };
        engine.mutate(NOW, |ctx| insert(ctx, talk, &phone, content, carrier)).unwrap();
        let tx = engine.read().unwrap();
        let place = message::find(&tx, talk, phone.user(), id).unwrap().unwrap();
        let row = message::load(&tx, talk, place).unwrap().unwrap();
        assert_eq!(row.marks.mentions, mentions[..1]);
    }

    #[test]
    fn a_kind_is_known_if_it_is_not_shown_as_unknown() {
        let (mut engine, ..) = begun();
        for kind in (0..32).map(Kind).filter(|kind| ![Kind::CALL, Kind::MARKED, Kind::SYSTEM].contains(kind)) {
            let unknown = engine.mutate(NOW, |ctx| Ok(matches!(unmarked(ctx, kind, &[]), Ok((Body::Unknown(..), _)))));
            assert_eq!(unknown, Ok(!is_known(kind)), "{kind:?}");
        }
        assert!(is_known(Kind::CALL) && is_known(Kind::MARKED));
    }

    #[test]
    fn an_attachment_counts_as_changed_if_its_texts_were_cleaned() {
        let (mut engine, ..) = begun();
        let mut changed = |caption: &str| {
            let attachment = attachment::Attachment { caption: caption.into(), ..image() };
            let bytes = attachment::testing::body(attachment).encode().unwrap();
            engine.mutate(NOW, |ctx| Ok(unmarked(ctx, Kind::IMAGE, &bytes)?.1)).unwrap()
        };
        assert!(!changed("for Bea"));
        assert!(changed("for\u{202e} Bea"));
    }

    #[test]
    fn only_a_row_that_stands_for_an_envelope_of_this_very_device_is_replaced() {
        let (phone, tablet) = (certified("bea", 1), certified("bea", 2));
        let stands = |body: Body, envelope, device: &Certificate| {
            let (mut engine, talk, _) = begun();
            let place = MessageKey { at: NOW, device: device.device(), id: placeholder_id(LOST) };
            let message = MessageRow { envelope, ..MessageRow::new(phone.user().clone(), NOW, body) };
            put(&mut engine, talk, place, &message, NOW);
            engine.mutate(NOW, |ctx| stand_in_of(ctx, talk, &phone, LOST)).unwrap() == Some(place)
        };
        let lost = Body::Encrypted(Cause::TooOld);
        assert!(stands(lost.clone(), Some(LOST), &phone));
        assert!(!stands(lost.clone(), Some(LOST), &tablet));
        assert!(!stands(lost, Some(EnvelopeId::from_bytes([1; 16])), &phone));
        assert!(!stands(Body::Text("said".into()), Some(LOST), &phone));
    }

    #[test]
    fn a_certificate_is_renewed_by_its_own_device_and_for_its_own_user() {
        let (mut engine, _, phone) = begun();
        let mut renewed = |with: Certificate| engine.mutate(NOW, |ctx| renewed(ctx, &phone, with.as_bytes()));
        assert_eq!(renewed(certified("bea", 1)), Ok(()));
        for other in [certified("bea", 2), certified("cat", 1)] {
            assert_eq!(renewed(other), Err(PeerFault::Certificate.into()));
        }
    }

    #[test]
    fn what_a_newer_version_sends_again_may_be_as_long_as_a_message_that_is_kept() {
        let (mut engine, talk, phone) = begun();
        let (envelope, delivery) = envelope();
        let mut sent_again = |bytes: usize| {
            let body = codec::encode(&Again(LOST, newer(bytes).into(), NOW)).unwrap();
            engine.mutate(NOW, |ctx| heal(ctx, talk, &phone, &body, &envelope, &delivery))
        };
        assert_eq!(sent_again(limits::NEWER), Ok(()));
        assert_eq!(sent_again(limits::NEWER + 1), Err(PeerFault::TooLarge("content").into()));
    }

    #[test]
    fn a_row_stands_for_an_envelope_as_its_message_would() {
        for (author, own) in [("ann", true), ("bea", false)] {
            let (mut engine, talk, phone) = begun();
            let (author, delivery) = (UserId::new(author).unwrap(), envelope().1);
            let period = engine.conversations().get(talk, NOW).unwrap().period;
            let row = engine.mutate(NOW, |ctx| {
                stand_in(ctx, talk, author.clone(), phone.device(), LOST, &delivery, Cause::TooOld)?;
                let place = message::find(&ctx.tx, talk, &author, placeholder_id(LOST))?.unwrap();
                message::load(&ctx.tx, talk, place)
            });
            let row = row.unwrap().unwrap();
            assert_eq!((row.own, row.unread, row.counts), (own, !own, true));
            assert_eq!((row.accepted, row.period, row.envelope), (Some(NOW), period, Some(LOST)));
        }
    }
}
