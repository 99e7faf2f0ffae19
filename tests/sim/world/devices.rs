//! Devices of a world: how they come, go, and come back.

use undertone::engine::Engine;
use undertone::error::Error;
use undertone::id::UserId;
use undertone::policy::Role;
use undertone::store::MemoryDisk;

use super::{DeviceIx, World};
use crate::sim::device::{Device, Profile};
use crate::sim::platform::VALIDITY;

impl World {
    /// A new user's first device: open, enrolled and connecting.
    pub fn device(&mut self, user: &str, role: &str) -> DeviceIx {
        let ix = self.unconnected(user, role, None);
        self.connect(ix);
        ix
    }

    /// Another device of the user of `first`, with the same identity key.
    pub fn another(&mut self, first: DeviceIx) -> DeviceIx {
        let ix = self.another_unconnected(first);
        self.connect(ix);
        ix
    }

    /// The same, not connected yet.
    pub fn another_unconnected(&mut self, first: DeviceIx) -> DeviceIx {
        let identity = *self.devices[first].engine().identity().identity_key().to_bytes();
        let (user, role) = (self.devices[first].profile.user.clone(), self.devices[first].profile.role.clone());
        self.unconnected(user.as_str(), role.as_str(), Some(identity))
    }

    /// A device that is open and enrolled.
    pub fn unconnected(&mut self, user: &str, role: &str, identity: Option<[u8; 32]>) -> DeviceIx {
        let profile = Profile {
            user: UserId::new(user).expect("a user id"),
            role: Role::new(role).expect("a role"),
            identity,
            policy: self.policy,
            sabotage: self.sabotage,
            key_packages: self.key_packages,
            update_after_messages: self.update_after_messages,
            update_after: self.update_after,
            period: self.period,
        };
        let ix = self.add(profile, MemoryDisk::new());
        self.enrol(ix, VALIDITY);
        ix
    }

    /// What a device is, for another copy of it.
    pub fn profile(&self, ix: DeviceIx) -> Profile {
        let profile = &self.devices[ix].profile;
        Profile { user: profile.user.clone(), role: profile.role.clone(), ..*profile }
    }

    /// A device on a disk, open.
    pub fn add(&mut self, profile: Profile, disk: MemoryDisk) -> DeviceIx {
        self.devices.push(Device::new(profile, disk));
        let ix = self.devices.len() - 1;
        self.open(ix).expect("a fresh store opens");
        ix
    }

    /// Opens a device's engine and drains it.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub fn open(&mut self, ix: DeviceIx) -> Result<(), Error> {
        let seed = self.rng.bytes();
        self.devices[ix].open(seed, self.now)?;
        self.drain(ix);
        Ok(())
    }

    /// Gets a device its first certificate.
    pub fn enrol(&mut self, ix: DeviceIx, validity: u64) {
        let device = &mut self.devices[ix];
        let request = device.engine().identity().enrolment_request().expect("an open engine");
        let certificate = self.platform.certify(&request, &device.profile.role, self.now, validity);
        device.certificate = Some(certificate.clone());
        self.call(ix, |engine, now| engine.identity().enrol(certificate.as_bytes(), now)).expect("a good certificate");
    }

    /// The host wants to be connected from now on.
    pub fn connect(&mut self, ix: DeviceIx) {
        self.devices[ix].wants_link = true;
        self.dial(ix);
    }

    /// The host goes offline, and knows it.
    pub fn disconnect(&mut self, ix: DeviceIx) {
        self.devices[ix].wants_link = false;
        self.lose_link(ix);
    }

    /// A device's process ends, and the first `keep` of the batches that no barrier covered are on the disk.
    pub fn crash(&mut self, ix: DeviceIx, keep: usize) {
        let (id, connection) = (self.devices[ix].id, self.devices[ix].connection);
        self.devices[ix].crash(keep);
        self.relay.hang_up(id, connection);
    }

    /// Opens a crashed device again and connects it if its host wants that.
    pub fn restart(&mut self, ix: DeviceIx) {
        self.open(ix).expect("a store opens again");
        if self.devices[ix].wants_link {
            self.dial(ix);
        }
    }

    /// Renews a device's certificate, perhaps in another role.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub fn renew(&mut self, ix: DeviceIx, role: &str, validity: u64) -> Result<(), Error> {
        let role = Role::new(role).expect("a role");
        let old = self.devices[ix].certificate.clone().expect("an enrolled device");
        let renewed = self.platform.renew(&old, &role, self.now, validity);
        self.devices[ix].certificate = Some(renewed.clone());
        self.devices[ix].profile.role = role;
        self.call(ix, |engine, now| engine.identity().enrol(renewed.as_bytes(), now))
    }

    /// A device's clock is set, so many milliseconds ahead of the world's.
    pub fn set_clock(&mut self, ix: DeviceIx, skew: i64) {
        self.devices[ix].skew = skew;
        if self.devices[ix].engine.is_some() {
            let _ = self.call(ix, Engine::handle_timeout);
        }
    }
}
