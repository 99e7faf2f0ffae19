//! A device and its host: an engine on a disk, and a connection.

use std::collections::BTreeSet;

use undertone::authority::{Certificate, IdentityKey};
use undertone::config::Config;
use undertone::engine::Engine;
use undertone::error::{Error, StoreError};
use undertone::event::Event;
use undertone::id::{DeviceId, UserId};
use undertone::input::{RequestId, TransmitId};
use undertone::output::Request;
use undertone::policy::{Policy, Role};
use undertone::rng::Rng;
use undertone::sabotage::{Older, Sabotage};
use undertone::store::{HostKey, MemoryDisk, MemoryStore, Op, Table, Vault};
use undertone::time::Time;

/// The state of a host's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Down,
    Dialing,
    Up,
}

/// What a device is, whatever state its engine is in.
pub struct Profile {
    pub user: UserId,
    pub role: Role,
    /// The identity key of the user's first device, for a further one.
    pub identity: Option<[u8; 32]>,
    pub policy: fn() -> Policy,
    pub sabotage: Option<Sabotage>,
    /// What it does not understand, as an older version.
    pub older: Option<Older>,
    pub key_packages: usize,
    pub update_after_messages: u64,
    pub update_after: u64,
    pub period: i32,
    pub fallback_after: Option<u64>,
}

/// A device: its disk survives crashes, its engine does not.
pub struct Device {
    pub profile: Profile,
    pub id: DeviceId,
    pub certificate: Option<Certificate>,
    pub disk: MemoryDisk,
    /// The key in the platform's keystore, and the one that is about to take its place.
    pub host_key: [u8; 32],
    pub next_host_key: Option<[u8; 32]>,
    pub engine: Option<Engine>,
    /// How far its clock is ahead of the world's, in milliseconds.
    pub skew: i64,
    /// Whether its host tries to be connected.
    pub wants_link: bool,
    /// Whether the network lets nothing through.
    pub cut: bool,
    pub link: Link,
    /// Number of the present connection.
    pub connection: u64,
    pub waiting_transmits: BTreeSet<TransmitId>,
    pub waiting_requests: BTreeSet<RequestId>,
    /// When the engine wants to be called, by the world's clock.
    pub wake: Time,
    /// When it was last given a word of the moment, by the world's clock.
    pub heard: Option<Time>,
    /// What the engine wanted shown, until somebody takes it.
    pub events: Vec<Event>,
    /// What the engine answered to bad envelopes, until somebody takes it.
    pub refusals: Vec<Error>,
    /// Whom the engine wants reached by another channel, until somebody takes it.
    pub fallbacks: Vec<(RequestId, Request)>,
    /// Whether its engine has closed itself: it must be opened again.
    pub failed: bool,
    /// How often it was opened.
    pub opens: u64,
}

impl Device {
    pub fn new(profile: Profile, disk: MemoryDisk) -> Device {
        Device {
            profile,
            id: DeviceId::from_bytes([0; 16]),
            certificate: None,
            disk,
            host_key: HOST_KEY,
            next_host_key: None,
            engine: None,
            skew: 0,
            wants_link: false,
            cut: false,
            link: Link::Down,
            connection: 0,
            waiting_transmits: BTreeSet::new(),
            waiting_requests: BTreeSet::new(),
            wake: Time::NEVER,
            heard: None,
            events: Vec::new(),
            refusals: Vec::new(),
            fallbacks: Vec::new(),
            failed: false,
            opens: 0,
        }
    }

    /// What its clock shows when the world's shows `world`.
    pub fn clock(&self, world: Time) -> Time {
        Time::from_ms(world.as_ms().saturating_add_signed(self.skew))
    }

    /// When the world's clock shows what this one's will.
    pub fn in_world(&self, own: Time) -> Time {
        if own == Time::NEVER { own } else { Time::from_ms(own.as_ms().saturating_add_signed(-self.skew)) }
    }

    /// Opens the engine on the disk. Where a crash has come between two host keys, one of them opens it.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub fn open(&mut self, seed: [u8; 32], now: Time) -> Result<(), Error> {
        self.opens += 1;
        let mut opened = self.open_with(self.host_key, seed, now);
        if let Some(next) = self.next_host_key.take()
            && opened.as_ref().is_err_and(|error| *error == Error::Store(StoreError::WrongKey))
        {
            self.host_key = next;
            opened = self.open_with(next, seed, now);
        }
        let engine = opened?;
        self.id = engine.device();
        self.engine = Some(engine);
        Ok(())
    }

    fn open_with(&self, host_key: [u8; 32], seed: [u8; 32], now: Time) -> Result<Engine, Error> {
        let store = MemoryStore::open(&self.disk).map_err(Error::Store)?;
        let profile = &self.profile;
        let mut config = Config::new(profile.user.clone(), profile_authority());
        config.policy = (profile.policy)();
        config.identity = profile.identity.map(IdentityKey::from_bytes);
        config.sabotage = profile.sabotage;
        config.older = profile.older;
        config.key_packages = profile.key_packages;
        config.update_after_messages = profile.update_after_messages;
        config.update_after = profile.update_after;
        config.period = profile.period;
        config.fallback_after = profile.fallback_after;
        Engine::open(config, Box::new(store), &HostKey::from_bytes(host_key), seed, self.clock(now))
    }

    /// The process ends: only the disk stays, with the first `keep` batches since the last barrier.
    pub fn crash(&mut self, keep: usize) {
        let disk = self.disk.crash(keep);
        self.engine = None;
        self.failed = false;
        self.disk = disk;
        self.hang_up();
        self.wake = Time::NEVER;
    }

    /// Forgets the connection.
    pub fn hang_up(&mut self) {
        self.link = Link::Down;
        self.waiting_transmits.clear();
        self.waiting_requests.clear();
    }

    pub fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("the engine is open")
    }
}

/// Whether an error means that the engine must be opened again.
pub fn is_fatal(error: &Error) -> bool {
    matches!(error, Error::Store(_) | Error::Bug(_) | Error::Misuse(undertone::error::Misuse::Closed))
}

/// Whether an error is an invariant of the engine that did not hold.
pub fn is_bug(error: &Error) -> bool {
    match error {
        Error::Store(error) => matches!(error, StoreError::Corrupt(_) | StoreError::Limit(_)),
        Error::Misuse(_) | Error::Denied(_) | Error::Peer(_) => false,
        _ => true,
    }
}

/// The key that every host of the world keeps at first.
const HOST_KEY: [u8; 32] = [0x42; 32];

/// The seed of the world's authority.
pub const AUTHORITY_SEED: [u8; 32] = [9; 32];

fn profile_authority() -> [u8; 32] {
    undertone::authority::Authority::from_seed(AUTHORITY_SEED).public_key()
}

/// Which tables a word can be read in, with the first host key and all that it opens, whenever it was written there.
pub fn readable(disk: &MemoryDisk, word: &str) -> Vec<Table> {
    let store = MemoryStore::open(&disk.copy()).unwrap();
    let vault = Vault::open(Box::new(store), &HostKey::from_bytes(HOST_KEY), &mut Rng::from_seed([0; 32])).unwrap();
    let mut tables: Vec<Table> = Vec::new();
    for batch in disk.history() {
        let says = |row: &&Op| {
            let plain = vault.open_remembered(&batch, row);
            plain.is_some_and(|plain| plain.windows(word.len()).any(|bytes| bytes == word.as_bytes()))
        };
        tables.extend(batch.iter().filter(says).map(|row| row.table));
    }
    tables.sort_unstable();
    tables.dedup();
    tables
}
