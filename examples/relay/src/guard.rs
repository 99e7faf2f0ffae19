//! How much a relay takes from a device, a user and an address before it looks at what they want, sans-IO.
//!
//! The logic has limits of its own, on what its inputs cost; these are on connections, logins and frames.

use std::collections::BTreeMap;

use undertone::id::{DeviceId, UserId};
use undertone::time::{SECOND, Time};

use crate::logic::Rate;
use crate::logic::rate::Buckets;
use crate::network::Network;

/// Limits on connections. Who is over one is told [`RateLimited`](crate::frame::CloseReason::RateLimited) and disconnected;
/// what waits for it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardLimits {
    /// How long a connection may take to log in, in milliseconds.
    pub login_within: u64,
    /// Connections of one address that have not logged in, at once.
    pub unauthenticated: usize,
    /// Logins refused to one address: with none left, it is not even challenged.
    pub refusals: Rate,
    /// Logins of one device.
    pub logins: Rate,
    /// Devices of one user that are connected at once.
    pub user_devices: usize,
    /// Frames of one device.
    pub device_frames: Rate,
    /// Frames of all devices of one user.
    pub user_frames: Rate,
    /// Frames of all devices behind one address.
    pub address_frames: Rate,
}

impl Default for GuardLimits {
    fn default() -> GuardLimits {
        GuardLimits {
            login_within: 10 * SECOND,
            unauthenticated: 64,
            refusals: Rate { burst: 30, per_minute: 10 },
            logins: Rate { burst: 30, per_minute: 10 },
            user_devices: 32,
            device_frames: Rate { burst: 3_000, per_minute: 3_000 },
            user_frames: Rate { burst: 6_000, per_minute: 6_000 },
            // Many share an address: a company, a provider's NAT.
            address_frames: Rate { burst: 200_000, per_minute: 200_000 },
        }
    }
}

impl GuardLimits {
    /// None but the time to log in: for a gateway whose connections somebody else guards.
    pub fn none() -> GuardLimits {
        GuardLimits {
            unauthenticated: usize::MAX,
            refusals: Rate::UNLIMITED,
            logins: Rate::UNLIMITED,
            user_devices: usize::MAX,
            device_frames: Rate::UNLIMITED,
            user_frames: Rate::UNLIMITED,
            address_frames: Rate::UNLIMITED,
            ..GuardLimits::default()
        }
    }
}

/// Keeps count of who asks for how much. Forgotten at a restart.
pub(crate) struct Guard {
    limits: GuardLimits,
    /// Connections that have not logged in.
    waiting: BTreeMap<Network, usize>,
    /// Devices that are connected.
    connected: BTreeMap<UserId, usize>,
    refusals: Buckets<Network>,
    logins: Buckets<DeviceId>,
    device_frames: Buckets<DeviceId>,
    user_frames: Buckets<UserId>,
    address_frames: Buckets<Network>,
}

impl Guard {
    pub(crate) fn new(limits: GuardLimits) -> Guard {
        Guard {
            limits,
            waiting: BTreeMap::new(),
            connected: BTreeMap::new(),
            refusals: Buckets::new(limits.refusals),
            logins: Buckets::new(limits.logins),
            device_frames: Buckets::new(limits.device_frames),
            user_frames: Buckets::new(limits.user_frames),
            address_frames: Buckets::new(limits.address_frames),
        }
    }

    /// Until when a connection that is made now must have logged in.
    pub(crate) fn login_until(&self, now: Time) -> Time {
        now.plus(self.limits.login_within)
    }

    /// Whether somebody may try to log in from there. Every `true` is ended by [`Guard::decided`].
    pub(crate) fn may_try(&mut self, from: Option<Network>, now: Time) -> bool {
        let Some(from) = from else { return true };
        let waiting = self.waiting.get(&from).copied().unwrap_or(0);
        if waiting >= self.limits.unauthenticated || !self.refusals.has(&from, 1, now) {
            return false;
        }
        self.waiting.insert(from, waiting + 1);
        true
    }

    /// A connection waits no more: it is logged in, or gone.
    pub(crate) fn decided(&mut self, from: Option<Network>) {
        if let Some(from) = from {
            one_less(&mut self.waiting, &from);
        }
    }

    /// A connection waits still: what decided it came to nothing.
    pub(crate) fn undecided(&mut self, from: Option<Network>) {
        if let Some(from) = from {
            *self.waiting.entry(from).or_default() += 1;
        }
    }

    /// A login from there was refused.
    pub(crate) fn refused(&mut self, from: Option<Network>, now: Time) {
        if let Some(from) = from {
            self.refusals.take(from, 1, now);
        }
    }

    /// Whether a device that proved who it is may be connected. Every `true` is ended by [`Guard::left`].
    pub(crate) fn may_enter(&mut self, device: DeviceId, user: &UserId, now: Time) -> bool {
        let connected = self.connected.get(user).copied().unwrap_or(0);
        if connected >= self.limits.user_devices || !self.logins.take(device, 1, now) {
            return false;
        }
        self.connected.insert(user.clone(), connected + 1);
        true
    }

    /// A device of a user is not connected any more.
    pub(crate) fn left(&mut self, user: &UserId) {
        one_less(&mut self.connected, user);
    }

    /// Whether another frame is taken, or what costs as much as so many.
    pub(crate) fn may_send(
        &mut self,
        device: DeviceId,
        user: &UserId,
        from: Option<Network>,
        frames: u64,
        now: Time,
    ) -> bool {
        self.device_frames.take(device, frames, now)
            && self.user_frames.take(user.clone(), frames, now)
            && from.is_none_or(|from| self.address_frames.take(from, frames, now))
    }
}

/// For who wants to know beforehand.
impl Guard {
    /// Whether [`Guard::may_send`] would say yes.
    pub(crate) fn would_take(
        &self,
        device: DeviceId,
        user: &UserId,
        from: Option<Network>,
        frames: u64,
        now: Time,
    ) -> bool {
        self.device_frames.has(&device, frames, now)
            && self.user_frames.has(user, frames, now)
            && from.is_none_or(|from| self.address_frames.has(&from, frames, now))
    }
}

/// What an input took.
#[derive(Default)]
pub(crate) struct Taken {
    refusals: Vec<(Network, u64)>,
    logins: Vec<(DeviceId, u64)>,
    device_frames: Vec<(DeviceId, u64)>,
    user_frames: Vec<(UserId, u64)>,
    address_frames: Vec<(Network, u64)>,
}

/// For inputs that may come to nothing.
impl Guard {
    /// Notes from now on what is taken.
    pub(crate) fn note_taken(&mut self) {
        let Guard { refusals, logins, device_frames, user_frames, address_frames, .. } = self;
        refusals.note_taken();
        logins.note_taken();
        device_frames.note_taken();
        user_frames.note_taken();
        address_frames.note_taken();
    }

    /// What was taken since the last time.
    pub(crate) fn taken(&mut self) -> Taken {
        Taken {
            refusals: self.refusals.taken(),
            logins: self.logins.taken(),
            device_frames: self.device_frames.taken(),
            user_frames: self.user_frames.taken(),
            address_frames: self.address_frames.taken(),
        }
    }

    /// Gives it back.
    pub(crate) fn give_back(&mut self, taken: Taken) {
        self.refusals.give_back(taken.refusals);
        self.logins.give_back(taken.logins);
        self.device_frames.give_back(taken.device_frames);
        self.user_frames.give_back(taken.user_frames);
        self.address_frames.give_back(taken.address_frames);
    }
}

fn one_less<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Option<Network> {
        Some(Network::of([192, 0, 2, last].into()))
    }

    #[test]
    fn an_address_has_so_many_tries() {
        let limits =
            GuardLimits { unauthenticated: 2, refusals: Rate { burst: 1, per_minute: 1 }, ..GuardLimits::default() };
        let (mut guard, now) = (Guard::new(limits), Time::from_ms(1_000_000));
        assert!(guard.may_try(network(1), now) && guard.may_try(network(1), now));
        assert!(!guard.may_try(network(1), now), "two wait already");
        assert!(guard.may_try(network(2), now), "another address");
        guard.decided(network(1));
        assert!(guard.may_try(network(1), now));
        guard.decided(network(1));
        guard.refused(network(1), now);
        assert!(!guard.may_try(network(1), now), "one was refused");
        assert!(guard.may_try(network(1), now.plus(60 * SECOND)));
        guard.decided(network(1));
        guard.decided(network(1));
        guard.decided(network(2));
        assert!(guard.waiting.is_empty(), "who left is forgotten");
    }

    #[test]
    fn a_user_has_so_many_devices_and_frames() {
        let few = Rate { burst: 3, per_minute: 1 };
        let limits = GuardLimits { user_devices: 1, user_frames: few, ..GuardLimits::default() };
        let (mut guard, now) = (Guard::new(limits), Time::from_ms(1_000_000));
        let (ann, bea) = (UserId::new("ann").unwrap(), UserId::new("bea").unwrap());
        let device = |number| DeviceId::from_bytes([number; DeviceId::LEN]);
        assert!(guard.may_enter(device(1), &ann, now));
        assert!(!guard.may_enter(device(2), &ann, now));
        assert!(guard.may_enter(device(3), &bea, now));
        guard.left(&ann);
        assert!(guard.may_enter(device(2), &ann, now));
        // Her devices share what she has.
        assert!((1..=3).all(|number| guard.may_send(device(number), &ann, None, 1, now)));
        assert!(!guard.may_send(device(4), &ann, None, 1, now));
        assert!(guard.may_send(device(5), &bea, network(1), 1, now));
    }
}
