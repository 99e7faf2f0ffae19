//! The real relay's logic on a store in memory, which can lose power between two answers.

use std::collections::{BTreeMap, BTreeSet};

use undertone::envelope::Envelope;
use undertone::id::{DeviceId, Hash32};
use undertone::input::{self, Answer, Delivery};
use undertone::output::Request;
use undertone::policy::Policy;
use undertone::time::Time;
use undertone_relay::answer::{self, DeliveryId};
use undertone_relay::logic::{Config, Fault, Limits, Output, Relay};
use undertone_relay::store::MemoryStore;

use super::world::DeviceIx;

/// Deliveries in one page of the mailbox.
const PAGE: usize = 20;

/// The relay and the connections that it knows.
pub struct RelayHost {
    relay: Option<Relay<MemoryStore>>,
    authority: [u8; 32],
    policy: fn() -> Policy,
    limits: Limits,
    starts: u8,
    connections: BTreeMap<DeviceId, (DeviceIx, u64)>,
    /// A fault, to see that it is found: whoever holds a slot and asks again is told that another holds it.
    pub conflicts_with_holder: bool,
    /// The holders of slots since the last start, for that fault.
    holders: BTreeSet<Hash32>,
}

impl RelayHost {
    pub fn new(authority: [u8; 32], policy: fn() -> Policy, limits: Limits) -> RelayHost {
        let mut host = RelayHost {
            relay: None,
            authority,
            policy,
            limits,
            starts: 0,
            connections: BTreeMap::new(),
            conflicts_with_holder: false,
            holders: BTreeSet::new(),
        };
        host.start(MemoryStore::default());
        host
    }

    fn start(&mut self, store: MemoryStore) {
        self.starts = self.starts.wrapping_add(1);
        let config =
            Config { authorities: vec![self.authority], policy: (self.policy)(), limits: self.limits, sights: 100_000 };
        self.relay = Some(Relay::open(config, store, [self.starts; 32]).expect("a store in memory opens"));
    }

    /// Loses power and starts again; all connections are gone.
    pub fn crash(&mut self) {
        if let Some(relay) = self.relay.take() {
            let mut store = relay.into_store();
            store.crash();
            self.connections.clear();
            self.holders.clear();
            self.start(store);
        }
    }

    /// Starts again with other rules.
    pub fn set_policy(&mut self, policy: fn() -> Policy) {
        self.policy = policy;
        self.logic().commit().expect("a store in memory works");
        self.crash();
    }

    pub fn logic(&mut self) -> &mut Relay<MemoryStore> {
        self.relay.as_mut().expect("the relay runs")
    }

    /// Logs a device in; `None` when the relay refuses.
    pub fn login(
        &mut self,
        place: (DeviceIx, u64),
        certificate: &[u8],
        sign: impl FnOnce(&[u8; 32]) -> Vec<u8>,
        now: Time,
    ) -> Option<input::Login> {
        let challenge = self.logic().challenge();
        let signature = sign(&challenge);
        let login = match self.logic().login(&challenge, certificate, &signature, now) {
            Ok(login) => login,
            Err(Fault::Refused(_)) => return None,
            Err(Fault::Store(error)) => panic!("the relay's store failed: {error}"),
        };
        self.connections.insert(login.device, place);
        Some(input::Login {
            accepted_sequence: Some(login.highest_sequence),
            key_packages: u32::try_from(login.key_packages).ok(),
            time: Some(now),
        })
    }

    /// Whether this is the connection that the relay knows of a device.
    pub fn knows(&self, device: DeviceId, connection: u64) -> bool {
        self.connections.get(&device).is_some_and(|(_, known)| *known == connection)
    }

    /// The connection ended.
    pub fn hang_up(&mut self, device: DeviceId, connection: u64) {
        if self.knows(device, connection) {
            self.connections.remove(&device);
            self.logic().logout(device);
        }
    }

    pub fn submit(&mut self, from: DeviceId, bundle: &[Vec<u8>], now: Time) -> input::TransmitResult {
        match self.logic().submit(from, bundle, now).expect("a store in memory works") {
            answer::TransmitResult::Accepted { at } if self.conflicts_with_holder && self.held_already(bundle) => {
                input::TransmitResult::Conflict { winner: bundle[0].clone(), at }
            }
            result => result.into(),
        }
    }

    /// Whether what is accepted now held its slot before; remembered for the next time.
    fn held_already(&mut self, bundle: &[Vec<u8>]) -> bool {
        let takes_slot =
            bundle.first().and_then(|first| Envelope::decode(first).ok()).is_some_and(|e| e.slot.is_some());
        takes_slot && !self.holders.insert(Hash32::of(&bundle[0]))
    }

    /// Answers a request; with it comes what a mailbox held.
    pub fn ask(&mut self, from: DeviceId, request: Request, now: Time) -> (Answer, Vec<Delivery>) {
        match request {
            Request::Fetch { since } => {
                let page = self.logic().fetch(from, DeliveryId(since), PAGE, now).expect("a store in memory works");
                let next = page.more.then_some(input::DeliveryId(page.next.0));
                (Answer::Fetched { next }, page.deliveries.into_iter().map(Into::into).collect())
            }
            Request::LookUp { users, key_packages } => {
                let found = self.logic().look_up(from, &users, key_packages, now);
                let users = found.map(|users| users.into_iter().map(Into::into).collect());
                (users.map_or(Answer::Failed, Answer::Directory), Vec::new())
            }
            Request::Publish { packages, last_resort, replace } => {
                let packages: Vec<Vec<u8>> = packages.into_iter().map(|p| p.into_vec()).collect();
                let last_resort = last_resort.as_ref().map(|p| p.as_slice());
                let done = self.logic().publish(from, &packages, last_resort, replace, now);
                (done.map_or(Answer::Failed, |_| Answer::Published), Vec::new())
            }
            Request::Slot { name } => {
                let held = self.logic().slot(from, &name, now);
                (held.map_or(Answer::Failed, |held| Answer::Slot(held.map(|h| h.winner))), Vec::new())
            }
            // No relay's business: hosts keep it.
            Request::Fallback { .. } => (Answer::Failed, Vec::new()),
        }
    }

    /// Removes what has expired.
    pub fn sweep(&mut self, now: Time) {
        self.logic().handle_timeout(now).expect("a store in memory works");
        self.logic().commit().expect("a store in memory works");
    }

    pub fn acknowledge(&mut self, from: DeviceId, id: input::DeliveryId) {
        self.logic().acknowledge(from, &[DeliveryId(id.0)]).expect("a store in memory works");
    }

    /// Makes everything durable, and hands out what devices are to be told, by connection.
    pub fn outputs(&mut self) -> Vec<(DeviceIx, u64, Output)> {
        self.logic().commit().expect("a store in memory works");
        let mut told = Vec::new();
        while let Some(output) = self.logic().poll_output() {
            let to = match &output {
                Output::Deliver { to, .. }
                | Output::MailWaiting { to }
                | Output::DirectoryChanged { to, .. }
                | Output::RevocationsChanged { to }
                | Output::LoggedOut { device: to }
                | Output::Push { device: to, .. } => *to,
                // A relay that serves alone passes nothing on to others.
                Output::RemoveBlob { .. } | Output::Passed { .. } => continue,
            };
            if let Some((device, connection)) = self.connections.get(&to) {
                told.push((*device, *connection, output));
            }
        }
        told
    }

    pub fn revocations(&mut self) -> Vec<Vec<u8>> {
        self.logic().revocations().into_iter().map(<[u8]>::to_vec).collect()
    }
}
