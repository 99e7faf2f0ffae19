//! Room for connections: over all, and for one address, so that nobody takes all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use undertone::time::Time;

use crate::logic::Rate;
use crate::logic::rate::Buckets;
use crate::network::Network;

/// How many connections there may be. Over it, they are dropped before a byte is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceLimits {
    /// At once, over all.
    pub connections: usize,
    /// At once, of one address.
    pub address_connections: usize,
    /// New ones of one address.
    pub address_new: Rate,
    /// Requests about encrypted files, of one address.
    pub address_requests: Rate,
    /// Bytes of encrypted files that one address fetches.
    pub address_downloads: Rate,
}

impl Default for PlaceLimits {
    fn default() -> PlaceLimits {
        PlaceLimits {
            connections: 10_000,
            // Many share an address: a company, a provider's NAT.
            address_connections: 1_000,
            address_new: Rate { burst: 2_000, per_minute: 2_000 },
            address_requests: Rate { burst: 6_000, per_minute: 6_000 },
            address_downloads: Rate { burst: 8 << 30, per_minute: 2 << 30 },
        }
    }
}

/// Knows who has how many connections.
pub(super) struct Places {
    limits: PlaceLimits,
    taken: Mutex<Taken>,
}

struct Taken {
    all: usize,
    by_address: BTreeMap<Network, usize>,
    new: Buckets<Network>,
    requests: Buckets<Network>,
    downloads: Buckets<Network>,
    refused: u64,
    /// Cloned into every place: its receiver hears the end when all are gone.
    alive: Option<mpsc::Sender<()>>,
}

/// Room for one connection, given back when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    whole: bool,
    address: Option<Network>,
    _alive: Option<mpsc::Sender<()>>,
}

impl Places {
    /// Room for so many, and what hears when all are gone after [`Places::close`].
    pub(super) fn new(limits: PlaceLimits) -> (Arc<Places>, mpsc::Receiver<()>) {
        let (alive, gone) = mpsc::channel(1);
        let new = Buckets::new(limits.address_new);
        let requests = Buckets::new(limits.address_requests);
        let downloads = Buckets::new(limits.address_downloads);
        let by_address = BTreeMap::new();
        let taken = Taken { all: 0, by_address, new, requests, downloads, refused: 0, alive: Some(alive) };
        (Arc::new(Places { limits, taken: Mutex::new(taken) }), gone)
    }

    /// Room for a connection from an address; `None` for that of a proxy, which stands for many.
    pub(super) fn enter(self: &Arc<Places>, address: Option<Network>, now: Time) -> Option<Place> {
        self.take(true, address, now)
    }

    /// Room for what comes through a proxy, whose connection has its place already.
    pub(super) fn enter_behind(self: &Arc<Places>, address: Network, now: Time) -> Option<Place> {
        self.take(false, Some(address), now)
    }

    /// Whether another request from an address is taken.
    pub(super) fn request(&self, address: Network, now: Time) -> bool {
        self.taken().requests.take(address, 1, now)
    }

    /// Whether an address may fetch so many bytes now.
    pub(super) fn may_download(&self, address: Network, bytes: u64, now: Time) -> bool {
        self.taken().downloads.has(&address, bytes, now)
    }

    /// Counts what an address fetches; `false` when it is too much.
    pub(super) fn download(&self, address: Network, bytes: usize, now: Time) -> bool {
        self.taken().downloads.take(address, bytes as u64, now)
    }

    /// How many connections there are, and how many found no room.
    pub(super) fn count(&self) -> (usize, u64) {
        let taken = self.taken();
        (taken.all, taken.refused)
    }

    /// No more places: the end of the last is heard.
    pub(super) fn close(&self) {
        self.taken().alive = None;
    }

    fn take(self: &Arc<Places>, whole: bool, address: Option<Network>, now: Time) -> Option<Place> {
        let mut guard = self.taken();
        let taken = &mut *guard;
        let of_address = address.map_or(0, |address| taken.by_address.get(&address).copied().unwrap_or(0));
        let room = (!whole || taken.all < self.limits.connections)
            && of_address < self.limits.address_connections
            && taken.alive.is_some()
            && address.is_none_or(|address| taken.new.take(address, 1, now));
        if !room {
            taken.refused += 1;
            return None;
        }
        taken.all += usize::from(whole);
        if let Some(address) = address {
            taken.by_address.insert(address, of_address + 1);
        }
        let _alive = taken.alive.clone();
        Some(Place { places: self.clone(), whole, address, _alive })
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= usize::from(self.whole);
        let Some(address) = self.address else { return };
        if let Some(count) = taken.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Network {
        Network::of([192, 0, 2, last].into())
    }

    #[test]
    fn one_address_does_not_take_all_the_room() {
        let new = Rate { burst: 3, per_minute: 1 };
        let limits = PlaceLimits { connections: 3, address_connections: 2, address_new: new, ..PlaceLimits::default() };
        let (places, _) = Places::new(limits);
        let now = Time::from_ms(1_000_000);
        let enter = |last| places.enter(Some(network(last)), now);
        let held = [enter(1).unwrap(), enter(1).unwrap()];
        assert!(enter(1).is_none());
        let other = enter(2).unwrap();
        assert!(enter(3).is_none(), "three over all");
        drop(held);
        assert!(enter(1).is_some());
        assert!(enter(1).is_none(), "three new ones in a minute");
        assert_eq!(places.count(), (1, 3));
        drop(other);
        assert!(places.taken().by_address.is_empty());
    }

    #[test]
    fn who_comes_through_a_proxy_counts_by_itself() {
        let limits = PlaceLimits { address_connections: 1, ..PlaceLimits::default() };
        let (places, mut gone) = Places::new(limits);
        let now = Time::from_ms(1_000_000);
        let proxy = [places.enter(None, now).unwrap(), places.enter(None, now).unwrap()];
        let one = places.enter_behind(network(1), now).unwrap();
        assert!(places.enter_behind(network(1), now).is_none());
        assert!(places.enter_behind(network(2), now).is_some());
        assert_eq!(places.count().0, 2);
        places.close();
        assert!(places.enter(None, now).is_none());
        drop((proxy, one));
        assert_eq!(gone.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    }
}
