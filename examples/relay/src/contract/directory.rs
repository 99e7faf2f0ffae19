//! The directory.

use std::collections::BTreeSet;

use super::stage::{Listed, Stage, ensure, packages};
use super::{Broken, Check};
use crate::frame::Down;

pub(super) const CLAUSES: [(&str, Check); 5] = [
    ("each_key_package_goes_out_once_then_the_last_resort", once),
    ("of_claims_at_once_no_two_get_one_package", claims_at_once),
    ("what_was_published_before_is_not_put_out_again", published_again),
    ("packages_go_to_who_may_start_or_talks_already", who_may),
    ("a_new_device_is_told_of_until_it_is_looked_up", told),
];

fn once(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (_ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let mut given = BTreeSet::new();
    for _ in 0..3 {
        let found = line.look_up(&bea.user, true)?;
        ensure(found.len() == 1 && found[0].0 == bea.certificate.as_bytes(), "her one device is listed")?;
        given.extend(found.into_iter().filter_map(|(_, package)| package));
    }
    ensure(given == packages(&bea, 3).into_iter().collect(), "each package goes out once")?;
    for _ in 0..2 {
        let found = line.look_up(&bea.user, true)?;
        ensure(found[0].1.as_deref() == Some(b"last resort"), "then the last-resort one")?;
    }
    ensure(line.look_up(&bea.user, false)?[0].1.is_none(), "none is claimed by just looking")?;
    drop(hers);
    hers = stage.connect(&bea)?;
    ensure(hers.key_packages == 0, "a device learns how many are left")
}

fn claims_at_once(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (bea, mut hers) = stage.online("escort")?;
    hers.publish(packages(&bea, 20), None, false)?;
    let mut callers = Vec::new();
    for _ in 0..4 {
        callers.push(stage.online("client")?.1);
    }
    let mut given = Vec::new();
    for _ in 0..4 {
        let asked: Vec<_> = callers.iter_mut().map(|line| line.ask_for(&bea.user, true)).collect();
        for (line, asked) in callers.iter_mut().zip(asked) {
            given.extend(line.found(asked)?.into_iter().filter_map(|(_, package)| package));
        }
    }
    given.retain(|package| package != b"last resort");
    let distinct: BTreeSet<_> = given.iter().collect();
    ensure(distinct.len() == given.len(), "no package goes to two")?;
    ensure(!given.is_empty(), "packages go out")
}

fn published_again(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (_ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let claimed = line.look_up(&bea.user, true)?;
    ensure(claimed[0].1.is_some(), "a package goes out")?;
    ensure(hers.publish(packages(&bea, 3), None, false)? == 2, "a repeat puts out nothing twice")?;
    ensure(hers.publish(packages(&bea, 4), None, true)? == 3, "nor does one that replaces")
}

fn who_may(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    let (cleo, mut other) = stage.online("client")?;
    let package = |found: Vec<Listed>| found.into_iter().next().and_then(|(_, package)| package);
    ensure(package(hers.look_up(&ann.user, true)?).is_none(), "not to who may not start")?;
    ensure(package(other.look_up(&ann.user, true)?).is_none(), "nor among those whom no rule lets talk")?;
    stage.session(&mut ann, &mut line, &bea)?;
    ensure(package(hers.look_up(&ann.user, true)?).is_some(), "to who talks with its owner already")?;
    ensure(other.look_up(&cleo.user, true)?.iter().all(|(_, package)| package.is_none()), "nobody gets their own")
}

fn told(stage: &mut Stage<'_>) -> Result<(), Broken> {
    let (mut ann, mut line) = stage.online("client")?;
    let (bea, mut hers) = stage.online("escort")?;
    stage.session(&mut ann, &mut line, &bea)?;
    let tablet = stage.second(&ann)?;
    stage.connect(&tablet)?.publish(packages(&tablet, 1), None, false)?;
    let told = |frame: &Down| matches!(frame, Down::DirectoryChanged { user } if *user == ann.user).then_some(());
    hers.wait(told)?;
    for _ in 0..2 {
        drop(hers);
        hers = stage.connect(&bea)?;
        hers.wait(told)?;
    }
    ensure(hers.look_up(&ann.user, true)?.len() == 2, "the new device is listed")?;
    drop(hers);
    hers = stage.connect(&bea)?;
    hers.fetch(0)?;
    ensure(!hers.heard.iter().any(|frame| told(frame).is_some()), "who has looked is not told again")
}
