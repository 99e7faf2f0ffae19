//! What other devices say of calls.

use serde_bytes::ByteBuf;

use super::desk;
use super::history;
use super::key::Share;
use super::meet::{Caller, Offered, Speaker, Unheard, interpret, meet, take_offer};
use super::row::{self, CallRow, Facts, Part};
use super::signal::{Signal, Word};
use super::state::{Heed, Incoming, Input, Ring, State};
use super::step::step;
use crate::authority::Certificate;
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::Content;
use crate::error::{Error, PeerFault, Result};
use crate::event::Event;
use crate::gone;
use crate::id::{CallId, ConversationId, DeviceId, SessionId, UserId};
use crate::input::Delivery;
use crate::limits;
use crate::person;
use crate::policy::{Action, CallKind, Decision};
use crate::time::Time;

/// A signal as it came.
struct Said<'a> {
    call: CallId,
    conversation: ConversationId,
    sender: &'a Certificate,
    own: bool,
    session: SessionId,
    stamp: Time,
    accepted: Time,
}

/// Takes a signal in. [`Error::Peer`] and [`Error::Denied`] refuse it, and nothing of it stays.
pub(crate) fn receive(
    ctx: &mut Ctx<'_>,
    (conversation, session): (ConversationId, SessionId),
    sender: &Certificate,
    content: &Content,
    delivery: &Delivery,
) -> Result<()> {
    let Signal { call, word } = match Signal::decode(&content.body) {
        // A newer version's business: it is gone before an upgrade could read it.
        Err(PeerFault::NewerVersion) => return Ok(()),
        read => read?,
    };
    let said = Said {
        call,
        conversation,
        sender,
        own: *sender.user() == ctx.account.user,
        session,
        stamp: content.head.stamp.min(delivery.accepted_at.plus(limits::STAMP_AHEAD)),
        accepted: delivery.accepted_at,
    };
    let row = row::load(&ctx.tx, call)?;
    // Whom this user has blocked calls into the void, and cannot tell: nothing rings, nothing is said, nothing stays.
    if row.as_ref().is_none_or(|row| row.facts.is_none()) && is_dropped(ctx, sender.user())? {
        return Ok(());
    }
    if row.as_ref().is_some_and(|row| row.conversation != conversation) {
        return Err(PeerFault::Forged.into());
    }
    match word {
        Word::Offer { kind, description, share } => offer(ctx, &said, row, kind, (description, share)),
        word => other(ctx, &said, row, word),
    }
}

/// Whether a call of this user is not heard of.
fn is_dropped(ctx: &Ctx<'_>, caller: &UserId) -> Result<bool> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::BlockedRings) {
        return Ok(false);
    }
    person::is_blocked(ctx, caller)
}

fn offer(
    ctx: &mut Ctx<'_>,
    said: &Said<'_>,
    before: Option<CallRow>,
    kind: CallKind,
    (description, share): (Vec<u8>, Share),
) -> Result<()> {
    let sender = said.sender;
    if let Some(facts) = before.as_ref().and_then(|row| row.facts.as_ref()) {
        // The same ring twice rings once. Nobody offers another's call.
        let again = facts.caller == *sender.user() && facts.device.is_none_or(|device| device == sender.device());
        return if again { Ok(()) } else { Err(PeerFault::Forged.into()) };
    }
    // It rang or was missed here, and its history has gone since.
    if gone::is_call_gone(ctx, said.call)? {
        return Ok(());
    }
    let talk = conversation::require(&ctx.tx, said.conversation)?;
    let other = talk.others.first().map_or_else(|| ctx.account.user.clone(), |other| other.user.clone());
    let mut row = before.clone().unwrap_or_else(|| CallRow::new(said.conversation));
    row.facts = Some(Facts {
        caller: sender.user().clone(),
        receiver: if said.own { other } else { ctx.account.user.clone() },
        device: Some(sender.device()),
        kind,
        started: said.stamp,
        session: Some(said.session),
        stamp: said.stamp,
        message: None,
        recording: None,
    });
    if said.own {
        let done = step(row.state.clone(), Input::OwnOffer, ctx.now);
        return desk::land(ctx, said.call, before.as_ref(), row, done, &[]);
    }
    if let Decision::Deny(reason) = ctx.config.policy.decide(sender.role(), Action::Call(kind), ctx.account.role()?) {
        return Err(Error::Denied(reason));
    }
    let age = ctx.memory.relay_now(ctx.now).since(said.accepted);
    let offered = Offered {
        call: said.call,
        conversation: said.conversation,
        from: sender.device(),
        stamp: said.stamp,
        late: age >= limits::RING,
    };
    let meeting = meet(&offered, &row::live(&ctx.tx)?);
    let ring = Ring { since: ctx.now, until: ctx.now.plus(limits::RING.saturating_sub(age)) };
    let incoming = Incoming { ring, from: sender.device(), theirs: share };
    let (done, displaced) = take_offer(row.state.clone(), meeting, incoming, ctx.now);
    if let Some((other, how)) = displaced
        && let Some(row) = row::load(&ctx.tx, other)?
    {
        desk::feed(ctx, other, row, how.input(said.call))?;
    }
    if done.state.is_live() {
        row::put_part(ctx, said.call, Part::Description, 0, description);
    }
    desk::land(ctx, said.call, before.as_ref(), row, done, &[])
}

fn other(ctx: &mut Ctx<'_>, said: &Said<'_>, before: Option<CallRow>, word: Word) -> Result<()> {
    let mut row = before.clone().unwrap_or_else(|| CallRow::new(said.conversation));
    let caller = row.facts.as_ref().map(|facts| Caller { user: &facts.caller, device: facts.device });
    let speaker = Speaker { user: said.sender.user(), device: said.sender.device(), own: said.own };
    let input = match interpret(&word, speaker, caller, ctx.account.id) {
        Ok(input) => input,
        Err(Unheard::NotOurs) => return Ok(()),
        Err(Unheard::Forged) => return Err(PeerFault::Forged.into()),
    };
    let done = step(row.state.clone(), input, ctx.now);
    if done.heed != Heed::Done {
        return Ok(());
    }
    if before.is_none() && !row::has_room_for_early(&ctx.tx, said.conversation)? {
        return Ok(());
    }
    let answered = matches!(row.state, State::RingingOut { .. }) && matches!(done.state, State::ActiveOut(_));
    match word {
        Word::Answer { description, .. } if answered => {
            row::put_part(ctx, said.call, Part::Description, 0, description);
            if let Some(facts) = &mut row.facts {
                facts.stamp = said.stamp;
            }
        }
        Word::Payloads(payloads) => keep(ctx, said, &mut row, payloads)?,
        Word::Offer { .. } | Word::Answer { .. } | Word::Decline | Word::Busy | Word::Taken(_) | Word::End { .. } => {}
    }
    desk::land(ctx, said.call, before.as_ref(), row, done, &[])
}

/// Keeps candidates for the host, as long as there is room.
fn keep(ctx: &mut Ctx<'_>, said: &Said<'_>, row: &mut CallRow, payloads: Vec<ByteBuf>) -> Result<()> {
    let batch = codec::encode(&(said.sender.device(), payloads))?;
    if !row.heard.has_room(batch.len()) {
        return Ok(());
    }
    row.heard.bytes += batch.len() as u64;
    row::put_part(ctx, said.call, Part::Heard, row.heard.next, batch);
    row.heard.next = row.heard.next.wrapping_add(1);
    row.heard.waiting += 1;
    if row.facts.is_some() {
        ctx.tx.event(Event::CallSignals(said.call));
    }
    Ok(())
}

/// Takes what came for the host of a call: of the device at the other end, once that is known.
pub(crate) fn take_payloads(ctx: &mut Ctx<'_>, call: CallId) -> Result<Vec<Vec<u8>>> {
    let (call, before) = history::meant(&ctx.tx, call)?;
    // Whoever calls waits for an answer, and what came before it is for after.
    let Some(with) = before.state.with() else { return Ok(Vec::new()) };
    let mut taken = Vec::new();
    for (_, bytes) in row::parts(&ctx.tx, call, Part::Heard)? {
        let (from, payloads): (DeviceId, Vec<ByteBuf>) = codec::decode_row(&bytes, "candidates")?;
        if from == with {
            taken.extend(payloads.into_iter().map(ByteBuf::into_vec));
        }
    }
    #[cfg(feature = "sabotage")]
    {
        use crate::sabotage::Sabotage;
        if ctx.config.sabotaged(Sabotage::SignalsKept) {
            return Ok(taken);
        }
        if ctx.config.sabotaged(Sabotage::SignalsReversed) {
            taken.reverse();
        }
    }
    let mut row = before.clone();
    row::clear_parts(ctx, call, Part::Heard)?;
    row.heard = row::Batches::default();
    row::store(ctx, call, Some(&before), row)?;
    Ok(taken)
}
