//! When a message must be gone, and until when it must not be: from what was asked for, never from the engine's own sum.
//!
//! Where clocks differ and packets are under way, devices may rightly differ for a while, so there are two bounds: before
//! the first no device may have lost the message, and from the second on none may show it.

use undertone::envelope::Clock;
use undertone::time::{DAY, HOUR, MINUTE, Time};

use super::Line;
use crate::sim::world::DeviceIx;

/// What a message is sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Minutes; 0 goes when read, −1 never.
    pub period: i32,
    pub clock: Clock,
}

/// Where a message stands in time, the same on all devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// At its place in the conversation.
    pub place: Time,
    /// When the relay took it.
    pub accepted: Time,
}

/// A device of the reader has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub device: DeviceIx,
    /// By that device's clock, and by the world's.
    pub at: Time,
    pub world: Time,
    /// Whether its engine has not died over it.
    pub sure: bool,
    /// Whether the author is told: who reads had never blocked them by then.
    pub told: bool,
    /// Whether it was for sure to be kept from the author, but for what goes by reading.
    pub quiet: bool,
}

/// For so long a message is kept that nobody reads, if it goes by reading.
const UNREAD_KEPT: u64 = 7 * DAY;
/// A relay that takes a message long after its stamp delays its end by so much at most.
const RELAY_DELAYS: u64 = 6 * HOUR;

impl Terms {
    fn span(self) -> Option<u64> {
        u64::try_from(self.period).ok().map(|minutes| minutes * MINUTE)
    }

    pub fn by_reading(self) -> bool {
        self.period == 0 || self.period > 0 && self.clock == Clock::FromRead
    }
}

impl Sent {
    /// What periods count from.
    fn counts(self) -> Time {
        self.place.max(self.accepted.min(self.place.plus(RELAY_DELAYS)))
    }
}

impl Line {
    /// When it counts as sent, at the earliest: its author's device knows no better than its own clock until it hears of
    /// the relay.
    fn sent_at_least(&self, ix: DeviceIx) -> Time {
        let (world, own) = self.written;
        match self.sent {
            Some(sent) if ix != self.device || self.author_knows => sent.counts(),
            Some(_) | None if ix == self.device => world.min(own),
            Some(_) | None => world,
        }
    }

    /// Before this instant, by whatever clock, a device must not have lost it. `None` for never.
    pub fn may_go(&self, ix: DeviceIx) -> Option<Time> {
        let (span, sent) = (self.terms.span()?, self.sent_at_least(ix));
        if !self.terms.by_reading() {
            return Some(sent.plus(span));
        }
        let read = self.reads.iter().map(|read| read.at.min(read.world).plus(span)).min();
        Some(read.map_or(sent.plus(UNREAD_KEPT), |read| read.min(sent.plus(UNREAD_KEPT))))
    }

    /// From this instant on, by its clock, a device must not show it, if it knows all of `reads`. `None` while that is not
    /// known.
    pub fn must_go(&self, reads: impl Fn(&Reading) -> bool) -> Option<Time> {
        let (span, sent) = (self.terms.span()?, self.sent?.counts());
        if !self.terms.by_reading() {
            return Some(sent.plus(span));
        }
        // Any of several readings may be the first that a device hears of.
        let known = self.reads.iter().any(|read| read.sure && reads(read));
        let last = self.reads.iter().map(|read| read.at.max(sent).plus(span)).max().filter(|_| known);
        let limit = sent.plus(UNREAD_KEPT);
        Some(last.unwrap_or(limit))
    }

    /// The instant that devices are to show, where it depends on nothing that is yet to come. `None` for never.
    pub fn instant(&self) -> Option<Option<Time>> {
        let Some(span) = self.terms.span() else { return Some(None) };
        let sent = self.sent?.counts();
        (!self.terms.by_reading()).then(|| Some(sent.plus(span)))
    }
}
