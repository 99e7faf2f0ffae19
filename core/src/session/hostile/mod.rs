//! One engine and doctored devices around it, which speak MLS well and keep no rule: what they can do to it.

mod commits;
mod healing;
mod welcomes;

use crate::authority::{Authority, Certificate, EnrolmentRequest, IdentityKey};
use crate::config::Config;
use crate::engine::Engine;
use crate::envelope::{Envelope, EnvelopeKind, PushHint, StartToken};
use crate::error::Result;
use crate::event::Event;
use crate::id::{ConversationId, DeviceId, EnvelopeId, SlotName, UserId};
use crate::input::{Answer, Connection, Delivery, DeliveryId, Login};
use crate::output::{Output, Request, Transmit};
use crate::policy::{Policy, Role};
use crate::rng::Rng;
use crate::session::commit;
use crate::session::facts::Facts;
use crate::session::group::{Changes, Group};
use crate::session::row::{self, NO_PARENT, SessionRow};
use crate::session::testing::{Device, SESSION};
use crate::store::{HostKey, MemoryDisk, MemoryStore};
use crate::time::{DAY, HOUR, Time};

const BEGIN: Time = Time::from_ms(1_800_000_000_000);

/// The engine of bea, an escort, on a platform; everything else is played.
struct Stage {
    authority: Authority,
    engine: Engine,
    now: Time,
    serial: u64,
    delivered: u64,
    packages: Vec<Vec<u8>>,
    last_resort: Vec<u8>,
    transmits: Vec<Transmit>,
    requests: Vec<(crate::input::RequestId, Request)>,
    events: Vec<Event>,
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn identity(name: &str) -> IdentityKey {
    let mut seed = [9; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    IdentityKey::generate(&mut Rng::from_seed(seed))
}

impl Stage {
    fn new() -> Stage {
        let authority = Authority::from_seed([1; 32]);
        let config = Config { key_packages: 4, ..Config::new(user("bea"), authority.public_key()) };
        let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let key = HostKey::from_bytes([2; 32]);
        let engine = Engine::open(config, Box::new(store), &key, [3; 32], BEGIN).unwrap();
        let mut stage = Stage {
            authority,
            engine,
            now: BEGIN,
            serial: 0,
            delivered: 0,
            packages: Vec::new(),
            last_resort: Vec::new(),
            transmits: Vec::new(),
            requests: Vec::new(),
            events: Vec::new(),
        };
        stage.enrol("escort");
        let login = Login { accepted_sequence: None, key_packages: Some(0), time: None };
        stage.engine.connection(Connection::Up(login), BEGIN).unwrap();
        stage.drain();
        let fetch = stage.requests.iter().find(|(_, r)| matches!(r, Request::Fetch { .. })).unwrap().0;
        stage.engine.request_done(fetch, Answer::Fetched { next: None }, BEGIN).unwrap();
        stage.drain();
        stage
    }

    /// A certificate for bea's engine, first or renewed.
    fn enrol(&mut self, role: &str) -> Certificate {
        let request = self.engine.identity().enrolment_request().unwrap();
        let certificate = self.certify(&request, role);
        self.engine.identity().enrol(certificate.as_bytes(), self.now).unwrap();
        self.drain();
        certificate
    }

    fn certify(&mut self, request: &EnrolmentRequest, role: &str) -> Certificate {
        self.serial += 1;
        let (from, to) = (self.now.minus(HOUR), self.now.plus(90 * DAY));
        self.authority.issue(request, Role::new(role).unwrap(), self.serial, from, to).unwrap()
    }

    /// A device outside the engine, certified.
    fn device(&mut self, label: &str, of: &str, key: &IdentityKey, role: &str) -> Device {
        let mut device = Device::new(label);
        let request = EnrolmentRequest::new(&user(of), key, &device.signer).unwrap();
        device.certificate = self.certify(&request, role).as_bytes().to_vec();
        device
    }

    fn eve(&mut self) -> Device {
        self.device("eve", "eve", &identity("eve"), "client")
    }

    /// What an honest start by a device would say.
    fn facts(&self, by: &Device) -> Facts {
        let certificate = Certificate::decode(&by.certificate).unwrap();
        let token = StartToken {
            initiator: certificate.user().clone(),
            responder: user("bea"),
            authority: self.authority.public_key(),
            at: self.now,
            certificate: by.certificate.clone(),
        };
        Facts {
            conversation: token.conversation(),
            members: vec![user("bea"), user("eve")],
            admins: Vec::new(),
            name: String::new(),
            initiator: user("eve"),
            created: self.now,
            period: 60,
            policy: Policy::companion().id(),
            generation: 0,
            token: token.sign(&by.signer).unwrap(),
        }
    }

    /// A device makes a session with these facts, takes these key packages in, and bea gets the welcome.
    fn welcome(&mut self, by: &mut Device, facts: &Facts, adds: Vec<Vec<u8>>) -> Result<()> {
        by.rows.restore(Default::default());
        let facts = facts.encode().unwrap();
        let made = Group::create(&by.provider(), &by.signer, &by.certificate, SESSION, &facts).unwrap();
        by.group = Some(made);
        let welcome = by.committed(Changes { adds, ..Changes::default() }).welcome.unwrap();
        self.deliver(by, EnvelopeKind::Welcome, None, welcome)
    }

    /// Eve and bea in one session, by an honest start.
    fn together(&mut self) -> Device {
        let mut eve = self.eve();
        let (facts, package) = (self.facts(&eve), self.packages.pop().unwrap());
        self.welcome(&mut eve, &facts, vec![package]).unwrap();
        eve
    }

    fn envelope(&mut self, from: &Device, kind: EnvelopeKind, slot: Option<SlotName>, body: Vec<u8>) -> Envelope {
        self.delivered += 1;
        let mut id = [7; 16];
        id[8..].copy_from_slice(&self.delivered.to_be_bytes());
        Envelope {
            id: EnvelopeId::from_bytes(id),
            kind,
            tag: SESSION,
            sender: DeviceId::of_key(&from.signer.public()),
            sequence: self.delivered,
            recipients: vec![self.engine.device()],
            expires_at: self.now.plus(DAY),
            push: PushHint::None,
            slot,
            token: None,
            commitment: None,
            body,
        }
    }

    fn deliver(&mut self, from: &Device, kind: EnvelopeKind, slot: Option<SlotName>, body: Vec<u8>) -> Result<()> {
        let envelope = self.envelope(from, kind, slot, body).encode().unwrap();
        let id = DeliveryId(self.delivered);
        let delivery = Delivery { id, accepted_at: self.now, frank: None, envelope };
        let received = self.engine.receive(&delivery, self.now);
        self.drain();
        received
    }

    /// The slot of a device's present epoch.
    fn slot(by: &mut Device) -> SlotName {
        by.with(|group, provider, _| commit::slot(group, provider, NO_PARENT)).unwrap()
    }

    /// A device's commit wins the slot and comes to bea, who may ask the relay whether it did.
    fn commit(&mut self, by: &mut Device, changes: Changes) -> Result<()> {
        let slot = Stage::slot(by);
        let commit = by.committed(changes).commit;
        let winner = self.envelope(by, EnvelopeKind::Commit, Some(slot), commit.clone()).encode()?;
        self.deliver(by, EnvelopeKind::Commit, Some(slot), commit)?;
        self.drain();
        let asks = |(_, request): &&(_, Request)| matches!(request, Request::Slot { name } if *name == slot);
        if let Some(request) = self.requests.iter().find(asks).map(|(id, _)| *id) {
            self.engine.request_done(request, Answer::Slot(Some(winner)), self.now)?;
        }
        Ok(())
    }

    fn revoke(&mut self, serials: &[u64]) {
        self.serial += 1;
        let list = self.authority.revoke(self.serial, self.now, &serials.iter().copied().collect()).unwrap();
        self.engine.identity().revoke(list.as_bytes(), self.now).unwrap();
        self.drain();
    }

    /// Time passes, with every deadline in between.
    fn pass(&mut self, ms: u64) {
        let end = self.now.plus(ms);
        while let Some(at) = self.drain().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now).unwrap();
        }
        self.now = end;
    }

    /// Takes what comes out, and gives the next deadline.
    fn drain(&mut self) -> Option<Time> {
        loop {
            match self.engine.poll_output() {
                Ok(Output::Timeout { at, .. }) => return Some(at),
                Ok(Output::Transmit(transmit)) => self.transmits.push(transmit),
                Ok(Output::Event(event)) => self.events.push(event),
                Ok(Output::Acknowledge(_)) => {}
                Ok(Output::Request(id, request)) => {
                    if let Request::Publish { packages, last_resort, .. } = &request {
                        self.packages = packages.iter().map(|p| p.to_vec()).collect();
                        self.last_resort = last_resort.as_ref().unwrap().to_vec();
                    }
                    self.requests.push((id, request));
                }
                Err(_) => return None,
            }
        }
    }

    fn session(&mut self) -> Option<SessionRow> {
        row::load(&self.engine.read().unwrap(), SESSION).unwrap()
    }

    /// The engine forgets the session, as if it had never joined it.
    fn forget(&mut self) {
        let (now, session) = (self.now, self.session().unwrap());
        self.engine.mutate(now, |ctx| crate::session::choose::forget(ctx, &session)).unwrap();
    }

    fn epoch(&mut self) -> u64 {
        let now = self.now;
        let epoch = |ctx: &mut crate::ctx::Ctx<'_>| ctx.with_group(SESSION, |group, _, _| Ok(group.epoch()));
        self.engine.mutate(now, epoch).unwrap().unwrap()
    }

    fn conversation(&self) -> ConversationId {
        ConversationId::direct(&self.authority.public_key(), &user("bea"), &user("eve"))
    }

    /// What bea's engine has handed out of a kind.
    fn sent(&self, kind: EnvelopeKind) -> Vec<(crate::input::TransmitId, Envelope)> {
        let first = |t: &Transmit| (t.id, Envelope::decode(&t.envelopes[0]).unwrap());
        self.transmits.iter().map(first).filter(|(_, e)| e.kind == kind).collect()
    }
}
