//! TLS (rustls): certificate and key from files, read again when told to.

#[cfg(feature = "tls")]
pub(super) use with_tls::Tls;
#[cfg(not(feature = "tls"))]
pub(super) use without_tls::Tls;

use std::path::PathBuf;

/// Certificate and key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that lead from it to a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

#[cfg(feature = "tls")]
mod with_tls {
    use std::path::Path;
    use std::sync::{Arc, PoisonError, RwLock};

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::server::TlsStream;

    use super::TlsFiles;
    use crate::shell::ServeError;

    /// What connections are accepted with; a clone is the same one.
    #[derive(Clone)]
    pub(in crate::shell) struct Tls {
        files: TlsFiles,
        config: Arc<RwLock<Arc<rustls::ServerConfig>>>,
    }

    impl Tls {
        pub(in crate::shell) fn open(files: TlsFiles) -> Result<Tls, ServeError> {
            let config = Arc::new(RwLock::new(read(&files)?));
            Ok(Tls { files, config })
        }

        /// Reads the files again: new connections use what they hold. If they do not fit, nothing changes.
        pub(in crate::shell) fn reload(&self) -> Result<(), ServeError> {
            let config = read(&self.files)?;
            *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
            Ok(())
        }

        pub(in crate::shell) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
            let config = self.config.read().unwrap_or_else(PoisonError::into_inner).clone();
            TlsAcceptor::from(config).accept(stream).await
        }
    }

    fn read(files: &TlsFiles) -> Result<Arc<rustls::ServerConfig>, ServeError> {
        let failed = |path: &Path, why: String| ServeError::Tls(format!("{}: {why}", path.display()));
        let chain = CertificateDer::pem_file_iter(&files.certificate)
            .and_then(|chain| chain.collect::<Result<Vec<_>, _>>())
            .map_err(|error| failed(&files.certificate, error.to_string()))?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&files.key, error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ServeError::Tls(error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| failed(&files.certificate, error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

#[cfg(not(feature = "tls"))]
mod without_tls {
    use tokio::net::TcpStream;

    use super::TlsFiles;
    use crate::shell::ServeError;

    /// There is none: built without it.
    #[derive(Clone)]
    pub(in crate::shell) enum Tls {}

    impl Tls {
        pub(in crate::shell) fn open(_files: TlsFiles) -> Result<Tls, ServeError> {
            Err(ServeError::Tls("this relay was built without the feature `tls`".into()))
        }

        pub(in crate::shell) fn reload(&self) -> Result<(), ServeError> {
            match *self {}
        }

        pub(in crate::shell) async fn accept(&self, _stream: TcpStream) -> std::io::Result<TcpStream> {
            match *self {}
        }
    }
}
