//! Once everything has healed: all that must be shown is shown, everywhere alike.

use std::collections::{BTreeMap, BTreeSet};

use undertone::message::{FailedReason, Message, MessageContent, MessageKey, SendState};

use super::expiry;
use super::view::{line, text};
use crate::sim::model::{Fate, Line, Model, Pair, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A device shows all that it must.
pub(super) fn complete(sim: &mut Sim, ix: DeviceIx, pair: Pair, messages: &[Message]) {
    let there: BTreeSet<usize> = messages.iter().filter_map(|m| line(sim, m)).collect();
    let absent = |at: &usize| sim.model.lines[*at].pair == pair && !there.contains(at);
    let absent: Vec<usize> = (0..sim.model.lines.len()).filter(absent).collect();
    let went = |at: usize| {
        let line = &sim.model.lines[at];
        // Who could not read it asks the device that wrote it, which may have taken it from itself.
        line.is_taken_from(ix) || line.is_taken_from(line.device) || expiry::may_have_gone(sim, ix, line)
    };
    let owed = |line: &Line| sim.model.must_show(line, ix);
    let missing: Vec<String> = absent
        .iter()
        .filter(|at| owed(&sim.model.lines[**at]) && !went(**at))
        .map(|at| &sim.model.lines[*at])
        .map(|line| format!("{}, {:?} of {}, {:?}", line.text, line.id, line.written.0.as_ms(), line.terms))
        .collect();
    // What its author has no more cannot be sent again to who could not read it.
    let unreadable_for_good = absent.iter().filter(|at| went(**at)).count();
    for text in &missing {
        sim.violation(format!("device {ix} does not show, between {pair:?}: {text}"));
    }
    sim.tally.delivered += messages.iter().filter(|m| !m.own && text(m).is_some()).count() as u64;
    let unreadable = messages.iter().filter(|m| matches!(m.content, MessageContent::Encrypted(_))).count();
    let owed = sim.model.standing[&ix] == Standing::Founder && !someone_lost(sim, pair);
    if unreadable > unreadable_for_good && owed {
        sim.violation(format!("device {ix} still shows {unreadable} messages as encrypted"));
    }
}

/// Whether either of two users has lost a device, with what only that one knew.
pub fn someone_lost(sim: &Sim, pair: Pair) -> bool {
    sim.model.people[pair.0].lost || sim.model.people[pair.1].lost
}

/// Every message has come as far as it could.
pub(super) fn outcome(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    for message in messages.iter().filter(|m| m.own) {
        let Some(at) = line(sim, message) else { continue };
        let line = &sim.model.lines[at];
        let reader = Model::other(line.pair, line.author);
        let read = sim.model.read.get(&reader).is_some_and(|read| read.contains(&at));
        // Whoever lost a device took with it what only that one could read or say.
        let exempt = someone_lost(sim, line.pair) || sim.model.standing[&ix] != Standing::Founder;
        // Whom one blocks is told nothing of reading, and what they say of it is not heard.
        let silent = sim.model.ever_blocked(line.pair) || sim.model.discretions.contains_key(&reader);
        let quiet = Model::is_kept_quiet(line);
        sim.tally.seen("read in secret", u64::from(quiet));
        let wrong = match message.state {
            SendState::Read => !read || quiet,
            SendState::Delivered => read && !exempt && !silent,
            SendState::Failed(FailedReason::Cancelled) => line.fate != Fate::Cancelled,
            SendState::Failed(_) => line.allowed && line.fate == Fate::Sent,
            SendState::Queued | SendState::Sending | SendState::Sent => !exempt || line.healed && line.device == ix,
        };
        if wrong {
            let (state, fate, between) = (message.state, line.fate, (line.pair.0, line.pair.1));
            let (text, key) = (&line.text, message.key);
            let quiet = if quiet { "kept quiet: " } else { "" };
            let what =
                format!("device {ix}: {quiet}{state:?}, read {read}, {fate:?}, between {between:?}: {text}, {key:?}");
            sim.violation(what);
        }
    }
}

/// Unread is what others wrote and no device of this user has read.
pub(super) fn unread(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    let user = sim.user(ix);
    if sim.model.standing[&ix] != Standing::Founder || sim.model.people[user].lost {
        return;
    }
    for message in messages.iter().filter(|m| !m.own) {
        let Some(at) = line(sim, message) else { continue };
        let read = sim.model.read.get(&user).is_some_and(|read| read.contains(&at));
        if message.unread == read {
            let text = sim.model.lines[at].text.clone();
            sim.violation(format!("device {ix}: unread {}, but read {read}: {text}", message.unread));
        }
    }
}

/// What one device wrote and sent is shown in the order in which it was written, whatever clocks and the network did.
pub(super) fn as_written(sim: &mut Sim, ix: DeviceIx, messages: &[Message]) {
    let mut newest: BTreeMap<DeviceIx, usize> = BTreeMap::new();
    let mut swapped = Vec::new();
    for message in messages {
        let Some(at) = line(sim, message) else { continue };
        let line = &sim.model.lines[at];
        // What failed was never sent, and stays where it was written by whatever the clock showed. A file goes out when it is
        // stored.
        let failed = matches!(message.state, SendState::Failed(_));
        if line.fate != Fate::Sent || line.retried || line.file.is_some() || failed {
            continue;
        }
        let before = newest.insert(line.device, at);
        if before.is_some_and(|before| before > at) {
            let later = &sim.model.lines[before.unwrap_or(at)].text;
            swapped.push(format!("{}, {:?}, sent {:?}, behind {later}", line.text, message.key, message.sent_at));
        }
    }
    for what in swapped {
        sim.violation(format!("device {ix} shows behind what was written later: {what}"));
    }
}

/// All devices of a conversation show what they share in one order.
pub(super) fn same_order(sim: &mut Sim, views: &[(DeviceIx, Vec<Message>)]) {
    let Some((first, reference)) = views.first() else { return };
    let places: BTreeMap<usize, MessageKey> = reference.iter().filter_map(|m| Some((line(sim, m)?, m.key))).collect();
    for (ix, messages) in views.iter().skip(1) {
        for message in messages {
            // What failed stays where it was written, on the device that wrote it.
            let failed = matches!(message.state, SendState::Failed(_)) && message.own;
            let Some(at) = line(sim, message).filter(|_| !failed) else { continue };
            if let Some(place) = places.get(&at)
                && *place != message.key
            {
                let text = sim.model.lines[at].text.clone();
                sim.violation(format!("devices {first} and {ix} put at {place:?} and {:?}: {text}", message.key));
            }
        }
    }
}

/// All devices that were there from the start show the same reactions to what they share.
pub(super) fn same_reactions(sim: &mut Sim, pair: Pair, views: &[(DeviceIx, Vec<Message>)]) {
    if someone_lost(sim, pair) || sim.model.ever_blocked(pair) {
        return;
    }
    let mut reference: BTreeMap<usize, (DeviceIx, Vec<String>)> = BTreeMap::new();
    for (ix, messages) in views {
        if sim.model.standing[ix] != Standing::Founder {
            continue;
        }
        for message in messages {
            let Some(at) = line(sim, message) else { continue };
            let mut shown: Vec<String> =
                message.reactions.iter().map(|r| format!("{} {}", r.user.as_str(), r.emoji)).collect();
            shown.sort();
            sim.tally.reactions += shown.len() as u64;
            let (first, known) = reference.entry(at).or_insert_with(|| (*ix, shown.clone()));
            if *known != shown {
                let text = sim.model.lines[at].text.clone();
                let what = format!("devices {first} and {ix} show {known:?} and {shown:?} of {text}");
                sim.violation(what);
            }
        }
    }
}
