//! `wss`: the same frames over TLS, and only with who proves the name that was called.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig as TlsConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use undertone_relay::client::{Client, ClientError};
use undertone_relay::shell::{Server, ServerConfig, StoreKind, serve};

/// Something that speaks TLS as `localhost` in front of a relay, with a certificate that it signed itself.
async fn in_front_of(relay: &Server) -> (SocketAddr, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = TlsConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, behind) = (listener.local_addr().unwrap(), relay.url().replace("ws://", ""));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut front) = acceptor.accept(socket).await else { return };
                let mut back = TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
            });
        }
    });
    (address, certificate)
}

fn trusting(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

#[tokio::test]
async fn frames_cross_over_tls_to_whom_the_device_trusts() {
    let relay = serve(ServerConfig { store: StoreKind::Memory, ..ServerConfig::new(vec![[1; 32]]) }).await.unwrap();
    let (address, certificate) = in_front_of(&relay).await;
    let (named, by_address) = (format!("wss://localhost:{}", address.port()), format!("wss://{address}"));
    let tls = trusting(certificate);
    let challenged = Client::dial_tls(&named, Arc::clone(&tls)).await.unwrap();
    let refused = challenged.log_in(b"no certificate".to_vec(), vec![0; 64]).await;
    assert!(matches!(refused, Err(ClientError::Refused(_))), "the relay itself answers");
    let other_name = Client::dial_tls(&by_address, tls).await;
    assert!(matches!(other_name, Err(ClientError::Network(_))), "it proves another name");
    let distrustful = Client::dial(&named).await;
    assert!(matches!(distrustful, Err(ClientError::Network(_))), "nobody vouches for it");
}
