//! What the engine does by itself: at a login and at a deadline.

use crate::ctx::Ctx;
use crate::error::{PeerFault, Result};
use crate::event::Event;
use crate::id::ConversationId;
use crate::input::Login;
use crate::limits;
use crate::memory::{Effect, Exact, Link};
use crate::output::Wake;
use crate::store::Table;
use crate::time::{HOUR, SECOND, Time};
use crate::{act, attachment, call, early, inbox, key_package, member, outbox, request, session, timer, typing};

/// Timers that one mutation handles.
const DUE_STEP: usize = 32;
/// Rows after which a mutation handles no further timer: one may need as many again, and more.
const ENOUGH_ROWS: usize = 32;
/// Between two steps of one sweep.
const SWEEP_PAUSE: u64 = SECOND;
/// When the next sweep is due.
const SWEEPING: &[u8] = b"sweeping";

/// A login: everything unanswered goes out again, the mailbox is fetched, key packages are replenished. All in the
/// mutation that notes the link, so that a store which is too old never encrypts under its old keys.
pub(super) fn logged_in(ctx: &mut Ctx<'_>, login: Login) -> Result<()> {
    if member::acceptable(ctx, ctx.account.certificate()?).is_err() {
        ctx.tx.event(Event::CertificateNeeded);
    }
    ctx.tx.effect(Effect::Link(Link::Up(login)));
    if let Some(time) = login.time {
        member::note_relay_clock(ctx, time)?;
        ctx.tx.effect(Effect::RelayAhead(time.ahead_of(ctx.now), Exact::Now));
        ctx.tx.effect(Effect::RelayTime(time));
        ctx.tx.effect(Effect::Expire);
    }
    // What is said from now on ends later. What ends before may be a repeat from before this engine was opened.
    // Without the relay's time, whatever could be under way.
    let heard_by = match login.time {
        Some(time) => time.plus(limits::TYPING_LASTS),
        None => ctx.now.plus(limits::EPHEMERAL_AHEAD),
    };
    ctx.tx.effect(Effect::MayBeHeard(heard_by.minus(1)));
    let own = outbox::sequence(ctx)?;
    let rolled_back = login.accepted_sequence.filter(|accepted| *accepted > own);
    if rolled_back.is_some_and(|accepted| accepted - own > limits::SEQUENCE_AHEAD) {
        return Err(PeerFault::TooLarge("sequence number").into());
    }
    if let Some(accepted) = rolled_back {
        outbox::set_sequence(ctx, accepted)?;
        session::freeze_all(ctx);
        attachment::distrust(ctx)?;
        ctx.tx.event(Event::RolledBack);
    }
    key_package::replenish(ctx, login, rolled_back.is_some())?;
    inbox::fetch(ctx)?;
    outbox::relaunch(ctx)?;
    attachment::remind(ctx)?;
    request::remake(ctx)
}

/// The own certificate may have run out: unless a newer one has taken its place, the host is told.
fn certificate_due(ctx: &mut Ctx<'_>) {
    if ctx.account.certificate.as_ref().is_some_and(|certificate| certificate.not_after() <= ctx.now) {
        ctx.tx.event(Event::CertificateNeeded);
    }
}

/// Handles deadlines that have come, as many as one mutation holds; says whether there may be more.
pub(super) fn handle_due(ctx: &mut Ctx<'_>) -> Result<bool> {
    typing::lapse(ctx);
    call::check_clock(ctx)?;
    let due = timer::due(&ctx.tx, ctx.now, DUE_STEP)?;
    let more = due.len() == DUE_STEP;
    for due in due {
        if ctx.tx.rows() > ENOUGH_ROWS {
            return Ok(true);
        }
        ctx.tx.delete(Table::Timer, &due.key);
        match due.wake {
            Wake::KeyPackages => key_package::due(ctx)?,
            Wake::Missing => inbox::missing_due(ctx, &due.reference)?,
            Wake::Sweep if !due.reference.is_empty() => {
                let conversation = ConversationId::from_slice(&due.reference);
                conversation.map_or(Ok(()), |conversation| early::sweep(ctx, conversation))?;
            }
            Wake::Sweep => {
                let inbox = inbox::sweep_seen(ctx)? | inbox::sweep_parked(ctx)?;
                let more = [inbox, outbox::sweep_sent(ctx)?, act::sweep(ctx)?, session::sweep(ctx)?].contains(&true);
                ctx.tx.effect(Effect::Compact(Some(ctx.now)));
                sweep_in(ctx, if more { SWEEP_PAUSE } else { HOUR })?;
            }
            Wake::Certificate => certificate_due(ctx),
            Wake::Call => call::due(ctx, &due.reference)?,
            Wake::Intent => session::compare_some(ctx, &due.reference)?,
            Wake::Never
            | Wake::Retry
            | Wake::Receipts
            | Wake::Request
            | Wake::Expire
            | Wake::Typing
            | Wake::Fallback
            | Wake::Upgrade => {}
        }
    }
    Ok(more)
}

/// There is always a next sweep, and never one further off than it was meant to be by a clock that was wrong.
pub(super) fn keep_sweeping(ctx: &mut Ctx<'_>) -> Result<()> {
    match ctx.tx.row::<Time>(Table::Meta, SWEEPING, "sweep")? {
        Some(at) if at.since(ctx.now) <= HOUR => Ok(()),
        Some(at) => {
            timer::unset(&ctx.tx, at, Wake::Sweep, b"");
            sweep_in(ctx, 0)
        }
        None => sweep_in(ctx, HOUR),
    }
}

fn sweep_in(ctx: &Ctx<'_>, ms: u64) -> Result<()> {
    let at = ctx.now.plus(ms);
    timer::set(&ctx.tx, at, Wake::Sweep, b"");
    ctx.tx.put_row(Table::Meta, SWEEPING.to_vec(), &at)
}
