//! Two members who have said something to each other, for the targets that feed an engine.

use std::sync::OnceLock;

use undertone::authority::Authority;
use undertone::engine::Draft;
use undertone::envelope::Envelope;
use undertone::id::{ConversationId, DeviceId, MessageId, SessionId, UserId};
use undertone::input::{
    Answer, Connection, Delivery, DeliveryId, DirectoryDevice, DirectoryUser, Login, TransmitResult,
};
use undertone::message::Cursor;
use undertone::output::Request;
use undertone::policy::Role;
use undertone::store::{HostKey, MemoryDisk, MemoryStore};
use undertone::time::{DAY, Time};
use undertone::{Config, Engine, Error, Output};

/// When everything happens.
pub const NOW: Time = Time::from_ms(1_800_000_000_000);

static SCENE: OnceLock<Scene> = OnceLock::new();

/// Ann's and Bea's stores, after Ann has said hello.
pub struct Scene {
    disks: [MemoryDisk; 2],
    authority: [u8; 32],
    /// Their conversation.
    pub conversation: ConversationId,
    /// Its session.
    pub tag: SessionId,
    /// What Ann has said.
    pub hello: MessageId,
    /// Ann's device.
    pub ann: DeviceId,
    /// Bea's device.
    pub bea: DeviceId,
}

impl Scene {
    /// The scene, made once for all.
    pub fn get() -> &'static Scene {
        SCENE.get_or_init(Scene::new)
    }

    /// Ann's engine, as it was when she had said hello.
    pub fn open_ann(&self) -> Engine {
        open("ann", self.authority, &self.disks[0].copy(), 8)
    }

    /// A delivery to Bea's engine, as it was then: it is refused or taken in, and acknowledged, and the engine is usable.
    pub fn bea_receives(&self, envelope: Vec<u8>) -> Engine {
        let mut bea = open("bea", self.authority, &self.disks[1].copy(), 9);
        let delivery = Delivery { id: DeliveryId(1_000), accepted_at: NOW, frank: None, envelope };
        match bea.receive(&delivery, NOW) {
            Ok(()) | Err(Error::Peer(_) | Error::Denied(_)) => {}
            Err(other) => panic!("a delivery must not fail the engine: {other}"),
        }
        bea.messages().page(self.conversation, Cursor::Newest, 50, NOW).expect("the engine is usable");
        let outputs = drain(&mut bea);
        assert!(outputs.iter().any(|o| matches!(o, Output::Acknowledge(DeliveryId(1_000)))), "not acknowledged");
        bea
    }

    fn new() -> Scene {
        let authority = Authority::from_seed([1; 32]);
        let key = authority.public_key();
        let disks = [MemoryDisk::new(), MemoryDisk::new()];
        let mut ann = open("ann", key, &disks[0], 1);
        let mut bea = open("bea", key, &disks[1], 2);
        enrol(&mut ann, &authority, "client", 1);
        enrol(&mut bea, &authority, "escort", 2);
        let package = published(&mut bea);
        let conversation = ann.conversations().start(&user("bea"), NOW).expect("a client may start");
        let hello = ann.messages().send(conversation, Draft::text("hello"), NOW).expect("it is queued");
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
        let tag = tag.expect("a session was opened");
        Scene { authority: key, conversation, tag, hello, ann: ann.device(), bea: bea.device(), disks }
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

/// All that an engine hands out.
pub fn drain(engine: &mut Engine) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        match engine.poll_output().expect("memory does not fail") {
            Output::Timeout { .. } => return outputs,
            output => outputs.push(output),
        }
    }
}

/// A user by name.
pub fn user(name: &str) -> UserId {
    UserId::new(name).expect("a short name")
}
