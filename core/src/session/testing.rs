//! Devices and rows for the tests of this folder.

use core::cell::RefCell;
use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::group::{Changes, Group, Pending, ReceiveError, Received, StagedCommit};
use super::key_package;
use super::pages::MlsRows;
use super::provider::{Crypto, Provider};
use crate::authority::DeviceKey;
use crate::error::Error;
use crate::id::SessionId;
use crate::rng::Rng;

/// Rows in memory that count what is written.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) rows: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(crate) puts: RefCell<Vec<usize>>,
    pub(crate) deletes: RefCell<usize>,
    pub(crate) failing: RefCell<bool>,
}

impl Rows {
    /// All rows, as a thief would copy them.
    pub(crate) fn copy(&self) -> Rows {
        Rows { rows: self.rows.clone(), ..Rows::default() }
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.rows.borrow().clone()
    }

    pub(crate) fn restore(&self, rows: BTreeMap<Vec<u8>, Vec<u8>>) {
        *self.rows.borrow_mut() = rows;
    }

    /// Bytes written and rows touched since the last call.
    pub(crate) fn take_writes(&self) -> (usize, usize) {
        let puts = self.puts.take();
        (puts.iter().sum(), puts.len() + self.deletes.take())
    }
}

impl MlsRows for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        if *self.failing.borrow() {
            return Err(Error::Store(crate::error::StoreError::Io("injected".into())));
        }
        Ok(self.rows.borrow().get(key).cloned().map(Zeroizing::new))
    }

    fn put(&self, key: &[u8], value: Zeroizing<Vec<u8>>) {
        assert!(key.len() <= crate::limits::STORE_KEY && value.len() <= 3_900, "row of {} bytes", value.len());
        self.puts.borrow_mut().push(key.len() + value.len());
        self.rows.borrow_mut().insert(key.to_vec(), value.to_vec());
    }

    fn delete(&self, key: &[u8]) {
        *self.deletes.borrow_mut() += 1;
        self.rows.borrow_mut().remove(key);
    }
}

/// One device: its key, its rows and at most one group in memory.
pub(crate) struct Device {
    pub(crate) crypto: Crypto,
    pub(crate) signer: DeviceKey,
    pub(crate) certificate: Vec<u8>,
    pub(crate) rows: Rows,
    pub(crate) group: Option<Group>,
}

pub(crate) const SESSION: SessionId = SessionId::from_bytes([7; 16]);
pub(crate) const FACTS: &[u8] = b"facts of the conversation";

impl Device {
    pub(crate) fn new(name: &str) -> Device {
        let mut seed = [0; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let mut rng = Rng::from_seed(seed);
        let signer = DeviceKey::generate(&mut rng);
        // About as long as a real one.
        let certificate = format!("certificate of {name} {}", "x".repeat(300)).into_bytes();
        Device { crypto: Crypto::new(rng), signer, certificate, rows: Rows::default(), group: None }
    }

    pub(crate) fn provider(&self) -> Provider<'_> {
        Provider::new(&self.crypto, &self.rows)
    }

    pub(crate) fn create(&mut self) {
        let group = Group::create(&self.provider(), &self.signer, &self.certificate, SESSION, FACTS).unwrap();
        self.group = Some(group);
    }

    pub(crate) fn key_package(&self) -> Vec<u8> {
        key_package::make(&self.provider(), &self.signer, &self.certificate, false).unwrap().bytes
    }

    pub(crate) fn join(&mut self, welcome: &[u8]) {
        let group = Group::stage_welcome(&self.provider(), welcome).unwrap().accept(&self.provider()).unwrap();
        self.group = Some(group);
    }

    pub(crate) fn group(&mut self) -> &mut Group {
        self.group.as_mut().unwrap()
    }

    /// Runs with the group and a provider at once.
    pub(crate) fn with<T>(&mut self, f: impl FnOnce(&mut Group, &Provider<'_>, &DeviceKey) -> T) -> T {
        let provider = Provider::new(&self.crypto, &self.rows);
        f(self.group.as_mut().unwrap(), &provider, &self.signer)
    }

    pub(crate) fn commit(&mut self, changes: Changes) -> Pending {
        self.with(|group, provider, signer| group.commit(provider, signer, changes)).unwrap()
    }

    /// Commits and merges at once.
    pub(crate) fn committed(&mut self, changes: Changes) -> Pending {
        let pending = self.commit(changes);
        self.merge_pending();
        pending
    }

    pub(crate) fn merge_pending(&mut self) {
        self.with(|group, provider, _| group.merge_pending(provider)).unwrap();
    }

    pub(crate) fn send(&mut self, text: &[u8]) -> Vec<u8> {
        self.with(|group, provider, signer| group.encrypt(provider, signer, text)).unwrap()
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<Received, ReceiveError> {
        self.with(|group, provider, _| group.receive(provider, bytes))
    }

    /// The text of an application message.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Vec<u8>, ReceiveError> {
        match self.receive(bytes)? {
            Received::Message { plaintext, .. } => Ok(plaintext.to_vec()),
            _ => panic!("not an application message"),
        }
    }

    /// The text of an application message, unless it is refused or passes for our own.
    pub(crate) fn read_or_own(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self.receive(bytes).ok()? {
            Received::Message { plaintext, .. } => Some(plaintext.to_vec()),
            _ => None,
        }
    }

    pub(crate) fn stage(&mut self, bytes: &[u8]) -> StagedCommit {
        match self.receive(bytes) {
            Ok(Received::Commit(commit)) => *commit,
            Ok(_) => panic!("not a commit"),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Takes in a commit and merges it.
    pub(crate) fn follow(&mut self, bytes: &[u8]) {
        let commit = self.stage(bytes);
        self.with(|group, provider, _| group.merge(provider, commit)).unwrap();
    }

    /// Merges what [`Device::receive`] gave.
    pub(crate) fn follow_staged(&mut self, received: Result<Received, ReceiveError>) {
        let Ok(Received::Commit(commit)) = received else { panic!("not a commit") };
        self.with(|group, provider, _| group.merge(provider, *commit)).unwrap();
    }

    /// Drops the group in memory and loads it from its rows.
    pub(crate) fn reload(&mut self) {
        let group = Group::load(&self.provider(), SESSION).unwrap();
        self.group = group;
    }

    /// The same device on copied rows, with the group loaded from them.
    pub(crate) fn thief(&self) -> Device {
        let mut thief = Device::new("thief");
        thief.signer = DeviceKey::from_bytes(*self.signer.to_bytes());
        thief.rows = self.rows.copy();
        thief.reload();
        thief
    }
}

/// Two members, the first of whom made the group.
pub(crate) fn two() -> (Device, Device) {
    let (mut ann, mut bob) = (Device::new("ann"), Device::new("bob"));
    ann.create();
    let pending = ann.committed(Changes { adds: vec![bob.key_package()], ..Changes::default() });
    bob.join(&pending.welcome.unwrap());
    (ann, bob)
}

/// Puts all devices into one group that the first of them makes; gives what was sent.
pub(crate) fn join_all(devices: &mut [Device]) -> Vec<Vec<u8>> {
    let (first, others) = devices.split_first_mut().unwrap();
    let adds = others.iter().map(Device::key_package).collect();
    first.create();
    let pending = first.committed(Changes { adds, ..Changes::default() });
    let welcome = pending.welcome.unwrap();
    others.iter_mut().for_each(|device| device.join(&welcome));
    vec![pending.commit, welcome]
}
