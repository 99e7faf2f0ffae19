//! Commits: one per epoch. The transport keeps a slot for each; whoever holds it has made the epoch.
//!
//! A slot's name is a secret of the epoch and of the refused winner before it, so that outsiders cannot squat it, and
//! a winner that is invalid opens the next slot of the chain.

use super::facts::Facts;
use super::patience::{self, Again};
use super::row::{self, NO_PARENT, Phase, SessionRow};
use super::{Changes, Group, ReceiveError, Received, StagedCommit, authorize, choose, ephemeral};
use crate::authority::Certificate;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind};
use crate::error::{Error, PeerFault, Result};
use crate::event::Event;
use crate::id::{ConversationId, DeviceId, Hash32, SessionId, SlotName, UserId};
use crate::inbox::Verdict;
use crate::input::{Refusal, TransmitId};
use crate::intent::{self, Intent};
use crate::limits;
use crate::member;
use crate::memory::Effect;
use crate::outbox::{self, Purpose};
use crate::output::{Request, Wake};
use crate::own_state;
use crate::request;
use crate::time::{MINUTE, SECOND, Time};
use crate::timer;

/// A commit may be slower than what follows it: so long nothing is asked.
const PATIENCE: u64 = MINUTE;
const SLOT_LABEL: &str = "undertone slot v1";

/// Commits `changes` to a session and asks for the epoch's slot. Nothing is merged before the relay accepts.
pub(super) fn propose(
    ctx: &mut Ctx<'_>,
    session: &mut SessionRow,
    mut changes: Changes,
    newcomers: Vec<DeviceId>,
) -> Result<()> {
    let parent = session.parent;
    // A renewed certificate enters the leaf with the next commit, whatever that is for.
    changes.certificate = Some(ctx.account.certificate()?.as_bytes().to_vec());
    let made = ctx.with_group(session.id, |group, provider, signer| {
        let slot = slot(group, provider, parent)?;
        let members = recipients(group)?;
        let pending = group.commit(provider, signer, changes)?;
        Ok((slot, members, pending))
    })?;
    let (slot, members, pending) = made.ok_or(Error::Bug("commit.no_group"))?;
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::CommitMergedBeforeAccepted) {
        ctx.with_group(session.id, |group, provider, _| group.merge_pending(provider))?;
    }
    let mut commit = outbox::new_envelope(ctx, EnvelopeKind::Commit, session.id, members)?;
    commit.slot = Some(slot);
    commit.body = pending.commit;
    let mut envelopes = vec![commit];
    if let Some(body) = pending.welcome {
        let mut welcome = outbox::new_envelope(ctx, EnvelopeKind::Welcome, session.id, newcomers)?;
        welcome.body = body;
        let conversation = conversation::require(&ctx.tx, session.conversation)?;
        welcome.token = Some(conversation.token.to_vec());
        envelopes.push(welcome);
    }
    let transmit = outbox::launch(ctx, Purpose::Commit(session.conversation, session.id), &envelopes)?;
    session.pending = Some(transmit);
    row::store(&ctx.tx, session)
}

/// The relay accepted our commit or our welcome: the epoch is ours.
pub(crate) fn won(ctx: &mut Ctx<'_>, id: SessionId) -> Result<()> {
    let Some(mut session) = row::load(&ctx.tx, id)? else { return Ok(()) };
    if session.pending.take().is_none() {
        return Ok(());
    }
    let mut newcomers = session.phase == Phase::Opening;
    let mut over = None;
    let merged = ctx.with_group(id, |group, provider, _| {
        let pending = group.has_pending();
        if pending {
            let before = group.members()?.len();
            over = Some(ephemeral::ending(group, provider)?);
            group.merge_pending(provider)?;
            newcomers |= group.members()?.len() > before;
        }
        Ok(pending)
    })?;
    if let Some(over) = over {
        ephemeral::ended(ctx, id, over);
    }
    #[cfg(feature = "sabotage")]
    let merged = merged.map(|now| now || ctx.config.sabotaged(crate::sabotage::Sabotage::CommitMergedBeforeAccepted));
    let opening = session.phase == Phase::Opening;
    if opening {
        session.phase = Phase::Live;
        intent::drop_intent(&ctx.tx, session.conversation, Intent::Open);
        // Whoever was listed between our look-up and the relay's word is told of to nobody here: only who shares a session
        // with a user hears of that user's new devices.
        intent::want(ctx, session.conversation, Intent::Reconcile, ctx.now)?;
    }
    if merged == Some(true) && !opening {
        intent::drop_intent(&ctx.tx, session.conversation, Intent::Update);
    }
    session.updated_at = ctx.now;
    if newcomers {
        let mut row = conversation::require(&ctx.tx, session.conversation)?;
        if conversation::tell_settings_again(ctx, &mut row)? | own_state::tell_again(ctx, &mut row)? {
            conversation::store(&mut ctx.tx, &row)?;
        }
    }
    new_epoch(ctx, session)
}

/// Another commit holds the slot: ours never was. The winner is taken in, and what was wanted is wanted still.
pub(crate) fn lost(ctx: &mut Ctx<'_>, id: SessionId, transmit: TransmitId, winner: &[u8]) -> Result<()> {
    let Some(mut session) = row::load(&ctx.tx, id)? else { return Ok(()) };
    if session.pending != Some(transmit) {
        return Ok(());
    }
    session.pending = None;
    row::store(&ctx.tx, &session)?;
    ctx.with_group(id, |group, provider, _| group.clear_pending(provider))?;
    if intent::get(&ctx.tx, session.conversation, Intent::Update)?.is_some() {
        // It is no hurry, and whoever took the slot may do so again.
        let at = patience::again(ctx, session.conversation, Again::Update)?;
        intent::postpone(ctx, session.conversation, Intent::Update, at)?;
    }
    take_winner(ctx, session, winner)
}

/// The relay does not know this device as a member of a session, or has forgotten the session: it will take nothing in
/// it. Another one takes its place.
pub(crate) fn shut_out(ctx: &mut Ctx<'_>, id: SessionId) -> Result<()> {
    match row::load(&ctx.tx, id)? {
        Some(session) if session.phase == Phase::Live => replace(ctx, session),
        _ => Ok(()),
    }
}

/// The relay refused our commit for good: it never was. One that was given up before says nothing about the next.
pub(crate) fn commit_refused(ctx: &mut Ctx<'_>, id: SessionId, transmit: TransmitId, refusal: Refusal) -> Result<()> {
    let Some(mut session) = row::load(&ctx.tx, id)? else { return Ok(()) };
    if session.pending != Some(transmit) {
        return Ok(());
    }
    if refusal == Refusal::NotMember {
        return shut_out(ctx, id);
    }
    session.pending = None;
    row::store(&ctx.tx, &session)?;
    ctx.with_group(id, |group, provider, _| group.clear_pending(provider))?;
    let later = ctx.now.plus(60 * SECOND);
    for (wish, _) in intent::all(&ctx.tx, session.conversation)? {
        intent::postpone(ctx, session.conversation, wish, later)?;
    }
    Ok(())
}

/// The answer to a question for the slot that this session waits for.
pub(crate) fn slot_found(ctx: &mut Ctx<'_>, id: SessionId, winner: Option<&[u8]>) -> Result<()> {
    let Some(session) = row::load(&ctx.tx, id)? else { return Ok(()) };
    match winner {
        Some(winner) => take_winner(ctx, session, winner),
        None => Ok(()),
    }
}

/// Takes in what holds the current slot, or passes it over when it is no valid commit.
fn take_winner(ctx: &mut Ctx<'_>, session: SessionRow, winner: &[u8]) -> Result<()> {
    let Ok(envelope) = Envelope::decode(winner) else { return Ok(()) };
    let expected = expected_slot(ctx, &session)?;
    if expected.is_none() || envelope.slot != expected {
        return Ok(());
    }
    if envelope.kind != EnvelopeKind::Commit || envelope.tag != session.id {
        return pass_over(ctx, session, winner);
    }
    take(ctx, &envelope, winner, Word::Relay).map(|_| ())
}

/// Whose word it is that an envelope holds a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The relay's, asked for it.
    Relay,
    /// The envelope's own, which anybody on the way may have changed.
    Header,
}

/// Takes in a commit that arrived. One that is not in the slot that we wait for is not even decrypted: its key could
/// be used only once.
pub(crate) fn receive(ctx: &mut Ctx<'_>, envelope: &Envelope, bytes: &[u8]) -> Result<Verdict> {
    take(ctx, envelope, bytes, Word::Header)
}

fn take(ctx: &mut Ctx<'_>, envelope: &Envelope, bytes: &[u8], word: Word) -> Result<Verdict> {
    let Some(session) = row::load(&ctx.tx, envelope.tag)? else { return Ok(Verdict::Park) };
    let place = ctx.with_group(session.id, |group, _, _| Ok(group.place(&envelope.body)))?;
    let Some(place) = place else { return Ok(Verdict::Park) };
    let expected = expected_slot(ctx, &session)?;
    let in_slot = expected.is_some() && envelope.slot == expected;
    match place {
        Ok(()) if in_slot => {}
        Ok(()) => return ask_for_slot(ctx, &session).map(|()| Verdict::Park),
        Err(ReceiveError::FutureEpoch) => {
            note_behind(ctx, session.id);
            return Ok(Verdict::Park);
        }
        Err(ReceiveError::PastEpoch | ReceiveError::Inactive) => return Ok(Verdict::Repeat),
        Err(_) if in_slot => return invalid(ctx, session, bytes, word),
        Err(_) => return Ok(Verdict::Refuse(PeerFault::Malformed("commit"))),
    }
    let received = ctx.with_group(session.id, |group, provider, _| Ok(group.receive(provider, &envelope.body)))?;
    match received {
        Some(Ok(Received::Commit(staged))) => judge(ctx, session, *staged, (bytes, word)),
        Some(Ok(Received::OwnCommit)) => won(ctx, session.id).map(|()| Verdict::Done),
        Some(Err(ReceiveError::Failed(error))) => Err(error),
        Some(Err(ReceiveError::Unprocessable)) => {
            ctx.tx.event(Event::Refused(PeerFault::Commit));
            replace(ctx, session).map(|()| Verdict::Done)
        }
        // A commit of ours that was given up: the others have gone on with it, and its secrets are gone.
        Some(Ok(Received::Own)) if word == Word::Relay => replace(ctx, session).map(|()| Verdict::Done),
        Some(Ok(_) | Err(_)) | None => invalid(ctx, session, bytes, word),
    }
}

/// What claims the slot is no valid commit: passed over if the relay says that it holds the slot. If only its header
/// does, what holds it is asked for: a damaged copy must not make this device go on without the others.
fn invalid(ctx: &mut Ctx<'_>, session: SessionRow, bytes: &[u8], word: Word) -> Result<Verdict> {
    match word {
        Word::Relay => pass_over(ctx, session, bytes)?,
        Word::Header => ask_for_slot(ctx, &session)?,
    }
    Ok(Verdict::Done)
}

/// A commit in the right slot: merged when valid, passed over when not.
fn judge(
    ctx: &mut Ctx<'_>,
    mut session: SessionRow,
    staged: StagedCommit,
    (bytes, word): (&[u8], Word),
) -> Result<Verdict> {
    let before = ctx.with_group(session.id, |group, _, _| Ok((group.members()?, group.facts()?)))?;
    let (members, facts) = before.ok_or(Error::Bug("commit.no_group"))?;
    let facts = Facts::decode(&facts).map_err(|_| Error::Bug("commit.facts"))?;
    let judged = authorize::commit(&staged, &members, &facts, &ctx.config.authorities);
    #[cfg(feature = "sabotage")]
    let judged = sabotage(ctx, &staged, judged);
    let newcomers = match judged {
        Ok(newcomers) => newcomers,
        Err(fault) => {
            ctx.tx.event(Event::Refused(fault));
            return invalid(ctx, session, bytes, word);
        }
    };
    for newcomer in &newcomers {
        member::learn(ctx, &newcomer.certificate)?;
    }
    if let Some(leaf) = &staged.path
        && let Ok(renewed) = authorize::prove(&leaf.certificate, &leaf.key, &ctx.config.authorities)
    {
        member::learn(ctx, &renewed.certificate)?;
    }
    let gone = staged.removes_us;
    session.pending = None;
    let over = ctx.with_group(session.id, |group, provider, _| {
        let over = ephemeral::ending(group, provider)?;
        group.merge(provider, staged).map(|()| over)
    })?;
    if let Some(over) = over {
        ephemeral::ended(ctx, session.id, over);
    }
    if gone {
        session.phase = Phase::Frozen;
    } else if newcomers.iter().any(|newcomer| *newcomer.certificate.user() == ctx.account.user) {
        // Whoever let it in cannot tell it what its user has decided.
        let mut row = conversation::require(&ctx.tx, session.conversation)?;
        if own_state::tell_again(ctx, &mut row)? {
            conversation::store(&mut ctx.tx, &row)?;
        }
    }
    new_epoch(ctx, session).map(|()| Verdict::Done)
}

#[cfg(feature = "sabotage")]
fn sabotage(
    ctx: &Ctx<'_>,
    staged: &StagedCommit,
    judged: Result<Vec<authorize::Proven>, PeerFault>,
) -> Result<Vec<authorize::Proven>, PeerFault> {
    use crate::sabotage::Sabotage;
    if ctx.config.sabotaged(Sabotage::AuthorizeSkipped) {
        return judged.or_else(|_| Ok(Vec::new()));
    }
    if ctx.config.sabotaged(Sabotage::AuthorizeReadsClock) {
        let sender = authorize::prove(&staged.sender.certificate, &staged.sender.key, &ctx.config.authorities)?;
        member::acceptable(ctx, &sender.certificate)?;
    }
    judged
}

/// A session entered an epoch: its chain of slots starts anew, and what waited for the epoch is tried again.
fn new_epoch(ctx: &mut Ctx<'_>, mut session: SessionRow) -> Result<()> {
    session.parent = NO_PARENT;
    session.refused = 0;
    session.epoch_at = ctx.now;
    row::store(&ctx.tx, &session)?;
    choose_again(ctx, session.conversation)?;
    ctx.tx.effect(Effect::Unpark(session.id));
    Ok(())
}

/// A session that cannot go on: from now on it is only read, and another one takes its place. Others may have gone on in
/// it, with what this device could not take in: they find the new session the better one, for its generation.
fn replace(ctx: &mut Ctx<'_>, mut session: SessionRow) -> Result<()> {
    session.phase = Phase::Frozen;
    session.pending = None;
    row::store(&ctx.tx, &session)?;
    ctx.with_group(session.id, |group, provider, _| group.clear_pending(provider))?;
    choose_again(ctx, session.conversation)
}

/// Chooses the session of a conversation anew, and wants one when there is none.
fn choose_again(ctx: &mut Ctx<'_>, id: ConversationId) -> Result<()> {
    let mut conversation = conversation::require(&ctx.tx, id)?;
    choose::choose(ctx, &mut conversation)?;
    if conversation.session.is_some() {
        conversation.state = conversation::State::Live;
    } else if conversation.state == conversation::State::Live {
        conversation.state = conversation::State::Starting;
        let at = patience::again(ctx, id, Again::Open)?;
        intent::want(ctx, id, Intent::Open, at)?;
    }
    conversation::store(&mut ctx.tx, &conversation)?;
    ctx.busy(id);
    Ok(())
}

/// The winner of a slot is no valid commit: the next slot of the chain counts. Every member does the same.
fn pass_over(ctx: &mut Ctx<'_>, mut session: SessionRow, winner: &[u8]) -> Result<()> {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::GarbageInSlotBlocks) {
        return Ok(());
    }
    session.parent = Hash32::of(winner);
    session.refused = session.refused.saturating_add(1);
    if session.refused >= limits::SLOT_CHAIN {
        return replace(ctx, session);
    }
    row::store(&ctx.tx, &session)?;
    ctx.tx.effect(Effect::Unpark(session.id));
    ctx.busy(session.conversation);
    Ok(())
}

/// Something came of an epoch that this device has not reached: if the commit that leads there does not come by itself,
/// it is asked for, at most once a minute.
pub(crate) fn note_behind(ctx: &Ctx<'_>, session: SessionId) {
    let at = Time::from_ms((ctx.now.as_ms() / PATIENCE + 2) * PATIENCE);
    timer::set(&ctx.tx, at, Wake::Missing, session.as_bytes());
}

/// The patience is over: asks who won the slot of the present epoch, unless that has begun only now.
pub(crate) fn catch_up(ctx: &mut Ctx<'_>, id: SessionId) -> Result<()> {
    match row::load(&ctx.tx, id)? {
        Some(session) if ctx.now.since(session.epoch_at) >= PATIENCE => ask_for_slot(ctx, &session),
        _ => Ok(()),
    }
}

/// A commit of this epoch names another slot than we wait for: ask what holds ours.
fn ask_for_slot(ctx: &mut Ctx<'_>, session: &SessionRow) -> Result<()> {
    let Some(name) = expected_slot(ctx, session)? else { return Ok(()) };
    request::make(ctx, request::Purpose::Slot(session.id), Request::Slot { name })
}

/// The slot whose winner ends this session's epoch; `None` once this device was removed.
fn expected_slot(ctx: &mut Ctx<'_>, session: &SessionRow) -> Result<Option<SlotName>> {
    let parent = session.parent;
    let found =
        ctx.with_group(
            session.id,
            |group, provider, _| {
                if group.is_active() { slot(group, provider, parent).map(Some) } else { Ok(None) }
            },
        )?;
    Ok(found.flatten())
}

pub(super) fn slot(group: &Group, provider: &super::Provider<'_>, parent: Hash32) -> Result<SlotName> {
    let secret = group.export(provider, SLOT_LABEL, parent.as_bytes(), SlotName::LEN)?;
    SlotName::from_slice(&secret).ok_or(Error::Bug("slot.length"))
}

/// The devices of a group, without our own.
pub(crate) fn recipients(group: &Group) -> Result<Vec<DeviceId>> {
    let own = group.own_leaf();
    Ok(group.members()?.iter().filter(|l| l.index != own).map(|l| DeviceId::of_key(&l.key)).collect())
}

/// The other devices of a user in a group.
pub(crate) fn devices_of(group: &Group, user: &UserId) -> Result<Vec<DeviceId>> {
    let own = group.own_leaf();
    let mut devices = Vec::new();
    for leaf in group.members()?.iter().filter(|leaf| leaf.index != own) {
        if Certificate::decode(&leaf.certificate)?.user() == user {
            devices.push(DeviceId::of_key(&leaf.key));
        }
    }
    Ok(devices)
}

/// The signing key of a device, if it is a member.
pub(crate) fn key_of(group: &Group, device: DeviceId) -> Result<Option<[u8; 32]>> {
    Ok(group.members()?.iter().map(|l| l.key).find(|key| DeviceId::of_key(key) == device))
}
