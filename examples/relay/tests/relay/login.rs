//! Logging in (R10): challenge, certificate, renewal, revocation, and what a device learns.

use undertone::authority::{Authority, EnrolmentRequest, IdentityKey};
use undertone::rng::Rng;
use undertone::time::{DAY, HOUR};
use undertone_relay::answer::DeliveryId;
use undertone_relay::logic::{Fault, LoginRefused, Output, RevocationRefused, login_message};

use crate::kit::{Platform, accepted, role, user};

#[test]
fn a_device_learns_what_the_relay_knows_of_it() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let fresh = platform.unlisted_phone("cleo", "client");
    assert_eq!(platform.login(&fresh).unwrap().highest_sequence, 0);
    let tag = platform.session(&ann, &bea);
    let [_, late] = [ann.message(tag, &[&bea]), ann.message(tag, &[&bea])];
    accepted(platform.submit(&ann, &late));
    platform.crash();
    let login = platform.login(&ann).unwrap();
    assert_eq!((login.device, login.time), (ann.id(), platform.now));
    assert_eq!((login.highest_sequence, login.key_packages), (late.sequence, 3));
}

#[test]
fn only_the_holder_of_the_device_key_logs_in() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let certificate = ann.certificate.as_bytes();
    let (old, challenge) = (platform.relay.challenge(), platform.relay.challenge());
    assert_ne!(old, challenge);
    let mut login = |signature: &[u8]| platform.relay.login(&challenge, certificate, signature, platform.now);
    let refused = Err(Fault::Refused(LoginRefused::Signature));
    assert_eq!(login(&bea.key.sign(&login_message(&challenge))), refused, "another's key");
    assert_eq!(login(&ann.key.sign(&login_message(&old))), refused, "an answer to an earlier challenge");
    assert_eq!(login(&ann.key.sign(&challenge)), refused, "a signature without the label");
    assert_eq!(login(b""), refused);
    assert!(login(&ann.key.sign(&login_message(&challenge))).is_ok());
}

#[test]
fn certificates_of_others_and_forged_ones_are_refused() {
    let mut platform = Platform::new();
    let mut ann = platform.unlisted_phone("ann", "client");
    let stranger = Authority::from_seed([77; 32]);
    let request = EnrolmentRequest::new(&ann.user, &ann.identity, &ann.key).unwrap();
    let (from, to) = (platform.now.minus(HOUR), platform.now.plus(DAY));
    let foreign = stranger.issue(&request, role("support"), 1, from, to).unwrap();
    assert_eq!(platform.login_with(&ann, foreign.as_bytes()), Err(LoginRefused::Certificate));
    let mut damaged = ann.certificate.as_bytes().to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(platform.login_with(&ann, &damaged), Err(LoginRefused::Certificate));
    assert_eq!(platform.login_with(&ann, b"no certificate"), Err(LoginRefused::Certificate));

    // A device stays with its user and identity, whatever is certified later.
    platform.login(&ann).unwrap();
    ann.identity = IdentityKey::generate(&mut Rng::from_seed([5; 32]));
    for name in ["ann", "eve"] {
        let request = EnrolmentRequest::new(&user(name), &ann.identity, &ann.key).unwrap();
        let other = platform.authority.issue(&request, role("client"), 99, from, to).unwrap();
        assert_eq!(platform.login_with(&ann, other.as_bytes()), Err(LoginRefused::Certificate));
    }
}

#[test]
fn a_certificate_counts_only_in_its_time() {
    let mut platform = Platform::new();
    let ann = platform.phone("ann", "client");
    platform.now = platform.now.minus(DAY);
    assert_eq!(platform.login(&ann), Err(LoginRefused::Expired));
    platform.now = platform.now.plus(92 * DAY);
    assert_eq!(platform.login(&ann), Err(LoginRefused::Expired));
    let renewed = platform.renewed(&ann, "client");
    platform.login_with(&ann, renewed.as_bytes()).unwrap();
    // The newest counts, also when an old one is shown again.
    platform.login(&ann).unwrap();
}

#[test]
fn a_revoked_device_is_logged_out_and_stays_out() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    platform.outputs();
    let list = platform.authority.revoke(7, platform.now, &[ann.certificate.serial()].into()).unwrap();
    platform.relay.revoke(list.as_bytes()).unwrap();
    let expected = [Output::LoggedOut { device: ann.id() }, Output::RevocationsChanged { to: bea.id() }];
    assert!(platform.outputs() == expected);
    assert_eq!(platform.login(&ann), Err(LoginRefused::Revoked));
    platform.crash();
    assert_eq!(platform.login(&ann), Err(LoginRefused::Revoked), "the list outlives a restart");
    assert_eq!(platform.relay.revocations(), [list.as_bytes()]);
    assert!(platform.login(&bea).is_ok());
    platform.relay.fetch(bea.id(), DeliveryId(0), 1, platform.now).unwrap();
}

#[test]
fn revocation_lists_are_signed_and_only_go_forward() {
    let mut platform = Platform::new();
    let ann = platform.phone("ann", "client");
    let serials = [ann.certificate.serial()].into();
    let forged = Authority::from_seed([77; 32]).revoke(1, platform.now, &serials).unwrap();
    let refuse = |reason| Err(Fault::Refused(reason));
    assert_eq!(platform.relay.revoke(forged.as_bytes()), refuse(RevocationRefused::Forged));
    assert_eq!(platform.relay.revoke(b"no list"), refuse(RevocationRefused::Forged));
    let newer = platform.authority.revoke(2, platform.now, &serials).unwrap();
    let older = platform.authority.revoke(1, platform.now, &[].into()).unwrap();
    platform.relay.revoke(newer.as_bytes()).unwrap();
    assert_eq!(platform.relay.revoke(older.as_bytes()), refuse(RevocationRefused::Old));
    assert_eq!(platform.login(&ann), Err(LoginRefused::Revoked));
}
