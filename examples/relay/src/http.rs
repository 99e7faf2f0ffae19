//! An HTTP client as small as a host needs it: one request to one address, whose answer is short.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::trust::Trust;
use crate::url::Address;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The network, or what speaks at the other end.
    #[error("the connection failed: {0}")]
    Network(String),
    /// It took too long.
    #[error("there was no answer in time")]
    Late,
    /// The answer is longer than it may be.
    #[error("the answer is too long")]
    TooLong,
}

impl HttpError {
    fn network(error: impl std::fmt::Display) -> HttpError {
        HttpError::Network(error.to_string())
    }
}

/// Speaks to one address.
#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) address: Address,
    pub(crate) trust: Arc<Trust>,
    /// How long all of a request may take.
    pub(crate) within: Duration,
    /// Bytes of an answer at most.
    pub(crate) most: usize,
}

impl Http {
    /// Sends a request and takes its answer. The request's URI is a path; its `Host` is filled in.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        let host = self.address.authority().try_into().map_err(HttpError::network)?;
        request.headers_mut().insert(header::HOST, host);
        timeout(self.within, self.exchange(request)).await.map_err(|_| HttpError::Late)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        let Address { host, port, tls, .. } = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(HttpError::network)?;
        let _ = stream.set_nodelay(true);
        if *tls {
            let stream = self.trust.connect(host, stream).await.map_err(HttpError::network)?;
            self.speak(stream, request).await
        } else {
            self.speak(stream, request).await
        }
    }

    async fn speak<T>(&self, stream: T, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(HttpError::network)?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(HttpError::network);
        let taken = match answer {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                let body = Limited::new(body, self.most).collect().await;
                body.map(|body| Response::from_parts(head, body.to_bytes())).map_err(|error| {
                    let long = error.is::<http_body_util::LengthLimitError>();
                    if long { HttpError::TooLong } else { HttpError::network(error) }
                })
            }
            Err(error) => Err(error),
        };
        connection.abort();
        taken
    }
}
