//! Engines for unit tests.

use super::Engine;
use crate::authority::{Authority, Certificate, DeviceKey, EnrolmentRequest, IdentityKey};
use crate::config::Config;
use crate::conversation;
use crate::id::{ConversationId, UserId};
use crate::message::{MessageKey, MessageRow};
use crate::policy::Role;
use crate::rng::Rng;
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

/// A certificate for device `number` of a client.
pub(crate) fn certified(user: &str, number: u8) -> Certificate {
    let identity = IdentityKey::generate(&mut Rng::from_seed([100; 32]));
    let device = DeviceKey::generate(&mut Rng::from_seed([number; 32]));
    let request = EnrolmentRequest::new(&UserId::new(user).unwrap(), &identity, &device).unwrap();
    let role = Role::new("client").unwrap();
    authority().issue(&request, role, number.into(), NOW.minus(DAY), NOW.plus(DAY)).unwrap()
}

/// Puts a message into a conversation.
pub(crate) fn put(engine: &mut Engine, talk: ConversationId, place: MessageKey, message: &MessageRow, now: Time) {
    let added = engine.mutate(now, |ctx| {
        let mut row = conversation::require(&ctx.tx, talk)?;
        conversation::added(ctx, &mut row, place, message)?;
        conversation::store(&mut ctx.tx, &row)
    });
    added.unwrap();
}
