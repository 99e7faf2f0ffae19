//! What this device cannot read, and what it says about it.
//!
//! Without keys for a tag it says so, signed (`NoSession`), and the other side starts anew. For what came too late for its
//! keys it asks once (`Unreadable`), and the sender encrypts the same message, act or receipt again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::{Verdict, dedup, parked};
use crate::authority::Certificate;
use crate::codec;
use crate::conversation::{self, ConversationRow, State};
use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind, Kind};
use crate::error::{PeerFault, Result};
use crate::id::{ConversationId, DeviceId, EnvelopeId, SessionId};
use crate::intent::{self, Intent};
use crate::limits;
use crate::member;
use crate::memory::Effect;
use crate::outbox::{self, Carried, Item, Purpose};
use crate::output::Wake;
use crate::session;
use crate::time::{MINUTE, Time};
use crate::timer;

/// A welcome may be slower than what follows it: so long nothing is said.
const PATIENCE: u64 = MINUTE;
const LABEL: &[u8] = b"undertone no session v1";
/// What is noted of a device and a tag: that it was told that there are no keys; that it was asked elsewhere.
const SAID: &[u8] = b"said";
const ASKED: &[u8] = b"asked";
/// That the other side has said so to us, of whatever tag; that a timer runs.
const HEARD: &[u8] = b"heard";
const WAITING: &[u8] = b"waiting";
const ANY: SessionId = SessionId::from_bytes([0; 16]);

/// Body of [`EnvelopeKind::NoSession`].
#[derive(Serialize, Deserialize)]
struct Statement {
    at: Time,
    #[serde(with = "serde_bytes")]
    signature: Vec<u8>,
}

/// An envelope came for a tag without a session here: wait for its welcome, then say so.
pub(super) fn note_unknown(ctx: &mut Ctx<'_>, envelope: &Envelope) -> Result<()> {
    wait(ctx, envelope.tag, envelope.sender, ctx.now.plus(PATIENCE))
}

/// Wakes for a tag and device at `at`, or before: one timer for both, however many envelopes come.
pub(super) fn wait(ctx: &Ctx<'_>, tag: SessionId, device: DeviceId, at: Time) -> Result<()> {
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

/// The patience is over: says that there are no keys, unless it was said within the hour. If they have come, what waits is
/// tried again.
pub(crate) fn due(ctx: &mut Ctx<'_>, reference: &[u8]) -> Result<()> {
    if let Some(behind) = SessionId::from_slice(reference) {
        return session::catch_up(ctx, behind);
    }
    let (Some(tag), Some(device)) =
        (reference.get(..16).and_then(SessionId::from_slice), reference.get(16..).and_then(DeviceId::from_slice))
    else {
        return Ok(());
    };
    if session::load(&ctx.tx, tag)?.is_some() {
        // What waits had no slot to be asked for: there is one now.
        ctx.tx.effect(Effect::Unpark(tag));
        return Ok(());
    }
    // Who makes up tags is answered no more often than what they sent is kept.
    if !parked::any(ctx, tag, device)? {
        return Ok(());
    }
    let heeded = ask_for_parked(ctx, tag, device)?;
    let until = dedup::said(ctx, SAID, device, tag)?.filter(|until| *until > ctx.now);
    // Once the other side has started anew, what waits here is asked for.
    if parked::waits(ctx, tag, device)? {
        wait(ctx, tag, device, until.unwrap_or(ctx.now.plus(PATIENCE)))?;
    }
    if heeded || until.is_some() {
        return Ok(());
    }
    dedup::note_said(ctx, SAID, device, tag, ctx.now.plus(limits::NO_SESSION_EVERY))?;
    let signature = ctx.account.device.sign(&statement(tag, ctx.account.id, ctx.now)).to_vec();
    let mut envelope = outbox::new_envelope(ctx, EnvelopeKind::NoSession, tag, vec![device])?;
    envelope.body = codec::encode(&Statement { at: ctx.now, signature })?;
    outbox::launch(ctx, Purpose::NoSession, &[envelope])?;
    Ok(())
}

/// Asks for what a device sent under a tag whose keys will not come, in another session with that device; `false` when
/// there is none, or when that device goes on under the tag and so may not know the other session either.
fn ask_for_parked(ctx: &mut Ctx<'_>, tag: SessionId, device: DeviceId) -> Result<bool> {
    let Some((mut row, session)) = elsewhere(ctx, tag, device)? else { return Ok(false) };
    let lacking = parked::lacking(ctx, tag, device, session)?;
    for (envelope, _) in &lacking.envelopes {
        dedup::note_wanted(ctx, device, *envelope)?;
    }
    for some in lacking.envelopes.chunks(limits::UNDECRYPTABLE) {
        outbox::push(ctx, &mut row, Item::Control(Kind::UNREADABLE, codec::encode(&some)?.into()))?;
    }
    if !lacking.envelopes.is_empty() {
        conversation::store(&mut ctx.tx, &row)?;
    }
    heeded(ctx, tag, device, lacking.newest)
}

/// Where a device is asked for what it sent under a tag: in the conversation with whom it talked there. When all of them
/// are gone before anything was known of them, another device of this user is asked wherever it can be: it knows what it
/// sent where.
fn elsewhere(ctx: &mut Ctx<'_>, tag: SessionId, device: DeviceId) -> Result<Option<(ConversationRow, SessionId)>> {
    if let Some(other) = parked::other_user(ctx, tag, device)? {
        let id = ConversationId::direct(ctx.config.authority(), &ctx.account.user, &other);
        let Some(row) = conversation::load(&ctx.tx, id)? else { return Ok(None) };
        return shared(ctx, row, device);
    }
    if member::newest(&ctx.tx, device)?.is_none_or(|certificate| *certificate.user() != ctx.account.user) {
        return Ok(None);
    }
    for row in conversation::first_few(&ctx.tx)? {
        if row.state == State::Live
            && outbox::may_be_told(ctx, &row)?
            && let Some(found) = shared(ctx, row, device)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A conversation with its session, if a device is in it.
fn shared(ctx: &mut Ctx<'_>, row: ConversationRow, device: DeviceId) -> Result<Option<(ConversationRow, SessionId)>> {
    let Some(session) = row.session else { return Ok(None) };
    let key = ctx.with_group(session, |group, _, _| session::key_of(group, device))?.flatten();
    Ok(key.map(|_| (row, session)))
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

/// A member of one of our sessions has no keys for it: it is replaced, at most once an hour.
pub(super) fn receive(ctx: &mut Ctx<'_>, envelope: &Envelope) -> Result<Verdict> {
    let Some(session) = session::load(&ctx.tx, envelope.tag)? else { return Ok(Verdict::Repeat) };
    let Some(key) = ctx.with_group(session.id, |group, _, _| session::key_of(group, envelope.sender))?.flatten() else {
        return Ok(Verdict::Refuse(PeerFault::Forged));
    };
    let statement_made: Statement = match codec::decode(&envelope.body, "no session") {
        Ok(statement) => statement,
        Err(fault) => return Ok(Verdict::Refuse(fault)),
    };
    let signed = statement(envelope.tag, envelope.sender, statement_made.at);
    let genuine = VerifyingKey::from_bytes(&key)
        .and_then(|key| key.verify_strict(&signed, &Signature::from_slice(&statement_made.signature)?));
    if genuine.is_err()
        || member::newest(&ctx.tx, envelope.sender)?.is_some_and(|c| member::acceptable(ctx, &c).is_err())
    {
        return Ok(Verdict::Refuse(PeerFault::Forged));
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
    dedup::note_wanted(ctx, device, envelope)?;
    let mut row = conversation::require(&ctx.tx, conversation)?;
    let body = codec::encode(&[(envelope, accepted)])?;
    outbox::push(ctx, &mut row, Item::Control(Kind::UNREADABLE, body.into()))?;
    conversation::store(&mut ctx.tx, &row)
}

/// A member could not read these envelopes: what this device sent in them is sent again, if they were for the device
/// that asks. Another device of this user may ask in any conversation.
pub(super) fn send_again(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    asker: &Certificate,
    body: &[u8],
) -> Result<()> {
    let envelopes: Vec<(EnvelopeId, Time)> = codec::decode(body, "unreadable")?;
    if envelopes.len() > limits::UNDECRYPTABLE {
        return Err(PeerFault::TooLarge("unreadable").into());
    }
    let own = *asker.user() == ctx.account.user;
    let mut rows = BTreeMap::new();
    for (envelope, accepted) in envelopes {
        let Some(mut sent) = outbox::sent(ctx, envelope)? else { continue };
        let may_ask = (own || sent.conversation == conversation) && sent.went_to(asker.device());
        if !may_ask || sent.again >= limits::SENT_AGAIN {
            continue;
        }
        let row = match rows.entry(sent.conversation) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(conversation::require(&ctx.tx, sent.conversation)?),
        };
        sent.again += 1;
        outbox::note_sent(ctx, envelope, &sent)?;
        let item = match sent.carried {
            Carried::Content(id) => Item::Again(id, envelope, accepted),
            // Who has it already learns nothing from it.
            Carried::Receipt(body) => Item::Control(Kind::RECEIPT, body),
        };
        outbox::push(ctx, row, item)?;
    }
    for row in rows.values() {
        conversation::store(&mut ctx.tx, row)?;
    }
    Ok(())
}

fn statement(tag: SessionId, device: DeviceId, at: Time) -> Vec<u8> {
    [LABEL, tag.as_bytes(), device.as_bytes(), &at.as_ms().to_be_bytes()].concat()
}

/// What a device says at `at` that has no keys for a tag.
#[cfg(test)]
pub(crate) fn no_session(device: &crate::authority::DeviceKey, tag: SessionId, at: Time) -> Vec<u8> {
    let signature = device.sign(&statement(tag, DeviceId::of_key(&device.public()), at)).to_vec();
    codec::encode(&Statement { at, signature }).unwrap()
}

#[cfg(test)]
mod tests {
    //! R12, R13.

    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, certified};
    use crate::inbox::testing::{begun, envelope};
    use crate::input::Delivery;
    use crate::store::Table;
    use crate::time::SECOND;

    const TAG: SessionId = SessionId::from_bytes([7; 16]);
    const DEVICE: DeviceId = DeviceId::from_bytes([8; 16]);

    #[test]
    fn one_timer_runs_for_a_tag_and_device_and_only_ever_an_earlier_one() {
        let (mut engine, ..) = begun();
        let mut timers = |now: u64, at: u64| {
            let (now, at) = (NOW.plus(now * SECOND), NOW.plus(at * SECOND));
            engine.mutate(now, |ctx| wait(ctx, TAG, DEVICE, at)).unwrap();
            let rows = engine.read().unwrap().scan_prefix(Table::Timer, &[], 100).unwrap();
            let timers = rows.iter().map(|(key, _)| timer::deadline(key).unwrap());
            let missing = timers.filter(|(_, wake)| *wake == Wake::Missing);
            missing.map(|(at, _)| at.since(NOW) / SECOND).collect::<Vec<_>>()
        };
        assert_eq!(timers(0, 60), [60]);
        assert_eq!(timers(0, 90), [60]);
        assert_eq!(timers(0, 30), [30]);
        assert_eq!(timers(30, 100), [30, 100], "the first is over");
    }

    fn flights(engine: &mut Engine, now: Time) -> usize {
        engine.mutate(now, |ctx| Ok(ctx.memory.flights.len())).unwrap()
    }

    /// The device sent something under the tag, which waits.
    fn something_waits(engine: &mut Engine) {
        let (envelope, delivery) = envelope();
        let envelope = Envelope { tag: TAG, sender: DEVICE, recipients: vec![DEVICE], body: vec![1], ..envelope };
        let delivery = Delivery { envelope: envelope.encode().unwrap(), ..delivery };
        engine.mutate(NOW, |ctx| parked::park(ctx, &envelope, &delivery)).unwrap();
    }

    #[test]
    fn nothing_is_said_of_a_tag_under_which_nothing_is_kept() {
        let (mut engine, ..) = begun();
        let reference = [*TAG.as_bytes(), *DEVICE.as_bytes()].concat();
        for said in [0, 1] {
            engine.mutate(NOW, |ctx| due(ctx, &reference)).unwrap();
            assert_eq!(flights(&mut engine, NOW), said);
            something_waits(&mut engine);
        }
    }

    #[test]
    fn that_there_are_no_keys_is_said_once_an_hour() {
        let (mut engine, ..) = begun();
        something_waits(&mut engine);
        let reference = [*TAG.as_bytes(), *DEVICE.as_bytes()].concat();
        let mut said = |later| {
            engine.mutate(NOW.plus(later), |ctx| due(ctx, &reference)).unwrap();
            flights(&mut engine, NOW.plus(later))
        };
        let hour = limits::NO_SESSION_EVERY;
        assert_eq!([0, 1, hour - 1, hour].map(&mut said), [1, 1, 1, 2]);
    }

    #[test]
    fn a_device_that_goes_on_under_the_old_tag_does_not_heed_the_other_session() {
        let (mut engine, ..) = begun();
        let mut heeded = |later| engine.mutate(NOW, |ctx| heeded(ctx, TAG, DEVICE, NOW.plus(later))).unwrap();
        assert!(heeded(0), "it was asked for the first time");
        assert!(heeded(2 * PATIENCE), "what it sends meanwhile it may have sent before");
        assert!(!heeded(2 * PATIENCE + 1));
    }

    #[test]
    fn so_many_envelopes_are_asked_for_at_a_time_and_no_more() {
        let (mut engine, talk, phone) = begun();
        let mut asked = |envelopes| {
            let body = codec::encode(&vec![(envelope().0.id, NOW); envelopes]).unwrap();
            engine.mutate(NOW, |ctx| send_again(ctx, talk, &phone, &body))
        };
        assert_eq!(asked(limits::UNDECRYPTABLE), Ok(()));
        assert_eq!(asked(limits::UNDECRYPTABLE + 1), Err(PeerFault::TooLarge("unreadable").into()));
    }

    #[test]
    fn an_envelope_is_sent_again_so_often_and_no_more() {
        let (mut engine, talk, phone) = begun();
        let id = envelope().0.id;
        let carried = Carried::Receipt(vec![1].into());
        let note =
            |ctx: &mut Ctx<'_>| outbox::note_sent(ctx, id, &outbox::Sent::now(ctx, talk, carried, &[phone.device()]));
        engine.mutate(NOW, note).unwrap();
        let body = codec::encode(&vec![(id, NOW)]).unwrap();
        let queued = |engine: &Engine| engine.read().unwrap().scan_prefix(Table::Outbox, &[], 100).unwrap().len();
        let before = queued(&engine);
        for _ in 0..limits::SENT_AGAIN + 3 {
            engine.mutate(NOW, |ctx| send_again(ctx, talk, &phone, &body)).unwrap();
        }
        assert_eq!(queued(&engine) - before, usize::from(limits::SENT_AGAIN));
    }

    #[test]
    fn only_another_device_of_this_user_asks_for_what_was_sent_in_another_conversation() {
        let (mut engine, talk, phone) = begun();
        let (id, tablet) = (envelope().0.id, certified("ann", 9));
        let everybody = [phone.device(), tablet.device()];
        let note = |ctx: &mut Ctx<'_>| {
            let carried = Carried::Receipt(vec![1].into());
            outbox::note_sent(ctx, id, &outbox::Sent::now(ctx, talk, carried, &everybody))
        };
        engine.mutate(NOW, note).unwrap();
        let body = codec::encode(&vec![(id, NOW)]).unwrap();
        let queued =
            |engine: &Engine| engine.read().unwrap().scan_prefix(Table::Outbox, talk.as_bytes(), 9).unwrap().len();
        let before = queued(&engine);
        let mut asked = |asker: &Certificate| {
            let elsewhere = ConversationId::from_bytes([4; 16]);
            engine.mutate(NOW, |ctx| send_again(ctx, elsewhere, asker, &body)).unwrap();
            queued(&engine) - before
        };
        assert_eq!([&phone, &tablet].map(&mut asked), [0, 1]);
        assert_eq!(asked(&certified("ann", 10)), 1, "it was not for that one");
    }

    #[test]
    fn what_is_signed_names_the_session_the_device_and_the_time() {
        let all = [
            statement(TAG, DEVICE, NOW),
            statement(ANY, DEVICE, NOW),
            statement(TAG, DeviceId::from_bytes([9; 16]), NOW),
            statement(TAG, DEVICE, NOW.plus(1)),
        ];
        assert!(all.iter().enumerate().all(|(at, one)| all[..at].iter().all(|other| other != one)));
    }
}
