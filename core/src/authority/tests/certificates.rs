//! Certificates and who forges them (R10, R14, R15, R17, R46).

use super::super::certificate::Body;
use super::*;

/// A certificate signed as `authority` would, but with a body that only an attacker makes.
fn signed_anyway(authority: &[u8; 32], seed: [u8; 32], edit: impl FnOnce(&mut Body)) -> Certificate {
    let mut body = person("ann", 1).certificate(&super::authority()).body().clone();
    body.authority = *authority;
    edit(&mut body);
    body.seal(&SigningKey::from_bytes(&seed)).unwrap()
}

#[test]
fn r10_a_certificate_says_who_holds_which_role_on_which_device() {
    let (ann, authority) = (person("ann", 1), authority());
    let issued = ann.certificate(&authority);
    let certificate = Certificate::decode(issued.as_bytes()).unwrap();
    assert!(certificate == issued);
    assert!(certificate.user() == &ann.user && certificate.role() == &role("client"));
    assert_eq!(certificate.identity_key(), &ann.identity.public());
    assert_eq!(certificate.device_key(), &ann.device.public());
    assert_eq!(certificate.device(), DeviceId::of_key(&ann.device.public()));
    assert_eq!(certificate.device(), ann.device.device());
    assert_eq!(certificate.authority(), &authority.public_key());
    assert_eq!((certificate.serial(), certificate.not_before(), certificate.not_after()), (7, ms(1_000), ms(2_000)));
    assert_eq!(certificate.verify(&[[9; 32], authority.public_key()]), Ok(()));
}

#[test]
fn r10_validity_begins_at_not_before_and_ends_before_not_after() {
    let certificate = person("ann", 1).certificate(&authority());
    for (now, valid) in [(0, false), (999, false), (1_000, true), (1_999, true), (2_000, false), (u64::MAX, false)] {
        let expected = if valid { Ok(()) } else { Err(PeerFault::CertificateTime) };
        assert_eq!(certificate.valid_at(ms(now)), expected, "{now}");
    }
    assert_eq!(certificate.verify(&[authority().public_key()]), Ok(()), "signatures know no clock");
}

#[test]
fn r10_a_foreign_authority_is_not_believed() {
    let certificate = person("ann", 1).certificate(&authority());
    for trusted in [&[][..], &[Authority::from_seed([2; 32]).public_key()]] {
        assert_eq!(certificate.verify(trusted), Err(PeerFault::Certificate));
    }
    // Another's signature under the trusted authority's name, and the other way round.
    let ours = authority().public_key();
    let theirs = Authority::from_seed([2; 32]).public_key();
    let under_our_name = signed_anyway(&ours, [2; 32], |_| ());
    let with_our_signature = signed_anyway(&theirs, [1; 32], |_| ());
    for forged in [under_our_name, with_our_signature] {
        assert_eq!(forged.verify(&[ours, theirs]), Err(PeerFault::Certificate));
    }
}

#[test]
fn r10_a_stolen_authority_key_makes_no_ghost_device() {
    let ours = authority().public_key();
    let ghost = person("ghost", 66);
    let mallory = person("mallory", 67);
    let signed = |edit: &dyn Fn(&mut Body)| signed_anyway(&ours, [1; 32], edit);

    // The thief has the authority's key, and own identity and device keys, but not Ann's identity key.
    let own_device = signed(&|body| body.device_key = ghost.device.public());
    let own_voucher = signed(&|body| {
        body.device_key = ghost.device.public();
        body.identity_signature = mallory.identity.vouch(&body.user, &body.device_key);
    });
    let another_user = signed(&|body| body.user = ghost.user.clone());
    let another_identity = signed(&|body| body.identity_key = mallory.identity.public());
    for forged in [own_device, own_voucher, another_user, another_identity] {
        assert_eq!(forged.verify(&[ours]), Err(PeerFault::Certificate));
    }
    // A new identity key does verify: that is the change of identity that people are shown (R16).
    let changed = signed(&|body| {
        body.identity_key = mallory.identity.public();
        body.identity_signature = mallory.identity.vouch(&body.user, &body.device_key);
    });
    assert_eq!(changed.verify(&[ours]), Ok(()));
}

#[test]
fn r10_signatures_of_two_certificates_cannot_be_swapped() {
    let authority = authority();
    let (one, other) = (person("ann", 1).certificate(&authority), person("bob", 2).certificate(&authority));
    assert_eq!(one.as_bytes().len(), other.as_bytes().len());
    let split = one.as_bytes().len() - 64;
    let swapped = [&one.as_bytes()[..split], &other.as_bytes()[split..]].concat();
    let swapped = Certificate::decode(&swapped).unwrap();
    assert_eq!(swapped.verify(&[authority.public_key()]), Err(PeerFault::Certificate));
}

#[test]
fn r14_a_damaged_certificate_is_refused() {
    let certificate = person("ann", 1).certificate(&authority());
    for bytes in damaged(certificate.as_bytes()) {
        let outcome = Certificate::decode(&bytes).and_then(|read| read.verify(&[authority().public_key()]));
        assert!(outcome.is_err(), "{bytes:02x?}");
    }
}

#[test]
fn r14_an_oversized_certificate_is_refused_unread() {
    let mut bytes = person("ann", 1).certificate(&authority()).as_bytes().to_vec();
    bytes.resize(limits::CERTIFICATE + 1, 0);
    assert_eq!(Certificate::decode(&bytes), Err(PeerFault::TooLarge("certificate")));
}

#[test]
fn the_largest_certificate_is_within_its_limit() {
    let mut ann = person("ann", 1);
    ann.user = UserId::new("u".repeat(limits::USER_ID)).unwrap();
    let role = role(&"r".repeat(limits::ROLE));
    let certificate = authority().issue(&ann.request(), role, u64::MAX, ms(Time::END.as_ms() - 1), Time::END).unwrap();
    assert!(certificate.as_bytes().len() < limits::CERTIFICATE);
    assert!(ann.request().as_bytes().len() < limits::ENROLMENT);
}

#[test]
fn r46_a_certificate_of_a_newer_version_is_newer() {
    let mut bytes = person("ann", 1).certificate(&authority()).as_bytes().to_vec();
    bytes[0] = 2;
    assert_eq!(Certificate::decode(&bytes), Err(PeerFault::NewerVersion));
}

#[test]
fn r10_a_validity_that_is_none_is_neither_issued_nor_read() {
    let (ann, authority) = (person("ann", 1), authority());
    let beyond = Time::END.plus(1);
    for (from, until) in [(ms(5), ms(5)), (ms(6), ms(5)), (ms(5), beyond), (ms(5), Time::NEVER)] {
        let issued = authority.issue(&ann.request(), role("client"), 1, from, until);
        assert!(matches!(issued, Err(Error::Misuse(Misuse::Config(_)))));
        let body = Body { not_before: from, not_after: until, ..ann.certificate(&authority).body().clone() };
        assert!(body.seal(&SigningKey::from_bytes(&[1; 32])).is_err(), "signed anyway, it is not read");
    }
}

#[test]
fn r10_a_renewed_certificate_is_of_the_same_device_in_the_given_role() {
    let (ann, authority) = (person("ann", 1), authority());
    let old = ann.certificate(&authority);
    let new = authority.renew(&old, role("support"), 8, ms(1_500), ms(9_000)).unwrap();
    assert_eq!(new.verify(&[authority.public_key()]), Ok(()));
    assert!(new.user() == old.user() && new.device() == old.device() && new.identity_key() == old.identity_key());
    assert!(new.role() == &role("support"));
    assert_eq!((new.serial(), new.not_before(), new.not_after()), (8, ms(1_500), ms(9_000)));
}

#[test]
fn r10_nobody_renews_what_another_issued() {
    let old = person("ann", 1).certificate(&Authority::from_seed([2; 32]));
    let renewed = authority().renew(&old, role("client"), 8, ms(1_500), ms(9_000));
    assert_eq!(renewed.err(), Some(Error::Peer(PeerFault::Certificate)));
}

#[test]
fn r15_no_secret_shows_in_debug() {
    let (ann, authority) = (person("ann@example.org", 1), authority());
    let certificate = ann.certificate(&authority);
    let list = authority.revoke(1, ms(1), &BTreeSet::new()).unwrap();
    let number = SafetyNumber::new((&ann.user, &[1; 32]), (&ann.user, &[2; 32]));
    let all =
        (&ann.identity, &ann.device, &authority, certificate, ann.request(), list, Revocations::default(), number);
    let shown = "(IdentityKey(…), DeviceKey(…), Authority(…), Certificate(…), EnrolmentRequest(…), RevocationList(…), \
                 Revocations(…), SafetyNumber(…))";
    assert_eq!(format!("{all:?}"), shown);
}

#[test]
fn r17_a_key_handed_over_is_the_same_key() {
    let ann = person("ann", 1);
    assert_eq!(IdentityKey::from_bytes(*ann.identity.to_bytes()).public(), ann.identity.public());
    assert_eq!(DeviceKey::from_bytes(*ann.device.to_bytes()).public(), ann.device.public());
    assert_ne!(ann.identity.public(), ann.device.public());
}

fn ms(ms: u64) -> Time {
    Time::from_ms(ms)
}
