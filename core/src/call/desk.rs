//! Puts what happens through the table, and does what comes of it: commands, deadlines, restarts.

use super::history;
use super::key::Share;
use super::queue;
use super::row::{self, CallRow, Facts, Part};
use super::signal::Word;
use super::state::{Action, Heed, Input, Say, State, Step};
use super::step::step;
use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::error::{Error, Misuse, Result};
use crate::event::Event;
use crate::gone;
use crate::id::{CallId, ConversationId, UserId};
use crate::limits;
use crate::member;
use crate::person;
use crate::policy::{Action as Deed, CallKind, Decision};

/// Calls the other member of a conversation.
pub(crate) fn start(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    kind: CallKind,
    description: &[u8],
) -> Result<CallId> {
    if conversation == ConversationId::direct(ctx.config.authority(), &ctx.account.user, &ctx.account.user) {
        return Err(Error::Misuse(Misuse::Oneself));
    }
    ctx.account.certificate()?;
    let talk = conversation::require(&ctx.tx, conversation)?;
    let receiver = talk.others.first().ok_or(Error::Misuse(Misuse::UnknownConversation))?.user.clone();
    allowed(ctx, &talk, kind)?;
    may_talk(ctx, &receiver)?;
    if !row::live(&ctx.tx)?.is_empty() {
        return Err(Error::Misuse(Misuse::InCall));
    }
    let call = CallId::fresh(ctx.rng);
    let mut row = CallRow::new(conversation);
    row.facts = Some(Facts {
        caller: ctx.account.user.clone(),
        receiver,
        device: Some(ctx.account.id),
        kind,
        started: ctx.now,
        session: None,
        stamp: ctx.now,
        message: None,
        recording: None,
    });
    let done = step(State::Unknown, Input::Start(Share::fresh(ctx.rng)), ctx.now);
    land(ctx, call, None, row, done, description)?;
    Ok(call)
}

/// Whether the rules let this user call here, as far as the roles are known.
pub(crate) fn decide(ctx: &Ctx<'_>, talk: &ConversationRow, kind: CallKind) -> Result<Decision> {
    let deed = if talk.state == conversation::State::Denied { Deed::Start } else { Deed::Call(kind) };
    for other in &talk.others {
        let Some(role) = member::role_of(ctx, &other.user)? else { continue };
        let denied @ Decision::Deny(_) = ctx.config.policy.decide(ctx.account.role()?, deed, &role) else { continue };
        return Ok(denied);
    }
    Ok(Decision::Allow)
}

fn allowed(ctx: &Ctx<'_>, talk: &ConversationRow, kind: CallKind) -> Result<()> {
    match decide(ctx, talk, kind)? {
        Decision::Allow => Ok(()),
        Decision::Deny(reason) => Err(Error::Denied(reason)),
    }
}

/// Whether anything may be said to a user: not to somebody who is blocked, or whose verified identity is another one.
fn may_talk(ctx: &Ctx<'_>, user: &UserId) -> Result<()> {
    if person::is_blocked(ctx, user)? {
        return Err(Error::Misuse(Misuse::Blocked));
    }
    if person::may_be_told(&ctx.tx, user)? { Ok(()) } else { Err(Error::Misuse(Misuse::IdentityChanged)) }
}

/// A host's command for a call. What goes on as another call is commanded there.
pub(crate) fn command(ctx: &mut Ctx<'_>, call: CallId, input: Input, description: &[u8]) -> Result<()> {
    let (call, before) = history::meant(&ctx.tx, call)?;
    if matches!(input, Input::Accept(_)) {
        may_talk(ctx, &before.facts()?.caller)?;
    }
    let done = step(before.state.clone(), input, ctx.now);
    match done.heed {
        Heed::Done => land(ctx, call, Some(&before), before.clone(), done, description),
        Heed::Repeat => Ok(()),
        Heed::Over => Err(Error::Misuse(Misuse::CallOver)),
        Heed::Stranger | Heed::Unfit => Err(Error::Misuse(Misuse::State)),
    }
}

/// Tells the other host something.
pub(crate) fn tell(ctx: &mut Ctx<'_>, call: CallId, payloads: &[Vec<u8>]) -> Result<()> {
    let (call, before) = history::meant(&ctx.tx, call)?;
    if !before.state.is_live() {
        let over = !matches!(before.state, State::Elsewhere { .. });
        return Err(Error::Misuse(if over { Misuse::CallOver } else { Misuse::State }));
    }
    let mut row = before.clone();
    let payloads = payloads.iter().map(|payload| payload.clone().into()).collect();
    let until = ctx.now.plus(limits::RING);
    queue::push(ctx, call, &mut row, Word::Payloads(payloads), Some(until))?;
    row::store(ctx, call, Some(&before), row)
}

/// A deadline of a call has come.
pub(crate) fn due(ctx: &mut Ctx<'_>, reference: &[u8]) -> Result<()> {
    let Some(call) = CallId::from_slice(reference) else { return Ok(()) };
    let Some(row) = row::load(&ctx.tx, call)? else { return Ok(()) };
    // One that was taken back, and came all the same.
    if row.wake.is_none_or(|at| at > ctx.now) {
        return Ok(());
    }
    let input = if row.forget_at.is_some_and(|at| at <= ctx.now) { Input::Forget } else { Input::Timeout };
    feed(ctx, call, row, input)
}

/// The clock may have been put back: what would ring for as long as it was ahead is over.
pub(crate) fn check_clock(ctx: &mut Ctx<'_>) -> Result<()> {
    for (call, row) in row::at_work(&ctx.tx)? {
        if row.state.ring().is_some_and(|ring| ring.is_over(ctx.now)) {
            feed(ctx, call, row, Input::Timeout)?;
        }
    }
    Ok(())
}

/// The engine was opened: whatever process was in a call is gone.
pub(crate) fn restart(ctx: &mut Ctx<'_>) -> Result<()> {
    for (call, row) in row::at_work(&ctx.tx)? {
        feed(ctx, call, row, Input::Restart)?;
    }
    Ok(())
}

/// A user was blocked: what rings here of theirs is silent, and nobody can tell.
pub(crate) fn block(ctx: &mut Ctx<'_>, user: &UserId) -> Result<()> {
    for (call, row) in row::at_work(&ctx.tx)? {
        if row.facts.as_ref().is_some_and(|facts| facts.caller == *user) {
            feed(ctx, call, row, Input::Blocked)?;
        }
    }
    Ok(())
}

/// The relay refused an offer.
pub(crate) fn refused(ctx: &mut Ctx<'_>, call: CallId) -> Result<()> {
    match row::load(&ctx.tx, call)? {
        Some(row) => feed(ctx, call, row, Input::Unsent),
        None => Ok(()),
    }
}

/// Puts an input through the table that nobody waits to hear of.
pub(super) fn feed(ctx: &mut Ctx<'_>, call: CallId, before: CallRow, input: Input) -> Result<()> {
    let goes = matches!(input, Input::Forget);
    let done = step(before.state.clone(), input, ctx.now);
    if done.heed != Heed::Done {
        return Ok(());
    }
    if goes {
        gone::note_call(ctx, call)?;
    }
    land(ctx, call, Some(&before), before.clone(), done, &[])
}

/// Does what a step says, and stores the call. `description` is what an offer or answer brings to the other host.
pub(super) fn land(
    ctx: &mut Ctx<'_>,
    call: CallId,
    before: Option<&CallRow>,
    mut row: CallRow,
    done: Step,
    description: &[u8],
) -> Result<()> {
    let was_live = row.state.is_live();
    row.state = done.state;
    // The end of a call of which nobody has heard is not told either.
    let unheard = was_live && !row.state.is_live() && queue::drop_talk(ctx, call, &mut row)?;
    if !row.state.is_live() && !matches!(row.state, State::Early(_)) {
        row::clear_parts(ctx, call, Part::Description)?;
        row::clear_parts(ctx, call, Part::Heard)?;
        row.heard = row::Batches::default();
    }
    if row.state == State::Unknown {
        row::clear_parts(ctx, call, Part::Said)?;
        row.said = row::Batches::default();
    }
    for action in done.actions {
        match action {
            Action::Say(_) if unheard => {}
            Action::Say(say) => speak(ctx, call, &mut row, say, description)?,
            Action::Incoming => ctx.tx.event(Event::CallIncoming(row.conversation, call)),
            Action::RingStart => ctx.tx.event(Event::RingtoneStart(call)),
            Action::RingStop => {
                ctx.tx.event(Event::RingtoneStop(call));
                #[cfg(feature = "sabotage")]
                if ctx.config.sabotaged(crate::sabotage::Sabotage::RingsAgain) {
                    ctx.tx.event(Event::RingtoneStart(call));
                }
            }
            Action::AcceptAtOnce => ctx.tx.event(Event::CallCrossed(row.conversation, call)),
            Action::Missed => ctx.tx.event(Event::CallMissed(row.conversation, call)),
            Action::Record => history::record(ctx, call, &mut row)?,
        }
    }
    row::store(ctx, call, before, row)
}

fn speak(ctx: &mut Ctx<'_>, call: CallId, row: &mut CallRow, say: Say, description: &[u8]) -> Result<()> {
    let soon = Some(ctx.now.plus(limits::RING));
    let description = description.to_vec();
    let (word, until) = match say {
        Say::Offer => {
            let State::RingingOut { ours, .. } = &row.state else { return Err(Error::Bug("call.offer")) };
            (Word::Offer { kind: row.facts()?.kind, description, share: ours.clone() }, soon)
        }
        Say::Answer => {
            let State::ActiveIn(active) = &row.state else { return Err(Error::Bug("call.answer")) };
            (Word::Answer { description, share: active.ours.clone() }, soon)
        }
        Say::Decline => (Word::Decline, soon),
        Say::Busy => (Word::Busy, soon),
        Say::Taken(device) => (Word::Taken(device), soon),
        Say::End(reason, span) => (Word::End { reason, span }, None),
    };
    queue::push(ctx, call, row, word, until)
}
