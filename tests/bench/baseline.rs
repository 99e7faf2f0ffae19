//! What cannot be avoided: the bare MLS operation, and getting bytes onto the disk.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use openmls::prelude::tls_codec::{DeserializeBytes, Serialize};
use openmls::prelude::*;
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

/// Bytes of a message.
pub const MESSAGE: usize = 200;

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

/// The bare library: OpenMLS on its own RustCrypto provider, rows in memory, the plaintext padded as ours is.
pub struct Mls {
    pub encrypt: Duration,
    pub decrypt: Duration,
}

struct Party {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    credential: CredentialWithKey,
}

/// Medians over `count` messages between two members.
pub fn mls(count: usize) -> Result<Mls, Box<dyn Error>> {
    let (ann, bea) = (party(b"ann")?, party(b"bea")?);
    let package = KeyPackage::builder().build(SUITE, &bea.provider, &bea.signer, bea.credential.clone())?;
    let mut here = MlsGroup::builder()
        .ciphersuite(SUITE)
        .use_ratchet_tree_extension(true)
        .with_wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .build(&ann.provider, &ann.signer, ann.credential.clone())?;
    let (_, welcome, _) = here.add_members(&ann.provider, &ann.signer, &[package.key_package().clone()])?;
    here.merge_pending_commit(&ann.provider)?;
    let mut there = join(&bea, &welcome.tls_serialize_detached()?)?;
    let plaintext = [7u8; 288];
    let (mut encrypt, mut decrypt) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let start = Instant::now();
        let sent = here.create_message(&ann.provider, &ann.signer, &plaintext)?.tls_serialize_detached()?;
        encrypt.push(start.elapsed());
        let start = Instant::now();
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&sent)?.try_into_protocol_message()?;
        let read = there.process_message(&bea.provider, message)?;
        decrypt.push(start.elapsed());
        std::hint::black_box(read);
    }
    Ok(Mls { encrypt: median(encrypt), decrypt: median(decrypt) })
}

/// One append of a message's worth of bytes with one `fdatasync`: the least that is durable.
pub fn append(count: usize) -> Result<Duration, Box<dyn Error>> {
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let mut file = OpenOptions::new().create(true).append(true).open(dir.path().join("log"))?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        file.write_all(&[7; 1_024])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(median(times))
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn party(name: &[u8]) -> Result<Party, Box<dyn Error>> {
    let signer = SignatureKeyPair::new(SUITE.signature_algorithm())?;
    let credential = CredentialWithKey {
        credential: BasicCredential::new(name.to_vec()).into(),
        signature_key: signer.public().into(),
    };
    Ok(Party { provider: OpenMlsRustCrypto::default(), signer, credential })
}

fn join(party: &Party, welcome: &[u8]) -> Result<MlsGroup, Box<dyn Error>> {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome)?;
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { return Err("not a welcome".into()) };
    let config = MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true);
    let staged = StagedWelcome::new_from_welcome(&party.provider, &config.build(), welcome, None)?;
    Ok(staged.into_group(&party.provider)?)
}
