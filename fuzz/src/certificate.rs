//! Everything that is signed: certificates, enrolment requests, revocation lists, start tokens.

use std::sync::LazyLock;

use ed25519_dalek::{Signer, SigningKey};
use undertone::authority::{
    Authority, Certificate, DeviceKey, EnrolmentRequest, IdentityKey, ProvenStart, RevocationList,
};
use undertone::envelope::StartToken;
use undertone::time::Time;

/// The keys of `tests/vectors/`, once for all.
struct Keys {
    authority: Authority,
    trusted: [[u8; 32]; 1],
    identity: IdentityKey,
    device: DeviceKey,
    /// The authority's and the device's, to sign what no authority and no device would.
    raw: [SigningKey; 2],
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let authority = Authority::from_seed([1; 32]);
    let trusted = [authority.public_key()];
    let (identity, device) = (IdentityKey::from_bytes([2; 32]), DeviceKey::from_bytes([3; 32]));
    Keys { authority, trusted, identity, device, raw: [[1; 32], [3; 32]].map(|seed| SigningKey::from_bytes(&seed)) }
});

/// What verifies is what the holder of the key makes, to the byte; and so it is when the holder of the key signs any
/// body whatever.
pub fn check(data: &[u8]) {
    certificate(data);
    enrolment(data);
    revocation(data);
    start_token(data);
    let [authority, device] = &KEYS.raw;
    // The header of an array: bodies with another number of fields are not worth the time that signing takes.
    match data.first() {
        Some(0x99) => certificate(&signed(b"undertone certificate v1", data, authority)),
        Some(0x95) => start_token(&signed(b"undertone start token v1", data, device)),
        Some(0x94) => {
            enrolment(&signed(b"undertone enrolment v1", data, device));
            revocation(&signed(b"undertone revocation list v1", data, authority));
        }
        _ => {}
    }
}

fn certificate(data: &[u8]) {
    let Ok(read) = Certificate::decode(data) else { return };
    assert_eq!(read.as_bytes(), data);
    assert!(read.not_before() < read.not_after() && read.not_after() <= Time::END);
    assert!(read.valid_at(read.not_before()).is_ok() && read.valid_at(read.not_after()).is_err());
    if read.verify(&KEYS.trusted).is_ok() {
        let again =
            KEYS.authority.renew(&read, read.role().clone(), read.serial(), read.not_before(), read.not_after());
        assert_eq!(again.unwrap().as_bytes(), data);
    }
}

fn enrolment(data: &[u8]) {
    let Ok(read) = EnrolmentRequest::decode(data) else { return };
    assert_eq!(read.as_bytes(), data);
    if read.verify().is_ok() {
        // Chance has no other keys than these.
        assert_eq!(EnrolmentRequest::new(read.user(), &KEYS.identity, &KEYS.device).unwrap().as_bytes(), data);
    }
}

fn revocation(data: &[u8]) {
    let Ok(read) = RevocationList::decode(data) else { return };
    assert_eq!(read.as_bytes(), data);
    assert!(read.serials().windows(2).all(|pair| pair[0] < pair[1]));
    assert!(read.serials().iter().all(|serial| read.contains(*serial)));
    if read.verify(&KEYS.trusted).is_ok() {
        let again = KEYS.authority.revoke(read.number(), read.at(), &read.serials().iter().copied().collect());
        assert_eq!(again.unwrap().as_bytes(), data);
    }
}

fn start_token(data: &[u8]) {
    let Ok(token) = StartToken::peek(data) else { return };
    if let Ok(proven) = ProvenStart::verify(data, &KEYS.trusted) {
        assert!(proven.started().initiator == token.initiator && token.initiator != token.responder);
        assert_eq!(token.sign(&KEYS.device).as_deref(), Ok(data));
    }
}

/// A record of version 1 with a body of anything, rightly signed.
fn signed(label: &[u8], body: &[u8], key: &SigningKey) -> Vec<u8> {
    let signature = key.sign(&[label, body].concat()).to_bytes();
    [&[1, 0x92], &bin(body)[..], &bin(&signature)].concat()
}

/// A MessagePack bin with the shortest header.
fn bin(bytes: &[u8]) -> Vec<u8> {
    let len = bytes.len().to_be_bytes();
    let header = match bytes.len() {
        0..=0xff => [&[0xc4], &len[7..]].concat(),
        0x100..=0xffff => [&[0xc5], &len[6..]].concat(),
        _ => [&[0xc6], &len[4..]].concat(),
    };
    [&header, bytes].concat()
}
