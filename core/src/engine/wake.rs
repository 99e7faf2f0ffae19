//! What the engine does by itself: at a login, at a deadline, when the directory changes.

use crate::ctx::Ctx;
use crate::error::{PeerFault, Result};
use crate::event::Event;
use crate::id::{ConversationId, UserId};
use crate::input::Login;
use crate::intent::{self, Intent};
use crate::limits;
use crate::memory::{Effect, Exact, Link};
use crate::output::Wake;
use crate::request::{self, Purpose};
use crate::store::Table;
use crate::time::{HOUR, SECOND, Time};
use crate::{act, attachment, call, early, inbox, key_package, member, outbox, session, timer, typing};

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
            Wake::Never
            | Wake::Retry
            | Wake::Receipts
            | Wake::Intent
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

/// Compares a conversation's leaves with the directory soon: at once for one's own devices; for those of others
/// after a while, so that their own devices go first. What was asked before is asked anew: its answer may be older than
/// this word of the directory and yet come after it, and would put an end to the wish.
pub(super) fn reconcile_soon(ctx: &mut Ctx<'_>, conversation: ConversationId, user: &UserId) -> Result<()> {
    for purpose in [Purpose::Open(conversation), Purpose::Compare(conversation), Purpose::Add(conversation)] {
        request::withdraw(ctx, &purpose)?;
    }
    ctx.busy(conversation);
    if intent::get(&ctx.tx, conversation, Intent::Open)?.is_some() {
        // Who was looked for in vain may be there now.
        return intent::postpone(ctx, conversation, Intent::Open, ctx.now);
    }
    let wait =
        if *user == ctx.account.user { 0 } else { limits::RECONCILE_AFTER + ctx.rng.below(limits::RECONCILE_AFTER) };
    intent::want(ctx, conversation, Intent::Reconcile, ctx.now.plus(wait))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, enrolled};
    use crate::input::{Answer, Connection, DirectoryUser, RequestId};
    use crate::output::{Output, Request};

    /// The look-ups that an engine hands out now; everything else is answered.
    fn look_ups(engine: &mut Engine) -> Vec<RequestId> {
        let mut ids = Vec::new();
        loop {
            match engine.poll_output().unwrap() {
                Output::Request(id, Request::LookUp { .. }) => ids.push(id),
                Output::Request(id, Request::Fetch { .. }) => {
                    engine.request_done(id, Answer::Fetched { next: None }, NOW).unwrap();
                }
                Output::Request(id, Request::Publish { .. }) => {
                    engine.request_done(id, Answer::Published, NOW).unwrap();
                }
                Output::Timeout { .. } => return ids,
                _ => {}
            }
        }
    }

    // R12
    #[test]
    fn an_answer_that_may_be_older_than_a_word_of_the_directory_does_not_count() {
        let (mut ann, bea) = (enrolled("ann"), UserId::new("bea").unwrap());
        ann.connection(Connection::Up(Login::default()), NOW).unwrap();
        ann.conversations().start(&bea, NOW).unwrap();
        let [first] = look_ups(&mut ann)[..] else { panic!("one look-up") };
        // Bea was not there when the relay looked; the word that she is now overtakes the answer.
        ann.directory_changed(&bea, NOW).unwrap();
        let nobody = Answer::Directory(vec![DirectoryUser { user: bea.clone(), devices: Vec::new() }]);
        ann.request_done(first, nobody.clone(), NOW).unwrap();
        let [second] = look_ups(&mut ann)[..] else { panic!("she is looked up again") };
        // Without such a word, she is looked for after a while.
        ann.request_done(second, nobody, NOW).unwrap();
        assert_eq!(look_ups(&mut ann), []);
        let later = NOW.plus(limits::INTENT_WAIT);
        ann.handle_timeout(later).unwrap();
        assert_eq!(look_ups(&mut ann).len(), 1);
    }
}
