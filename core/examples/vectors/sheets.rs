//! What the vectors say: every format, from fixed keys and values.

#[path = "cards.rs"]
mod cards;
#[path = "engines.rs"]
mod engines;
#[path = "files.rs"]
mod files;

use std::collections::BTreeSet;

use undertone::authority::{Authority, Certificate, DeviceKey, EnrolmentRequest, IdentityKey, SafetyNumber};
use undertone::envelope::{
    Clock, Content, Envelope, EnvelopeKind, Ephemeral, EphemeralPlace, EphemeralSecret, Head, Kind, MessageRef,
    PushHint, StartToken,
};
use undertone::error::Error;
use undertone::id::{ConversationId, DeviceId, EnvelopeId, Hash32, MessageId, SessionId, SlotName, UserId};
use undertone::policy::{Policy, Role};
use undertone::time::Time;

use crate::sheet::Sheet;

/// A message that cannot be made: never seen, as all values here are good.
type Failure = Box<dyn std::error::Error>;

/// All files, by name.
pub fn all() -> Result<Vec<(&'static str, String)>, Failure> {
    let cast = Cast::new()?;
    Ok(vec![
        ("attachment.toml", files::bodies()?),
        ("attachment_file.toml", files::ciphertexts()?),
        ("certificate.toml", certificates(&cast)?),
        ("content.toml", contents(&cast)?),
        ("engines.toml", engines::bodies()?),
        ("enrolment.toml", enrolments(&cast)?),
        ("envelope.toml", envelopes(&cast)?),
        ("ephemeral.toml", ephemerals(&cast)?),
        ("ids.toml", ids(&cast)),
        ("policy.toml", policies()?),
        ("refused.toml", refused(&cast)?),
        ("revocation.toml", revocations(&cast)?),
        ("safety.toml", safety(&cast)),
        ("start_token.toml", start_tokens(&cast)?),
        ("structured.toml", cards::bodies()?),
    ])
}

/// Who plays.
struct Cast {
    authority: Authority,
    ann: UserId,
    bea: UserId,
    identity: IdentityKey,
    device: DeviceKey,
    request: EnrolmentRequest,
    certificate: Certificate,
}

/// 2027-01-15T08:00:00Z.
const NOW: Time = Time::from_ms(1_800_000_000_000);

impl Cast {
    fn new() -> Result<Cast, Failure> {
        let (authority, identity) = (Authority::from_seed([1; 32]), IdentityKey::from_bytes([2; 32]));
        let device = DeviceKey::from_bytes([3; 32]);
        let (ann, bea) = (user("ann")?, user("bea@example.org")?);
        let request = EnrolmentRequest::new(&ann, &identity, &device)?;
        let certificate = authority.issue(&request, role("client")?, 7, NOW, NOW.plus(7_776_000_000))?;
        Ok(Cast { authority, ann, bea, identity, device, request, certificate })
    }

    fn start_token(&self) -> Result<Vec<u8>, Error> {
        let token = StartToken {
            initiator: self.ann.clone(),
            responder: self.bea.clone(),
            authority: self.authority.public_key(),
            at: NOW.plus(1),
            certificate: self.certificate.as_bytes().to_vec(),
        };
        token.sign(&self.device)
    }
}

fn certificates(cast: &Cast) -> Result<String, Failure> {
    let mut sheet = Sheet::new(
        "Role certificates. The authority's seed is 01 × 32, the identity key's 02 × 32, the device key's 03 × 32.",
    );
    let renewed = cast.authority.renew(&cast.certificate, role("support")?, u64::MAX, Time::ZERO, Time::END)?;
    for (name, certificate) in [("issued", &cast.certificate), ("renewed in another role", &renewed)] {
        sheet
            .vector(name)
            .hex("authority", certificate.authority())
            .text("user", certificate.user().as_str())
            .hex("identity_key", certificate.identity_key())
            .text("role", certificate.role().as_str())
            .hex("device_key", certificate.device_key())
            .text("serial", &certificate.serial().to_string())
            .plain("not_before", certificate.not_before().as_ms())
            .plain("not_after", certificate.not_after().as_ms())
            .hex("bytes", certificate.as_bytes());
    }
    Ok(sheet.finish())
}

fn enrolments(cast: &Cast) -> Result<String, Failure> {
    let mut sheet = Sheet::new("Enrolment requests. The identity key's seed is 02 × 32, the device key's 03 × 32.");
    let longest = EnrolmentRequest::new(&user(&"é".repeat(64))?, &cast.identity, &cast.device)?;
    for (name, request) in [("of a first device", &cast.request), ("of the longest user id", &longest)] {
        sheet
            .vector(name)
            .text("user", request.user().as_str())
            .hex("identity_key", request.identity_key())
            .hex("device_key", request.device_key())
            .hex("bytes", request.as_bytes());
    }
    Ok(sheet.finish())
}

fn revocations(cast: &Cast) -> Result<String, Failure> {
    let mut sheet =
        Sheet::new("Revocation lists. The authority's seed is 01 × 32. Serials are strings: some exceed 2^63.");
    let many: BTreeSet<u64> = [0, 1, 7, 300, 70_000, u64::MAX].into();
    for (name, number, serials) in [("nothing is revoked", 1, BTreeSet::new()), ("six serials", 2, many)] {
        let list = cast.authority.revoke(number, NOW, &serials)?;
        let serials: Vec<String> = list.serials().iter().map(u64::to_string).collect();
        sheet
            .vector(name)
            .hex("authority", list.authority())
            .plain("number", list.number())
            .plain("at", list.at().as_ms())
            .text("serials", &serials.join(" "))
            .hex("bytes", list.as_bytes());
    }
    Ok(sheet.finish())
}

fn start_tokens(cast: &Cast) -> Result<String, Failure> {
    let mut sheet = Sheet::new("Start tokens, signed by the device key of seed 03 × 32 and carrying its certificate.");
    sheet
        .vector("ann starts with bea")
        .text("initiator", cast.ann.as_str())
        .text("responder", cast.bea.as_str())
        .hex("authority", &cast.authority.public_key())
        .plain("at", NOW.plus(1).as_ms())
        .hex("bytes", &cast.start_token()?);
    Ok(sheet.finish())
}

fn envelopes(cast: &Cast) -> Result<String, Failure> {
    let mut sheet = Sheet::new("Envelopes, one or more of each kind; absent keys are nil.");
    let plain = plain(cast);
    let of_kind = |kind| Envelope { kind, ..plain.clone() };
    let slot = Some(SlotName::from_bytes([0x14; 32]));
    let commitment = Some(Hash32::from_bytes([0x15; 32]));
    let commit = Envelope { slot, sequence: 300, body: Vec::new(), ..of_kind(EnvelopeKind::Commit) };
    let start = Envelope { token: Some(cast.start_token()?), ..of_kind(EnvelopeKind::Welcome) };
    let report = Envelope { commitment, push: PushHint::Message, ..of_kind(EnvelopeKind::Message) };
    let call = Envelope { push: PushHint::Call, sequence: u64::MAX, ..of_kind(EnvelopeKind::Message) };
    for (name, envelope) in [
        ("welcome that starts", start),
        ("welcome that continues", of_kind(EnvelopeKind::Welcome)),
        ("commit for a slot", commit),
        ("message that can be reported", report),
        ("message that rings", call),
        ("receipt", of_kind(EnvelopeKind::Receipt)),
        ("ephemeral to nobody", Envelope { sequence: 0, recipients: Vec::new(), ..of_kind(EnvelopeKind::Ephemeral) }),
        ("no session", of_kind(EnvelopeKind::NoSession)),
    ] {
        let recipients: Vec<&[u8]> = envelope.recipients.iter().map(|device| &device.as_bytes()[..]).collect();
        sheet
            .vector(name)
            .hex("id", envelope.id.as_bytes())
            .plain("kind", u8::from(envelope.kind))
            .hex("tag", envelope.tag.as_bytes())
            .hex("sender", envelope.sender.as_bytes())
            .text("sequence", &envelope.sequence.to_string())
            .list("recipients", &recipients)
            .plain("expires_at", envelope.expires_at.as_ms())
            .plain("push", u8::from(envelope.push))
            .maybe("slot", envelope.slot.as_ref().map(|slot| &slot.as_bytes()[..]))
            .maybe("token", envelope.token.as_deref())
            .maybe("commitment", envelope.commitment.as_ref().map(|hash| &hash.as_bytes()[..]))
            .hex("body", &envelope.body)
            .hex("bytes", &envelope.encode()?);
    }
    Ok(sheet.finish())
}

fn ephemerals(cast: &Cast) -> Result<String, Failure> {
    let mut sheet = Sheet::new(
        "Bodies of ephemeral envelopes. The epoch's secret is 32 bytes 0x30, the nonce 24 bytes 0x31; `word` is what they say.",
    );
    let secret = EphemeralSecret::from_bytes([0x30; 32]);
    let envelope = plain(cast);
    let place = EphemeralPlace {
        session: envelope.tag,
        epoch: 4,
        leaf: 1,
        sender: envelope.sender,
        envelope: envelope.id,
        expires_at: NOW.plus(6_000),
    };
    let far = EphemeralPlace { epoch: u64::MAX, leaf: u32::MAX, ..place };
    for (name, word, place) in [
        ("typing", Ephemeral::Typing, place),
        ("stopped", Ephemeral::Stopped, place),
        ("in the last epoch and leaf that there can be", Ephemeral::Typing, far),
    ] {
        sheet
            .vector(name)
            .plain("word", word as u8)
            .hex("session", place.session.as_bytes())
            .text("epoch", &place.epoch.to_string())
            .plain("leaf", place.leaf)
            .hex("sender", place.sender.as_bytes())
            .hex("envelope", place.envelope.as_bytes())
            .plain("expires_at", place.expires_at.as_ms())
            .hex("bytes", &secret.seal(word, &place, [0x31; 24])?);
    }
    Ok(sheet.finish())
}

/// A message without anything optional.
fn plain(cast: &Cast) -> Envelope {
    Envelope {
        id: EnvelopeId::from_bytes([0x10; 16]),
        kind: EnvelopeKind::Message,
        tag: SessionId::from_bytes([0x11; 16]),
        sender: cast.device.device(),
        sequence: 1,
        recipients: vec![DeviceId::from_bytes([0x12; 16]), DeviceId::from_bytes([0x13; 16])],
        expires_at: NOW.plus(2_592_000_000),
        push: PushHint::None,
        slot: None,
        token: None,
        commitment: None,
        body: (0..32).collect(),
    }
}

fn contents(cast: &Cast) -> Result<String, Failure> {
    let mut sheet = Sheet::new(
        "Contents before encryption, padded; `commitment` is the franking commitment that the envelope carries.",
    );
    let text = text();
    let with = |edit: &dyn Fn(&mut Content)| {
        let mut content = text.clone();
        edit(&mut content);
        content
    };
    let target = MessageRef { author: cast.bea.clone(), id: MessageId::from_bytes([0x22; 16]) };
    for (name, content) in [
        ("text", text.clone()),
        (
            "text that goes when read, in answer",
            with(&|content| {
                (content.head.period, content.head.clock, content.head.target) =
                    (0, Clock::FromRead, Some(target.clone()));
            }),
        ),
        (
            "receipt",
            with(&|content| {
                (content.kind, content.head.period) = (Kind::RECEIPT, -1);
                (content.head.counts, content.head.notifies) = (false, false);
            }),
        ),
        ("unreadable", with(&|content| content.kind = Kind::UNREADABLE)),
        (
            "certificate",
            with(&|content| {
                (content.kind, content.body) = (Kind::CERTIFICATE, cast.certificate.as_bytes().to_vec());
            }),
        ),
        ("a kind of a later engine", with(&|content| content.kind = Kind(63))),
        ("above the smallest bucket", with(&|content| content.body = vec![0xc0; 1_000])),
    ] {
        let bytes = content.encode()?;
        let target = content.head.target.as_ref();
        sheet
            .vector(name)
            .hex("id", content.head.id.as_bytes())
            .plain("stamp", content.head.stamp.as_ms())
            .plain("period", content.head.period)
            .plain("clock", u8::from(content.head.clock))
            .maybe("target_author", target.map(|target| target.author.as_str().as_bytes()))
            .maybe("target_id", target.map(|target| &target.id.as_bytes()[..]))
            .plain("counts", content.head.counts)
            .plain("notifies", content.head.notifies)
            .plain("kind", content.kind.0)
            .hex("body", &content.body)
            .hex("opening", content.opening.as_bytes())
            .hex("commitment", content.commitment(&bytes).as_bytes())
            .hex("bytes", &bytes);
    }
    Ok(sheet.finish())
}

/// “hi”.
fn text() -> Content {
    let head = Head {
        id: MessageId::from_bytes([0x20; 16]),
        stamp: NOW,
        period: 1_440,
        clock: Clock::FromSend,
        target: None,
        counts: true,
        notifies: true,
    };

    Content { head, kind: Kind::TEXT, body: vec![0xa2, b'h', b'i'], opening: Hash32::from_bytes([0x21; 32]) }
}

fn ids(cast: &Cast) -> String {
    let mut sheet =
        Sheet::new("Ids that are derived: a device's from its key, a conversation's from authority and users.");
    let key = cast.device.public();
    sheet.vector("device").hex("key", &key).hex("bytes", DeviceId::of_key(&key).as_bytes());
    let authority = cast.authority.public_key();
    let conversation = ConversationId::direct(&authority, &cast.ann, &cast.bea);
    sheet
        .vector("conversation")
        .hex("authority", &authority)
        .text("one", cast.ann.as_str())
        .text("other", cast.bea.as_str())
        .hex("bytes", conversation.as_bytes());
    sheet.finish()
}

fn policies() -> Result<String, Failure> {
    let mut sheet = Sheet::new("Ids of rules.");
    let least = "version = 1\n[[role]]\nname = \"user\"\nsingular = \"a user\"\nplural = \"users\"\n";
    let open = format!("{least}attachments = [\"image\"]\n[start]\nuser = [\"user\"]\n");
    sheet.vector("companion").hex("bytes", Policy::companion().id().as_bytes());
    for (name, text) in [("nothing is allowed", least), ("one role", &open)] {
        sheet.vector(name).text("text", text).hex("bytes", Policy::from_toml(text)?.id().as_bytes());
    }
    Ok(sheet.finish())
}

fn safety(cast: &Cast) -> String {
    let mut sheet = Sheet::new("Safety numbers over identity keys; `bytes` is the QR payload.");
    let (ann_key, bea_key) = (cast.identity.public(), IdentityKey::from_bytes([4; 32]).public());
    let number = SafetyNumber::new((&cast.ann, &ann_key), (&cast.bea, &bea_key));
    sheet
        .vector("ann and bea")
        .text("one", cast.ann.as_str())
        .hex("one_key", &ann_key)
        .text("other", cast.bea.as_str())
        .hex("other_key", &bea_key)
        .text("digits", &number.to_string())
        .hex("bytes", number.qr_payload());
    sheet.finish()
}

/// Where an envelope's kind stands, and its number when it is small.
const KIND: usize = 20;
const SEQUENCE: usize = 57;

/// Bytes that must be refused, with the code of the fault. A reader that takes them is no reader of these formats.
fn refused(cast: &Cast) -> Result<String, Failure> {
    let mut sheet = Sheet::new("What must be refused, and with which code. Signatures count as well.");
    let list = cast.authority.revoke(2, NOW, &BTreeSet::from([7]))?;
    let content = text().encode()?;
    let envelope = plain(cast).encode()?;
    let token = cast.start_token()?;
    let formats: [(&str, &[u8], &str); 6] = [
        ("certificate", cast.certificate.as_bytes(), "peer.certificate"),
        ("enrolment", cast.request.as_bytes(), "peer.forged"),
        ("revocation", list.as_bytes(), "peer.forged"),
        ("start_token", &token, "peer.forged"),
        ("envelope", &envelope, ""),
        ("content", &content, ""),
    ];
    for (format, good, forged) in formats {
        let mut refuse = |name: &str, code: &str, edit: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.to_vec();
            edit(&mut bytes);
            sheet.vector(&format!("{format}: {name}")).text("format", format).text("code", code).hex("bytes", &bytes);
        };
        refuse("a newer version", "peer.newer_version", &|bytes| bytes[0] = 2);
        refuse("version 0", "peer.malformed", &|bytes| bytes[0] = 0);
        refuse("nothing", "peer.malformed", &Vec::clear);
        refuse("cut short", "peer.malformed", &|bytes| bytes.truncate(20));
        refuse("an array with a long header", "peer.malformed", &|bytes| {
            let long = [0xdc, 0, bytes[1] & 0x0f];
            bytes.splice(1..2, long);
        });
        if !forged.is_empty() {
            refuse("another signature", forged, &|bytes| bytes.iter_mut().rev().take(64).for_each(|byte| *byte ^= 1));
        }
        if format != "content" {
            refuse("one byte more", "peer.malformed", &|bytes| bytes.push(0));
        }
        if format == "envelope" {
            refuse("a message that is not counted", "peer.malformed", &|bytes| bytes[SEQUENCE] = 0);
            refuse("an ephemeral one that is counted", "peer.malformed", &|bytes| bytes[KIND] = 5);
        }
    }
    Ok(sheet.finish())
}

fn user(id: &str) -> Result<UserId, Failure> {
    UserId::new(id).ok_or_else(|| "a user id out of bounds".into())
}

fn role(name: &str) -> Result<Role, Failure> {
    Role::new(name).ok_or_else(|| "a role's name that is none".into())
}
