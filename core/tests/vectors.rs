//! The wire formats are frozen: what `tests/vectors/` holds is read, and written again to the same bytes (R14, R28, R35, R46).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../examples/vectors/sheet.rs"]
mod sheet;
#[path = "../examples/vectors/sheets.rs"]
mod sheets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use undertone::attachment::{AttachmentBody, FileKey, Layout, Reader};
use undertone::authority::{
    Authority, Certificate, DeviceKey, EnrolmentRequest, IdentityKey, ProvenStart, RevocationList,
};
use undertone::envelope::{Content, Envelope, EphemeralPlace, EphemeralSecret, Kind, StartToken};
use undertone::error::PeerFault;
use undertone::id::{DeviceId, EnvelopeId, SessionId};
use undertone::structured::Structured;
use undertone::time::Time;

/// A file of vectors; the fields that are not named here are for readers, and compared as text.
#[derive(Deserialize)]
struct File {
    vector: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    bytes: String,
    format: Option<String>,
    code: Option<String>,
    kind: Option<u16>,
    key: Option<String>,
    size: Option<u64>,
    word: Option<u8>,
    epoch: Option<String>,
    leaf: Option<u32>,
    session: Option<String>,
    sender: Option<String>,
    envelope: Option<String>,
    expires_at: Option<u64>,
}

/// Every field and every byte: an engine that makes anything else of the same values speaks another language.
#[test]
fn r46_the_vectors_are_what_this_engine_makes() {
    let made: BTreeMap<_, _> = sheets::all().unwrap().into_iter().collect();
    let kept: Vec<String> = std::fs::read_dir(folder()).unwrap().map(name_of).collect();
    for name in &kept {
        let text = std::fs::read_to_string(folder().join(name)).unwrap();
        let same = made.get(name.as_str()).is_some_and(|made| *made == text);
        assert!(same, "{name} differs: a wire format changed, which needs a new version (see docs/wire.md)");
    }
    assert_eq!(kept.len(), made.len(), "each file is there");
}

#[test]
fn r46_every_vector_reads_and_is_written_to_the_same_bytes() {
    let files = [
        ("certificate.toml", certificate as Again),
        ("enrolment.toml", enrolment),
        ("revocation.toml", revocation),
        ("start_token.toml", start_token),
        ("envelope.toml", |bytes| Envelope::decode(bytes).map(|envelope| envelope.encode().unwrap())),
        ("content.toml", |bytes| Content::decode(bytes).map(|content| content.encode().unwrap())),
    ];
    let mut read = 0;
    for (file, again) in files {
        for vector in vectors(file) {
            let bytes = unhex(&vector.bytes);
            assert_eq!(again(&bytes), Ok(bytes), "{file}: {}", vector.name);
            read += 1;
        }
    }
    assert_eq!(read, 22);
}

#[test]
fn r35_every_attachment_reads_and_is_written_to_the_same_bytes() {
    let vectors = vectors("attachment.toml");
    assert_eq!(vectors.len(), 11);
    for vector in vectors {
        let (kind, bytes) = (Kind(vector.kind.unwrap()), unhex(&vector.bytes));
        assert_eq!(AttachmentBody::decode(kind, &bytes).unwrap().encode(), Ok(bytes), "{}", vector.name);
    }
}

#[test]
fn r28_every_card_reads_and_is_written_to_the_same_bytes() {
    let vectors = vectors("structured.toml");
    assert_eq!(vectors.len(), 8);
    for vector in vectors {
        let (kind, bytes) = (Kind(vector.kind.unwrap()), unhex(&vector.bytes));
        assert_eq!(Structured::decode(kind, &bytes).unwrap().encode(), Ok(bytes), "{}", vector.name);
    }
}

/// These were written from `docs/wire.md`, by no code of the engine.
#[cfg(feature = "interop")]
#[test]
fn r46_what_only_engines_make_reads_and_is_written_to_the_same_bytes() {
    let vectors = vectors("engines.toml");
    assert_eq!(vectors.len(), 25);
    for vector in vectors {
        let (kind, bytes) = (Kind(vector.kind.unwrap()), unhex(&vector.bytes));
        let again = undertone::interop::read_and_write(kind, &bytes);
        assert_eq!(again, Some(Ok(bytes)), "{}", vector.name);
    }
}

/// What another implementation made of the vectors' files opens here.
#[test]
fn r35_every_encrypted_file_opens() {
    let vectors = vectors("attachment_file.toml");
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let (key, size) = (unhex(vector.key.as_deref().unwrap()).try_into().unwrap(), vector.size.unwrap());
        let reader = Reader::new(&FileKey::from_bytes(key), Layout::new(size).unwrap());
        let file: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        assert_eq!(reader.read(&(0..size), &unhex(&vector.bytes)), Ok(file), "{}", vector.name);
    }
}

/// What another implementation sealed opens here, and says what it says.
#[test]
fn r24_every_ephemeral_body_opens() {
    let vectors = vectors("ephemeral.toml");
    assert_eq!(vectors.len(), 3);
    let id = |text: &Option<String>| <[u8; 16]>::try_from(unhex(text.as_deref().unwrap())).unwrap();
    for vector in vectors {
        let place = EphemeralPlace {
            session: SessionId::from_bytes(id(&vector.session)),
            epoch: vector.epoch.as_deref().unwrap().parse().unwrap(),
            leaf: vector.leaf.unwrap(),
            sender: DeviceId::from_bytes(id(&vector.sender)),
            envelope: EnvelopeId::from_bytes(id(&vector.envelope)),
            expires_at: Time::from_ms(vector.expires_at.unwrap()),
        };
        let opened = EphemeralSecret::from_bytes([0x30; 32]).open(&unhex(&vector.bytes), &place).unwrap();
        assert_eq!(opened.map(|word| word as u8), vector.word, "{}", vector.name);
    }
}

#[test]
fn r14_what_must_be_refused_is_refused_with_its_code() {
    let vectors = vectors("refused.toml");
    assert_eq!(vectors.len(), 41);
    for vector in vectors {
        let bytes = unhex(&vector.bytes);
        let outcome = match vector.format.as_deref().unwrap() {
            "certificate" => certificate(&bytes),
            "enrolment" => enrolment(&bytes),
            "revocation" => revocation(&bytes),
            "start_token" => start_token(&bytes),
            "envelope" => Envelope::decode(&bytes).map(|_| bytes),
            "content" => Content::decode(&bytes).map(|_| bytes),
            other => panic!("no format {other}"),
        };
        assert_eq!(outcome.map_err(|fault| fault.code()).err(), vector.code.as_deref(), "{}", vector.name);
    }
}

/// Reads bytes, believes them, and writes them again.
type Again = fn(&[u8]) -> Result<Vec<u8>, PeerFault>;

fn certificate(bytes: &[u8]) -> Result<Vec<u8>, PeerFault> {
    let read = Certificate::decode(bytes)?;
    read.verify(&trusted())?;
    // The authority signs what it read: the same certificate, as Ed25519 is deterministic.
    let authority = Authority::from_seed([1; 32]);
    let again = authority.renew(&read, read.role().clone(), read.serial(), read.not_before(), read.not_after());
    Ok(again.unwrap().as_bytes().to_vec())
}

fn enrolment(bytes: &[u8]) -> Result<Vec<u8>, PeerFault> {
    let read = EnrolmentRequest::decode(bytes)?;
    read.verify()?;
    let (identity, device) = (IdentityKey::from_bytes([2; 32]), DeviceKey::from_bytes([3; 32]));
    Ok(EnrolmentRequest::new(read.user(), &identity, &device).unwrap().as_bytes().to_vec())
}

fn revocation(bytes: &[u8]) -> Result<Vec<u8>, PeerFault> {
    let read = RevocationList::decode(bytes)?;
    read.verify(&trusted())?;
    let serials = read.serials().iter().copied().collect();
    let again = Authority::from_seed([1; 32]).revoke(read.number(), read.at(), &serials);
    Ok(again.unwrap().as_bytes().to_vec())
}

fn start_token(bytes: &[u8]) -> Result<Vec<u8>, PeerFault> {
    let read = StartToken::peek(bytes)?;
    ProvenStart::verify(bytes, &trusted())?;
    Ok(read.sign(&DeviceKey::from_bytes([3; 32])).unwrap())
}

fn trusted() -> [[u8; 32]; 1] {
    [Authority::from_seed([1; 32]).public_key()]
}

fn vectors(file: &str) -> Vec<Vector> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    toml::from_str::<File>(&text).unwrap().vector
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn name_of(entry: std::io::Result<std::fs::DirEntry>) -> String {
    entry.unwrap().file_name().into_string().unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
