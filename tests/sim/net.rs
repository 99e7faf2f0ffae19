//! The network: packets with a time of arrival, and the weather that delays, loses and doubles them.

use std::collections::BTreeMap;

use undertone::id::UserId;
use undertone::input::{Answer, Delivery, DeliveryId, Login, RequestId, TransmitId, TransmitResult};
use undertone::output::Request;
use undertone::rng::Rng;
use undertone::time::Time;

use super::world::DeviceIx;

/// What a device sends to the relay.
#[derive(Clone)]
pub enum ToRelay {
    /// Logs in. The challenge is answered when it arrives: one round trip is as good as two here.
    Hello,
    /// A transmit.
    Submit(TransmitId, Vec<Vec<u8>>),
    /// A request.
    Ask(RequestId, Request),
    /// A delivery is durable.
    Acknowledge(DeliveryId),
}

/// What the relay sends to a device.
#[derive(Clone)]
pub enum ToDevice {
    /// Logged in.
    Welcome(Login),
    /// The answer to a transmit.
    Done(TransmitId, TransmitResult),
    /// The answer to a request, and what the mailbox held if it asked for that.
    Answer(RequestId, Answer, Vec<Delivery>),
    /// An envelope.
    Deliver(Delivery),
    /// There is more in the mailbox.
    MailWaiting,
    /// A user's devices changed.
    DirectoryChanged(UserId),
    /// The revocation lists in force.
    Revocations(Vec<Vec<u8>>),
    /// The connection is gone.
    Closed,
}

/// What a host waits for.
#[derive(Clone)]
pub enum HostTimer {
    /// The answer to a transmit has not come.
    NoAnswer(TransmitId),
    /// The answer to a request has not come.
    NoReply(RequestId),
    /// The login has not come through: try again.
    Dial,
    /// The connection has turned out to be dead.
    Broken,
}

/// What travels, or is due.
#[derive(Clone)]
pub enum Body {
    Up(ToRelay),
    Down(ToDevice),
    Local(HostTimer),
}

/// Something on its way from or to one connection of a device.
#[derive(Clone)]
pub struct Packet {
    pub device: DeviceIx,
    pub connection: u64,
    pub body: Body,
}

/// What the network does to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Milliseconds on the way, at least.
    pub fastest: u64,
    /// And up to so many more: packets overtake each other.
    pub jitter: u64,
    /// So many of 1,000 packets are lost.
    pub lost: u64,
    /// So many of 1,000 packets arrive twice.
    pub doubled: u64,
}

impl Weather {
    /// Every packet arrives once, in order, after 5 ms.
    pub const FINE: Weather = Weather { fastest: 5, jitter: 0, lost: 0, doubled: 0 };
}

/// How often something happened to packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent: u64,
    pub lost: u64,
    pub doubled: u64,
    pub overtaken: u64,
    pub cut: u64,
}

/// Packets on their way, by time of arrival.
pub struct Net {
    pub weather: Weather,
    pub tally: Tally,
    queue: BTreeMap<(Time, u64), Packet>,
    next: u64,
    last_arrival: Time,
}

impl Net {
    pub fn new(weather: Weather) -> Net {
        Net { weather, tally: Tally::default(), queue: BTreeMap::new(), next: 0, last_arrival: Time::ZERO }
    }

    /// Sends a packet through the weather.
    pub fn send(&mut self, rng: &mut Rng, now: Time, packet: Packet) {
        self.tally.sent += 1;
        let weather = self.weather;
        if rng.below(1_000) < weather.lost {
            self.tally.lost += 1;
            return;
        }
        if rng.below(1_000) < weather.doubled {
            self.tally.doubled += 1;
            let at = now.plus(weather.fastest + rng.below(weather.jitter * 8 + 1));
            self.at(at, packet.clone());
        }
        let at = now.plus(weather.fastest + rng.below(weather.jitter + 1));
        if at < self.last_arrival {
            self.tally.overtaken += 1;
        }
        self.last_arrival = self.last_arrival.max(at);
        self.at(at, packet);
    }

    /// Something that happens at a time, whatever the weather.
    pub fn at(&mut self, at: Time, packet: Packet) {
        self.queue.insert((at, self.next), packet);
        self.next += 1;
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Time> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next thing.
    pub fn pop(&mut self) -> Option<Packet> {
        self.queue.pop_first().map(|(_, packet)| packet)
    }

    /// Counts a packet that a partition swallowed.
    pub fn cut(&mut self) {
        self.tally.cut += 1;
    }

    /// Packets on their way, timers not counted.
    pub fn under_way(&self) -> usize {
        self.queue.values().filter(|packet| !matches!(packet.body, Body::Local(_))).count()
    }
}
