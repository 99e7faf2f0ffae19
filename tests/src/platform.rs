//! A platform in one process: its authority, its relay (the real logic, on rows in memory), and what a host does
//! between an engine and them.

use std::collections::BTreeMap;

use undertone::authority::{Authority, EnrolmentRequest};
use undertone::id::DeviceId;
use undertone::input::{
    Answer, Connection, Delivery, DeliveryId, DirectoryDevice, DirectoryUser, Login, Refusal, RequestId, TransmitResult,
};
use undertone::output::{Request, Transmit};
use undertone::policy::{Policy, Role};
use undertone::time::{DAY, HOUR, MINUTE};
use undertone::{Engine, Event, Output, Time};
use undertone_relay::answer::{self, RefusedReason};
use undertone_relay::logic::{self, Fault, Limits, Rate, Relay};
use undertone_relay::store::MemoryStore;

/// Deliveries in one page of a mailbox.
const PAGE: usize = 50;

/// An authority and a relay.
pub struct Platform {
    authority: Authority,
    relay: Relay<MemoryStore>,
    serial: u64,
    /// What the relay pushes to devices that did not take it yet.
    waiting: BTreeMap<DeviceId, Vec<Delivery>>,
}

/// What a host gets for a request.
pub struct Response {
    /// To be given to the engine's `receive` first.
    pub deliveries: Vec<Delivery>,
    /// Then to be given to `request_done`.
    pub answer: Answer,
}

impl Platform {
    /// A platform whose keys come from `seed`. Its relay does not limit how much a device asks for.
    pub fn new(seed: [u8; 32]) -> Platform {
        let authority = Authority::from_seed(seed);
        let unlimited = Rate { burst: 1 << 40, per_minute: 1 << 40 };
        let limits = Limits { inputs: unlimited, bytes: unlimited, claims: unlimited, ..Limits::default() };
        let authorities = vec![authority.public_key()];
        let config = logic::Config { authorities, policy: Policy::companion(), limits, sights: 0 };
        let relay = Relay::open(config, MemoryStore::default(), seed).expect("rows in memory do not fail");
        Platform { authority, relay, serial: 0, waiting: BTreeMap::new() }
    }

    /// The authority's public key.
    pub fn authority(&self) -> [u8; 32] {
        self.authority.public_key()
    }

    /// A certificate, good for ten years.
    pub fn certify(&mut self, request: &[u8], role: &str, now: Time) -> Vec<u8> {
        let request = EnrolmentRequest::decode(request).expect("an engine made it");
        let role = Role::new(role).expect("a role's name");
        self.serial += 1;
        let (from, to) = (now.minus(HOUR), now.plus(3_650 * DAY));
        let issued = self.authority.issue(&request, role, self.serial, from, to);
        issued.expect("a request that an engine made is granted").as_bytes().to_vec()
    }

    /// A challenge for a login.
    pub fn challenge(&mut self) -> [u8; 32] {
        self.relay.challenge()
    }

    /// Logs a device in.
    pub fn login(&mut self, challenge: &[u8; 32], certificate: &[u8], signature: &[u8], now: Time) -> Login {
        let login = self.relay.login(challenge, certificate, signature, now).expect("a good login");
        self.turn();
        Login { accepted_sequence: Some(login.highest_sequence), key_packages: Some(login.key_packages as u32) }
    }

    /// The device's connection is gone.
    pub fn logout(&mut self, device: DeviceId) {
        self.relay.logout(device);
        self.waiting.remove(&device);
    }

    /// Takes what a device sends.
    pub fn submit(&mut self, from: DeviceId, envelopes: &[Vec<u8>], now: Time) -> TransmitResult {
        let result = self.relay.submit(from, envelopes, now).expect("rows in memory do not fail");
        self.turn();
        match result {
            answer::TransmitResult::Accepted { at } => TransmitResult::Accepted { at },
            answer::TransmitResult::Conflict { winner, at } => TransmitResult::Conflict { winner, at },
            answer::TransmitResult::Refused(reason) => TransmitResult::Refused(refusal(reason)),
        }
    }

    /// A device has made a delivery durable.
    pub fn acknowledge(&mut self, device: DeviceId, id: DeliveryId) {
        let ids = [answer::DeliveryId(id.0)];
        self.relay.acknowledge(device, &ids).expect("rows in memory do not fail");
        self.turn();
    }

    /// Answers a request.
    pub fn request(&mut self, device: DeviceId, request: &Request, now: Time) -> Response {
        let response = self.respond(device, request, now);
        self.turn();
        response.unwrap_or(Response { deliveries: Vec::new(), answer: Answer::Failed })
    }

    /// What the relay has pushed to a device since the last call.
    pub fn pushed(&mut self, device: DeviceId) -> Vec<Delivery> {
        self.waiting.remove(&device).unwrap_or_default()
    }

    fn respond(&mut self, device: DeviceId, request: &Request, now: Time) -> Result<Response, Fault> {
        let plain = |answer| Response { deliveries: Vec::new(), answer };
        Ok(match request {
            Request::Fetch { since } => {
                let page = self.relay.fetch(device, answer::DeliveryId(*since), PAGE, now)?;
                let next = page.more.then_some(DeliveryId(page.next.0));
                let deliveries = page.deliveries.into_iter().map(delivery).collect();
                Response { deliveries, answer: Answer::Fetched { next } }
            }
            Request::LookUp { users, key_packages } => {
                let found = self.relay.look_up(device, users, *key_packages, now)?;
                plain(Answer::Directory(found.into_iter().map(directory_user).collect()))
            }
            Request::Publish { packages, last_resort, replace } => {
                let packages: Vec<Vec<u8>> = packages.iter().map(|package| package.to_vec()).collect();
                let last_resort = last_resort.as_ref().map(|package| package.as_slice());
                self.relay.publish(device, &packages, last_resort, *replace, now)?;
                plain(Answer::Published)
            }
            Request::Slot { name } => {
                let held = self.relay.slot(device, name, now)?;
                plain(Answer::Slot(held.map(|held| held.winner)))
            }
        })
    }

    /// Makes everything durable and sorts what the relay tells others.
    fn turn(&mut self) {
        self.relay.commit().expect("rows in memory do not fail");
        while let Some(output) = self.relay.poll_output() {
            if let logic::Output::Deliver { to, delivery: pushed } = output {
                self.waiting.entry(to).or_default().push(delivery(pushed));
            }
        }
    }
}

/// An engine in this process with its host.
pub struct Member {
    /// The engine.
    pub engine: Engine,
    /// What it showed.
    pub events: Vec<Event>,
}

impl Member {
    /// Enrols an engine and logs it in.
    pub fn join(mut engine: Engine, role: &str, platform: &mut Platform, now: Time) -> undertone::Result<Member> {
        let request = engine.identity().enrolment_request()?;
        let certificate = platform.certify(request.as_bytes(), role, now);
        engine.identity().enrol(&certificate, now)?;
        let mut member = Member { engine, events: Vec::new() };
        member.connect(platform, now)?;
        Ok(member)
    }

    /// Logs in and does what the engine asks for.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn connect(&mut self, platform: &mut Platform, now: Time) -> undertone::Result<()> {
        let challenge = platform.challenge();
        let signature = self.engine.identity().answer_challenge(&challenge)?;
        let certificate = self.engine.identity().certificate()?.as_bytes().to_vec();
        let login = platform.login(&challenge, &certificate, &signature, now);
        self.engine.connection(Connection::Up(login), now)?;
        self.drain(platform, now)
    }

    /// Takes in what was pushed, and does what the engine asks for until it asks for nothing more.
    ///
    /// # Errors
    /// Those of the engine, but for envelopes that it refuses: it says so with an event.
    pub fn drain(&mut self, platform: &mut Platform, now: Time) -> undertone::Result<()> {
        self.engine.handle_timeout(now)?;
        loop {
            let pushed = platform.pushed(self.engine.device());
            let quiet = pushed.is_empty();
            pushed.iter().try_for_each(|delivery| self.receive(delivery, now))?;
            if !self.turn(platform, now)? && quiet {
                return Ok(());
            }
        }
    }

    /// Does everything that the engine asks for now; `false` when that is nothing.
    fn turn(&mut self, platform: &mut Platform, now: Time) -> undertone::Result<bool> {
        let device = self.engine.device();
        let mut busy = false;
        loop {
            match self.engine.poll_output()? {
                Output::Transmit(Transmit { id, envelopes }) => {
                    let result = platform.submit(device, &envelopes, now);
                    self.engine.transmit_done(id, result, now)?;
                }
                Output::Acknowledge(id) => platform.acknowledge(device, id),
                Output::Request(id, request) => self.ask(platform, id, &request, now)?,
                Output::Event(event) => self.events.push(event),
                Output::Timeout { .. } => return Ok(busy),
            }
            busy = true;
        }
    }

    fn ask(&mut self, platform: &mut Platform, id: RequestId, request: &Request, now: Time) -> undertone::Result<()> {
        let response = platform.request(self.engine.device(), request, now);
        response.deliveries.iter().try_for_each(|delivery| self.receive(delivery, now))?;
        self.engine.request_done(id, response.answer, now)
    }

    fn receive(&mut self, delivery: &Delivery, now: Time) -> undertone::Result<()> {
        match self.engine.receive(delivery, now) {
            Err(undertone::Error::Peer(_) | undertone::Error::Denied(_)) => Ok(()),
            result => result,
        }
    }
}

/// A step of time in which receipts go out and whatever waits is tried again.
pub const SOON: u64 = MINUTE;

fn delivery(from: answer::Delivery) -> Delivery {
    let answer::Delivery { id, accepted_at, frank, envelope } = from;
    Delivery { id: DeliveryId(id.0), accepted_at, frank, envelope }
}

fn directory_user(from: answer::DirectoryUser) -> DirectoryUser {
    let device = |device: answer::DirectoryDevice| DirectoryDevice {
        certificate: device.certificate,
        key_package: device.key_package,
    };
    DirectoryUser { user: from.user, devices: from.devices.into_iter().map(device).collect() }
}

fn refusal(reason: RefusedReason) -> Refusal {
    match reason {
        RefusedReason::Policy => Refusal::Policy,
        RefusedReason::UnknownTag | RefusedReason::NotMember | RefusedReason::Recipient => Refusal::NotMember,
        RefusedReason::Revoked | RefusedReason::Expired => Refusal::Certificate,
        RefusedReason::Malformed | RefusedReason::TooLarge | RefusedReason::Stale => Refusal::Malformed,
        RefusedReason::RateLimited => Refusal::RateLimited,
    }
}
