//! Calls: what rings, what goes on, and what both sides remember.

use std::collections::{BTreeMap, BTreeSet};

use undertone::call::{Call, CallSummary, Outcome, Stage};
use undertone::event::Event;
use undertone::id::{CallId, ConversationId};
use undertone::message::{Message, MessageContent, SendState};
use undertone::time::SECOND;

use super::blocks;
use super::end::someone_lost;
use crate::sim::model::{Candidate, Deed, Dial, Model, Pair, Standing};
use crate::sim::run::{PAGE, Sim};
use crate::sim::world::DeviceIx;

/// What a device said of a call's ringtone since it was opened last, and whether it said that it was missed.
#[derive(Clone, Copy, Default)]
pub struct Ring {
    started: bool,
    stopped: bool,
    missed: bool,
}

impl Ring {
    /// The device was opened again: a call that still rings says so once more.
    pub fn reopened(&mut self) {
        *self = Ring { started: false, ..*self };
    }
}

/// What a device tells of calls: a ring rings once, and is missed once.
pub(super) fn told(sim: &mut Sim, ix: DeviceIx, events: &[Event]) {
    for event in events {
        let (Event::RingtoneStart(call) | Event::RingtoneStop(call) | Event::CallMissed(_, call)) = event else {
            continue;
        };
        let ring = sim.watch.rings.entry((ix, *call)).or_default();
        let before = *ring;
        match event {
            Event::RingtoneStart(_) => ring.started = true,
            Event::RingtoneStop(_) => ring.stopped = true,
            _ => ring.missed = true,
        }
        let wrong = match event {
            Event::RingtoneStart(_) => before.started || before.stopped,
            Event::RingtoneStop(_) => before.stopped,
            _ => before.missed,
        };
        if wrong {
            sim.violation(format!("device {ix} says once more: {event:?}"));
        }
        if matches!(event, Event::RingtoneStart(_)) {
            sim.tally.seen("rings", 1);
            blocks::rings(sim, ix, *call);
        }
    }
}

/// A device is in one call at most.
pub(super) fn one_at_a_time(sim: &mut Sim, ix: DeviceIx) {
    let active = sim.ask(ix, |engine, _| engine.calls().active()).unwrap_or_default();
    if active.len() > 1 {
        let stages: Vec<_> = active.iter().map(|call| (call.id, call.stage)).collect();
        sim.violation(format!("device {ix} is in several calls: {stages:?}"));
    }
}

/// The two devices that talk have one key, which is no other call's.
pub fn keys(sim: &mut Sim) {
    let mut keys: BTreeMap<(CallId, DeviceIx), [u8; 32]> = BTreeMap::new();
    for ix in sim.running() {
        let active = sim.ask(ix, |engine, _| engine.calls().active()).unwrap_or_default();
        for call in active.iter().filter(|call| call.stage == Stage::Active) {
            match sim.ask(ix, |engine, _| engine.calls().media_key(call.id).map(|key| *key.as_bytes())) {
                Some(key) => drop(keys.insert((call.id, ix), key)),
                None if sim.world.devices[ix].failed => {}
                None => sim.violation(format!("device {ix} talks without a key")),
            }
        }
    }
    for ((call, ix), key) in &keys {
        if *sim.watch.keys.entry(*key).or_insert(*call) != *call {
            sim.violation(format!("device {ix} has the key of another call"));
        }
        // Where several have answered, all but one of them are about to hear that they talk with nobody.
        let Some(dial) = sim.model.calls.get(call).filter(|dial| dial.device != *ix && dial.answered.len() == 1) else {
            continue;
        };
        let (caller, callers) = (dial.device, keys.get(&(*call, dial.device)));
        sim.tally.seen("media keys", u64::from(callers.is_some()));
        if callers.is_some_and(|callers| callers != key) {
            sim.violation(format!("devices {caller} and {ix} talk with two keys"));
        }
    }
}

/// What a host is given in a call was told by the host at the other end, and is given once.
pub fn hears(sim: &mut Sim, ix: DeviceIx, call: CallId, payloads: &[Vec<u8>]) {
    for payload in payloads {
        let Some(number) = sim.model.candidate(payload) else {
            sim.violation(format!("device {ix} hears in a call what nobody told"));
            continue;
        };
        let (told, user) = (sim.model.candidates[number], sim.user(ix));
        let with =
            |dial: &Dial| if dial.caller == user { dial.answered.contains(&told.by) } else { dial.device == told.by };
        let right = told.call == call && sim.model.calls.get(&call).is_none_or(with);
        let heard = sim.model.heard.entry((ix, call)).or_default();
        let again = heard.contains(&number);
        heard.push(number);
        sim.tally.seen("signals heard", 1);
        if !right || again {
            sim.violation(format!("device {ix} hears in a call {told:?}, again {again}"));
        }
    }
}

/// In fine weather a host hears all that the other one has told, in the same order.
pub fn heard_all(sim: &mut Sim, ix: DeviceIx, call: CallId, by: DeviceIx) {
    let candidates = sim.model.candidates.iter().enumerate();
    let told = candidates.filter(|(_, told)| **told == Candidate { call, by }).map(|(number, _)| number);
    let (told, heard) = (told.collect::<Vec<_>>(), sim.model.heard.get(&(ix, call)).cloned().unwrap_or_default());
    if told != heard {
        sim.violation(format!("device {ix} hears {heard:?} of what device {by} told in a call: {told:?}"));
    }
}

/// In the end nobody talks any more, and all remember the same calls, in lists and in messages.
pub(super) fn agree(sim: &mut Sim, pair: Pair, talk: ConversationId, views: &[(DeviceIx, Vec<Message>)]) {
    // Where nobody may start, a call ends with who tried.
    let exempt = someone_lost(sim, pair) || sim.model.ever_blocked(pair) || !sim.model.started.contains(&pair);
    let mut reference: Option<(DeviceIx, Vec<Call>)> = None;
    // Not told, since the rules forbade it then: the caller alone remembers.
    let untold: BTreeSet<CallId> = views.iter().flat_map(|(_, messages)| untold(messages)).collect();
    for (ix, messages) in views {
        let active = sim.ask(*ix, |engine, _| engine.calls().active()).unwrap_or_default();
        for call in active {
            sim.violation(format!("device {ix} is still in a call: {:?} {:?}", call.stage, figures(&call)));
        }
        if exempt || sim.model.standing[ix] != Standing::Founder {
            continue;
        }
        let Some(calls) = history(sim, *ix, talk) else { continue };
        written_down(sim, *ix, &calls, messages);
        match &reference {
            None => reference = Some((*ix, calls)),
            Some((first, known)) if !same(sim, pair, known, &calls, &untold) => {
                let differ = calls.iter().filter(|call| !known.contains(call)).map(figures);
                let (differ, other): (Vec<_>, Vec<_>) =
                    (differ.collect(), known.iter().filter(|call| !calls.contains(call)).map(figures).collect());
                sim.violation(format!("devices {first} and {ix} remember {other:?} and {differ:?}"));
            }
            Some(_) => {}
        }
    }
    let Some((ix, calls)) = reference else { return };
    for call in &calls {
        plausible(sim, ix, call);
    }
    kept(sim, ix, pair, &calls, &untold);
}

/// The calls whose message is a device's own and failed.
fn untold(messages: &[Message]) -> impl Iterator<Item = CallId> {
    messages.iter().filter_map(|m| match (&m.content, m.state) {
        (MessageContent::Call(summary), SendState::Failed(_)) if m.own => Some(summary.call),
        _ => None,
    })
}

/// Whether two devices remember the same calls. Where what engines note goes by itself, it goes by each device's own
/// clock when that is what it was read by: there, what both still have must be the same.
fn same(sim: &Sim, pair: Pair, one: &[Call], other: &[Call], untold: &BTreeSet<CallId>) -> bool {
    let mortal = sim.model.mortal.contains(&pair);
    let among = |calls: &[Call], id: CallId| calls.iter().any(|call| call.id == id);
    let counts = |call: &&Call, there: &[Call]| !untold.contains(&call.id) && (!mortal || among(there, call.id));
    one.iter().filter(|call| counts(call, other)).eq(other.iter().filter(|call| counts(call, one)))
}

type Figures = (CallId, Option<Outcome>, u64, u64, Option<u64>, bool);

fn figures(call: &Call) -> Figures {
    let ms = |at: undertone::Time| at.as_ms();
    (call.id, call.outcome, call.duration, call.started.as_ms(), call.ended.map(ms), call.settled)
}

/// All calls of a conversation as a device remembers them, without what is its own business.
fn history(sim: &mut Sim, ix: DeviceIx, talk: ConversationId) -> Option<Vec<Call>> {
    let (mut calls, mut cursor) = (Vec::new(), None);
    loop {
        let page = sim.ask(ix, |engine, now| engine.calls().page(Some(talk), cursor, PAGE, now))?;
        calls.extend(page.calls.into_iter().map(|call| Call { own: false, recording: None, ..call }));
        cursor = page.next;
        if cursor.is_none() {
            return Some(calls);
        }
    }
}

/// Each call has a message in the conversation that says the same, and the other way round.
fn written_down(sim: &mut Sim, ix: DeviceIx, calls: &[Call], messages: &[Message]) {
    let summaries: BTreeMap<CallId, CallSummary> = messages
        .iter()
        .filter_map(|m| match m.content {
            MessageContent::Call(summary) => Some((summary.call, summary)),
            _ => None,
        })
        .collect();
    for call in calls {
        let same = |s: &CallSummary| {
            (Some(s.outcome), s.duration, s.started, Some(s.ended))
                == (call.outcome, call.duration, call.started, call.ended)
        };
        if !call.settled || !summaries.get(&call.id).is_some_and(same) {
            let said = summaries.get(&call.id);
            sim.violation(format!("device {ix} remembers {:?}, and its message says {said:?}", figures(call)));
        }
    }
    if calls.len() != summaries.len() {
        sim.violation(format!("device {ix} remembers {} calls, and shows {} messages", calls.len(), summaries.len()));
    }
}

/// It went as people made it go.
fn plausible(sim: &mut Sim, ix: DeviceIx, call: &Call) {
    let Some(dial) = sim.model.calls.get(&call.id) else {
        return sim.violation(format!("device {ix} remembers a call that nobody made: {:?}", figures(call)));
    };
    let receiver = Model::other(dial.pair, dial.caller);
    let name = |user: usize| sim.model.people[user].name.as_str();
    let mut right = call.caller.as_str() == name(dial.caller) && call.receiver.as_str() == name(receiver);
    right &= call.kind == dial.kind && (call.answered.is_none() || dial.was(&[Deed::Accept], receiver));
    right &= match call.outcome {
        Some(Outcome::Completed) => call.answered.is_some() && dial.when(Deed::HangUp).is_some(),
        Some(Outcome::Cancelled) => dial.was(&[Deed::HangUp], dial.caller),
        Some(Outcome::Declined) => dial.was(&[Deed::Reject, Deed::HangUp], receiver),
        Some(Outcome::ConnectionLost | Outcome::Busy | Outcome::Missed) => true,
        None => false,
    };
    // A process that died counts until it was opened again, whenever the other hung up.
    let counted = call.outcome == Some(Outcome::Completed);
    right &= !counted || talked_at_most(sim, dial).is_none_or(|most| call.duration <= most);
    let what = format!("{:?}, after {:?} from {}", figures(call), dial.deeds, dial.at.as_ms());
    sim.tally.seen("calls", 1);
    sim.tally.seen("calls completed", u64::from(call.outcome == Some(Outcome::Completed)));
    if !right {
        sim.violation(format!("device {ix} remembers {what}"));
    }
}

/// How many seconds they can have talked, if clocks ran meanwhile: from the first answer to when the last hung up.
fn talked_at_most(sim: &Sim, dial: &Dial) -> Option<u64> {
    let ((first, _), (_, last)) = (dial.when(Deed::Accept)?, dial.when(Deed::HangUp)?);
    let undisturbed = !sim.model.clock_sets.iter().any(|at| *at >= dial.at && *at <= last);
    (undisturbed && dial.when(Deed::Lose).is_none()).then(|| last.since(first) / SECOND + 1)
}

/// No call is forgotten, but for one that went on as another.
fn kept(sim: &mut Sim, ix: DeviceIx, pair: Pair, calls: &[Call], untold: &BTreeSet<CallId>) {
    if sim.model.mortal.contains(&pair) {
        return;
    }
    let made: Vec<(CallId, DeviceIx)> = sim
        .model
        .calls
        .iter()
        .filter(|(_, dial)| dial.pair == pair && dial.sure)
        .map(|(c, d)| (*c, d.device))
        .collect();
    for (call, device) in made {
        if untold.contains(&call) || calls.iter().any(|known| known.id == call) {
            continue;
        }
        let became = sim.ask(device, |engine, now| engine.calls().get(call, now)).map(|other| other.id);
        if became.is_none_or(|other| other == call) {
            sim.violation(format!("device {ix} has no trace of a call of device {device}"));
        }
    }
}
