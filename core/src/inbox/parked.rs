//! Envelopes that wait for what they lack: an epoch, or a welcome. Bounded per sending device and session, per sending
//! device, and overall; a flood evicts its own first. Commits have places of their own, and so have receipts and the like, of
//! which there are more than of what people say.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::shelf::{self, Budget};
use super::{Verdict, dedup, later, take};
use crate::ctx::Ctx;
use crate::envelope::{Envelope, EnvelopeKind};
use crate::error::{Error, Result, StoreError};
use crate::id::{DeviceId, EnvelopeId, Hash32, SessionId, UserId};
use crate::input::{Delivery, DeliveryId};
use crate::limits;
use crate::member;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::{Row, Tx};

/// Classes of parked envelopes.
const COMMITS: u8 = 0;
const OTHERS: u8 = 1;
/// Receipts, and what else engines tell each other.
const RECEIPTS: u8 = 2;
/// Rows that one mutation takes away: each may be long.
const GONE_STEP: usize = 4;

#[derive(Serialize, Deserialize)]
struct ParkedRow {
    session: SessionId,
    delivery: u64,
    accepted_at: Time,
    frank: Option<Hash32>,
    parked_at: Time,
    #[serde(with = "serde_bytes")]
    envelope: Vec<u8>,
}

/// Keeps an envelope until it can be taken in.
pub(super) fn park(ctx: &mut Ctx<'_>, envelope: &Envelope, delivery: &Delivery) -> Result<()> {
    let mut budget = Budget::new();
    if delivery.envelope.len() > limits::PARKED_BYTES {
        return Ok(());
    }
    let waiting = waiting(ctx, envelope.tag, class(envelope), envelope.sender)?;
    let mut bytes: usize = waiting.iter().map(|(_, row)| row.len()).sum::<usize>() + delivery.envelope.len();
    let mut count = waiting.len() + 1;
    for (key, row) in &waiting {
        if count <= limits::PARKED && bytes <= limits::PARKED_BYTES {
            break;
        }
        if !shelf::evict(ctx, key, row.len() as u64, &mut budget)? {
            return Ok(());
        }
        count -= 1;
        bytes -= row.len();
    }
    if !shelf::make_room(ctx, class(envelope), envelope.sender, delivery.envelope.len(), &mut budget)? {
        return Ok(());
    }
    let row = ParkedRow {
        session: envelope.tag,
        delivery: delivery.id.0,
        accepted_at: delivery.accepted_at,
        frank: delivery.frank,
        parked_at: ctx.now,
        envelope: delivery.envelope.clone(),
    };
    let key = [prefix(envelope), shelf::next(ctx)?.to_be_bytes().to_vec()].concat();
    shelf::add(ctx, &key, delivery.envelope.len())?;
    ctx.tx.put_row(Table::Parked, key, &row)
}

/// How many envelopes wait, and how many of them are commits.
pub(crate) fn counts(tx: &Tx<'_>) -> Result<(u64, u64)> {
    let commits = shelf::rows(tx, COMMITS)?;
    let others = shelf::rows(tx, OTHERS)?.saturating_add(shelf::rows(tx, RECEIPTS)?);
    Ok((commits.saturating_add(others), commits))
}

/// Gives some of what has waited too long up; says whether there may be more.
pub(crate) fn sweep(ctx: &Ctx<'_>) -> Result<bool> {
    let age = limits::PARKED_AGE;
    shelf::sweep(ctx, &[(COMMITS, age), (OTHERS, age), (RECEIPTS, age), (later::CLASS, limits::KEPT_AGE)])
}

/// Tries one parked envelope of a session again, the one behind `after`. Returns its key, or `None` at the end.
/// The caller drops the mutation on a refusal and calls [`retry`] with `give_up`.
pub(crate) fn retry(
    ctx: &mut Ctx<'_>,
    session: SessionId,
    after: Option<&[u8]>,
    give_up: bool,
) -> Result<Option<(Vec<u8>, Verdict)>> {
    let from = after.map_or_else(|| session.as_bytes().to_vec(), |key| [key, &[0]].concat());
    let rows = ctx.tx.scan(Table::Parked, KeyRange { from: &from, to: &[] }, Direction::Forward, 1)?;
    let Some((key, bytes)) = rows.into_iter().next().filter(|(key, _)| is_parked(key, session)) else {
        return Ok(None);
    };
    let row: ParkedRow = crate::codec::decode_row(&bytes, "parked")?;
    if give_up || ctx.now.since(row.parked_at) > limits::PARKED_AGE {
        shelf::remove(ctx, &key)?;
        return Ok(Some((key, Verdict::Repeat)));
    }
    let envelope = Envelope::decode(&row.envelope).map_err(|_| Error::Store(StoreError::Corrupt("parked")))?;
    let delivery = Delivery {
        id: DeliveryId(row.delivery),
        accepted_at: row.accepted_at,
        frank: row.frank,
        envelope: row.envelope,
    };
    let verdict = take(ctx, &envelope, &delivery)?;
    if !matches!(verdict, Verdict::Park) {
        shelf::remove(ctx, &key)?;
    }
    Ok(Some((key, verdict)))
}

/// What a device sent for a session and waits, oldest first: [`park`] lets no more be there.
fn waiting(ctx: &Ctx<'_>, session: SessionId, class: u8, device: DeviceId) -> Result<Vec<Row>> {
    ctx.tx.scan_prefix(Table::Parked, &prefix_of(session, class, device), limits::PARKED)
}

/// What of it may carry something: everything but commits.
fn encrypted(ctx: &Ctx<'_>, session: SessionId, device: DeviceId) -> Result<Vec<Row>> {
    let mut rows = waiting(ctx, session, OTHERS, device)?;
    rows.extend(waiting(ctx, session, RECEIPTS, device)?);
    Ok(rows)
}

/// Whether something that a device sent for a session waits, and not for too long already.
pub(super) fn waits(ctx: &Ctx<'_>, session: SessionId, device: DeviceId) -> Result<bool> {
    for (_, bytes) in encrypted(ctx, session, device)? {
        let row: ParkedRow = crate::codec::decode_row(&bytes, "parked")?;
        if ctx.now.since(row.parked_at) <= limits::PARKED_AGE {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether anything at all that a device sent under a tag is kept here.
pub(super) fn any(ctx: &Ctx<'_>, session: SessionId, device: DeviceId) -> Result<bool> {
    for class in [COMMITS, OTHERS, RECEIPTS] {
        if !ctx.tx.scan_prefix(Table::Parked, &prefix_of(session, class, device), 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whom a device talks with under a tag, besides this user: itself, or for another device of this user one of those whom
/// it addresses. Of some nothing may be known here, if they are gone: then whoever else speaks under the tag, or is
/// addressed there. Nothing but a hint, for headers prove nothing.
pub(super) fn other_user(ctx: &Ctx<'_>, session: SessionId, device: DeviceId) -> Result<Option<UserId>> {
    let mut asked = BTreeSet::new();
    if let Some(user) = other_of(ctx, &mut asked, [device])? {
        return Ok(Some(user));
    }
    for class in [OTHERS, RECEIPTS, COMMITS] {
        if let Some(user) = other_in(ctx, &mut asked, waiting(ctx, session, class, device)?)? {
            return Ok(Some(user));
        }
    }
    let mut all = ctx.tx.scan_prefix(Table::Parked, session.as_bytes(), limits::PARKED)?;
    // The device's own were looked at.
    all.retain(|(key, _)| {
        is_parked(key, session) && !key.get(17..).is_some_and(|key| key.starts_with(device.as_bytes()))
    });
    other_in(ctx, &mut asked, all)
}

/// The first other user among the senders and recipients of what waits.
fn other_in(ctx: &Ctx<'_>, asked: &mut BTreeSet<DeviceId>, waiting: Vec<Row>) -> Result<Option<UserId>> {
    for (_, bytes) in waiting {
        let row: ParkedRow = crate::codec::decode_row(&bytes, "parked")?;
        let envelope = Envelope::decode(&row.envelope).map_err(|_| Error::Store(StoreError::Corrupt("parked")))?;
        let named = core::iter::once(envelope.sender).chain(envelope.recipients);
        if let Some(user) = other_of(ctx, asked, named)? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// The first user, other than this one, of devices that were not asked about yet.
fn other_of(
    ctx: &Ctx<'_>,
    asked: &mut BTreeSet<DeviceId>,
    devices: impl IntoIterator<Item = DeviceId>,
) -> Result<Option<UserId>> {
    for device in devices.into_iter().filter(|device| asked.insert(*device)) {
        let user = member::newest(&ctx.tx, device)?.map(|certificate| certificate.user().clone());
        if let Some(user) = user.filter(|user| *user != ctx.account.user) {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// What is to be asked for elsewhere.
pub(super) struct Lacking {
    /// Envelopes that were not asked for in that session yet, and when the relay accepted them.
    pub envelopes: Vec<(EnvelopeId, Time)>,
    /// When the relay accepted the newest of all that waits.
    pub newest: Time,
}

/// What a device sent for a session whose keys may never come, and which `elsewhere` was not asked for yet; it goes on
/// waiting, for `elsewhere` may be no better. Some of what came again meanwhile goes.
pub(super) fn lacking(ctx: &Ctx<'_>, session: SessionId, device: DeviceId, elsewhere: SessionId) -> Result<Lacking> {
    let mut lacking = Lacking { envelopes: Vec::new(), newest: Time::ZERO };
    let mut gone = 0;
    for (key, bytes) in encrypted(ctx, session, device)? {
        let row: ParkedRow = crate::codec::decode_row(&bytes, "parked")?;
        let envelope = Envelope::decode(&row.envelope).map_err(|_| Error::Store(StoreError::Corrupt("parked")))?;
        if dedup::came_again(ctx, device, envelope.id)? {
            if gone < GONE_STEP {
                shelf::remove(ctx, &key)?;
                gone += 1;
            }
            continue;
        }
        lacking.newest = lacking.newest.max(row.accepted_at);
        let carries = matches!(envelope.kind, EnvelopeKind::Message | EnvelopeKind::Receipt);
        if carries && dedup::note_asked(ctx, device, envelope.id, elsewhere)? {
            lacking.envelopes.push((envelope.id, row.accepted_at));
        }
    }
    Ok(lacking)
}

/// Sessions with parked envelopes, for a start.
pub(crate) fn sessions(tx: &Tx<'_>) -> Result<Vec<SessionId>> {
    let mut sessions = Vec::new();
    let mut from = Vec::new();
    loop {
        let rows = tx.scan(Table::Parked, KeyRange { from: &from, to: &[] }, Direction::Forward, 1)?;
        let Some(session) = rows.first().and_then(|(key, _)| key.get(..16)).and_then(SessionId::from_slice) else {
            return Ok(sessions);
        };
        sessions.push(session);
        from = [session.as_bytes().as_slice(), &[0xff; 40]].concat();
    }
}

/// Whether a row waits for this session. Behind such rows lies what is kept for a newer version.
fn is_parked(key: &[u8], session: SessionId) -> bool {
    key.starts_with(session.as_bytes()) && key.get(16).is_some_and(|class| *class <= RECEIPTS)
}

/// session · class and device.
fn prefix(envelope: &Envelope) -> Vec<u8> {
    prefix_of(envelope.tag, class(envelope), envelope.sender)
}

fn class(envelope: &Envelope) -> u8 {
    match envelope.kind {
        EnvelopeKind::Commit => COMMITS,
        EnvelopeKind::Receipt => RECEIPTS,
        _ => OTHERS,
    }
}

fn prefix_of(session: SessionId, class: u8, device: DeviceId) -> Vec<u8> {
    [session.as_bytes().as_slice(), &[class], device.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    //! R13, R14.

    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, certified, enrolled};
    use crate::envelope::PushHint;
    use crate::id::SlotName;
    use crate::inbox::testing::envelope;
    use crate::output::Wake;
    use crate::time::DAY;
    use crate::timer;

    fn wide(number: u64) -> Vec<u8> {
        [number.to_be_bytes(), [7; 8]].concat()
    }

    fn tag(number: u64) -> SessionId {
        SessionId::from_slice(&wide(number)).unwrap()
    }

    fn device(number: u64) -> DeviceId {
        DeviceId::from_slice(&wide(number)).unwrap()
    }

    /// An envelope of a device that may not exist, for a session that nobody has.
    fn made_up(engine: &mut Engine, number: u64, device: u64, tag: u64, bytes: usize) -> usize {
        made_up_as(EnvelopeKind::Message, engine, number, device, tag, bytes)
    }

    /// The same of any kind. Gives its length.
    fn made_up_as(kind: EnvelopeKind, engine: &mut Engine, number: u64, from: u64, of: u64, bytes: usize) -> usize {
        let envelope = Envelope {
            id: EnvelopeId::from_slice(&wide(number)).unwrap(),
            kind,
            tag: tag(of),
            sender: device(from),
            sequence: 1,
            recipients: vec![engine.device()],
            expires_at: NOW.plus(DAY),
            push: PushHint::None,
            slot: (kind == EnvelopeKind::Commit).then_some(SlotName::from_bytes([7; 32])),
            token: None,
            commitment: None,
            body: [number.to_be_bytes().to_vec(), vec![1; bytes]].concat(),
        };
        let envelope = envelope.encode().unwrap();
        let length = envelope.len();
        let delivery = Delivery { id: DeliveryId(number), accepted_at: NOW, frank: None, envelope };
        engine.receive(&delivery, NOW).unwrap();
        length
    }

    fn rows(engine: &Engine, table: Table) -> Vec<crate::tx::Row> {
        engine.read().unwrap().scan(table, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX).unwrap()
    }

    fn parked(engine: &Engine, device: u64) -> usize {
        numbers(engine, device).len()
    }

    /// The numbers of a device's envelopes that wait.
    fn numbers(engine: &Engine, from: u64) -> Vec<u64> {
        let of = |row: &[u8]| Envelope::decode(&crate::codec::decode_row::<ParkedRow>(row, "parked").unwrap().envelope);
        let envelopes = rows(engine, Table::Parked).into_iter().map(|(_, row)| of(&row).unwrap());
        let number = |envelope: Envelope| u64::from_be_bytes(envelope.id.as_bytes()[..8].try_into().unwrap());
        envelopes.filter(|envelope| envelope.sender == device(from)).map(number).collect()
    }

    #[test]
    fn a_device_that_makes_up_tags_evicts_its_own_and_nobody_else() {
        let mut engine = enrolled("ann");
        made_up(&mut engine, 1, 1, 1, 10);
        for n in 2..limits::PARKED_OF_DEVICE as u64 + 40 {
            made_up(&mut engine, n, 2, n, 10);
        }
        assert_eq!((parked(&engine, 1), parked(&engine, 2)), (1, limits::PARKED_OF_DEVICE));
        // The same in bytes, with envelopes so long that a mutation holds the end of one only.
        for n in 0..8 {
            made_up(&mut engine, 10_000 + n, 3, 10_000 + n, 200 * 1024);
        }
        assert_eq!((parked(&engine, 1), parked(&engine, 3)), (1, 5));
    }

    #[test]
    fn devices_that_are_made_up_evict_the_oldest_of_all() {
        let mut engine = enrolled("ann");
        for n in 1..limits::PARKED_OF_ALL as u64 + 10 {
            made_up(&mut engine, n, n, n, 10);
        }
        assert_eq!(rows(&engine, Table::Parked).len(), limits::PARKED_OF_ALL);
        assert_eq!((parked(&engine, 1), parked(&engine, limits::PARKED_OF_ALL as u64 + 9)), (0, 1));
    }

    #[test]
    fn what_waited_too_long_goes_with_all_that_is_noted_of_it() {
        let mut engine = enrolled("ann");
        for n in 0..30 {
            made_up(&mut engine, n, n % 3, n, 3_000 * (n as usize % 4));
        }
        let mut now = NOW;
        for _ in 0..60 {
            now = now.plus(limits::PARKED_AGE / 40);
            engine.handle_timeout(now).unwrap();
        }
        assert!(rows(&engine, Table::Parked).is_empty());
        assert_eq!(rows(&engine, Table::ParkedIndex).len(), 1, "the number of the next one");
    }

    #[test]
    fn one_timer_runs_for_a_tag_and_device_however_many_envelopes_come() {
        let mut engine = enrolled("ann");
        for n in 0..50 {
            made_up(&mut engine, n, 1, 1, 10);
        }
        let missing = |(key, _): &&crate::tx::Row| timer::deadline(key).unwrap().1 == Wake::Missing;
        assert_eq!(rows(&engine, Table::Timer).iter().filter(missing).count(), 1);
    }

    // R14: found by the simulator
    #[test]
    fn of_whom_a_device_addressed_and_is_gone_others_under_the_tag_tell() {
        let mut engine = enrolled("ann");
        // The other device of ann addresses one that was gone before this one heard of it.
        made_up(&mut engine, 1, 1, 1, 10);
        let bea = certified("bea", 2);
        engine.mutate(NOW, |ctx| member::learn(ctx, &bea).map(drop)).unwrap();
        let mut other = |tag_of| engine.mutate(NOW, |ctx| other_user(ctx, tag(tag_of), device(1))).unwrap();
        assert_eq!(other(1), None);
        let envelope = Envelope { sender: bea.device(), tag: tag(1), ..envelope().0 };
        let delivery = |bytes| Delivery { id: DeliveryId(9), accepted_at: NOW, frank: None, envelope: bytes };
        engine.mutate(NOW, |ctx| park(ctx, &envelope, &delivery(envelope.encode().unwrap()))).unwrap();
        let mut other = |tag_of| engine.mutate(NOW, |ctx| other_user(ctx, tag(tag_of), device(1))).unwrap();
        assert_eq!(other(1).as_ref(), Some(bea.user()));
        assert_eq!(other(2), None, "of another tag it says nothing");
    }

    #[test]
    fn receipts_take_no_place_of_what_people_say() {
        let mut engine = enrolled("ann");
        made_up(&mut engine, 1, 1, 1, 10);
        for n in 2..2 * limits::PARKED as u64 {
            made_up_as(EnvelopeKind::Receipt, &mut engine, n, 1, 1, 10);
        }
        let classes: Vec<u8> = rows(&engine, Table::Parked).iter().map(|(key, _)| key[16]).collect();
        assert_eq!(classes.iter().filter(|class| **class == OTHERS).count(), 1);
        assert_eq!(classes.iter().filter(|class| **class == RECEIPTS).count(), limits::PARKED);
    }

    #[test]
    fn of_what_waits_for_a_session_the_oldest_go_when_there_are_too_many() {
        let mut engine = enrolled("ann");
        let most = limits::PARKED as u64;
        for n in 0..most + 5 {
            made_up(&mut engine, n, 1, 1, 10);
        }
        assert_eq!(numbers(&engine, 1), (5..most + 5).collect::<Vec<_>>());
    }

    #[test]
    fn of_what_waits_for_a_session_the_oldest_go_when_it_is_too_long() {
        let mut engine = enrolled("ann");
        let quarter = limits::PARKED_BYTES / 4 - 1_024;
        for n in 0..5 {
            made_up(&mut engine, n, 1, 1, quarter);
        }
        assert_eq!(numbers(&engine, 1), [1, 2, 3, 4]);
        made_up(&mut engine, 5, 1, 1, 2 * quarter);
        assert_eq!(numbers(&engine, 1), [3, 4, 5]);
    }

    #[test]
    fn an_envelope_longer_than_all_that_may_wait_for_a_session_does_not_wait() {
        let around = made_up(&mut enrolled("ann"), 1, 1, 1, 100_000) - 100_000;
        for (longer, waiting) in [(0, 1), (1, 0)] {
            let mut engine = enrolled("ann");
            made_up(&mut engine, 1, 1, 1, limits::PARKED_BYTES - around + longer);
            assert_eq!(parked(&engine, 1), waiting);
        }
    }

    #[test]
    fn commits_are_counted_apart_and_sessions_found_at_a_start() {
        let mut engine = enrolled("ann");
        for (n, of) in [(1, 1), (2, 2), (3, 1)] {
            made_up(&mut engine, n, 1, of, 10);
        }
        made_up_as(EnvelopeKind::Commit, &mut engine, 4, 1, 3, 10);
        let tx = engine.read().unwrap();
        assert_eq!(counts(&tx), Ok((4, 1)));
        assert_eq!(sessions(&tx), Ok(vec![tag(1), tag(2), tag(3)]));
    }

    #[test]
    fn what_waits_is_tried_again_until_it_is_too_old_or_given_up() {
        let again = |now, give_up| {
            let mut engine = enrolled("ann");
            made_up(&mut engine, 1, 1, 1, 10);
            let tried = engine.mutate(now, |ctx| retry(ctx, tag(1), None, give_up)).unwrap().unwrap();
            (matches!(tried.1, Verdict::Park), parked(&engine, 1))
        };
        let last = NOW.plus(limits::PARKED_AGE);
        assert_eq!(again(last, false), (true, 1));
        assert_eq!(again(last.plus(1), false), (false, 0));
        assert_eq!(again(NOW, true), (false, 0));
    }

    #[test]
    fn what_is_kept_for_a_newer_version_waits_for_no_session() {
        let mut engine = enrolled("ann");
        let newer = Delivery { id: DeliveryId(1), accepted_at: NOW, frank: None, envelope: vec![2; 40] };
        engine.receive(&newer, NOW).unwrap();
        assert_eq!(rows(&engine, Table::Parked).len(), 1);
        let none = SessionId::from_bytes([0; 16]);
        assert!(engine.mutate(NOW, |ctx| retry(ctx, none, None, false)).unwrap().is_none());
    }

    #[test]
    fn a_device_is_waited_for_until_what_it_sent_is_too_old() {
        let mut engine = enrolled("ann");
        made_up(&mut engine, 1, 1, 1, 10);
        let last = NOW.plus(limits::PARKED_AGE);
        let mut waits = |from, now| engine.mutate(now, |ctx| waits(ctx, tag(1), device(from))).unwrap();
        assert!(waits(1, NOW) && !waits(2, NOW));
        assert!(waits(1, last) && !waits(1, last.plus(1)));
    }

    #[test]
    fn what_waited_too_long_is_swept_and_nothing_before() {
        let mut engine = enrolled("ann");
        made_up(&mut engine, 1, 1, 1, 10);
        let last = NOW.plus(limits::PARKED_AGE);
        for (now, left) in [(last, 1), (last.plus(1), 0)] {
            assert_eq!(engine.mutate(now, |ctx| sweep(ctx)), Ok(false));
            assert_eq!(parked(&engine, 1), left);
        }
    }

    #[test]
    fn each_envelope_is_asked_for_once_in_a_session() {
        let mut engine = enrolled("ann");
        for n in 0..6 {
            made_up(&mut engine, n, 1, 1, 10);
        }
        let mut lacking = |elsewhere| {
            let lacking = engine.mutate(NOW, |ctx| lacking(ctx, tag(1), device(1), tag(elsewhere))).unwrap();
            (lacking.envelopes.len(), lacking.newest)
        };
        assert_eq!(lacking(8), (6, NOW));
        assert_eq!(lacking(8), (0, NOW));
        assert_eq!(lacking(9), (6, NOW));
    }

    #[test]
    fn what_came_again_is_not_asked_for_and_goes_some_at_a_time() {
        let mut engine = enrolled("ann");
        for n in 0..GONE_STEP as u64 + 2 {
            made_up(&mut engine, n, 1, 1, 10);
            let id = EnvelopeId::from_slice(&wide(n)).unwrap();
            engine.mutate(NOW, |ctx| dedup::note_again(ctx, device(1), id)).unwrap();
        }
        for left in [2, 0] {
            let lacking = engine.mutate(NOW, |ctx| lacking(ctx, tag(1), device(1), tag(9))).unwrap();
            assert_eq!((lacking.envelopes.len(), parked(&engine, 1)), (0, left));
        }
    }

    #[test]
    fn a_repeat_does_not_wait_beside_the_first() {
        let mut engine = enrolled("ann");
        made_up(&mut engine, 1, 1, 1, 10);
        made_up(&mut engine, 1, 1, 1, 10);
        assert_eq!(numbers(&engine, 1), [1]);
    }
}
