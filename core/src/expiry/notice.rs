//! Expiry notices: a message whose time depends on reading was read. They go to all devices of both sides, whatever the
//! receipt switch says, since both must know when it goes; but not to who is blocked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::act::{self, Audience, Draft, Received, Taken};
use crate::change::{Change, Reader};
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::early::{self, Early, Waiting};
use crate::envelope::{Kind, MessageRef};
use crate::error::{PeerFault, Result};
use crate::id::{ConversationId, UserId};
use crate::limits;
use crate::memory::Effect;
use crate::message::{self, MessageKey, MessageRow};
use crate::person;
use crate::time::Time;

/// The body of [`Kind::EXPIRY_NOTICE`]: what was read, and when.
#[derive(Serialize, Deserialize)]
pub(crate) struct Notice {
    read: Time,
    messages: Vec<MessageRef>,
}

/// This user has read a message here: if its time depends on that, it counts from now on. Says whom to name in a notice.
pub(crate) fn read(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    row: &MessageRow,
) -> Result<Option<MessageRef>> {
    if row.own || row.read.is_some() || !row.terms(place).depends_on_reading() {
        return Ok(None);
    }
    start(ctx, conversation, place, row, ctx.now)?;
    Ok(Some(MessageRef { author: row.author.clone(), id: place.id }))
}

/// Tells everybody what was read. Who is blocked is not to know: then only the devices of this user are told, and the
/// message goes elsewhere at the limit for what nobody reads.
pub(crate) fn tell(ctx: &mut Ctx<'_>, id: ConversationId, messages: Vec<MessageRef>) -> Result<()> {
    let mut row = conversation::require(&ctx.tx, id)?;
    let mut told: BTreeMap<Audience, Vec<MessageRef>> = BTreeMap::new();
    for message in messages {
        let blocked = person::is_blocked(ctx, &message.author)?;
        told.entry(if blocked { Audience::OwnDevices } else { Audience::Members }).or_default().push(message);
    }
    for (audience, messages) in told {
        let body = codec::encode(&Notice { read: ctx.now, messages })?;
        act::perform(ctx, &mut row, Draft { audience, ..Draft::new(Kind::EXPIRY_NOTICE, None, body) })?;
    }
    conversation::store(&mut ctx.tx, &row)
}

/// A notice came.
pub(crate) fn received(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let notice: Notice = codec::decode_exact(act.body, "expiry notice")?;
    if notice.messages.len() > limits::NOTICE {
        return Err(PeerFault::TooLarge("expiry notice").into());
    }
    // It was read before it was told. A clock that was put back in between must not make that seem long ago.
    let at = notice.read.min(super::sent(act.at, Some(act.accepted)));
    let mut waiting = Vec::new();
    for target in &notice.messages {
        if !noticed(ctx, act.conversation, target, act.author, at)? {
            let what = Early::Notice { from: act.author.clone(), at };
            waiting.push(Waiting { author: &target.author, id: target.id, from: act.author, tag: &[3], what });
        }
    }
    early::keep(ctx, act.conversation, &waiting)?;
    Ok(Taken::Done)
}

/// A message has come of which a notice was here before.
pub(crate) fn apply_early(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    target: &MessageRef,
    from: &UserId,
    at: Time,
) -> Result<()> {
    noticed(ctx, conversation, target, from, at).map(drop)
}

/// `from` has read a message at `at`; `false` when that is not here. It counts for a message of this user when all
/// recipients have read it, and for another's when this user has.
fn noticed(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    target: &MessageRef,
    from: &UserId,
    at: Time,
) -> Result<bool> {
    let Some(place) = message::find(&ctx.tx, conversation, &target.author, target.id)? else { return Ok(false) };
    let Some(mut row) = message::load(&ctx.tx, conversation, place)? else { return Ok(false) };
    let by_us = *from == ctx.account.user;
    if row.own == by_us || row.read.is_some() || !row.terms(place).depends_on_reading() {
        return Ok(true);
    }
    if by_us {
        if row.unread {
            conversation::read_elsewhere(ctx, conversation, place, &mut row)?;
        }
        start(ctx, conversation, place, &row, at)?;
        return Ok(true);
    }
    if !row.recipients.iter().any(|recipient| recipient.user == *from) {
        return Ok(true);
    }
    if !row.readers.iter().any(|(user, _)| user == from) {
        row.readers.push((from.clone(), at));
        message::store(&ctx.tx, conversation, place, &row)?;
        ctx.tx.change(Change::Read(conversation, place, Box::new(row.clone()), Reader::Member));
    }
    if row.readers.len() == row.recipients.len() {
        let last = row.readers.iter().map(|(_, at)| *at).max().unwrap_or(at);
        start(ctx, conversation, place, &row, last)?;
    }
    Ok(true)
}

/// The period of a message starts.
fn start(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    place: MessageKey,
    row: &MessageRow,
    read: Time,
) -> Result<()> {
    let started = MessageRow { read: Some(read), ..row.clone() };
    message::reschedule(&ctx.tx, conversation, place, row.goes_at(place), &started)?;
    ctx.tx.event(crate::event::Event::MessageChanged(conversation, place));
    ctx.tx.effect(Effect::Expire);
    Ok(())
}

#[cfg(test)]
mod tests {
    //! R25.

    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, certified, enrolled, put};
    use crate::id::MessageId;
    use crate::message::{Body, Recipient};
    use crate::time::{MINUTE, SECOND};

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn id(number: u8) -> MessageId {
        MessageId::from_bytes([number; 16])
    }

    fn place(number: u8) -> MessageKey {
        MessageKey::new(NOW, None, certified("bea", 1).device(), id(number))
    }

    fn named(author: &str, number: u8) -> MessageRef {
        MessageRef { author: user(author), id: id(number) }
    }

    /// Ann's engine, and her conversation with Bea.
    fn begun() -> (Engine, ConversationId) {
        let mut engine = enrolled("ann");
        let talk = engine.conversations().start(&user("bea"), NOW).unwrap();
        (engine, talk)
    }

    /// A message that goes when it was read: of Ann's to Bea and Cat, or of Bea's.
    fn message(author: &str) -> MessageRow {
        let own = author == "ann";
        let recipient = |name| Recipient { user: user(name), delivered: None, read: None };
        let recipients = if own { ["bea", "cat"].map(recipient).to_vec() } else { Vec::new() };
        MessageRow { own, recipients, period: 0, ..MessageRow::new(user(author), NOW, Body::Text("once".into())) }
    }

    /// What becomes of a message when these have read it, one second after the other.
    fn read_by(message: MessageRow, readers: &[&str]) -> MessageRow {
        let (mut engine, talk) = begun();
        put(&mut engine, talk, place(1), &message, NOW);
        let target = named(message.author.as_str(), 1);
        let result = engine.mutate(NOW, |ctx| {
            for (reader, second) in readers.iter().zip(1..) {
                assert_eq!(noticed(ctx, talk, &target, &user(reader), NOW.plus(second * SECOND)), Ok(true));
            }
            message::load(&ctx.tx, talk, place(1))
        });
        result.unwrap().unwrap()
    }

    #[test]
    fn r25_it_counts_from_when_the_last_recipient_has_read_it() {
        assert_eq!(read_by(message("ann"), &["bea", "bea"]).read, None);
        assert_eq!(read_by(message("ann"), &["bea", "bea"]).readers, [(user("bea"), NOW.plus(SECOND))]);
        assert_eq!(read_by(message("ann"), &["bea", "eve", "cat"]).read, Some(NOW.plus(3 * SECOND)));
    }

    #[test]
    fn r25_it_counts_from_when_this_user_has_read_it_for_the_first_time() {
        assert_eq!(read_by(message("bea"), &["ann", "ann"]).read, Some(NOW.plus(SECOND)));
    }

    #[test]
    fn r25_that_somebody_reads_their_own_or_what_does_not_depend_on_it_changes_nothing() {
        assert_eq!(read_by(message("ann"), &["ann"]).read, None);
        assert_eq!(read_by(message("bea"), &["bea"]).read, None);
        let stays = MessageRow { period: -1, ..message("ann") };
        assert_eq!(read_by(stays, &["bea", "cat"]).readers, []);
    }

    #[test]
    fn r25_what_this_user_reads_here_is_told_if_it_depends_on_that_and_once() {
        let (mut engine, talk) = begun();
        let mut told = |row: MessageRow| {
            let result = engine.mutate(NOW, |ctx| {
                message::place(&ctx.tx, talk, place(1), &row)?;
                read(ctx, talk, place(1), &row)
            });
            result.unwrap()
        };
        assert_eq!(told(message("bea")), Some(named("bea", 1)));
        assert_eq!(told(MessageRow { read: Some(NOW), ..message("bea") }), None);
        assert_eq!(told(MessageRow { period: -1, ..message("bea") }), None);
        assert_eq!(told(message("ann")), None);
    }

    /// Takes in a notice of Bea's, with what waits for its message afterwards.
    fn notice(engine: &mut Engine, talk: ConversationId, messages: Vec<MessageRef>) -> Result<Vec<Early>> {
        notice_at(engine, talk, messages, (NOW, NOW))
    }

    /// The same, told when her clock showed `told`, and accepted later or earlier.
    fn notice_at(
        engine: &mut Engine,
        talk: ConversationId,
        messages: Vec<MessageRef>,
        (told, accepted): (Time, Time),
    ) -> Result<Vec<Early>> {
        let (bea, target) = (certified("bea", 1), messages[0].clone());
        let body = codec::encode(&Notice { read: NOW, messages })?;
        engine.mutate(NOW, |ctx| {
            let act = Received {
                conversation: talk,
                author: bea.user(),
                role: bea.role(),
                device: bea.device(),
                at: told,
                accepted,
                id: id(9),
                target: None,
                body: &body,
                padded: &[],
                frank: None,
            };
            received(ctx, &act)?;
            early::take(ctx, talk, &target.author, target.id)
        })
    }

    #[test]
    fn r25_a_notice_that_has_overtaken_its_message_waits_for_it() {
        let (mut engine, talk) = begun();
        put(&mut engine, talk, place(1), &message("ann"), NOW);
        assert!(notice(&mut engine, talk, vec![named("ann", 1)]).unwrap().is_empty());
        let waiting = notice(&mut engine, talk, vec![named("ann", 2)]).unwrap();
        assert!(matches!(waiting.as_slice(), [Early::Notice { .. }]));
        put(&mut engine, talk, place(2), &message("ann"), NOW);
        engine.mutate(NOW, |ctx| apply_early(ctx, talk, &named("ann", 2), &user("bea"), NOW)).unwrap();
        let row = message::load(&engine.read().unwrap(), talk, place(2)).unwrap().unwrap();
        assert_eq!(row.readers, [(user("bea"), NOW)]);
    }

    #[test]
    fn r25_a_notice_counts_from_reading_though_the_clock_was_put_back_before_it_was_told() {
        let counts = |told, accepted| {
            let (mut engine, talk) = begun();
            put(&mut engine, talk, place(1), &message("ann"), NOW);
            notice_at(&mut engine, talk, vec![named("ann", 1)], (told, accepted)).unwrap();
            message::load(&engine.read().unwrap(), talk, place(1)).unwrap().unwrap().readers[0].1
        };
        let (early, late) = (NOW.minus(80 * MINUTE), NOW.plus(MINUTE));
        assert_eq!(counts(early, late), NOW);
        assert_eq!(counts(early, early), early, "read before it was told, by every clock");
        assert_eq!(counts(early, NOW.minus(MINUTE)), NOW.minus(MINUTE), "whatever the reader says");
    }

    #[test]
    fn r25_a_notice_names_so_many_messages_and_no_more() {
        let (mut engine, talk) = begun();
        let mut named = |messages| notice(&mut engine, talk, vec![named("ann", 1); messages]).map(drop);
        assert_eq!(named(limits::NOTICE), Ok(()));
        assert_eq!(named(limits::NOTICE + 1), Err(PeerFault::TooLarge("expiry notice").into()));
    }
}
