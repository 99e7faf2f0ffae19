//! Engines for unit tests.

use super::Engine;
use crate::authority::Authority;
use crate::config::Config;
use crate::id::UserId;
use crate::policy::Role;
use crate::store::{HostKey, MemoryDisk, MemoryStore, Vault};
use crate::time::{DAY, Time};

/// When they begin: 2027-01-15T08:00:00Z.
pub(crate) const NOW: Time = Time::from_ms(1_800_000_000_000);

/// The authority of all of them.
pub(crate) fn authority() -> Authority {
    Authority::from_seed([1; 32])
}

/// A client's engine with a fresh store and a certificate for 300 days.
pub(crate) fn enrolled(user: &str) -> Engine {
    let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
    let config = Config::new(UserId::new(user).unwrap(), authority().public_key());
    let mut engine = Engine::open(config, Box::new(store), &HostKey::from_bytes([2; 32]), [3; 32], NOW).unwrap();
    enrol(&mut engine);
    engine
}

/// Gives an engine that certificate.
pub(crate) fn enrol(engine: &mut Engine) {
    let request = engine.identity().enrolment_request().unwrap();
    let role = Role::new("client").unwrap();
    let certificate = authority().issue(&request, role, 1, NOW.minus(DAY), NOW.plus(300 * DAY)).unwrap();
    engine.identity().enrol(certificate.as_bytes(), NOW).unwrap();
}

/// What lies below an engine.
pub(crate) fn vault(engine: &Engine) -> &Vault {
    &engine.vault
}
