//! Two and four devices whose signals are lost, doubled and reordered at random: whatever happens, all of them end with
//! the same history. Only what the engine sends as a message or as a durable end arrives for certain.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::key::Share;
use crate::call::meet::{Caller, Live, Offered, Speaker, interpret, meet, take_offer};
use crate::call::outcome::Ending;
use crate::call::signal::{EndReason, Word};
use crate::call::state::{Action, Incoming, Input, Ring, Say, State, Step};
use crate::call::step::step;
use crate::id::{CallId, ConversationId, DeviceId, UserId};
use crate::limits;
use crate::policy::CallKind;
use crate::rng::Rng;
use crate::time::{SECOND, Time};

const TALK: ConversationId = ConversationId::from_bytes([9; 16]);

/// What one device tells another.
#[derive(Clone)]
struct Packet {
    from: usize,
    to: usize,
    call: CallId,
    said: Said,
    sent: Time,
}

#[derive(Clone)]
enum Said {
    Word(Word),
    /// The history message: a message like any other, which arrives.
    Record(Ending),
}

impl Packet {
    /// Whether it arrives for certain: an end is kept for its recipients as long as a message is.
    fn is_durable(&self) -> bool {
        matches!(self.said, Said::Record(_) | Said::Word(Word::End { .. }))
    }
}

/// A call as a device knows it.
struct Known {
    state: State,
    caller: Option<(UserId, DeviceId)>,
    stamp: Time,
}

struct Device {
    user: UserId,
    id: DeviceId,
    calls: BTreeMap<CallId, Known>,
    ringing: BTreeSet<CallId>,
    missed: BTreeSet<CallId>,
    records: BTreeMap<CallId, Ending>,
}

struct World {
    rng: Rng,
    now: Time,
    devices: Vec<Device>,
    air: Vec<Packet>,
    heeded: u64,
}

impl World {
    fn new(seed: u64, devices: usize) -> World {
        let device = |ix: usize| Device {
            user: UserId::new(if ix.is_multiple_of(2) { "ann" } else { "bea" }).unwrap(),
            id: DeviceId::from_bytes([u8::try_from(ix).unwrap(); 16]),
            calls: BTreeMap::new(),
            ringing: BTreeSet::new(),
            missed: BTreeSet::new(),
            records: BTreeMap::new(),
        };
        let mut bytes = [3; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        World {
            rng: Rng::from_seed(bytes),
            now: Time::from_ms(1_800_000_000_000),
            devices: (0..devices).map(device).collect(),
            air: Vec::new(),
            heeded: 0,
        }
    }

    fn say(&mut self, from: usize, call: CallId, said: &Said) {
        let others: Vec<usize> = (0..self.devices.len()).filter(|to| *to != from).collect();
        for to in others {
            self.air.push(Packet { from, to, call, said: said.clone(), sent: self.now });
        }
    }

    fn share(&mut self) -> Share {
        Share::fresh(&mut self.rng)
    }

    /// Puts an input through the table, and does what comes of it.
    fn feed(&mut self, ix: usize, call: CallId, input: Input) {
        let Some(known) = self.devices[ix].calls.get_mut(&call) else { return };
        let now = self.now;
        let done = step(std::mem::replace(&mut known.state, State::Unknown), input, now);
        self.land(ix, call, done);
    }

    fn land(&mut self, ix: usize, call: CallId, done: Step) {
        self.heeded += 1;
        let state = done.state.clone();
        self.devices[ix].calls.get_mut(&call).unwrap().state = done.state;
        for action in done.actions {
            self.act(ix, call, &state, action);
        }
        let live = self.devices[ix].calls.values().filter(|known| known.state.is_live()).count();
        assert!(live <= 2, "a device is in one call, or gives one up for another");
    }

    fn act(&mut self, ix: usize, call: CallId, state: &State, action: Action) {
        match action {
            Action::Say(say) => {
                let word = World::word(say, state);
                self.say(ix, call, &Said::Word(word));
            }
            Action::RingStart => assert!(self.devices[ix].ringing.insert(call) || !self.devices[ix].ringing.is_empty()),
            Action::RingStop => assert!(self.devices[ix].ringing.remove(&call), "it rang"),
            Action::Missed => assert!(self.devices[ix].missed.insert(call), "told once"),
            Action::Record => {
                let State::Settled(ending) = state else { panic!("only an end is written down") };
                assert!(self.devices[ix].records.insert(call, *ending).is_none(), "one message for a call");
                self.say(ix, call, &Said::Record(*ending));
            }
            Action::Incoming | Action::AcceptAtOnce => {}
        }
    }

    fn word(say: Say, state: &State) -> Word {
        let ours = || match state {
            State::RingingOut { ours, .. } => ours.clone(),
            State::ActiveIn(active) => active.ours.clone(),
            _ => panic!("nothing to offer or answer with"),
        };
        match say {
            Say::Offer => Word::Offer { kind: CallKind::Voice, description: Vec::new(), share: ours() },
            Say::Answer => Word::Answer { description: Vec::new(), share: ours() },
            Say::Decline => Word::Decline,
            Say::Busy => Word::Busy,
            Say::Taken(device) => Word::Taken(device),
            Say::End(reason, span) => Word::End { reason, span },
        }
    }

    fn live(&self, ix: usize) -> Vec<Live> {
        let device = &self.devices[ix];
        let live = device.calls.iter().filter(|(_, known)| known.state.is_live());
        live.map(|(call, known)| Live { call: *call, conversation: TALK, with: known.state.with(), stamp: known.stamp })
            .collect()
    }

    fn arrive(&mut self, packet: &Packet) {
        let (ix, call) = (packet.to, packet.call);
        let (user, device) = (self.devices[packet.from].user.clone(), self.devices[packet.from].id);
        let own = user == self.devices[ix].user;
        let unknown = || Known { state: State::Unknown, caller: None, stamp: packet.sent };
        let known = self.devices[ix].calls.entry(call).or_insert_with(unknown);
        match &packet.said {
            Said::Record(ending) => {
                known.caller.get_or_insert((user, device));
                self.feed(ix, call, Input::History { ending: *ending, own });
            }
            Said::Word(Word::Offer { share, .. }) => {
                if known.caller.is_some() {
                    return;
                }
                known.caller = Some((user, device));
                known.stamp = packet.sent;
                if own {
                    return self.feed(ix, call, Input::OwnOffer);
                }
                self.offer(packet, device, share);
            }
            Said::Word(word) => {
                let caller = known.caller.clone();
                let caller = caller.as_ref().map(|(user, device)| Caller { user, device: Some(*device) });
                let here = self.devices[ix].id;
                let Ok(input) = interpret(word, Speaker { user: &user, device, own }, caller, here) else { return };
                if matches!(input, Input::Answer { .. }) && self.devices[ix].calls[&call].state.with().is_none() {
                    self.devices[ix].calls.get_mut(&call).unwrap().stamp = packet.sent;
                }
                self.feed(ix, call, input);
            }
        }
    }

    fn offer(&mut self, packet: &Packet, from: DeviceId, share: &Share) {
        let (ix, call) = (packet.to, packet.call);
        let late = self.now.since(packet.sent) >= limits::RING;
        let offered = Offered { call, conversation: TALK, from, stamp: packet.sent, late };
        let meeting = meet(&offered, &self.live(ix));
        let ring = Ring { since: self.now, until: packet.sent.plus(limits::RING) };
        let incoming = Incoming { ring, from, theirs: share.clone() };
        let known = self.devices[ix].calls.get_mut(&call).unwrap();
        let state = std::mem::replace(&mut known.state, State::Unknown);
        let (done, displaced) = take_offer(state, meeting, incoming, self.now);
        if let Some((other, how)) = displaced {
            self.feed(ix, other, how.input(call));
        }
        self.land(ix, call, done);
    }

    /// Something happens by chance.
    fn chance(&mut self) {
        let ix = self.below(self.devices.len());
        match self.rng.below(20) {
            0 if self.live(ix).is_empty() => self.start(ix),
            1 => self.now = self.now.plus(self.rng.below(30) * SECOND),
            2 => self.wake(),
            3 if self.rng.below(4) == 0 => self.everywhere(ix, &Input::Restart),
            4..=6 => self.command(ix),
            _ if self.air.is_empty() => {}
            _ => {
                let at = self.below(self.air.len());
                let packet = self.air[at].clone();
                match self.rng.below(8) {
                    0 if !packet.is_durable() => drop(self.air.swap_remove(at)),
                    1 => self.arrive(&packet),
                    _ => {
                        self.air.swap_remove(at);
                        self.arrive(&packet);
                    }
                }
            }
        }
        self.now = self.now.plus(self.rng.below(300));
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.below(bound as u64)).unwrap()
    }

    fn start(&mut self, ix: usize) {
        let (call, share) = (CallId::fresh(&mut self.rng), self.share());
        let caller = Some((self.devices[ix].user.clone(), self.devices[ix].id));
        self.devices[ix].calls.insert(call, Known { state: State::Unknown, caller, stamp: self.now });
        self.feed(ix, call, Input::Start(share));
    }

    /// Somebody presses some button, whatever the state: the table decides what that may do.
    fn command(&mut self, ix: usize) {
        let share = self.share();
        let live = self.live(ix);
        if live.is_empty() {
            return;
        }
        let call = live[self.below(live.len())].call;
        let input = match self.rng.below(6) {
            0..=2 => Input::Accept(share),
            3 => Input::Reject,
            4 => Input::HangUp,
            _ => Input::Lost,
        };
        self.feed(ix, call, input);
    }

    fn wake(&mut self) {
        (0..self.devices.len()).for_each(|ix| self.everywhere(ix, &Input::Timeout));
    }

    fn everywhere(&mut self, ix: usize, input: &Input) {
        if matches!(input, Input::Restart) {
            // The ringtone ended with the process.
            self.devices[ix].ringing.clear();
            let ringing =
                |(call, known): (&CallId, &Known)| matches!(known.state, State::RingingIn(_)).then_some(*call);
            self.devices[ix].ringing = self.devices[ix].calls.iter().filter_map(ringing).collect();
        }
        let calls: Vec<CallId> = self.devices[ix].calls.keys().copied().collect();
        for call in calls {
            self.feed(ix, call, input.clone());
        }
    }

    /// Nobody does anything any more but hang up; what is durable arrives, what is not may be lost.
    fn settle(&mut self) {
        for _ in 0..4 {
            for ix in 0..self.devices.len() {
                self.everywhere(ix, &Input::HangUp);
            }
            while !self.air.is_empty() {
                let at = self.below(self.air.len());
                let packet = self.air.swap_remove(at);
                if packet.is_durable() || self.rng.below(2) == 0 {
                    self.arrive(&packet);
                }
            }
            self.now = self.now.plus(2 * limits::CALL_EARLY);
            self.wake();
        }
    }

    fn check(&self) {
        let history = |device: &Device| -> BTreeMap<CallId, Ending> {
            let mut all = BTreeMap::new();
            for (call, known) in &device.calls {
                match &known.state {
                    State::Settled(ending) => drop(all.insert(*call, *ending)),
                    State::Unknown | State::Merged(_) => {}
                    other => panic!("{} is left unsettled: {}", hex(*call), describe(other)),
                }
            }
            all
        };
        let first = history(&self.devices[0]);
        for device in &self.devices {
            assert_eq!(history(device), first, "all devices show the same history");
            assert!(device.ringing.is_empty(), "nothing rings for ever");
        }
        for (call, known) in &self.devices[0].calls {
            // Both halves of a call under way have each other's share: see `talking`.
            assert!(!known.state.is_live(), "{} is over", hex(*call));
        }
    }

    /// Whoever talks with each other has the same two shares.
    fn check_talk(&self) {
        for one in &self.devices {
            for (call, known) in &one.calls {
                let State::ActiveOut(out) = &known.state else { continue };
                let other = self.devices.iter().find(|device| device.id == out.with).unwrap();
                if let Some(Known { state: State::ActiveIn(back), .. }) = other.calls.get(call) {
                    assert!(back.ours == out.theirs && back.theirs == out.ours && back.with == one.id);
                }
            }
        }
    }
}

fn hex(call: CallId) -> String {
    format!("{call:?}")
}

fn describe(state: &State) -> &'static str {
    match state {
        State::Unknown => "unknown",
        State::Early(_) => "early",
        State::RingingOut { .. } => "ringing out",
        State::RingingIn(_) => "ringing in",
        State::Accepting(_) => "accepting",
        State::ActiveOut(_) => "active out",
        State::ActiveIn(_) => "active in",
        State::Elsewhere { .. } => "elsewhere",
        State::Over(_) => "over",
        State::Merged(_) => "merged",
        State::Settled(_) => "settled",
    }
}

fn play(devices: usize, seeds: u64, steps: u64) {
    let (mut talked, mut merged, mut settled) = (0, 0, 0);
    for seed in 0..seeds {
        let mut world = World::new(seed, devices);
        for _ in 0..steps {
            world.chance();
            world.check_talk();
        }
        world.settle();
        world.check();
        for known in world.devices[0].calls.values() {
            match &known.state {
                State::Settled(ending) if ending.answered.is_some() => talked += 1,
                State::Settled(_) => settled += 1,
                State::Merged(_) => merged += 1,
                _ => {}
            }
        }
    }
    // Chance has found what there is to find.
    assert!(talked > seeds / 4 && settled > seeds / 4 && merged > 0, "{talked} {settled} {merged}");
}

// R33
#[test]
fn r33_two_devices_agree_whatever_is_lost() {
    play(2, 400, 300);
}

// R33
#[test]
fn r33_four_devices_agree_whatever_is_lost() {
    play(4, 400, 400);
}

// R33: what the property rests on
#[test]
fn r33_without_the_history_message_they_would_not_agree() {
    let differ = (0..100).any(|seed| {
        let mut world = World::new(seed, 2);
        for _ in 0..300 {
            world.chance();
            world.air.retain(|packet| !matches!(packet.said, Said::Record(_)));
        }
        let ended = |device: &Device| -> Vec<CallId> {
            let settled = |known: &Known| matches!(known.state, State::Settled(_));
            device.calls.iter().filter(|(_, known)| settled(known)).map(|(call, _)| *call).collect()
        };
        ended(&world.devices[0]) != ended(&world.devices[1])
    });
    assert!(differ);
}

// R33
#[test]
fn r33_an_end_is_merged_only_into_a_call_that_goes_on() {
    let reason = EndReason::Merged(CallId::from_bytes([1; 16]));
    let word = Word::End { reason, span: 0 };
    let packet = Packet {
        from: 0,
        to: 1,
        call: CallId::from_bytes([2; 16]),
        said: Said::Word(word),
        sent: Time::from_ms(1_800_000_000_000),
    };
    let mut world = World::new(0, 2);
    world.arrive(&packet);
    let offer = Word::Offer { kind: CallKind::Voice, description: Vec::new(), share: Share::from_bytes([1; 32]) };
    world.arrive(&Packet { said: Said::Word(offer), ..packet.clone() });
    assert!(matches!(world.devices[1].calls[&packet.call].state, State::Merged(_)));
    assert!(world.devices[1].ringing.is_empty());
}
