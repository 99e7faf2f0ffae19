//! Vectors of what only engines make: acts, calls, and what engines tell each other.
//!
//! No function of the engine makes these: they are written from `docs/wire.md`, and a test has the engine read them and
//! write them again.

use serde::Serialize;
use serde_bytes::{ByteBuf, Bytes};
use undertone::envelope::Kind;
use undertone::id::{CallId, DeviceId, EnvelopeId, MessageId, UserId};

use super::{Failure, NOW};
use crate::sheet::Sheet;

const NONE: Option<()> = None;

/// The bodies, by kind. The fields are in `bytes`, in the order of `docs/wire.md`.
pub fn bodies() -> Result<String, Failure> {
    let mut sheet = Sheet::new(
        "Bodies of contents that only engines make: calls (10), marked messages (11), acts (32, 33, 69 to 71), what engines\n\
         tell each other (64, 65, 67), signals of calls (72).",
    );
    let groups = [marked()?, acts()?, between_engines()?, calls()?, signals()?];
    for (kind, name, bytes) in groups.into_iter().flatten() {
        sheet.vector(name).plain("kind", kind.0).hex("bytes", &bytes);
    }
    Ok(sheet.finish())
}

type Body = (Kind, &'static str, Vec<u8>);

fn marked() -> Result<Vec<Body>, Failure> {
    let text = pack(&"hello @cat")?;
    let mention = (6, 10, user("cat")?);
    let kind = Kind::MARKED;
    Ok(vec![
        (kind, "a text that was forwarded", pack(&(Kind::TEXT, Bytes::new(&text), true, [(); 0]))?),
        (kind, "a text that names a user", pack(&(Kind::TEXT, Bytes::new(&text), false, [mention]))?),
    ])
}

fn acts() -> Result<Vec<Body>, Failure> {
    let mention = (0, 4, user("cat")?);
    let message = MessageId::from_bytes([6; 16]);
    Ok(vec![
        (Kind::EDIT, "the first edit", pack(&(1, "hello again", [(); 0]))?),
        (Kind::EDIT, "an edit that names a user", pack(&(300, "@cat: hello", [mention]))?),
        (Kind::REACTION, "a reaction", pack(&(1, Some("👍")))?),
        (Kind::REACTION, "a reaction taken back", pack(&(2, NONE))?),
        (Kind::EXPIRY_NOTICE, "one message was read", pack(&(NOW, [(user("ann")?, message)]))?),
        (Kind::SETTINGS, "gone a day after it was sent", pack(&(1, message, 1_440, 0))?),
        (Kind::SETTINGS, "kept for ever", pack(&(2, message, -1, 1))?),
        (Kind::PAYMENT_STATE, "paid", pack(&(3,))?),
    ])
}

fn between_engines() -> Result<Vec<Body>, Failure> {
    let ids = [MessageId::from_bytes([6; 16]), MessageId::from_bytes([7; 16])];
    let envelope = EnvelopeId::from_bytes([4; 16]);
    let content = ByteBuf::from([0x80; 3]);
    Ok(vec![
        (Kind::RECEIPT, "nothing was delivered or read", pack(&([(); 0], [(); 0]))?),
        (Kind::RECEIPT, "two delivered, one read", pack(&([(user("ann")?, ids)], [(user("ann")?, [ids[0]])]))?),
        (Kind::UNREADABLE, "an envelope could not be read", pack(&[(envelope, NOW)])?),
        (Kind::AGAIN, "once more", pack(&(envelope, content, NOW))?),
    ])
}

fn calls() -> Result<Vec<Body>, Failure> {
    let (answered, ended) = (NOW.plus(5_000), NOW.plus(65_000));
    let missed = (CALL, 1, 6, NOW, NONE, ended);
    let completed = (CALL, 2, 1, NOW, Some(answered), ended);
    Ok(vec![
        (Kind::CALL, "a voice call that was missed", pack(&missed)?),
        (Kind::CALL, "a video call of a minute", pack(&completed)?),
    ])
}

fn signals() -> Result<Vec<Body>, Failure> {
    let (other, share) = (CallId::from_bytes([2; 16]), ByteBuf::from([7; 32]));
    let device = DeviceId::from_bytes([3; 16]);
    let candidates = [Bytes::new(b"one"), Bytes::new(b"two")];
    let signals = [
        ("an offer", 1, pack(&(2, Bytes::new(b"offer"), &share))?),
        ("an answer", 2, pack(&(Bytes::new(b"answer"), &share))?),
        ("candidates", 3, pack(&candidates)?),
        ("declined", 4, Vec::new()),
        ("busy", 5, Vec::new()),
        ("taken by a device", 6, pack(&device)?),
        ("hung up after a minute", 7, pack(&(1, 60_000, NONE))?),
        ("the connection broke", 7, pack(&(2, 0, NONE))?),
        ("merged into another call", 7, pack(&(3, 0, Some(other)))?),
    ];
    let body = |number: u8, payload: &[u8]| pack(&(CALL, number, Bytes::new(payload)));
    signals.into_iter().map(|(name, number, payload)| Ok((Kind::CALL_SIGNAL, name, body(number, &payload)?))).collect()
}

const CALL: CallId = CallId::from_bytes([1; 16]);

fn user(name: &str) -> Result<UserId, Failure> {
    UserId::new(name).ok_or_else(|| "a short name".into())
}

fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Failure> {
    Ok(rmp_serde::to_vec(value)?)
}
