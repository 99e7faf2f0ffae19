//! Mailboxes, and repeats.

use undertone::envelope::Envelope;
use undertone::time::SECOND;

use super::stage::{Stage, encoded, ensure};
use super::{Broken, Check};
use crate::answer::{DeliveryId, RefusedReason};
use crate::frame::Down;

pub(super) const CLAUSES: [(&str, Check); 7] = [
    ("mail_comes_in_order_with_rising_ids_and_times", in_order),
    ("what_is_not_acknowledged_comes_again_and_the_rest_does_not", until_acknowledged),
    ("mail_waits_for_who_is_away", away),
    ("what_comes_after_a_fetch_is_delivered_by_itself", by_itself),
    ("a_large_envelope_is_fetched", large),
    ("nobody_acknowledges_anothers_mail", anothers),
    ("what_has_expired_is_given_to_nobody", expired),
];

pub(super) const REPEATS: [(&str, Check); 3] = [
    ("a_repeat_is_recognised_on_any_connection_and_delivered_once", repeated),
    ("an_id_with_other_bytes_is_refused", other_bytes),
    ("an_envelope_that_is_repeated_at_once_is_kept_once", at_once),
];

fn in_order(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let mut sent = Vec::new();
    // Several under way at once, as an engine that comes back sends them.
    for _ in 0..10 {
        let message = stage.message(&mut ann, tag, &[&bea]);
        sent.push((line.send(encoded(std::slice::from_ref(&message))?), encoded(&[message])?.remove(0)));
    }
    let mut times = Vec::new();
    for (asked, _) in &sent {
        match line.answer(*asked)? {
            crate::answer::TransmitResult::Accepted { at } => times.push(at),
            other => return Err(Broken(format!("expected acceptance, not {}", super::stage::describe(&other)))),
        }
    }
    ensure(times.is_sorted_by(|one, next| one < next), "a device's accept times rise")?;
    let mail: Vec<_> = hers.fetch(0)?.split_off(1);
    ensure(mail.iter().map(|delivery| &delivery.envelope).eq(sent.iter().map(|(_, bytes)| bytes)), "mail is in order")?;
    ensure(mail.is_sorted_by(|one, next| one.id < next.id), "delivery ids rise")?;
    let same = mail.iter().map(|delivery| delivery.accepted_at).eq(times);
    ensure(same, "the recipient's accept time is the sender's")
}

fn until_acknowledged(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    for _ in 0..3 {
        let message = stage.message(&mut ann, tag, &[&bea]);
        line.accepted(&[message])?;
    }
    let mail = hers.fetch(0)?;
    ensure(mail.len() == 4, "a welcome and three messages wait")?;
    let ids: Vec<_> = mail.iter().map(|delivery| delivery.id).collect();
    drop(hers);
    let mut hers = stage.connect(&bea)?;
    ensure(hers.fetch(0)?.iter().map(|delivery| delivery.id).eq(ids.clone()), "all of it comes again")?;
    ensure(hers.fetch(ids[1].0)?.len() == 2, "a fetch gives what is behind a place")?;
    hers.acknowledge(&[ids[0], ids[2], DeliveryId(u64::MAX)]);
    // An acknowledgement has no answer, and may be lost with the connection; what it names is gone in the end.
    eventually(stage, || {
        let left = hers.fetch(0)?;
        Ok(left.iter().map(|delivery| delivery.id).eq([ids[1], ids[3]]))
    })
    .and_then(|gone| ensure(gone, "what was acknowledged is gone, and the rest is not"))
}

fn away(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, hers) = stage.online("escort")?;
    drop(hers);
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let message = stage.message(&mut ann, tag, &[&bea]);
    line.accepted(&[message])?;
    drop(line);
    let mut hers = stage.connect(&bea)?;
    ensure(hers.fetch(0)?.len() == 2, "mail waits although its sender is gone")
}

fn by_itself(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    hers.delivered()?;
    for _ in 0..300 {
        let message = stage.message(&mut ann, tag, &[&bea]);
        let bytes = encoded(std::slice::from_ref(&message))?.remove(0);
        let at = line.accepted(&[message])?;
        let delivery = hers.delivered()?;
        ensure(delivery.envelope == bytes && delivery.accepted_at == at, "each comes by itself, in order")?;
        hers.acknowledge(&[delivery.id]);
    }
    Ok(())
}

fn large(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    hers.delivered()?;
    for size in [100 * 1024, 900 * 1024] {
        let mut message = stage.message(&mut ann, tag, &[&bea]);
        message.body = vec![7; size];
        let bytes = encoded(std::slice::from_ref(&message))?.remove(0);
        line.accepted(&[message])?;
        hers.wait(|frame| matches!(frame, Down::MailWaiting).then_some(()))?;
        let mail = hers.fetch(0)?;
        ensure(mail.last().is_some_and(|delivery| delivery.envelope == bytes), "it is fetched whole")?;
    }
    Ok(())
}

fn anothers(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let (cleo, mut other) = stage.online("client")?;
    stage.session(&mut ann, &mut line, &bea)?;
    let mail = hers.fetch(0)?;
    let ids: Vec<_> = mail.iter().map(|delivery| delivery.id).collect();
    other.acknowledge(&ids);
    ensure(other.fetch(0)?.is_empty(), "a mailbox has its own mail only")?;
    // What the other does next is behind its acknowledgement.
    other.publish(super::stage::packages(&cleo, 1), None, false)?;
    ensure(hers.fetch(0)?.len() == ids.len(), "another's acknowledgement takes nothing away")
}

fn expired(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, hers) = stage.online("escort")?;
    drop(hers);
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let brief = stage.message(&mut ann, tag, &[&bea]);
    let ends = stage.transport.now().plus(10 * SECOND);
    let brief = Envelope { expires_at: ends, ..brief };
    line.accepted(std::slice::from_ref(&brief))?;
    let lasting = stage.message(&mut ann, tag, &[&bea]);
    line.accepted(std::slice::from_ref(&lasting))?;
    stage.transport.wait_until(ends.plus(1));
    let mut hers = stage.connect(&bea)?;
    let mail = hers.fetch(0)?;
    let (brief_bytes, lasting) = (encoded(&[brief])?.remove(0), encoded(&[lasting])?.remove(0));
    ensure(mail.iter().all(|delivery| delivery.envelope != brief_bytes), "an expired envelope is not given")?;
    ensure(mail.iter().any(|delivery| delivery.envelope == lasting), "others are")?;
    let late = stage.message(&mut ann, tag, &[&bea]);
    line.refused(&[Envelope { expires_at: ends, ..late }], RefusedReason::Stale)
}

fn repeated(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let message = stage.message(&mut ann, tag, &[&bea]);
    let at = line.accepted(std::slice::from_ref(&message))?;
    ensure(line.accepted(std::slice::from_ref(&message))? == at, "a repeat gets the first answer")?;
    ensure(hers.fetch(0)?.len() == 2, "a repeat is not kept again")?;
    let ids: Vec<_> = hers.fetch(0)?.iter().map(|delivery| delivery.id).collect();
    hers.acknowledge(&ids);
    eventually(stage, || Ok(hers.fetch(0)?.is_empty())).and_then(|gone| ensure(gone, "mail is acknowledged"))?;
    for _ in 0..3 {
        drop(line);
        line = stage.connect(&ann)?;
        ensure(line.accepted(std::slice::from_ref(&message))? == at, "also on another connection, after delivery")?;
    }
    ensure(hers.fetch(0)?.is_empty(), "and is not delivered again")
}

fn other_bytes(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let message = stage.message(&mut ann, tag, &[&bea]);
    line.accepted(std::slice::from_ref(&message))?;
    line.refused(&[Envelope { body: b"other".to_vec(), ..message }], RefusedReason::Malformed)?;
    ensure(hers.fetch(0)?.len() == 2, "nothing of it is kept")
}

/// As a device does that lost its connection, while the old one is still being served.
fn at_once(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let mut times = Vec::new();
    let mut messages = Vec::new();
    for _ in 0..5 {
        let message = stage.message(&mut ann, tag, &[&bea]);
        line.send(encoded(std::slice::from_ref(&message))?);
        let mut next = stage.connect(&ann)?;
        times.push(next.accepted(std::slice::from_ref(&message))?);
        messages.push(encoded(&[message])?.remove(0));
        line = next;
    }
    let mail = hers.fetch(0)?.split_off(1);
    let one_each = mail.iter().map(|delivery| (&delivery.envelope, delivery.accepted_at));
    ensure(one_each.eq(messages.iter().zip(times)), "each is there once, with the time of the answer")
}

/// Looks until something that has no answer has taken effect.
fn eventually(stage: &Stage<'_>, mut holds: impl FnMut() -> Result<bool, Broken>) -> Result<bool, Broken> {
    for _ in 0..100 {
        if holds()? {
            return Ok(true);
        }
        stage.transport.wait_until(stage.transport.now().plus(SECOND / 10));
    }
    Ok(false)
}
