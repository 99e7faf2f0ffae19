//! Messages go when they should, and nothing goes before.

use std::collections::BTreeMap;

use undertone::id::ConversationId;
use undertone::message::Message;
use undertone::store::Table;
use undertone::time::{HOUR, Time};

use super::end::someone_lost;
use super::view::line;
use crate::sim::model::{Line, Model, Pair, Reading, Sent, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// What a device's clock has shown.
#[derive(Clone, Copy, Default)]
pub struct Clocks {
    /// At most: what went by then may be hidden.
    shown: Time,
    /// At most, while it was wrong by less than a jump: what went by then may be destroyed.
    believed: Time,
    /// Whether it has ever been wrong.
    pub(super) was_wrong: bool,
}

/// A clock that is wrong by more than this destroys nothing.
const JUMP: i64 = HOUR as i64;

/// Time has passed, or a clock is about to be set.
pub fn tick(sim: &mut Sim) {
    for (ix, device) in sim.world.devices.iter().enumerate() {
        sim.watch.clocks.entry(ix).or_default().tick(device.clock(sim.world.now), device.skew);
    }
}

impl Clocks {
    fn tick(&mut self, now: Time, skew: i64) {
        self.shown = self.shown.max(now);
        self.was_wrong |= skew != 0;
        if skew <= JUMP {
            self.believed = self.believed.max(now);
        }
    }
}

/// What a device's clock has shown at most, while it was wrong by less than a jump.
pub(super) fn believed(sim: &Sim, ix: DeviceIx) -> Time {
    let device = &sim.world.devices[ix];
    let mut clocks = sim.watch.clocks.get(&ix).copied().unwrap_or_default();
    // It may have been set just now.
    clocks.tick(device.clock(sim.world.now), device.skew);
    clocks.believed
}

/// Whether a device may have lost a line because its time is over, by whatever clock it had.
pub fn may_have_gone(sim: &Sim, ix: DeviceIx, line: &Line) -> bool {
    let clocks = sim.watch.clocks.get(&ix).copied().unwrap_or_default();
    // Once the relay has told the time, only what was destroyed stays hidden.
    let until = if sim.healed { clocks.believed } else { clocks.shown };
    line.may_go(ix).is_some_and(|at| at <= until)
}

/// Whether a line must be gone on a device, by that one's clock.
pub fn must_be_gone(sim: &Sim, ix: DeviceIx, line: &Line) -> bool {
    let now = sim.world.devices[ix].clock(sim.world.now);
    let is_told = |read: &Reading| read.told || sim.user(read.device) == sim.user(ix);
    let known = |read: &Reading| read.device == ix || sim.healed && sim.model.is_live(read.device) && is_told(read);
    line.must_go(known).is_some_and(|at| at <= now)
}

/// A line that a device shows: as it was sent, and in its time.
pub(super) fn of_one(sim: &mut Sim, ix: DeviceIx, at: usize, message: &Message) {
    if let Some(accepted) = message.accepted_at {
        let sent = Sent { place: message.key.at, accepted };
        let line = &mut sim.model.lines[at];
        line.author_knows |= line.device == ix;
        let known = *line.sent.get_or_insert(sent);
        if known != sent {
            let text = line.text.clone();
            sim.violation(format!("device {ix} says {sent:?} of what others say {known:?} of: {text}"));
        }
    }
    let line = &sim.model.lines[at];
    let mut wrong = Vec::new();
    if (message.period, message.clock) != (line.terms.period, line.terms.clock) {
        wrong.push(format!("has {} {:?}, sent with {:?}", message.period, message.clock, line.terms));
    }
    if let Some(instant) = line.instant().filter(|_| message.accepted_at.is_some() || line.terms.period < 0)
        && message.goes_at != instant
    {
        wrong.push(format!("says that it goes at {:?}, not {instant:?}", message.goes_at));
    }
    if message.accepted_at.is_some() && must_be_gone(sim, ix, line) {
        wrong.push(format!("still shows what is gone: {:?} {:?} {:?}", line.terms, line.sent, line.reads));
    }
    let text = line.text.clone();
    for what in wrong {
        sim.violation(format!("device {ix} {what}: {text}"));
    }
}

/// What a device showed when it was looked at last it shows still, unless its time is over or somebody took it away.
pub(super) fn nothing_early(sim: &mut Sim, ix: DeviceIx, pair: Pair, messages: &[Message]) {
    let shown = messages.iter().filter_map(|m| line(sim, m)).collect();
    let before = sim.watch.shown.insert((ix, pair), shown).unwrap_or_default();
    let shown = sim.watch.shown[&(ix, pair)].clone();
    for at in before.difference(&shown) {
        let line = &sim.model.lines[*at];
        if line.is_taken_from(ix) || may_have_gone(sim, ix, line) {
            sim.tally.seen("expired", 1);
            continue;
        }
        let what = format!("{:?} {:?} {:?}: {}", line.terms, line.sent, line.reads, line.text);
        sim.violation(format!("device {ix} has lost before its time: {what}"));
    }
}

/// What is on a device's disk of messages is what it shows: nothing is left of those that went.
pub(super) fn rows(sim: &mut Sim) {
    for ix in sim.model.live_devices() {
        let mut expected: BTreeMap<Table, usize> = BTreeMap::new();
        let talks: Vec<ConversationId> = sim.model.conversations.values().copied().collect();
        for talk in talks {
            let messages = super::shown(sim, ix, talk).unwrap_or_default();
            *expected.entry(Table::MessageIndex).or_default() += messages.len();
            *expected.entry(Table::Unread).or_default() += messages.iter().filter(|m| m.unread).count();
            *expected.entry(Table::Expiry).or_default() += messages.iter().filter(|m| m.goes_at.is_some()).count();
        }
        let mut found: BTreeMap<Table, usize> = expected.keys().map(|table| (*table, 0)).collect();
        for (table, ..) in sim.world.devices[ix].disk.rows() {
            if let Some(count) = found.get_mut(&table) {
                *count += 1;
            }
        }
        if found != expected {
            sim.violation(format!("device {ix} keeps {found:?}, and shows {expected:?}"));
        }
    }
}

/// What conversations said of messages that had gone unseen, and since when it counts.
pub type Unseen = BTreeMap<(DeviceIx, Pair), (u32, Time)>;

/// What devices say of that now.
pub fn unseen_now(sim: &mut Sim) -> Unseen {
    let mut counts = Unseen::new();
    for (pair, talk) in sim.model.conversations.clone() {
        for ix in sim.model.live_devices() {
            let user = sim.user(ix);
            let owed = sim.model.standing[&ix] == Standing::Founder && !someone_lost(sim, pair);
            // Calls in vain are counted as well, and the model does not know when they go.
            let calls = sim.model.mortal.contains(&pair) && sim.model.calls.values().any(|dial| dial.pair == pair);
            if !owed || calls || sim.model.ever_blocked(pair) || (pair.0 != user && pair.1 != user) {
                continue;
            }
            if let Some(shown) = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)) {
                counts.insert((ix, pair), (shown.expired_unseen, sim.world.now));
            }
        }
    }
    counts
}

/// In fine weather each message that goes unseen is counted, until something is read there. `before` is what devices
/// said earlier, or nothing from when something was read.
pub fn unseen(sim: &mut Sim, before: &Unseen) {
    for ((ix, pair), (count, _)) in unseen_now(sim) {
        let Some((earlier, since)) = before.get(&(ix, pair)) else { continue };
        let (user, now) = (sim.user(ix), sim.world.now);
        let read = sim.model.read.get(&user);
        let went = |(at, line): &(usize, &Line)| {
            let gone = line.must_go(|_| false).is_some_and(|at| at > *since && at <= now);
            let owed = line.pair == pair && line.author != user && sim.model.must_show(line, ix);
            gone && owed && !line.is_taken_from(ix) && !read.is_some_and(|read| read.contains(at))
        };
        let expected = *earlier as usize + sim.model.lines.iter().enumerate().filter(went).count();
        sim.tally.seen("expired unseen", u64::from(count));
        if count as usize != expected {
            let other = Model::other(pair, user);
            sim.violation(format!("device {ix} counts {count} of {other} that went unseen, not {expected}"));
        }
    }
}
