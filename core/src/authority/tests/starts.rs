//! Start tokens and who forges them (R5, R14).

use super::*;
use crate::envelope::StartToken;

const AT: u64 = 1_500;

fn token(ann: &Person, authority: &Authority) -> StartToken {
    StartToken {
        initiator: ann.user.clone(),
        responder: UserId::new("bea").unwrap(),
        authority: authority.public_key(),
        at: Time::from_ms(AT),
        certificate: ann.certificate(authority).as_bytes().to_vec(),
    }
}

fn verify(bytes: &[u8]) -> Result<ProvenStart, PeerFault> {
    ProvenStart::verify(bytes, &[authority().public_key()])
}

#[test]
fn r5_a_token_proves_who_started_with_whom() {
    let ann = person("ann", 1);
    let bytes = token(&ann, &authority()).sign(&ann.device).unwrap();
    let proven = verify(&bytes).unwrap();
    assert!(proven.started().initiator == ann.user && proven.started().responder.as_str() == "bea");
    assert!(proven.certificate() == &ann.certificate(&authority()));
    assert_eq!(proven.at(), Time::from_ms(AT));
    assert!(bytes.len() < limits::START_TOKEN);
}

#[test]
fn r5_a_token_that_proves_nothing_is_refused() {
    let (ann, bea) = (person("ann", 1), person("bea", 2));
    let good = || token(&ann, &authority());
    let foreign = Authority::from_seed([2; 32]);
    let bea_in_a_certificate = bea.certificate(&authority()).as_bytes().to_vec();
    let cases = [
        // Bea signs that Ann started: with her own key, and with her own certificate as well.
        (good(), &bea, PeerFault::Forged),
        (StartToken { certificate: bea_in_a_certificate.clone(), ..good() }, &bea, PeerFault::Forged),
        (StartToken { certificate: bea_in_a_certificate, ..good() }, &ann, PeerFault::Forged),
        // Ann as somebody else, with herself, or under another authority's name.
        (StartToken { initiator: bea.user.clone(), responder: ann.user.clone(), ..good() }, &ann, PeerFault::Forged),
        (StartToken { responder: ann.user.clone(), ..good() }, &ann, PeerFault::Forged),
        (StartToken { authority: foreign.public_key(), ..good() }, &ann, PeerFault::Forged),
        // A certificate that counts for nothing, or did not at that time.
        (token(&ann, &foreign), &ann, PeerFault::Certificate),
        (StartToken { at: Time::from_ms(999), ..good() }, &ann, PeerFault::CertificateTime),
        (StartToken { at: Time::from_ms(2_000), ..good() }, &ann, PeerFault::CertificateTime),
        (StartToken { certificate: vec![1, 2, 3], ..good() }, &ann, PeerFault::Malformed("certificate")),
    ];
    for (at, (token, signer, fault)) in cases.into_iter().enumerate() {
        let bytes = token.sign(&signer.device).unwrap();
        assert_eq!(verify(&bytes).err(), Some(fault), "case {at}");
    }
}

#[test]
fn r14_a_damaged_token_is_refused() {
    let ann = person("ann", 1);
    let bytes = token(&ann, &authority()).sign(&ann.device).unwrap();
    for bytes in damaged(&bytes) {
        assert!(verify(&bytes).is_err(), "{bytes:02x?}");
    }
}
