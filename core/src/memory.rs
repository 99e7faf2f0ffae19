//! What the engine remembers beside the store: all of it can be rebuilt from rows, but for what is of the moment, and it
//! changes only after a commit, by [`Effect`]s.

use std::collections::{BTreeMap, BTreeSet};

use crate::authority::Certificate;
use crate::expiry::Trust;
use crate::id::{ConversationId, DeviceId, EnvelopeId, SessionId};
use crate::input::{Login, RequestId, TransmitId};
use crate::session::{Lesser, Past};
use crate::time::{MINUTE, Time};
use crate::typing::{Typing, TypingChange};

/// The connection as the engine knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Down,
    Up(Login),
}

/// State in memory.
pub(crate) struct Memory {
    /// What the clock showed last.
    pub clock: Time,
    /// What is believed of it where messages are to be destroyed.
    pub trust: Trust,
    /// What went by this instant was hidden when subscribers were told last that more, or less, is.
    pub hidden: Time,
    /// Whether messages went by an event just now: they are deleted without waiting for a deadline.
    pub expire: bool,
    /// What the relay's clock showed at least, by the times at which it accepted things.
    pub relay_clock: Time,
    pub link: Link,
    /// Whether the mailbox was read to its end since the link came up. Before that, nothing is encrypted: what waits
    /// there moves sessions on, and what is encrypted for an epoch long gone nobody can read.
    pub caught_up: bool,
    /// Conversations with something to do, and when: at once, later, or after an answer ([`Time::NEVER`]).
    pub work: BTreeMap<ConversationId, Time>,
    /// When gathered receipts of a conversation go out.
    pub receipts: BTreeMap<ConversationId, Time>,
    /// Conversations with signals of calls that wait to be encrypted.
    pub signals: BTreeSet<ConversationId>,
    /// How far the relay's clock is ahead of this device's, as far as the present connection has shown.
    pub relay_ahead: Option<i64>,
    /// Transmits without an answer.
    pub flights: BTreeMap<TransmitId, Flight>,
    /// Requests without an answer, and when they are made again.
    pub requests: BTreeMap<RequestId, Option<Time>>,
    /// Conversations with messages of this device that wait to be read, and when to look whether another channel is due;
    /// [`Time::NEVER`] where the host was asked.
    pub fallback: BTreeMap<ConversationId, Time>,
    /// Sessions whose parked envelopes are to be tried again.
    pub unpark: BTreeSet<SessionId>,
    /// Receipts that were put aside, by their rows.
    pub confirm: BTreeSet<Vec<u8>>,
    /// When the next step of a compaction is due.
    pub compact_at: Option<Time>,
    /// Messages that are in no segment of the search index yet, and the bytes of their texts.
    pub unindexed: (usize, usize),
    /// Whether segments of the search index are to be merged.
    pub merge: bool,
    /// When the next step of a round of the vault's rotation is due.
    pub erase_at: Option<Time>,
    /// When the round that is under way began.
    pub erasing_since: Option<Time>,
    /// When segments of the search index with messages that are gone are written anew.
    pub purge_at: Option<Time>,
    /// Whether what another version has kept is to be judged again.
    pub judging: bool,
    /// Whether sessions are being frozen; until they are, nothing is encrypted.
    pub freezing: bool,
    /// Revoked serial numbers, by authority.
    pub revoked: BTreeSet<([u8; 32], u64)>,
    /// Lesser keys of epochs that are over, and what was said under such keys. In no row.
    pub lesser: Lesser,
    /// Who types. In no row.
    pub typing: Typing,
}

/// A transmit without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    /// Whether, and for which conversation, it counts against the window.
    pub window: Option<ConversationId>,
    /// When it is handed out again after a failure.
    pub retry_at: Option<Time>,
    /// When it was handed out, for the first time and over the present connection.
    pub launched: Option<Time>,
}

/// How much a time that the relay gave says of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exact {
    /// It was given just now.
    Now,
    /// It may be old: the clock shows no less.
    AtLeast,
}

/// A change of memory, made after the commit that it belongs to.
pub(crate) enum Effect {
    Link(Link),
    /// The mailbox was read to its end.
    CaughtUp,
    /// When a conversation has something to do; `None` for nothing.
    Work(ConversationId, Option<Time>),
    /// When its gathered receipts go out; `None` for no receipts.
    Receipts(ConversationId, Option<Time>),
    /// Whether signals of calls wait in a conversation.
    Signals(ConversationId, bool),
    /// The relay's clock showed what this device's did and so many milliseconds more; or that at least.
    RelayAhead(i64, Exact),
    Flight(TransmitId, Option<Flight>),
    /// When a request is made again; outer `None` once it is answered.
    Request(RequestId, Option<Option<Time>>),
    /// When to look at what waits unread in a conversation; `None` when nothing does.
    Fallback(ConversationId, Option<Time>),
    Unpark(SessionId),
    Unparked(SessionId),
    RelayClock(Time),
    /// The relay says that it is about this late.
    RelayTime(Time),
    /// A message is due by an event.
    Expire,
    /// A receipt was put aside, or taken up again.
    Confirm(Vec<u8>, bool),
    Revoked(BTreeSet<([u8; 32], u64)>),
    /// What another version has kept was judged, all of it.
    Judged,
    Freezing(bool),
    Compact(Option<Time>),
    /// When the next step of a round of the rotation is due.
    Erase(Option<Time>),
    /// A message is in no segment of the search index, or not any more; the bytes of its text.
    Unindexed(bool, usize),
    /// Whether segments are to be merged.
    Merge(bool),
    /// When segments are written anew, unless they are earlier; `None` when all are.
    Purge(Option<Time>),
    Enrolled(Box<Certificate>),
    /// A session's epoch is over; its lesser keys count until then.
    EpochEnded(SessionId, Box<Past>, Time),
    /// An ephemeral envelope of a device was taken in, with its end.
    Heard(DeviceId, EnvelopeId, Time),
    /// Ephemeral envelopes that end by then may have been.
    MayBeHeard(Time),
    Typing(TypingChange),
}

impl Memory {
    pub fn new() -> Memory {
        Memory {
            clock: Time::ZERO,
            trust: Trust::NONE,
            hidden: Time::ZERO,
            expire: false,
            relay_clock: Time::ZERO,
            link: Link::Down,
            caught_up: false,
            work: BTreeMap::new(),
            receipts: BTreeMap::new(),
            signals: BTreeSet::new(),
            relay_ahead: None,
            flights: BTreeMap::new(),
            requests: BTreeMap::new(),
            fallback: BTreeMap::new(),
            unpark: BTreeSet::new(),
            confirm: BTreeSet::new(),
            compact_at: None,
            unindexed: (0, 0),
            merge: false,
            purge_at: None,
            erase_at: None,
            erasing_since: None,
            judging: false,
            freezing: false,
            revoked: BTreeSet::new(),
            lesser: Lesser::default(),
            typing: Typing::default(),
        }
    }

    pub fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Encrypted messages of a conversation that are under way.
    pub fn in_flight(&self, conversation: ConversationId) -> usize {
        self.flights.values().filter(|f| f.window == Some(conversation)).count()
    }

    /// A conversation with something to do at `now`.
    pub fn next_work(&self, now: Time) -> Option<ConversationId> {
        let due = |(id, at): (&ConversationId, &Time)| (*at <= now).then_some(*id);
        let receipts = || self.receipts.iter().filter(|_| self.is_up()).find_map(due);
        self.work.iter().find_map(due).or_else(receipts)
    }

    /// A conversation in which another channel may be due at `now`: not before all that waits in the mailbox is known.
    pub fn next_fallback(&self, now: Time) -> Option<ConversationId> {
        self.fallback.iter().find(|(_, at)| self.caught_up && **at <= now).map(|(id, _)| *id)
    }

    /// The earliest instant at which memory wants something done.
    pub fn deadline(&self) -> Option<(Time, crate::output::Wake)> {
        use crate::output::Wake;
        let swept = self.compact_at.into_iter().chain(self.purge_at).chain(self.erase_at).min();
        let swept = swept.map(|at| (at, Wake::Sweep));
        let judging = self.judging.then_some((self.clock, Wake::Upgrade));
        let typing = self.typing.deadline().map(|at| (at, Wake::Typing));
        let always = swept.into_iter().chain(typing).chain(judging);
        if !self.is_up() {
            return always.min();
        }
        let work = self.work.values().map(|at| (*at, Wake::Intent));
        let receipts = self.receipts.values().map(|at| (*at, Wake::Receipts));
        let flights = self.flights.values().filter_map(|f| f.retry_at.map(|at| (at, Wake::Retry)));
        let requests = self.requests.values().filter_map(|at| at.map(|at| (at, Wake::Request)));
        let fallback = self.fallback.values().filter(|_| self.caught_up).map(|at| (*at, Wake::Fallback));
        let work = work.chain(fallback);
        work.chain(receipts).chain(flights).chain(requests).chain(always).filter(|(at, _)| *at < Time::NEVER).min()
    }

    /// What the relay's clock shows when this device's shows `now`: the latest that it can have been. Until the relay has
    /// shown otherwise, the same.
    pub fn relay_now(&self, now: Time) -> Time {
        Time::from_ms(now.as_ms().saturating_add_signed(self.relay_ahead.unwrap_or(0)))
    }

    /// What was given just now counts, since this device's clock may have been set. What may be old counts only if it is
    /// later than what the clock was taken for.
    fn note_ahead(&mut self, ahead: i64, exact: Exact) {
        match exact {
            Exact::Now => self.relay_ahead = Some(ahead),
            Exact::AtLeast if ahead > self.relay_ahead.unwrap_or(0) => self.relay_ahead = Some(ahead),
            Exact::AtLeast => {}
        }
    }

    /// What kept conversations from their work is over: all of them look again.
    pub fn wake_all(&mut self) {
        self.work.values_mut().for_each(|at| *at = Time::ZERO);
    }

    /// What was taken for the time may have been wrong: it is looked anew whether another channel is due.
    fn look_at_fallbacks(&mut self) {
        self.fallback.values_mut().filter(|at| **at < Time::NEVER).for_each(|at| *at = Time::ZERO);
    }

    /// The relay's clock was taken to be `known` ahead before the last changes. If it is not, this device's was set, by too
    /// little for a jump perhaps, and what those changes put off was put off by a clock that was wrong.
    pub fn relay_was_ahead(&mut self, known: Option<i64>) {
        if known.zip(self.relay_ahead).is_some_and(|(known, ahead)| known.abs_diff(ahead) > MINUTE) {
            self.look_at_fallbacks();
        }
    }

    /// The host's clock shows `now`. If it was put back, what is to be done later was put off by a clock that was wrong:
    /// all of it is due at once, so that nothing waits for as long as the clock was ahead.
    pub fn tick(&mut self, now: Time) {
        if now < self.clock {
            let retries = self.flights.values_mut().filter_map(|flight| flight.retry_at.as_mut());
            let requests = self.requests.values_mut().filter_map(Option::as_mut);
            let rest = self.work.values_mut().chain(self.receipts.values_mut());
            let rest = rest.chain(self.compact_at.as_mut()).chain(self.purge_at.as_mut()).chain(self.erase_at.as_mut());
            retries.chain(requests).chain(rest).for_each(|at| *at = Time::ZERO);
            self.relay_ahead = None;
            self.look_at_fallbacks();
            self.typing.put_back(now);
        }
        self.lesser.tick(now, now < self.clock);
        self.clock = now;
        self.trust.tick(now);
    }

    /// Makes a change whose commit is done. [`Effect::Enrolled`] is the engine's own.
    pub fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Link(link) => {
                self.link = link;
                self.caught_up = false;
                self.relay_ahead = None;
                self.flights.values_mut().for_each(|flight| flight.launched = None);
            }
            Effect::CaughtUp => {
                self.caught_up = true;
                self.wake_all();
                self.look_at_fallbacks();
            }
            Effect::Work(id, at) => set(&mut self.work, id, at),
            Effect::Receipts(id, at) => set(&mut self.receipts, id, at),
            Effect::Signals(id, true) => drop(self.signals.insert(id)),
            Effect::Signals(id, false) => drop(self.signals.remove(&id)),
            Effect::RelayAhead(ahead, exact) => self.note_ahead(ahead, exact),
            Effect::Flight(id, flight) => set(&mut self.flights, id, flight),
            Effect::Request(id, at) => set(&mut self.requests, id, at),
            Effect::Fallback(id, at) => set(&mut self.fallback, id, at),
            Effect::Unpark(session) => drop(self.unpark.insert(session)),
            Effect::Unparked(session) => drop(self.unpark.remove(&session)),
            Effect::RelayTime(time) => self.trust.confirm(time, self.clock),
            Effect::Expire => self.expire = true,
            Effect::RelayClock(time) => {
                self.relay_clock = time;
                self.trust.has_come(time, self.clock);
            }
            Effect::Confirm(key, true) => drop(self.confirm.insert(key)),
            Effect::Confirm(key, false) => drop(self.confirm.remove(&key)),
            Effect::Judged => self.judging = false,
            Effect::Freezing(freezing) => self.freezing = freezing,
            Effect::Compact(at) => self.compact_at = at,
            Effect::Erase(at) => self.erase_at = at,
            Effect::Unindexed(true, bytes) => {
                self.unindexed = (self.unindexed.0.saturating_add(1), self.unindexed.1.saturating_add(bytes));
            }
            Effect::Unindexed(false, bytes) => {
                self.unindexed = (self.unindexed.0.saturating_sub(1), self.unindexed.1.saturating_sub(bytes));
            }
            Effect::Merge(merge) => self.merge = merge,
            Effect::Purge(at) => self.purge_at = at.map(|at| self.purge_at.map_or(at, |before| before.min(at))),
            Effect::Revoked(revoked) => self.revoked = revoked,
            Effect::EpochEnded(session, past, until) => self.lesser.keep(session, *past, until),
            Effect::Heard(device, envelope, expires_at) => self.lesser.note(device, envelope, expires_at),
            Effect::MayBeHeard(until) => self.lesser.count_as_heard(until),
            Effect::Typing(change) => self.typing.apply(change),
            Effect::Enrolled(_) => {}
        }
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}
