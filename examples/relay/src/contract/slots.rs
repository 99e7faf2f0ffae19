//! Commit slots, and bundles.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::id::{SessionId, SlotName};

use super::stage::{Online, Phone, Stage, describe, encoded, ensure, packages};
use super::{Broken, Check};
use crate::answer::{RefusedReason, TransmitResult};

pub(super) const CLAUSES: [(&str, Check); 3] = [
    ("the_first_commit_wins_and_the_winners_repeat_wins_again", first_wins),
    ("of_commits_sent_at_once_one_wins", at_once),
    ("who_can_name_a_slot_can_ask_who_holds_it", asked),
];

pub(super) const BUNDLES: [(&str, Check); 2] =
    [("a_commit_that_loses_takes_its_welcome_with_it", together), ("all_copies_of_a_bundle_have_one_time", one_time)];

fn commit(stage: &mut Stage<'_>, from: &mut Phone, tag: SessionId, to: &[&Phone], slot: SlotName) -> Envelope {
    Envelope { slot: Some(slot), ..stage.envelope(from, EnvelopeKind::Commit, tag, to) }
}

fn lost(result: &TransmitResult, winner: &[u8]) -> Result<(), Broken> {
    match result {
        TransmitResult::Conflict { winner: held, .. } if held == winner => Ok(()),
        other => Err(Broken(format!("expected a conflict with the winner, not {}", describe(other)))),
    }
}

fn first_wins(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (mut bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let slot = stage.slot();
    let (first, second) = (commit(stage, &mut ann, tag, &[&bea], slot), commit(stage, &mut bea, tag, &[&ann], slot));
    let at = line.accepted(std::slice::from_ref(&first))?;
    let winner = encoded(std::slice::from_ref(&first))?.remove(0);
    lost(&hers.transmit(std::slice::from_ref(&second))?, &winner)?;
    for _ in 0..3 {
        ensure(
            line.accepted(std::slice::from_ref(&first))? == at,
            "the winner's repeat wins again, with the first time",
        )?;
        drop(line);
        line = stage.connect(&ann)?;
    }
    lost(&hers.transmit(&[second])?, &winner)?;
    ensure(line.fetch(0)?.is_empty(), "the loser reaches nobody")?;
    ensure(hers.fetch(0)?.len() == 2, "the winner is delivered once")
}

fn at_once(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (ann, line) = stage.online("client")?;
    let (bea, hers) = stage.online("escort")?;
    let mut members = vec![(ann, line), (bea, hers)];
    let (tag, mut watching) = gather(stage, &mut members)?;
    let (watcher, _) = &watching;
    let watcher = watcher.id();
    for _ in 0..8 {
        let slot = stage.slot();
        let mut under_way = Vec::new();
        for (index, (phone, line)) in members.iter_mut().enumerate() {
            let commit = commit(stage, phone, tag, &[], slot);
            let bytes = encoded(&[Envelope { recipients: vec![watcher], ..commit }])?;
            under_way.push((index, line.send(bytes.clone()), bytes));
        }
        let mut winners = Vec::new();
        let mut losers = Vec::new();
        for (index, asked, bytes) in under_way {
            let Some((_, line)) = members.get_mut(index) else { continue };
            match line.answer(asked)? {
                TransmitResult::Accepted { .. } => winners.push(bytes),
                other => losers.push(other),
            }
        }
        ensure(winners.len() == 1, &format!("one of four commits wins, not {}", winners.len()))?;
        losers.iter().try_for_each(|result| lost(result, &winners[0][0]))?;
        let holder = watching.1.slot_holder(slot)?;
        ensure(holder.is_some_and(|(held, _)| held == winners[0][0]), "the slot names the winner")?;
    }
    ensure(watching.1.fetch(0)?.len() == 1 + 8, "a welcome, and one commit a slot, are delivered")
}

/// Makes a session of two phones, two tablets of the first and one of the second, which is given apart.
fn gather(stage: &mut Stage<'_>, members: &mut Vec<(Phone, Online)>) -> Result<(SessionId, (Phone, Online)), Broken> {
    let [(ann, line), (bea, _)] = members.as_mut_slice() else { return Err(Broken("two phones".into())) };
    let tag = stage.session(ann, line, bea)?;
    let mut tablets = Vec::new();
    for owner in [&*ann, &*ann, &*bea] {
        let tablet = stage.second(owner)?;
        let mut on_tablet = stage.connect(&tablet)?;
        on_tablet.publish(packages(&tablet, 1), None, false)?;
        tablets.push((tablet, on_tablet));
    }
    for (tablet, _) in &tablets {
        let welcome = stage.envelope(ann, EnvelopeKind::Welcome, tag, &[tablet]);
        line.accepted(&[welcome])?;
    }
    let watching = tablets.pop().ok_or_else(|| Broken("a tablet".into()))?;
    members.extend(tablets);
    Ok((tag, watching))
}

fn asked(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let slot = stage.slot();
    ensure(hers.slot_holder(slot)?.is_none(), "a free slot has no holder")?;
    let commit = commit(stage, &mut ann, tag, &[&bea], slot);
    let at = line.accepted(std::slice::from_ref(&commit))?;
    ensure(hers.slot_holder(slot)? == Some((encoded(&[commit])?.remove(0), at)), "a slot names its holder and time")
}

fn together(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (mut bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let tablet = stage.second(&ann)?;
    let mut on_tablet = stage.connect(&tablet)?;
    on_tablet.publish(packages(&tablet, 1), None, false)?;
    let slot = stage.slot();
    let winner = commit(stage, &mut bea, tag, &[&ann], slot);
    hers.accepted(&[winner])?;
    let bundle =
        [commit(stage, &mut ann, tag, &[&bea], slot), stage.envelope(&mut ann, EnvelopeKind::Welcome, tag, &[&tablet])];
    ensure(matches!(line.transmit(&bundle)?, TransmitResult::Conflict { .. }), "the bundle loses")?;
    ensure(on_tablet.fetch(0)?.is_empty(), "its welcome was not kept")?;
    let message = stage.message(&mut bea, tag, &[&tablet]);
    hers.refused(&[message], RefusedReason::NotMember)
}

fn one_time(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let tag = stage.session(&mut ann, &mut line, &bea)?;
    let tablet = stage.second(&ann)?;
    let mut on_tablet = stage.connect(&tablet)?;
    on_tablet.publish(packages(&tablet, 1), None, false)?;
    let slot = stage.slot();
    let bundle = [
        commit(stage, &mut ann, tag, &[&bea, &tablet], slot),
        stage.envelope(&mut ann, EnvelopeKind::Welcome, tag, &[&tablet]),
    ];
    let at = line.accepted(&bundle)?;
    ensure(line.accepted(&bundle)? == at, "a bundle's repeat gets the first answer")?;
    let arrived = on_tablet.fetch(0)?;
    ensure(arrived.len() == 2, "a commit and its welcome arrive")?;
    let hers = hers.fetch(0)?;
    let times = arrived.iter().chain(hers.last()).map(|delivery| delivery.accepted_at);
    ensure(times.eq([at; 3]), "all copies have one time")
}
