//! Enrolment requests and who forges them (R10, R14).

use super::super::enrolment::Body;
use super::super::signed::{self, Signed};
use super::*;

/// A request signed by `device`, with a body that only an attacker makes.
fn signed_anyway(device: &DeviceKey, edit: impl FnOnce(&mut Body)) -> EnrolmentRequest {
    let mut body = person("ann", 1).request().body().clone();
    edit(&mut body);
    EnrolmentRequest::decode(&Signed::seal(1, signed::ENROLMENT, &body, device.signing_key()).unwrap()).unwrap()
}

#[test]
fn r10_a_request_proves_both_keys() {
    let ann = person("ann", 1);
    let request = EnrolmentRequest::decode(ann.request().as_bytes()).unwrap();
    assert_eq!(request.verify(), Ok(()));
    assert!(request == ann.request() && request.user() == &ann.user);
    assert_eq!((request.identity_key(), request.device_key()), (&ann.identity.public(), &ann.device.public()));
}

#[test]
fn r10_a_request_without_both_keys_is_not_certified() {
    let (ann, eve) = (person("ann", 1), person("eve", 2));
    let forged = [
        // Ann's device key in Eve's hands: she cannot sign with it.
        signed_anyway(&eve.device, |_| ()),
        // Eve's device under Ann's identity.
        signed_anyway(&eve.device, |body| body.device_key = eve.device.public()),
        // Ann's identity and device under another name.
        signed_anyway(&ann.device, |body| body.user = eve.user.clone()),
        signed_anyway(&ann.device, |body| body.identity_key = eve.identity.public()),
    ];
    for request in forged {
        assert_eq!(request.verify(), Err(PeerFault::Forged));
        let issued = authority().issue(&request, role("client"), 1, Time::ZERO, Time::END);
        assert_eq!(issued.err(), Some(Error::Peer(PeerFault::Forged)));
    }
}

#[test]
fn r14_a_damaged_request_is_refused() {
    for bytes in damaged(person("ann", 1).request().as_bytes()) {
        assert!(EnrolmentRequest::decode(&bytes).and_then(|request| request.verify()).is_err(), "{bytes:02x?}");
    }
    let large = vec![1; limits::ENROLMENT + 1];
    assert_eq!(EnrolmentRequest::decode(&large), Err(PeerFault::TooLarge("enrolment request")));
}

/// A signature speaks for one kind of record: no label begins with another.
#[test]
fn r10_labels_are_apart() {
    let labels =
        [signed::CERTIFICATE, signed::REVOCATIONS, signed::ENROLMENT, signed::VOUCH, b"undertone start token v1"];
    for (at, one) in labels.iter().enumerate() {
        for other in &labels[at + 1..] {
            assert!(!one.starts_with(other) && !other.starts_with(one));
        }
    }
}

/// The point of order 2 as key, and a signature of zeros, satisfy the lax equation for many messages.
#[test]
fn r10_small_order_keys_sign_nothing() {
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut one = [0; 32];
    one[0] = 1;
    for key in [minus_one, one, [0; 32]] {
        for nonce in [minus_one, one, [0; 32]] {
            let signature: [u8; 64] = [nonce, [0; 32]].concat().try_into().unwrap();
            for message in 0..16u8 {
                assert!(!signed::is_signed(&key, &[message], &signature));
            }
        }
    }
}

#[test]
fn r14_a_signature_is_64_bytes_of_one_key_over_one_message() {
    let (ann, bob) = (person("ann", 1), person("bob", 2));
    let (key, signature) = (ann.device.public(), ann.device.sign(b"message"));
    assert_eq!(verify_signature(&key, b"message", &signature), Ok(()));
    let refused = Err(PeerFault::Forged);
    assert_eq!(verify_signature(&key, b"massage", &signature), refused);
    assert_eq!(verify_signature(&bob.device.public(), b"message", &signature), refused);
    for bad in [&[][..], &signature[..63], &[&signature[..], &[0]].concat()] {
        assert_eq!(verify_signature(&key, b"message", bad), refused);
    }
}
