//! Who may send to whom.

use undertone::envelope::{Envelope, EnvelopeKind};

use super::stage::{Stage, encoded, ensure};
use super::{Broken, Check};
use crate::answer::{RefusedReason, TransmitResult};

pub(super) const CLAUSES: [(&str, Check); 4] = [
    ("a_tag_that_no_welcome_tied_is_refused", unknown_tag),
    ("who_is_not_in_a_session_neither_sends_nor_gets", strangers),
    ("the_rules_say_who_starts", rules),
    ("nobody_sends_as_another", impostor),
];

fn unknown_tag(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, _hers) = stage.online("escort")?;
    let tag = stage.tag();
    let message = stage.message(&mut ann, tag, &[&bea]);
    line.refused(&[message], RefusedReason::UnknownTag)
}

fn strangers(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (mut bea, mut hers) = stage.online("escort")?;
    let (mut cleo, mut other) = stage.online("client")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    // Who was just welcomed answers at once.
    let reply = stage.message(&mut bea, tag, &[&ann]);
    hers.accepted(&[reply])?;
    let from = stage.message(&mut cleo, tag, &[&bea]);
    other.refused(&[from], RefusedReason::NotMember)?;
    let to = stage.message(&mut ann, tag, &[&cleo]);
    line.refused(&[to], RefusedReason::NotMember)?;
    let token = stage.token(&cleo, &bea.user)?;
    let welcome = stage.envelope(&mut cleo, EnvelopeKind::Welcome, tag, &[&bea]);
    other.refused(&[Envelope { token: Some(token), ..welcome }], RefusedReason::NotMember)?;
    ensure(hers.fetch(0)?.len() == 1 && other.fetch(0)?.is_empty(), "nothing of it was kept")
}

fn rules(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (ann, _line) = stage.online("client")?;
    let (mut bea, mut hers) = stage.online("escort")?;
    let tag = stage.tag();
    let token = stage.token(&bea, &ann.user)?;
    let welcome = stage.envelope(&mut bea, EnvelopeKind::Welcome, tag, &[&ann]);
    hers.refused(&[Envelope { token: Some(token), ..welcome.clone() }], RefusedReason::Policy)?;
    hers.refused(&[welcome], RefusedReason::Policy)
}

fn impostor(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let (_cleo, mut other) = stage.online("client")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let message = stage.message(&mut ann, tag, &[&bea]);
    let asked = other.send(encoded(&[message])?);
    let malformed = TransmitResult::Refused(RefusedReason::Malformed);
    ensure(other.answer(asked)? == malformed, "an envelope of another's is refused")?;
    ensure(hers.fetch(0)?.len() == 1, "nothing of it was kept")
}
