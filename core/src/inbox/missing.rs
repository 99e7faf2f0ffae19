//! What this device cannot read, and what it says about it.
//!
//! Where it cannot read what a device sent, it says where it stands, signed: without keys for a tag, and the other side
//! starts anew; or in other epochs than the other side, and then the session has forked and is replaced. For a message
//! that came too late for its keys it asks once (`Unreadable`), and the sender encrypts the same message again.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::dedup::Note;
use super::{Verdict, dedup, parked};
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind, Kind};
use crate::error::{PeerFault, Result};
use crate::id::{ConversationId, DeviceId, EnvelopeId, SessionId};
use crate::intent::{self, Intent};
use crate::limits;
use crate::member;
use crate::outbox::{self, Item, Purpose};
use crate::output::Wake;
use crate::session::{self, Compared, Doubt, Mark, SessionRow, Standing};
use crate::time::{MINUTE, Time};
use crate::timer;

/// A welcome may be slower than what follows it: so long nothing is said.
const PATIENCE: u64 = MINUTE;
const LABEL: &[u8] = b"undertone standing v1";
/// Epochs that a statement names at most.
const EPOCHS: usize = 16;
/// What is noted of a device and a tag: that it was told where this one stands; that it was asked elsewhere.
const SAID: &[u8] = b"said";
const ASKED: &[u8] = b"asked";
/// That the other side has said so to us, of whatever tag; that a timer runs.
const HEARD: &[u8] = b"heard";
const WAITING: &[u8] = b"waiting";
const ANY: SessionId = SessionId::from_bytes([0; 16]);

/// Body of [`EnvelopeKind::Standing`].
#[derive(Serialize, Deserialize)]
struct Statement {
    at: Time,
    standing: Standing,
    #[serde(with = "serde_bytes")]
    signature: Vec<u8>,
}

/// An envelope came for a tag without a session here: wait for its welcome, then say so.
pub(super) fn note_unknown(ctx: &mut Ctx<'_>, envelope: &Envelope) -> Result<()> {
    wait(ctx, envelope.tag, envelope.sender, ctx.now.plus(PATIENCE))
}

/// An envelope came of an epoch that this device has not reached: its commit is waited for, and asked for, first.
pub(super) fn note_ahead(ctx: &mut Ctx<'_>, envelope: &Envelope) -> Result<()> {
    wait(ctx, envelope.tag, envelope.sender, ctx.now.plus(3 * PATIENCE))
}

/// An envelope was refused. If a member may have sent it all the same, that is looked into.
pub(crate) fn doubt(ctx: &mut Ctx<'_>, envelope: &[u8], accepted_at: Time) -> Result<()> {
    let Ok(envelope) = Envelope::decode(envelope) else { return Ok(()) };
    let encrypted = matches!(envelope.kind, EnvelopeKind::Message | EnvelopeKind::Receipt);
    if encrypted && session::doubt(ctx, &envelope, accepted_at)? {
        wait(ctx, envelope.tag, envelope.sender, ctx.now.plus(PATIENCE))?;
    }
    Ok(())
}

/// Another session took a session's place: what could not be read in the old one is asked for.
pub(crate) fn ask_later(ctx: &mut Ctx<'_>, old: &SessionRow) -> Result<()> {
    let mut devices: Vec<DeviceId> = old.doubts.iter().map(|doubt| doubt.device).collect();
    devices.dedup();
    devices.into_iter().try_for_each(|device| wait(ctx, old.id, device, ctx.now.plus(PATIENCE)))
}

/// Wakes for a tag and device at `at`, or before: one timer for both, however many envelopes come.
fn wait(ctx: &Ctx<'_>, tag: SessionId, device: DeviceId, at: Time) -> Result<()> {
    let reference = [&tag.as_bytes()[..], device.as_bytes()].concat();
    if let Some(set) = dedup::said(ctx, WAITING, device, tag)?.filter(|set| *set > ctx.now) {
        if set <= at {
            return Ok(());
        }
        timer::unset(&ctx.tx, set, Wake::Missing, &reference);
    }
    timer::set(&ctx.tx, at, Wake::Missing, &reference);
    dedup::note_said(ctx, WAITING, device, tag, at)
}

/// The patience is over: says where this device stands, unless all can be read by now, or it was said within the hour.
pub(crate) fn due(ctx: &mut Ctx<'_>, reference: &[u8]) -> Result<()> {
    if let Some(behind) = SessionId::from_slice(reference) {
        return session::catch_up(ctx, behind);
    }
    let (Some(tag), Some(device)) =
        (reference.get(..16).and_then(SessionId::from_slice), reference.get(16..).and_then(DeviceId::from_slice))
    else {
        return Ok(());
    };
    let session = session::load(&ctx.tx, tag)?;
    let doubts = open_doubts(ctx, session.as_ref(), device)?;
    let waits = parked::waits(ctx, tag, device)?;
    if session.is_some() && !waits && doubts.is_empty() {
        return Ok(());
    }
    let in_use = match &session {
        Some(row) => conversation::require(&ctx.tx, row.conversation)?.session == Some(tag),
        None => false,
    };
    let heeded = !in_use && ask_elsewhere(ctx, tag, device, session.as_ref().map(|row| row.conversation), &doubts)?;
    let until = dedup::said(ctx, SAID, device, tag)?.filter(|until| *until > ctx.now);
    // Once the other side has started anew, what waits here is asked for. In a session in use, what is new since the last
    // statement makes another one.
    let news = until.is_some_and(|until| doubts.iter().any(|d| d.noted_at.plus(limits::NO_SESSION_EVERY) > until));
    if waits || news || (!in_use && !doubts.is_empty()) {
        wait(ctx, tag, device, until.unwrap_or(ctx.now.plus(PATIENCE)))?;
    }
    if heeded || until.is_some() {
        return Ok(());
    }
    say(ctx, tag, device, session.map_or_else(Vec::new, |session| session.standing()))
}

/// What a device seems to have sent in a session, could not be read and has not come again.
fn open_doubts(ctx: &Ctx<'_>, session: Option<&SessionRow>, device: DeviceId) -> Result<Vec<Doubt>> {
    let mut open = Vec::new();
    for doubt in session.iter().flat_map(|session| session.doubts(device, ctx.now)) {
        if !dedup::remembers(ctx, Note::CameAgain, device, doubt.envelope)? {
            open.push(doubt.clone());
        }
    }
    Ok(open)
}

/// Tells a device where this one stands.
fn say(ctx: &mut Ctx<'_>, tag: SessionId, to: DeviceId, standing: Standing) -> Result<()> {
    dedup::note_said(ctx, SAID, to, tag, ctx.now.plus(limits::NO_SESSION_EVERY))?;
    let signature = ctx.account.device.sign(&statement(tag, ctx.account.id, ctx.now, &standing)).to_vec();
    let mut envelope = outbox::new_envelope(ctx, EnvelopeKind::Standing, tag, vec![to])?;
    envelope.body = codec::encode(&Statement { at: ctx.now, standing, signature })?;
    outbox::launch(ctx, Purpose::Standing, &[envelope])?;
    Ok(())
}

/// Asks for what a device sent under a tag whose keys will not come, or in a session that was replaced, in another session
/// with that device; `false` when there is none, or when that device goes on under the tag and so may not know the other
/// session either.
fn ask_elsewhere(
    ctx: &mut Ctx<'_>,
    tag: SessionId,
    device: DeviceId,
    conversation: Option<ConversationId>,
    doubts: &[Doubt],
) -> Result<bool> {
    let of = |other| ConversationId::direct(ctx.config.authority(), &ctx.account.user, &other);
    let Some(id) = conversation.or(parked::other_user(ctx, tag, device)?.map(of)) else { return Ok(false) };
    let Some(mut row) = conversation::load(&ctx.tx, id)? else { return Ok(false) };
    let Some(session) = row.session else { return Ok(false) };
    let shared = ctx.with_group(session, |group, _, _| session::key_of(group, device))?.flatten().is_some();
    if !shared {
        return Ok(false);
    }
    let mut lacking = parked::lacking(ctx, tag, device, session)?;
    for doubt in doubts {
        lacking.newest = lacking.newest.max(doubt.accepted_at);
        if dedup::remember(ctx, Note::Asked(session), device, doubt.envelope)? {
            lacking.messages.push((doubt.envelope, doubt.accepted_at));
        }
    }
    for (envelope, _) in &lacking.messages {
        dedup::remember(ctx, Note::Wanted, device, *envelope)?;
    }
    for some in lacking.messages.chunks(limits::UNDECRYPTABLE) {
        outbox::push(ctx, &mut row, Item::Control(Kind::UNREADABLE, codec::encode(&some)?.into()))?;
    }
    if !lacking.messages.is_empty() {
        conversation::store(&mut ctx.tx, &row)?;
    }
    heeded(ctx, tag, device, lacking.newest)
}

/// Whether a device may yet turn to the other session: it was asked there for the first time, or sent nothing under the
/// old tag since, by the relay's clock.
fn heeded(ctx: &Ctx<'_>, tag: SessionId, device: DeviceId, newest: Time) -> Result<bool> {
    match dedup::said(ctx, ASKED, device, tag)? {
        Some(until) => Ok(newest.plus(limits::MAILBOX_AGE) <= until.plus(2 * PATIENCE)),
        None => {
            dedup::note_said(ctx, ASKED, device, tag, newest.plus(limits::MAILBOX_AGE))?;
            Ok(true)
        }
    }
}

/// A member of one of our sessions says where it stands. Without keys, or too far back, the session is replaced, at most
/// once an hour; if it has forked, at once, and the member is told where this device stands.
pub(super) fn receive(ctx: &mut Ctx<'_>, envelope: &Envelope) -> Result<Verdict> {
    let Some(session) = session::load(&ctx.tx, envelope.tag)? else { return Ok(Verdict::Repeat) };
    let Some(key) = ctx.with_group(session.id, |group, _, _| session::key_of(group, envelope.sender))?.flatten() else {
        return Ok(Verdict::Refuse(PeerFault::Forged));
    };
    let said: Statement = match codec::decode(&envelope.body, "standing") {
        Ok(said) => said,
        Err(fault) => return Ok(Verdict::Refuse(fault)),
    };
    if said.standing.len() > EPOCHS {
        return Ok(Verdict::Refuse(PeerFault::TooLarge("standing")));
    }
    let signed = statement(envelope.tag, envelope.sender, said.at, &said.standing);
    let genuine = VerifyingKey::from_bytes(&key)
        .and_then(|key| key.verify_strict(&signed, &Signature::from_slice(&said.signature)?));
    if genuine.is_err()
        || member::newest(&ctx.tx, envelope.sender)?.is_some_and(|c| member::acceptable(ctx, &c).is_err())
    {
        return Ok(Verdict::Refuse(PeerFault::Forged));
    }
    match session.compare(&said.standing) {
        Compared::Agrees => return Ok(Verdict::Done),
        Compared::Forked => {
            if dedup::said(ctx, SAID, envelope.sender, session.id)?.is_none_or(|until| until <= ctx.now) {
                say(ctx, session.id, envelope.sender, session.standing())?;
            }
            return session::forked(ctx, session.id).map(|()| Verdict::Done);
        }
        Compared::Lost => {}
    }
    let heard = dedup::said(ctx, HEARD, envelope.sender, ANY)?;
    let conversation = conversation::require(&ctx.tx, session.conversation)?;
    if conversation.session == Some(session.id) && heard.is_none_or(|until| until <= ctx.now) {
        dedup::note_said(ctx, HEARD, envelope.sender, ANY, ctx.now.plus(limits::NO_SESSION_EVERY))?;
        intent::want(ctx, session.conversation, Intent::Open, ctx.now)?;
    }
    Ok(Verdict::Done)
}

/// Asks for what an envelope of `device` carried, which the relay had accepted at `accepted`.
pub(super) fn ask_again(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    device: DeviceId,
    envelope: EnvelopeId,
    accepted: Time,
) -> Result<()> {
    dedup::remember(ctx, Note::Wanted, device, envelope)?;
    let mut row = conversation::require(&ctx.tx, conversation)?;
    let body = codec::encode(&[(envelope, accepted)])?;
    outbox::push(ctx, &mut row, Item::Control(Kind::UNREADABLE, body.into()))?;
    conversation::store(&mut ctx.tx, &row)
}

/// A member could not read these envelopes: what this device sent in them is sent again, if they were for the device
/// that asks.
pub(super) fn send_again(ctx: &mut Ctx<'_>, conversation: ConversationId, asker: DeviceId, body: &[u8]) -> Result<()> {
    let envelopes: Vec<(EnvelopeId, Time)> = codec::decode(body, "unreadable")?;
    if envelopes.len() > limits::UNDECRYPTABLE {
        return Err(PeerFault::TooLarge("unreadable").into());
    }
    let mut row = conversation::require(&ctx.tx, conversation)?;
    let before = row.next;
    for (envelope, accepted) in envelopes {
        let Some(mut sent) = outbox::sent(ctx, envelope)? else { continue };
        if sent.conversation != conversation || !sent.went_to(asker) || sent.again >= limits::SENT_AGAIN {
            continue;
        }
        sent.again += 1;
        outbox::note_sent(ctx, envelope, &sent)?;
        outbox::push(ctx, &mut row, Item::Again(sent.message, envelope, accepted))?;
    }
    if row.next == before { Ok(()) } else { conversation::store(&mut ctx.tx, &row) }
}

fn statement(tag: SessionId, device: DeviceId, at: Time, standing: &[(u64, Mark)]) -> Vec<u8> {
    let mut signed = [LABEL, tag.as_bytes(), device.as_bytes(), &at.as_ms().to_be_bytes()].concat();
    for (epoch, mark) in standing {
        signed.extend_from_slice(&epoch.to_be_bytes());
        signed.extend_from_slice(mark.as_slice());
    }
    signed
}
