//! A platform in a box: an authority, phones with certificates, and a relay on a store in memory.

use undertone::authority::{Authority, Certificate, DeviceKey, EnrolmentRequest, IdentityKey};
use undertone::envelope::{Envelope, EnvelopeKind, PushHint, StartToken};
use undertone::id::{DeviceId, EnvelopeId, Hash32, SessionId, SlotName, UserId};
use undertone::policy::{Policy, Role};
use undertone::rng::Rng;
use undertone::time::{DAY, HOUR, Time};
use undertone_relay::answer::{Delivery, DeliveryId, RefusedReason, TransmitResult};
use undertone_relay::logic::{Config, Fault, Limits, Login, LoginRefused, Output, Relay, login_message};
use undertone_relay::store::MemoryStore;

pub struct Platform {
    pub authority: Authority,
    pub relay: Relay<MemoryStore>,
    pub limits: Limits,
    pub now: Time,
    rng: Rng,
    serial: u64,
}

/// A device as a doctored client would be: it signs and sends whatever a test wants.
pub struct Phone {
    pub user: UserId,
    pub identity: IdentityKey,
    pub key: DeviceKey,
    pub certificate: Certificate,
    pub request: Vec<u8>,
    sequence: std::cell::Cell<u64>,
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

pub fn config(authority: &Authority, limits: Limits) -> Config {
    Config { authorities: vec![authority.public_key()], policy: Policy::companion(), limits, sights: 1_000 }
}

impl Platform {
    pub fn new() -> Platform {
        Platform::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Platform {
        let authority = Authority::from_seed([9; 32]);
        let relay = Relay::open(config(&authority, limits), MemoryStore::default(), [3; 32]).unwrap();
        let now = Time::from_unix_ms(1_800_000_000_000).unwrap();
        Platform { authority, relay, limits, now, rng: Rng::from_seed([1; 32]), serial: 0 }
    }

    /// A phone of a new user, logged in and listed.
    pub fn phone(&mut self, name: &str, as_role: &str) -> Phone {
        let phone = self.unlisted_phone(name, as_role);
        self.login(&phone).unwrap();
        self.publish(&phone, 3);
        self.catch_up(&phone);
        phone
    }

    /// A phone that has a certificate and was never seen by the relay.
    pub fn unlisted_phone(&mut self, name: &str, as_role: &str) -> Phone {
        let identity = IdentityKey::generate(&mut self.rng);
        self.phone_of(user(name), identity, as_role, self.now.plus(90 * DAY))
    }

    /// Another phone of the same user.
    pub fn second_phone(&mut self, first: &Phone) -> Phone {
        let identity = IdentityKey::from_bytes(*first.identity.to_bytes());
        self.phone_of(first.user.clone(), identity, first.certificate.role().as_str(), self.now.plus(90 * DAY))
    }

    pub fn phone_of(&mut self, user: UserId, identity: IdentityKey, as_role: &str, not_after: Time) -> Phone {
        let key = DeviceKey::generate(&mut self.rng);
        let request = EnrolmentRequest::new(&user, &identity, &key).unwrap();
        self.serial += 1;
        let certificate =
            self.authority.issue(&request, role(as_role), self.serial, self.now.minus(HOUR), not_after).unwrap();
        let request = request.as_bytes().to_vec();
        Phone { user, identity, key, certificate, request, sequence: std::cell::Cell::new(0) }
    }

    pub fn renewed(&mut self, phone: &Phone, as_role: &str) -> Certificate {
        self.serial += 1;
        let (from, to) = (self.now.minus(HOUR), self.now.plus(180 * DAY));
        self.authority.renew(&phone.certificate, role(as_role), self.serial, from, to).unwrap()
    }

    pub fn login(&mut self, phone: &Phone) -> Result<Login, LoginRefused> {
        let certificate = phone.certificate.as_bytes().to_vec();
        self.login_with(phone, &certificate)
    }

    pub fn login_with(&mut self, phone: &Phone, certificate: &[u8]) -> Result<Login, LoginRefused> {
        let challenge = self.relay.challenge();
        let signature = phone.key.sign(&login_message(&challenge));
        match self.relay.login(&challenge, certificate, &signature, self.now) {
            Ok(login) => Ok(login),
            Err(Fault::Refused(reason)) => Err(reason),
            Err(Fault::Store(error)) => panic!("{error}"),
        }
    }

    pub fn publish(&mut self, phone: &Phone, count: usize) {
        let packages = packages(phone, count);
        self.relay.publish(phone.id(), &packages, Some(b"last resort"), false, self.now).unwrap();
    }

    pub fn submit(&mut self, phone: &Phone, envelope: &Envelope) -> TransmitResult {
        self.submit_bundle(phone, std::slice::from_ref(envelope))
    }

    pub fn submit_bundle(&mut self, phone: &Phone, bundle: &[Envelope]) -> TransmitResult {
        let bundle: Vec<_> = bundle.iter().map(|envelope| envelope.encode().unwrap()).collect();
        let result = self.relay.submit(phone.id(), &bundle, self.now).unwrap();
        self.relay.commit().unwrap();
        result
    }

    /// A session that `one` starts with `other`.
    pub fn session(&mut self, one: &Phone, other: &Phone) -> SessionId {
        let tag = self.tag();
        let welcome = one.welcome(tag, &[other], Some(one.token(self, &other.user)));
        assert!(matches!(self.submit(one, &welcome), TransmitResult::Accepted { .. }));
        tag
    }

    pub fn tag(&mut self) -> SessionId {
        SessionId::from_bytes(self.rng.bytes())
    }

    /// Fetches all, acknowledges it, and is delivered to from now on.
    pub fn catch_up(&mut self, phone: &Phone) -> Vec<Delivery> {
        let (mut all, mut since) = (Vec::new(), DeliveryId(0));
        loop {
            let page = self.relay.fetch(phone.id(), since, 100, self.now).unwrap();
            since = page.next;
            all.extend(page.deliveries);
            if !page.more {
                break;
            }
        }
        let ids: Vec<_> = all.iter().map(|delivery| delivery.id).collect();
        self.relay.acknowledge(phone.id(), &ids).unwrap();
        all
    }

    pub fn outputs(&mut self) -> Vec<Output> {
        self.relay.commit().unwrap();
        std::iter::from_fn(|| self.relay.poll_output()).collect()
    }

    /// Loses power and starts again.
    pub fn crash(&mut self) {
        let authority = Authority::from_seed([9; 32]);
        let fresh = Relay::open(config(&authority, self.limits), MemoryStore::default(), [0; 32]).unwrap();
        let mut store = std::mem::replace(&mut self.relay, fresh).into_store();
        store.crash();
        self.relay = Relay::open(config(&authority, self.limits), store, [4; 32]).unwrap();
    }
}

impl Phone {
    pub fn id(&self) -> DeviceId {
        self.certificate.device()
    }

    pub fn envelope(&self, kind: EnvelopeKind, tag: SessionId, to: &[&Phone], now: Time) -> Envelope {
        self.sequence.set(self.sequence.get() + 1);
        let sequence = self.sequence.get();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&sequence.to_be_bytes());
        Envelope {
            id: EnvelopeId::from_bytes(id),
            kind,
            tag,
            sender: self.id(),
            sequence,
            recipients: to.iter().map(|phone| phone.id()).collect(),
            expires_at: now.plus(30 * DAY),
            push: PushHint::None,
            slot: None,
            token: None,
            commitment: None,
            body: format!("body {sequence}").into_bytes(),
        }
    }

    pub fn message(&self, tag: SessionId, to: &[&Phone]) -> Envelope {
        let message = self.envelope(EnvelopeKind::Message, tag, to, Time::from_ms(1_800_000_000_000));
        Envelope { push: PushHint::Message, commitment: Some(Hash32::of(b"opening")), ..message }
    }

    /// A word of the moment, of the next `ms` milliseconds.
    pub fn ephemeral(&self, tag: SessionId, to: &[&Phone], now: Time, ms: u64) -> Envelope {
        let envelope = self.envelope(EnvelopeKind::Ephemeral, tag, to, now);
        Envelope { sequence: 0, expires_at: now.plus(ms), ..envelope }
    }

    pub fn welcome(&self, tag: SessionId, to: &[&Phone], token: Option<Vec<u8>>) -> Envelope {
        Envelope { token, ..self.envelope(EnvelopeKind::Welcome, tag, to, Time::from_ms(1_800_000_000_000)) }
    }

    pub fn commit(&self, tag: SessionId, to: &[&Phone], slot: u8) -> Envelope {
        let commit = self.envelope(EnvelopeKind::Commit, tag, to, Time::from_ms(1_800_000_000_000));
        Envelope { slot: Some(SlotName::from_bytes([slot; 32])), ..commit }
    }

    /// A start token that this device signs for its own user.
    pub fn token(&self, platform: &Platform, responder: &UserId) -> Vec<u8> {
        self.forged_token(platform, &self.user, responder, &self.certificate)
    }

    /// A start token that this device signs, whatever it says.
    pub fn forged_token(&self, platform: &Platform, from: &UserId, to: &UserId, certificate: &Certificate) -> Vec<u8> {
        let token = StartToken {
            initiator: from.clone(),
            responder: to.clone(),
            authority: platform.authority.public_key(),
            at: platform.now,
            certificate: certificate.as_bytes().to_vec(),
        };
        token.sign(&self.key).unwrap()
    }
}

pub fn packages(phone: &Phone, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| [phone.id().as_bytes().as_slice(), &number.to_be_bytes()].concat()).collect()
}

#[track_caller]
pub fn refused(result: TransmitResult, reason: RefusedReason) {
    assert!(result == TransmitResult::Refused(reason), "expected {reason:?}, got {}", describe(&result));
}

#[track_caller]
pub fn accepted(result: TransmitResult) -> Time {
    match result {
        TransmitResult::Accepted { at } => at,
        other => panic!("expected acceptance, got {}", describe(&other)),
    }
}

pub fn describe(result: &TransmitResult) -> String {
    match result {
        TransmitResult::Accepted { at } => format!("accepted at {at:?}"),
        TransmitResult::Conflict { at, .. } => format!("conflict, won at {at:?}"),
        TransmitResult::Refused(reason) => format!("refused: {reason:?}"),
    }
}
