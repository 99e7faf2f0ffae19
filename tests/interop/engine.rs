//! A whole engine of ours in conversation with a device on mls-rs: envelopes, contents and slots as well.
//!
//! The play is the network: it answers the engine's requests, carries its envelopes to the other and writes the
//! other's envelopes.

use mls_rs::client_builder::MlsConfig;
use undertone::authority::DeviceKey;
use undertone::engine::Draft;
use undertone::envelope::{Content, Envelope, EnvelopeKind, Head, Kind, PushHint};
use undertone::id::{ConversationId, DeviceId, EnvelopeId, Hash32, MessageId, SessionId, SlotName, UserId};
use undertone::input::{
    Answer, Connection, Delivery, DeliveryId, DirectoryDevice, DirectoryUser, Login, TransmitResult,
};
use undertone::message::{Cursor, MessageContent};
use undertone::output::{Request, Transmit};
use undertone::store::{HostKey, MemoryDisk, MemoryStore};
use undertone::time::{DAY, SECOND, Time};
use undertone::{Config, Engine, Output};

use crate::people::{NOW, Person, Platform};
use crate::play::{Result, Tally};
use crate::theirs::{Heard, Theirs, theirs};

/// The label of a slot's name in the exporter, as `docs/wire.md` has it; the context is the refused winner, or zero.
const SLOT_LABEL: &[u8] = b"undertone slot v1";
/// Messages of theirs between two updates of theirs.
const UPDATE_EVERY: usize = 150;

/// A client on our engine writes to an escort on mls-rs, who answers each message.
pub fn converse(tally: &mut Tally, platform: &mut Platform, messages: usize) -> Result<()> {
    let bob = platform.person_as("bob", "escort");
    let mut network = Network::new(platform, theirs(platform.public_key(), &bob, false), bob)?;
    network.pump(tally)?;
    let conversation = network.engine.conversations().start(&user("bob")?, network.now)?;
    for number in 0..messages {
        network.engine.messages().send(conversation, Draft::text(format!("text {number}")), network.now)?;
        network.pump(tally)?;
        let heard = network.texts.pop().ok_or("their device got no text")?;
        tally.messages += 1;
        network.answer(&heard)?;
        if number % UPDATE_EVERY == UPDATE_EVERY - 1 {
            network.their_update()?;
        }
        network.pump(tally)?;
        network.now = network.now.plus(SECOND);
    }
    let shown = network.shown(conversation)?;
    // The engine updates after 200 messages of a session; the first one was queued before there was one.
    tally.expect(network.updates > 0 || messages <= 201, "the engine updated its keys by itself");
    for number in 0..messages {
        tally.expect(shown.contains(&format!("answer to text {number}")), "every answer is shown");
    }
    tally.messages += shown.iter().filter(|text| text.starts_with("answer")).count();
    let agreed = network.theirs.agreed()?.0;
    tally.expect(agreed as usize >= network.updates + messages / UPDATE_EVERY, "every update was merged by both");
    Ok(())
}

struct Network<C: MlsConfig> {
    engine: Engine,
    theirs: Theirs<C>,
    their_certificate: Vec<u8>,
    their_device: DeviceId,
    session: Option<SessionId>,
    /// Texts that their device has read and not yet answered, with the content around them.
    texts: Vec<(String, Content)>,
    /// Commits of the engine that their device has merged.
    updates: usize,
    /// Numbers envelopes, deliveries and messages of theirs.
    count: u64,
    now: Time,
}

impl<C: MlsConfig> Network<C> {
    fn new(platform: &mut Platform, theirs: Theirs<C>, bob: Person) -> Result<Network<C>> {
        let store = Box::new(MemoryStore::open(&MemoryDisk::new())?);
        let config = Config::new(user("ann")?, platform.public_key());
        let mut engine = Engine::open(config, store, &HostKey::from_bytes([9; 32]), [7; 32], NOW)?;
        let certificate = platform.certify(&engine.identity().enrolment_request()?);
        engine.identity().enrol(certificate.as_bytes(), NOW)?;
        engine.connection(Connection::Up(Login { accepted_sequence: Some(0), key_packages: Some(50) }), NOW)?;
        Ok(Network {
            engine,
            theirs,
            their_certificate: bob.certificate.as_bytes().to_vec(),
            their_device: DeviceId::of_key(&DeviceKey::from_bytes(bob.key).public()),
            session: None,
            texts: Vec::new(),
            updates: 0,
            count: 0,
            now: NOW,
        })
    }

    /// Does what the engine asks for until it has nothing left.
    fn pump(&mut self, tally: &mut Tally) -> Result<()> {
        loop {
            match self.engine.poll_output()? {
                Output::Request(id, request) => {
                    let answer = self.answer_request(request)?;
                    self.engine.request_done(id, answer, self.now)?;
                }
                Output::Transmit(transmit) => self.carry(tally, transmit)?,
                Output::Acknowledge(_) | Output::Event(_) => {}
                Output::Timeout { at, .. } if at <= self.now => self.engine.handle_timeout(self.now)?,
                Output::Timeout { .. } => return Ok(()),
            }
        }
    }

    fn answer_request(&self, request: Request) -> Result<Answer> {
        let Request::LookUp { users, key_packages } = request else {
            return Ok(match request {
                Request::Fetch { .. } => Answer::Fetched { next: None },
                Request::Slot { .. } => Answer::Slot(None),
                _ => Answer::Published,
            });
        };
        let mut found = Vec::new();
        for user in users {
            let devices = if user.as_str() == "bob" {
                let key_package = if key_packages { Some(self.theirs.key_package()?) } else { None };
                vec![DirectoryDevice { certificate: self.their_certificate.clone(), key_package }]
            } else {
                Vec::new()
            };
            found.push(DirectoryUser { user, devices });
        }
        Ok(Answer::Directory(found))
    }

    /// Carries what the engine sends to their device.
    fn carry(&mut self, tally: &mut Tally, transmit: Transmit) -> Result<()> {
        for bytes in &transmit.envelopes {
            let envelope = Envelope::decode(bytes)?;
            match envelope.kind {
                EnvelopeKind::Welcome => {
                    self.theirs.join(&envelope.body)?;
                    self.session = Some(envelope.tag);
                }
                // The founding commit is for members, of whom theirs is none before the Welcome.
                EnvelopeKind::Commit if self.session.is_none() => {}
                EnvelopeKind::Commit => {
                    let name = self.theirs.export(SLOT_LABEL, &[0; 32], SlotName::LEN)?;
                    tally.expect(envelope.slot == SlotName::from_slice(&name), "both name the same slot");
                    tally.expect(self.theirs.receive(&envelope.body)? == Heard::Commit, "a commit of the engine");
                    self.updates += 1;
                }
                EnvelopeKind::Message | EnvelopeKind::Receipt => self.hear(tally, &envelope)?,
                EnvelopeKind::Ephemeral | EnvelopeKind::Standing => tally.expect(false, "an envelope of no use here"),
            }
        }
        self.engine.transmit_done(transmit.id, TransmitResult::Accepted { at: self.now }, self.now)?;
        Ok(())
    }

    fn hear(&mut self, tally: &mut Tally, envelope: &Envelope) -> Result<()> {
        let Heard::Text(padded) = self.theirs.receive(&envelope.body)? else { return Err("no text".into()) };
        let content = Content::decode(&padded)?;
        tally.expect(content.kind.is_shown() == (envelope.kind == EnvelopeKind::Message), "the kind on the envelope");
        if content.kind == Kind::TEXT {
            tally.expect(envelope.commitment == Some(content.commitment(&padded)), "the franking commitment opens");
            let text = String::from_utf8_lossy(&content.body);
            let start = text.find("text ").ok_or("another text")?;
            self.texts.push((text[start..].to_owned(), content));
        }
        Ok(())
    }

    /// Their device answers a text.
    fn answer(&mut self, (text, content): &(String, Content)) -> Result<()> {
        let answer = format!("answer to {text}");
        // The body of a text is one MessagePack value; its string is replaced.
        let body = text_body(&answer, &content.body, text)?;
        self.count += 1;
        let mut id = [0; 16];
        id[..6].copy_from_slice(&self.now.as_ms().to_be_bytes()[2..]);
        id[8..].copy_from_slice(&self.count.to_be_bytes());
        let head = Head { id: MessageId::from_bytes(id), stamp: self.now, ..content.head.clone() };
        let content = Content { head, kind: Kind::TEXT, body, opening: Hash32::of(&id) };
        let padded = content.encode()?;
        let commitment = Some(content.commitment(&padded));
        let body = self.theirs.encrypt(&padded)?;
        self.deliver(EnvelopeKind::Message, None, commitment, body)
    }

    fn their_update(&mut self) -> Result<()> {
        let name = self.theirs.export(SLOT_LABEL, &[0; 32], SlotName::LEN)?;
        let (commit, _) = self.theirs.commit(&[], &[], None)?;
        self.deliver(EnvelopeKind::Commit, SlotName::from_slice(&name), None, commit)
    }

    fn deliver(
        &mut self,
        kind: EnvelopeKind,
        slot: Option<SlotName>,
        commitment: Option<Hash32>,
        body: Vec<u8>,
    ) -> Result<()> {
        self.count += 1;
        let mut id = [1; 16];
        id[8..].copy_from_slice(&self.count.to_be_bytes());
        let envelope = Envelope {
            id: EnvelopeId::from_bytes(id),
            kind,
            tag: self.session.ok_or("no session")?,
            sender: self.their_device,
            sequence: self.count,
            recipients: vec![self.engine.device()],
            expires_at: self.now.plus(30 * DAY),
            push: if kind == EnvelopeKind::Message { PushHint::Message } else { PushHint::None },
            slot,
            token: None,
            commitment,
            body,
        };
        let id = DeliveryId(self.count);
        let delivery = Delivery { id, accepted_at: self.now, frank: None, envelope: envelope.encode()? };
        Ok(self.engine.receive(&delivery, self.now)?)
    }

    /// All texts that the engine shows in a conversation.
    fn shown(&mut self, conversation: ConversationId) -> Result<Vec<String>> {
        let (mut texts, mut cursor) = (Vec::new(), Cursor::Newest);
        loop {
            let page = self.engine.messages().page(conversation, cursor, 500)?;
            for message in &page.messages {
                if let MessageContent::Text(text) = &message.content {
                    texts.push(text.clone());
                }
            }
            match page.messages.last() {
                Some(oldest) if page.more => cursor = Cursor::Before(oldest.key),
                _ => return Ok(texts),
            }
        }
    }
}

/// A text's body with another text in it: both shorter than 32 bytes, so that only the string's head changes.
fn text_body(new: &str, body: &[u8], old: &str) -> Result<Vec<u8>> {
    let at = body.len() - old.len();
    let (head, string) = body.split_at(at);
    let (marker, before) = head.split_last().ok_or("no string")?;
    if string != old.as_bytes() || *marker != 0xa0 | old.len() as u8 || new.len() >= 32 {
        return Err("the body of a text is not as expected".into());
    }
    Ok([before, &[0xa0 | new.len() as u8], new.as_bytes()].concat())
}

fn user(name: &str) -> Result<UserId> {
    UserId::new(name).ok_or_else(|| "a short name".into())
}
