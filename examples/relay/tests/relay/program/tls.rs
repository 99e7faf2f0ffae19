//! TLS: a relay with a certificate of its own, which changes while it runs.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use undertone_relay::client::{Blobs, Client, ClientError, Trust};
use undertone_relay::frame::{Down, Up};

use super::http::http;
use super::process::{ELSEWHERE, Process};

/// Writes a fresh certificate for this machine, which vouches for itself, and its key.
pub(super) fn certify(folder: &Path) -> Arc<Trust> {
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
    Arc::new(Trust::file(&folder.join("certificate.pem")).unwrap())
}

/// Somebody else who shows what [`certify`] has written.
pub(super) fn acceptor(folder: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

fn start() -> (Process, Arc<Trust>) {
    let folder = tempfile::tempdir().unwrap();
    let trust = certify(folder.path());
    let path = |name: &str| folder.path().join(name);
    let settings = format!("[tls]\ncertificate = {:?}\nkey = {:?}\n", path("certificate.pem"), path("key.pem"));
    (Process::start_beside(folder, &settings), trust)
}

#[tokio::test]
async fn devices_and_files_come_over_tls_from_who_trusts_the_certificate() {
    let (mut process, trust) = start();
    let url = process.url();
    assert!(url.starts_with("wss://"), "{url}");
    let ann = process.phone("annabel-7f3c", "client");
    let challenged = Client::dial_with(&url, &trust).await.unwrap();
    let signature = ann.key.sign(&undertone_relay::logic::login_message(challenged.challenge())).to_vec();
    let (mut client, _) = challenged.log_in(ann.certificate.as_bytes().to_vec(), signature).await.unwrap();
    client.sender.send(&Up::UploadToken { request: 1 }).await.unwrap();
    let Down::UploadToken { token, .. } = client.receiver.next().await.unwrap() else { panic!("a token") };
    process.never_logs_text(&token.token);
    let blobs = Blobs::at(&url, trust).unwrap();
    let name = blobs.create(&token.token, 6).await.unwrap();
    assert_eq!(blobs.append(&token.token, name, 0, b"sealed".to_vec()).await.unwrap(), 6);
    assert_eq!(blobs.read(name, &(2..5)).await.unwrap(), b"ale");
    // Who trusts the public roots only, and who speaks no TLS at all, gets nothing.
    assert!(matches!(Client::dial(&url).await, Err(ClientError::Network(_))));
    assert!(matches!(Client::dial(&url.replace("wss:", "ws:")).await, Err(ClientError::Network(_))));
    let plain = http(process.address, ELSEWHERE, "GET", "/healthz", &[], b"").await;
    assert_ne!(plain.status, 200);
    process.end(&["no TLS came about"]).await;
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_broken_one_is_not() {
    let (process, first) = start();
    let url = process.url();
    let kept = Client::dial_with(&url, &first).await.unwrap();
    // What cannot be used changes nothing.
    let path = process.folder.path().join("certificate.pem");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, "no certificate").unwrap();
    process.signal("-HUP");
    process.logs("the old certificate stays").await;
    assert!(Client::dial_with(&url, &first).await.is_ok());
    std::fs::write(&path, good).unwrap();
    // Another one counts for whoever connects from now on.
    let second = certify(process.folder.path());
    process.signal("-HUP");
    process.logs("certificate read again").await;
    assert!(Client::dial_with(&url, &first).await.is_err());
    assert!(Client::dial_with(&url, &second).await.is_ok());
    drop(kept);
    process.end(&[]).await;
}
