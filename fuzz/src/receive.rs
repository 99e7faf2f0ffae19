//! What an engine must do with any delivery whatever: refuse it or take it in, never fail, and stay usable.

use std::sync::OnceLock;

use undertone::authority::Authority;
use undertone::engine::Draft;
use undertone::envelope::{Envelope, EnvelopeKind, PushHint};
use undertone::id::{ConversationId, DeviceId, EnvelopeId, SessionId, SlotName, UserId};
use undertone::input::{
    Answer, Connection, Delivery, DeliveryId, DirectoryDevice, DirectoryUser, Login, TransmitResult,
};
use undertone::message::Cursor;
use undertone::output::Request;
use undertone::policy::Role;
use undertone::store::{HostKey, MemoryDisk, MemoryStore};
use undertone::time::{DAY, SECOND, Time};
use undertone::{Config, Engine, Error, Output};

/// Feeds bytes to an engine that has a conversation: as they are, and as the body of an envelope of a member.
pub fn check(data: &[u8]) {
    let scene = SCENE.get_or_init(Scene::new);
    receive(scene, data.to_vec());
    if let Some((&kind, body)) = data.split_first() {
        receive(scene, scene.envelope(kind, body));
    }
}

static SCENE: OnceLock<Scene> = OnceLock::new();
const NOW: Time = Time::from_ms(1_800_000_000_000);

/// Bea's store, in which Ann has said hello.
struct Scene {
    disk: MemoryDisk,
    authority: [u8; 32],
    conversation: ConversationId,
    tag: SessionId,
    ann: DeviceId,
    bea: DeviceId,
}

fn receive(scene: &Scene, envelope: Vec<u8>) {
    let mut bea = open("bea", scene.authority, &scene.disk.copy(), 9);
    let delivery = Delivery { id: DeliveryId(1_000), accepted_at: NOW, frank: None, envelope };
    match bea.receive(&delivery, NOW) {
        Ok(()) | Err(Error::Peer(_) | Error::Denied(_)) => {}
        Err(other) => panic!("a delivery must not fail the engine: {other}"),
    }
    let page = bea.messages().page(scene.conversation, Cursor::Newest, 50, NOW).expect("the engine is usable");
    assert!(page.messages.iter().any(|message| message.sent_at <= NOW), "the first message is gone");
    let outputs = drain(&mut bea);
    assert!(outputs.iter().any(|o| matches!(o, Output::Acknowledge(DeliveryId(1_000)))), "not acknowledged");
}

impl Scene {
    fn new() -> Scene {
        let authority = Authority::from_seed([1; 32]);
        let key = authority.public_key();
        let disk = MemoryDisk::new();
        let mut ann = open("ann", key, &MemoryDisk::new(), 1);
        let mut bea = open("bea", key, &disk, 2);
        enrol(&mut ann, &authority, "client", 1);
        enrol(&mut bea, &authority, "escort", 2);
        let package = published(&mut bea);
        let conversation = ann.conversations().start(&user("bea"), NOW).expect("a client may start");
        ann.messages().send(conversation, Draft::text("hello"), NOW).expect("it is queued");
        connect(&mut ann);
        let directory = DirectoryUser {
            user: user("bea"),
            devices: vec![DirectoryDevice {
                certificate: bea.identity().certificate().expect("enrolled").as_bytes().to_vec(),
                key_package: Some(package),
            }],
        };
        let mut tag = None;
        while tell(&mut ann, &mut bea, &directory, &mut tag) {}
        drop(bea);
        let tag = tag.expect("a session was opened");
        let ann = ann.device();
        let bea = open("bea", key, &disk.copy(), 3).device();
        Scene { disk, authority: key, conversation, tag, ann, bea }
    }

    fn envelope(&self, kind: u8, body: &[u8]) -> Vec<u8> {
        let kind = EnvelopeKind::try_from(kind % 6 + 1).expect("one of six");
        let envelope = Envelope {
            id: EnvelopeId::from_bytes([4; 16]),
            kind,
            tag: self.tag,
            sender: self.ann,
            sequence: if kind == EnvelopeKind::Ephemeral { 0 } else { 77 },
            recipients: vec![self.bea],
            // What is for the moment only must end soon to be looked at.
            expires_at: NOW.plus(if kind == EnvelopeKind::Ephemeral { SECOND } else { DAY }),
            push: PushHint::None,
            slot: (kind == EnvelopeKind::Commit).then(|| SlotName::from_bytes([5; 32])),
            token: None,
            commitment: None,
            body: body.to_vec(),
        };
        // A header that the sender's own engine would not make is the other feed's business.
        envelope.encode().unwrap_or_default()
    }
}

/// Does what Ann asks for; `false` when that is nothing.
fn tell(ann: &mut Engine, bea: &mut Engine, directory: &DirectoryUser, tag: &mut Option<SessionId>) -> bool {
    let mut busy = false;
    for output in drain(ann) {
        match output {
            Output::Transmit(transmit) => {
                for envelope in &transmit.envelopes {
                    *tag = Envelope::decode(envelope).ok().map(|e| e.tag);
                    let id = DeliveryId(transmit.id.0);
                    let delivery = Delivery { id, accepted_at: NOW, frank: None, envelope: envelope.clone() };
                    bea.receive(&delivery, NOW).expect("a good delivery");
                }
                ann.transmit_done(transmit.id, TransmitResult::Accepted { at: NOW }, NOW).expect("it was asked for");
                busy = true;
            }
            Output::Request(id, request) => {
                let answer = match request {
                    Request::LookUp { .. } => Answer::Directory(vec![directory.clone()]),
                    Request::Publish { .. } => Answer::Published,
                    Request::Fetch { .. } => Answer::Fetched { next: None },
                    Request::Slot { .. } => Answer::Slot(None),
                    Request::Fallback { .. } => Answer::Notified,
                };
                ann.request_done(id, answer, NOW).expect("it was asked for");
                busy = true;
            }
            Output::Acknowledge(_) | Output::Event(_) | Output::Timeout { .. } => {}
        }
    }
    drain(bea);
    busy
}

/// One of the key packages that an engine publishes at its first login.
fn published(engine: &mut Engine) -> Vec<u8> {
    connect(engine);
    let package = |output: &Output| match output {
        Output::Request(_, Request::Publish { packages, .. }) => packages.first().map(|package| package.to_vec()),
        _ => None,
    };
    drain(engine).iter().find_map(package).expect("key packages are published")
}

fn connect(engine: &mut Engine) {
    engine.connection(Connection::Up(Login::default()), NOW).expect("enrolled");
}

fn enrol(engine: &mut Engine, authority: &Authority, role: &str, serial: u64) {
    let request = engine.identity().enrolment_request().expect("open");
    let role = Role::new(role).expect("a role");
    let certificate = authority.issue(&request, role, serial, NOW.minus(DAY), NOW.plus(DAY)).expect("a good request");
    engine.identity().enrol(certificate.as_bytes(), NOW).expect("a good certificate");
}

fn open(name: &str, authority: [u8; 32], disk: &MemoryDisk, seed: u8) -> Engine {
    let store = Box::new(MemoryStore::open(disk).expect("closed before"));
    let config = Config::new(user(name), authority);
    Engine::open(config, store, &HostKey::from_bytes([8; 32]), [seed; 32], NOW).expect("a good store")
}

fn drain(engine: &mut Engine) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        match engine.poll_output().expect("memory does not fail") {
            Output::Timeout { .. } => return outputs,
            output => outputs.push(output),
        }
    }
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a short name")
}
