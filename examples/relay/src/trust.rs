//! Whom a client trusts to be who it says: for `wss:` and `https:` (rustls).

#[cfg(feature = "tls")]
pub use with_tls::Trust;
#[cfg(not(feature = "tls"))]
pub use without_tls::Trust;

/// Why there is no trust, or no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file holds no certificates.
    #[error("{0}: {1}")]
    File(std::path::PathBuf, String),
    /// This program speaks no TLS.
    #[error("built without TLS: `wss:` and `https:` need the feature `tls`")]
    NoTls,
}

#[cfg(feature = "tls")]
mod with_tls {
    use std::io;
    use std::path::Path;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::TrustError;

    /// The roots that a client trusts.
    pub struct Trust(Arc<ClientConfig>);

    impl Trust {
        /// Mozilla's roots, as browsers have them.
        pub fn public() -> Trust {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            Trust(with(roots))
        }

        /// The certificates of a PEM file, and no others: for a platform with an authority of its own.
        ///
        /// # Errors
        /// [`TrustError::File`].
        pub fn file(path: &Path) -> Result<Trust, TrustError> {
            let failed = |why: String| TrustError::File(path.into(), why);
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))? {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots.add(certificate).map_err(|error| failed(error.to_string()))?;
            }
            if roots.is_empty() { Err(failed("it holds no certificate".into())) } else { Ok(Trust(with(roots))) }
        }

        pub(crate) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            TlsConnector::from(self.0.clone()).connect(name, stream).await
        }

        #[cfg(feature = "client")]
        pub(crate) fn connector(&self) -> tokio_tungstenite::Connector {
            tokio_tungstenite::Connector::Rustls(self.0.clone())
        }
    }

    fn with(roots: RootCertStore) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        // ring has the suites of all default versions, so that this cannot fail.
        let builder = versions.unwrap_or_else(|_| ClientConfig::builder());
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

#[cfg(not(feature = "tls"))]
mod without_tls {
    use std::io;
    use std::path::Path;

    use tokio::net::TcpStream;

    use super::TrustError;

    /// There is none: built without TLS. Plain `ws:` and `http:` need none.
    pub struct Trust(());

    impl Trust {
        /// Nothing: every `wss:` and `https:` fails.
        pub fn public() -> Trust {
            Trust(())
        }

        /// Nothing.
        ///
        /// # Errors
        /// [`TrustError::NoTls`].
        pub fn file(_path: &Path) -> Result<Trust, TrustError> {
            Err(TrustError::NoTls)
        }

        pub(crate) async fn connect(&self, _host: &str, _stream: TcpStream) -> io::Result<TcpStream> {
            Err(io::Error::other(TrustError::NoTls))
        }
    }
}
