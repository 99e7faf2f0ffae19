//! Connections, what is of the moment, and revocation.

use std::collections::BTreeSet;

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::time::SECOND;

use super::stage::{Online, Stage, encoded, ensure};
use super::{Broken, Check, LineError, authority};
use crate::frame::{CloseReason, Down};
use crate::logic::LoginRefused;

pub(super) const CLAUSES: [(&str, Check); 2] = [
    ("a_login_tells_the_highest_sequence_that_was_accepted", highest),
    ("the_newest_connection_of_a_device_counts", newest),
];

pub(super) const EPHEMERAL: [(&str, Check); 1] =
    [("what_is_of_the_moment_reaches_who_is_there_and_nobody_later", moment)];

pub(super) const REVOCATIONS: [(&str, Check); 1] = [("who_is_revoked_is_out_everywhere", revoked)];

fn highest(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, _hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    for _ in 0..3 {
        let message = stage.message(&mut ann, tag, &[&bea]);
        line.accepted(std::slice::from_ref(&message))?;
        drop(line);
        line = stage.connect(&ann)?;
        ensure(line.highest_sequence == message.sequence, "what was answered is counted at the next login")?;
    }
    Ok(())
}

fn newest(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut first) = stage.online("escort")?;
    let mut second = stage.connect(&bea)?;
    second.fetch(0)?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    second.delivered()?;
    let message = stage.message(&mut ann, tag, &[&bea]);
    line.accepted(&[message])?;
    second.delivered()?;
    ensure(ended(&mut first)? == CloseReason::Replaced, "the older one is closed, and told why")
}

fn moment(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let welcome = hers.delivered()?;
    let word = |stage: &mut Stage<'_>, ann: &mut super::stage::Phone| {
        let word = stage.envelope(ann, EnvelopeKind::Ephemeral, tag, &[&bea]);
        Envelope { sequence: 0, expires_at: stage.transport.now().plus(30 * SECOND), ..word }
    };
    // It is no fault that one does not arrive; that none of several does is.
    let mut sent = Vec::new();
    for _ in 0..5 {
        let word = word(stage, &mut ann);
        line.accepted(std::slice::from_ref(&word))?;
        sent.push(encoded(&[word])?.remove(0));
    }
    let delivery = hers.delivered()?;
    ensure(delivery.id.0 == 0 && sent.contains(&delivery.envelope), "it is delivered, with id 0")?;
    ensure(hers.fetch(0)?.iter().all(|mail| mail.id == welcome.id), "it is in no mailbox")?;
    drop(hers);
    let word = word(stage, &mut ann);
    line.accepted(&[word])?;
    let mut hers = stage.connect(&bea)?;
    ensure(hers.fetch(0)?.iter().all(|mail| mail.id == welcome.id), "nor is it given to who comes later")
}

fn revoked(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (ann, mut line) = stage.online("client")?;
    let (_bea, mut hers) = stage.online("escort")?;
    let now = stage.transport.now();
    let serials: BTreeSet<u64> = [ann.certificate.serial()].into();
    let list = authority().revoke(now.as_ms(), now, &serials).map_err(|error| Broken(error.to_string()))?;
    stage.transport.revoke(list.as_bytes()).map_err(Broken)?;
    ensure(ended(&mut line)? == CloseReason::Revoked, "the revoked device's connection ends")?;
    hers.wait(|frame| matches!(frame, Down::RevocationsChanged).then_some(()))?;
    ensure(hers.revocations()?.iter().any(|known| known == list.as_bytes()), "others are told, and may have the list")?;
    let again = stage.connect(&ann).err();
    ensure(again == Some(LineError::Refused(LoginRefused::Revoked)), "it does not get in again")?;
    ensure(hers.look_up(&ann.user, false)?.is_empty(), "it has left the directory")
}

/// How a connection ends.
fn ended(line: &mut Online) -> Result<CloseReason, Broken> {
    match line.wait(|_| None::<()>) {
        Err(LineError::Closed(reason)) => Ok(reason),
        Err(error) => Err(error.into()),
        Ok(()) => Err(Broken("expected that the connection ends".into())),
    }
}
