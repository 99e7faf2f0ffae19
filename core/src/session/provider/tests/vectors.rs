//! RFC 9180, appendix A.2.1, and the MLS working group's basics.

use core::convert::Infallible;

use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{
    HashType, HpkeAeadType, HpkeCiphertext, HpkeConfig, HpkeKdfType, HpkeKemType, SignatureScheme,
};
use rand_core::{TryCryptoRng, TryRng};

use super::{crypto, unhex};
use crate::session::provider::hpke;

const RFC_9180: &str = include_str!("../testdata/rfc9180-a2-base.txt");
const BASICS: &str = include_str!("../testdata/mls-crypto-basics-3.txt");

/// The fields of every line that begins with `name`.
fn lines<'a>(text: &'a str, name: &str) -> Vec<Vec<&'a str>> {
    let lines = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found: Vec<_> = lines.filter(|fields| fields[0] == name).map(|fields| fields[1..].to_vec()).collect();
    assert!(!found.is_empty(), "{name}");
    found
}

/// The bytes of the one line that begins with `name`.
fn values(text: &str, name: &str) -> Vec<Vec<u8>> {
    lines(text, name)[0].iter().map(|field| unhex(field)).collect()
}

fn value(name: &str) -> Vec<u8> {
    values(RFC_9180, name).remove(0)
}

/// A “generator” that yields what the vector says was drawn.
struct Drawn(Vec<u8>);

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("only bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("only bytes are drawn")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(out.len());
        out.copy_from_slice(&core::mem::replace(&mut self.0, rest));
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

/// X25519 ignores these bits; the vectors have them as drawn, the crate as RFC 7748 sets them.
fn clamped(mut key: Vec<u8>) -> Vec<u8> {
    key[0] &= 248;
    key[31] = key[31] & 127 | 64;
    key
}

fn config() -> HpkeConfig {
    HpkeConfig(HpkeKemType::DhKem25519, HpkeKdfType::HkdfSha256, HpkeAeadType::ChaCha20Poly1305)
}

#[test]
fn key_pairs_are_derived_as_in_rfc_9180() {
    for (ikm, private, public) in [("ikmE", "skEm", "pkEm"), ("ikmR", "skRm", "pkRm")] {
        let pair = crypto(1).derive_hpke_keypair(config(), &value(ikm)).unwrap();
        assert_eq!(pair.public, value(public));
        assert_eq!(&pair.private[..], clamped(value(private)));
    }
}

#[test]
fn every_encryption_of_rfc_9180_comes_out_as_printed() {
    let (enc, mut sender) = hpke::sender(&mut Drawn(value("ikmE")), &value("pkRm"), &value("info")).unwrap();
    assert_eq!(enc, value("pkEm"));
    let mut receiver = hpke::receiver(&enc, &value("skRm"), &value("info")).unwrap();
    let seals = lines(RFC_9180, "seal");
    let mut checked = 0;
    for number in 0..=256u32 {
        let printed = seals.iter().find(|seal| seal[0] == number.to_string());
        let aad = printed.map_or(Vec::new(), |seal| unhex(seal[1]));
        let ciphertext = sender.seal(&value("pt"), &aad).unwrap();
        if let Some(seal) = printed {
            assert_eq!(ciphertext, unhex(seal[2]), "sequence number {number}");
            checked += 1;
        }
        assert_eq!(receiver.open(&ciphertext, &aad).unwrap(), value("pt"));
    }
    assert_eq!(checked, seals.len());
}

#[test]
fn single_shots_and_exports_of_rfc_9180_come_out_as_printed() {
    let (info, public, private) = (value("info"), value("pkRm"), value("skRm"));
    let seal = &lines(RFC_9180, "seal")[0];
    let sealed = hpke::seal(&mut Drawn(value("ikmE")), &public, &info, &unhex(seal[1]), &value("pt")).unwrap();
    assert_eq!(sealed.kem_output.as_slice(), value("pkEm"));
    assert_eq!(sealed.ciphertext.as_slice(), unhex(seal[2]));
    assert_eq!(crypto(1).hpke_open(config(), &sealed, &private, &info, &unhex(seal[1])).unwrap(), value("pt"));
    for export in lines(RFC_9180, "export") {
        let context = unhex(export[0].trim_start_matches('-'));
        let (enc, secret) = hpke::sender_export(&mut Drawn(value("ikmE")), &public, &info, &context, 32).unwrap();
        assert_eq!(secret[..], unhex(export[1]));
        let received = crypto(1).hpke_setup_receiver_and_export(config(), &enc, &private, &info, &context, 32).unwrap();
        assert_eq!(received[..], unhex(export[1]));
    }
}

/// A vector of RFC 9420 (section 2.1.2) of less than 16 kB.
fn vl(bytes: &[u8]) -> Vec<u8> {
    let mut out = match bytes.len() {
        len @ 0..64 => vec![len as u8],
        len => vec![0x40 | (len >> 8) as u8, len as u8],
    };
    out.extend_from_slice(bytes);
    out
}

fn labelled(label: &str, content: &[u8]) -> Vec<u8> {
    [vl(format!("MLS 1.0 {label}").as_bytes()), vl(content)].concat()
}

fn expand_with_label(secret: &[u8], label: &str, context: &[u8]) -> Vec<u8> {
    let info = [&32u16.to_be_bytes()[..], &labelled(label, context)].concat();
    crypto(1).hkdf_expand(HashType::Sha2_256, secret, &info, 32).unwrap().as_slice().to_vec()
}

#[test]
fn the_basics_of_mls_come_out_as_printed() {
    let v = values(BASICS, "derive_secret");
    assert_eq!(expand_with_label(&v[0], "DeriveSecret", b""), v[1]);
    let v = values(BASICS, "derive_tree_secret");
    assert_eq!(expand_with_label(&v[0], "DeriveTreeSecret", &v[1]), v[2]);
    let v = values(BASICS, "expand_with_label");
    assert_eq!(expand_with_label(&v[0], "ExpandWithLabel", &v[1]), v[2]);
    let v = values(BASICS, "ref_hash");
    let input = [vl(b"RefHash"), vl(&v[0])].concat();
    assert_eq!(crypto(1).hash(HashType::Sha2_256, &input).unwrap(), v[1]);
}

#[test]
fn signatures_and_encryptions_of_mls_come_out_as_printed() {
    let (crypto, ed25519) = (crypto(1), SignatureScheme::ED25519);
    let (key, v) = (values(BASICS, "sign_key"), values(BASICS, "sign_with_label"));
    let content = labelled("SignWithLabel", &v[0]);
    assert_eq!(crypto.sign(ed25519, &content, &key[0]).unwrap(), v[1]);
    assert_eq!(crypto.verify_signature(ed25519, &content, &key[1], &v[1]), Ok(()));
    let (key, v) = (values(BASICS, "encrypt_key"), values(BASICS, "encrypt_with_label"));
    let info = labelled("EncryptWithLabel", &v[0]);
    let sealed = HpkeCiphertext { kem_output: v[1].clone().into(), ciphertext: v[2].clone().into() };
    assert_eq!(crypto.hpke_open(config(), &sealed, &key[0], &info, b"").unwrap(), v[3]);
    let sealed = crypto.hpke_seal(config(), &key[1], &info, b"", &v[3]).unwrap();
    assert_eq!(crypto.hpke_open(config(), &sealed, &key[0], &info, b"").unwrap(), v[3]);
}
